"""Models to look into, and the way in: ours, Hugging Face's Marian, and torch's nn.Transformer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..errors import UserError
from ..model.attention import MultiHeadAttention
from ..model.encoder_decoder import Transformer
from ..model.feed_forward import FeedForward
from ..model.layout import Padded


@dataclass(frozen=True)
class Sublayer:
    """Attention or feed-forward, by the modules where numbers go in and come out."""

    reads: nn.Module
    writes: nn.Module
    attention: nn.Module | None = None
    """All of it; None: this is a feed-forward network, and `reads` and `writes` its two layers."""


@dataclass(frozen=True)
class Layer:
    """A layer of a stack, its sublayers in the order of computation."""

    module: nn.Module
    sublayers: tuple[Sublayer, ...]


@dataclass(frozen=True)
class Subject:
    """A model to look into, and the way in."""

    model: nn.Module
    run: Callable[[Tensor, Tensor], Tensor]
    """Ids (batch, src_len) and (batch, tgt_len) → logits or states, (batch, tgt_len, any)."""
    encoder: tuple[Layer, ...]
    decoder: tuple[Layer, ...]
    attend: Callable[[nn.Module, dict[str, Tensor], Tensor], Tensor]
    """Self-attention by an attention with other parameters: (1, length, d_model) → the same."""
    n_heads: int
    d_model: int
    vocab_size: int
    tables: tuple[Tensor, Tensor, Tensor] | None
    """Embeddings of source and target, and the pre-softmax matrix; None: the model has none."""
    pad_id: int | None
    """None: masks are handed over by whoever calls the model."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Of both stacks."""
        return (*self.encoder, *self.decoder)

    @property
    def attentions(self) -> list[nn.Module]:
        """Of all layers."""
        return [s.attention for layer in self.layers for s in layer.sublayers if s.attention]

    @property
    def feed_forwards(self) -> list[Sublayer]:
        """Of all layers."""
        return [s for layer in self.layers for s in layer.sublayers if s.attention is None]

    def norms(self, module: nn.Module) -> list[nn.Module]:
        """What has a gain for each of the d_model numbers, and maybe a bias, and nothing else."""
        return [inner for inner in module.modules() if self._is_norm(inner)]

    def _is_norm(self, module: nn.Module) -> bool:
        own = list(module.parameters(recurse=False))
        return bool(own) and all(p.shape == (self.d_model,) for p in own)

    def ids(self, rows: int, length: int) -> Tensor:
        """(rows, length) random ids without padding, always the same."""
        ids = torch.randint(
            self.vocab_size, (rows, length), generator=torch.Generator().manual_seed(1)
        )
        return ids if self.pad_id is None else self._another(ids, ids != self.pad_id)

    def change(self, ids: Tensor) -> Tensor:
        """(length,) ids → (length + 1, length): as they are, then each one changed in turn."""
        rows = ids.repeat(len(ids) + 1, 1)
        rows[1:].diagonal().copy_(self._another(ids, torch.zeros_like(ids, dtype=torch.bool)))
        return rows

    def _another(self, ids: Tensor, keep: Tensor) -> Tensor:
        others = (ids + 1) % self.vocab_size
        if self.pad_id is not None:
            others = torch.where(others == self.pad_id, (others + 1) % self.vocab_size, others)
        return torch.where(keep, ids, others)


# Ways in -----------------------------------------------------------------------------------------


def subject_of(model: nn.Module) -> Subject:
    """Finds the parts of a model.

    Args:
        model: a `Transformer` of ours, a `MarianMTModel` of Hugging Face, or an `nn.Transformer`,
            whose embeddings and masks are then made up, since it has none of its own.

    Raises:
        UserError: it is of another class.
    """
    if isinstance(model, Transformer):
        return _ours(model)
    if isinstance(model, nn.Transformer):
        return _of_torch(model)
    if type(model).__name__ == "MarianMTModel":
        return _marian(model)
    raise UserError(
        f"the way into a {type(model).__name__} is not known; make a Subject of it, which says "
        "where its parts are, as transformer/lab/subjects.py does for other models"
    )


