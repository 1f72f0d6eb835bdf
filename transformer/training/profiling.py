"""Where the time of an update goes, by the names of the model: `transformer-train --profile`.

Forward passes are told apart by module. An operation of the backward pass counts for the part that
made the operation it differentiates; torch's profiler ties the two together by a sequence number.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.autograd.profiler import record_function
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from ..config import Config
from ..model.attention import MultiHeadAttention
from ..runs.checkpoints import TrainingState
from .precision import set_up
from .resuming import alone
from .starting import prepare, take_over
from .updating import build, update, updates

log = logging.getLogger(__name__)

N_UPDATES = 5
"""Updates to warm up, then as many to time, then as many to profile."""

_PART = "part: "  # begins our names, to tell them from those of torch's operations
_BACKWARD = "autograd::engine::evaluate_function: "

KINDS = {
    "matrix products": {"mm", "addmm", "mkldnn_linear"},
    "matrix products in attention": {"bmm", "baddbmm"},
    "dropout": {"_ByteDropout", "native_dropout", "native_dropout_backward"},
    "loss": {"_SmoothedCrossEntropy", "_SymmetricKL"},
    "softmax and masks": {"_softmax", "_softmax_backward_data", "masked_fill", "masked_fill_"},
    "normalisation": {"native_layer_norm", "native_layer_norm_backward"},
    "copies and casts": {
        *("copy_", "cat", "stack", "index", "index_select", "index_put_", "_index_put_impl_")
    },
    "optimiser": {"_fused_adamw_"},
}
"""Operations by what they do; the others work element by element, or keep the books."""


@alone()
def describe_update(config: Config) -> str:
    """Where the time of an update goes: by part of the model, and by kind of operation.

    A throw-away model makes some updates. Only the cache of the encoded text is written.

    Raises:
        CorpusError, TokenizerError: the data cannot be used.
        NotFiniteError: the loss or gradient of an update is infinite or not a number.
    """
    config, notes = take_over(config)
    for note in notes:
        log.info("%s", note)
    if config.training.compile:
        log.warning("training.compile: the layers are shown as they run without it")
    device, precision = set_up(config.training)
    task = prepare(config)
    model, optimizer = build(task, device)
    upcoming = updates(task, TrainingState())
    steps = iter(range(1, config.training.max_steps + 3 * N_UPDATES))

    def make_updates() -> float:  # median seconds per update
        seconds = []
        for _ in range(N_UPDATES):
            started = time.perf_counter()
            step = next(steps)
            with record_function(_PART + "batches"):
                batches = next(upcoming)
            update(task, model, optimizer, batches, step, precision)
            seconds.append(time.perf_counter() - started)
        return median(seconds)

    make_updates()
    unobserved = make_updates()
    with _named_parts(model), profile(activities=[ProfilerActivity.CPU]) as profiler:
        observed = make_updates()
    forward, backward, kinds = _attribute(profiler.events())
    return "\n".join(
        [
            f"an update takes {unobserved * 1e3:,.0f} ms, {observed * 1e3:,.0f} ms while it is "
            f"profiled: {device}, {precision}, {torch.get_num_threads()} threads",
            "",
            *_table(forward, backward),
            "",
            *_kinds_table(kinds),
        ]
    )


def _table(forward: dict[str, float], backward: dict[str, float]) -> Iterator[str]:
    # Milliseconds per update, the largest part first.
    total = sum(forward.values()) + sum(backward.values())
    yield f"{'part':40} {'forward':>10} {'backward':>10} {'share':>7}"
    for part in sorted(forward | backward, key=lambda p: -forward[p] - backward[p]):
        there, back = forward[part], backward[part]
        yield f"{part:40} {there:7.1f} ms {back:7.1f} ms {(there + back) / total:7.1%}"


def _kinds_table(kinds: dict[str, float]) -> Iterator[str]:
    total = sum(kinds.values())
    yield f"{'kind of operation':40} {'time':>10} {'share':>18}"
    for kind, spent in sorted(kinds.items(), key=lambda item: -item[1]):
        yield f"{kind:40} {spent:7.1f} ms {spent / total:18.1%}"


@contextmanager
def _named_parts(model: nn.Module) -> Iterator[None]:
    """In this block, every part of the model tells the profiler when it begins and ends."""
    undo: list[Callable[[], None]] = []
    for path, module in model.named_modules():
        name = _part_of(path)
        methods = ["forward"]
        if isinstance(module, MultiHeadAttention):
            methods += ["attend_to", "keys_and_values"]
        if hasattr(module, "logits"):
            _wrap(module, "logits", "output projection", undo)
        for method in methods:
            _wrap(module, method, name, undo)
    try:
        yield
    finally:
        for restore in undo:
            restore()


def _wrap(module: nn.Module, method: str, part: str, undo: list[Callable[[], None]]) -> None:
    inner = getattr(module, method)

    def named(*args: Any, **kwargs: Any) -> Any:
        with record_function(_PART + part):
            return inner(*args, **kwargs)

    setattr(module, method, named)
    undo.append(lambda: delattr(module, method))


def _part_of(path: str) -> str:
    # "decoder.layers.2.cross_attention.query" → "decoder, cross attention, projections"
    words = [word for word in path.split(".") if not word.isdigit() and word != "layers"]
    if not words:
        return "model"
    if words[-1] in ("query", "key", "value", "output") and len(words) > 1:
        words[-1] = "projections"
    return ", ".join(word.replace("_", " ") for word in words)


def _attribute(
    events: list[FunctionEvent],
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Milliseconds per update: forward pass by part, backward pass by part, both by kind.

    The time of an operation is its own, without that of the operations it calls.
    """
    forward: dict[str, float] = defaultdict(float)
    backward: dict[str, float] = defaultdict(float)
    kinds: dict[str, float] = defaultdict(float)
    made_in: dict[int, str] = {}  # sequence number → the part whose operation has it
    for event in events:
        if event.sequence_nr >= 0 and not _root(event).name.startswith(_BACKWARD):
            made_in[event.sequence_nr] = _part(event)
    for event in events:
        spent = event.self_cpu_time_total / 1e3 / N_UPDATES
        root = _root(event)
        if root.name.startswith(_BACKWARD):
            backward[made_in.get(root.sequence_nr, "gradients added up")] += spent
        else:
            forward[_part(event)] += spent
        kinds[_kind(event)] += spent
    return forward, backward, kinds


def _root(event: FunctionEvent) -> FunctionEvent:
    found = event
    while not found.name.startswith(_BACKWARD) and found.cpu_parent is not None:
        found = found.cpu_parent
    return found


def _part(event: FunctionEvent) -> str:
    above: FunctionEvent | None = event
    while above is not None:
        if above.name.startswith(_PART):
            return above.name.removeprefix(_PART)
        if above.name.startswith("Optimizer.step"):
            return "optimiser"
        above = above.cpu_parent
    return "loss, gradient norm, bookkeeping"


def _kind(event: FunctionEvent) -> str:
    # By the operation itself or, for a step of one of our own, by that one.
    above: FunctionEvent | None = event
    while above is not None:
        name = above.name.removeprefix("aten::").removesuffix("Backward")
        for kind, names in KINDS.items():
            if name in names:
                return kind
        above = above.cpu_parent
    return "Python between operations" if event.name.startswith(_PART) else "others"
