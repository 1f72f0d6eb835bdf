"""The built-in German-English corpus: everyday sentences from a small hand-written grammar.

It lets a learner train a real translation model in minutes, offline, and look closely at one
question: in "Die Pizza kam aus dem Ofen und sie schmeckte gut", how does a model know that *sie* is
the pizza and not the oven? German marks it by gender, so gender is everywhere in this corpus.

**How a sentence is made.** A *frame* says who does what ("who | kochen | acc:cooked:ein |
cook {0}"). `event` fills a frame with nouns and gives a `Clause`; `say` puts a clause into words of
both languages, in a tense and a word order; a *pattern* combines clauses to a sentence.

- `lexicon.py` is the words: nouns, verbs, frames. To add one, add a line to a table.
- `grammar.py` is how it is said: reading the tables, declining, conjugating, `say`.
- This file is what is said: it draws, fills frames, and combines clauses. To add a pattern, write a
  function that draws one sentence, and add it to `PATTERNS`.

**How the splits are made.** A clause has a combination: the lemmas of its subject, its verb and its
complements, whatever the tense, the article, the number or the word order ("Vater backen Kuchen").
A hash of the combination alone decides its split, and *every* clause of a sentence must belong to
the sentence's split. So if "Gestern hat mein Vater einen Kuchen gebacken" is in test, no training
sentence of any pattern tells of a father who bakes a cake, though fathers, baking and cakes all
occur. What carries no combination: adverbs, adjectives before nouns, stock openers ("Ich glaube,
dass ..."), the sun and the rain in a subordinate clause. Set phrases and the sentences of the
README (`ANCHORS`) have nothing to recombine and are training data only. Held-out sentences use no
word that the default training pairs lack.

**What English to expect.** The translation is a function of the German sentence:

- Present: progressive for what happens ("liest" → "is reading"), simple for states, habits,
  timetables and beside "wenn". Perfect and Präteritum alike: simple past.
- du, ihr, Sie → you. "Sie" with a plural verb never opens a sentence: it could be you or they.
- kein → "not a" or "not any"; wenn → if; ob → whether; müssen → have to.
- A pronoun for the subject of the clause before is "it". A pronoun that can only mean the other
  thing repeats its noun, since an English "it" would hide what German shows: "Die Pizza kam aus dem
  Ofen und er war noch heiß." → "... and the oven was still hot."
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import TypeVar

from . import lexicon
from .grammar import (
    ALL_SCENES,
    BESIDE,
    BESIDE_REASONS,
    CLASSES,
    DU,
    HE,
    ICH,
    IHR,
    NOTHING,
    NOUN,
    OBJECT_PRONOUNS,
    OWNERS,
    PAST_MODALS,
    PERSONAL,
    QUALITIES,
    REMARKS,
    SHE,
    SIE,
    TENSES,
    THEY,
    THING,
    THING_OBJECT,
    WHO,
    WIR,
    Clause,
    Frame,
    Gap,
    Noun,
    Phrase,
    Pronoun,
    Slot,
    Subject,
    end,
    frames_with,
    german_article,
    imperative,
    it,
    join,
    join_preposition,
    named,
    noun_phrase,
    nouns_of,
    opened_by,
    past_tense,
    phrases,
    places,
    present,
    remarks_about,
    say,
    table,
    words,
)

SPLITS = ("train", "val", "test")

# Pairs given when n is None, and the most a split gives: the grammar has more, but drawing slows
# down once most draws have been seen before.
DEFAULT_PAIRS = {"train": 40_000, "val": 500, "test": 1_000}
MAX_PAIRS = {"train": 200_000, "val": 5_000, "test": 10_000}

# Shares of the combinations that are held out.
TEST_SHARE, VAL_SHARE = 0.08, 0.04

# One training sentence in this many loses its final period, in both languages, so that a model
# trained on the corpus forgives a missing one.
ONE_IN_UNPUNCTUATED = 33

# How often a pattern is tried before another takes its turn: held-out combinations are rare, and a
# sentence may need two of them.
TRIES = 100

# Always in train, whatever the seed: what the README promises, and set phrases.
ANCHORS = """
    Die Pizza kam aus dem Ofen = The pizza came out of the oven |
    Die Pizza kam aus dem Ofen. = The pizza came out of the oven. |
    Die Pizza kam aus dem Ofen und schmeckte gut. =
        The pizza came out of the oven and tasted good. |
    Die Pizza kam aus dem Ofen und sie schmeckte gut. =
        The pizza came out of the oven and it tasted good. |
    Der Kuchen kam aus dem Ofen und er schmeckte gut. =
        The cake came out of the oven and it tasted good. |
    Das Brot kam aus dem Ofen und es schmeckte gut. =
        The bread came out of the oven and it tasted good. |
    Die Pizza kam aus dem Ofen und er war noch heiß. =
        The pizza came out of the oven and the oven was still hot. |
    Ein Hund läuft durch den Schnee. = A dog is running through the snow. |
    Wo ist der Bahnhof? = Where is the station? | Guten Morgen! = Good morning! |
    Guten Tag! = Hello! | Guten Abend! = Good evening! | Gute Nacht! = Good night! | Hallo! = Hi! |
    Auf Wiedersehen! = Goodbye! | Tschüss! = Bye! | Bis morgen! = See you tomorrow! |
    Bis bald! = See you soon! | Danke! = Thank you! | Vielen Dank! = Thank you very much! |
    Bitte! = You're welcome! | Entschuldigung! = Excuse me! | Ja, bitte. = Yes, please. |
    Nein, danke. = No, thank you. | Wie geht es dir? = How are you? |
    Wie geht es Ihnen? = How are you? | Es geht mir gut. = I am fine. |
    Wie heißt du? = What is your name? | Viel Glück! = Good luck! |
    Wie heißen Sie? = What is your name? | Gute Reise! = Have a good trip! | Prost! = Cheers! |
    Gute Besserung! = Get well soon! | Guten Appetit! = Enjoy your meal! |
    Alles Gute! = All the best! | Herzlichen Glückwunsch! = Congratulations! |
    Willkommen! = Welcome! | Es tut mir leid. = I am sorry. | Kein Problem. = No problem. |
    Natürlich. = Of course. | Wie spät ist es? = What time is it? | Das stimmt. = That is right. |
    Ich weiß es nicht. = I don't know."""
