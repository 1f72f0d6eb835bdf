"""Sentences in which gender alone tells what a pronoun stands for, made by the built-in grammar.

As in contrastive test sets for pronouns (Müller et al. 2018): "Der Mann nahm die Pizza aus dem
Ofen, weil sie heiß war" is about the pizza (it), "..., weil er hungrig war" about the man (he). Who
does what with which thing, and why, are combinations that the built-in corpus holds out of
training. The same ones come near and far, with one other noun before the pronoun and with two.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice, product
from typing import Literal, NamedTuple

from ..data.builtin.clauses import WEIL, say
from ..data.builtin.corpus import training_words, word_list
from ..data.builtin.declension import noun_phrase
from ..data.builtin.drawing import Draw
from ..data.builtin.filling import again, be, circumstance, fill
from ..data.builtin.frames import BESIDE, BESIDE_EITHER, BESIDE_REASONS, Frame
from ..data.builtin.lexicon import LEXICON
from ..data.builtin.nouns import Noun, nouns_of
from ..data.builtin.phrases import NOTHING, Phrase, end, join
from ..data.builtin.pronouns import ICH, WIR, Subject, it, named
from ..data.builtin.splits import split_of

Meant = Literal["thing", "person"]
Tells = Literal["gender", "sense"]
Distance = Literal["near", "far"]
Span = tuple[int, int]

MEANT: tuple[Meant, ...] = ("thing", "person")
DISTANCES: tuple[Distance, ...] = ("near", "far")
DISTRACTORS = (1, 2)
TELLS: tuple[Tells, ...] = ("gender", "sense")
N_KINDS = len(MEANT) * len(TELLS) * len(DISTANCES) * len(DISTRACTORS)

TENSES = (("past", "past"), ("perfect", "past"), ("present", "present"))
"""Of the sentence, and of the reason."""


class Marked(NamedTuple):
    """A sentence, and where in it, by characters, what matters is."""

    text: str
    pronoun: Span
    antecedent: Span
    """The noun that it stands for, with its article."""
    other: Span
    """The noun that it could stand for but for gender: the person, or the thing."""

    def with_pronoun(self, other: str) -> str:
        """The text with another pronoun."""
        start, stop = self.pronoun
        return self.text[:start] + other + self.text[stop:]

    def pronoun_text(self) -> str:
        """The pronoun as it is."""
        return self.text[slice(*self.pronoun)]


@dataclass(frozen=True)
class Item:
    """One sentence of the suite, in both languages."""

    meant: Meant
    tells: Tells
    """gender: nothing but the pronoun's gender tells what it stands for, since the reason may be
    true of either ("weil sie alt war"); sense: the reason tells, too ("weil sie hungrig war")."""
    distance: Distance
    """far: a clause stands between."""
    n_distractors: int
    """Nouns before the pronoun that it does not stand for."""
    gender: str
    """Of the antecedent, in German: m, f or n."""
    de: Marked
    en: Marked
    exchanged: tuple[Marked, Marked]
    """The German and the English with an antecedent of another gender, and the same pronoun."""

    def side(self, language: str) -> Marked:
        """The sentence in that language: de or en."""
        return self.de if language == "de" else self.en

    def wrong(self, language: str) -> list[str]:
        """The pronouns that a model might take in its place, in that language."""
        if language == "de":
            return [p for p in ("er", "sie", "es") if p != self.de.pronoun_text()]
        if self.meant == "person":
            return ["it"]
        return ["he" if self.gender == "m" else "she"]


class _Base(NamedTuple):
    # Who does what with which thing; what is true of whom.
    frame: Frame
    person: Noun
    article: str
    thing: Noun
    reason: Phrase


def items(src_lang: str, n: int = 2000, *, seed: int = 1) -> list[Item]:
    """The suite for a direction, equally many of each kind.

    Args:
        src_lang: de or en. From German, thing and person are of different genders, one masculine
            and one feminine, so that the German pronoun can only mean one of them. From English,
            where "it" and "he" tell them apart, things of all genders come, and the antecedent's
            gender decides on the German pronoun.
        n: how many; rounded down to a multiple of 16.
        seed: another seed chooses others.

    Raises:
        ValueError: n is below 16 or above what there is.
    """
    per_kind = n // N_KINDS
    if per_kind < 1:
        raise ValueError(f"n must be at least {N_KINDS}; found {n}")
    draw = random.Random(f"pronouns {src_lang} {seed}")
    found: list[Item] = []
    for meant, tells in product(MEANT, TELLS):
        stems = [
            (base, tenses)
            for base, tenses in product(_bases(meant, tells), TENSES)
            if _has_one_reading(base, src_lang)
        ]
        draw.shuffle(stems)
        made = (_variants(*stem, meant, tells, src_lang, draw) for stem in stems)
        # Two tenses may sound the same.
        distinct = {variants[0].de.text: variants for variants in made if variants}
        some = list(islice(distinct.values(), per_kind))
        if len(some) < per_kind:
            raise ValueError(f"n must be at most {len(some) * N_KINDS:,}; found {n:,}")
        found += chain.from_iterable(some)
    return found


@cache
def _bases(meant: Meant, tells: Tells) -> tuple[_Base, ...]:
    # Every held-out combination, each person with two articles.
    found = []
    for frame in BESIDE:
        first, *fixed = frame.slots
        rest = [slot.fixed[0].de for slot in fixed]
        [topic] = frame.tags & BESIDE_REASONS.keys()
        of_thing, of_person = BESIDE_REASONS[topic]
        either = BESIDE_EITHER[topic]
        own = of_thing if meant == "thing" else of_person
        reasons = either if tells == "gender" else [r for r in own if r not in either]
        for person, thing in product(nouns_of(frame.subjects), nouns_of(first.classes)):
            if person.gender not in "mf" or thing.gender not in "mfn":
                continue
            if not _held_out(person.de, frame.verb, thing.de, *rest):
                continue
            close = person.noun_class in ("elder", "sibling", "friend")
            articles = ("mein", "unser") if close else ("der", "dieser")
            key = thing.de if meant == "thing" else person.de
            for reason, article in product(reasons, articles):
                if _held_out(key, "sein", reason.de):
                    found.append(_Base(frame, person, article, thing, reason))
    return tuple(found)


def _held_out(*lemmas: str) -> bool:
    return split_of(" ".join(lemmas)) != "train"


class _HeldOut(Draw):
    # Takes the combinations of both splits that nothing is trained on.
    def __init__(self) -> None:
        super().__init__("test", 1)

    def owns(self, *lemmas: str) -> bool:
        return _held_out(*lemmas)


def _has_one_reading(base: _Base, src_lang: str) -> bool:
    return src_lang == "en" or {base.person.gender, base.thing.gender} == {"m", "f"}


def _variants(
    base: _Base,
    tenses: tuple[str, str],
    meant: Meant,
    tells: Tells,
    src_lang: str,
    draw: random.Random,
) -> list[Item] | None:
    # Near and far, with one and two distractors; None where there is no noun to exchange the
    # antecedent for, or a word that the corpus does not have.
    antecedent = base.thing if meant == "thing" else base.person
    others = [
        noun
        for noun in _same_kind(base, meant)
        if noun.gender != antecedent.gender
        and noun.gender in ("mf" if src_lang == "de" else "mfn")
        and _is_known(noun.de, noun.en)
    ]
    companions = [
        noun
        for noun in nouns_of("friend+sibling")
        if noun.gender in "mf" and noun.gender != antecedent.gender and noun != base.person
    ]
    if not others:
        return None
    other, companion = draw.choice(others), draw.choice(companions)
    pause = draw.choice(_between())
    found = []
    for distance, n_distractors in product(DISTANCES, DISTRACTORS):
        beside = companion if n_distractors == 2 else None
        middle = pause if distance == "far" else None
        said = _sentence(base, meant, tenses, beside, middle)
        exchanged = _exchanged(said, other, base.article, meant)
        if not _is_known(*(side.text for side in (*said, *exchanged))):
            return None
        found.append(
            Item(
                *(meant, tells, distance, n_distractors, antecedent.gender),
                *said,
                exchanged=exchanged,
            )
        )
    return found


def _is_known(*texts: str) -> bool:
    return training_words().issuperset(word_list(*texts))


def _same_kind(base: _Base, meant: Meant) -> Sequence[Noun]:
    if meant == "thing":
        return nouns_of(base.frame.slots[0].classes)
    return nouns_of(base.person.noun_class)


@cache
def _between() -> tuple[tuple[str, Subject], ...]:
    # What stands between: neither "he" nor "she" nor "it", in either language.
    found = []
    for name, said in LEXICON.states.items():
        german, _, _ = said.partition(" = ")
        if "," in german:
            continue
        verb, _, complement = german.partition(" ")
        for subject in (ICH, WIR):
            if _held_out(subject.key, verb, complement):
                found.append((name, subject))
    return tuple(found)


def _sentence(
    base: _Base,
    meant: Meant,
    tenses: tuple[str, str],
    companion: Noun | None,
    pause: tuple[str, Subject] | None,
) -> tuple[Marked, Marked]:
    g = _HeldOut()
    person, thing = named(base.person, base.article), named(base.thing)
    fixed = [slot.fixed[0] for slot in base.frame.slots[1:]]
    clause = fill(g, base.frame, person, [base.thing, *fixed], False, "sober")
    beside = NOTHING
    if companion is not None:
        with_whom = noun_phrase(companion, "mein", "dat")
        beside = Phrase(f"mit {with_whom.de}", f"with {with_whom.en}")
    meaning = it(thing) if meant == "thing" else again(person)
    whole = say(clause, tenses[0], time=beside)
    if pause is not None:
        name, subject = pause
        state = circumstance(g, name, subject)
        whole = join(whole, "und = and", say(state, tenses[1]))
    reason = say(be(g, meaning, base.reason), tenses[1], "sub", lead=WEIL)
    text = end(join(whole, ", =", reason))
    declined = noun_phrase(base.thing, "der", "acc")
    return (
        _marked(text.de, "weil", person.de, declined.de, meant),
        _marked(text.en, "because", person.en, declined.en, meant),
    )


def _marked(text: str, conjunction: str, person: str, thing: str, meant: Meant) -> Marked:
    start = text.index(f" {conjunction} ") + len(conjunction) + 2
    pronoun = start, text.index(" ", start)
    spans = [_find(text, phrase) for phrase in (thing, person)]
    antecedent, other = spans if meant == "thing" else spans[::-1]
    return Marked(text, pronoun, antecedent, other)


def _find(text: str, phrase: str) -> Span:
    start = text.lower().index(phrase.lower())
    return start, start + len(phrase)


def _exchanged(
    said: tuple[Marked, Marked], other: Noun, article: str, meant: Meant
) -> tuple[Marked, Marked]:
    # The same sentences with another noun for the antecedent.
    declined = ("der", "acc") if meant == "thing" else (article, "nom")
    after = noun_phrase(other, *declined)
    return _with_antecedent(said[0], after.de), _with_antecedent(said[1], after.en)


def _with_antecedent(marked: Marked, phrase: str) -> Marked:
    start, stop = marked.antecedent
    if start == 0:
        phrase = phrase[0].upper() + phrase[1:]
    longer = len(phrase) - (stop - start)

    def moved(span: Span) -> Span:
        return span if span[0] < stop else (span[0] + longer, span[1] + longer)

    return Marked(
        marked.text[:start] + phrase + marked.text[stop:],
        moved(marked.pronoun),
        (start, start + len(phrase)),
        moved(marked.other),
    )


Kind = tuple[Meant, Tells, Distance, int]


def by_kind(suite: Sequence[Item]) -> Iterator[tuple[Kind, list[int]]]:
    """The kinds of sentences, and the places of those of each kind."""
    for kind in product(MEANT, TELLS, DISTANCES, DISTRACTORS):
        places = [
            i
            for i, x in enumerate(suite)
            if (x.meant, x.tells, x.distance, x.n_distractors) == kind
        ]
        if places:
            yield kind, places
