"""Tokens without padding: the sentences of a batch laid end to end.

All layers but attention treat every position alike, so they need no batch of sentences; a matrix
with one row for each real token will do, and nothing is spent on padding. Attention asks a
`Packing` where the rows stand in their sentences. That costs an argument more in the layers, and
two selections of rows an attention, in place of the copies that its heads need anyway.

On a CPU the number of rows, and the lengths that attention sees, are rounded up, for two reasons.
The matrix products are compiled for their exact shape, which takes 0.3 to 8 ms each time a new
one comes, a tenth of an update. Rounded, few shapes occur and all are known soon, and a product of
1,792 rows makes 420 GFLOP/s where one of 1,762 makes 340. And softmax over rows of 14 numbers takes
ten times as long as over rows of 16 (0.95 and 0.09 ms for a batch). Measured in bf16 with torch
2.13 on two cores of an AMD EPYC.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

ROWS, LENGTH, SHORTEST = 64, 8, 16
"""Rows come in multiples of the first, lengths in multiples of the second, from the third on."""


def round_up_length(ids: Tensor, pad_id: int) -> Tensor:
    """(batch, length) ids with padding added up to a length that attention is quick with."""
    length = max(SHORTEST, -(-ids.size(1) // LENGTH) * LENGTH)
    return F.pad(ids, (0, length - ids.size(1)), value=pad_id)


@dataclass(frozen=True)
class Packing:
    """Where the real tokens of (batch, length) stand in a packed tensor, (rows, ...).

    The tokens come sentence by sentence. After them come rows that belong to no token, at least
    one, up to a multiple of `ROWS`. They are computed along and reach no token, and no gradient
    reaches them.
    """

    shape: tuple[int, int, int]  # batch, n_heads, length
    n_tokens: int
    position_of_row: Tensor  # (rows,) in the batch laid flat, batch · length; 0 after the tokens
    to_heads: Tensor  # (batch · n_heads · length,) which of rows · n_heads stands there
    to_rows: Tensor  # (rows · n_heads,) and the reverse

    @classmethod
    def of(cls, real: Tensor, n_heads: int) -> "Packing":
        """From (batch, length) bool, True = a token."""
        batch, length = real.shape
        tokens = real.flatten().nonzero()[:, 0]
        n_tokens = len(tokens)
        # Where padding is, the first row without a token.
        row_of_position = tokens.new_full((real.numel(),), n_tokens)
        row_of_position[tokens] = torch.arange(n_tokens, device=real.device)
        position_of_row = F.pad(tokens, (0, ROWS - n_tokens % ROWS))
        head = torch.arange(n_heads, device=real.device)
        to_heads = row_of_position.view(batch, 1, length) * n_heads + head[:, None]
        sentence = position_of_row.div(length, rounding_mode="floor")
        place = position_of_row % length
        to_rows = (sentence[:, None] * n_heads + head) * length + place[:, None]
        return cls(
            (batch, n_heads, length),
            n_tokens,
            position_of_row,
            to_heads.flatten(),
            to_rows.flatten(),
        )

    def pack(self, x: Tensor) -> Tensor:
        """(batch, length, ...) → (rows, ...); the rows without a token repeat the first one."""
        return x.flatten(0, 1)[self.position_of_row]

    def positions(self) -> Tensor:
        """(rows,) the place of each token in its sentence, from 0."""
        return self.position_of_row % self.shape[2]

    def split_heads(self, x: Tensor) -> Tensor:
        """(rows, d_model) → (batch, n_heads, length, d_head)."""
        n_heads = self.shape[1]
        x = x.reshape(-1, x.size(-1) // n_heads)
        heads = _Move.apply(x, self.to_heads, self.to_rows, self.n_tokens * n_heads)
        return heads.view(*self.shape, -1)

    def merge_heads(self, heads: Tensor) -> Tensor:
        """(batch, n_heads, length, d_head) → (rows, d_model), the reverse of `split_heads`."""
        heads = heads.reshape(-1, heads.size(-1))
        rows = _Move.apply(heads, self.to_rows, self.to_heads, None)
        return rows.view(len(self.position_of_row), -1)


class _Move(torch.autograd.Function):
    """Rows of a matrix in another order, whose gradient is a selection of rows as well.

    Several rows may be copies of one, but then only the first of them has a gradient: what is done
    in padding has none, and rows from `unused` on are to have none.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor, inverse: Tensor, unused: int | None) -> Tensor:
        ctx.save_for_backward(inverse)
        ctx.unused = unused
        return x.index_select(0, rows)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (inverse,) = ctx.saved_tensors
        result = grad.index_select(0, inverse)
        if ctx.unused is not None:
            result[ctx.unused :] = 0
        return result, None, None, None
