"""Attention rollout: what is left of each word after all layers (Abnar & Zuidema 2020).

Attention in layer 5 is between what layers 1 to 4 have mixed, and no longer between words. Rollout
counts the mixing, and the residual stream as half of each layer: it multiplies (A + I) / 2 of all
layers, A being the mean of the heads. It knows nothing of values, norms and feed-forward networks.
"""

from __future__ import annotations

import torch
from torch import Tensor


def encoder_rollout(attention: Tensor) -> Tensor:
    """(layers, heads, source, source) → (source, source), whose rows sum to 1."""
    result = torch.eye(attention.size(-1))
    for layer in attention:
        result = _with_residual(layer) @ result
    return result


def decoder_rollout(
    attention: Tensor, cross: Tensor | None, encoder: Tensor | None
) -> tuple[Tensor | None, Tensor]:
    """What each step of the decoder is made of, after all layers.

    Args:
        attention: (layers, heads, target, target).
        cross: (layers, heads, target, source); None for a language model.
        encoder: of the encoder, (source, source); None for a language model.

    Returns:
        (target, source), or None, and (target, target). The rows of both together sum to 1.
    """
    of_target = torch.eye(attention.size(-1))
    if cross is None or encoder is None:
        for layer in attention:
            of_target = _with_residual(layer) @ of_target
        return None, of_target
    of_source = torch.zeros(cross.size(-2), cross.size(-1))
    for layer, to_source in zip(attention, cross, strict=True):
        mixed = _with_residual(layer)
        of_target, of_source = mixed @ of_target, mixed @ of_source
        # The cross-attention has a residual of its own.
        of_target = of_target / 2
        of_source = (of_source + to_source.mean(dim=0) @ encoder) / 2
    return of_source, of_target


def _with_residual(heads: Tensor) -> Tensor:
    mean = heads.mean(dim=0)
    return (mean + torch.eye(mean.size(-1))) / 2
