"""What a run would be, without making it: `transformer-train --dry-run`."""

import sys
import time
from itertools import islice
from statistics import median
from typing import Literal

import torch

from ..checkpoint import RunDirectory, TrainingState
from ..config import Config
from ..data.batching import count_positions, epoch_batches, pair_weights
from ..data.corpus import Corpus, statistics
from ..model.encoder_decoder import Transformer
from .loop import (
    NotFiniteError,
    Prepared,
    build,
    explain_not_finite,
    learning_rate_at,
    prepare,
    update,
    updates,
)
from .precision import set_up
from .resuming import TrainingError

N_TIMED = 5
"""Updates made on a throw-away model to estimate time and memory; the median passes over the slow
first one."""

N_COUNTED = 5000
"""Batches counted at most to tell how many an epoch has."""


def describe_run(config: Config) -> str:
    """The resolved settings, the model's size, the corpus, and an estimate of time and memory.

    Nothing is written but the cache of the encoded text.

    Raises:
        CorpusError, TokenizerError: the data cannot be used.
        TrainingError: the loss of a trial update is not finite.
    """
    device, precision = set_up(config.training)
    data = prepare(config)
    model, optimizer = build(config, data.tokenizer, device)

    n_batches, padding = _an_epoch(config, data)
    epoch_steps = -(-n_batches // config.training.accumulate)
    steps = config.training.max_steps
    if config.training.max_epochs is not None:
        steps = min(steps, epoch_steps * config.training.max_epochs)
    taken = "" if RunDirectory(config.run_dir).is_empty() else "  (not empty: choose another)"
    lines = [
        config.to_yaml(),
        f"run directory   {config.run_dir}{taken}",
        f"device          {device}, {precision}, {torch.get_num_threads()} threads",
        f"training pairs  {data.train.summary()}",
        f"                {_lengths(data.train)}",
        f"validation      {_lengths(data.val)}",
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
    model: Transformer,
    optimizer: torch.optim.AdamW,
    data: Prepared,
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
            raise TrainingError(explain_not_finite(error, step, lr, data)) from None
        seconds.append(time.perf_counter() - started)
        rates.append(sums.n_tokens / seconds[-1])
    return median(seconds), median(rates)


def _an_epoch(config: Config, data: Prepared) -> tuple[int, float]:
    # Its batches, and which share of their positions is padding; of a large corpus, estimated from
    # the first ones, which are a random sample.
    n_batches = n_pairs = positions = padding = 0
    batches = epoch_batches(
        data.train,
        data.tokenizer,
        batch_tokens=config.training.batch_tokens,
        max_tokens=config.data.cleaning.max_tokens,
        seed=config.seed,
        epoch=0,
    )
    for batch in islice(batches, N_COUNTED):
        counted = count_positions([batch], data.tokenizer.pad_id)
        positions, padding = positions + counted[0], padding + counted[1]
        n_batches, n_pairs = n_batches + 1, n_pairs + len(batch.src)
    if n_batches == N_COUNTED:
        all_pairs = float(pair_weights(data.train).sum())
        n_batches = round(n_batches * all_pairs / n_pairs)
    return n_batches, padding / positions


def _lengths(corpus: Corpus) -> str:
    numbers = statistics(corpus)
    return (
        f"{numbers['pairs']:,.0f} pairs; pieces a sentence: "
        f"source {numbers['src_pieces_mean']:.1f} (at most {numbers['src_pieces_max']:.0f}), "
        f"target {numbers['tgt_pieces_mean']:.1f} (at most {numbers['tgt_pieces_max']:.0f}); "
        f"{numbers['tgt_tokens']:,.0f} target tokens"
    )


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
