"""Sentence patterns in which a pronoun stands for something; each draws one sentence."""

from __future__ import annotations

from dataclasses import replace

from .clauses import OBWOHL, WEIL, Clause, say
from .declension import join_preposition, noun_phrase
from .drawing import Draw, DrawAgainError
from .filling import (
    LATER,
    again,
    be,
    choose,
    event,
    fill,
    quality,
    remark,
    sensible,
    shared_past,
    somebody,
    something,
    stand_in,
)
from .frames import ALL_SCENES, BESIDE, BESIDE_EITHER, BESIDE_REASONS
from .lexicon import LEXICON
from .nouns import NOUN, Noun, nouns_of
from .phrases import Phrase, end, join, phrases
from .pronouns import THING, THING_OBJECT, Gap, it, named

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


def and_or_but(first: Phrase, second: Phrase, sign: str) -> Phrase:
    """A sentence and a remark that is welcome ("and") or not ("but")."""
    return end(join(first, ", aber = , but" if sign == "-" else "und = and", second))


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
    # Half of the time the reason itself tells nothing.
    telling = of_thing if near else of_person
    reasons = [
        r
        for r in (BESIDE_EITHER[topic] if g.chance(0.5) else telling)
        if g.owns(meant.key, "sein", r.de)
    ]
    if not reasons:
        raise DrawAgainError
    reason = be(g, meant, g.pick(reasons))
    tense, then = g.pair("past/past past/past perfect/past present/present")
    return end(join(say(clause, tense), ", =", say(reason, then, "sub", lead=WEIL)))


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
            ("wo ist = where is?", "nom", LEXICON.lost),
            ("ich suche = I am looking for", "acc", LEXICON.lost),
            ("das ist = that is", "nom", LEXICON.found),
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
