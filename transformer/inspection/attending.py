"""Watches the attentions of a model, or changes what they do: their kernels are exchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from ..model.attention import AttentionKernel, MultiHeadAttention, attention_weights
from ..model.encoder_decoder import Transformer
from ..model.gpt import GPT

Kind = Literal["encoder", "decoder", "cross"]
"""Self-attention of the encoder, that of the decoder, and from the decoder to the encoder."""


class Place(NamedTuple):
    """Where in a model an attention is."""

    kind: Kind
    layer: int  # from 0


def attentions(model: Transformer | GPT) -> dict[Place, MultiHeadAttention]:
    """Every attention of a model, in the order in which they work."""
    found: dict[Place, MultiHeadAttention] = {}
    stacks: list[tuple[Kind, nn.ModuleList]] = [("decoder", model.decoder.layers)]
    if isinstance(model, Transformer):
        stacks.insert(0, ("encoder", model.encoder.layers))
    for kind, layers in stacks:
        for i, layer in enumerate(layers):
            found[Place(kind, i)] = cast(MultiHeadAttention, layer.self_attention)
            if hasattr(layer, "cross_attention"):
                found[Place("cross", i)] = cast(MultiHeadAttention, layer.cross_attention)
    return found


@contextmanager
def kernels(
    model: Transformer | GPT, kernel_of: Callable[[Place], AttentionKernel]
) -> Iterator[None]:
    """Every attention of the model computes with another kernel, for a while."""
    places = attentions(model)
    before = {place: attention.kernel for place, attention in places.items()}
    try:
        for place, attention in places.items():
            attention.kernel = kernel_of(place)
        yield
    finally:
        for place, attention in places.items():
            attention.kernel = before[place]


@contextmanager
def recording(model: Transformer | GPT) -> Iterator[dict[Place, Tensor]]:
    """The weights that each attention uses, (batch, n_heads, query_len, key_len), of its last call.

    They are what the values are multiplied with, and not computed a second time.
    """
    with _watching(model) as (weights, _):
        yield weights


@contextmanager
def head_outputs(model: Transformer | GPT) -> Iterator[dict[Place, Tensor]]:
    """What each head says, before W^O: (batch, n_heads, query_len, d_head), of its last call."""
    with _watching(model) as (_, heads):
        yield heads


@contextmanager
def _watching(
    model: Transformer | GPT,
) -> Iterator[tuple[dict[Place, Tensor], dict[Place, Tensor]]]:
    all_weights: dict[Place, Tensor] = {}
    all_heads: dict[Place, Tensor] = {}

    def kernel_of(place: Place) -> AttentionKernel:
        def kernel(
            query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float
        ) -> Tensor:
            weights = attention_weights(query, key, mask)
            heads = weights.to(value.dtype) @ value
            all_weights[place], all_heads[place] = weights, heads
            return heads

        return kernel

    with kernels(model, kernel_of):
        yield all_weights, all_heads


@dataclass(frozen=True)
class Change:
    """What one attention does differently."""

    forbidden: Tensor | None = None
    """Edges that are cut; bool, broadcasts to (batch, n_heads, query_len, key_len)."""
    patched: tuple[Tensor, Tensor] | None = None
    """Where its heads say something else, (batch, n_heads, query_len, 1) bool, and what they say,
    (batch, n_heads, query_len, d_head)."""


@contextmanager
def changed(model: Transformer | GPT, changes: Mapping[Place, Change]) -> Iterator[None]:
    """The model with some of its attentions changed, for a while."""

    def kernel_of(place: Place) -> AttentionKernel:
        change = changes.get(place, Change())

        def kernel(
            query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float
        ) -> Tensor:
            if change.forbidden is not None:
                mask = _without(mask, change.forbidden)
            heads = attention_weights(query, key, mask).to(value.dtype) @ value
            if change.patched is not None:
                where, other = change.patched
                heads = torch.where(where, other, heads)
            return heads

        return kernel

    with kernels(model, kernel_of):
        yield


def _without(mask: Tensor | None, edges: Tensor) -> Tensor:
    # Both as bool, since the sum of two summands would overflow.
    allowed = ~edges
    if mask is None:
        return allowed
    return allowed & (mask if mask.dtype == torch.bool else mask == 0)
