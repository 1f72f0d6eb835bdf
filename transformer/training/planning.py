"""A run on many GPUs, on paper: `transformer-train --dry-run --devices 8 --device-kind h100`.

Operations and memory are counted from the configuration. What a device can do is what its vendor
says; which share of it a training reaches is an assumption, and printed as one. Nothing here was
measured on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..config import Config
from ..errors import UserError
from .memory_needs import Memory

SHARE_OF_PEAK = 0.35
"""The share of a device's dense bf16 products that a training is assumed to reach. Published ones,
of models of these sizes, reach 0.3 to 0.5."""

SHARE_OF_LINK = 0.7
"""The share of a link's bandwidth that an exchange is assumed to reach."""

LATENCY = 20e-6
"""Seconds that an exchange takes at least, for every doubling of the devices: assumed."""

BACKWARD = 2 / 3
"""The share of an update's operations in the backward pass, behind which an exchange can hide."""

USABLE = 0.9
"""The share of a device's memory that tensors can have; the rest is for its driver, its libraries
and fragments."""

WORTH_IT = 0.5
"""Adding a device pays while each is busy for at least this share of the time."""


@dataclass(frozen=True)
class DeviceKind:
    """What the vendor says of a GPU."""

    name: str
    flops: float  # dense bf16 products per second
    memory: float  # bytes
    link: float  # bytes per second, each way, to the others of its machine
    network: float  # bytes per second, each way, between machines with eight of them; usual
    per_machine: int


KINDS = {
    kind.name: kind
    for kind in (
        DeviceKind("a100", 312e12, 80e9, 300e9, 200e9, 8),
        DeviceKind("h100", 989e12, 80e9, 450e9, 400e9, 8),
        DeviceKind("h200", 989e12, 141e9, 450e9, 400e9, 8),
        DeviceKind("l4", 121e12, 24e9, 32e9, 12.5e9, 8),
        DeviceKind("l40s", 362e12, 48e9, 32e9, 25e9, 8),
        DeviceKind("rtx4090", 165e12, 24e9, 32e9, 3e9, 8),
    )
}
"""By the name that `--device-kind` takes."""


@dataclass(frozen=True)
class Work:
    """What an update of one device takes, on average, at the batch size of the settings."""

    operations: float  # floating-point, of all matrix products
    n_tokens: float  # target tokens
    n_parameters: int
    memory: Memory
    memory_sharded: Memory  # the same with FSDP over the devices
    n_batches: int = 1  # of an update


def find_kind(name: str) -> DeviceKind:
    """The kind of that name.

    Raises:
        UserError: there is none.
    """
    if name not in KINDS:
        raise UserError(f"--device-kind must be one of {', '.join(KINDS)}; found {name!r}")
    return KINDS[name]


def describe_plan(config: Config, work: Work, devices: int, kind: DeviceKind, steps: int) -> str:
    """The plan for `devices` of a kind, and how it changes with their number."""
    sharded = config.training.parallel == "fsdp" and devices > 1
    memory = work.memory_sharded if sharded else work.memory
    room = USABLE * kind.memory
    update = Timing.of(work, devices, kind, sharded=sharded, share=1.0)
    lines = [
        "",
        f"on {devices} × {kind.name}, on paper: {kind.flops / 1e12:,.0f} TFLOP/s in bf16, "
        f"{kind.memory / 1e9:,.0f} GB, links of {kind.link / 1e9:,.0f} GB/s and, between machines "
        f"of {kind.per_machine}, {kind.network / 1e9:,.4g} GB/s, as vendors say;",
        f"assumed: {SHARE_OF_PEAK:.0%} of the first and {SHARE_OF_LINK:.0%} of the links are "
        f"reached. None of it was measured.",
        f"memory          {_bytes(memory.total)} of {_bytes(room)} on each device: weights "
        f"{_bytes(memory.weights)}, {_gradients(memory)}, moments "
        f"{_bytes(memory.moments)}, activations {_bytes(memory.activations)}, logits "
        f"{_bytes(memory.logits)}{_advice(memory, work, room, sharded=sharded)}",
        f"an update       {devices * work.n_tokens:,.0f} target tokens, "
        f"{devices * work.operations / 1e12:,.1f} TFLOP: {update.describe()}",
        f"time            {_hours(steps * update.seconds)} for {steps:,} updates",
        "",
        "The update kept as large as the settings make it on one device, and dealt out:",
        f"{'devices':>8}{'tokens each':>13}{'compute':>11}{'exchange':>11}{'update':>11}"
        f"{'busy':>7}{'in all':>10}",
    ]
    rows = [(n, Timing.of(work, n, kind, sharded=sharded, share=1 / n)) for n in _counts(devices)]
    for n, timing in rows:
        lines.append(
            f"{n:>8,}{work.n_tokens / n:>13,.0f}{_ms(timing.compute):>11}"
            f"{_ms(timing.exchange):>11}{_ms(timing.seconds):>11}{timing.busy:>7.0%}"
            f"{_hours(steps * timing.seconds):>10}"
        )
    last = max((n for n, timing in rows if timing.busy >= WORTH_IT), default=1)
    if last == rows[-1][0]:
        lines.append(f"Adding devices pays up to {last:,} at least.")
    else:
        few = f"{last:,} device{'s' * (last != 1)}"
        lines.append(
            f"Beyond {few}, each is busy for less than {WORTH_IT:.0%} of the time: larger updates "
            f"(training.batch_tokens) or fewer devices."
        )
    return "\n".join(lines)


