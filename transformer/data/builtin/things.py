"""Sentence patterns about things, how and where they are; each draws one sentence."""

from __future__ import annotations

from dataclasses import replace

from .clauses import Clause, say
from .declension import german_article, join_preposition, noun_phrase
from .drawing import Draw, DrawAgainError
from .filling import LATER, SUBJECT_ARTICLES, be, event, quality, remark, something
from .lexicon import LEXICON
from .nouns import CLASSES, NOUN, REMARKS, nouns_of
from .phrases import Phrase, end, join
from .pronouns import DU, HE, ICH, OBJECT_PRONOUNS, SHE, WIR, Gap, Subject, named

# The classes that have predicates.
REMARKED = tuple(name for name in REMARKS if name in CLASSES)


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


COMPARED = [[word.replace("_", " ") for word in x.split()] for x in LEXICON.comparatives.split("|")]
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
