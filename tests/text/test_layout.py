"""What arranges a line comes out as it went in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer.config import TextConfig
from transformer.data.tokenizer import Tokenizer
from transformer.text.joining import Translation, best_of
from transformer.text.layout import Layout, laid_out, unframed
from transformer.text.preparing import Preparer


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        ("- **Brot** holen", ["**Brot** holen"]),
        ("  # Einleitung  ", ["Einleitung"]),
        ("> > - a) Text", ["Text"]),
        ("Haus\tHund\t\tKatze", ["Haus", "Hund", "Katze"]),
        ("Name;Alter;Stadt", ["Name", "Alter", "Stadt"]),
        ("Erst das; dann dies; gut.", ["Erst das; dann dies; gut."]),
        ("Dies;das", ["Dies;das"]),
        ("&lt;b&gt;Ja&lt;/b&gt;", ["&lt;b&gt;Ja&lt;/b&gt;"]),
        ("1. Mai", ["1. Mai"]),
        ("-5 Grad", ["-5 Grad"]),
        ("#Berlin", ["#Berlin"]),
        ("Ein Satz.", ["Ein Satz."]),
        ("   ", ["   "]),
        ("", [""]),
    ],
)
def test_fields(row: str, fields: list[str]) -> None:
    parts = list(laid_out(row))
    assert [part for part in parts if not isinstance(part, Layout)] == fields
    assert "".join(parts) == row


@given(st.text(st.sampled_from("aB1 \t;-*#>.)\u2022\u00a0"), max_size=30))
@settings(max_examples=300, deadline=None)
def test_nothing_is_lost(row: str) -> None:
    parts = list(laid_out(row))
    assert "".join(parts) == row
    joined = " ".join(part.framed() if isinstance(part, Layout) else part for part in parts)
    if row.strip():
        assert unframed(joined) == row


def test_layout_survives_a_translation(tokenizer: Tokenizer) -> None:
    preparer = Preparer(
        tokenizer, TextConfig(keep_layout=True), src_lang="de", tgt_lang="en", longest_src=None
    )
    line = preparer.prepare("  - Ein Hund \t\tEine Katze  \n\n# Ein Ball")
    found = [[Translation(f"<{s.plain}>", -1.0)] for s in line.sentences]
    [best] = best_of(line.filled(found), 1)
    assert best.text == "  - <Ein Hund> \t\t<Eine Katze>  \n\n# <Ein Ball>"