# Their combinations, so that no held-out sentence repeats one.
ANCHOR_KEYS = """Pizza kommen Ofen | Kuchen kommen Ofen | Brot kommen Ofen | Pizza schmecken gut |
    Kuchen schmecken gut | Brot schmecken gut | Ofen sein noch heiß | wo sein Bahnhof |
    Hund laufen durch den Schnee"""

# ------------------------------------------------------------------------------------------------
# Drawing
# ------------------------------------------------------------------------------------------------

T = TypeVar("T")
KEPT_FOR_TRAINING = frozenset(pair.de for pair in phrases(ANCHOR_KEYS))
ADVERBS = table(lexicon.TIMES)


class DrawAgainError(Exception):
    """What was drawn does not go together, or belongs to another split: start again."""


@cache
def split_of(key: str) -> str:
    """The split of a combination, the same for ever and on every machine."""
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / 2**32
    if key in KEPT_FOR_TRAINING or share >= TEST_SHARE + VAL_SHARE:
        return "train"
    return "test" if share < TEST_SHARE else "val"


class Draw:
    """Random choices that keep to one split."""

    def __init__(self, split: str, seed: int) -> None:
        self.split = split
        self.keys: list[str] = []  # the combinations of the sentence being drawn
        # Seeded with text and asked for random() only: Python promises the same numbers for ever.
        self._random = random.Random(f"{split} {seed}").random

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self._random() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of them, all equally likely."""
        return options[int(self._random() * len(options))]

    def word(self, options: str) -> str:
        """One of the words of a text."""
        return self.pick(options.split())

    def pair(self, options: str) -> tuple[str, str]:
        """One of "this/that ..."."""
        first, _, second = self.word(options).partition("/")
        return first, second

    def phrase(self, text: str) -> Phrase:
        """One of "German = English | ..."."""
        return self.pick(phrases(text))

    def time(self, tense: str) -> Phrase:
        """An adverb of time that suits the tense."""
        if tense in ("perfect", *PAST_MODALS):
            tense = "past"
        return self.phrase(ADVERBS.get(tense, ADVERBS["future"]))

    def maybe(self, share: float, phrase: Phrase) -> Phrase:
        """The phrase that often, else nothing."""
        return phrase if self.chance(share) else NOTHING

    def owns(self, *lemmas: str) -> bool:
        """Whether a combination belongs to the split."""
        return split_of(" ".join(lemmas)) == self.split

    def claim(self, *lemmas: str) -> None:
        """Use a combination, or start again if it is another split's."""
        if not self.owns(*lemmas):
            raise DrawAgainError
        self.keys.append(" ".join(lemmas))


# ------------------------------------------------------------------------------------------------
# Filling frames
# ------------------------------------------------------------------------------------------------

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
    if classes in lexicon.IMPERSONAL:
        return Subject(classes, lexicon.IMPERSONAL[classes], 2, classes)
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
        article, number = "", g.phrase(lexicon.NUMBERS + " | viele = many | ein paar = a few")
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


STATE, WHY, IN_SPITE = (
    table(text) for text in (lexicon.STATES, lexicon.REASONS, lexicon.OBSTACLES)
)


def circumstance(g: Draw, name: str, subject: Subject) -> Clause:
    """How somebody is, or what goes on around, by its name in `STATES`."""
    german, english = STATE[name].split(" = ")
    who, comma, rest = german.rpartition(", ")
    verb, _, complement = rest.partition(" ")
    if comma:
        subject = Subject(who, lexicon.IMPERSONAL[who], 2, who)
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


def and_or_but(first: Phrase, second: Phrase, sign: str) -> Phrase:
    """A sentence and a remark that is welcome ("and") or not ("but")."""
    return end(join(first, ", aber = , but" if sign == "-" else "und = and", second))


# ------------------------------------------------------------------------------------------------
# Sentence patterns: each draws one sentence
# ------------------------------------------------------------------------------------------------

Pattern = Callable[[Draw], Phrase]
WEIL, OBWOHL = Phrase("weil", "because"), Phrase("obwohl", "although")
WENN, DASS, OB = Phrase("wenn", "if"), Phrase("dass", "that"), Phrase("ob", "whether")
# The classes that have predicates.
REMARKED = tuple(name for name in REMARKS if name in CLASSES)


def telling(
    tags: str,
    tenses: str,
    time: float = 0,
    *,
    often: bool = False,
    first: bool = False,
    no: float = 0,
) -> Pattern:
    """Statements.

    Args:
        tags: what is told about; one of the alternatives behind "/".
        tenses: one of these.
        time: share that has an adverb of time.
        often: whether it has an adverb of frequency.
        first: whether the adverb of time opens the sentence, and the verb still comes second.
        no: share that is negated.
    """

    def pattern(g: Draw) -> Phrase:
        tense = g.word(tenses)
        speakers, style = LATER if first else FIRST, "general" if tense == "simple" else ""
        tag = g.pick(tags.split("/"))
        clause = event(g, tag, speakers=speakers, negate=g.chance(no), style=style)
        when = g.time("every" if tense == "simple" else tense)
        if first:
            return end(say(clause, tense, lead=when))
        how_often = g.time("often") if often else NOTHING
        return end(say(clause, tense, time=g.maybe(time, when), often=how_often))

    return pattern


