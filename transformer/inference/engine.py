"""What searches: ids in, hypotheses out. Text is the translator's business."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..config import DecodingConfig
from ..search.hypothesis import Hypothesis

Ids = Sequence[int]

OVERFLOW = (
    "the model computes numbers that are infinite or not numbers: its weights are damaged or far "
    "too large; go back to an earlier checkpoint"
)


@runtime_checkable
class Engine(Protocol):
    """What a `Translator` needs of whatever runs the model."""

    def search(
        self,
        batch: Sequence[Ids],
        settings: DecodingConfig,
        n_best: int = 1,
        prefixes: Sequence[Ids] | None = None,
    ) -> list[list[Hypothesis]]:
        """The best hypotheses of each source, best first.

        Args:
            batch: ids of the sources, each ending with EOS.
            settings: beam size, length penalty, length limit.
            n_best: hypotheses for each source, at most beam_size.
            prefixes: ids that each translation begins with.
        """
