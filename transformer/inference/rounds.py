"""Searches for many lines: in batches, and again for the sentences that need another search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from ..config import DecodingConfig
from ..search.hypothesis import Hypothesis
from ..text.joining import Translation, best_of
from ..text.preparing import Preparer
from .engine import Ids
from .workers import Found, Submit

if TYPE_CHECKING:
    from ..search.sampling import Sampling
    from .torch_engine import TorchEngine

USUAL_BEAM = 8
"""A batch holds `batch_tokens` for up to this many hypotheses. For more, it holds fewer in
proportion, so that it takes no more memory."""


def search_batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Sources of similar length to be translated together, the longest first.

    Batches of more than eight are multiples of eight: then few numbers of sentences occur, and the
    matrix products, which oneDNN compiles for their exact shape, are soon all known.

    Args:
        lengths: tokens of each source.
        batch_tokens: padded tokens of a batch at most; a longer source is alone.

    Returns:
        Places in `lengths`, each in one batch.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    batches, start = [], 0
    while start < len(order):
        n = max(1, batch_tokens // max(1, lengths[order[start]]))
        n = min(n, len(order) - start)
        if n > 8:
            n -= n % 8
        batches.append(order[start : start + n])
        start += n
    return batches


def batches(
    sources: Sequence[Ids], prefixes: Sequence[Ids], settings: DecodingConfig
) -> list[list[int]]:
    """Places of the sources that are searched together."""
    lengths = [max(map(len, pair)) for pair in zip(sources, prefixes, strict=True)]
    beam_size = max(settings.beam_size, USUAL_BEAM)
    return search_batches(lengths, settings.batch_tokens * USUAL_BEAM // beam_size)


def windows(lines: Iterator[str], first: int, largest: int) -> Iterator[list[str]]:
    """Cuts a stream into windows, each twice as large as the one before, up to the largest."""
    size = min(first, largest)
    while window := list(islice(lines, size)):
        yield window
        size = min(2 * size, largest)


def draw(
    engine: TorchEngine,
    source: Ids,
    prefix: Ids,
    streams: Sequence[int],
    settings: DecodingConfig,
    sampling: Sampling,
) -> list[Hypothesis]:
    """Draws one translation of a source per random stream, in batches.

    A batch has as many rows as a search with the usual beam has for such a source.
    """
    size = max(1, USUAL_BEAM * settings.batch_tokens // max(len(source), len(prefix)))
    drawn: list[Hypothesis] = []
    for some in (streams[first : first + size] for first in range(0, len(streams), size)):
        n = len(some)
        drawn += engine.sample([source] * n, settings, sampling, [prefix] * n, list(some))
    return drawn


@dataclass(frozen=True)
class Rounds:
    """Translates lines: one round of searches for all sentences, then more for those that need it.

    Args:
        preparer: says what to search for.
        submit: takes a batch and returns what waits for its result.
        translation: turns a hypothesis into text.
        settings: how much a batch may hold.
        n_best: most translations per line.
    """

    preparer: Preparer
    submit: Submit
    translation: Callable[[Hypothesis], Translation]
    settings: DecodingConfig
    n_best: int

    def begin(
        self, texts: Sequence[str], prefixes: Sequence[str]
    ) -> Callable[[], list[list[Translation]]]:
        """Hands over the first round for some lines; returns what waits for their translations."""
        begins = [self.preparer.encoded("prefix", prefix) for prefix in prefixes]
        lines = [self.preparer.prepare(text) for text in texts]
        searches = [
            self.preparer.searches(sentence) for line in lines for sentence in line.sentences
        ]
        # Only the first sentence of a line begins with its prefix.
        given = [
            [] if i else begin
            for line, begin in zip(lines, begins, strict=True)
            for i, _ in enumerate(line.sentences)
        ]
        first = self._hand_over({i: next(search) for i, search in enumerate(searches)}, given)

        def finish() -> list[list[Translation]]:
            found: list[list[Translation]] = [[] for _ in searches]
            waiting = first
            while waiting:
                again: dict[int, Ids] = {}
                for places, result in waiting:
                    for i, hypotheses in zip(places, result(), strict=True):
                        try:
                            again[i] = searches[i].send([self.translation(h) for h in hypotheses])
                        except StopIteration as end:
                            found[i] = end.value
                waiting = self._hand_over(again, given)
            each = iter(found)
            return [best_of(line.filled(each), self.n_best) for line in lines]

        return finish

    def _hand_over(
        self, sources: dict[int, Ids], given: Sequence[Ids]
    ) -> list[tuple[list[int], Callable[[], Found]]]:
        # Sources by the places of their sentences → the places in each batch, and its result.
        places = list(sources)
        begins = [given[i] for i in places]
        waiting = []
        for batch in batches(list(sources.values()), begins, self.settings):
            prefixes = [begins[j] for j in batch] if any(begins) else None
            chosen = [places[j] for j in batch]
            waiting.append((chosen, self.submit([sources[i] for i in chosen], prefixes)))
        return waiting
