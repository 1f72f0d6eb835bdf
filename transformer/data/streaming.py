"""The batches of a corpus that is streamed: of pairs, or of running text. See `lanes`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .batching import Batch, make_batch, n_with_eos, sample_ids, token_budget_batches
from .cleaning import FAULTS, judge
from .lanes import ShardStream, Weighted
from .plain_text import Pair
from .shards import Shard, find_shards, find_text_shards
from .stream import Blocks, Ids, cut_blocks, encode_chunks
from .text_tokenizers import TextTokenizer
from .texts import Chunk
from .tokenizer import Tokenizer

PreparedPairs = tuple[list[Any], list[Any]]
"""Ids of both sides of a batch."""


@dataclass(frozen=True, kw_only=True)
class PairStream(ShardStream[Pair, Batch]):
    """Pairs, those of similar length batched together."""

    tokenizer: Tokenizer
    batch_tokens: int

    def find(self) -> list[Shard[Pair]]:
        """See `find_shards`."""
        return find_shards(self.data)

    def prepare(
        self, place: tuple[int, ...], rows: list[Weighted[Pair]]
    ) -> tuple[Sequence[PreparedPairs], Counter[str]]:
        """Ids of both sides, batch by batch, and how many pairs were left out, by reason."""
        dropped: Counter[str] = Counter()
        cleaned = self._cleaned(rows, dropped)
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

    def make(self, prepared: PreparedPairs) -> Batch:
        """With padding."""
        return make_batch(*prepared, self.tokenizer)

    def _cleaned(self, pairs: list[Weighted[Pair]], dropped: Counter[str]) -> list[Pair]:
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


PreparedBlocks = tuple[Ids, NDArray[np.int64]]
"""The tokens of a buffer, and where in them the blocks of a batch begin."""


@dataclass(frozen=True, kw_only=True)
class TextStream(ShardStream[Chunk, Blocks]):
    """Running text, cut into blocks of equal length."""

    tokenizer: TextTokenizer
    context: int
    batch_blocks: int

    def find(self) -> list[Shard[Chunk]]:
        """See `find_text_shards`."""
        return find_text_shards(self.data)

    def size(self, row: Chunk) -> int:
        """See `size_of_text`."""
        return size_of_text(row)

    def prepare(
        self, place: tuple[int, ...], rows: list[Weighted[Chunk]]
    ) -> tuple[Sequence[PreparedBlocks], Counter[str]]:
        """The blocks of a buffer in random order, and how many tokens are in none of them.

        The first block begins at a random place, among those that leave as many blocks.
        """
        ids = encode_chunks((chunk for chunk, _ in rows), self.tokenizer)
        n_blocks, n_left = divmod(max(0, len(ids) - 1), self.context)
        counted = Counter({"tokens": len(ids), LEFT: n_left if n_blocks else len(ids)})
        if not n_blocks:
            return [], +counted
        generator = np.random.default_rng(place)
        starts = generator.integers(n_left + 1) + self.context * generator.permutation(n_blocks)
        batches = [
            (ids, starts[first : first + self.batch_blocks])
            for first in range(0, n_blocks, self.batch_blocks)
        ]
        return [batches[i] for i in generator.permutation(len(batches))], +counted

    def make(self, prepared: PreparedBlocks) -> Blocks:
        """The last batch of a buffer may have fewer blocks."""
        ids, starts = prepared
        return cut_blocks(ids, starts, self.context)


LEFT = "tokens in no block"
"""`Lane.counts` calls so what is left at the ends of buffers."""


def size_of_text(chunk: Chunk) -> int:
    """What it takes of `data.shuffle_buffer`: 1 for each thousand characters or part of them."""
    return -(-len(chunk.text) // 1000)
