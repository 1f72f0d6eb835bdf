"""The examination of a model: how often its pronouns are right, and what they hang on."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from torch import Tensor

from ..errors import UserError
from ..inference.translator import Translator
from ..inspection.attending import Kind
from ..inspection.explanation import rounded
from ..text.conventions import language_of
from .causes import KINDS, NOUNS, Mean, Noun, cut_by_head, effect_of_cut, patch_by_head
from .contrast import Contrast
from .suite import DISTANCES, TELLS, Item, by_kind, items

N_EDGES, N_HEADS = 800, 160
"""Sentences for which edges are cut in all heads, and in one head after the other."""

CONJUNCTIONS = {"en": "because|since", "de": "weil|denn|da"}

Progress = Callable[[str], None]

_LEGEND = """
translated: the pronoun of the translation is right. forced: the right pronoun is likelier than any
wrong one in the same translation. gender: only the pronoun's gender tells what it stands for;
sense: the reason tells, too. near: the reason follows at once; far: a clause stands between.
nouns: how many others come before.
"""
_CUTS = """
If the pronoun's place may not look at some words, by how much does log P(right) - log P(wrong)
change? encoder: the pronoun of the source. cross and decoder: the step that writes the pronoun.
"""
_PLACES: dict[Kind, str] = {
    "encoder": "encoder, source to source",
    "cross": "cross, target to source",
    "decoder": "decoder, target to target",
}


class Rate(NamedTuple):
    """So many of so many."""

    right: int
    n: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 %, after Wilson (1927), which also holds near 0 and 1."""
        z, n, p = 1.96, self.n, self.share
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.share:6.1%} ({low:.1%} to {high:.1%})"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"right": self.right, "n": self.n, "interval": [round(x, 4) for x in self.interval]}


@dataclass(frozen=True)
class Row:
    """The sentences of one kind."""

    meant: str
    tells: str
    distance: str
    n_distractors: int | None
    translated: Rate
    forced: Rate


@dataclass(frozen=True)
class Causes:
    """What the margin log P(right) − log P(wrong) hangs on."""

    n_edges: int
    n_heads: int
    margin: Mean
    cuts: tuple[tuple[Kind, Noun, Mean], ...]
    cut_by_head: dict[Kind, Tensor]
    """(layers, heads) each: the antecedent cut off in that head alone."""
    patched_by_head: dict[Kind, Tensor]
    """(layers, heads) each: that head says what it says with another antecedent."""


@dataclass(frozen=True)
class Report:
    """What `examine` found."""

    languages: tuple[str, str]
    n: int
    rows: tuple[Row, ...]
    causes: Causes | None

    def __str__(self) -> str:
        source, target = self.languages
        lines = [
            f"{self.n:,} sentences, {source} to {target}, none of their combinations trained on"
        ]
        lines += [
            _LEGEND,
            f"{'meant':8}{'tells':8}{'distance':10}{'nouns':7}{'translated':26}forced",
        ]
        for row in self.rows:
            others = "all" if row.n_distractors is None else str(row.n_distractors)
            head = f"{row.meant:8}{row.tells:8}{row.distance:10}{others:7}"
            lines.append(f"{head}{row.translated!s:26}{row.forced!s}")
        if self.causes is not None:
            lines += _described(self.causes)
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        causes = self.causes
        rows = [
            {
                "meant": row.meant,
                "tells": row.tells,
                "distance": row.distance,
                "distractors": row.n_distractors,
                "translated": row.translated.to_dict(),
                "forced": row.forced.to_dict(),
            }
            for row in self.rows
        ]
        return {
            "languages": self.languages,
            "n": self.n,
            "rows": rows,
            "causes": None
            if causes is None
            else {
                "n_edges": causes.n_edges,
                "n_heads": causes.n_heads,
                "margin": causes.margin._asdict(),
                "cuts": [
                    {"attention": kind, "noun": noun, **mean._asdict()}
                    for kind, noun, mean in causes.cuts
                ],
                "cut_by_head": {k: rounded(v, 4) for k, v in causes.cut_by_head.items()},
                "patched_by_head": {k: rounded(v, 4) for k, v in causes.patched_by_head.items()},
            },
        }


