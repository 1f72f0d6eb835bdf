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
        ("Polizist:innen, Politiker*in", "Polizistinnen, Politikerin"),
        ("Jede:r Mitarbeiter:in", "Jeder Mitarbeiterin"),
        ("für eine*n Köch*in, ein*e Freund*in", "für einen Köchin, eine Freundin"),
    ],
)
def test_gender_signs(typed: str, plain: str) -> None:
    assert without_gender_signs(typed) == plain


@pytest.mark.parametrize(
    "text",
    [
        *("in: innen ist es warm", "Er ist drin/innen", "3*in, a:in, x_in", "LinkedIn, BERLIN"),
        *("Ergebnis:in den meisten Fällen", "Wohnung/in Berlin", "Berlin/innen", "Außen/innen"),
        *("Vor:innen", "Temperatur:innen", "Licht/in den Zimmern", "Built_in", "All_s"),
        *(
            "Test_in.txt",
            "Daten_in.csv",
            "Nutzer_in.txt",
            "Leser_in_Zahlen",
            "Check_in und Log_in",
            "das Feld Filter_in",
        ),
        *(
            "Er kam:in der Nacht",
            "Müller/in der Stadt",
            "10:30",
            "und/oder",
            "alle*n",
            "vor allem:",
        ),
    ],
)
def test_what_is_no_gender_sign(text: str) -> None:
    assert without_gender_signs(text) == text
