"""Text that is never stored: read in shards, encoded and batched while the model learns.

A shard is a file, or a shard of a hub dataset, read through `datasets.IterableDataset`. In every
epoch the shards are dealt out, in random order, to *lanes*, one for each process that makes
batches. A lane reads `data.shuffle_buffer` rows, cuts them into batches, hands these out in random
order, and reads on. So memory stays flat, however large the corpus is.

Where a lane stands is told by a few numbers, a `Lane`, which comes with every batch. From these it
goes on exactly, and with another number of processes the lanes are dealt out anew, nothing lost or
seen twice. (The shuffle buffer of `datasets` cannot do that: it forgets what is in it.)
"""

from __future__ import annotations

import math
import multiprocessing
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np
import torch.utils.data

from ..config import DataConfig
from ..processes import deaf_children, end_with_parent, leave_group
from .plain_text import CorpusError
from .shards import Shard, key_of, reading
from .sources import no_progress_bars

_BLOCK = 1024
"""Random numbers drawn together, for weights: that of a row depends on its place alone."""

Row = TypeVar("Row")
Made = TypeVar("Made")

Weighted = tuple[Row, int]
"""A row, and how often it is to come."""


# Where a lane stands ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Segment:
    """Rows of a shard that follow one another."""

    shard: int
    start: int  # rows before it
    stop: int | None = None  # None: up to the end
    state: dict[str, Any] | None = None
    """That of the dataset at `start`, by which it finds the place."""


@dataclass(frozen=True)
class Pool:
    """Rows that are batched together, and how many of the batches have been made."""

    segments: tuple[Segment, ...]
    done: int = 0


@dataclass(frozen=True)
class Lane:
    """What is still to come in this epoch; `asdict` makes JSON of it."""

    pools: tuple[Pool, ...] = ()  # begun
    rest: tuple[Segment, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    """Rows read so far, and what else `ShardStream.prepare` counts, such as pairs left out."""

    def after(self, done: int) -> Lane:
        """The lane once this many batches of its first pool have been made."""
        first, *others = self.pools
        return replace(self, pools=(replace(first, done=done), *others))

    @classmethod
    def of_json(cls, found: dict[str, Any]) -> Lane:
        """From a checkpoint."""
        pools = [Pool(_segments(pool["segments"]), pool["done"]) for pool in found["pools"]]
        return cls(tuple(pools), _segments(found["rest"]), found["counts"])


def _segments(found: Sequence[dict[str, Any]]) -> tuple[Segment, ...]:
    return tuple(Segment(**each) for each in found)


def deal(n_shards: int, n_lanes: int, *, seed: int, epoch: int) -> list[Lane]:
    """The shards of an epoch in random order, dealt out to lanes.

    Raises:
        CorpusError: there are fewer shards than lanes.
    """
    if n_shards < n_lanes:
        raise CorpusError(
            f"data.train has {n_shards} shards, and {n_lanes} processes read it, each its own "
            f"shards; cut the files into smaller ones (for example with split --lines), or lower "
            f"data.streaming_workers or the number of processes"
        )
    order = np.random.default_rng((seed, epoch)).permutation(n_shards).tolist()
    return [
        Lane(rest=tuple(Segment(shard, 0) for shard in order[i::n_lanes])) for i in range(n_lanes)
    ]


def deal_again(lanes: Sequence[Lane], n_lanes: int) -> list[Lane]:
    """What is still to come in some lanes, dealt out to another number of them."""
    pools = [pool for lane in lanes for pool in lane.pools]
    rest = [segment for lane in lanes for segment in lane.rest]
    counts = sum((Counter(lane.counts) for lane in lanes), Counter())
    return [
        Lane(tuple(pools[i::n_lanes]), tuple(rest[i::n_lanes]), dict(counts) if i == 0 else {})
        for i in range(n_lanes)
    ]


# Reading along a lane -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ShardStream(ABC, Generic[Row, Made]):
    """Makes the batches of a lane from rows of the shards; it can be sent to another process."""

    data: DataConfig
    seed: int
    epoch: int
    key: str | None = None  # of the shards, if they must still be the same

    @abstractmethod
    def find(self) -> list[Shard[Row]]:
        """The shards.

        Raises:
            CorpusError: one is missing.
        """

    def size(self, row: Row) -> int:
        """What a row takes of `data.shuffle_buffer`."""
        return 1

    @abstractmethod
    def prepare(
        self, place: tuple[int, ...], rows: list[Weighted[Row]]
    ) -> tuple[Sequence[Any], Counter[str]]:
        """What batches are made of, in training order, and what is to be counted of these rows.

        A pure function of the rows, which are batched together, and of random numbers from `place`.
        """

    @abstractmethod
    def make(self, prepared: Any) -> Made:
        """A batch, of something that `prepare` has returned."""

    @cached_property
    def shards(self) -> list[Shard[Row]]:
        """Found where they are read, since what opens them cannot be sent.

        Raises:
            CorpusError: one is missing, or they are not those that the run began with.
        """
        shards = self.find()
        if self.key not in (None, key_of(shards)):
            raise CorpusError(
                f"the shards of data.train have changed since this run began; there are "
                f"{len(shards)} now. Bring the old ones back to go on, or begin another run (of a "
                f"hub dataset, set the revision)"
            )
        return shards

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "shards"}

    def batches(self, lane: Lane) -> Iterator[tuple[Made | None, Lane]]:
        """All that is to come in a lane, each batch with where the lane stands after it.

        What comes last has no batch: it tells the final counts.

        Raises:
            CorpusError: a shard is missing or malformed.
        """
        reader = _Reader(self)
        with no_progress_bars():
            while lane.pools or lane.rest:
                if lane.pools:
                    pool, *others = lane.pools
                    rest, counts = lane.rest, lane.counts
                    prepared, _ = self._prepare(pool, reader.read(pool.segments))
                else:
                    pool, rest, rows = reader.fill(lane.rest, self.data.shuffle_buffer)
                    others = []
                    prepared, counted = self._prepare(pool, rows)
                    n_read = sum((s.stop or 0) - s.start for s in pool.segments)
                    counts = dict(Counter(lane.counts) + Counter({"read": n_read}) + counted)
                for done, each in enumerate(prepared[pool.done :], pool.done + 1):
                    after = Lane((replace(pool, done=done), *others), rest, counts)
                    yield self.make(each), after
                lane = Lane(tuple(others), rest, counts)
            yield None, lane

    def _prepare(self, pool: Pool, rows: list[Weighted[Row]]) -> tuple[Sequence[Any], Counter[str]]:
        first = pool.segments[0]
        return self.prepare((self.seed, self.epoch, first.shard, first.start), rows)


