"""Puts the translations of a line's parts together."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from .layout import unframed


@dataclass(frozen=True)
class Translation:
    """One translation of a line and how sure the model is of it."""

    text: str
    score: float  # log-probability after the length penalty; only comparable for the same line
    confidence: float = field(default=1.0, compare=False)
    """0 to 1: the geometric mean of its pieces' probabilities, in the least certain sentence."""
    warnings: tuple[str, ...] = ()  # what the text lacks of the line, or what was not translated


def best_of(parts: Iterable[list[Translation]], n: int) -> list[Translation]:
    """The n combinations, of one translation of each part, that have the best sums of scores.

    A translation that was cut off stands behind those that have ended, although its score may be
    better: it counts as much as the one before it.
    """
    best: list[tuple[float, Any]] = [(0.0, None)]  # sum, and a chain of what was chosen so far
    for part in parts:
        choices = distinct(part)
        counted = list(accumulate((choice.score for choice in choices), min))
        # Pair (i, j) is no better than the (i + 1) · (j + 1) - 1 others up to i and up to j.
        pairs = [
            (-(total + counted[j]), i, j)
            for i, (total, _) in enumerate(best)
            for j in range(min(len(choices), n // (i + 1)))
        ]
        best = [(-loss, (best[i][1], choices[j])) for loss, i, j in sorted(pairs)[:n]]
    return distinct(joined(_unchained(chain)) for _, chain in best)


def _unchained(chain: Any) -> list[Translation]:
    chosen = []
    while chain is not None:
        chain, last = chain
        chosen.append(last)
    return chosen[::-1]


def joined(parts: Iterable[Translation]) -> Translation:
    """One translation of one translation of each part; line breaks and layout are parts as well."""
    parts = list(parts)
    text = re.sub(r" ?(\r?\n|\r) ?", r"\1", " ".join(part.text for part in parts if part.text))
    warnings = tuple(warning for part in parts for warning in part.warnings)
    confidence = min((part.confidence for part in parts), default=1.0)
    return Translation(
        unframed(text), sum(part.score for part in parts), confidence, warnings=warnings
    )


def distinct(translations: Iterable[Translation]) -> list[Translation]:
    """The first of each text."""
    found: dict[str, Translation] = {}
    for translation in translations:
        found.setdefault(translation.text, translation)
    return list(found.values())
