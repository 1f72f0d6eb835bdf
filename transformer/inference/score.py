"""How likely a model finds a translation that it is given."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """How likely the model finds a translation, piece by piece."""

    pieces: tuple[str, ...]  # as sentencepiece writes them, the end of the sentence last
    log_probs: tuple[float, ...]  # natural logarithms, one per piece

    @property
    def log_prob(self) -> float:
        """Of the whole translation."""
        return sum(self.log_probs)
