"""Times of day in words are read as the times that they are."""

import pytest

from transformer.inference.translator import Translator
from transformer.text.clock import english_times, german_times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Um halb acht.", "Um 7:30 Uhr."),
        ("Um halb acht Uhr morgens", "Um 7:30 Uhr morgens"),
        ("gegen halb 8 am Bahnhof", "gegen 7:30 Uhr am Bahnhof"),
        ("halb eins", "12:30 Uhr"),
        ("um halb Elf, bis halb zwölf", "um 10:30 Uhr, bis 11:30 Uhr"),
        ("Fünf vor halb zehn!", "9:25 Uhr!"),
        ("Es ist zehn Minuten nach halb eins", "Es ist 12:40 Uhr"),
        ("Nach halb neun stand es 3:2.", "Nach 8:30 Uhr stand es 3:2."),
        ("Das Spiel endete 3:2 nach halb neun.", "Das Spiel endete 3:2 nach 8:30 Uhr."),
        ("kurz vor halb drei", "kurz vor 2:30 Uhr"),
        ("UM HALB ACHT", "UM 7:30 Uhr"),
        ("um dreiviertel acht", "um 7:45 Uhr"),
        ("um drei viertel eins Uhr", "um 12:45 Uhr"),
        ("Viertel vor acht", "7:45 Uhr"),
        ("Es ist viertel nach drei.", "Es ist 3:15 Uhr."),
        ("Viertel nach zwölf", "12:15 Uhr"),
        ("Um Viertel nach elf bin ich da.", "Um 11:15 Uhr bin ich da."),
    ],
)
def test_german_times(text: str, expected: str) -> None:
    assert german_times(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "halb Elf, halb Mensch",
        "Er war halb elf, halb Mensch.",
        "halb elf, halb mensch",
        "Halb sechs Eier, halb Mehl",
        "Es sind halb acht hundert Leute",
        "Es war halb eins mit der Natur",
        "in halb zehn Teile",
        "bis halb 10 Prozent",
        "um halb 8–9 Uhr",
        "Im Viertel vor zwei kleinen Kirchen",
        "Das Viertel vor drei alten Toren",
        "Nach drei Viertel acht Minuten Pause",
        "drei viertel zwei Drittel",
        "dreiviertel vier Liter Milch",
        "1,5 vor acht",
        "halb so groß",
        "halb 10,5 Liter",
        "halb 8 % mehr",
        "halb acht-jährig",
        "eine halbe Acht",
        "ein Viertel nach drei Tagen",
        "Viertel nach drei Monaten",
        "um acht",
        "halb eins mit der Natur",
        "deshalb acht Leute",
        "halb 13",
    ],
)
def test_what_is_no_time_in_german_stays(text: str) -> None:
    assert german_times(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Half past seven.", "7:30."),
        ("at half past 12 o'clock", "at 12:30"),
        ("at half-past one we left", "at 1:30 we left"),
        ("It's a quarter to one", "It's 12:45"),
        ("at a quarter past three in the afternoon", "at 3:15 in the afternoon"),
        ("until quarter to eight, please", "until 7:45, please"),
    ],
)
def test_english_times(text: str, expected: str) -> None:
    assert english_times(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "He sold a quarter to one man",
        "half past the corner",
        "a quarter past the hour",
        "ten to six",
    ],
)
def test_what_is_no_time_in_english_stays(text: str) -> None:
    assert english_times(text) == text


@pytest.mark.parametrize(
    "typed", ["halb acht", "halb eins", "fünf vor halb zehn", "Viertel vor vier"]
)
def test_the_hour_is_right_in_english(typed: str) -> None:
    expected = german_times(typed).removesuffix(" Uhr")
    for text in (f"Wir treffen uns um {typed}.", f"Das Spiel beginnt gegen {typed} im Stadion."):
        found = Translator.load("de-en").translate(text)
        assert expected in found, found


@pytest.mark.parametrize("typed", ["half past seven", "a quarter to one", "half past twelve"])
def test_the_hour_is_right_in_german(typed: str) -> None:
    found = Translator.load("en-de").translate(f"The train leaves at {typed}.")
    assert english_times(f"at {typed}").removeprefix("at ") + " Uhr" in found, found