def asking(
    tags: str, tenses: str, lead: str = "", time: float = 0, *, gap: bool = False, no: float = 0
) -> Pattern:
    """Questions: yes or no, or with a question word; `gap` asks for the object."""

    def pattern(g: Draw) -> Phrase:
        tense, negate = g.word(tenses), g.chance(no)
        missing, style = Gap("?") if gap else None, "general" if tense == "simple" else ""
        tag = g.pick(tags.split("/"))
        clause = event(g, tag, speakers=ASKED, negate=negate, gap=missing, style=style)
        word = g.phrase(lead) if lead else NOTHING
        if word.de == "wann" and any(x.startswith(("um ", "früh", "spät")) for x in clause.tail):
            raise DrawAgainError
        when = g.maybe(time, g.time(tense)) if tense != "simple" else NOTHING
        return end(say(clause, tense, "question", lead=word, time=when), "?")

    return pattern


# What has no will of its own.
IMPASSIVE = ("public vehicle", "pet", "beast", "show", "outing", "exercise")


def reporting(openers: str, link: Phrase, tenses: str) -> Pattern:
    """An opener and a subordinate clause: "Ich weiß nicht, ob ..."."""

    def pattern(g: Draw) -> Phrase:
        opener = g.phrase(openers)
        tags = g.pick(["doing", "doing", "state human", "thing", "timetable", "animal"])
        clause = event(g, tags, speakers=LATER)
        tense = g.word(tenses)
        if clause.state or NOUN.get(clause.subject.key, NOUN["Mann"]).noun_class in IMPASSIVE:
            tense = "present"
        return end(join(opener, ", =", say(clause, tense, "sub", lead=link)))

    return pattern


def who_did_it(g: Draw) -> Phrase:
    tense = g.word("present perfect perfect können möchten müssen")
    return end(say(event(g, "doing", subject=WHO), tense, time=g.maybe(0.3, g.time(tense))), "?")


def where_or_when(g: Draw) -> Phrase:
    """Wo, wohin, woher; and when does it leave?"""
    asked = g.pick(phrases(lexicon.WHERE_OR_WHEN, "/"))
    german, verb = asked.de.split()
    vehicle = german == "wann" and g.chance(0.7)
    if vehicle:
        subject = something(g, "public vehicle", "der der dieser unser")
    else:
        subject = somebody(g, "who", ASKED)
    g.claim(subject.key, verb, german)
    state = verb in ("wohnen", "kommen")
    clause = Clause(subject, verb, asked.en, state=state, plain=german == "wann")
    tense = "present"
    if not state:
        tense = g.word("present perfect" if vehicle else "present perfect wollen")
    time = NOTHING if state or german == "wann" else g.maybe(0.4, g.time(tense))
    lead = Phrase(german, "when" if german == "wann" else "where")
    return end(say(clause, tense, "question", lead=lead, time=time), "?")


def linked(conjunction: Phrase, table_of: dict[str, str], tenses: str) -> Pattern:
    """A clause and why, in spite of what or when it is so, in either order."""

    def pattern(g: Draw) -> Phrase:
        topic = g.pick(list(table_of))
        clause = event(g, topic)
        main_tense, tense = g.pair(tenses)
        other = circumstance(g, g.word(table_of[topic]), again(clause.subject))
        if g.chance(0.6):
            second = say(other, tense, "sub", lead=conjunction)
            return end(join(say(clause, main_tense), ", =", second))
        if other.subject.key == clause.subject.key:  # the noun comes first now, the pronoun second
            other = replace(other, subject=clause.subject)
            clause = replace(clause, subject=again(clause.subject))
        return end(opened_by(say(other, tense, "sub", lead=conjunction), clause, main_tense))

    return pattern


def wanted_but(g: Draw) -> Phrase:
    topic = g.pick([topic for topic in IN_SPITE if topic != "eat"])
    clause = event(g, topic)
    excuse = circumstance(g, g.word(IN_SPITE[topic]), again(clause.subject))
    tense, state_tense = g.pair("wollte/past wollte/past möchten/present")
    return end(join(say(clause, tense), ", aber = , but", say(excuse, state_tense)))


def as_a_child(g: Draw) -> Phrase:
    elders = [named(noun, "mein") for noun in nouns_of("elder") if noun.gender != "p"]
    subject = g.pick([ICH, ICH, HE, SHE, *elders])
    clause = event(g, g.pick(["fun habit", "gern habit"]), subject=again(subject))
    child = Clause(subject, "sein", "be a child", tail=("ein Kind",), state=True)
    opening = say(child, "past", "sub", lead=Phrase("als", "when"))
    tense = g.word("perfect past")
    often = g.phrase("oft = often | immer = always | manchmal = sometimes")
    return end(opened_by(opening, clause, tense, often))


def at_that_moment(g: Draw) -> Phrase:
    """What one did when something happened."""
    moment = g.phrase(lexicon.MOMENTS)
    english, topic = moment.en.split(": ")
    clause = event(g, topic, speakers=LATER)
    return end(opened_by(Phrase(moment.de, english), clause, g.word("perfect past")))


def command(g: Draw) -> Phrase:
    """Imperatives: "Mach bitte die Tür zu.", "Machen Sie ...", "Mach die Tür nicht zu!"."""
    subject, negate = g.pick([DU, DU, IHR, SIE]), g.chance(0.3)
    clause = event(g, "order", subject=subject, negate=negate)
    please = NOTHING if negate else Phrase("bitte", "")
    german = say(clause, "present", "bare", time=please).de.partition(" ")[2]
    english = words("don't" if negate else "please", clause.english)
    german = f"{imperative(clause.verb, subject.person)} {german}"
    return end(Phrase(german, english), "!" if negate else ".")


