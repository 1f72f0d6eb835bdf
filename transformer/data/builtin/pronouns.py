"""Who or what a clause is about, and the pronouns that stand for people and things."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from .declension import noun_phrase
from .nouns import Noun
from .phrases import NOTHING, Phrase


@dataclass(frozen=True)
class Subject:
    """Who or what a clause is about, in the nominative."""

    de: str
    en: str
    person: int  # ich, du, er/sie/es, wir, ihr, sie/Sie
    key: str  # the lemma in the combination
    gender: str = ""
    owner: tuple[str, str] = ("", "")  # the subject's own: ("sein", "his")


@dataclass(frozen=True)
class Pronoun:
    """A personal pronoun as object, and who does not do it to them; `de` is the accusative."""

    de: str
    dative: str
    en: str
    not_by: str = ""

    def in_case(self, case: str) -> Phrase:
        """The pronoun as direct ("acc") or indirect ("dat") object."""
        return Phrase(self.dative if case == "dat" else self.de, self.en)


@dataclass(frozen=True)
class Gap:
    """A direct object known already: its lemma, and what stands for it, if anything."""

    de: str
    phrase: Phrase = NOTHING


PERSONAL = {"m": Phrase("er", "he"), "f": Phrase("sie", "she"), "p": Phrase("sie", "they")}
THING = {"m": "er", "f": "sie", "n": "es", "p": "sie"}
THING_OBJECT = {"m": "ihn", "f": "sie", "n": "es", "p": "sie"}
# Nobody owns as a neuter: whether the girl's dog is "ihr" or "sein" divides the Germans.
OWNERS = {"m": ("sein", "his"), "f": ("ihr", "her"), "n": ("", ""), "p": ("ihr", "their")}
ICH = Subject("ich", "I", 0, "ich", owner=("mein", "my"))
DU = Subject("du", "you", 1, "du", owner=("dein", "your"))
WIR = Subject("wir", "we", 3, "wir", owner=("unser", "our"))
IHR = Subject("ihr", "you", 4, "ihr", owner=("euer", "your"))
SIE = Subject("Sie", "you", 5, "Sie", owner=("Ihr", "your"))
HE, SHE = (Subject(PERSONAL[g].de, PERSONAL[g].en, 2, PERSONAL[g].de, g, OWNERS[g]) for g in "mf")
THEY = Subject("sie", "they", 5, "sie (plural)", "p", OWNERS["p"])
WHO = Subject("wer", "who", 2, "wer")
OBJECT_PRONOUNS = (
    Pronoun("mich", "mir", "me", "ich wir"),
    Pronoun("dich", "dir", "you", "du ihr Sie"),
    Pronoun("uns", "uns", "us", "ich wir"),
    Pronoun("Sie", "Ihnen", "you", "du ihr Sie"),
    Pronoun("ihn", "ihm", "him"),
    Pronoun("sie", "ihr", "her"),
)


@cache
def named(
    noun: Noun, article: str = "der", *, plural: bool = False, adjective: Phrase | None = None
) -> Subject:
    """A noun as subject."""
    phrase = noun_phrase(noun, article, plural=plural, adjective=adjective)
    gender = "p" if plural else noun.gender
    return Subject(phrase.de, phrase.en, 5 if gender == "p" else 2, noun.de, gender, OWNERS[gender])


def it(subject: Subject) -> Subject:
    """A thing named before: a pronoun of its gender in German, "it" in English."""
    english = "they" if subject.gender == "p" else "it"
    return replace(subject, de=THING[subject.gender], en=english)
