"""One pass over a text with its translation, watched."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import UserError
from ..model.embedding import Embedding
from ..model.encoder_decoder import Transformer
from ..model.gpt import GPT
from ..model.layout import Padded
from ..model.masks import causal_mask
from .attending import Kind, Place, recording
from .explanation import Explanation, Side

LONGEST = 512
"""Pieces of a side: all weights of a pass are kept, which grow with the square."""


def explain_translation(
    model: Transformer,
    source: Sequence[int],
    target: Sequence[int],
    names: tuple[Sequence[str], Sequence[str]],
    *,
    begin: tuple[int, str],
) -> Explanation:
    """Explains a translation.

    Args:
        model: in evaluation mode, in fp32.
        source: ids, EOS the last.
        target: ids of the translation, EOS the last if it has ended.
        names: the pieces of source and target.
        begin: BOS, and what it is called.

    Raises:
        UserError: more than 512 pieces.
    """
    _require_short(source, target)
    device = model.device
    src = torch.tensor([source], device=device)
    tgt = torch.tensor([[begin[0], *target]], device=device)
    with recording(model) as seen, torch.enable_grad():
        layout = model.source_layout(src)
        vectors = model.src_embedding(src, layout).detach().requires_grad_()
        memory = model.decoder.memory(model.encoder(vectors, layout), layout)
        tgt_in = tgt[:, :-1]
        hidden = model.decode(tgt_in, model.target_layout(tgt_in), memory)
        log_probs = _log_probs(model.output.logits(hidden), tgt[:, 1:])
        words = _words(model.src_embedding, src)
        saliency = _gradient_times_input(log_probs, vectors, words)
    return Explanation(
        source=Side.of(names[0]),
        target=Side.of(names[1]),
        begin=begin[1],
        log_probs=tuple(log_probs.tolist()),
        encoder=_stacked(seen, "encoder"),
        decoder=_stacked(seen, "decoder"),
        cross=_stacked(seen, "cross"),
        saliency=saliency,
    )


def explain_text(model: GPT, ids: Sequence[int], names: Sequence[str]) -> Explanation:
    """Explains how a language model finds each piece of a text behind those before it.

    Args:
        model: in evaluation mode, in fp32.
        ids: of the text, at least two. The first is what the others follow.
        names: their pieces, with ▁ for a blank.

    Raises:
        UserError: fewer than two pieces, or more than 512 or than the model has positions for.
    """
    _require_short(ids)
    if len(ids) < 2:
        raise UserError(f"the text must have at least 2 pieces; found {len(ids)}")
    if len(ids) - 1 > model.config.context:
        raise UserError(
            f"the text must have at most {model.config.context + 1} pieces, what the model sees at "
            f"once; found {len(ids)}"
        )
    tokens = torch.tensor([ids], device=model.device)
    seen_ids = tokens[:, :-1]
    with recording(model) as seen, torch.enable_grad():
        n = seen_ids.size(1)
        layout = Padded(n, causal_mask(n, device=model.device))
        vectors = model.embedding(seen_ids, layout).detach().requires_grad_()
        logits = model.output.logits(model.decoder(vectors, layout))
        log_probs = _log_probs(logits, tokens[:, 1:])
        saliency = _gradient_times_input(log_probs, vectors, _words(model.embedding, seen_ids))
    return Explanation(
        source=None,
        target=Side.of(names[1:]),
        begin=Side.of(names[:1]).names[0],
        log_probs=tuple(log_probs.tolist()),
        encoder=None,
        decoder=_stacked(seen, "decoder"),
        cross=None,
        saliency=saliency,
    )


def _require_short(*sides: Sequence[int]) -> None:
    longest = max(map(len, sides))
    if longest > LONGEST:
        raise UserError(
            f"at most {LONGEST} pieces, which are words or parts of them, can be looked into at "
            f"once; found {longest:,}: explain one sentence"
        )


def _log_probs(logits: Tensor, wanted: Tensor) -> Tensor:
    """(1, length, vocabulary) and (1, length) ids → (length,)."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return logits.log_softmax(dim=-1).gather(-1, wanted.unsqueeze(-1))[0, :, 0]


def _words(embedding: Embedding, ids: Tensor) -> Tensor:
    """The vectors of words as the model adds positions to them, (1, length, d_model)."""
    return (F.embedding(ids, embedding.weight) * embedding.scale).detach()


def _gradient_times_input(log_probs: Tensor, vectors: Tensor, words: Tensor) -> Tensor:
    """∂ log p_t / ∂ vector_i · word_i, (target, input)."""
    rows = []
    for log_prob in log_probs:
        (gradient,) = torch.autograd.grad(log_prob, vectors, retain_graph=True)
        rows.append((gradient * words).sum(dim=-1)[0])
    return torch.stack(rows).float().cpu()


def _stacked(seen: dict[Place, Tensor], kind: Kind) -> Tensor:
    """(layers, heads, queries, keys)"""
    layers = [weights[0] for place, weights in seen.items() if place.kind == kind]
    return torch.stack(layers).detach().float().cpu()