def _ours(model: Transformer) -> Subject:
    def sublayers(layer: Any) -> tuple[Sublayer, ...]:
        parts = (getattr(layer, n, None) for n in ("self_attention", "cross_attention"))
        found = [Sublayer(a.query, a.output, a) for a in parts if a is not None]
        if isinstance(ff := layer.feed_forward, FeedForward):  # an experiment may have taken it out
            found.append(Sublayer(ff.expand, ff.contract))
        return tuple(found)

    def attend(attention: nn.Module, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(attention, parameters, (x, Padded(x.size(1))))

    encoder, decoder = (
        tuple(Layer(layer, sublayers(layer)) for layer in stack.layers)
        for stack in (model.encoder, model.decoder)
    )
    n_heads = next(m.n_heads for m in model.modules() if isinstance(m, MultiHeadAttention))
    return Subject(
        model=model,
        run=model,
        encoder=encoder,
        decoder=decoder,
        attend=attend,
        n_heads=n_heads,
        d_model=model.output.weight.size(1),
        vocab_size=model.vocab_size,
        tables=(model.src_embedding.weight, model.tgt_embedding.weight, model.output.weight),
        pad_id=model.pad_id,
    )


def _marian(model: Any) -> Subject:
    inner, pad_id = model.model, model.config.pad_token_id

    def sublayers(layer: Any) -> tuple[Sublayer, ...]:
        parts = (getattr(layer, n, None) for n in ("self_attn", "encoder_attn"))
        found = [Sublayer(a.q_proj, a.out_proj, a) for a in parts if a is not None]
        return (*found, Sublayer(layer.fc1, layer.fc2))

    def run(src: Tensor, tgt: Tensor) -> Tensor:
        seen = (src != pad_id).long()  # Marian wants to be told
        result: Tensor = model(
            input_ids=src, attention_mask=seen, decoder_input_ids=tgt, use_cache=False
        ).logits
        return result

    def attend(attention: nn.Module, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        everything = x.new_zeros(1, 1, x.size(1), x.size(1))  # without a mask, it is causal
        called: tuple[Tensor, Any] = functional_call(
            attention, parameters, (x,), {"attention_mask": everything}
        )
        return called[0]

    encoder, decoder = (
        tuple(Layer(layer, sublayers(layer)) for layer in stack.layers)
        for stack in (inner.encoder, inner.decoder)
    )
    return Subject(
        model=model,
        run=run,
        encoder=encoder,
        decoder=decoder,
        attend=attend,
        n_heads=model.config.encoder_attention_heads,
        d_model=model.config.d_model,
        vocab_size=model.config.vocab_size,
        tables=(
            inner.encoder.embed_tokens.weight,
            inner.decoder.embed_tokens.weight,
            model.lm_head.weight,
        ),
        pad_id=pad_id,
    )


def _of_torch(model: nn.Transformer) -> Subject:
    d_model = model.d_model
    vectors = torch.randn(64, d_model, generator=torch.Generator().manual_seed(1))

    def sublayers(layer: Any) -> tuple[Sublayer, ...]:
        parts = (getattr(layer, n, None) for n in ("self_attn", "multihead_attn"))
        found = [Sublayer(a, a, a) for a in parts if a is not None]
        return (*found, Sublayer(layer.linear1, layer.linear2))

    def turned(x: Tensor) -> Tensor:
        return x if model.batch_first else x.transpose(0, 1)

    def run(src: Tensor, tgt: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(tgt.size(1))
        quick = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # it calls no modules
        try:
            return turned(model(turned(vectors[src]), turned(vectors[tgt]), tgt_mask=mask))
        finally:
            torch.backends.mha.set_fastpath_enabled(quick)

    def attend(attention: nn.Module, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        x = turned(x)
        called: tuple[Tensor, Any] = functional_call(
            attention, parameters, (x, x, x), {"need_weights": False}
        )
        return turned(called[0])

    encoder, decoder = (
        tuple(Layer(layer, sublayers(layer)) for layer in stack.layers)
        for stack in (model.encoder, model.decoder)
    )
    return Subject(
        model=model,
        run=run,
        encoder=encoder,
        decoder=decoder,
        attend=attend,
        n_heads=model.nhead,
        d_model=d_model,
        vocab_size=len(vectors),
        tables=None,
        pad_id=None,
    )