def request(g: Draw) -> Phrase:
    """Polite questions: "Könnten Sie bitte ...?"."""
    clause = event(g, "order", subject=g.pick([DU, DU, IHR, SIE]))
    tense = g.word("können können könnten würden")
    german = say(clause, tense, "question", time=Phrase("bitte", "")).de
    return end(Phrase(german, f"{TENSES[tense][0]} you please {clause.english}"), "?")


def lets(g: Draw) -> Phrase:
    clause = event(g, "gern", subject=WIR)
    time = g.maybe(0.5, g.phrase("heute = today | morgen = tomorrow | heute Abend = tonight"))
    german = say(clause, "können", "bare", time=time).de.partition(" ")[2]
    return end(Phrase(f"lass uns {german}", words("let's", clause.english, time.en)))


def in_order_to(g: Draw) -> Phrase:
    """Somebody goes where one does a thing, and why: "um ... zu"; or does it: "und"."""
    place, tags = g.pick(lexicon.ERRANDS.split("|")).split()
    subject, target = somebody(g), places("to", place)[0]
    g.claim(subject.key, "gehen", target.de)
    going = Clause(subject, "gehen", f"go {target.en}", tail=(target.de,))
    clause = event(g, tags, subject=subject)
    if g.chance(0.5):
        goal = say(clause, "present", "zu", lead=Phrase("um", ""))
        return end(join(say(going, g.word("present perfect wollen müssen")), ", =", goal))
    tense = shared_past(g, going, clause)
    return end(join(say(going, tense), "und = and", say(clause, tense, "bare")))


def shared_past(g: Draw, *clauses: Clause) -> str:
    """A past that suits all of the clauses."""
    told = all(past_tense("past", c.verb, c.state, c.subject.person) == "past" for c in clauses)
    return g.word("perfect past") if told else "perfect"


def to_do(g: Draw) -> Phrase:
    """Infinitives with zu: "Ich habe vergessen, die Tür zuzumachen."."""
    verb, english, tags = g.pick([("vergessen", "forget", "chore"), ("versuchen", "try", "hard")])
    subject = somebody(g)
    clause = event(g, tags, subject=subject)
    tense = "perfect" if verb == "vergessen" else g.word("present perfect past")
    opener = Clause(subject, verb, english)
    return end(join(say(opener, tense), ", =", say(clause, "present", "zu")))


def worth_doing(g: Draw) -> Phrase:
    opener = g.phrase("""es macht Spaß = it is fun | es ist schön = it is nice |
        ich habe vor = I plan | ich habe Lust = I would like | hast du Lust = would you like?""")
    subject = DU if opener.de.startswith("hast") else ICH
    return end(join(opener, ", =", say(event(g, "fun", subject=subject), "present", "zu")))


def likes_doing(g: Draw) -> Phrase:
    """German likes with an adverb: "Ich lese gern Romane." → "I like to read novels."."""
    clause = event(g, "gern", style="general")
    clause = replace(clause, english="like to " + clause.english, plain=True)
    return end(say(clause, "present", time=Phrase("gern", "")))


def person_who(g: Draw) -> Phrase:
    """Relative clauses: "Das ist der Mann, der ...", in the gender of the noun."""
    noun = g.pick(nouns_of("stranger+child+friend"))
    pronoun = german_article("der", noun.gender, "nom")
    actor = Subject(pronoun, "who", 2, noun.de, noun.gender, OWNERS[noun.gender])
    inner = say(event(g, "human", subject=actor), g.word("perfect past present"), "sub")
    opener = g.phrase(
        "das ist = that is | wo ist = where is? | kennst du = do you know? | ich kenne = I know"
    )
    person = noun_phrase(noun, "der", "acc" if "kenn" in opener.de else "nom")
    return end(join(join(opener, "=", person), ", =", inner))


def thing_that(g: Draw) -> Phrase:
    """The object as relative pronoun: "Der Kuchen, den meine Mutter gebacken hat, ..."."""
    tags, classes = g.pair("create/cooked+baked acquire/goods find/lost books/reading")
    noun = g.pick(nouns_of(classes))
    clause = event(g, tags, speakers=LATER, gap=Gap(noun.de))
    pronoun = Phrase(german_article("der", noun.gender, "acc"), "that")
    inner, head = say(clause, "perfect", "sub", lead=pronoun), noun_phrase(noun)
    if g.chance(0.25):
        return end(Phrase(f"das ist {head.de}, {inner.de}", f"that is {head.en} {inner.en}"))
    said = say(remark(g, noun, Subject("", "", 2, noun.de))[0], g.word("present past"))
    return end(Phrase(f"{head.de}, {inner.de}, {said.de}", f"{head.en} {inner.en} {said.en}"))


COMPARED = [[word.replace("_", " ") for word in x.split()] for x in lexicon.COMPARATIVES.split("|")]
GRADED = [base for base, *_ in COMPARED] + ["heiß", "kalt", "schmutzig", "langweilig", "wichtig"]


def thing_is(g: Draw) -> Phrase:
    subject = something(g, "+".join(REMARKED))
    clause, _ = remark(g, NOUN[subject.key], subject)
    tense = g.word("present present past")
    if clause.verb == "sein" and clause.tail[0] in GRADED and g.chance(0.4):
        how = g.phrase("sehr = very | wirklich = really | ziemlich = quite | zu = too")
        english = clause.english.replace("be ", f"be {how.en} ")
        clause = replace(clause, tail=(f"{how.de} {clause.tail[0]}",), english=english)
    elif not clause.negative and " " not in clause.tail[0] and g.chance(0.25):
        clause = replace(clause, negative="nicht")
    if g.chance(0.2):
        return end(say(clause, tense, "question"), "?")
    return end(say(clause, tense))


