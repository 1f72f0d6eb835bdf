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


def as_summand(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A mask as what is added to the scores: 0 where True, elsewhere the lowest finite number.

    Not −∞, which gives NaN where a whole row is hidden, and not −1e9, which is too large for fp16.
    It is as wide as the scores: on a CPU, adding a narrower tensor is slow. Several attentions may
    share one: a mask that is a summand already stays one.
    """
    lowest = torch.finfo(dtype).min
    if mask.dtype == torch.bool:
        return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, lowest)
    return mask if mask.dtype == dtype else mask.clamp(min=lowest).to(dtype)
