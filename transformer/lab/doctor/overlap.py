"""Does validation or test text stand in the training text, as it is or nearly?

Only the smaller side is kept in memory, as hashes; training text streams past it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice

from .findings import Finding, grade, judged, quoted

OVERLAP = "overlap"

MOST_HELD_OUT = 5000
"""Pairs of validation or test that are looked for, evenly spread."""

MOST_NEAR = 200_000
"""Training pairs that are searched for near ones; equal ones are looked for in all."""

_SHINGLE = 3  # words
_COMMON = 40  # a shingle in more held-out pairs says little
_NEAR, _SIMILAR = 0.8, 0.5  # shares of shingles

_BY_HEART = 10  # words of running text that nobody writes twice by chance
_SHORTEST_LINE = 5

_WORD = re.compile(r"[^\W\d_]+|\d")

Pair = tuple[str, str]


def normalised(text: str) -> str:
    """Words without their case, every digit a 0; punctuation is gone."""
    return " ".join("0" if word.isdigit() else word for word in _WORD.findall(text.casefold()))


def _hash(text: str) -> int:
    # Python's own differs from run to run.
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


# Pairs --------------------------------------------------------------------------------------------


@dataclass
class _Match:
    src: str  # normalised
    tgt: str
    shingles: tuple[frozenset[int], frozenset[int]]
    same: set[str] = field(default_factory=set)
    nearest: float = 0.0
    beside: str = ""  # the training source that is nearest


def check_overlap(
    train: Iterable[Pair], held_out: Sequence[Pair], where: str, *, most_near: int = MOST_NEAR
) -> Iterator[Finding]:
    """Held-out pairs that stand in the training text.

    Args:
        train: all training pairs; read once.
        held_out: those of validation or test.
        where: what messages call them.
        most_near: training pairs that are compared shingle by shingle.
    """
    drawn = list(held_out[:: -(-len(held_out) // MOST_HELD_OUT)]) if held_out else []
    matches = [
        _Match(src, tgt, (_shingles(src), _shingles(tgt)))
        for src, tgt in ((normalised(s), normalised(t)) for s, t in drawn)
    ]
    by_src, by_tgt = _places(m.src for m in matches), _places(m.tgt for m in matches)
    index: dict[int, list[int]] = {}
    for place, match in enumerate(matches):
        for shingle in match.shingles[0] | match.shingles[1]:
            index.setdefault(shingle, []).append(place)
    index = {shingle: places for shingle, places in index.items() if len(places) <= _COMMON}
    n = 0
    for n, (raw, other) in enumerate(train, start=1):
        src, tgt = normalised(raw), normalised(other)
        for place in by_src.get(src, ()):
            matches[place].same.add("src")
            if matches[place].tgt == tgt:
                matches[place].same.add("pair")
        for place in by_tgt.get(tgt, ()):
            matches[place].same.add("tgt")
        if n <= most_near:
            _compare(matches, index, (_shingles(src), _shingles(tgt)), raw)
    yield from _judge(matches, drawn, where, n, min(n, most_near))


def _places(texts: Iterable[str]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        if text:
            places.setdefault(text, []).append(place)
    return places


def _shingles(text: str) -> frozenset[int]:
    # Within one run Python's own hash will do, and is quicker.
    words = text.split()
    n = max(1, len(words) - _SHINGLE + 1) if words else 0
    return frozenset(hash(tuple(words[i : i + _SHINGLE])) for i in range(n))


def _compare(
    matches: list[_Match],
    index: dict[int, list[int]],
    sides: tuple[frozenset[int], frozenset[int]],
    raw: str,
) -> None:
    shared = Counter(p for shingle in sides[0] | sides[1] for p in index.get(shingle, ()))
    for place, count in shared.items():
        match = matches[place]
        if count < match.nearest * min(map(len, match.shingles)):
            continue  # hardly nearer than what was found before
        # The mean over both sides, since an edit may leave one of them as it was.
        alike = sum(
            len(a & b) / max(1, len(a | b)) for a, b in zip(match.shingles, sides, strict=True)
        )
        if alike / 2 > match.nearest:
            match.nearest, match.beside = alike / 2, raw


def _judge(
    matches: list[_Match], drawn: Sequence[Pair], where: str, n_train: int, n_near: int
) -> Iterator[Finding]:
    n = max(1, len(matches))
    whole = [i for i, match in enumerate(matches) if "pair" in match.same]
    side = [i for i, match in enumerate(matches) if match.same]
    near = [i for i, match in enumerate(matches) if match.nearest >= _NEAR]
    similar = sum(match.nearest >= _SIMILAR for match in matches)
    level = max(
        grade(len(whole) / n, 0.01, 0.03),
        grade(len(side) / n, 0.05, 0.15),
        key=("ok", "warning", "fault").index,
    )
    yield judged(
        OVERLAP,
        level,
        f"{where}: {len(whole):,} of {len(matches):,} pairs stand in training but for case, "
        f"punctuation and digits, {len(side):,} with one side ({n_train:,} training pairs)"
        + "".join(f"\n{quoted(drawn[i][0])}" for i in (whole or side)[: 2 * (level != "ok")]),
        f"take these pairs out of the training text, or choose another {where}: its scores tell "
        f"what was learned by heart",
    )
    level = max(
        grade(len(near) / n, 0.05, 0.15),
        grade(similar / n, 0.3, 0.5),
        key=("ok", "warning", "fault").index,
    )
    shown = [] if level == "ok" else (near or sorted(range(len(matches)), key=_by(matches)))[:2]
    yield judged(
        OVERLAP,
        level,
        f"{where}: {len(near):,} of {len(matches):,} pairs are nearly in training, {similar:,} by "
        f"half ({n_near:,} training pairs compared)"
        + "".join(f"\n{quoted(drawn[i][0])} ~ {quoted(matches[i].beside)}" for i in shown),
        f"split by document or topic before anything else, so that {where} is new to the model",
    )


def _by(matches: list[_Match]) -> Callable[[int], float]:
    return lambda place: -matches[place].nearest


# Running text -------------------------------------------------------------------------------------


def check_text_overlap(
    train: Iterable[str], held_out: Iterable[str], where: str, *, most_words: int = 5_000_000
) -> Finding:
    """Lines, and runs of ten words, of held-out text that stand in the training text.

    Args:
        train: the text in parts; read once.
        held_out: likewise.
        where: what messages call it.
        most_words: of training text that are looked at.
    """
    wanted: dict[int, str] = {}
    for unit in _units(held_out, step=_BY_HEART):
        wanted.setdefault(_hash(unit), unit)
        if len(wanted) >= 10 * MOST_HELD_OUT:
            break
    found: set[int] = set()
    for unit in islice(_units(train, step=1), most_words):
        key = _hash(unit)
        if key in wanted:
            found.add(key)
    share = len(found) / max(1, len(wanted))
    level = grade(share, 0.03, 0.1)
    shown = [wanted[key] for key in sorted(found)[: 2 * (level != "ok")]]
    return judged(
        OVERLAP,
        level,
        f"{where}: {len(found):,} of {len(wanted):,} lines and runs of {_BY_HEART} words stand in "
        f"training ({share:.1%})" + "".join(f"\n{quoted(text, 70)}" for text in shown),
        f"take this text out of training, or choose another for {where}",
    )


def _units(texts: Iterable[str], step: int) -> Iterator[str]:
    # Runs of words that begin at every step-th, line breaks or not, and every whole line.
    words: list[str] = []
    for text in texts:
        for line in text.split("\n"):
            new = normalised(line).split()
            if len(new) >= _SHORTEST_LINE:
                yield "\n" + " ".join(new)
            words += new
            n_runs = max(0, len(words) - _BY_HEART + 1)
            last = 0
            for last in range(0, n_runs, step):
                yield " ".join(words[last : last + _BY_HEART])
            if n_runs:
                words = words[last + step :]