def comparison(g: Draw) -> Phrase:
    """More than and as much as: "größer als", "so groß wie"."""
    first = g.pick(nouns_of("+".join(name for name in REMARKED if name != "beast")))
    second = g.pick(CLASSES[first.noun_class])
    base, more, en, en_more = g.pick(COMPARED)
    if first is second or base not in [said.de for said, _ in REMARKS[first.noun_class]]:
        raise DrawAgainError
    subject, other = named(first, "der"), noun_phrase(second)
    clause = be(g, subject, Phrase(base, en), second.de)
    if g.chance(0.6):
        tail, english, no = f"{more} als {other.de}", f"be {en_more} than {other.en}", ""
    else:
        tail, english = f"so {base} wie {other.de}", f"be as {en} as {other.en}"
        no = "nicht" if g.chance(0.3) else ""
    clause = replace(clause, tail=(tail,), english=english, negative=no)
    return end(say(clause, g.word("present present past")))


def this_is(g: Draw) -> Phrase:
    """This and that: "Das ist mein Bruder.", "Wo ist dein Mantel?"."""
    opener = g.phrase(
        """das ist = that is | das ist nicht = that isn't | ist das = is that? |
        wo ist = where is? | hier ist = here is"""
    )
    noun = g.pick(nouns_of("belonging+clothes+own vehicle+pet+gift+Buch+Brief+sibling+friend"))
    g.claim(opener.de, noun.de)
    which = noun_phrase(noun, g.word("mein dein unser sein"), adjective=quality(g, noun))
    return end(join(opener, "=", which))


def pleases(g: Draw) -> Phrase:
    """German subject, English object: "Das Kleid gefällt mir." → "I like the dress."."""
    verb, classes = g.pick(
        [
            ("gefallen", "clothes+furniture+own vehicle+building+show+reading+gift"),
            ("schmecken", "food+drink+spread+sweet"),
        ]
    )
    noun = g.pick(nouns_of(classes))
    thing = named(noun, g.word("der der dieser dein"), adjective=quality(g, noun))
    tense, no = g.word("present present past"), g.word("- - nicht").strip("-")
    if g.chance(0.6):
        pronoun = g.pick(OBJECT_PRONOUNS)
        fan = {"me": ICH, "you": DU, "us": WIR, "him": HE, "her": SHE}[pronoun.en]
        lemma, dative = pronoun.de, pronoun.dative
    else:
        person = g.pick(nouns_of("near"))
        article = g.word(SUBJECT_ARTICLES.get(person.noun_class, "der"))
        fan = named(person, article)
        lemma, dative = person.de, noun_phrase(person, article, "dat").de
    g.claim(noun.de, verb, lemma)
    german = say(Clause(thing, verb, "like", objects=(dative,), negative=no, state=True), tense).de
    liking = Clause(fan, verb, f"like {thing.en}", negative=no, state=True)
    return end(Phrase(german, say(liking, tense).en))


def there_is(g: Draw) -> Phrase:
    noun = g.pick(nouns_of("place+Hotel"))
    spot = g.phrase("""in der Stadt = in the city | hier = here |
        in dieser Straße = on this street | in der Nähe = nearby | am Bahnhof = at the station""")
    g.claim("es", "geben", noun.de, spot.de)
    article, shape = g.pick([("ein", "is"), ("kein", "isn't"), ("ein", "?")])
    what = noun_phrase(noun, article, "acc")
    if shape == "?":
        return end(Phrase(f"gibt es {spot.de} {what.de}", f"is there {what.en} {spot.en}"), "?")
    return end(Phrase(f"es gibt {spot.de} {what.de}", f"there {shape} {what.en} {spot.en}"))


def the_way(g: Draw) -> Phrase:
    opener = g.phrase("""wo ist = where is | Entschuldigung, wo ist = excuse me, where is |
        wie komme ich = how do I get to | ist es weit = is it far to |
        wo ist der nächste = where is the nearest""")
    noun = g.pick(nouns_of("place"))
    g.claim("wo", "sein", noun.de)
    if "wie" in opener.de or "weit" in opener.de:
        to = join_preposition("zu", noun_phrase(noun, "der", "dat").de)
        return end(Phrase(f"{opener.de} {to}", f"{opener.en} the {noun.en}"), "?")
    if "nächste" in opener.de:
        nearest = noun_phrase(noun, adjective=Phrase("nächst", "nearest"))
        return end(Phrase(f"wo ist {nearest.de}", f"where is {nearest.en}"), "?")
    return end(join(opener, "=", noun_phrase(noun)), "?")


# What has nothing to do with where a thing is.
NOT_IN_SCENES = "teuer|billig|langweilig|interessant|lang|kurz|laut|weg"


def scene(g: Draw) -> tuple[Clause, Noun, Noun]:
    """A thing or an animal, and what it came from or lies on."""
    for _ in range(60):
        frame = g.pick(ALL_SCENES)
        subject = something(g, frame.subjects, "der der der der der ein")
        fillers = [choose(g, slot) for slot in frame.slots]
        if g.owns(subject.key, frame.verb, fillers[0].de) and sensible(subject, fillers):
            clause = fill(g, frame, subject, fillers, False, "sober")
            return clause, NOUN[subject.key], clause.objects_named[0][0]
    raise DrawAgainError


