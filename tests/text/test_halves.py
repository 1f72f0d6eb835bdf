"""Two and a half in words."""

import pytest

from transformer.text.halves import english_halves, german_halves


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Es dauerte anderthalb Stunden.", "Es dauerte 1,5 Stunden."),
        ("Vor zweieinhalb Jahren", "Vor 2,5 Jahren"),
        ("Zwölfundeinhalb Meter", "12,5 Meter"),
        ("Anderthalb Liter", "1,5 Liter"),
        ("eineinhalb", "eineinhalb"),  # of what?
        (
            "zweieinhalbfach, ein halb, dreieinhalb-mal",
            "zweieinhalbfach, ein halb, dreieinhalb-mal",
        ),
    ],
)
def test_in_german(typed: str, expected: str) -> None:
    assert german_halves(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("It took an hour and a half.", "It took 1.5 hours."),
        ("One and a half million people", "1.5 million people"),
        ("two and a half years ago", "2.5 years ago"),
        ("An inch and a half", "1.5 inches"),
        ("15 and a half feet", "15.5 feet"),
        ("He is two and a half.", "He is two and a half."),
        ("a year and a half-day", "a year and a half-day"),
        ("one and a half empty glass", "one and a half empty glass"),
    ],
)
def test_in_english(typed: str, expected: str) -> None:
    assert english_halves(typed) == expected
