"""Words that are spelled as in Britain."""

import pytest

from transformer.config import TokenizerConfig
from transformer.data.tokenizer import Tokenizer, train_tokenizer
from transformer.runs.directory import RunDirectory
from transformer.text.english import american, with_american_spelling


@pytest.mark.parametrize(
    ("british", "expected"),
    [
        ("colour", "color"),
        ("neighbourhoods", "neighborhoods"),
        ("dishonourable", "dishonorable"),
        ("centre", "center"),
        ("centred", "centered"),
        ("kilometres", "kilometers"),
        ("travelling", "traveling"),
        ("unlabelled", "unlabeled"),
        ("practised", "practiced"),
        ("reorganisation", "reorganization"),
        ("apologising", "apologizing"),
        ("paralysed", "paralyzed"),
        ("catalogues", "catalogs"),
        ("defences", "defenses"),
        ("programmes", "programs"),
        ("kilogramme", "kilogram"),
        ("grey", "gray"),
        ("tyres", "tires"),
    ],
)
def test_what_is_spelled_otherwise_in_america(british: str, expected: str) -> None:
    assert american(british) == expected
    assert american(expected) == expected


OTHERS = """four hour our pour tour flour contour surprise exercise advertised promises wise rising
premises analyses genre ogre acre there called killed fulfilling intelligence sentence programmed
programmer dialogue size prized color organize"""


@pytest.mark.parametrize("word", OTHERS.split())
def test_what_is_not(word: str) -> None:
    assert american(word) == word


@pytest.fixture(scope="module")
def known() -> Tokenizer:
    return Tokenizer.load(RunDirectory.find("en-de").tokenizer)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("the harbour, and a flat tyre.", "the harbor, and a flat tire."),
        ("I apologise.", "I apologize."),
        # Names, addresses and what is one piece in either spelling.
        ("the Labour party in Harbour Street", "the Labour party in Harbour Street"),
        ("harbour.example, me@harbour.org, /harbour", "harbour.example, me@harbour.org, /harbour"),
        ("its colour", "its colour"),
        ("", ""),
    ],
)
def test_what_the_vocabulary_knows_better(typed: str, expected: str, known: Tokenizer) -> None:
    assert with_american_spelling(typed, known) == expected


def test_who_has_learned_from_british_text_reads_it_as_it_is(lines: list[str]) -> None:
    words = "the harbour of my neighbours, a colour in the centre"
    british = train_tokenizer([*lines, *[words] * 20], TokenizerConfig(vocab_size=400))
    assert with_american_spelling(words, british) == words
