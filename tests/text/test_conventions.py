"""Numbers, amounts and dates as languages write them."""

import pytest

from transformer.text.conventions import Conventions, conventions_of


@pytest.mark.parametrize("language", ["de", "de_DE", "deu", "german", "tok.de"])
def test_german_by_any_name(language: str) -> None:
    german = conventions_of(language)
    assert german is not None and (german.decimal, german.group) == (",", ".")
    assert german.money("20", "€") == "20 €" and german.dotted_dates
    assert german.date(24, 12, None) == "24. Dezember"
    assert german.date(1, 3, 2024) == "1. März 2024"


@pytest.mark.parametrize("language", ["en", "en_US", "eng", "English", "train.en"])
def test_english_by_any_name(language: str) -> None:
    english = conventions_of(language)
    assert english is not None and (english.decimal, english.group) == (".", ",")
    assert english.money("20", "€") == "€20" and not english.dotted_dates
    assert english.date(29, 2, None) == "29 February"
    assert english.date(12, 3, 2024) == "12 March 2024"


@pytest.mark.parametrize("language", ["src", "x", "", "tgt", "xx"])
def test_a_name_that_says_nothing(language: str) -> None:
    assert conventions_of(language) is None


def test_other_languages_come_from_unicode() -> None:
    french = conventions_of("fr")
    assert french is not None and french.written("1,234.5", Conventions()) == "1\u202f234,5"
    assert french.canonical("1\u202f234,5") == "1234.5"