def examine(
    translator: Translator,
    *,
    n_items: int = 2000,
    causes: bool = True,
    progress: Progress = lambda _: None,
) -> Report:
    """Asks a model what its pronouns stand for.

    Args:
        translator: from German to English or the other way round.
        n_items: sentences; rounded down to a multiple of 16.
        causes: also cut edges and patch heads, which takes most of the time.
        progress: is told what is done next.

    Raises:
        UserError: the model is for other languages, or there is nothing to look into.
    """
    source, target = language_of(translator.src_lang), language_of(translator.tgt_lang)
    if not (source and target) or {source, target} != {"de", "en"}:
        raise UserError(
            f"the suite is in German and English; this model translates from "
            f"{translator.src_lang} to {translator.tgt_lang}"
        )
    languages = source, target
    model = translator.model
    suite = items(languages[0], n_items)
    progress(f"translating {len(suite):,} sentences")
    found = translator.translate_batch([item.side(languages[0]).text for item in suite])
    right = [
        pronoun_of(best[0].text, languages[1]) == item.side(languages[1]).pronoun_text()
        for best, item in zip(found, suite, strict=True)
    ]
    progress("comparing right with wrong translations")
    margins = Contrast.of(model, translator.tokenizer, suite, languages).margins()
    rows = _rows(suite, right, (margins > 0).tolist())
    why = _causes(translator, suite, languages, progress) if causes else None
    return Report(languages, len(suite), tuple(rows), why)


def pronoun_of(text: str, language: str) -> str:
    """The word behind the last "because", or "weil"; "" where there is none."""
    found = re.findall(rf"\b(?:{CONJUNCTIONS[language]})\s+(\w+)", text)
    return found[-1].lower() if found else ""


def _rows(suite: Sequence[Item], right: Sequence[bool], forced: Sequence[bool]) -> list[Row]:
    def row(meant: str, tells: str, distance: str, n: int | None, places: Sequence[int]) -> Row:
        rates = (Rate(sum(flags[i] for i in places), len(places)) for flags in (right, forced))
        return Row(meant, tells, distance, n, *rates)

    rows = [row(*kind, places) for kind, places in by_kind(suite)]
    for tells, distance in product(TELLS, DISTANCES):
        places = [i for i, x in enumerate(suite) if (x.tells, x.distance) == (tells, distance)]
        rows.append(row("all", tells, distance, None, places))
    return rows


def _causes(
    translator: Translator, suite: Sequence[Item], languages: tuple[str, str], progress: Progress
) -> Causes:
    model, tokenizer = translator.model, translator.tokenizer

    alone = [item for item in suite if item.tells == "gender"]

    def contrast(n: int, *, exchanged: bool = False) -> Contrast:
        some = alone[:: max(1, len(alone) // n)]
        return Contrast.of(model, tokenizer, some, languages, exchanged=exchanged)

    many = contrast(N_EDGES)
    before = many.margins()
    cuts = []
    for kind in KINDS:
        for noun in NOUNS:
            progress(f"{_PLACES[kind]}: without {noun}")
            cuts.append((kind, noun, effect_of_cut(many, before, kind, noun)))
    few, other = contrast(N_HEADS), contrast(N_HEADS, exchanged=True)
    of_few = few.margins()
    by_cut, by_patch = {}, {}
    for kind in KINDS:
        progress(f"{_PLACES[kind]}: head by head")
        by_cut[kind] = cut_by_head(few, of_few, kind)
        by_patch[kind] = patch_by_head(few, other, of_few, kind)
    return Causes(len(many), len(few), Mean.of(before), tuple(cuts), by_cut, by_patch)


def _described(causes: Causes) -> list[str]:
    lines = [
        _CUTS,
        f"of {causes.n_edges:,} sentences in which gender alone tells; "
        f"before: {_signed(causes.margin)}",
        f"{'':28}{'antecedent':18}{'other noun':18}two other words",
    ]
    for kind in KINDS:
        means = [mean for where, _, mean in causes.cuts if where == kind]
        lines.append(
            f"{_PLACES[kind]:28}" + "".join(f"{_signed(mean):18}" for mean in means).rstrip()
        )
    tables = [
        ("The antecedent cut off in one head alone", causes.cut_by_head),
        ("One head says what it says with an antecedent of another gender", causes.patched_by_head),
    ]
    for title, effects in tables:
        lines.append(f"\n{title} (mean of {causes.n_heads:,} sentences):")
        for kind in KINDS:
            n_heads = effects[kind].size(1)
            heads = "".join(f"{f'head {i + 1}':>8}" for i in range(n_heads))
            lines.append(f"  {kind:10}{heads}")
            for layer, row in enumerate(effects[kind].tolist(), 1):
                lines.append(f"  layer {layer:<4}" + "".join(f"{value:8.2f}" for value in row))
    return lines


def _signed(mean: Mean) -> str:
    return f"{mean.value:+.2f} ± {mean.interval:.2f}"
