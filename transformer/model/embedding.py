"""Token embedding and positional encoding, §3.4 and §3.5."""

import math
from collections.abc import Callable
from functools import lru_cache, partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .dropout import Dropout
from .layout import Layout


def sinusoidal_positions(
    length: int, d_model: int, *, start: int = 0, device: torch.device | str | None = None
) -> Tensor:
    """PE(pos, 2i) = sin(pos / 10000^(2i/d_model)), PE(pos, 2i+1) = cos(same), §3.5.

    Args:
        length: how many positions.
        d_model: width, even.
        start: the first position; decoding one token at a time begins later.

    Returns:
        (length, d_model), sine and cosine interleaved as the paper prints them.

    Raises:
        ValueError: d_model is odd.
    """
    if d_model % 2:
        raise ValueError(f"d_model ({d_model}) must be even: positions pair sine and cosine")
    positions = torch.arange(start, start + length, device=device, dtype=torch.float32)
    frequencies = torch.exp(
        torch.arange(0, d_model, 2, device=device, dtype=torch.float32)
        * (-math.log(10000.0) / d_model)
    )
    angles = torch.outer(positions, frequencies)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)


@lru_cache(maxsize=512)
def cached_positions(length: int, d_model: int, start: int, device: torch.device) -> Tensor:
    # Kept, since for one token at a time they take as long as a layer. What a search has computed
    # may later be used to train, which tensors made in inference mode cannot be.
    with torch.inference_mode(False):
        return sinusoidal_positions(length, d_model, start=start, device=device)


class Embedding(nn.Module):
    """Tokens to vectors · √d_model, plus positions, then dropout (§3.4, §5.4); and back to logits.

    Source, target and output may share one instance: then all three share its matrix.

    Args:
        vocab_size: tokens.
        d_model: width.
        dropout: on the sums of token and position.
        scale: the factor √d_model, which GPT-2 does without.
        n_positions: learn a vector for each of that many positions, as GPT-2 does; None: use sines
            and cosines.
    """

    def __init__(
        self,
        vocab_size: int,
        d_model: int,
        *,
        dropout: float = 0.0,
        scale: bool = True,
        n_positions: int | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, d_model))
        self.positions = (
            None if n_positions is None else nn.Parameter(torch.empty(n_positions, d_model))
        )
        self.scale = math.sqrt(d_model) if scale else 1.0
        self.dropout = Dropout(dropout)

    def forward(self, ids: Tensor, layout: Layout) -> Tensor:
        """Ids → (..., d_model) each, as they lie in `layout`: (batch, length) if padded."""
        x = F.embedding(ids, self.weight) * self.scale + layout.spread(self._table(layout))
        return self.dropout(x.to(_dtype_of_activations(x)))

    def _table(self, layout: Layout) -> Tensor:
        # (length, d_model), the vectors of all positions in sight.
        start, length = layout.start, layout.length
        if self.positions is not None:
            return self.positions[start : start + length]
        table = cached_positions(length, self.weight.size(1), start, self.weight.device)
        return table.to(self.weight.dtype)

    def logits(self, x: Tensor) -> Tensor:
        """(..., d_model) → (..., vocab_size): the pre-softmax transformation, no bias, §3.4."""
        return F.linear(x, self.weight)

    def some_logits(self, ids: Tensor) -> Callable[[Tensor], Tensor]:
        """A function for the logits of these pieces only: (..., d_model) → (..., len(ids))."""
        return partial(F.linear, weight=self.weight[ids])


def _dtype_of_activations(x: Tensor) -> torch.dtype:
    # On a CPU under autocast, what flows between the layers is bf16. The matrix products need it
    # so, and it is not cast again before each of them. Elsewhere autocast decides.
    if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu")
    return x.dtype
