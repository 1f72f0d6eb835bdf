"""The patterns together, and the pairs of a split."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache, lru_cache

from . import antecedents, people, things
from .clauses import DASS, OB, OBWOHL, WEIL, WENN
from .drawing import Draw, DrawAgainError, Pattern
from .lexicon import LEXICON
from .people import asking, linked, reporting, telling
from .phrases import Phrase, phrases
from .splits import ANCHORS, SPLITS

# Pairs given when n is None, and the most a split gives: the grammar has more, but drawing slows
# down once most draws have been seen before.
DEFAULT_PAIRS = {"train": 40_000, "val": 500, "test": 1_000}
MAX_PAIRS = {"train": 200_000, "val": 5_000, "test": 10_000}

# One training sentence in this many loses its final period, in both languages, so that a model
# trained on the corpus forgives a missing one.
ONE_IN_UNPUNCTUATED = 33

# How often a pattern is tried before another takes its turn: held-out combinations are rare, and a
# sentence may need two of them.
TRIES = 100

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
    (2, people.who_did_it),
    (3, people.where_or_when),
    (6, linked(WEIL, LEXICON.reasons, WHY_TENSES)),
    (4, linked(OBWOHL, LEXICON.obstacles, WHY_TENSES)),
    (4, linked(WENN, LEXICON.reasons, IF_TENSES)),
    (6, reporting(LEXICON.knowing, DASS, "present perfect perfect future wollen müssen")),
    (4, reporting(LEXICON.wondering, OB, "present perfect future wollen können")),
    (3, people.wanted_but),
    (2, people.as_a_child),
    (2, people.at_that_moment),
    (4, people.command),
    (3, people.request),
    (2, people.lets),
    (4, people.in_order_to),
    (2, people.to_do),
    (2, people.worth_doing),
    (3, people.likes_doing),
    (3, people.person_who),
    (3, things.thing_that),
    (5, things.thing_is),
    (2, things.comparison),
    (1, things.this_is),
    (3, things.pleases),
    (1, things.there_is),
    (1, things.the_way),
    (2, antecedents.only_scene),
    (13, antecedents.what_the_pronoun_means),
    (4, antecedents.two_verbs),
    (5, antecedents.got_but),
    (4, antecedents.because_it_is),
    (9, antecedents.person_or_thing),
    (3, people.and_was),
    (4, antecedents.and_then),
    (2, antecedents.lost_and_found),
    (3, antecedents.does_not_fit),
    (1, people.since),
    (1, people.greeting),
    (3, people.how_somebody_is),
]
DECK = tuple(pattern for weight, pattern in PATTERNS for _ in range(weight))


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