@dataclass(frozen=True)
class Timing:
    """Seconds of an update on one of several devices."""

    compute: float
    exchange: float  # of gradients; with FSDP of weights, too
    seconds: float  # of both, as far as they do not overlap

    @classmethod
    def of(
        cls, work: Work, devices: int, kind: DeviceKind, *, sharded: bool, share: float
    ) -> Timing:
        """Of an update in which each device does `share` of what the settings give to one."""
        compute = share * work.operations / (SHARE_OF_PEAK * kind.flops)
        if devices == 1:
            return cls(compute, 0.0, compute)
        # A ring leaves each machine once.
        bandwidth = kind.link if devices <= kind.per_machine else min(kind.link, kind.network)
        # A ring passes every byte on twice: sums go round, then results. Shards are gathered for
        # the forward and the backward pass of each batch, and gradients are scattered once.
        passes = 2 * work.n_batches + 1 if sharded else 2
        moved = passes * (devices - 1) / devices * 4.0 * work.n_parameters
        latency = LATENCY * (devices - 1).bit_length() * passes
        exchange = moved / (SHARE_OF_LINK * bandwidth) + latency
        hidden = min(exchange, compute if sharded else BACKWARD * compute)
        return cls(compute, exchange, compute + exchange - hidden)

    @property
    def busy(self) -> float:
        """Share of the time that a device computes."""
        return self.compute / self.seconds

    def describe(self) -> str:
        """In words."""
        shown = f"{_ms(self.seconds)}, of which {_ms(self.compute)} to compute"
        if not self.exchange:
            return shown
        open_ = self.seconds - self.compute
        return f"{shown} and {_ms(open_)} of {_ms(self.exchange)} to exchange beside it"


def _counts(devices: int) -> Sequence[int]:
    powers = [2**i for i in range(20) if 2**i <= 8 * devices]
    return sorted({*powers, devices})


def _advice(memory: Memory, work: Work, room: float, *, sharded: bool) -> str:
    if memory.total <= room:
        return ""
    if not sharded and work.memory_sharded.total <= room:
        return ". TOO MUCH: set training.parallel=fsdp"
    return ". TOO MUCH: lower training.batch_tokens, and raise training.accumulate"


def _gradients(memory: Memory) -> str:
    if not memory.gradients:
        return "gradients in the place of activations"
    return f"gradients {_bytes(memory.gradients)}"


def _bytes(n: float) -> str:
    return f"{n / 1e9:,.1f} GB" if n >= 1e9 else f"{n / 1e6:,.0f} MB"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds < 1 else f"{seconds:,.1f} s"


def _hours(seconds: float) -> str:
    if seconds < 5400:
        return f"{seconds / 60:,.1f} min"
    return f"{seconds / 3600:,.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:,.1f} days"
