"""Scores that can be compared: sacreBLEU and chrF with signature and confidence interval."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.metrics.base import Metric

from ..errors import UserError
from .checks import check_number, check_texts

MAX_BOOTSTRAP = 100_000
"""Resamples at most; the interval no longer changes long before."""


@dataclass(frozen=True)
class Score:
    """A corpus score between 0 and 100, higher is better."""

    name: str
    value: float
    signature: str  # what was computed, in sacreBLEU's notation; quote it beside the score
    mean: float | None = None  # over bootstrap resamples
    interval: float | None = None  # half the width of the 95 % confidence interval around the mean

    def __str__(self) -> str:
        spread = "" if self.interval is None else f" (95 %: {self.mean:.2f} ± {self.interval:.2f})"
        return f"{self.name} {self.value:.2f}{spread}  {self.signature}"


def evaluate(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    bootstrap: int = 1000,
    seed: int = 12345,
) -> list[Score]:
    """BLEU and chrF2 of cased, detokenised text, as sacreBLEU computes them (Post 2018).

    Args:
        hypotheses: one translation per line, as a reader would get it.
        references: the same lines, translated by a person.
        bootstrap: resamples for the confidence interval (Koehn 2004), 2 to 100,000; 0 for none.
        seed: of the resampling, below 2³².

    Raises:
        UserError: bootstrap or seed is out of these bounds, there are no lines, one is not a str,
            or there are not as many hypotheses as references.
    """
    if check_number("bootstrap", bootstrap, 0, MAX_BOOTSTRAP) == 1:
        raise UserError("bootstrap must be 0 or at least 2; found 1")
    check_number("seed", seed, 0, 2**32 - 1)  # numpy takes no more
    hypotheses = list(check_texts("hypothesis", hypotheses))
    references = list(check_texts("reference", references))
    if len(hypotheses) != len(references):
        raise UserError(
            f"hypotheses and references must have the same number of lines; "
            f"found {len(hypotheses):,} and {len(references):,}"
        )
    if not hypotheses:
        raise UserError("there is nothing to score: both files are empty")
    metrics: list[tuple[str, Metric]] = [("BLEU", BLEU()), ("chrF2", _CHRF())]
    return [_score(name, m, hypotheses, references, bootstrap, seed) for name, m in metrics]


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU alone, for the log."""
    return float(BLEU().corpus_score(list(hypotheses), [list(references)]).score)


def looks_tokenized(lines: Sequence[str]) -> bool:
    """True if most sentences end in " ." instead of ".": such references make BLEU incomparable."""
    ends = [line.rstrip()[-2:] for line in lines if re.search(r"[.!?]\s*$", line)]
    return bool(ends) and sum(end.startswith(" ") for end in ends) > len(ends) / 2


class _CHRF(CHRF):
    """Whose scores are all of one type.

    sacreBLEU 2.6 resamples in numpy's numbers, of which chrF's are made, but for a resample without
    anything in common, whose score is Python's 0.0; and `statistics.mean` takes no such mixture.
    """

    def _compute_score_from_stats(self, stats: Any) -> Any:
        result = super()._compute_score_from_stats(stats)
        result.score = float(result.score)
        return result


def _score(
    name: str,
    metric: Metric,
    hypotheses: Sequence[str],
    references: Sequence[str],
    bootstrap: int,
    seed: int,
) -> Score:
    os.environ["SACREBLEU_SEED"] = str(seed)
    result = metric.corpus_score(list(hypotheses), [list(references)], n_bootstrap=bootstrap or 1)
    signature = str(metric.get_signature())
    if bootstrap:
        return Score(name, float(result.score), signature, float(result._mean), float(result._ci))
    return Score(name, float(result.score), signature)
