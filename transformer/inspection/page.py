"""An explanation as one HTML file that asks nobody for anything."""

from __future__ import annotations

import html
import json
import math
from pathlib import Path
from typing import Any

from ..errors import UserError
from .explanation import RAW, TITLES, Explanation, Side, View, rounded
from .words import by_word, mean_of_rows, written

TEMPLATE = Path(__file__).with_name("page.html")

LONGEST = 120
"""Words a side: the page grows with their square, to some megabytes."""

HIGHEST = 900
"""Pixels of a page within another one; beyond, it scrolls."""

ABOUT: dict[View, str] = {
    "cross": "Cross-attention: where in the source the decoder looks while it writes a word.",
    "encoder": "Self-attention of the encoder: from which words of the source each one gathers.",
    "decoder": "Self-attention of the decoder: to which words before it looks back to write one.",
    "rollout": "All layers multiplied, with the residual stream as half of each (Abnar & Zuidema "
    "2020): how much of each source word is in the step that writes a word.",
    "encoder-rollout": "All layers multiplied, with the residual stream as half of each (Abnar & "
    "Zuidema 2020): which words are mixed into which.",
    "decoder-rollout": "All layers multiplied, with the residual stream as half of each (Abnar & "
    "Zuidema 2020): how much of each word before is in the step that writes one.",
    "saliency": "By how much a word raises (blue) or lowers (orange) the log-probability of "
    "another, to first order.",
}


def page(explanation: Explanation) -> str:
    """The whole file.

    Raises:
        UserError: there are too many words.
    """
    if (n := _longer_side(explanation)) > LONGEST:
        raise UserError(
            f"a page shows at most {LONGEST} words a side; found {n}. Explain one sentence, or "
            f"take --json"
        )
    data = json.dumps(_data(explanation), ensure_ascii=False, separators=(",", ":"))
    # No text can end the script element.
    data = data.replace("<", "\\u003c")
    return TEMPLATE.read_text(encoding="utf-8").replace("@DATA@", data)


def frame(explanation: Explanation) -> str:
    """The page as an element of another one, such as a notebook."""
    if (n := _longer_side(explanation)) > LONGEST:
        return f"<p>{html.escape(repr(explanation))}: too many to draw ({LONGEST} a side).</p>"
    height = min(352 + 28 * n, HIGHEST)
    return (
        f'<iframe srcdoc="{html.escape(page(explanation))}" title="What attends to what" '
        f'style="width: 100%; height: {height}px; border: 0"></iframe>'
    )


def _longer_side(explanation: Explanation) -> int:
    return max(len(side.words) for side in (explanation.source, explanation.target) if side)


def _data(explanation: Explanation) -> dict[str, Any]:
    source, target = explanation.source, explanation.target
    return {
        "title": _written(source) if source else "What attends to what",
        "text": _written(target),
        "views": {view: _view(explanation, view) for view in explanation.views},
    }


def _written(side: Side) -> str:
    pieces = side.pieces[:-1] if side.pieces[-1] == "</s>" else side.pieces
    return written(pieces)


def _view(explanation: Explanation, view: View) -> dict[str, Any]:
    whole = explanation.map(view)
    of_target = whole.rows == explanation.target.words
    described: dict[str, Any] = {
        "title": TITLES[view],
        "about": ABOUT[view],
        "rows": whole.rows,
        "columns": whole.columns,
        "left": "written" if of_target else "looks",
        "right": "is looked at",
        "decimals": 2 if view in RAW else 3,
    }
    if view not in RAW:
        described["right"] = "what is in it" if "rollout" in view else "depends on"
    if of_target:
        described["chances"] = [f"{p:.2f}" for p in chances(explanation)]
    if view not in RAW:
        return described | {"matrix": rounded(whole.values, 3)}
    stack = {
        "cross": explanation.cross,
        "encoder": explanation.encoder,
        "decoder": explanation.decoder,
    }[view]
    assert stack is not None
    rows, columns = explanation.sides(view)
    words = by_word(stack, rows.spans, columns.spans, mean_of_rows)
    return described | {
        "layers": stack.size(0),
        "heads": stack.size(1),
        "matrices": rounded(words, 3),
    }


def chances(explanation: Explanation) -> list[float]:
    """The probability of each word of the target, given those before it."""
    return [
        math.exp(sum(explanation.log_probs[i] for i in span)) for span in explanation.target.spans
    ]
