"""What decoding remembers: the keys and values of each attention, owned by the decoding loop."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

ROOM = 64
"""Tokens that a cache makes room for at a time."""


@dataclass(frozen=True)
class KeyValueCache:
    """Keys and values already computed, one row per sentence.

    `append` and `select` return new caches, and never change the one they are called on. While
    there is room behind the last token, `append` copies nothing. Only one of several continuations
    of the same cache can use that room; the others copy.
    """

    keys: Tensor  # (batch, n_heads, length, d_head)
    values: Tensor  # (batch, n_heads, length, d_head)
    storage: "Storage | None" = field(default=None, repr=False, compare=False)
    capacity: int = 0  # if known, tokens at most: room is then made for all of them at once

    @classmethod
    def within(cls, storage: "Storage", capacity: int = 0) -> "KeyValueCache":
        """The part of a storage that is in use."""
        keys, values = storage.keys[:, :, : storage.used], storage.values[:, :, : storage.used]
        return cls(keys, values, storage, capacity)

    @property
    def length(self) -> int:
        """Tokens remembered so far."""
        return self.keys.size(2)

    def append(self, keys: Tensor, values: Tensor) -> "KeyValueCache":
        """The cache with the keys and values of further tokens at its end."""
        end = self.length + keys.size(2)
        storage = self.free_storage(keys.size(2))
        if storage is None:
            size = self.capacity if self.capacity >= end else end + max(ROOM, end // 2)
            storage = Storage(_enlarged(self.keys, size), _enlarged(self.values, size))
        storage.keys[:, :, self.length : end] = keys
        storage.values[:, :, self.length : end] = values
        storage.used = end
        return KeyValueCache.within(storage, self.capacity)

    def free_storage(self, n: int = 1) -> "Storage | None":
        """Its storage, if there is free room for n more tokens behind the last."""
        storage = self.storage
        if storage is None or storage.used != self.length:
            return None
        return storage if storage.keys.size(2) >= self.length + n else None

    def extended(self) -> "KeyValueCache":
        """With one more token, which somebody else has written into its free storage."""
        assert self.storage is not None
        self.storage.used = self.length + 1
        return KeyValueCache.within(self.storage, self.capacity)

    def contiguous(self) -> "KeyValueCache":
        """The same, laid out so that attention need not copy it; pays off over many steps."""
        return KeyValueCache(self.keys.contiguous(), self.values.contiguous())

    def select(self, rows: Tensor) -> "KeyValueCache":
        """The rows named, in that order."""
        keys, values = (x.index_select(0, rows) for x in (self.keys, self.values))
        return KeyValueCache(keys, values, capacity=self.capacity)

    def select_tokens(self, kept: Tensor) -> "KeyValueCache":
        """For each row, only the tokens named: (batch, number of tokens kept)."""
        rows = torch.arange(len(kept), device=kept.device)[:, None, None]
        heads = torch.arange(self.keys.size(1), device=kept.device)[:, None]
        places = rows, heads, kept[:, None, :]  # → (batch, n_heads, kept)
        return KeyValueCache(self.keys[places], self.values[places])


@dataclass
class GrowingCache:
    """The cache of one self-attention while a step is made: a longer one takes its place."""

    latest: KeyValueCache | None = None

    def extend(self, new: KeyValueCache) -> KeyValueCache:
        """Adds the keys and values of new tokens; returns those of all tokens so far."""
        before = self.latest
        self.latest = new if before is None else before.append(new.keys, new.values)
        return self.latest


@dataclass(frozen=True)
class Memory:
    """The encoder's output, as the cross-attention of one decoder layer looks at it."""

    cache: KeyValueCache
    mask: Tensor  # hides the source's padding, (batch, 1, 1, src_len); or the summand made of it

    def select(self, rows: Tensor) -> "Memory":
        """The sentences named, in that order."""
        return Memory(self.cache.select(rows), self.mask.index_select(0, rows))


@dataclass
class Storage:
    """Memory that caches write into, one token behind the other."""

    keys: Tensor  # (batch, n_heads, at least `used`, d_head)
    values: Tensor
    used: int = 0


def _enlarged(x: Tensor, length: int) -> Tensor:
    larger = x.new_empty((*x.shape[:2], length, x.size(3)))
    larger[:, :, : x.size(2)] = x
    return larger
