"""What is said in both languages, and how it is joined to sentences."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple


class Phrase(NamedTuple):
    """The same thing said in both languages."""

    de: str
    en: str


NOTHING = Phrase("", "")


@cache
def phrases(text: str, divider: str = "|") -> tuple[Phrase, ...]:
    """Read "German = English | ..."; without "=" both say the same."""
    halves = (" ".join(entry.split()).partition("=") for entry in text.split(divider))
    return tuple(Phrase(de.strip(), en.strip() or de.strip()) for de, _, en in halves)


def words(*parts: str) -> str:
    """Join the parts that are not empty."""
    return " ".join(filter(None, parts))


def join(first: Phrase, link: str, second: Phrase) -> Phrase:
    """Two phrases with a "German = English" link; a comma in it clings to the first.

    A question mark behind the first moves to the end: "do you know?", "that he is here?".
    """
    german, _, english = link.partition("=")
    german = words(first.de, german.strip(), second.de).replace(" ,", ",")
    english = words(first.en.rstrip("?"), english.strip(), second.en).replace(" ,", ",")
    return Phrase(german, english + "?" * first.en.endswith("?"))


def end(phrase: Phrase, mark: str = ".") -> Phrase:
    """Capital letter and final mark; a phrase may bring its own question mark."""
    german, english = phrase
    if english.endswith("?"):
        english, mark = english[:-1], "?"
    return Phrase(german[0].upper() + german[1:] + mark, english[0].upper() + english[1:] + mark)
