"""What metrics.jsonl says about a run: a series of points for each metric."""

from __future__ import annotations

import json
import math
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Metric(NamedTuple):
    """How a metric is drawn."""

    label: str  # of its axis, with the unit
    better: Literal["lower", "higher"] | None = None
    log: bool = False  # a logarithmic axis, where the values lie far apart
    from_zero: bool = False  # an axis from 0 on


METRICS = {
    "nll": Metric("training NLL (nats per token)", "lower", log=True),
    "val_nll": Metric("validation NLL (nats per token)", "lower", log=True),
    "val_bleu": Metric("validation BLEU (greedy)", "higher"),
    "val_bpc": Metric("validation bits per character", "lower", log=True),
    "loss": Metric("training loss (nats per token)", "lower", log=True),
    "val_loss": Metric("validation loss (nats per token)", "lower", log=True),
    "ppl": Metric("training perplexity", "lower", log=True),
    "val_ppl": Metric("validation perplexity", "lower", log=True),
    "lr": Metric("learning rate", from_zero=True),
    "gradient_norm": Metric("gradient norm", log=True),
    "tokens_per_second": Metric("tokens per second", "higher", from_zero=True),
    "padding_share": Metric("share of padding", "lower", from_zero=True),
}
"""By their names in metrics.jsonl."""

CURVES = ("nll", "val_nll", "val_bleu", "val_bpc")
"""The metrics that are called the learning curves, where a run has them."""

X = {"updates": "updates", "minutes": "minutes of training", "tokens": "target tokens (millions)"}
"""What a curve may run over, and the label of that axis."""

Series = NDArray[np.float64]
"""(n, 4): updates, minutes, millions of target tokens, and the value."""


@dataclass(frozen=True)
class History:
    """What metrics.jsonl says about a run."""

    series: dict[str, Series]
    """By metric; none is empty."""
    unreadable: list[int]
    """The numbers of damaged lines. A last line without its end does not count: a run is writing
    it, or was killed as it did."""


def read_history(path: Path) -> History:
    """Reads metrics.jsonl. What is not finite is left out, and so is the line about the end."""
    columns: dict[str, array[float]] = {}
    unreadable = []
    step = step_of_training = 0  # of the last line, and of the last one about training
    seconds = tokens = 0.0
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        row = _numbers(line)
        if row is None:
            unreadable += [number] * (number < len(lines))
            continue
        now, before = int(row.pop("step")), (step, seconds)
        step, seconds = now, row.pop("seconds", seconds)
        if "tokens_per_second" in row:
            # Of the time since the last line, all was spent on updates, but not all of them: a
            # validation may have come between.
            share = (now - step_of_training) / max(1, now - before[0])
            tokens += row["tokens_per_second"] * max(0.0, seconds - before[1]) * share
            step_of_training = now
        for name, value in row.items():
            columns.setdefault(name, array("d")).extend((now, seconds / 60, tokens / 1e6, value))
    series = {name: np.array(flat).reshape(-1, 4) for name, flat in columns.items()}
    return History(series, unreadable)


def _numbers(line: bytes) -> dict[str, float] | None:
    # The finite numbers of a line; None if it is damaged.
    try:
        row = json.loads(line)
        if type(row["step"]) is not int or row["step"] < 0:
            return None
        if "event" in row:  # the end, whose scores are those of other weights
            row = {"step": row["step"]}
        row.pop("epoch", None)
        numbers = {key: float(value) for key, value in row.items() if type(value) in (int, float)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None
    return {key: value for key, value in numbers.items() if math.isfinite(value)}


def best(series: Series, metric: str) -> NDArray[np.float64] | None:
    """The point (4,) with the best value, the first of equals; None where no value is better."""
    better = METRICS[metric].better if metric in METRICS else None
    if better is None:
        return None
    values = series[:, -1]
    return series[values.argmin() if better == "lower" else values.argmax()]
