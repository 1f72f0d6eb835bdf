"""What a run would be, without making it: `transformer-train --dry-run`."""

import logging
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import mean, median

import torch

from ..config import Config, ModelConfig
from ..model.compiling import compile_layers
from ..runs.checkpoints import TrainingState
from ..runs.directory import RunDirectory
from .memory_needs import update_memory
from .planning import DeviceKind, Work, describe_plan
from .precision import Precision, set_up
from .resuming import TrainingError, alone
from .starting import prepare, take_over
from .task import AnyTask, B, M, Model, Task
from .updating import NotFiniteError, build, explain_not_finite, update, updates

log = logging.getLogger(__name__)

N_TIMED = 5
"""Updates that a throw-away model makes to estimate time and memory. Their median ignores the slow
first one."""

N_PLANNED = 10
"""Updates that are looked at for a plan: they differ, as sentences differ in length."""

LONGEST_TRIAL = 20.0
"""Seconds that this trial may take. If it would take longer, its operations give the estimate."""

OVERHEAD = 1.5
"""An update takes this many times as long as its matrix products: 2.0 with 1.4 million weights, 1.4
with 6 million and 1.25 with 44 million, measured on one core in fp32."""

UNKNOWN_MEMORY = 2e9
"""Bytes that are assumed to be free where the system does not say."""


@dataclass(frozen=True)
class Devices:
    """GPUs that a run is planned for."""

    n: int
    kind: DeviceKind