class _Reader(Generic[Row]):
    """Reads segments. A shard stays open where the last one ended, for the next."""

    def __init__(self, stream: ShardStream[Row, Any]) -> None:
        self._stream = stream
        self._at: tuple[int, int] | None = None  # shard, rows read of it
        self._dataset: Any = None
        self._rows: Iterator[Row] = iter(())

    def fill(
        self, rest: tuple[Segment, ...], size: int
    ) -> tuple[Pool, tuple[Segment, ...], list[Weighted[Row]]]:
        """Rows of about this size from the beginning of `rest`, whose segments end with the shards.

        Returns:
            The segments that they are, what is left of `rest`, and the rows.
        """
        rows: list[Weighted[Row]] = []
        taken: list[Segment] = []
        room = size
        while rest and room > 0:
            segment, state = rest[0], self._open(rest[0])
            n_read, used = self._take(segment, rows, room)
            end = segment.start + n_read
            taken.append(Segment(segment.shard, segment.start, end, state))
            room -= used
            rest = rest[1:]
            if room <= 0:  # there may be more
                rest = (Segment(segment.shard, end, state=self._state()), *rest)
        return Pool(tuple(taken)), rest, rows

    def read(self, segments: Sequence[Segment]) -> list[Weighted[Row]]:
        """The rows of segments that end."""
        rows: list[Weighted[Row]] = []
        for segment in segments:
            assert segment.stop is not None
            self._open(segment)
            n, _ = self._take(segment, rows)
            if n < segment.stop - segment.start:
                name = self._stream.shards[segment.shard].name
                raise CorpusError(f"{name} is shorter than it was when this epoch began")
        return rows

    def _open(self, segment: Segment) -> dict[str, Any] | None:
        # Opens a shard at a segment, and returns the state of its dataset there.
        if self._at != (segment.shard, segment.start):
            shard = self._stream.shards[segment.shard]
            with reading(shard):
                self._dataset = shard.open()
                if segment.state is not None:
                    self._dataset.load_state_dict(segment.state)
                self._rows = shard.rows(iter(self._dataset))
            self._at = (segment.shard, segment.start)
            return segment.state  # a dataset tells none before it is read
        return self._state() if segment.start else None

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._dataset.state_dict()
        return state

    def _take(
        self, segment: Segment, rows: list[Weighted[Row]], room: float = math.inf
    ) -> tuple[int, int]:
        # Adds the rows of a segment, as many as there is room for, with how often each is to come.
        # Returns how many were read, and their size.
        shard = self._stream.shards[segment.shard]
        limit = None if segment.stop is None else segment.stop - segment.start
        n = used = 0
        with reading(shard, lambda: segment.start + n):
            for n, row in enumerate(islice(self._rows, limit), start=1):
                copies = int(shard.weight)
                if shard.weight != copies:
                    index = segment.start + n - 1
                    copies = int(shard.weight + self._chance(segment.shard, index))
                if copies:
                    rows.append((row, copies))
                used += self._stream.size(row)
                if used >= room:
                    break
        self._at = (segment.shard, segment.start + n)
        return n, used

    def _chance(self, shard: int, index: int) -> float:
        block = index // _BLOCK
        if self._block_at != (shard, block):
            place = (self._stream.seed, self._stream.epoch, shard, block)
            self._block = np.random.default_rng(place).random(_BLOCK)
            self._block_at = (shard, block)
        return float(self._block[index % _BLOCK])

    _block_at: tuple[int, int] | None = None
    _block: np.ndarray[Any, np.dtype[np.float64]]


