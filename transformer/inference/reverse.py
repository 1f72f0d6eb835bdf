"""A search whose hypotheses are judged by two models, the second one of the other direction.

A model likes translations that leave something out: what is not said cannot be wrong. A model that
has to guess the source from the translation does not. So the best hypotheses of a search are asked
how likely they make their source, the noisy channel of Yee et al. 2019, arXiv 1908.05731.
"""

from collections.abc import Sequence
from dataclasses import replace

from ..config import DecodingConfig
from ..data.tokenizer import Tokenizer
from ..model.encoder_decoder import Transformer
from ..search.hypothesis import Hypothesis, length_penalty
from .engine import Ids
from .rounds import search_batches
from .shortlist import Shortlist
from .torch_engine import TorchEngine

WEIGHT = 0.3
"""Of the source, where the score of a hypothesis has 1; see docs/benchmarks.md."""


class ReverseEngine(TorchEngine):
    """Searches as `TorchEngine`, then lets a model of the other direction have its say.

    The score of a hypothesis becomes score + weight · log p(source | hypothesis) / penalty, with
    the length penalty of the source's pieces, EOS included. Its log-probability stays. The search
    itself goes on until it has beam_size hypotheses, since any of them may be the best.

    Args:
        model, tokenizer, shortlist: as `TorchEngine`.
        reverse: a model that translates back, in evaluation mode.
        reverse_tokenizer: the one it was trained with.
        weight: of its judgement.
    """

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        shortlist: Shortlist | None = None,
        *,
        reverse: Transformer,
        reverse_tokenizer: Tokenizer,
        weight: float = WEIGHT,
    ) -> None:
        super().__init__(model, tokenizer, shortlist)
        self.weight = weight
        self._reverse = TorchEngine(reverse, reverse_tokenizer)
        self._same_pieces = reverse_tokenizer.fingerprint == tokenizer.fingerprint

    def search(
        self,
        batch: Sequence[Ids],
        settings: DecodingConfig,
        n_best: int = 1,
        prefixes: Sequence[Ids] | None = None,
    ) -> list[list[Hypothesis]]:
        """The n_best hypotheses of each source, by both models; see `Engine`."""
        found = super().search(batch, settings, settings.beam_size, prefixes)
        asked = [(source, h) for source, best in zip(batch, found, strict=True) for h in best]
        judged = iter(self._judge(asked, settings))
        # What was cut off at the length limit stays behind what ended.
        return [
            sorted((next(judged) for _ in best), key=lambda h: (not h.finished, -h.score))[:n_best]
            for best in found
        ]

    def _judge(
        self, asked: Sequence[tuple[Ids, Hypothesis]], settings: DecodingConfig
    ) -> list[Hypothesis]:
        eos = self._reverse.tokenizer.eos_id
        kind = settings.length_penalty if settings.beam_size > 1 else "none"
        given = [[*self._theirs(h.ids), eos] for _, h in asked]
        wanted = [[*self._theirs(source[:-1]), eos] for source, _ in asked]
        lengths = [max(len(a), len(b)) for a, b in zip(given, wanted, strict=True)]
        judged: dict[int, Hypothesis] = {}
        for places in search_batches(lengths, settings.batch_tokens):
            answers = self._reverse.score([given[i] for i in places], [wanted[i] for i in places])
            for i, log_probs in zip(places, answers, strict=True):
                h = asked[i][1]
                said = sum(log_probs) / length_penalty(kind, settings.alpha, len(log_probs))
                judged[i] = replace(h, score=h.score + self.weight * said)
        return [judged[i] for i in range(len(asked))]

    def _theirs(self, ids: Ids) -> Ids:
        # The same text in the pieces of the other model.
        if self._same_pieces:
            return ids
        return self._reverse.tokenizer.encode(self.tokenizer.decode(ids))
