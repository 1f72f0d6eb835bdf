"""The engine that is our own: beam search and sampling with a `Transformer`."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain

import torch

from ..config import DecodingConfig, TextConfig
from ..data.batching import pad_ids
from ..data.tokenizer import Tokenizer
from ..errors import UserError
from ..model.decoding_state import DecodingState
from ..model.encoder_decoder import Transformer
from ..model.layout import Gathered, round_up_length
from ..search.beam_search import beam_search
from ..search.hypothesis import Hypothesis, length_penalty
from ..search.sampling import Sampling
from .engine import OVERFLOW, Ids
from .reverse import ReverseModel
from .sampling import checked, sample
from .shortlist import Shortlist

if hasattr(os, "register_at_fork"):
    # A forked process does not have the threads of its parent, and GNU's OpenMP would wait for them
    # for ever.
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


class TorchEngine:
    """Searches with a `Transformer`.

    Args:
        model: trained; it is put into evaluation mode.
        tokenizer: the one it was trained with.
        shortlist: limits the pieces of a search to those that any source of its batch may need.
            Neighbours then matter, and log-probabilities count these pieces only.
        reverse: has a say in which hypothesis is the best.

    Attributes:
        shows_attention: words of a translation can be aligned with those of its source.
    """

    shows_attention = True

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        shortlist: Shortlist | None = None,
        reverse: ReverseModel | None = None,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.shortlist = shortlist
        self.reverse = reverse
        self._forbidden = tokenizer.forbidden_ids
        pieces = tokenizer.pieces(range(tokenizer.vocab_size))
        self._marks = frozenset(
            i for i, piece in enumerate(pieces) if "@" in piece or piece == "<0x40>"
        )

    def search(
        self,
        batch: Sequence[Ids],
        settings: DecodingConfig,
        n_best: int = 1,
        prefixes: Sequence[Ids] | None = None,
    ) -> list[list[Hypothesis]]:
        """See `Engine`."""
        if self.reverse is None:
            return self._search(batch, settings, n_best, prefixes)
        found = self._search(batch, settings, settings.beam_size, prefixes)
        return [best[:n_best] for best in self.reverse.reordered(batch, found, settings)]

    def _search(
        self,
        batch: Sequence[Ids],
        settings: DecodingConfig,
        n_best: int,
        prefixes: Sequence[Ids] | None,
    ) -> list[list[Hypothesis]]:
        # A beam of one is greedy search: there is nothing to compare lengths with.
        kind = settings.length_penalty if settings.beam_size > 1 else "none"
        search = partial(
            beam_search,
            state=self._start(batch),
            max_lengths=self._limits(batch, settings, prefixes),
            beam_size=settings.beam_size,
            n_best=n_best,
            penalty=partial(length_penalty, kind, settings.alpha),
            patience=settings.patience,
            relative_threshold=settings.relative_threshold,
            max_per_parent=settings.max_per_parent,
            no_repeat_ngram_size=settings.no_repeat_ngram_size,
            device=self.model.device,
        )
        bos_id, eos_id = self.tokenizer.bos_id, self.tokenizer.eos_id
        barred: list[list[int]] | None = None
        if isinstance(settings, TextConfig) and settings.placeholders:
            # Where nothing is hidden, no mark may come out.
            marks = sorted(self._marks)
            barred = [marks if self._marks.isdisjoint(source) else [] for source in batch]
        if self.shortlist is None:
            with _overflow_explained():
                return search(
                    self.model.step,
                    bos_id=bos_id,
                    eos_id=eos_id,
                    forbidden=self._forbidden,
                    barred=barred,
                    prefixes=prefixes,
                )

        # The search then numbers the pieces on the list from 0, in their order.
        special = [bos_id, eos_id, *self._forbidden]
        listed = self.shortlist.candidates(batch, [*special, *chain(*(prefixes or ()))])
        numbers = {piece: number for number, piece in enumerate(listed.tolist())}
        listed = listed.to(self.model.device)
        logits = self.model.output.some_logits(listed)
        with _overflow_explained():
            found = search(
                lambda tokens, state: self.model.step(listed[tokens], state, logits),
                bos_id=numbers[bos_id],
                eos_id=numbers[eos_id],
                forbidden=[numbers[piece] for piece in self._forbidden],
                barred=barred
                and [[numbers[piece] for piece in row if piece in numbers] for row in barred],
                prefixes=prefixes and [[numbers[piece] for piece in prefix] for prefix in prefixes],
            )
        pieces = listed.tolist()
        return [
            [replace(h, ids=tuple(pieces[number] for number in h.ids)) for h in best]
            for best in found
        ]

    def sample(
        self,
        batch: Sequence[Ids],
        settings: DecodingConfig,
        sampling: Sampling,
        prefixes: Sequence[Ids] | None = None,
        places: Sequence[int] | None = None,
    ) -> list[Hypothesis]:
        """A translation of each source, drawn at random; see `sample`."""
        return sample(
            checked(self.model.step),
            self._start(batch),
            self._limits(batch, settings, prefixes),
            bos_id=self.tokenizer.bos_id,
            eos_id=self.tokenizer.eos_id,
            forbidden=self._forbidden,
            sampling=sampling,
            places=places,
            prefixes=prefixes,
            device=self.model.device,
        )

    @torch.inference_mode()
    def score(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> list[list[float]]:
        """The log-probability of every token of given translations.

        Args:
            sources: ids, each ending with EOS.
            targets: ids of their translations, each ending with EOS.

        Returns:
            For each translation one natural logarithm per token.
        """
        bos, pad = self.tokenizer.bos_id, self.tokenizer.pad_id
        model, device = self.model, self.model.device
        memory = model.start(pad_ids(sources, pad).to(device)).memory
        tgt = round_up_length(pad_ids(targets, pad), pad).to(device)
        tgt_in = torch.cat((torch.full_like(tgt[:, :1], bos), tgt[:, :-1]), dim=1)
        # Only what is no padding is computed.
        tokens = Gathered.some(model.target_layout(tgt), tgt != pad)
        logits = model.output.logits(model.decode(tokens.gather(tgt_in), tokens, memory))
        exact = torch.promote_types(logits.dtype, torch.float32)
        log_probs = logits.log_softmax(dim=-1, dtype=exact)
        asked = log_probs.gather(1, tokens.gather(tgt).unsqueeze(-1))[:, 0]
        rows = tokens.scatter(asked).tolist()
        found = [row[: len(ids)] for row, ids in zip(rows, targets, strict=True)]
        if not all(map(math.isfinite, chain(*found))):
            raise UserError(OVERFLOW)
        return found

    @torch.inference_mode()
    def next_tokens(self, source: Ids, prefix: Ids, n: int) -> list[tuple[int, float]]:
        """The n likeliest tokens after a prefix of the translation, and their log-probabilities."""
        state, step = self._start([source]), checked(self.model.step)
        for token in (self.tokenizer.bos_id, *prefix):
            logits, state = step(torch.tensor([token], device=self.model.device), state)
        log_probs = logits[0].to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)
        log_probs[self._forbidden] = -torch.inf
        best, tokens = log_probs.topk(min(n, len(log_probs) - len(self._forbidden)))
        return list(zip(tokens.tolist(), best.tolist(), strict=True))

    def _start(self, batch: Sequence[Ids]) -> DecodingState:
        src = pad_ids(batch, self.tokenizer.pad_id).to(self.model.device)
        with torch.inference_mode():
            return self.model.start(src)

    def _limits(
        self, batch: Sequence[Ids], settings: DecodingConfig, prefixes: Sequence[Ids] | None
    ) -> list[int]:
        given = [len(prefix) for prefix in prefixes] if prefixes else [0] * len(batch)
        return [
            max(len(ids) - 1 + max(1, settings.max_extra_tokens), n + 1)
            for ids, n in zip(batch, given, strict=True)
        ]


@contextmanager
def _overflow_explained() -> Iterator[None]:
    try:
        yield
    except ArithmeticError:
        raise UserError(OVERFLOW) from None
