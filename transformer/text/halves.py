"""Quantities with a half in words, written in digits: zweieinhalb is 2,5, and two and a half 2.5.

A model that has seldom seen them loses the half without a word.
"""

import re

_GERMAN = (
    *("ein", "zwei", "drei", "vier", "fünf", "sechs"),
    *("sieben", "acht", "neun", "zehn", "elf", "zwölf"),
)
_ENGLISH = (
    *("one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_IN_GERMAN = re.compile(
    rf"(?i)\b(?:anderthalb|(?P<whole>{'|'.join(_GERMAN)})(?:und)?einhalb)\b(?=\s\w)(?!-)"
)
_UNITS = "hour|day|week|month|year|minute|second|mile|meter|pound|cup|liter|page|inch|million"
_IN_ENGLISH = re.compile(
    rf"(?i)\b(?:(?:an?|one) (?P<unit>{_UNITS}) and a half\b(?!-)"
    rf"|(?P<whole>{'|'.join(_ENGLISH)}|[1-9][0-9]?) and a half "
    r"(?=(?:[a-z]+s|feet|million|billion)\b))"
)


def german_halves(text: str) -> str:
    """anderthalb Stunden, zweieinhalb Jahre, such as 2,5 Jahre."""
    return _IN_GERMAN.sub(lambda found: f"{_number(found['whole'] or 'ein', _GERMAN)},5", text)


def english_halves(text: str) -> str:
    """an hour and a half, two and a half years, such as 2.5 years."""

    def written(found: re.Match[str]) -> str:
        if unit := found["unit"]:
            return f"1.5 {unit}" + ("" if unit == "million" else "es" if unit == "inch" else "s")
        return f"{_number(found['whole'], _ENGLISH)}.5 "

    return _IN_ENGLISH.sub(written, text)


def _number(word: str, words: tuple[str, ...]) -> int:
    return int(word) if word.isdecimal() else words.index(word.lower()) + 1
