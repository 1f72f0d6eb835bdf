"""Dropout (Srivastava et al. 2014), the same as torch's but for the cost of its random numbers."""

from typing import Any

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Sets a share p of all numbers to zero while training and divides the others by 1 - p.

    On a CPU `nn.Dropout` draws one random number for each element, a fifth of a step of a small
    model. Here every 64-bit number drawn decides for eight elements, one byte each. So p is rounded
    to the nearest 1/256, and the division uses the rounded value: the mean stays exact.

    Args:
        p: share set to zero, in [0, 1).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"dropout must be at least 0 and below 1; found {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Any shape → the same shape."""
        return dropout(x, self.p) if self.training else x

    def extra_repr(self) -> str:
        return f"p={self.p}"


def dropout(x: Tensor, p: float) -> Tensor:
    """What `Dropout` does while training."""
    if p == 0:
        return x
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return nn.functional.dropout(x, p)
    result: Tensor = _ByteDropout.apply(x, min(round(p * 256), 255))
    return result


class _ByteDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, p_in_256: int) -> Tensor:
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        drawn = words.view(torch.uint8)[: x.numel()].view(x.shape)
        # Zeros and ones of x's kind: turning bools into numbers takes as long as all the rest.
        keep = torch.ge(drawn, p_in_256, out=torch.empty_like(drawn, dtype=x.dtype))
        ctx.save_for_backward(keep)
        ctx.scale = 256 / (256 - p_in_256)
        return (x * keep).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (keep,) = ctx.saved_tensors
        return (grad * keep).mul_(ctx.scale), None
