"""Pairs that are never stored: read in shards, encoded and batched while the model learns.

A shard is a file, or a shard of a hub dataset, read through `datasets.IterableDataset`. In every
epoch the shards are dealt out, in random order, to *lanes*, one for each process that makes
batches. A lane reads `data.shuffle_buffer` pairs, cuts them into batches of similar length, hands
these out in random order, and reads on. So memory stays flat, however large the corpus is.

Where a lane stands is told by a few numbers, a `Lane`, which comes with every batch. From these it
goes on exactly, and with another number of processes the lanes are dealt out anew, nothing lost or
seen twice. (The shuffle buffer of `datasets` cannot do that: it forgets what is in it.)
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch.utils.data

from ..config import DataConfig
from .batching import Batch, make_batch, n_with_eos, sample_ids, token_budget_batches
from .cleaning import FAULTS, judge
from .plain_text import CorpusError, Pair
from .shards import Shard, find_shards, key_of, reading, stripped
from .sources import no_progress_bars
from .tokenizer import Tokenizer

_BLOCK = 1024
"""Random numbers drawn together, for weights: that of a pair depends on its place alone."""


Weighted = tuple[Pair, int]
"""A pair, and how often it is to come."""


# Where a lane stands ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Segment:
    """Pairs of a shard that follow one another."""

    shard: int
    start: int  # pairs before it
    stop: int | None = None  # None: up to the end
    state: dict[str, Any] | None = None
    """That of the dataset at `start`, by which it finds the place."""


@dataclass(frozen=True)
class Pool:
    """Pairs that are batched together, and how many of the batches have been made."""

    segments: tuple[Segment, ...]
    done: int = 0


@dataclass(frozen=True)
class Lane:
    """What is still to come in this epoch; `asdict` makes JSON of it."""

    pools: tuple[Pool, ...] = ()  # begun
    rest: tuple[Segment, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    """Pairs read so far, and those that were left out, by reason."""

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


@dataclass(frozen=True)
class PairStream:
    """Makes the batches of a lane; it can be sent to another process."""

    data: DataConfig
    tokenizer: Tokenizer
    batch_tokens: int
    seed: int
    epoch: int
    key: str | None = None  # of the shards, if they must still be the same

    @cached_property
    def shards(self) -> list[Shard]:
        """Found where they are read, since what opens them cannot be sent.

        Raises:
            CorpusError: one is missing, or they are not those that the run began with.
        """
        shards = find_shards(self.data)
        if self.key not in (None, key_of(shards)):
            raise CorpusError(
                f"the shards of data.train have changed since this run began; there are "
                f"{len(shards)} now. Bring the old ones back to go on, or begin another run (of a "
                f"hub dataset, set the revision)"
            )
        return shards

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "shards"}

    def batches(self, lane: Lane) -> Iterator[tuple[Batch | None, Lane]]:
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
                    batches, _ = self._batches(pool, reader.read(pool.segments))
                else:
                    pool, rest, pairs = reader.fill(lane.rest, self.data.shuffle_buffer)
                    others = []
                    batches, dropped = self._batches(pool, pairs)
                    n_read = sum((s.stop or 0) - s.start for s in pool.segments)
                    counts = dict(Counter(lane.counts) + Counter({"read": n_read}) + dropped)
                for done, (src, tgt) in enumerate(batches[pool.done :], pool.done + 1):
                    after = Lane((replace(pool, done=done), *others), rest, counts)
                    yield make_batch(src, tgt, self.tokenizer), after
                lane = Lane(tuple(others), rest, counts)
            yield None, lane

    def _batches(
        self, pool: Pool, pairs: list[Weighted]
    ) -> tuple[list[tuple[list[Any], list[Any]]], Counter[str]]:
        # Ids of both sides, batch by batch in training order, and what was left out: a pure
        # function of the pool.
        dropped: Counter[str] = Counter()
        first = pool.segments[0]
        place = (self.seed, self.epoch, first.shard, first.start)
        cleaned = self._cleaned(pairs, dropped)
        if not cleaned:
            return [], +dropped
        columns = [[pair[side] for pair in cleaned] for side in (0, 1)]
        ids: list[Sequence[Sequence[int]]] = [self.tokenizer.encode_batch(c) for c in columns]
        max_tokens = self.data.cleaning.max_tokens
        if self.tokenizer.sampling_alpha > 0:
            seed = int(np.random.SeedSequence(place).generate_state(1)[0])
            ids = [
                sample_ids(self.tokenizer, columns[side], ids[side], max_tokens, seed + side)
                for side in (0, 1)
            ]
        longest = np.maximum(n_with_eos(ids[0]), n_with_eos(ids[1]))
        kept = np.flatnonzero(longest <= max_tokens)
        dropped["too long"] += len(longest) - len(kept)
        generator = np.random.default_rng(place)
        generator.shuffle(kept)
        src, tgt = ([side[i] for i in kept.tolist()] for side in ids)
        found = token_budget_batches(n_with_eos(src), n_with_eos(tgt), self.batch_tokens)
        generator.shuffle(found)
        return [([src[i] for i in some], [tgt[i] for i in some]) for some in found], +dropped

    def _cleaned(self, pairs: list[Weighted], dropped: Counter[str]) -> list[Pair]:
        # Those without a fault, each as often as it is to come.
        cleaning = self.data.cleaning
        src, tgt = [pair[0] for pair, _ in pairs], [pair[1] for pair, _ in pairs]
        judged = judge({"src": src, "tgt": tgt}, cleaning)
        seen: set[int] = set()
        kept: list[Pair] = []
        for (pair, n), fault, key in zip(pairs, judged["fault"], judged["key"], strict=True):
            if fault:
                dropped[FAULTS[fault]] += 1
            elif cleaning.drop_duplicates and key in seen:
                dropped["duplicate"] += 1
            else:
                seen.add(key)
                kept += [pair] * n
        return kept


class _Reader:
    """Reads segments. A shard stays open where the last one ended, for the next."""

    def __init__(self, stream: PairStream) -> None:
        self._stream = stream
        self._at: tuple[int, int] | None = None  # shard, pairs read of it
        self._dataset: Any = None
        self._pairs: Iterator[Pair] = iter(())

    def fill(
        self, rest: tuple[Segment, ...], size: int
    ) -> tuple[Pool, tuple[Segment, ...], list[Weighted]]:
        """Up to `size` pairs from the beginning of `rest`, whose segments end with their shards.

        Returns:
            The segments that they are, what is left of `rest`, and the pairs.
        """
        pairs: list[Weighted] = []
        taken: list[Segment] = []
        n = 0
        while rest and n < size:
            segment, state = rest[0], self._open(rest[0])
            stop = segment.start + size - n
            n_read = self._take(segment, stop, pairs)
            end = segment.start + n_read
            taken.append(Segment(segment.shard, segment.start, end, state))
            n += n_read
            rest = rest[1:]
            if end == stop:  # there may be more
                rest = (Segment(segment.shard, end, state=self._state()), *rest)
        return Pool(tuple(taken)), rest, pairs

    def read(self, segments: Sequence[Segment]) -> list[Weighted]:
        """The pairs of segments that end."""
        pairs: list[Weighted] = []
        for segment in segments:
            assert segment.stop is not None
            self._open(segment)
            n = self._take(segment, segment.stop, pairs)
            if n < segment.stop - segment.start:
                name = self._stream.shards[segment.shard].name
                raise CorpusError(f"{name} is shorter than it was when this epoch began")
        return pairs

    def _open(self, segment: Segment) -> dict[str, Any] | None:
        # Opens a shard at a segment, and returns the state of its dataset there.
        if self._at != (segment.shard, segment.start):
            shard = self._stream.shards[segment.shard]
            with reading(shard):
                self._dataset = shard.open()
                if segment.state is not None:
                    self._dataset.load_state_dict(segment.state)
                self._pairs = shard.pairs(iter(self._dataset))
            self._at = (segment.shard, segment.start)
            return segment.state  # a dataset tells none before it is read
        return self._state() if segment.start else None

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._dataset.state_dict()
        return state

    def _take(self, segment: Segment, stop: int, pairs: list[Weighted]) -> int:
        # Adds the pairs of a segment up to `stop`, with how often each is to come. Returns how many
        # were read.
        shard = self._stream.shards[segment.shard]
        n = 0
        with reading(shard, lambda: segment.start + n):
            for n, pair in enumerate(islice(self._pairs, stop - segment.start), start=1):
                copies = int(shard.weight)
                if shard.weight != copies:
                    index = segment.start + n - 1
                    copies = int(shard.weight + self._chance(segment.shard, index))
                if copies:
                    pairs.append((stripped(pair), copies))
        self._at = (segment.shard, segment.start + n)
        return n

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
    stream: PairStream, lanes: Sequence[Lane], *, workers: int
) -> Iterator[tuple[Batch | None, list[Lane]]]:
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
    loader: Any = torch.utils.data.DataLoader(
        _Lanes(stream, lanes),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=_processes() if workers else None,
    )
    now = list(lanes)
    for i, batch, found in loader:
        if isinstance(found, str):
            raise CorpusError(found)
        now[i] = now[i].after(found) if isinstance(found, int) else found
        if batch is not None:
            yield batch, now[i + 1 :] + now[: i + 1]
    yield None, now


@cache
def _processes() -> Any:
    # Not copies of this process: its threads, those of gloo for example, may hold locks that nobody
    # would open in a copy.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload([__name__])
    return context


class _Lanes(torch.utils.data.IterableDataset[Any]):
    def __init__(self, stream: PairStream, lanes: Sequence[Lane]) -> None:
        self._stream, self._lanes = stream, lanes

    def __iter__(self) -> Iterator[tuple[int, Batch | None, Lane | int | str]]:
        # Where the lane stands after a batch; if it is in the same pool, only how far. Or an error.
        worker = torch.utils.data.get_worker_info()
        i = 0 if worker is None else worker.id
        # Every shard is for this process alone; `datasets` would share each out among all of them.
        torch.utils.data._utils.worker._worker_info = None
        if worker is not None and hasattr(os, "setsid"):
            os.setsid()  # signals that end the training are for the one that trains
        try:
            pool: tuple[Segment, ...] = ()
            for batch, lane in self._stream.batches(self._lanes[i]):
                same = batch is not None and lane.pools[0].segments is pool
                yield i, batch, lane.pools[0].done if same else lane
                pool = lane.pools[0].segments if lane.pools else ()
        except CorpusError as error:  # torch would hide it in a traceback
            yield i, None, str(error)