@alone()
def describe_run(config: Config, planned: Devices | None = None) -> str:
    """The resolved settings, the model's size, the corpus, and an estimate of time and memory.

    With `planned`, also what the run would be on those GPUs, on paper.

    Only the cache of the encoded text is written. Where a few updates of a throw-away model would
    take too much time or memory, none is made, and no weight is ever in memory.

    Raises:
        CorpusError, TokenizerError: the data cannot be used.
        TrainingError: the loss of a trial update is not finite, or there is nothing to start from.
    """
    config, notes = take_over(config)
    for note in notes:
        log.info("%s", note)
    taken = "" if RunDirectory(config.run_dir).is_empty() else "  (not empty: choose another)"
    device, precision = set_up(config.training)
    task = prepare(config)
    with torch.device("meta"):
        sketch = task.new_model()

    n_batches, padding = task.measure_epoch()
    epoch_steps = -(-n_batches // config.training.accumulate)
    steps = config.training.max_steps
    if config.training.max_epochs is not None and epoch_steps:
        steps = min(steps, epoch_steps * config.training.max_epochs)
    lines = [
        config.to_yaml(),
        f"run directory   {config.run_dir}{taken}",
        f"device          {device}, {precision}, {torch.get_num_threads()} threads",
        *task.describe_text(),
        f"vocabulary      {task.tokenizer.vocab_size:,} pieces",
        f"weights         {sketch.n_parameters():,} ({sketch.n_parameters() * 4 / 1e6:,.1f} MB)",
    ]
    plain = steps  # updates in single passes, before `consistency` sets in
    if config.training.consistency:
        plain = min(steps, config.training.consistency_start)
    spans = [
        _Span(n, first, last, passes)
        for n, first, last, passes in (
            (plain, 1, plain, 1),
            (steps - plain, plain + 1, steps, 2),
        )
        if n
    ]
    batches = next(updates(task, TrainingState()))
    operations, n_tokens = _operations(task, sketch, batches), sum(b.n_tokens for b in batches)
    memory = update_memory(task, batches, precision, gpu=device.type != "cpu")
    rate = _operations_per_second(device, precision)
    seconds = [span.passes * operations * OVERHEAD / rate for span in spans]
    if sum(seconds) * N_TIMED <= LONGEST_TRIAL and memory.total <= _available(device) / 2:
        model, optimizer = build(task, device)
        if config.training.compile:
            compile_layers(model)
        timed = [_time_updates(task, model, optimizer, span, precision) for span in spans]
        how = f"the median of {N_TIMED} just made on a throw-away model"
        highest = _memory(device)
    else:
        timed = [(each, n_tokens / each) for each in seconds]
        how = (
            f"an estimate from its {operations / 1e9:,.0f} billion operations and the "
            f"{rate / 1e9:,.0f} billion per second that this machine makes"
        )
        highest = (
            f"about {memory.total / 1e6:,.0f} MB, an estimate: weights, gradients and moments "
            f"{16.0 * sketch.n_parameters() / 1e6:,.0f} MB, the rest for what an update computes"
        )
    times = " and then ".join(f"{each:.2f} s ({n:,.0f} target tokens/s)" for each, n in timed)
    total = sum(span.n * each for span, (each, _) in zip(spans, timed, strict=True))
    lines += [
        _describe_epoch(epoch_steps, padding, steps),
        f"an update       {times}, {how}",
        f"time            about {_duration(total)} for {steps:,} updates, validation not counted",
        f"memory          {highest}",
        f"disk            about {_disk(config, sketch.n_parameters()):,.0f} MB",
    ]
    if planned:
        work = _work(task, sketch, planned.n)
        lines.append(describe_plan(config, work, planned.n, planned.kind, steps))
    return "\n".join(lines)


def _work(task: Task[M, B], sketch: M, n: int) -> Work:
    found = list(islice(updates(task, TrainingState()), N_PLANNED))
    whole, sharded = (
        max(
            (update_memory(task, batches, "bf16", gpu=True, shards=shards) for batches in found),
            key=lambda memory: memory.total,
        )
        for shards in (1, n)
    )
    operations = mean(_operations(task, sketch, batches) for batches in found)
    if task.config.training.consistency:
        operations *= 2
    n_tokens = mean(sum(batch.n_tokens for batch in batches) for batches in found)
    return Work(operations, n_tokens, sketch.n_parameters(), whole, sharded, len(found[0]))


def _describe_epoch(epoch_steps: int, padding: float, steps: int) -> str:
    share = f"{padding:.1%} of all positions are padding"
    if not epoch_steps:  # of a stream
        return f"an epoch        as long as the stream is; {share} in what was looked at"
    epochs = f"{steps:,} updates are {steps / epoch_steps:.1f} epochs"
    return f"an epoch        {epoch_steps:,} updates; {share}; {epochs}"


@dataclass(frozen=True)
class _Span:
    """Updates of the same kind."""

    n: int
    first: int  # step
    last: int
    passes: int  # through the model in each


# Estimates ---------------------------------------------------------------------------------------


def _operations(task: Task[M, B], model: M, batches: list[B]) -> float:
    """Floating-point operations of the matrix products of an update in single passes."""
    # A product takes two operations per weight and position, once forwards and twice backwards.
    settings, operations = model.config, 0.0
    d_model, vocab_size = settings.d_model, task.tokenizer.vocab_size
    n_encoder_layers = settings.n_encoder_layers if isinstance(settings, ModelConfig) else 0
    for n_src, n_tgt, rows, src_len, tgt_len in map(task.extent, batches):
        attended = n_encoder_layers * rows * src_len**2
        attended += settings.n_decoder_layers * rows * tgt_len * (tgt_len + src_len)
        products = n_tgt * d_model * vocab_size
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and ".layers." in f".{name}":
                of_src = name.startswith("encoder.") or "cross_attention.key" in name
                of_src |= "cross_attention.value" in name
                products += weight.numel() * (n_src if of_src else n_tgt)
        operations += 6 * products + 12 * attended * d_model
    return operations


def _operations_per_second(device: torch.device, precision: Precision) -> float:
    """The speed of matrix products as a model has them, measured for 0.2 seconds."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.ones(shape, dtype=dtype, device=device) for shape in ((1024, 512), (512, 1024)))

    def multiply() -> float:
        started = time.perf_counter()
        float((a @ b)[0, 0])  # waits for a GPU
        return time.perf_counter() - started

    multiply()
    started, times = time.perf_counter(), []
    while time.perf_counter() - started < 0.2:
        times.append(multiply())
    return 2 * 1024 * 512 * 1024 / median(times)


def _available(device: torch.device) -> float:
    """Bytes of memory that are free."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        import resource

        words = Path("/proc/meminfo").read_text().split()
        free = 1024.0 * int(words[words.index("MemAvailable:") + 1])
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            free = min(free, limit - pages * resource.getpagesize())
        return free
    except (ImportError, OSError, ValueError):  # not Linux
        return UNKNOWN_MEMORY


# A trial -----------------------------------------------------------------------------------------


def _time_updates(
    task: AnyTask, model: Model, optimizer: torch.optim.AdamW, span: _Span, precision: Precision
) -> tuple[float, float]:
    # Seconds per update and target tokens per second, as they will be in the steps of the span; its
    # last step is made again if there are fewer than the trial needs.
    seconds, rates = [], []
    upcoming = islice(updates(task, TrainingState()), N_TIMED)
    for step, batches in enumerate(upcoming, span.first):
        step = min(step, span.last)
        started = time.perf_counter()
        try:
            sums = update(task, model, optimizer, batches, step, precision)
        except NotFiniteError as error:
            raise TrainingError(explain_not_finite(error, task, step)) from None
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
    # A checkpoint holds the weights and two moments. A new one is written before an old one goes.
    checkpoints = 3 * (config.training.keep_checkpoints + 1)
    return (checkpoints + 2) * n_parameters * 4 / 1e6
