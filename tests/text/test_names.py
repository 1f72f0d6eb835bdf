"""Names that a translation must not change."""

import pytest

from transformer.text.names import GIVEN, SURNAMES, TOWNS, find_names
from transformer.text.spans import Spans

GERMAN, ENGLISH = (
    Spans(src, tgt, rare=lambda word: len(word) > 9) for src, tgt in (("de", "en"), ("en", "de"))
)


def names(text: str) -> list[str]:
    return [text[start:end] for start, end in find_names(text, lambda word: len(word) > 9)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Klaus Fuchs und Frau Sommer", "Klaus Fuchs|Sommer|Klaus"),
        ("Anna-Lena Müller-Lüdenscheidt kommt.", "Anna-Lena Müller-Lüdenscheidt"),
        ("Heike Wuppenstedt", "Heike Wuppenstedt|Heike"),
        ("Familie Engel aus Tübingen", "Engel|Tübingen"),
        ("Mr. Cook met Mrs. O'Connor.", "Cook|O'Connor"),
        ("Henry Baker's car", "Henry Baker|Henry"),
        # No surnames, or none that has to stay.
        ("Hat Anna Hunger?", "Anna"),
        ("Der Fuchs im Sommer", ""),
        ("Herr Doktor, Frau Nachbarin, Mr. President", ""),
        ("Familie Opernmusik", ""),
        ("Als Frau Karriere machen", ""),
        ("Frau Wuppenstedt", "Wuppenstedt"),
        ("Maria ging mit Johannes.", ""),
        ("Is Tom Canadian?", "Tom"),
        ("anna@bonn.de, Berlin-Mitte, @peter, bonn.de/Bonn", ""),
        ("", ""),
    ],
)
def test_names_of_people_and_towns(text: str, expected: str) -> None:
    assert "|".join(names(text)) == expected


@pytest.mark.parametrize(
    ("text", "translation", "lost"),
    [
        ("Klaus Köhler half mir.", "Klau's cooler helped me.", ["Klaus Köhler"]),
        ("Klaus Köhler half mir.", "Klaus Köhler helped me.", []),
        ("Beckers Auto, Frau Beckers Auto", "Becker's car, Mrs. Becker's car", []),
        ("Gruß aus Tübingen", "Out of beds", ["Tübingen"]),
        ("Maria ist da.", "Mary is here.", []),
    ],
)
def test_names_that_a_translation_lacks(text: str, translation: str, lost: list[str]) -> None:
    assert GERMAN.lost(text, translation) == lost


def test_names_are_hidden_only_on_demand() -> None:
    text = "Klaus Köhler zahlte 20 Euro."
    assert GERMAN.hide(text, numbers=True).typed == ("20",)
    assert GERMAN.hide(text, numbers=True, words=True).typed == ("Klaus Köhler", "20")
    assert Spans("de", "fr").hide(text, numbers=True, words=True).typed == ("20",)
    assert ENGLISH.hide("`Klaus Köhler`", words=True).typed == ("`Klaus Köhler`",)


def test_the_lists_hold_names() -> None:
    assert not GIVEN & TOWNS
    for word in GIVEN | SURNAMES | TOWNS:
        assert word[0].isupper() and word.isalpha(), word
