"""Clauses drawn at random: filled frames, circumstances and remarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .clauses import Clause
from .declension import join_preposition, noun_phrase
from .drawing import Draw, DrawAgainError
from .frames import Frame, Slot, frames_with
from .lexicon import LEXICON
from .nouns import NOUN, QUALITIES, Noun, nouns_of, remarks_about
from .phrases import NOTHING, Phrase, words
from .pronouns import (
    DU,
    HE,
    ICH,
    IHR,
    OBJECT_PRONOUNS,
    PERSONAL,
    SHE,
    SIE,
    THEY,
    THING,
    WIR,
    Gap,
    Pronoun,
    Subject,
    named,
)
from .verbs import past_tense

SUBJECT_ARTICLES = {
    "elder": "mein mein mein unser dein sein",
    "sibling": "mein mein mein unser dein sein",
    "friend": "mein mein unser dein",
    "stranger": "der der der dieser ein",
    "child": "der der dieser ein",
}
Filler = Noun | Pronoun | Phrase | Gap


def quality(g: Draw, noun: Noun, share: float = 0.25) -> Phrase | None:
    """Perhaps an adjective to stand before a noun."""
    options = QUALITIES.get(noun.noun_class, ())
    return g.pick(options)[0] if options and g.chance(share) else None


# Who may be the subject where it opens the sentence, where it does not, and of a question.
FIRST = (ICH, ICH, ICH, DU, DU, HE, SHE, WIR, IHR)
LATER = (ICH, DU, HE, SHE, WIR, THEY, SIE)
ASKED = (DU, DU, IHR, SIE, HE, SHE, THEY)


def somebody(g: Draw, classes: str = "who", speakers: Sequence[Subject] = FIRST) -> Subject:
    """A person as subject."""
    if classes in ("who", "adult") and g.chance(0.4):
        return g.pick(speakers)
    noun = g.pick(nouns_of(classes))
    article = g.word(SUBJECT_ARTICLES.get(noun.noun_class, "der"))
    article = "der" if article == "ein" and speakers is ASKED else article
    many = classes in ("who", "adult") and article != "ein" and noun.noun_class != "elder"
    plural = many and bool(noun.de_plural) and g.chance(0.12)
    return named(noun, article, plural=plural, adjective=quality(g, noun, 0.12))


def something(
    g: Draw, classes: str, articles: str = "der der der dieser", adorn: float = 0
) -> Subject:
    """A thing or an animal as subject, or the sun and the rain."""
    if classes in LEXICON.impersonal:
        return Subject(classes, LEXICON.impersonal[classes], 2, classes)
    noun, article = g.pick(nouns_of(classes)), g.word(articles)
    plural = bool(noun.de_plural) and article != "ein" and g.chance(0.08)
    return named(noun, article, plural=plural, adjective=quality(g, noun, adorn))


def again(subject: Subject) -> Subject:
    """Somebody named before: a pronoun."""
    if not subject.gender:
        return subject
    if subject.gender == "n":  # a girl is "es" in German; English would have to guess
        raise DrawAgainError
    return replace(subject, de=PERSONAL[subject.gender].de, en=PERSONAL[subject.gender].en)


def event(
    g: Draw,
    tags: str = "event",
    *,
    subject: Subject | None = None,
    speakers: Sequence[Subject] = FIRST,
    negate: bool = False,
    gap: Gap | None = None,
    style: str = "",
) -> Clause:
    """Draw a frame with the tags and fill it.

    Args:
        g: makes the choices; the combination belongs to its split.
        tags: what the frame must be tagged with.
        subject: who it is about; drawn if None.
        speakers: which pronouns can be the subject.
        negate: say that it is not so.
        gap: fills the direct object, as in relative clauses and "was" questions.
        style: "general" for what one does again and again ("reads novels"), "sober" without
            adjectives, which a remark that follows might contradict.
    """
    frames = frames_with(tags, gap.de if gap else "")
    for _ in range(60 if frames else 0):
        frame = g.pick(frames)
        if subject:
            actor = subject
        elif frame.tags & {"human", "title"}:
            actor = somebody(g, frame.subjects, speakers)
        elif "animal" in frame.tags:
            actor = something(g, frame.subjects, "der der dieser mein unser ein", 0.15)
        else:
            actor = something(g, frame.subjects)
        fillers = [choose(g, slot, gap) for slot in frame.slots]
        owned = g.owns(actor.key, frame.verb, *(filler.de for filler in fillers))
        if owned and sensible(actor, fillers):
            return fill(g, frame, actor, fillers, negate, style)
    raise DrawAgainError


def choose(g: Draw, slot: Slot, gap: Gap | None = None) -> Filler:
    """What fills a slot, not yet declined."""
    if gap and slot.direct:
        return gap
    if slot.fixed:
        return g.pick(slot.fixed)
    if slot.classes == "person" and g.chance(0.35):
        return g.pick(OBJECT_PRONOUNS)
    return g.pick(nouns_of(slot.classes))


def sensible(subject: Subject, fillers: list[Filler]) -> bool:
    """Nobody does it to themselves, and grandfathers do not play with their uncles."""
    elder = subject.key in NOUN and NOUN[subject.key].noun_class == "elder"
    for filler in fillers:
        if isinstance(filler, Pronoun) and subject.key in filler.not_by.split():
            return False
        if isinstance(filler, Noun) and (
            filler.de == subject.key or (elder and filler.noun_class == "elder")
        ):
            return False
    return True


def fill(
    g: Draw, frame: Frame, subject: Subject, fillers: list[Filler], negate: bool, style: str
) -> Clause:
    """Decline what fills the frame and put each part where German wants it."""
    g.claim(subject.key, frame.verb, *(filler.de for filler in fillers))
    parts: dict[str, list[str]] = {"pronouns": [], "objects": [], "tail": []}
    english, nouns, negative = [], [], "nicht" if negate else ""
    for slot, filler in zip(frame.slots, fillers, strict=True):
        home = "tail" if slot.fixed or slot.preposition else "objects"
        if isinstance(filler, Noun):
            phrase, gender, kein = declined(g, filler, slot, subject, negate, style)
            negative = "kein" if kein else negative
            nouns.append((filler, gender))
        elif isinstance(filler, Phrase):
            phrase = filler
        else:
            home = "tail" if slot.preposition else "pronouns"
            phrase = filler.phrase if isinstance(filler, Gap) else filler.in_case(slot.case)
        german = join_preposition(slot.preposition, phrase.de) if slot.preposition else phrase.de
        parts[home].append(german)
        english.append(phrase.en)
    return Clause(
        subject,
        frame.verb,
        words(*frame.english.format(*english).split()),
        tuple(parts["pronouns"]),
        tuple(parts["objects"]),
        tuple(parts["tail"]),
        negative,
        state="state" in frame.tags,
        plain="plain" in frame.tags,
        objects_named=tuple(nouns),
    )


def declined(
    g: Draw, noun: Noun, slot: Slot, subject: Subject, negate: bool, style: str
) -> tuple[Phrase, str, bool]:
    """A noun for a slot; also the gender in use, and whether it took the negation ("kein")."""
    article, determiner, number = g.pick(slot.articles), "", NOTHING
    if style == "general" and "ein" in slot.articles:
        article = "pl"
    # One eats fish and pizza, but apples and eggs.
    portion = noun.noun_class == "dish" and noun.de not in ("Ei", "Kartoffel", "Wurst")
    if article == "pl" and negate and portion:
        article = "ein"
    plural = article in ("pl", "die", "zahl") and not noun.mass and noun.gender != "p"
    if article == "zahl" and plural:
        article, number = "", g.phrase(LEXICON.numbers + " | viele = many | ein paar = a few")
    elif article == "pl" and portion:
        article, plural = "", False
    elif article == "mein":
        article, determiner = possessive(noun, subject)
        plural = noun.noun_class == "clothes" and subject.person > 2  # to each their own
    else:
        article = {"pl": "ein", "zahl": "ein", "die": "der"}.get(article, article)
    kein = negate and article == "ein" and slot.direct
    article = "kein" if kein else article
    adjective = None if number.de or style else quality(g, noun)
    phrase = noun_phrase(
        noun, article, slot.case,
        plural=plural, adjective=adjective, number=number, determiner=determiner,
    )  # fmt: skip
    return phrase, "p" if plural else noun.gender, kein


def possessive(noun: Noun, subject: Subject) -> tuple[str, str]:
    """The subject's own, or mine where the subject owns nothing; nobody owns strangers."""
    if noun.noun_class in ("stranger", "child") and noun.de != "Kind":
        return "der", ""
    if subject.owner[0]:
        return subject.owner
    return ("mein", "my") if noun in nouns_of("near") else ("der", "")


