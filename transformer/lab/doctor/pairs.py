"""Do the two sides of the training pairs belong together? Row by row, and whole files."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...config import CleaningConfig, DataConfig, SourceConfig
from ...data.corpus import Corpus, load_corpus
from ...data.plain_text import Pair
from ...data.shards import Shard, find_shards, sample
from ...errors import UserError
from .findings import Finding, grade, judged, quoted

if TYPE_CHECKING:
    from ...inference.translator import Translator

ALIGNMENT, SCORES = "alignment", "scores"

MOST_PAIRS = 50_000
"""Pairs that are looked at: all, or windows evenly spread over each source."""

WINDOW = 500
_FEWEST = 30  # rows that a correlation is computed from
_OFFSETS = (*range(-5, 6),)

_SHIFT_WINS = 0.25  # by how much another offset must be better than 0
_SHIFT_FITS = 0.4
_UNRELATED = 0.2
_SPREAD = 0.2  # deviation of log lengths below which they tell nothing

_RATIO = 2.0  # times the usual one, at least
_SHORT = 20  # characters

N_SCORED = 200
_LONGEST_SCORED = 1000  # characters

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Rows:
    """Rows of one source that follow each other, as they were before cleaning."""

    source: str
    start: int  # counted from 0
    src: list[str]
    tgt: list[str]
    n_empty: int = 0
    """Pairs of the source with an empty side, which are not counted."""

    @property
    def numbers(self) -> range:
        """Of the rows, from 1."""
        return range(self.start + 1, self.start + len(self.src) + 1)

    @property
    def not_counted(self) -> str:
        """What to say beside a number."""
        return f" (not counting {self.n_empty:,} with an empty side)" if self.n_empty else ""


def read_rows(data: DataConfig, most: int = MOST_PAIRS) -> list[Rows]:
    """Windows of all training sources, evenly spread over each.

    Of a stream, they are from the beginnings of its shards. Cleaning would hide what is
    wrong, so it is left out; only pairs with an empty side are gone.

    Raises:
        CorpusError: a source cannot be read.
    """
    if data.streaming:
        return [rows for part in sample(find_shards(data), most) for rows in _beginning(*part)]
    rows = []
    keep = CleaningConfig(
        max_length_ratio=None, drop_duplicates=False, script=None, max_tokens=1_000_000
    )
    most = max(10 * WINDOW, most // len(data.train)) if len(data.train) > 1 else most
    for source in data.train:
        alone = data.model_copy(update={"train": (source,), "cleaning": keep})
        rows += list(_windows(load_corpus(alone, "train"), name_of(source), most))
    return rows


def _beginning(shard: Shard[Pair], found: list[Pair]) -> Iterator[Rows]:
    whole = [pair for pair in found if all(pair)]
    for start in range(0, len(whole), WINDOW):
        src, tgt = zip(*whole[start : start + WINDOW], strict=True)
        yield Rows(shard.name, start, [*src], [*tgt], len(found) - len(whole))


def name_of(source: SourceConfig) -> str:
    """What the settings call it."""
    return source.path or (f"hub:{source.hub}" if source.hub else "builtin")


def _windows(corpus: Corpus, name: str, most: int) -> Iterator[Rows]:
    n = len(corpus.pairs)
    starts = range(0, max(1, n - WINDOW // 2), WINDOW)  # the last one takes what is left
    if n > most:
        starts = starts[:: -(-n // most)]
    for start in starts:
        stop = start + WINDOW if start + 3 * WINDOW // 2 <= n else n
        found = corpus.pairs[start:stop]
        yield Rows(name, start, found["src"], found["tgt"], corpus.dropped.get("empty", 0))


# Whole files --------------------------------------------------------------------------------------


def check_alignment(rows: Sequence[Rows]) -> Iterator[Finding]:
    """Files whose rows are off by a few, or do not belong together at all."""
    n_pairs = sum(len(window.src) for window in rows)
    shifted: list[tuple[Rows, int]] = []
    unrelated: list[Rows] = []
    fits = []
    for window in rows:
        if len(window.src) < _FEWEST:
            continue
        fit = {offset: fit_at(window.src, window.tgt, offset) for offset in _OFFSETS}
        best = max(fit, key=lambda offset: fit[offset])
        if best and fit[best] > max(fit[0] + _SHIFT_WINS, _SHIFT_FITS):
            shifted.append((window, best))
        elif fit[0] < _UNRELATED and _tells(window):
            unrelated.append(window)
        fits.append(fit[0])
    for source in dict.fromkeys(window.source for window, _ in shifted):
        yield _off_by([(w, k) for w, k in shifted if w.source == source])
    share = len(unrelated) / max(1, len(fits))
    usual = f"{median(fits):.2f}" if fits else "not computed, for lack of rows"
    yield judged(
        ALIGNMENT,
        "fault" if share >= 0.2 else "warning" if unrelated else "ok",
        f"lengths and numbers of source and target correlate by {usual} ({n_pairs:,} pairs in "
        f"windows of {WINDOW})"
        + (f"; not at all in {_places(unrelated)}" if unrelated else "")
        + _example(unrelated),
        "source and target of these rows are not translations of each other: they were sorted, "
        "shuffled or cut separately; make the pairs again",
    )


def fit_at(src: Sequence[str], tgt: Sequence[str], offset: int) -> float:
    """How well row i of the source fits row i + offset of the target; 1 is best, 0 is chance.

    The correlation of their log lengths; if there are numbers enough, its mean with the share of
    numbers that both have.
    """
    first, last = max(0, -offset), min(len(src), len(tgt) - offset)
    if last - first < _FEWEST // 2:
        return 0.0
    left, right = src[first:last], tgt[first + offset : last + offset]
    a, b = _log_lengths(left), _log_lengths(right)
    fit = 0.0
    if a.std() > 0 and b.std() > 0:
        fit = float(np.corrcoef(a, b)[0, 1])
    numbers = [
        (set(_NUMBER.findall(one)), set(_NUMBER.findall(other)))
        for one, other in zip(left, right, strict=True)
    ]
    both = [(one, other) for one, other in numbers if one or other]
    if len(both) < max(20, len(left) // 20):
        return fit
    agreeing = sum(len(one & other) / len(one | other) for one, other in both)
    return (fit + agreeing / len(both)) / 2


def _log_lengths(lines: Sequence[str]) -> NDArray[np.float64]:
    return np.log([1.0 + len(line) for line in lines])


def _tells(window: Rows) -> bool:
    # Lengths that hardly differ cannot correlate.
    spread = min(_log_lengths(window.src).std(), _log_lengths(window.tgt).std())
    return len(window.src) >= WINDOW // 2 and spread > _SPREAD


def _off_by(shifted: list[tuple[Rows, int]]) -> Finding:
    window, offset = shifted[0]
    offsets = sorted({offset for _, offset in shifted})
    rows = "row" if abs(offset) == 1 else "rows"
    way = "down" if offset > 0 else "up"
    middle = len(window.src) // 2
    return Finding(
        ALIGNMENT,
        "fault",
        f"rows are off by {', '.join(f'{k:+d}' for k in offsets)} in "
        f"{_places([w for w, _ in shifted])}: a source fits the target {abs(offset)} {rows} "
        f"further {way}\n"
        f"row {window.numbers[middle]:,}: {quoted(window.src[middle])} beside "
        f"{quoted(window.tgt[middle])}, fits {quoted(window.tgt[middle + offset])}",
        f"a line was lost or added on one side of {window.source}, in or before the first of these "
        f"rows: mend the file, or make it again",
    )


def _places(windows: list[Rows]) -> str:
    """Rows, counted from 1; windows that follow each other are one place."""
    places: list[tuple[str, int, int]] = []
    for window in windows:
        name, first, last = (
            window.source + window.not_counted,
            window.numbers[0],
            window.numbers[-1],
        )
        if places and places[-1][0] == name and places[-1][2] == first - 1:
            first = places.pop()[1]
        places.append((name, first, last))
    shown = [f"rows {first:,} to {last:,} of {name}" for name, first, last in places[:3]]
    more = f" and {len(places) - 3} more places" if len(places) > 3 else ""
    return ", ".join(shown) + more


def _example(windows: list[Rows]) -> str:
    if not windows:
        return ""
    middle = len(windows[0].src) // 2
    return f"\n{quoted(windows[0].src[middle])} beside {quoted(windows[0].tgt[middle])}"


# Single pairs -------------------------------------------------------------------------------------


def check_single_pairs(rows: Sequence[Rows]) -> Iterator[Finding]:
    """Pairs whose lengths or numbers do not fit, and targets that many sources share."""
    pairs = [pair for window in rows for pair in zip(window.src, window.tgt, strict=True)]
    src, tgt = [s for s, _ in pairs], [t for _, t in pairs]
    ratios = _log_lengths(tgt) - _log_lengths(src)
    long = np.maximum(_log_lengths(src), _log_lengths(tgt)) > np.log(_SHORT)
    usual = float(np.median(ratios[long])) if long.any() else 0.0
    # Four deviations, estimated so that the odd ones do not count.
    spread = 1.48 * float(np.median(np.abs(ratios - usual)[long])) if long.any() else 0.0
    limit = max(np.log(_RATIO), 4 * spread)
    odd = (np.abs(ratios - usual) > limit) & long
    share = float(odd.sum()) / max(1, len(pairs))
    # A share alone would make a fault of one pair among ten.
    yield judged(
        ALIGNMENT,
        grade(share, 0.01, 0.1) if odd.sum() >= 5 else "ok",
        f"{share:.2%} of {len(pairs):,} pairs have a side that is {np.exp(limit):.1f} times longer "
        f"or shorter than usual" + _two([pairs[i] for i in np.flatnonzero(odd)[:2]]),
        "one side is cut, or holds more than the other: mend them, or lower "
        "data.cleaning.max_length_ratio",
    )
    numbers = [
        (pair, set(_NUMBER.findall(pair[0])), set(_NUMBER.findall(pair[1]))) for pair in pairs
    ]
    both = [(pair, one & other) for pair, one, other in numbers if one and other]
    wrong = [pair for pair, shared in both if not shared]
    share = len(wrong) / max(1, len(both))
    yield judged(
        ALIGNMENT,
        grade(share, 0.1, 0.3) if len(wrong) >= 10 else "ok",
        f"of {len(both):,} pairs with numbers on both sides, {share:.1%} share none"
        + (_two(wrong[:2]) if share >= 0.1 else ""),
        "these are not translations of each other, or of another version of the text",
    )
    yield _check_repeated(tgt, src)


def _two(pairs: list[tuple[str, str]]) -> str:
    return "".join(f"\n{quoted(one)} beside {quoted(other)}" for one, other in pairs)


def _check_repeated(tgt: list[str], src: list[str]) -> Finding:
    sources: dict[str, set[str]] = {}
    for one, other in zip(src, tgt, strict=True):
        sources.setdefault(other, set()).add(one)
    most = max(sources, key=lambda line: len(sources[line]))
    share = len(sources[most]) / len(tgt)
    return judged(
        ALIGNMENT,
        grade(share, 0.01, 0.1) if len(sources[most]) >= 10 else "ok",
        f"the target that most sources share stands beside {len(sources[most]):,} of them "
        f"({share:.1%}): {quoted(most)}",
        "a placeholder in place of a translation? Leave these pairs out",
    )


# A trained translator -----------------------------------------------------------------------------


def check_scores(rows: Sequence[Rows], translator: Translator, n: int = N_SCORED) -> Finding:
    """Pairs that a trained translator finds no likelier than the target of another pair.

    Args:
        rows: what to draw from.
        translator: trained, in the same direction.
        n: pairs that are scored.
    """
    pairs = [
        pair
        for window in rows
        for pair in zip(window.src, window.tgt, strict=True)
        if max(map(len, pair)) <= _LONGEST_SCORED
    ]
    drawn = random.Random(1).sample(pairs, min(n, len(pairs)))
    if len(drawn) < 2:
        raise UserError("--model: fewer than two pairs to score")
    scores = []
    for i, (src, tgt) in enumerate(drawn):
        own, other = _mean(translator, src, tgt), _mean(translator, src, drawn[i - 1][1])
        scores.append((own, own - other, (src, tgt)))
    scores.sort(key=lambda score: score[0])
    wrong = sum(gain <= 0 for _, gain, _ in scores)
    worst = "".join(
        f"\n{score:.1f}: {quoted(src)} beside {quoted(tgt)}" for score, _, (src, tgt) in scores[:3]
    )
    share = wrong / len(scores)
    return judged(
        SCORES,
        grade(share, 0.05, 0.2) if wrong >= 2 else "ok",
        f"of {len(scores)} pairs drawn at random, {wrong} fit no better than the target of another "
        f"pair; median {median(s for s, _, _ in scores):.1f} nats per piece, the worst:{worst}",
        "if the translator knows such text and this direction, these pairs are misaligned: see "
        "which rows they come from",
    )


def _mean(translator: Translator, src: str, tgt: str) -> float:
    score = translator.score(src, tgt)
    return score.log_prob / len(score.log_probs)