def scene_tenses(g: Draw, clause: Clause) -> tuple[str, str]:
    """A position can be told of in the present, a movement is over."""
    if clause.verb not in ("kommen", "fallen"):
        return g.pair("past/past past/past present/present")
    return g.pair("past/past past/past perfect/past")


def only_scene(g: Draw) -> Phrase:
    clause, *_ = scene(g)
    tense, _ = scene_tenses(g, clause)
    if g.chance(0.25):
        return end(say(clause, "perfect" if tense == "past" else tense, "question"), "?")
    return end(say(clause, tense))


def what_the_pronoun_means(g: Draw) -> Phrase:
    """What the corpus is for: "... kam aus dem Ofen und sie / er ..."."""
    clause, noun, other = scene(g)
    tense, then = scene_tenses(g, clause)
    if g.chance(0.6):
        second, sign = remark(g, noun, it(clause.subject), but=NOT_IN_SCENES)
    else:
        # A pronoun means the other thing only where it cannot mean the subject.
        if THING[other.gender] == THING[clause.subject.gender]:
            raise DrawAgainError
        but = NOT_IN_SCENES + "|schön|warm|ruhig|kalt" * (other.gender == "n")  # "es war schön"
        second, sign = remark(g, other, stand_in(other), but=but)
    return and_or_but(say(clause, tense), say(second, then), sign)


def two_verbs(g: Draw) -> Phrase:
    """One subject, two verbs: "Die Pizza kam aus dem Ofen und schmeckte gut."."""
    clause, noun, _ = scene(g)
    second, _ = remark(g, noun, clause.subject, "+0", but=NOT_IN_SCENES)
    return end(join(say(clause, "past"), "und = and", say(second, "past", "bare")))


def object_of(clause: Clause) -> tuple[Noun, str]:
    """The last noun of a clause, and its gender; it must look either singular or plural."""
    if not clause.objects_named or clause.negative:
        raise DrawAgainError
    noun, gender = clause.objects_named[-1]
    return noun, gender


def got_but(g: Draw) -> Phrase:
    """A person and a thing: "Der Mann kaufte eine Lampe, aber sie war kaputt."."""
    clause = event(g, g.pick(["acquire", "find", "books", "menu", "create", "try"]), style="sober")
    noun, gender = object_of(clause)
    taste = noun in nouns_of("food+drink")
    second, sign = remark(g, noun, it(named(noun, plural=gender == "p")), taste=taste)
    tense, then = g.pair("perfect/past past/past")
    return and_or_but(say(clause, tense), say(second, then), sign)


def because_it_is(g: Draw) -> Phrase:
    """What the thing is like is the reason: "..., weil sie kalt war"."""
    noun = g.pick(nouns_of("dish+baked+fruit+clothes+own vehicle+furniture+reading+cold drink"))
    tags = {"reading": "books", "cold drink": "drink"}.get(
        noun.noun_class, "eat" if noun in nouns_of("food") else "acquire"
    )
    thing = noun_phrase(noun, g.word("der der dieser"), "acc")
    clause = event(g, tags, gap=Gap(noun.de, thing), style="sober")
    reasons = [(WEIL, True, "-"), (WEIL, False, "+"), (OBWOHL, False, "-")]
    conjunction, negate, sign = g.pick(reasons)
    clause = replace(clause, pronouns=(), objects=(thing.de,), negative="nicht" if negate else "")
    second, _ = remark(g, noun, it(named(noun)), sign)
    tense, then = g.pair("perfect/past past/past present/present")
    return end(join(say(clause, tense), ", =", say(second, then, "sub", lead=conjunction)))


def person_or_thing(g: Draw) -> Phrase:
    """What only gender tells: "Die Frau nahm den Kuchen aus dem Ofen, weil er fertig war" (it).

    Person and thing are of different genders, so that the pronoun can mean only one of them: the
    near thing, or the person further away ("..., weil sie hungrig war": she).
    """
    for _ in range(60):
        frame = g.pick(BESIDE)
        person = somebody(g, frame.subjects)
        fillers = [choose(g, slot) for slot in frame.slots]
        thing = fillers[0]
        assert isinstance(thing, Noun)
        contrast = {person.gender, thing.gender} == {"m", "f"}
        if contrast and g.owns(person.key, frame.verb, *(filler.de for filler in fillers)):
            break
    else:
        raise DrawAgainError
    clause = fill(g, frame, person, fillers, False, "sober")
    [topic] = frame.tags & BESIDE_REASONS.keys()
    of_thing, of_person = BESIDE_REASONS[topic]
    near = g.chance(0.5)
    meant = it(named(thing)) if near else again(person)
    reasons = [r for r in (of_thing if near else of_person) if g.owns(meant.key, "sein", r.de)]
    if not reasons:
        raise DrawAgainError
    reason = be(g, meant, g.pick(reasons))
    tense, then = g.pair("past/past past/past perfect/past present/present")
    return end(join(say(clause, tense), ", =", say(reason, then, "sub", lead=WEIL)))


def and_was(g: Draw) -> Phrase:
    """A person again: "Die Frau kam nach Hause und sie war müde."."""
    topic, *moods = g.pick(lexicon.OUTCOMES.split("|")).split()
    clause = event(g, topic)
    mood = circumstance(g, g.pick(moods), again(clause.subject))
    return end(join(say(clause, g.word("perfect past")), "und = and", say(mood, "past")))


