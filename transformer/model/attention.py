"""Scaled dot-product attention and multi-head attention, §3.2."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .dropout import dropout as drop
from .kv_cache import KeyValueCache
from .packing import Packing


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, dropout: float = 0.0
) -> Tensor:
    """softmax(Q Kᵀ / √d_head) V, equation 1.

    Args:
        query: (..., query_len, d_head).
        key: (..., key_len, d_head).
        value: (..., key_len, d_head).
        mask: bool, broadcasts to (..., query_len, key_len), True = may attend; None = all may. Or
            what `as_summand` made of it, if several attentions share one.
        dropout: share of the attention weights set to zero.

    Returns:
        (..., query_len, d_head). A query that may attend to nothing gets the mean of all values:
        meaningless, but finite, so that padding never turns into NaN.
    """
    if query.is_cuda:
        return fused_attention(query, key, value, mask, dropout)
    weights = attention_weights(query, key, mask).to(value.dtype)
    return drop(weights, dropout) @ value


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(Q Kᵀ / √d_head): how much each query takes of each value.

    Returns:
        (..., query_len, key_len), in fp32 or better: in bf16 softmax takes three times as long on
        a CPU.
    """
    scores = query / math.sqrt(query.size(-1)) @ key.transpose(-2, -1)
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    if mask is not None:
        scores += as_summand(mask, scores.dtype)
    return scores.softmax(dim=-1)


def fused_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, dropout: float = 0.0
) -> Tensor:
    """`scaled_dot_product_attention` in one kernel of torch, which never stores the scores.

    On a GPU that saves most of the time and memory. On a CPU its backward pass in bf16 is slower
    than the operations written out, and so is its forward pass for the few hypotheses of a beam.
    """
    if mask is not None:
        mask = as_summand(mask, query.dtype)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)


def as_summand(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A mask as what is added to the scores: 0 where True, elsewhere the lowest finite number.

    Not −∞, which is NaN where a whole row is hidden, and not −1e9, which is too large for fp16. As
    wide as the scores: on a CPU, adding a narrower one is slow.
    """
    if mask.dtype != torch.bool:
        return mask
    summand = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return summand.masked_fill_(~mask, torch.finfo(dtype).min)


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
        self.query = nn.Linear(d_model, d_model, bias=bias)
        self.key = nn.Linear(d_model, d_model, bias=bias)
        self.value = nn.Linear(d_model, d_model, bias=bias)
        self.output = nn.Linear(d_model, d_model, bias=bias)
        # All three at once, if inference made it.
        self.query_key_value: Callable[[Tensor], Tensor] | None = None

    def forward(
        self,
        query: Tensor,
        memory: Tensor,
        mask: Tensor | None = None,
        packing: Packing | None = None,
    ) -> Tensor:
        """Every position of `query` gathers what it needs from `memory`.

        Args:
            query: (batch, query_len, d_model).
            memory: (batch, key_len, d_model); the same tensor for self-attention.
            mask: bool, broadcasts to (batch, n_heads, query_len, key_len), True = may attend.
            packing: query and memory are (rows, d_model) instead, and this tells which rows.

        Returns:
            The shape of `query`.
        """
        if query is memory:
            queries, cache = self.ask_and_remember(query, packing)
        else:
            queries, cache = self.ask(query, packing), self.remember(memory, packing)
        return self.attend(queries, cache, mask, packing)

    def ask(self, query: Tensor, packing: Packing | None = None) -> Tensor:
        """(batch, query_len, d_model) → what each head looks for, for `attend`."""
        return self._split(self.query(query), packing)

    def remember(self, memory: Tensor, packing: Packing | None = None) -> KeyValueCache:
        """Keys and values of (batch, key_len, d_model), computed once, attended to many times."""
        return KeyValueCache(
            self._split(self.key(memory), packing), self._split(self.value(memory), packing)
        )

    def ask_and_remember(
        self, x: Tensor, packing: Packing | None = None
    ) -> tuple[Tensor, KeyValueCache]:
        """`ask` and `remember` of the same tokens."""
        if self.query_key_value is None:
            return self.ask(x, packing), self.remember(x, packing)
        query, key, value = (
            self._split(y, packing) for y in self.query_key_value(x).chunk(3, dim=-1)
        )
        return query, KeyValueCache(key, value)

    def attend(
        self,
        queries: Tensor,
        cache: KeyValueCache,
        mask: Tensor | None = None,
        packing: Packing | None = None,
    ) -> Tensor:
        """`forward` from what `ask` and `remember` gave.

        Args:
            queries: (batch, n_heads, query_len, d_head).
            cache: keys and values, (batch, n_heads, key_len, d_head).
            mask: as in `forward`.
            packing: of the queries.
        """
        dropout = self.dropout if self.training else 0.0
        heads = scaled_dot_product_attention(queries, cache.keys, cache.values, mask, dropout)
        if packing is not None:
            return self.output(packing.merge_heads(heads))
        # (batch, n_heads, query_len, d_head) → (batch, query_len, d_model)
        return self.output(heads.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor, packing: Packing | None) -> Tensor:
        # (batch, length, d_model), or (rows, d_model) packed, → (batch, n_heads, length, d_head)
        if packing is not None:
            return packing.split_heads(x)
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
