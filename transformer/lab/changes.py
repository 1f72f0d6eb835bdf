"""What an experiment does to a model: other scores, other masks, parts left out.

Each change is a function of a new model, which it changes in place; `CHANGES` names them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from ..config import GPTConfig
from ..errors import UserError
from ..model.attention import AttentionKernel, MultiHeadAttention
from ..model.embedding import Embedding
from ..model.encoder_decoder import Transformer
from ..model.layers import DecoderLayer, EncoderLayer, Residual
from ..model.layout import Padded
from ..model.masks import padding_mask
from ..training.task import Change, Model
from .scores import SCORES, Score, attention_with

N_POSITIONS = 256
"""Positions that the Transformer learns a vector for: more than the built-in corpus needs."""


# Scores -------------------------------------------------------------------------------------------


def use_score(score: Score, model: Model) -> None:
    """Every attention compares queries and keys in another way."""
    for module in model.modules():
        if isinstance(module, MultiHeadAttention):
            module.kernel = attention_with(score)


# Masks --------------------------------------------------------------------------------------------


def without_look_ahead_mask(model: Model) -> None:
    """In training, every target token sees all the others; padding stays hidden.

    While it translates, there is nothing yet to see.
    """
    model = _translates(model)

    def target_layout(tgt_in: Tensor) -> Padded:
        return Padded(tgt_in.size(1), padding_mask(tgt_in, model.pad_id))

    model.target_layout = target_layout  # type: ignore[method-assign]


def other_triangle(model: Model) -> None:
    """The look-ahead mask turned round: every target token sees itself and what comes later.

    For three tokens, row by row what each may see::

        1 1 1
        0 1 1
        0 0 1

    While it translates, nothing comes later: every token sees itself alone.
    """
    model = _translates(model)

    def target_layout(tgt_in: Tensor) -> Padded:
        length = tgt_in.size(1)
        later = torch.ones(1, 1, length, length, dtype=torch.bool, device=tgt_in.device).triu()
        return Padded(length, later & padding_mask(tgt_in, model.pad_id))

    model.target_layout = target_layout  # type: ignore[method-assign]
    for layer in model.decoder.layers:
        attention = cast(DecoderLayer, layer).self_attention
        attention.kernel = _blind_to_the_past(attention.kernel)


def _blind_to_the_past(kernel: AttentionKernel) -> AttentionKernel:
    # In a step there are more keys than queries. The last keys are those of the queries themselves.
    def blind(
        query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float
    ) -> Tensor:
        n_queries, n_keys = query.size(-2), key.size(-2)
        if n_keys > n_queries:
            itself = torch.eye(n_queries, dtype=torch.bool, device=query.device)
            mask = torch.cat((itself.new_zeros(n_queries, n_keys - n_queries), itself), dim=1)
        return kernel(query, key, value, mask, dropout)

    return blind


def visible_padding(model: Model) -> None:
    """Padding of the source is not hidden, from either stack."""
    model = _translates(model)

    def source_layout(src: Tensor) -> Padded:
        return Padded(src.size(1), torch.ones(len(src), 1, 1, src.size(1), dtype=torch.bool))

    model.source_layout = source_layout  # type: ignore[method-assign]


# Parts --------------------------------------------------------------------------------------------


class _NoResidual(Residual):
    """LayerNorm(Dropout(Sublayer(x))): what came in is not added."""

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        if self.norm_first:
            return self.dropout(sublayer(self.norm(x)))
        return self.norm(self.dropout(sublayer(x)))


class _PassedBy(nn.Module):
    """A sublayer that is not there, its residual and norm included."""

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        return x


class _NoNorm(nn.Module):
    """In place of a LayerNorm."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def without_residuals(model: Model) -> None:
    """No sublayer's input is added to its output."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is Residual:
                other = _NoResidual(
                    child.norm.normalized_shape[0],
                    child.dropout.p,
                    norm_first=child.norm_first,
                )
                setattr(module, name, other)


def without_norms(model: Model) -> None:
    """No LayerNorm anywhere."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.LayerNorm):
                setattr(module, name, _NoNorm())


def without_feed_forward(model: Model) -> None:
    """Attention alone."""
    for layer in list(model.modules()):
        if isinstance(layer, EncoderLayer | DecoderLayer):
            layer.add_module("feed_forward", nn.Identity())
            layer.add_module("feed_forward_residual", _PassedBy())


def without_layers(model: Model) -> None:
    """No layer at all: the embedding of a token decides which follows. For the GPT."""
    if isinstance(model, Transformer):
        raise UserError("no_layers is for a language model: a translation needs its source")
    model.decoder.layers = nn.ModuleList()


def without_positions(model: Model) -> None:
    """Nothing says where a token stands."""
    _replace_positions(model, learned=False)


def learned_positions(model: Model) -> None:
    """A trained vector for every position, as in Gehring et al. 2017: row (E) of table 3."""
    _replace_positions(model, learned=True)


def _replace_positions(model: Model, *, learned: bool) -> None:
    for embedding in _embeddings(model):
        if embedding is model.output and not _ties(model):
            continue  # it is never asked where a token stands
        length = model.config.context if isinstance(model.config, GPTConfig) else N_POSITIONS
        d_model = embedding.weight.size(1)
        table = nn.Parameter(torch.zeros(length, d_model), requires_grad=learned)
        if learned:
            nn.init.normal_(table, std=d_model**-0.5)
        embedding.positions = table


def without_embedding_scale(model: Model) -> None:
    """Embeddings are not multiplied by √d_model, §3.4."""
    for embedding in _embeddings(model):
        embedding.scale = 1.0


def _embeddings(model: Model) -> list[Embedding]:
    return [module for module in model.modules() if isinstance(module, Embedding)]


def _ties(model: Model) -> bool:
    return model.output in (
        (model.tgt_embedding,) if isinstance(model, Transformer) else (model.embedding,)
    )


def _translates(model: Model) -> Transformer:
    if not isinstance(model, Transformer):
        raise UserError("this change is for the Transformer; found a GPT")
    return model


# All of them --------------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Model], None]] = {
    **{name: partial(use_score, score) for name, score in SCORES.items() if name != "scaled_dot"},
    "no_look_ahead_mask": without_look_ahead_mask,
    "other_triangle": other_triangle,
    "visible_padding": visible_padding,
    "no_positions": without_positions,
    "learned_positions": learned_positions,
    "no_embedding_scale": without_embedding_scale,
    "no_residuals": without_residuals,
    "no_norms": without_norms,
    "no_feed_forward": without_feed_forward,
    "no_layers": without_layers,
}


def change(names: Sequence[str]) -> Change | None:
    """Several changes as one, made in this order; None if there are none.

    Raises:
        UserError: no change has that name.
    """
    for name in names:
        if name not in CHANGES:
            raise UserError(f"there is no change {name!r}; there are {', '.join(CHANGES)}")

    def apply(model: Model) -> None:
        for name in names:
            CHANGES[name](model)

    packs = "visible_padding" not in names
    return Change(" + ".join(names), apply, packs=packs) if names else None