# Processes that make batches ----------------------------------------------------------------------


def lane_batches(
    stream: ShardStream[Any, Made], lanes: Sequence[Lane], *, workers: int
) -> Iterator[tuple[Made | None, list[Lane]]]:
    """The batches of some lanes in turn, each with where all of them stand after it.

    The lanes that come with a batch are in the order in which to go on. What comes last has no
    batch: it tells where the lanes stand at the end.

    Args:
        stream: what makes them.
        lanes: of this process; each in a process of its own, or the only one in this process.
        workers: how many processes; 0 or the number of lanes.

    Raises:
        CorpusError: a shard is missing or malformed.
    """
    context = _processes(type(stream).__module__)
    loader: Any = torch.utils.data.DataLoader(
        _Lanes(stream, lanes),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=context if workers else None,
    )
    now = list(lanes)
    with deaf_children(context) if workers else nullcontext():
        made = iter(loader)
    for i, batch, found in made:
        if isinstance(found, str):
            raise CorpusError(found)
        now[i] = now[i].after(found) if isinstance(found, int) else found
        if batch is not None:
            yield batch, now[i + 1 :] + now[: i + 1]
    yield None, now


@cache
def _processes(module: str) -> Any:
    # Not copies of this process: its threads, those of gloo for example, may hold locks that nobody
    # would open in a copy.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload([module, "datasets"])
    return context


class _Lanes(torch.utils.data.IterableDataset[Any]):
    def __init__(self, stream: ShardStream[Any, Any], lanes: Sequence[Lane]) -> None:
        self._stream, self._lanes = stream, lanes

    def __iter__(self) -> Iterator[tuple[int, Any, Lane | int | str]]:
        # Where the lane stands after a batch; if it is in the same pool, only how far. Or an error.
        worker = torch.utils.data.get_worker_info()
        i = 0 if worker is None else worker.id
        # Every shard is for this process alone; `datasets` would share each out among all of them.
        torch.utils.data._utils.worker._worker_info = None
        if worker is not None:
            end_with_parent()  # torch watches only who has started it: the fork server
            leave_group()  # signals that end the training are for the one that trains
        try:
            pool: tuple[Segment, ...] = ()
            for batch, lane in self._stream.batches(self._lanes[i]):
                same = batch is not None and lane.pools[0].segments is pool
                yield i, batch, lane.pools[0].done if same else lane
                pool = lane.pools[0].segments if lane.pools else ()
        except CorpusError as error:  # torch would hide it in a traceback
            yield i, None, str(error)
