"""The loss over a validation set."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from .journal import perplexity
from .loss import Loss
from .resuming import TrainingError
from .world import ALONE, World


class Totals(NamedTuple):
    """Sums over the target tokens of many batches, in nats."""

    smoothed: float
    nll: float
    n_tokens: int

    def scores(self) -> dict[str, float]:
        """Means per token, by the names that metrics.jsonl has for them."""
        nll = self.nll / self.n_tokens
        return {
            "val_loss": self.smoothed / self.n_tokens,
            "val_nll": nll,
            "val_ppl": perplexity(nll),
        }


def add_up(losses: Iterable[Loss], world: World = ALONE) -> Totals:
    """The sum of the losses of many batches, those of all processes.

    Raises:
        TrainingError: it is not finite.
    """
    smoothed = nll = 0.0
    n_tokens = 0
    for loss in losses:
        smoothed, nll = smoothed + float(loss.smoothed), nll + float(loss.nll)
        n_tokens += loss.n_tokens
    smoothed, nll, n_all = world.total([smoothed, nll, n_tokens])
    with world.together():
        if not math.isfinite(smoothed):
            raise TrainingError(
                f"the loss of the validation set is {smoothed}, although every weight is finite: "
                f"the numbers in between are too large. Start another run with "
                f"training.clip_norm=1, training.precision=fp32, or a lower learning rate "
                f"(training.peak_learning_rate or training.learning_rate_scale)"
            )
    return Totals(smoothed, nll, int(n_all))
