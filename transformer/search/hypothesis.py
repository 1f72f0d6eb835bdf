"""What a search finds, and how hypotheses of different length are compared."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Hypothesis:
    """One translation."""

    ids: tuple[int, ...]  # without BOS and EOS
    score: float  # log_prob after the length penalty: what hypotheses are compared by
    log_prob: float  # natural logarithm, EOS included
    finished: bool  # False: cut off at the length limit, without EOS


def length_penalty(kind: Literal["paper", "power", "none"], alpha: float, length: int) -> float:
    """The divisor of a log-probability; without one, short hypotheses win by being short.

    Args:
        kind: `paper` ((5 + length) / 6)^alpha, Wu et al. 2016, eq. 14; `power` length^alpha, as in
            fairseq, Marian, CTranslate2 and Hugging Face; `none` 1.
        alpha: exponent.
        length: tokens, EOS included.
    """
    if kind == "paper":
        return float(((5 + length) / 6) ** alpha)
    return float(length**alpha) if kind == "power" else 1.0