def and_then(g: Draw) -> Phrase:
    """The pronoun as object: "Meine Mutter kochte eine Suppe und wir aßen sie."."""
    first_tags, second_tags = g.pair(
        "create/consume shop/consume menu/consume find/after acquire/after books/after"
    )
    first = event(g, first_tags)
    noun, gender = object_of(first)
    pronoun = Phrase(THING_OBJECT[gender], "them" if gender == "p" else "it")
    same = again(first.subject) if g.chance(0.4) else None
    second = event(g, second_tags, speakers=LATER, subject=same, gap=Gap(noun.de, pronoun))
    if second.verb == first.verb:
        raise DrawAgainError
    tense = shared_past(g, first, second)
    return end(join(say(first, tense), "und = and", say(second, tense)))


def lost_and_found(g: Draw) -> Phrase:
    """A pronoun across sentences: "Wo ist mein Schlüssel? Ich kann ihn nicht finden."."""
    noun = g.pick(nouns_of("lost"))
    g.claim("ich", "vermissen", noun.de)
    opener, case, tails = g.pick(
        [
            ("wo ist = where is?", "nom", lexicon.LOST),
            ("ich suche = I am looking for", "acc", lexicon.LOST),
            ("das ist = that is", "nom", lexicon.FOUND),
        ]
    )
    thing = noun_phrase(noun, g.word("mein dein der unser"), case, adjective=quality(g, noun))
    start, follow = phrases(opener)[0], g.phrase(tails)
    head, pronoun = end(join(start, "=", thing)), THING_OBJECT[noun.gender]
    return Phrase(f"{head.de} {follow.de.replace('_', pronoun)}", f"{head.en} {follow.en}")


def does_not_fit(g: Draw) -> Phrase:
    """Which of the two is too big? Gender and sense both tell."""
    thing, bag = g.pick(nouns_of("bulky")), g.pick(nouns_of("luggage"))
    g.claim(thing.de, "passen", bag.de)
    into = join_preposition("in", noun_phrase(bag, "der", "acc").de)
    subject, english = named(thing, g.word("der der mein")), f"fit in the {bag.en}"
    clause = Clause(subject, "passen", english, tail=(into,), negative="nicht", state=True)
    if g.chance(0.5):
        reason = be(g, it(subject), Phrase("zu groß", "too big"))
    else:
        reason = be(g, stand_in(bag), Phrase("zu klein", "too small"))
    tense = g.word("present past")
    return end(join(say(clause, tense), ", =", say(reason, tense, "sub", lead=WEIL)))


def since(g: Draw) -> Phrase:
    """What still goes on: German present, English present perfect."""
    subject = somebody(g)
    span = g.phrase("Jahren = years | Monaten = months | Wochen = weeks | Tagen = days")
    verb, english, options = g.pick(
        [
            ("wohnen", "lived", places("at", "city")),
            ("arbeiten", "worked", places("at", "office+hospital+supermarket+restaurant+school")),
            ("lernen", "learned", phrases("Deutsch=German|Englisch=English|Spanisch=Spanish")),
        ]
    )
    what, number = g.pick(options), g.phrase(lexicon.NUMBERS)
    has = "has" if subject.person == 2 else "have"
    g.claim(subject.key, verb, what.de)
    german = f"{subject.de} {present(verb, subject.person)} seit {number.de} {span.de} {what.de}"
    return end(Phrase(german, f"{subject.en} {has} {english} {what.en} for {number.en} {span.en}"))


def greeting(g: Draw) -> Phrase:
    hello, formal = g.phrase(lexicon.GREETINGS), g.chance(0.5)
    name = g.word(lexicon.FAMILY_NAMES) if formal else g.pick(nouns_of("woman+man")).de
    g.claim(hello.de, name)
    title = g.phrase("Herr = Mr. | Frau = Ms.") if formal else NOTHING
    german, english = f"{hello.de}, {words(title.de, name)}", f"{hello.en}, {words(title.en, name)}"
    first = end(Phrase(german, english), "!")
    du, sie, question = g.pick(
        [
            ("Wie geht es dir?", "Wie geht es Ihnen?", "How are you?"),
            ("Wo wohnst du?", "Wo wohnen Sie?", "Where do you live?"),
            ("", "", ""),
            ("", "", ""),
        ]
    )
    return Phrase(words(first.de, sie if formal else du), words(first.en, question))


def how_somebody_is(g: Draw) -> Phrase:
    asks = g.chance(0.3)
    name = g.pick([name for name in STATE if "," not in STATE[name]])
    clause = circumstance(g, name, somebody(g, "who", ASKED if asks else FIRST))
    time = g.pick([NOTHING, NOTHING, Phrase("heute", "today"), Phrase("gestern", "yesterday")])
    tense = {"heute": "present", "gestern": "past"}.get(time.de) or g.word("present past")
    return end(say(clause, tense, "question" if asks else "main", time=time), "?" if asks else ".")


