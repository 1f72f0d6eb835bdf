"""Ways to compare a query with a key, in place of equation 1's scaled dot product.

To try one of your own, write a function of query and key, and name it in `SCORES`.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..model.attention import AttentionKernel
from ..model.dropout import dropout as drop
from ..model.masks import as_summand

Score = Callable[[Tensor, Tensor], Tensor]
"""Queries (..., query_len, d_head) and keys (..., key_len, d_head) → (..., query_len, key_len)."""


def scaled_dot(query: Tensor, key: Tensor) -> Tensor:
    """q · k / √d_head, equation 1."""
    return dot(query, key) / query.size(-1) ** 0.5


def dot(query: Tensor, key: Tensor) -> Tensor:
    """q · k: √d_head times as large."""
    return query @ key.mT


def squared_dot(query: Tensor, key: Tensor) -> Tensor:
    """Σ qᵢ² kᵢ² / √d_head: the components squared first, so no score is negative."""
    return scaled_dot(query.square(), key.square())


def inverse_dot(query: Tensor, key: Tensor) -> Tensor:
    """1 / (q · k / √d_head): what is nearly orthogonal scores highest, or lowest."""
    score = scaled_dot(query, key)
    nearest = torch.full_like(score, 0.01).copysign(score)  # at most ±100, where it would be ±∞
    return 1 / torch.where(score.abs() < 0.01, nearest, score)


def additive(query: Tensor, key: Tensor) -> Tensor:
    """Σ tanh(qᵢ + kᵢ): Bahdanau et al. 2015, arXiv 1409.0473, with a v of ones.

    Their W and U are the projections of query and key here, which can do all that v does but scale.
    """
    # (..., query_len, 1, d_head) + (..., 1, key_len, d_head)
    return (query[..., :, None, :] + key[..., None, :, :]).tanh().sum(dim=-1)


def cosine(query: Tensor, key: Tensor) -> Tensor:
    """q · k / (|q| |k|): between −1 and 1."""
    return dot(F.normalize(query, dim=-1), F.normalize(key, dim=-1))


SCORES: dict[str, Score] = {
    score.__name__: score for score in (scaled_dot, dot, squared_dot, inverse_dot, additive, cosine)
}


def attention_with(score: Score) -> AttentionKernel:
    """`scaled_dot_product_attention`, with another score."""

    def kernel(
        query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float
    ) -> Tensor:
        scores = score(query, key)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        if mask is not None:
            scores = scores + as_summand(mask, scores.dtype)
        return drop(scores.softmax(dim=-1).to(value.dtype), dropout) @ value

    return kernel
