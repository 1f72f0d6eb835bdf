"""What a run would be, without making it: `transformer-train --dry-run`."""

import sys
import time
from itertools import islice
from statistics import median
from typing import Literal

import torch

from ..checkpoint import RunDirectory, TrainingState
from ..config import Config
from .loop import (
    NotFiniteError,
    build,
    explain_not_finite,
    learning_rate_at,
    prepare,
    update,
    updates,
)
from .precision import set_up
from .resuming import TrainingError
from .task import Data, Model, task_of

N_TIMED = 5
"""Updates made on a throw-away model to estimate time and memory; the median passes over the slow
first one."""


def describe_run(config: Config) -> str:
    """The resolved settings, the model's size, the corpus, and an estimate of time and memory.

    Nothing is written but the cache of the encoded text.

    Raises:
        CorpusError, TokenizerError: the data cannot be used.
        TrainingError: the loss of a trial update is not finite.
    """
    device, precision = set_up(config.training)
    data = prepare(config)
    model, optimizer = build(config, data, device)

    task = task_of(config)
    n_batches, padding = task.measure_epoch(data, config)
    epoch_steps = -(-n_batches // config.training.accumulate)
    steps = config.training.max_steps
    if config.training.max_epochs is not None:
        steps = min(steps, epoch_steps * config.training.max_epochs)
    taken = "" if RunDirectory(config.run_dir).is_empty() else "  (not empty: choose another)"
    lines = [
        config.to_yaml(),
        f"run directory   {config.run_dir}{taken}",
        f"device          {device}, {precision}, {torch.get_num_threads()} threads",
        *task.describe_text(data),
        f"vocabulary      {data.tokenizer.vocab_size:,} pieces",
        f"weights         {model.n_parameters():,} ({model.n_parameters() * 4 / 1e6:,.1f} MB)",
    ]
    plain = steps  # updates in single passes, those before `consistency` sets in
    if config.training.consistency:
        plain = min(steps, config.training.consistency_start)
    timed = [
        (n, *_time_updates(model, optimizer, data, config, span, device, precision))
        for n, span in ((plain, (1, plain)), (steps - plain, (plain + 1, steps)))
        if n
    ]
    times = " and then ".join(
        f"{seconds:.2f} s ({rate:,.0f} target tokens/s)" for _, seconds, rate in timed
    )
    lines += [
        f"an epoch        {epoch_steps:,} updates; "
        f"{padding:.1%} of all positions are padding; "
        f"{steps:,} updates are {steps / epoch_steps:.1f} epochs",
        f"an update       {times}, the median of {N_TIMED} just made on a throw-away model",
        f"time            about {_duration(sum(n * seconds for n, seconds, _ in timed))} for "
        f"{steps:,} updates, validation not counted",
        f"memory          {_memory(device)}",
        f"disk            about {_disk(config, model.n_parameters()):,.0f} MB",
    ]
    return "\n".join(lines)


def _time_updates(
    model: Model,
    optimizer: torch.optim.AdamW,
    data: Data,
    config: Config,
    span: tuple[int, int],
    device: torch.device,
    precision: Literal["fp32", "bf16"],
) -> tuple[float, float]:
    # Seconds of an update, and target tokens a second, as they will be from the first to the last
    # step of the span; the last is made again if there are fewer than the trial needs.
    first, last = span
    seconds, rates = [], []
    for step, batches in enumerate(islice(updates(data, config, TrainingState()), N_TIMED), first):
        started = time.perf_counter()
        step = min(step, last)
        lr = learning_rate_at(step, config)
        try:
            sums = update(model, optimizer, batches, step, lr, config, device, precision)
        except NotFiniteError as error:
            raise TrainingError(explain_not_finite(error, step, lr, data, config)) from None
        seconds.append(time.perf_counter() - started)
        rates.append(sums.n_tokens / seconds[-1])
    return median(seconds), median(rates)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _memory(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated(device) / 1e6:,.0f} MB on the GPU at its highest"
    try:
        import resource
    except ImportError:  # Windows
        return "unknown on this system"
    # Kilobytes on Linux, bytes on macOS.
    unit = 1e6 if sys.platform == "darwin" else 1e3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return f"{peak:,.0f} MB at its highest so far, Python and torch included"


def _disk(config: Config, n_parameters: int) -> float:
    # A checkpoint has the weights and two moments; one is in the making while the others stay.
    checkpoints = 3 * (config.training.keep_checkpoints + 1)
    return (checkpoints + 2) * n_parameters * 4 / 1e6
