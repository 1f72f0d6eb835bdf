"""What decoding remembers: the keys and values of one attention, owned by the decoding loop."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class KeyValueCache:
    """Keys and values already computed, one row per hypothesis.

    Nothing is changed in place: `append` and `select` return new caches, so a state that was
    passed around stays what it was.
    """

    keys: Tensor  # (batch, n_heads, length, d_head)
    values: Tensor  # (batch, n_heads, length, d_head)

    @property
    def length(self) -> int:
        """Tokens remembered so far."""
        return self.keys.size(2)

    def append(self, keys: Tensor, values: Tensor) -> "KeyValueCache":
        """The cache with the keys and values of further tokens at its end."""
        return KeyValueCache(
            torch.cat((self.keys, keys), dim=2), torch.cat((self.values, values), dim=2)
        )

    def select(self, rows: Tensor) -> "KeyValueCache":
        """The rows named, in that order: reorders beams, repeats them, drops finished ones."""
        return KeyValueCache(self.keys.index_select(0, rows), self.values.index_select(0, rows))
