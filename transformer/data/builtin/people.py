"""Sentence patterns about people and what they do; each draws one sentence."""

from __future__ import annotations

from dataclasses import replace

from .clauses import Clause, opened_by, say
from .declension import german_article, noun_phrase
from .drawing import Draw, DrawAgainError, Pattern
from .filling import (
    ASKED,
    FIRST,
    LATER,
    again,
    circumstance,
    event,
    shared_past,
    somebody,
    something,
)
from .lexicon import LEXICON, Table
from .nouns import NOUN, nouns_of
from .phrases import NOTHING, Phrase, end, join, phrases, words
from .places import places
from .pronouns import DU, HE, ICH, IHR, OWNERS, SHE, SIE, WHO, WIR, Gap, Subject, named
from .verbs import TENSES, imperative, present


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
    asked = g.pick(phrases(LEXICON.where_or_when, "/"))
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


def linked(conjunction: Phrase, table: Table, tenses: str) -> Pattern:
    """A clause and why, in spite of what or when it is so, in either order."""

    def pattern(g: Draw) -> Phrase:
        topic = g.pick(list(table))
        clause = event(g, topic)
        main_tense, tense = g.pair(tenses)
        other = circumstance(g, g.word(table[topic]), again(clause.subject))
        if g.chance(0.6):
            second = say(other, tense, "sub", lead=conjunction)
            return end(join(say(clause, main_tense), ", =", second))
        if other.subject.key == clause.subject.key:  # the noun comes first now, the pronoun second
            other = replace(other, subject=clause.subject)
            clause = replace(clause, subject=again(clause.subject))
        return end(opened_by(say(other, tense, "sub", lead=conjunction), clause, main_tense))

    return pattern


def wanted_but(g: Draw) -> Phrase:
    topic = g.pick([topic for topic in LEXICON.obstacles if topic != "eat"])
    clause = event(g, topic)
    excuse = circumstance(g, g.word(LEXICON.obstacles[topic]), again(clause.subject))
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
    moment, topic = g.pick(list(LEXICON.moments.items()))
    [opening] = phrases(moment)
    clause = event(g, topic, speakers=LATER)
    return end(opened_by(opening, clause, g.word("perfect past")))


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
    place, tags = g.pick(LEXICON.errands.split("|")).split()
    subject, target = somebody(g), places("to", place)[0]
    g.claim(subject.key, "gehen", target.de)
    going = Clause(subject, "gehen", f"go {target.en}", tail=(target.de,))
    clause = event(g, tags, subject=subject)
    if g.chance(0.5):
        goal = say(clause, "present", "zu", lead=Phrase("um", ""))
        return end(join(say(going, g.word("present perfect wollen müssen")), ", =", goal))
    tense = shared_past(g, going, clause)
    return end(join(say(going, tense), "und = and", say(clause, tense, "bare")))


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


def and_was(g: Draw) -> Phrase:
    """A person again: "Die Frau kam nach Hause und sie war müde."."""
    topic, *moods = g.pick(LEXICON.outcomes.split("|")).split()
    clause = event(g, topic)
    mood = circumstance(g, g.pick(moods), again(clause.subject))
    return end(join(say(clause, g.word("perfect past")), "und = and", say(mood, "past")))


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
    what, number = g.pick(options), g.phrase(LEXICON.numbers)
    has = "has" if subject.person == 2 else "have"
    g.claim(subject.key, verb, what.de)
    german = f"{subject.de} {present(verb, subject.person)} seit {number.de} {span.de} {what.de}"
    return end(Phrase(german, f"{subject.en} {has} {english} {what.en} for {number.en} {span.en}"))


def greeting(g: Draw) -> Phrase:
    hello, formal = g.phrase(LEXICON.greetings), g.chance(0.5)
    name = g.word(LEXICON.family_names) if formal else g.pick(nouns_of("woman+man")).de
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
    name = g.pick([name for name, said in LEXICON.states.items() if "," not in said])
    clause = circumstance(g, name, somebody(g, "who", ASKED if asks else FIRST))
    time = g.pick([NOTHING, NOTHING, Phrase("heute", "today"), Phrase("gestern", "yesterday")])
    tense = {"heute": "present", "gestern": "past"}.get(time.de) or g.word("present past")
    return end(say(clause, tense, "question" if asks else "main", time=time), "?" if asks else ".")
