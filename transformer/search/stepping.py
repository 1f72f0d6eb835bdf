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


class BeamState(Protocol):
    """A state whose sentences all have equally many hypotheses, of which some may be dead."""

    def select(
        self: "B", rows: Tensor, sentences: Tensor | None = None, alive: Tensor | None = None
    ) -> "B":
        """See `State`. The next step is then given tokens of the rows `alive` only (None: of all).

        These are indices of the rows that have been selected, in order.
        """


B = TypeVar("B", bound=BeamState)
BeamStep = Callable[[Tensor, B], tuple[Tensor, B]]
"""A `Step` that is given the latest tokens of rows that are alive, and gives logits of these."""