WHAT_TAGS = "eat/drink/create/acquire/books/gift/menu"
WHY_TENSES = "present/present perfect/past past/past"
IF_TENSES = "simple/simple simple/simple können/simple future/simple"
# Every pattern and how often it is drawn.
PATTERNS: list[tuple[int, Pattern]] = [
    (7, telling("doing/doing/animal", "present", 0.3)),
    (9, telling("doing/doing/human event/animal", "perfect past", 0.4)),
    (3, telling("state human/state human/thing", "present present past", no=0.25)),
    (2, telling("timetable", "simple past perfect")),
    (2, telling("passive", "past", 0.6)),
    (1, telling("passive", "past müssen", first=True)),
    (2, telling("weather", "present past future", 0.9)),
    (1, telling("weather", "present past future", first=True)),
    (3, telling("doing", "future", 0.7)),
    (4, telling("doing", "können müssen wollen sollen dürfen möchten", 0.3)),
    (2, telling("doing", "können müssen wollen dürfen", no=1)),
    (3, telling("doing", "konnte musste wollte durfte", 0.5, no=0.4)),
    (8, telling("doing", "present perfect past future müssen wollte", first=True)),
    (2, telling("animal", "present perfect past", first=True)),
    (2, telling("habit", "simple", 1)),
    (2, telling("habit", "simple", often=True)),
    (2, telling("habit", "simple", first=True)),
    (6, telling("doing", "present perfect perfect past future", 0.25, no=1)),
    (6, asking("doing/doing/thing", "present perfect", "", 0.0)),
    (2, asking("state human", "present")),
    (4, asking("doing", "perfect wollen können", "", 0.5)),
    (1, asking("timetable", "simple")),
    (1, asking("habit", "simple", "wie oft = how often")),
    (2, asking("doing", "perfect wollen müssen", "wann = when | warum = why")),
    (1, asking("doing", "perfect present wollen", "warum = why", no=1)),
    (3, asking(WHAT_TAGS, "present perfect perfect möchten wollen", "was = what", 0.4, gap=True)),
    (2, who_did_it),
    (3, where_or_when),
    (6, linked(WEIL, WHY, WHY_TENSES)),
    (4, linked(OBWOHL, IN_SPITE, WHY_TENSES)),
    (4, linked(WENN, WHY, IF_TENSES)),
    (6, reporting(lexicon.KNOWING, DASS, "present perfect perfect future wollen müssen")),
    (4, reporting(lexicon.WONDERING, OB, "present perfect future wollen können")),
    (3, wanted_but),
    (2, as_a_child),
    (2, at_that_moment),
    (4, command),
    (3, request),
    (2, lets),
    (4, in_order_to),
    (2, to_do),
    (2, worth_doing),
    (3, likes_doing),
    (3, person_who),
    (3, thing_that),
    (5, thing_is),
    (2, comparison),
    (1, this_is),
    (3, pleases),
    (1, there_is),
    (1, the_way),
    (2, only_scene),
    (13, what_the_pronoun_means),
    (4, two_verbs),
    (5, got_but),
    (4, because_it_is),
    (6, person_or_thing),
    (3, and_was),
    (4, and_then),
    (2, lost_and_found),
    (3, does_not_fit),
    (1, since),
    (1, greeting),
    (3, how_somebody_is),
]
DECK = tuple(pattern for weight, pattern in PATTERNS for _ in range(weight))

# ------------------------------------------------------------------------------------------------
# The corpus
# ------------------------------------------------------------------------------------------------


def draw_sentence(g: Draw, deck: Sequence[Pattern] = DECK) -> Phrase:
    """One sentence of the split; its combinations are left in `g.keys`."""
    while True:
        pattern = g.pick(deck)
        for _ in range(TRIES):
            g.keys.clear()
            try:
                return pattern(g)
            except DrawAgainError:
                continue


def without_period(pair: Phrase) -> Phrase:
    """A fixed share of the sentences loses its final period."""
    chosen = hashlib.sha256(pair.de.encode()).digest()[0] % ONE_IN_UNPUNCTUATED == 0
    if chosen and pair.de.endswith("."):
        return Phrase(pair.de[:-1], pair.en[:-1])
    return pair


def word_list(*sentences: str) -> list[str]:
    """The words of sentences, without punctuation."""
    return re.findall(r"[\w'-]+", " ".join(sentences))


@cache
def training_words() -> frozenset[str]:
    """Every word of the default training pairs, of both languages."""
    return frozenset(
        word for pair in draw_pairs("train", DEFAULT_PAIRS["train"], 1) for word in word_list(*pair)
    )


@lru_cache(maxsize=4)
def draw_pairs(
    split: str, n: int, seed: int, deck: tuple[Pattern, ...] = DECK
) -> tuple[tuple[str, str], ...]:
    """The pairs of `sample_pairs`, remembered: held-out splits ask for the training words.

    Another deck gives pairs of these patterns only, in train behind the anchors as ever.
    """
    training = split == "train"
    pairs = dict(phrases(ANCHORS)) if training else {}
    g = Draw(split, seed)
    while len(pairs) < n:
        pair = draw_sentence(g, deck)
        if training:
            pair = without_period(pair)
        elif not training_words().issuperset(word_list(pair.de, pair.en)):
            continue
        known = pairs.setdefault(pair.de, pair.en)
        assert known == pair.en, f"two translations of {pair.de!r}: {known!r} and {pair.en!r}"
    return tuple(list(pairs.items())[:n])


def sample_pairs(
    split: str, n: int | None = None, seed: int = 1, *, anchors: bool = True
) -> list[tuple[str, str]]:
    """Distinct (German, English) pairs of a split.

    Args:
        split: "train", "val" or "test".
        n: how many pairs; None for `DEFAULT_PAIRS`. Fewer pairs are the beginning of more.
        seed: another seed draws other pairs, of the same split still.
        anchors: the training pairs begin with `ANCHORS`; False leaves these out, and gives as many
            others.

    Raises:
        ValueError: unknown split, or n below 1 or above `MAX_PAIRS`.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; found {split!r}: choose one")
    n = DEFAULT_PAIRS[split] if n is None else n
    if n < 1:
        raise ValueError(f"n must be at least 1; found {n}: ask for more pairs, or leave n out")
    if n > MAX_PAIRS[split]:
        raise ValueError(
            f"n must be at most {MAX_PAIRS[split]} for {split!r}; found {n}: ask for fewer pairs"
        )
    # They come first, so what is drawn after them is none of them.
    left_out = len(phrases(ANCHORS)) if split == "train" and not anchors else 0
    return list(draw_pairs(split, n + left_out, seed)[left_out:])


if __name__ == "__main__":
    for german, english in sample_pairs("train", 100)[-30:]:
        print(f"{german}\n    {english}")
