"""All that a decoding step of the Transformer depends on."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .kv_cache import KeyValueCache, Memory

FORGET_FROM = 64
"""From this many tokens on, a sentence's cache is searched for those that no hypothesis needs."""


@dataclass(frozen=True)
class DecodingState:
    """What is known of every sentence and its hypotheses before the next step.

    Each sentence has equally many hypotheses. They share its memory and also its cache, where every
    token that any of them had at some step keeps its place, whatever becomes of the hypothesis.
    `history` says which of these tokens are whose. When the search reorders its hypotheses, or
    drops some and doubles others, only this table changes, and no key or value moves.
    """

    memory: tuple[Memory, ...]  # per decoder layer, one row per sentence
    past: tuple[KeyValueCache, ...] | None  # likewise, all hypotheses' tokens; None at first
    history: Tensor  # (sentences, hypotheses, length of past), True = one of its tokens
    position: int = 0  # tokens decoded so far
    alive: Tensor | None = None  # the hypotheses, counted over all sentences, that go on; None: all

    def select(
        self, rows: Tensor, sentences: Tensor | None = None, alive: Tensor | None = None
    ) -> "DecodingState":
        """The state with other hypotheses: reordered, repeated, or those of some sentences only.

        Args:
            rows: indices of hypotheses, those of a sentence side by side, equally many for each.
            sentences: indices of the sentences they belong to; None if all remain.
            alive: indices of `rows`, in order: the next step has tokens of these only. None: of
                all.
        """
        n_sentences = self.history.size(0) if sentences is None else len(sentences)
        history = self.history.flatten(0, 1)[rows].unflatten(0, (n_sentences, -1))
        state = replace(self, history=history, alive=alive)
        if sentences is not None:
            state = replace(
                state,
                memory=tuple(memory.select(sentences) for memory in self.memory),
                past=self.past and tuple(cache.select(sentences) for cache in self.past),
            )
        return state._forget()

    def _forget(self) -> "DecodingState":
        # Drops tokens that no hypothesis needs any more, if most are such: nearly all hypotheses of
        # a long translation share the same tokens. Without this, translations of 100 tokens take a
        # tenth longer, those of 300 a quarter (32 sentences, beam 5, 3 layers, int8).
        if self.past is None or self.history.size(2) < FORGET_FROM:
            return self
        in_use = self.history.any(dim=1)  # (sentences, length of past)
        n_kept = int(in_use.sum(dim=1).max())
        if 2 * n_kept > in_use.size(1):
            return self
        kept = in_use.to(torch.uint8).topk(n_kept, dim=1).indices.sort(dim=1).values
        places = kept.unsqueeze(1).expand(-1, self.history.size(1), -1)
        return replace(
            self,
            past=tuple(cache.select_tokens(kept) for cache in self.past),
            history=self.history.gather(2, places),
        )