def circumstance(g: Draw, name: str, subject: Subject) -> Clause:
    """How somebody is, or what goes on around, by its name in `LEXICON.states`."""
    german, english = LEXICON.states[name].split(" = ")
    who, comma, rest = german.rpartition(", ")
    verb, _, complement = rest.partition(" ")
    if comma:
        subject = Subject(who, LEXICON.impersonal[who], 2, who)
    else:
        g.claim(subject.key, verb, complement)
    is_state = verb not in ("regnen", "schneien", "scheinen")
    return Clause(subject, verb, english, tail=(complement,) if complement else (), state=is_state)


def remark(
    g: Draw, noun: Noun, subject: Subject, signs: str = "+-0", *, taste: bool = False, but: str = ""
) -> tuple[Clause, str]:
    """What a thing is like or how it tastes, and whether that is welcome: "+", "-" or "0".

    Args:
        g: makes the choices.
        noun: what is remarked upon.
        subject: what it is called.
        signs: which of the signs will do.
        taste: speak of the taste.
        but: what should not be said here.
    """
    edible = noun in nouns_of("food+sweet+drink")
    if edible and (taste or g.chance(0.45)):
        german, sign = g.pick([("gut", "+"), ("gut", "+"), ("sehr gut", "+"), ("gut", "-")])
        g.claim(noun.de, "schmecken", german)
        english = "taste " + german.replace("sehr", "very").replace("gut", "good")
        no = "nicht" if sign == "-" else ""
        clause = Clause(subject, "schmecken", english, tail=(german,), negative=no, state=True)
    else:
        fitting = [
            (said, sign)
            for said, sign in remarks_about(noun.de)
            if said.de not in but.split("|") and g.owns(noun.de, "sein", said.de)
        ]
        if not fitting:
            raise DrawAgainError
        said, sign = g.pick(fitting)
        clause = be(g, subject, said)
    if sign not in signs:
        raise DrawAgainError
    return clause, sign


def be(g: Draw, subject: Subject, said: Phrase, *more: str) -> Clause:
    """Subject, "sein" and an adjective."""
    g.claim(subject.key, "sein", said.de, *more)
    return Clause(subject, "sein", "be " + said.en, tail=(said.de,), state=True)


def stand_in(noun: Noun) -> Subject:
    """A German pronoun that only its gender explains; English repeats the noun."""
    return Subject(THING[noun.gender], f"the {noun.en}", 2, noun.de)


def shared_past(g: Draw, *clauses: Clause) -> str:
    """A past that suits all of the clauses."""
    told = all(past_tense("past", c.verb, c.state, c.subject.person) == "past" for c in clauses)
    return g.word("perfect past") if told else "perfect"
