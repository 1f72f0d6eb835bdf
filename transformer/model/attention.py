"""Scaled dot-product attention and multi-head attention, §3.2."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .dropout import dropout as drop
from .kv_cache import GrowingCache, KeyValueCache, Memory
from .layout import Layout
from .masks import as_summand


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, dropout: float = 0.0
) -> Tensor:
    """softmax(Q Kᵀ / √d_head) V, equation 1.

    Args:
        query: (..., query_len, d_head).
        key: (..., key_len, d_head).
        value: (..., key_len, d_head).
        mask: broadcasts to (..., query_len, key_len), True = may attend; or what `as_summand` made
            of it. None = all may attend to all.
        dropout: share of the attention weights set to zero.

    Returns:
        (..., query_len, d_head). A query that may attend to nothing gets the mean of all values:
        meaningless, but finite, so that padding never turns into NaN.
    """
    weights = attention_weights(query, key, mask).to(value.dtype)
    return drop(weights, dropout) @ value


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(Q Kᵀ / √d_head): how much of each key's value each query takes.

    Args: as `scaled_dot_product_attention`.

    Returns:
        (..., query_len, key_len), whose rows sum to 1.
    """
    scores = query / math.sqrt(query.size(-1)) @ key.transpose(-2, -1)
    # In fp32 or better: in bf16, softmax takes three times as long on a CPU.
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    if mask is not None:
        scores += as_summand(mask, scores.dtype)
    return scores.softmax(dim=-1)


AttentionKernel = Callable[[Tensor, Tensor, Tensor, Tensor | None, float], Tensor]
"""What computes equation 1: `scaled_dot_product_attention`, or see `kernels`."""


class MultiHeadAttention(nn.Module):
    """Attention in n_heads subspaces at once, §3.2.2.

    Head h reads columns h·d_head … (h+1)·d_head of the three projections; the paper's W_i^Q, W_i^K
    and W_i^V lie side by side in one matrix each.

    Args:
        d_model: width of input and output.
        n_heads: must divide d_model.
        dropout: share of the attention weights set to zero while training (paper: 0).
        bias: biases in the four projections (the paper's code: none).
    """

    def __init__(
        self, d_model: int, n_heads: int, *, dropout: float = 0.0, bias: bool = False
    ) -> None:
        super().__init__()
        if n_heads < 1 or d_model % n_heads:
            raise ValueError(f"d_model ({d_model}) must be divisible by n_heads ({n_heads})")
        self.n_heads = n_heads
        self.dropout = dropout
        self.kernel: AttentionKernel = scaled_dot_product_attention
        self.query = nn.Linear(d_model, d_model, bias=bias)
        self.key = nn.Linear(d_model, d_model, bias=bias)
        self.value = nn.Linear(d_model, d_model, bias=bias)
        self.output = nn.Linear(d_model, d_model, bias=bias)

    def forward(self, x: Tensor, layout: Layout, cache: GrowingCache | None = None) -> Tensor:
        """Self-attention: every token gathers what it needs from the tokens of its sentence.

        Args:
            x: (batch, length, d_model), or as `layout` says.
            layout: how x lies in memory, and which tokens each may attend to.
            cache: keys and values of the tokens before x, to which those of x are added.

        Returns:
            The shape of x.
        """
        queries, seen = self.queries(x, layout), self.keys_and_values(x, layout)
        if cache is not None:
            seen = cache.extend(seen)
        return self.attend(queries, seen, layout.mask, layout)

    def attend_to(self, memory: Memory, x: Tensor, layout: Layout) -> Tensor:
        """Cross-attention: every token of x gathers what it needs from the encoder's output."""
        return self.attend(self.queries(x, layout), memory.cache, memory.mask, layout)

    def queries(self, x: Tensor, layout: Layout) -> Tensor:
        """What each head of each token looks for, (batch, n_heads, query_len, d_head)."""
        return layout.split_heads(self.query(x), self.n_heads)

    def keys_and_values(self, x: Tensor, layout: Layout) -> KeyValueCache:
        """What each head finds at each token; computed once, attended to many times."""
        return KeyValueCache(
            layout.split_heads(self.key(x), self.n_heads),
            layout.split_heads(self.value(x), self.n_heads),
        )

    def attend(
        self, queries: Tensor, seen: KeyValueCache, mask: Tensor | None, layout: Layout
    ) -> Tensor:
        """Concat(head_1, …, head_h) W^O."""
        dropout = self.dropout if self.training else 0.0
        heads = self.kernel(queries, seen.keys, seen.values, mask, dropout)
        return self.output(layout.merge_heads(heads))
