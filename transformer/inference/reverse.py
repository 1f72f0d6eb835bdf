"""A second opinion on the hypotheses of a search: that of a model of the other direction.

A model likes translations that leave something out: what is not said cannot be wrong. A model that
has to guess the source from the translation does not. So it is asked how likely hypotheses make
their source, the noisy channel of Yee et al. 2019, arXiv 1908.05731.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, runtime_checkable

from ..config import DecodingConfig
from ..data.tokenizer import Tokenizer
from ..search.hypothesis import Hypothesis, length_penalty
from .engine import Ids
from .rounds import search_batches

WEIGHT = 0.4
"""Of the source, where the score of a hypothesis has 1; see docs/benchmarks.md."""

MARGIN = 0.2
"""Hypotheses this far below the best, in nats per piece, are not asked about: they rarely win, and
asking takes longer than the search."""

CLEAR = 0.8
"""Nor is any but the best if the source can be guessed from it at this cost, in nats per piece."""


@runtime_checkable
class Scorer(Protocol):
    """An engine that tells how likely a translation is, and whose own ones may be judged so."""

    reverse: "ReverseModel | None"

    @property
    def tokenizer(self) -> Tokenizer:
        """Of its model."""

    def score(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> list[list[float]]:
        """The log-probability of every token of the targets; all ids end with EOS."""


class ReverseModel:
    """A model of the other direction that has a say in which hypothesis is the best.

    Args:
        engine: of that model.
        tokenizer: of the model that searches.
        weight: of its judgement.
        margin: how far below the best a hypothesis may be to be judged, in nats per piece.
        clear: only the best is judged if its source costs less than this, in nats per piece.
    """

    def __init__(
        self,
        engine: Scorer,
        tokenizer: Tokenizer,
        *,
        weight: float = WEIGHT,
        margin: float = MARGIN,
        clear: float = CLEAR,
    ) -> None:
        self.weight = weight
        self._engine = engine
        self._tokenizer = tokenizer
        self._same_pieces = engine.tokenizer.fingerprint == tokenizer.fingerprint
        self._margin = margin
        self._clear = clear

    def reordered(
        self,
        sources: Sequence[Ids],
        found: Sequence[Sequence[Hypothesis]],
        settings: DecodingConfig,
    ) -> list[list[Hypothesis]]:
        """Puts the hypotheses of each source in the order that both models like.

        The score of a hypothesis becomes score + weight · (said - most), where said is
        log p(source | hypothesis) / penalty, with the length penalty of the source's pieces, EOS
        included, and most is the largest of them for this source. What is not judged counts as the
        least of them. Log-probabilities stay.

        Args:
            sources: ids, each ending with EOS.
            found: hypotheses of each, best first.
            settings: of the search that found them.
        """
        penalty = partial(length_penalty, settings.length_penalty, settings.alpha)
        near = [self._near(best, penalty) for best in found]
        # First the best one of each alone.
        firsts = [i for i, hypotheses in enumerate(near) if len(hypotheses) > 1]
        answers = self._ask([(sources[i], near[i][0]) for i in firsts], settings.batch_tokens)
        said = dict(zip(firsts, ([answer] for answer in answers), strict=True))
        unclear = [i for i in firsts if -sum(said[i][0]) > self._clear * len(said[i][0])]
        others = [(sources[i], h) for i in unclear for h in near[i][1:]]
        more = iter(self._ask(others, settings.batch_tokens))
        for i in unclear:
            said[i] += [next(more) for _ in near[i][1:]]
        return [
            self._in_order(best, [sum(a) / penalty(len(a)) for a in said.get(i, ())])
            for i, best in enumerate(found)
        ]

    def _near(
        self, best: Sequence[Hypothesis], penalty: Callable[[int], float]
    ) -> Sequence[Hypothesis]:
        # Those that may become the best. What was cut off at the length limit stays behind.
        if self.weight == 0 or not best:
            return ()
        first = best[0]
        n_pieces = len(first.ids) + first.finished
        lowest = first.score - self._margin * n_pieces / penalty(n_pieces)
        return [h for h in best if h.score >= lowest and h.finished == first.finished]

    def _in_order(self, best: Sequence[Hypothesis], said: list[float]) -> list[Hypothesis]:
        # said: of the first ones.
        most, least = max(said, default=0.0), min(said, default=0.0)
        said = said + [least] * (len(best) - len(said))
        both = [
            replace(h, score=h.score + self.weight * (its - most))
            for h, its in zip(best, said, strict=True)
        ]
        return sorted(both, key=lambda h: (not h.finished, -h.score))

    def _ask(self, pairs: Sequence[tuple[Ids, Hypothesis]], batch_tokens: int) -> list[list[float]]:
        # The log-probability of every piece of the sources, given the hypotheses.
        eos = self._engine.tokenizer.eos_id
        given = [[*self._theirs(h.ids), eos] for _, h in pairs]
        wanted = [[*self._theirs(source[:-1]), eos] for source, _ in pairs]
        lengths = [max(len(a), len(b)) for a, b in zip(given, wanted, strict=True)]
        found: dict[int, list[float]] = {}
        for places in search_batches(lengths, batch_tokens):
            answers = self._engine.score([given[i] for i in places], [wanted[i] for i in places])
            found.update(zip(places, answers, strict=True))
        return [found[i] for i in range(len(pairs))]

    def _theirs(self, ids: Ids) -> Ids:
        # The same text in the pieces of the other model.
        if self._same_pieces:
            return ids
        return self._engine.tokenizer.encode(self._tokenizer.decode(ids))
