"""Self-attention with one matrix product in place of three, for inference."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..model.attention import MultiHeadAttention
from ..model.kv_cache import GrowingCache, KeyValueCache
from ..model.layers import DecoderLayer, EncoderLayer
from ..model.layout import Layout

Linear = Callable[[Tensor], Tensor]
MakeLinear = Callable[[Tensor, Tensor | None], Linear]
"""Makes a linear layer of a weight (n_out, n_in) and a bias (n_out,) or None."""


class JoinedAttention(nn.Module):
    """In place of a `MultiHeadAttention` that looks at itself: the same result, sooner.

    Args:
        attention: whose weights to take.
        make: makes a linear layer of them.
    """

    def __init__(self, attention: MultiHeadAttention, make: MakeLinear) -> None:
        super().__init__()
        self.n_heads = attention.n_heads
        self.kernel = attention.kernel
        three = attention.query, attention.key, attention.value
        bias = None if three[0].bias is None else torch.cat([linear.bias for linear in three])
        self.query_key_value = make(torch.cat([linear.weight for linear in three]), bias)
        self.output = make(attention.output.weight, attention.output.bias)

    def forward(self, x: Tensor, layout: Layout, cache: GrowingCache | None = None) -> Tensor:
        """See `MultiHeadAttention.forward`."""
        queries, keys, values = (
            layout.split_heads(y, self.n_heads) for y in self.query_key_value(x).chunk(3, dim=-1)
        )
        seen = KeyValueCache(keys, values)
        if cache is not None:
            seen = cache.extend(seen)
        heads = self.kernel(queries, seen.keys, seen.values, layout.mask, 0.0)
        return self.output(layout.merge_heads(heads))


def join_projections(model: nn.Module, make: MakeLinear) -> None:
    """Replaces every self-attention of a model by a `JoinedAttention`, in place."""
    for layer in list(model.modules()):
        if isinstance(layer, EncoderLayer | DecoderLayer):
            layer.add_module("self_attention", JoinedAttention(layer.self_attention, make))
