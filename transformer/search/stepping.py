"""What decoding needs of a model: a step function and a state, which it passes along."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from torch import Tensor


class State(Protocol):
    """What a step depends on: one row per hypothesis, hypotheses of a sentence side by side."""

    def select(self: "S", rows: Tensor, sentences: Tensor | None = None) -> "S":
        """The rows named, of the sentences named (None: of all)."""


S = TypeVar("S", bound=State)
Step = Callable[[Tensor, S], tuple[Tensor, S]]
"""(rows,) latest tokens and a state → (rows, vocab_size) logits and the next state.

Log-probabilities are logits, too: those that need no normalising.
"""
