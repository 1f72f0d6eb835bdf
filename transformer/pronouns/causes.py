"""Cause, not correlation: what happens to the pronoun when an attention may not look?

An edge is cut: the pronoun's place may not attend to a noun, in all layers and heads or in a single
head. A head is patched: at the pronoun's place it says what it says in the same sentence with an
antecedent of another gender (activation patching; Vig et al. 2020). What both do to the margin
log P(right) − log P(wrong) is the effect.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..inspection.attending import Change, Kind, Place, attentions, head_outputs
from .contrast import BATCH, Changes, Contrast, Located

Noun = Literal["antecedent", "other", "random"]
"""What the pronoun may not look at: what it stands for; the other noun; two other words."""

KINDS: tuple[Kind, ...] = ("encoder", "cross", "decoder")
NOUNS: tuple[Noun, ...] = ("antecedent", "other", "random")


class Mean(NamedTuple):
    """A mean, and half the width of its 95 % interval."""

    value: float
    interval: float

    @classmethod
    def of(cls, values: Tensor) -> Mean:
        """Of (n,) numbers, by their standard error."""
        n = len(values)
        spread = float(values.std()) / math.sqrt(n) if n > 1 else math.inf
        return cls(float(values.mean()), 1.96 * spread)


def cut(contrast: Contrast, kind: Kind, noun: Noun, head: tuple[int, int] | None = None) -> Changes:
    """The model in which the pronoun does not see a noun.

    Args:
        contrast: the sentences.
        kind: encoder: the source's pronoun does not see the noun of the source; cross: the step
            that writes the pronoun does not see the noun of the source; decoder: nor that which
            it has written.
        noun: which.
        head: layer and head, from 0; None: all.
    """
    edges = _edges(contrast, kind, noun)

    def changes(rows: slice) -> Mapping[Place, Change]:
        some = edges[rows].unsqueeze(1)  # (n, 1, queries, keys)
        found = {}
        for place, attention in attentions(contrast.model).items():
            if place.kind != kind or (head is not None and place.layer != head[0]):
                continue
            chosen = torch.ones(attention.n_heads, dtype=torch.bool)
            if head is not None:
                chosen = torch.arange(attention.n_heads) == head[1]
            found[place] = Change(forbidden=some & chosen[:, None, None])
        return found

    return changes


def _edges(contrast: Contrast, kind: Kind, noun: Noun) -> Tensor:
    """(n, queries, keys), True where the pronoun's place would look at the noun."""
    n_source, n_target = contrast.sizes
    n_queries = n_source if kind == "encoder" else n_target
    n_keys = n_target if kind == "decoder" else n_source
    edges = torch.zeros(len(contrast), n_queries, n_keys, dtype=torch.bool)
    draw = random.Random(1)
    for i, (source, target) in enumerate(zip(contrast.sources, contrast.of_targets, strict=True)):
        side = target if kind == "decoder" else source
        keys = _pieces(side, noun, draw)
        if kind == "decoder":
            keys = [key + 1 for key in keys]  # BOS stands before them
        for query in _queries(source, target, kind):
            edges[i, query, keys] = True
    return edges


def _queries(source: Located, target: Located, kind: Kind) -> list[int]:
    # Position t of the decoder's input predicts piece t.
    return source.pronoun if kind == "encoder" else target.pronoun[:1]


def _pieces(side: Located, noun: Noun, draw: random.Random) -> list[int]:
    if noun == "antecedent":
        return side.antecedent
    if noun == "other":
        return side.other
    # As many words as a noun with its article.
    chosen = draw.sample(side.rest, min(2, len(side.rest)))
    return [piece for word in chosen for piece in word]


def effect_of_cut(contrast: Contrast, before: Tensor, kind: Kind, noun: Noun) -> Mean:
    """How the margin changes if no head of a kind sees the noun from the pronoun's place.

    Args:
        contrast: the sentences.
        before: their margins as the model is, (n,).
        kind, noun: see `cut`.
    """
    return Mean.of(contrast.margins(cut(contrast, kind, noun)) - before)


def cut_by_head(contrast: Contrast, before: Tensor, kind: Kind) -> Tensor:
    """The mean effect of cutting the antecedent off in each head alone, (layers, heads)."""
    return _by_head(
        contrast,
        kind,
        lambda head: contrast.margins(cut(contrast, kind, "antecedent", head)) - before,
    )


def patch_by_head(contrast: Contrast, other: Contrast, before: Tensor, kind: Kind) -> Tensor:
    """The mean effect of each head's saying what it says with another antecedent.

    Args:
        contrast: the sentences.
        other: the same with the exchanged antecedents.
        before: margins of `contrast`, (n,).
        kind: of the heads.

    Returns:
        (layers, heads)
    """
    donors = _donors(contrast, other, kind)
    where = _places(contrast, kind)

    def effect(head: tuple[int, int]) -> Tensor:
        place = Place(kind, head[0])

        def changes(rows: slice) -> Mapping[Place, Change]:
            said = donors[place][rows]
            chosen = torch.arange(said.size(1)) == head[1]
            mask = where[rows][:, None, :, None] & chosen[None, :, None, None]
            return {place: Change(patched=(mask, said))}

        return contrast.margins(changes) - before

    return _by_head(contrast, kind, effect)


def _by_head(contrast: Contrast, kind: Kind, effect: Callable[[tuple[int, int]], Tensor]) -> Tensor:
    found = {place: a for place, a in attentions(contrast.model).items() if place.kind == kind}
    return torch.stack(
        [
            torch.stack([effect((place.layer, h)).mean() for h in range(attention.n_heads)])
            for place, attention in found.items()
        ]
    )


def _places(contrast: Contrast, kind: Kind) -> Tensor:
    """(n, queries), True at the pronoun's place."""
    n_source, n_target = contrast.sizes
    where = torch.zeros(
        len(contrast), n_source if kind == "encoder" else n_target, dtype=torch.bool
    )
    for i, (source, target) in enumerate(zip(contrast.sources, contrast.of_targets, strict=True)):
        where[i, _queries(source, target, kind)] = True
    return where


@torch.inference_mode()
def _donors(contrast: Contrast, other: Contrast, kind: Kind) -> dict[Place, Tensor]:
    """What the heads say at the pronoun's place with the other antecedent, moved to where the
    pronoun is in `contrast`; (n, heads, queries, d_head) each."""
    n_source, n_target = contrast.sizes
    n_queries = n_source if kind == "encoder" else n_target
    parts: dict[Place, list[Tensor]] = {}
    for start in range(0, len(other), BATCH):
        rows = slice(start, start + BATCH)
        with head_outputs(other.model) as said:
            other.model(other.source[rows], other.targets[0][rows][:, :-1])
        for place, heads in said.items():
            if place.kind != kind:
                continue
            moved = heads.new_zeros(heads.size(0), heads.size(1), n_queries, heads.size(3))
            for row in range(heads.size(0)):
                i = start + row
                to = _queries(contrast.sources[i], contrast.of_targets[i], kind)
                of = _queries(other.sources[i], other.of_targets[i], kind)
                moved[row, :, to] = heads[row, :, of]
            parts.setdefault(place, []).append(moved)
    return {place: torch.cat(pieces) for place, pieces in parts.items()}
