"""Scaled dot-product attention and multi-head attention, §3.2."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
        mask: bool, broadcasts to (..., query_len, key_len), True = may attend; None = all may.
        dropout: share of the attention weights set to zero.

    Returns:
        (..., query_len, d_head). A query that may attend to nothing gets the mean of all values:
        meaningless, but finite, so that padding never turns into NaN.
    """
    if query.is_cuda:
        return fused_attention(query, key, value, mask, dropout)
    # Sums and softmax in fp32 or better: in bf16 softmax takes three times as long on a CPU.
    scores = query @ key.transpose(-2, -1)
    exact = torch.promote_types(scores.dtype, torch.float32)
    scores = scores.to(exact) / math.sqrt(query.size(-1))
    if mask is not None:
        scores = scores + _as_summand(mask, scores)
    weights = scores.softmax(dim=-1).to(value.dtype)
    return F.dropout(weights, dropout, training=dropout > 0) @ value


def fused_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, dropout: float = 0.0
) -> Tensor:
    """`scaled_dot_product_attention` in one kernel of torch, which never stores the scores.

    On a GPU that saves most of the time and memory. On a CPU its backward pass in bf16 is slower
    than the operations written out.
    """
    if mask is not None:
        mask = _as_summand(mask, query)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)


def _as_summand(mask: Tensor, scores: Tensor) -> Tensor:
    # 0 where True, elsewhere the lowest finite number rather than −∞ (NaN if a whole row is hidden)
    # or −1e9 (too large for fp16). As wide as the scores: on a CPU, adding a narrower one is slow.
    shape = (*mask.shape[:-2], scores.size(-2), mask.size(-1))
    summand = torch.zeros(shape, dtype=scores.dtype, device=scores.device)
    return summand.masked_fill_(~mask, torch.finfo(scores.dtype).min)


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
        return self.attend(query, self.remember(memory, packing), mask, packing)

    def remember(self, memory: Tensor, packing: Packing | None = None) -> KeyValueCache:
        """Keys and values of (batch, key_len, d_model), computed once, attended to many times."""
        return KeyValueCache(
            self._split(self.key(memory), packing), self._split(self.value(memory), packing)
        )

    def attend(
        self,
        query: Tensor,
        cache: KeyValueCache,
        mask: Tensor | None = None,
        packing: Packing | None = None,
    ) -> Tensor:
        """`forward` over keys and values that are already there.

        The cache may have fewer rows than the query: the hypotheses of a beam share one memory, as
        if they were several positions of the same sentence. So (n · batch, query_len, d_model) may
        attend to a cache of batch rows, n neighbouring rows of the query to each.
        """
        q = self.query(query)
        if packing is None:
            q = q.reshape(cache.keys.size(0), -1, query.size(-1))
        heads = scaled_dot_product_attention(
            self._split(q, packing),
            cache.keys,
            cache.values,
            mask,
            self.dropout if self.training else 0.0,
        )
        if packing is not None:
            return self.output(packing.merge_heads(heads))
        # (batch, n_heads, n · query_len, d_head) → (n · batch, query_len, d_model)
        return self.output(heads.transpose(1, 2).reshape(query.shape))

    def _split(self, x: Tensor, packing: Packing | None) -> Tensor:
        # (batch, length, d_model), or (rows, d_model) packed, → (batch, n_heads, length, d_head)
        if packing is not None:
            return packing.split_heads(x)
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
