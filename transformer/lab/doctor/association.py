"""Do single pairs belong together? Their own words tell, in any language, without a dictionary.

A word of one side has a partner on the other: the word that stands in the same pairs as often as
possible, by Dice's coefficient. In a pair that is a translation, partners of its words are there.
In one that is not, they are there only by chance.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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
_IMPOSSIBLE = -4.0  # log odds of a translation against chance

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


def check_association(pairs: Sequence[Pair], places: Sequence[str] = ()) -> Iterator[Finding]:
    """Pairs that look more like chance than like a translation, judged by their words.

    Many pairs that look a little like chance are bad, and so are few that cannot be anything else:
    of sound corpora up to 0.44 % are that unlikely, and of one with a thirtieth of its targets in a
    third language 2.2 %.

    Args:
        pairs: of training, some thousand.
        places: where each of them stands.
    """
    step = -(-len(pairs) // MOST_PAIRS) if pairs else 1
    drawn = pairs[::step]
    where = places[::step] or [""] * len(drawn)
    words = [(_words(src), _words(tgt)) for src, tgt in drawn]
    found = partners(words, len(drawn))
    n_judged = 0
    strange: list[tuple[float, str, Pair]] = []
    for place, pair, (src, tgt) in zip(where, drawn, words, strict=True):
        known = [found[word] for word in src if word in found]
        if len(known) < _ENOUGH:
            continue
        n_judged += 1
        if (odds := sum(_log_odds(partner, partner.word in tgt) for partner in known)) < 0:
            strange.append((odds, place, pair))
    strange.sort(key=lambda each: each[0])
    judgeable = len(drawn) >= _FEWEST_PAIRS and n_judged >= _FEWEST_PAIRS // 5
    impossible = [each for each in strange if each[0] < _IMPOSSIBLE]
    for some, limits, told, n_shown in (
        (strange, (0.06, 0.2), "look like chance", 2),
        (impossible, (0.008, 0.04), "cannot be translations of each other", 4),
    ):
        share = len(some) / max(1, n_judged)
        level = grade(share, *limits) if judgeable else "ok"
        yield judged(
            ALIGNMENT,
            level,
            f"by their words, {share:.1%} of {n_judged:,} pairs {told} ({len(drawn):,} drawn)"
            + "".join(
                f"\n{place}{quoted(src)} beside {quoted(tgt)}"
                for _, place, (src, tgt) in some[: n_shown * (level != "ok")]
            ),
            "one side is about something else, or in another language: see where these pairs come "
            "from, and leave them out",
        )


def _words(line: str) -> set[str]:
    return set(_WORD.findall(line.lower())[:_LONGEST])


def _log_odds(partner: Partner, there: bool) -> float:
    # Of a translation against chance.
    if there:
        return math.log(partner.if_translated / partner.by_chance)
    return math.log((1 - partner.if_translated) / (1 - partner.by_chance))
