"""Padding and look-ahead masks: the one place where their polarity is defined.

A mask is a bool tensor that broadcasts to (batch, n_heads, query_len, key_len).
**True means: this query may attend to this key.**
"""

import torch
from torch import Tensor


def padding_mask(ids: Tensor, pad_id: int) -> Tensor:
    """Hides padding from every query: (batch, length) ids → (batch, 1, 1, length)."""
    return (ids != pad_id)[:, None, None, :]


def causal_mask(length: int, *, device: torch.device | str | None = None) -> Tensor:
    """Hides what comes later, §3.2.3; every token sees itself: (1, 1, length, length).

    For three tokens, row by row what each may see::

        1 0 0
        1 1 0
        1 1 1
    """
    return torch.ones(1, 1, length, length, dtype=torch.bool, device=device).tril()
