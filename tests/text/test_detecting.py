"""German and English are told apart, or nothing is said."""

from pathlib import Path

import pytest

import transformer
from transformer.data.builtin.corpus import sample_pairs
from transformer.data.tokenizer import Tokenizer
from transformer.text.detecting import clear_language, is_already, is_neither


@pytest.fixture(scope="module")
def shipped_tokenizer() -> Tokenizer:
    """The vocabulary of the model in the package."""
    package = Path(transformer.__file__).parent
    return Tokenizer.load(package / "pretrained" / "de-en" / "sentencepiece.model")


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


FOREIGN = (
    "Pourquoi ne veux-tu jamais venir chez nous le dimanche ?",
    "Mañana vamos a comprar pescado fresco para la cena.",
    "Jutro pojedziemy pociągiem do mojej babci.",
    "Yarın sabah erkenden trenle yola çıkacağız.",
    "I morgon ska vi åka tåg till stugan vid sjön.",
)


@pytest.mark.parametrize("text", [*FOREIGN, FOREIGN[0].upper()])
def test_a_third_language_is_noticed(text: str, shipped_tokenizer: Tokenizer) -> None:
    assert is_neither(text, shipped_tokenizer, -2.8)


@pytest.mark.parametrize(
    "text",
    [
        "Stell bitte den Wecker auf sieben Uhr morgen früh.",
        "stell bitte den wecker auf sieben uhr morgen früh",
        "Please set the alarm for seven tomorrow morning.",
        "FROHE WEIHNACHTEN UND EIN GUTES NEUES JAHR",
        "Ayşe Yılmaz, Škoda, Grzegorz Brzęczyszczykiewicz, José María Larrauri",
        "bonjour",  # too little to tell
        "",
    ],
)
def test_german_english_and_names_are_no_third_language(
    text: str, shipped_tokenizer: Tokenizer
) -> None:
    assert not is_neither(text, shipped_tokenizer, -2.8)


def test_hardly_any_sentence_is_wrongly_taken_for_a_third_language(
    shipped_tokenizer: Tokenizer,
) -> None:
    texts = [text for pair in sample_pairs("val", 400) for text in pair]
    assert not [text for text in texts if is_neither(text, shipped_tokenizer, -2.8)]


def test_the_threshold_decides(shipped_tokenizer: Tokenizer) -> None:
    assert not is_neither(FOREIGN[0], shipped_tokenizer, -20.0)
