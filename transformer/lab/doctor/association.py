"""Do single pairs belong together? Their own words tell, in any language, without a dictionary.

A word of one side has a partner on the other: the word that stands in the same pairs as often as
possible, by Dice's coefficient. In a pair that is a translation, partners of its words are there.
In one that is not, they are there only by chance.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .findings import Finding, grade, judged, quoted

ALIGNMENT = "alignment"

MOST_PAIRS = 20_000
"""Pairs whose words are counted."""

_FEWEST_PAIRS = 500
_FEWEST, _COMMON = 5, 0.1  # pairs that a word stands in, and the share from which it says little
_LONGEST = 60  # words of a side
_ALIKE = 0.3  # Dice's coefficient of partners
_ENOUGH = 3  # words with partners, to judge a pair

_WORD = re.compile(r"[^\W_]+")

Pair = tuple[str, str]


class Partner(NamedTuple):
    """The word of the other side that goes with a word."""

    word: str
    if_translated: float
    """How often it is there if the word is."""
    by_chance: float
    """How often it is there at all."""


def partners(pairs: Iterable[tuple[set[str], set[str]]], n: int) -> dict[str, Partner]:
    """For words of the source that have one, their partners in the target.

    Args:
        pairs: the words of both sides.
        n: how many pairs there are.
    """
    pairs = list(pairs)
    counts = [Counter(word for pair in pairs for word in pair[side]) for side in (0, 1)]
    known = [
        {word for word, count in side.items() if _FEWEST <= count <= _COMMON * n} for side in counts
    ]
    together = Counter(
        (one, other) for src, tgt in pairs for one in src & known[0] for other in tgt & known[1]
    )
    best: dict[str, tuple[float, Partner]] = {}
    for (one, other), count in together.items():
        dice = 2 * count / (counts[0][one] + counts[1][other])
        if count >= _FEWEST - 1 and dice >= _ALIKE and dice > best.get(one, (0.0, None))[0]:
            # With one more of each kind, so that nothing is impossible.
            there = (count + 1) / (counts[0][one] + 2)
            best[one] = dice, Partner(other, there, (counts[1][other] + 1) / (n + 2))
    return {word: partner for word, (_, partner) in best.items()}


def check_association(pairs: Sequence[Pair]) -> Finding:
    """Pairs that look more like chance than like a translation, judged by their words.

    Args:
        pairs: of training, some thousand.
    """
    drawn = pairs[:: -(-len(pairs) // MOST_PAIRS)] if pairs else pairs
    words = [(_words(src), _words(tgt)) for src, tgt in drawn]
    found = partners(words, len(drawn))
    n_judged = 0
    strange: list[tuple[float, Pair]] = []
    for pair, (src, tgt) in zip(drawn, words, strict=True):
        known = [found[word] for word in src if word in found]
        if len(known) < _ENOUGH:
            continue
        n_judged += 1
        if (odds := sum(_log_odds(partner, partner.word in tgt) for partner in known)) < 0:
            strange.append((odds, pair))
    strange.sort(key=lambda each: each[0])
    share = len(strange) / max(1, n_judged)
    judgeable = len(drawn) >= _FEWEST_PAIRS and n_judged >= _FEWEST_PAIRS // 5
    level = grade(share, 0.06, 0.2) if judgeable else "ok"
    return judged(
        ALIGNMENT,
        level,
        f"by their words, {share:.1%} of {n_judged:,} pairs look like chance ({len(drawn):,} drawn)"
        + "".join(
            f"\n{quoted(src)} beside {quoted(tgt)}"
            for _, (src, tgt) in strange[: 2 * (level != "ok")]
        ),
        "these are hardly translations of each other: look at where they come from; --model scores "
        "them",
    )


def _words(line: str) -> set[str]:
    return set(_WORD.findall(line.lower())[:_LONGEST])


def _log_odds(partner: Partner, there: bool) -> float:
    # Of a translation against chance.
    if there:
        return math.log(partner.if_translated / partner.by_chance)
    return math.log((1 - partner.if_translated) / (1 - partner.by_chance))
