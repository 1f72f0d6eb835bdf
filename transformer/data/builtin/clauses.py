"""Clauses, put into words of both languages in a tense and a word order."""

from __future__ import annotations

from dataclasses import dataclass

from .nouns import Noun
from .phrases import NOTHING, Phrase, words
from .pronouns import Subject
from .verbs import english_verb, infinitive, negated, past_tense, verb_bracket

WEIL, OBWOHL = Phrase("weil", "because"), Phrase("obwohl", "although")
WENN, DASS, OB = Phrase("wenn", "if"), Phrase("dass", "that"), Phrase("ob", "whether")


@dataclass(frozen=True)
class Clause:
    """One filled frame, not yet in any tense or word order."""

    subject: Subject
    verb: str
    english: str  # the verb phrase, its first word in the base form
    pronouns: tuple[str, ...] = ()  # stand before everything else
    objects: tuple[str, ...] = ()  # stand before "nicht"
    tail: tuple[str, ...] = ()  # stand behind "nicht"
    negative: str = ""  # "nicht", or "kein" that an object carries
    state: bool = False
    plain: bool = False  # takes the English simple present
    objects_named: tuple[tuple[Noun, str], ...] = ()  # with the gender in use, "p" for plurals


def say(
    clause: Clause,
    tense: str,
    order: str = "main",
    *,
    lead: Phrase = NOTHING,
    time: Phrase = NOTHING,
    often: Phrase = NOTHING,
) -> Phrase:
    """Put a clause into words of both languages.

    Args:
        clause: what is said.
        tense: a key of `TENSES`; `past_tense` has the last word on the two pasts.
        order: "main" (German verb second), "question" (verb first, or second after the lead),
            "sub" (verb last), "zu" (infinitive) or "bare" (no subject, as in a second verb).
        lead: opens the clause: an adverb, a question word, a conjunction.
        time: an adverb that English puts last.
        often: an adverb that English puts before the verb.
    """
    subject = Subject("", "", clause.subject.person, "") if order == "bare" else clause.subject
    if tense in ("perfect", "past"):
        tense = past_tense(tense, clause.verb, clause.state, subject.person)
    finite, rest = verb_bracket(clause.verb, tense, subject.person)
    middle = words(
        ("mich", "dich", "sich", "uns", "euch", "sich")[subject.person]
        if clause.verb.startswith("sich_")
        else "",
        *clause.pronouns,
        time.de,
        often.de,
        *clause.objects,
        clause.negative.removeprefix("kein"),
        *clause.tail,
    )
    if order == "sub":
        # At the end a separated prefix meets its verb again: "ankommt".
        separated = tense in ("present", "simple", "past") and rest and "_|" not in clause.verb
        german = words(
            lead.de, subject.de, middle, rest + finite if separated else words(rest, finite)
        )
    elif order == "zu":
        german = words(lead.de, middle, infinitive(clause.verb, zu=True))
    elif order == "question" or lead.de:
        german = words(lead.de, finite, subject.de, middle, rest)
    else:
        german = words(subject.de, finite, middle, rest)

    if order == "zu":
        return Phrase(german, words(lead.en, "to", clause.english, time.en))
    expand = bool(clause.negative) or order == "question"
    plain = clause.plain or clause.state
    auxiliary, verb = english_verb(
        clause.english, tense, subject.person, expand=expand, plain=plain
    )
    auxiliary = negated(auxiliary) if clause.negative else auxiliary
    inverted = (auxiliary, subject.en) if order == "question" else (subject.en, auxiliary)
    return Phrase(german, words(lead.en, *inverted, often.en, verb, time.en))


def opened_by(opening: Phrase, clause: Clause, tense: str, often: Phrase = NOTHING) -> Phrase:
    """A subordinate clause takes the first place: "Als es regnete, ging ich ..."."""
    return say(clause, tense, lead=Phrase(opening.de + ",", opening.en + ","), often=often)
