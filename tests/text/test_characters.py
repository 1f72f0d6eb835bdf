"""Characters that are replaced, and how long a megabyte of anything takes."""

import time
from pathlib import Path

import pytest

from transformer.data.tokenizer import Tokenizer
from transformer.text.capitals import is_shouted, shout
from transformer.text.characters import cut_at_symbols, printable, with_apostrophes
from transformer.text.german import GERMAN, restore_umlauts
from transformer.text.rules import NEUTRAL
from transformer.text.sentences import cut, split_sentences
from transformer.text.spans import Spans, bring_back_anyhow

PRETRAINED = Path(__file__).parents[2] / "transformer" / "pretrained" / "de-en"


def test_accents_as_apostrophes() -> None:
    typed = "Wie geht´s dir? Ich komm´ gleich, um 5´"
    assert with_apostrophes(typed) == typed.replace("´", "'")
    assert with_apostrophes("`a` ´b") == "`a' ´b"


SPANS = Spans("de", "en")

PATTERNS = [
    *("z. B. ", "1. ", "Str. ", "Nr. 1 ", "Wort", ". ", "! ", "…  ", "..", '."', '. "', "„“"),
    *(" ", "\n", "1", "1,", "1-", "1/1 ", "12:30 ", "0 ", "(0", "+1 ", "@", "@1", "@ 1 ", "a@"),
    *(
        "a@b.",
        "www.)",
        "https://)",
        "((",
        "[ ",
        "ae",
        "ae ",
        "ss ",
        "AB ",
        "´",
        "🐕",
        "🐕a",
        "\u200d",
    ),
]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.slow
def test_a_megabyte_of_anything_takes_seconds(pattern: str) -> None:
    """Each takes about a second, in which something quadratic gets through a hundredth."""
    tokenizer = Tokenizer.load(PRETRAINED / "sentencepiece.model")
    text = pattern * (1_000_000 // len(pattern.encode())) + "é x"
    for work in (
        lambda text: split_sentences(text, GERMAN),
        lambda text: split_sentences(text, NEUTRAL),
        SPANS.hide,
        lambda text: SPANS.hide(text, numbers=True),
        lambda text: cut_at_symbols(text, tokenizer),
        lambda text: restore_umlauts(text, tokenizer),
        lambda text: cut(tokenizer.encode(text), 100, tokenizer),
        lambda text: SPANS.lost(text, text),
        lambda text: bring_back_anyhow(text, ("a",)),
        with_apostrophes,
        is_shouted,
        shout,
        printable,
    ):
        started = time.process_time()
        work(text)
        assert time.process_time() - started < 10
