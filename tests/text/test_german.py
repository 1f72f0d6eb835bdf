"""German's own rules, and when they count."""

from pathlib import Path
from typing import Any

import pytest

from transformer.data.tokenizer import Tokenizer
from transformer.text.german import is_german, restore_umlauts, without_gender_signs

PRETRAINED = Path(__file__).parents[2] / "transformer" / "pretrained" / "de-en"


@pytest.mark.parametrize(
    ("language", "german"),
    [
        *(("de", True), ("DE", True), ("de_AT", True), ("de-CH", True), ("deu", True)),
        *(("tok.de", True), ("en", False), ("nde", False), ("", False), ("da", False)),
    ],
)
def test_is_german(language: str, german: bool) -> None:
    assert is_german(language) == german


class Words:
    """A vocabulary of whole words; all others are spelled letter by letter."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def encode(self, text: str) -> list[int]:
        return [0] if text in self.words else [0] * (len(text) + 1)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Der Schluessel ist weiss.", "Der Schlüssel ist weiß."),
        ("Neue Frauen, aktuell", "Neue Frauen, aktuell"),
        ("Ich muss dass Wasser", "Ich muss dass Wasser"),
        ("Ueber die Strasse", "Über die Straße"),
        ("Goethe aß", "Goethe aß"),
        ("gruesse", "grüße"),
        ("Die Straßen und die Strasse", "Die Straßen und die Strasse"),
        ("Der Schluessel für die Tuer", "Der Schluessel für die Tuer"),
        ("www.schluessel.de, schluessel.de, a@strasse.de", None),
        ("", ""),
    ],
)
def test_umlauts_come_back_where_the_vocabulary_knows_them(
    typed: str, expected: str | None
) -> None:
    known: Any = Words(
        *("Schlüssel", "weiß", "Neue", "Frauen", "aktuell", "muss", "dass", "Wasser"),
        *("Über", "Straße", "Goethe", "grüße"),
    )
    assert restore_umlauts(typed, known) == (typed if expected is None else expected)


@pytest.mark.parametrize(
    "text", ["Eine Massage im Wasser", "Diskussion, Verbesserung, russische Adresse", "Lissabon"]
)
def test_double_s_stays_where_it_belongs(text: str) -> None:
    """With the vocabulary in the package, in which ß is one piece and ss two."""
    tokenizer = Tokenizer.load(PRETRAINED / "sentencepiece.model")
    assert restore_umlauts(text, tokenizer) == text


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("Liebe Kolleg*innen", "Liebe Kolleginnen"),
        ("die Lehrer:innen, Ärzt_innen", "die Lehrerinnen, Ärztinnen"),
        ("Schüler/innen und Besucher/-innen", "Schülerinnen und Besucherinnen"),
        ("KundInnen und Köch*innen", "Kundinnen und Köchinnen"),
        ("Jede:r Mitarbeiter:in", "Jeder Mitarbeiterin"),
        ("für eine*n Köch*in", "für einen Köchin"),
        ("in: innen ist es warm", "in: innen ist es warm"),
        ("Er ist drin/innen", "Er ist drin/innen"),
        ("3*in, a:in, x_in", "3*in, a:in, x_in"),
        ("IN, INNEN, BERLIN, LinkedIn", "IN, INNEN, BERLIN, LinkedIn"),
        ("Ergebnis:in Ordnung", "Ergebnis:in Ordnung"),
    ],
)
def test_gender_signs(typed: str, plain: str) -> None:
    assert without_gender_signs(typed) == plain
