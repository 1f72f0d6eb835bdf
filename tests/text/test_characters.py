"""Characters that are replaced, and how long much of anything takes."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from transformer.config import TokenizerConfig
from transformer.data.tokenizer import Tokenizer, train_tokenizer
from transformer.text.capitals import is_shouted, shout
from transformer.text.characters import (
    cut_at_symbols,
    is_unreadable,
    printable,
    with_apostrophes,
    with_plain_marks,
)
from transformer.text.english import ENGLISH
from transformer.text.german import GERMAN, restore_umlauts
from transformer.text.rules import NEUTRAL
from transformer.text.sentences import cut, split_sentences
from transformer.text.spans import Spans, bring_back_anyhow

QUICKSTART = Path(__file__).parents[1] / "quickstart"


def test_accents_as_apostrophes() -> None:
    typed = "Wie geht´s dir? Ich komm´ gleich, um 5´"
    assert with_apostrophes(typed) == typed.replace("´", "'")
    assert with_apostrophes("`a` ´b, c`") == "`a` ´b, c'"


def test_marks_that_the_vocabulary_lacks_get_a_plain_form(
    tokenizer: Tokenizer, lines: list[str]
) -> None:
    assert tokenizer.spells_in_bytes("’") and not tokenizer.spells_in_bytes(",")
    plain = [f'„{line} Geht\'s?" – "Ja", -5' for line in lines]
    known = train_tokenizer(plain, TokenizerConfig(vocab_size=360))
    typed = "„Geht’s?” — «Ja», −5 ka\u00adputt\u200b."
    assert with_plain_marks(typed, known) == '„Geht\'s?" – "Ja", -5 kaputt.'
    assert with_plain_marks("Geht’s?", tokenizer) == "Geht’s?"  # which has no plain one, either


def test_capitals_are_readable_where_their_letters_are() -> None:
    known = Tokenizer.load(QUICKSTART / "sentencepiece.model")
    assert known.spells_in_bytes("Ö") and not is_unreadable("Ö", known)
    assert is_unreadable("Š", known) and is_unreadable("²", known)


SPANS = Spans("de", "en", "é€".__contains__)

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
    *(
        "<a ",
        "<!--",
        "`",
        "{{",
        "{a",
        "%(",
        "%1",
        "/a",
        "./",
        "C:\\",
        "#1",
        "&a",
        "§ ",
        "é ",
        "Nr. 5 ",
        "Jan 5 ",
        "Klaus Fuchs ",
        "€ é",
    ),
]


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(pattern, marks=[pytest.mark.exhaustive] if i % 4 else [])
        for i, pattern in enumerate(PATTERNS)
    ],
)
@pytest.mark.slow
def test_a_text_five_times_as_long_takes_about_five_times_as_long(pattern: str) -> None:
    """Up to a quarter of a megabyte; what is quadratic takes 25 times as long."""
    tokenizer = Tokenizer.load(QUICKSTART / "sentencepiece.model")
    short, long = (
        pattern * (n_bytes // len(pattern.encode())) + "é x" for n_bytes in (50_000, 250_000)
    )
    for work in (
        lambda text: split_sentences(text, GERMAN),
        lambda text: split_sentences(text, NEUTRAL),
        GERMAN.plainly,
        ENGLISH.plainly,
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
        ratios = (seconds(work, long) / max(seconds(work, short), 0.02) for _ in range(3))
        assert any(ratio < 12 for ratio in ratios)


def seconds(work: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    work(text)
    return time.process_time() - started
