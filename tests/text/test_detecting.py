"""German and English are told apart, or nothing is said."""

import pytest

from transformer.data.builtin.corpus import sample_pairs
from transformer.text.detecting import clear_language, is_already


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("This is already English.", "en"),
        ("Das ist schon Deutsch.", "de"),
        ("The Walking Dead ist eine Serie.", None),  # a title within a sentence
        ("Name, Adresse, Ort", None),
        ("Hand in Hand", None),
        ("Computer", None),
        ('Ich mag den Song "All of the above".', None),
        ("", None),
        ("12 + 5", None),
    ],
)
def test_only_what_is_clear(text: str, language: str | None) -> None:
    assert clear_language(text) == language


def test_hardly_ever_wrong() -> None:
    pairs = sample_pairs("val", 400)
    assert not [german for german, _ in pairs if clear_language(german) == "en"]
    assert not [english for _, english in pairs if clear_language(english) == "de"]
    found = [clear_language(german) == "de" for german, _ in pairs]
    assert sum(found) > 0.6 * len(found)


def test_already_there() -> None:
    english = "This is already English."
    assert is_already(english, "de", "en") and is_already(english, "deu", "en_GB")
    assert not is_already(english, "en", "de") and not is_already(english, "fr", "en")
    assert not is_already(english, "src", "tgt")
