"""The processes that train one model together, as torchrun starts them.

Each runs the same program on a part of every batch. What they must agree on, they tell one another
through torch.distributed: gloo between CPUs, NCCL between GPUs. A run of one process is a world of
its own, in which all of this costs nothing.
"""

import os
import re
import socket
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
from torch import distributed

from ..errors import UserError
from ..files import write_atomically
from .resuming import TrainingError

T = TypeVar("T")

LONGEST_WAIT = timedelta(hours=24)
"""For another process, which may read a large corpus meanwhile. One that has ended is noticed at
once, since its connections close."""

LAUNCH = ".launch"
"""The file of a run directory that says which torchrun made it."""

_GONE = re.compile(
    r"connection (closed|reset|refused)|broken pipe|gloo|nccl|ProcessGroup|socket|remote process",
    re.IGNORECASE,
)
"""In the first line of a RuntimeError of torch.distributed."""


class ToldElsewhereError(TrainingError):
    """What ended this process is told by the first one."""


class GoneError(TrainingError):
    """Another process has ended, or is out of reach; torchrun is about to end this one."""


@dataclass(frozen=True)
class World:
    """Which of how many processes this is."""

    rank: int = 0  # from 0
    size: int = 1
    local_rank: int = 0  # among those of this machine

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and tells."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of what all have: every `size`-th, from its rank on."""
        return items[self.rank :: self.size]

    def joined(self, shares: Sequence[T]) -> list[T]:
        """The shares of all processes in the order that `share` took them from."""
        parts = self.gather(shares)
        longest = max(map(len, parts))
        return [part[i] for i in range(longest) for part in parts if i < len(part)]

    def gather(self, value: T) -> list[T]:
        """The values of all processes, by rank."""
        if self.size == 1:
            return [value]
        found: list[T] = [value] * self.size
        with explained():
            distributed.all_gather_object(found, value)
        return found

    def each(self, number: int) -> list[int]:
        """The numbers of all processes, by rank: `gather` for what comes with every update."""
        if self.size == 1:
            return [number]
        mine = torch.tensor([number])
        found = [torch.zeros_like(mine) for _ in range(self.size)]
        with explained():
            distributed.all_gather(found, mine)
        return [int(each) for each in found]

    def total(self, values: Sequence[float]) -> list[float]:
        """The sum of each number over all processes."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        with explained():
            distributed.all_reduce(sums)
        return [float(each) for each in sums]

    def wait(self) -> None:
        """Until all processes are here."""
        self.gather(None)

    @contextmanager
    def together(self) -> Iterator[None]:
        """A block that all processes leave without an error, or none does.

        Raises:
            UserError: what went wrong, in the first process.
            ToldElsewhereError: the same, in the others.
        """
        if self.size == 1:
            yield
            return
        error: UserError | None = None
        try:
            yield
        except UserError as found:
            error = found
        told = self.gather(str(error) if error else None)
        if all(each is None for each in told):
            return
        if not self.is_first:
            with suppress(GoneError):  # torchrun would end the first one while it still tells
                self.wait()
            raise ToldElsewhereError("the first process tells what is wrong") from error
        if error:
            raise error
        rank = next(rank for rank, each in enumerate(told) if each is not None)
        raise TrainingError(f"process {rank} of {self.size}: {told[rank]}")

    @property
    def turn(self) -> int:
        """When to read the text: what a process has put into the cache, those after it find there.

        First the first process, then the first one of each machine, then all others.
        """
        return 0 if self.is_first else 1 if self.local_rank == 0 else 2


ALONE = World()

_ADDRESS = ("RANK", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun sets beside WORLD_SIZE."""

N_TURNS = 3
"""See `World.turn`."""


@contextmanager
def joined_world(device: str) -> Iterator[World]:
    """The processes that torchrun has started with this one; outside of torchrun, it is alone.

    Args:
        device: the setting; on GPUs, each computes on that of its local rank.

    Raises:
        GoneError: they cannot reach one another, or one has ended.
    """
    if distributed.is_available() and distributed.is_initialized():  # by the caller
        yield _this()
        return
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    if missing := [name for name in _ADDRESS if name not in os.environ]:
        raise TrainingError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but these are not set: "
            f"{', '.join(missing)}; start the processes with torchrun, or unset WORLD_SIZE to "
            f"train alone"
        )
    gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    with explained():
        backend = "cpu:gloo,cuda:nccl" if gpu else "gloo"
        store, rank, size = next(distributed.rendezvous("env://", timeout=LONGEST_WAIT))
        # torchrun may keep its store over a restart, with the addresses of those that have ended.
        store = distributed.PrefixStore(f"attempt {n_restarts()}", store)
        distributed.init_process_group(
            backend, store=store, rank=rank, world_size=size, timeout=LONGEST_WAIT
        )
    try:
        with explained():
            yield _this()
    except BaseException:
        if not gpu:  # NCCL would wait for the others, who may be waiting for this one
            distributed.destroy_process_group()
        raise
    distributed.destroy_process_group()


def _this() -> World:
    local_rank = int(os.environ.get("LOCAL_RANK", distributed.get_rank()))
    return World(distributed.get_rank(), distributed.get_world_size(), local_rank)


# Restarts -----------------------------------------------------------------------------------------


def n_restarts() -> int:
    """How often torchrun has started these processes again, since one had ended."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def note_launch(folder: Path) -> None:
    """Notes in a run directory which command torchrun was started with, so that it may go on."""
    if launch := _launch():
        write_atomically(folder / LAUNCH, launch.encode())


def was_restarted(folder: Path, world: World) -> bool:
    """Whether torchrun has started these processes again, after one of them had ended in this run.

    Then the run goes on. Another run in the same folder would be an error as ever.

    Raises:
        GoneError: another process has ended.
    """
    note = folder / LAUNCH
    again = n_restarts() > 0 and note.is_file() and note.read_text(errors="replace") == _launch()
    # Without settings it had only just begun, and begins again.
    again &= (folder / "config.yaml").is_file()
    return world.gather(again)[0]


def _launch() -> str | None:
    # This torchrun and no other: it is the parent of all its processes, also of those it restarts.
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    if name is None:
        return None
    started = ""
    with suppress(OSError, IndexError):
        # What follows the name of a program, which may hold blanks, begins with its state.
        about = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2]
        started = about.split()[19]
    return f"{name} {socket.gethostname()} {os.getppid()} {started}"


# Errors -------------------------------------------------------------------------------------------


@contextmanager
def explained() -> Iterator[None]:
    """Errors of torch.distributed say what they mean.

    Raises:
        GoneError: another process has ended.
    """
    try:
        yield
    except RuntimeError as error:
        first = next(iter(str(error).splitlines()), "")
        if not (isinstance(error, distributed.DistError) or _GONE.search(first)):
            raise
        reason = textwrap.shorten(re.sub(r"^\[\S+:\d+\] ", "", first), 200, placeholder=" …")
        raise GoneError(
            f"another process of this run has ended or is out of reach ({reason}); torchrun names "
            f"it below. Checkpoints are whole: go on with --resume"
        ) from error
