"""Nouns by class, and what can be said of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .lexicon import LEXICON, Table
from .phrases import Phrase, phrases


@dataclass(frozen=True, eq=False)
class Noun:
    """A noun; gender is m, f, n or p (plural only)."""

    de: str
    de_plural: str
    en: str
    en_plural: str
    gender: str
    noun_class: str
    weak: bool = False
    name: bool = False

    @property
    def mass(self) -> bool:
        """Cannot be counted."""
        return not self.de_plural


def english_plural(word: str) -> str:
    """The regular plural; the rule for the third person of verbs is the same."""
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "ch", "sh", "x")) else "s")


def read_noun(entry: Phrase, noun_class: str) -> Noun:
    """Read an entry of `LEXICON.nouns`."""
    article, _, forms = entry.de.rpartition(" ") if "," not in entry.de else entry.de.partition(" ")
    if not article:
        gender = "f" if noun_class == "woman" else "m"
        return Noun(entry.de, "", entry.en, "", gender, noun_class, name=True)
    singular, _, plural = forms.partition(", ")
    en, _, en_plural = entry.en.partition("/")
    if article == "pl":
        return Noun(singular, singular, en, en, "p", noun_class)
    gender, weak = {"der": "m", "die": "f", "das": "n"}[article], singular.endswith("*")
    en_plural = en_plural or english_plural(en)
    return Noun(singular.rstrip("*"), plural, en, en_plural, gender, noun_class, weak)


CLASSES = {
    name: tuple(read_noun(entry, name) for entry in phrases(content))
    for name, content in LEXICON.nouns.items()
}
NOUN = {noun.de: noun for nouns in CLASSES.values() for noun in nouns}


@cache
def nouns_of(classes: str) -> tuple[Noun, ...]:
    """All nouns of "class+group+Noun", each once."""
    found: dict[str, Noun] = {}
    for name in classes.split("+"):
        if name in LEXICON.groups:
            nouns = nouns_of(LEXICON.groups[name])
        else:
            nouns = CLASSES.get(name) or (NOUN[name],)
        found.update((noun.de, noun) for noun in nouns)
    return tuple(found.values())


def read_quality(entry: str) -> tuple[Phrase, str]:
    """Read "+noch warm still warm"."""
    sign = entry[0] if entry[0] in "+-" else "0"
    parts = entry.lstrip("+-").split()
    middle = 2 if parts[0] == "noch" else 1
    return Phrase(" ".join(parts[:middle]), " ".join(parts[middle:])), sign


def read_qualities(table: Table) -> dict[str, tuple[tuple[Phrase, str], ...]]:
    """Adjectives by class, each with its sign: "+", "-" or "0"."""
    return {
        name: tuple(read_quality(entry.strip()) for entry in content.split("|"))
        for name, content in table.items()
    }


QUALITIES, REMARKS = read_qualities(LEXICON.adjectives), read_qualities(LEXICON.predicates)


@cache
def remarks_about(lemma: str) -> tuple[tuple[Phrase, str], ...]:
    """What can be said of a noun after "sein"."""
    roast = REMARKS["roast"] if NOUN[lemma] in nouns_of("roast") else ()
    return tuple(dict.fromkeys((*roast, *REMARKS.get(NOUN[lemma].noun_class, ()))))
