"""The Transformer: encoder, decoder, and one decoding step at a time, figure 1."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from ..config import ModelConfig
from .attention import MultiHeadAttention, as_summand
from .embedding import Embedding
from .feed_forward import FeedForward
from .initialisation import initialise
from .kv_cache import KeyValueCache
from .layers import DecoderLayer, EncoderLayer
from .masks import causal_mask, padding_mask
from .packing import Packing, round_up_length

FORGET_FROM = 64
"""A sentence's tokens are first looked through at so many, for those of no hypothesis any more."""


def block_factories(
    config: ModelConfig,
) -> tuple[Callable[[], MultiHeadAttention], Callable[[], FeedForward]]:
    """What makes the attentions and feed-forward networks of a model, from its settings."""
    attention = partial(
        MultiHeadAttention,
        config.d_model,
        config.n_heads,
        dropout=config.attention_dropout,
        bias=config.attention_bias,
    )
    feed_forward = partial(
        FeedForward,
        config.d_model,
        config.d_ff,
        activation=config.activation,
        dropout=config.activation_dropout,
    )
    return attention, feed_forward


class Encoder(nn.Module):
    """A stack of encoder layers; one more norm at the end if each layer normalises first."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        attention, feed_forward = block_factories(config)
        self.layers = nn.ModuleList(
            EncoderLayer(
                config.d_model,
                attention,
                feed_forward,
                dropout=config.dropout,
                norm_first=config.norm_first,
            )
            for _ in range(config.n_encoder_layers)
        )
        self.norm = nn.LayerNorm(config.d_model) if config.norm_first else nn.Identity()

    def forward(self, x: Tensor, src_mask: Tensor, packing: Packing | None = None) -> Tensor:
        """(batch, src_len, d_model), or packed (rows, d_model), → the same shape."""
        for layer in self.layers:
            x = layer(x, src_mask, packing)
        return self.norm(x)


class Decoder(nn.Module):
    """A stack of decoder layers; one more norm at the end if each layer normalises first."""

    def __init__(self, config: ModelConfig, *, cross_attention: bool = True) -> None:
        super().__init__()
        attention, feed_forward = block_factories(config)
        self.layers = nn.ModuleList(
            DecoderLayer(
                config.d_model,
                attention,
                feed_forward,
                dropout=config.dropout,
                norm_first=config.norm_first,
                cross_attention=cross_attention,
            )
            for _ in range(config.n_decoder_layers)
        )
        self.norm = nn.LayerNorm(config.d_model) if config.norm_first else nn.Identity()

    def remember(self, memory: Tensor, packing: Packing | None = None) -> tuple[KeyValueCache, ...]:
        """Every layer's keys and values of the encoder's output (batch, src_len, d_model)."""
        attentions = [cast(DecoderLayer, layer).cross_attention for layer in self.layers]
        return tuple(attention.remember(memory, packing) for attention in attentions)

    def forward(
        self,
        x: Tensor,
        memory: tuple[KeyValueCache, ...] | None = None,
        tgt_mask: Tensor | None = None,
        src_mask: Tensor | None = None,
        past: tuple[KeyValueCache, ...] | None = None,
        packing: Packing | None = None,
        seen: list[Tensor] | None = None,
    ) -> tuple[Tensor, tuple[KeyValueCache, ...]]:
        """(batch, tgt_len, d_model) → the same shape, and what the next step remembers.

        Arguments are those of `DecoderLayer.forward`, with one cache per layer.
        """
        caches = []
        for i, layer in enumerate(self.layers):
            x, cache = layer(
                x,
                None if memory is None else memory[i],
                tgt_mask,
                src_mask,
                None if past is None else past[i],
                packing,
                seen,
            )
            caches.append(cache)
        return self.norm(x), tuple(caches)


@dataclass(frozen=True)
class DecodingState:
    """All that a decoding step depends on.

    The hypotheses of a sentence, equally many for each, share its memory and also its cache: there
    every token that any of them had at some step keeps its place, whatever becomes of the
    hypothesis. `history` says which of these tokens are whose. When the search reorders its
    hypotheses, or drops some and doubles others, only this table changes, and no key or value
    moves.
    """

    src_mask: Tensor  # (sentences, 1, 1, src_len)
    memory: tuple[KeyValueCache, ...]  # per decoder layer, (sentences, n_heads, src_len, d_head)
    past: tuple[KeyValueCache, ...] | None  # likewise, all hypotheses' tokens; None at first
    history: Tensor  # (sentences, hypotheses, length of past), True = one of its tokens
    position: int = 0  # tokens decoded so far
    # (sentences, hypotheses, src_len) cross-attention of the last layer, its heads averaged, summed
    # over the tokens so far; None if nobody asked for it. Padding counts as covered.
    coverage: Tensor | None = None

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> "DecodingState":
        """The state with other hypotheses: reordered, repeated, or those of some sentences only.

        Args:
            rows: indices of hypotheses, those of a sentence side by side, equally many for each.
            sentences: indices of the sentences they belong to; None if all remain.
        """
        n_sentences = self.history.size(0) if sentences is None else len(sentences)

        def reordered(x: Tensor) -> Tensor:
            return x.flatten(0, 1)[rows].unflatten(0, (n_sentences, -1))

        state = replace(
            self,
            history=reordered(self.history),
            coverage=None if self.coverage is None else reordered(self.coverage),
        )
        if sentences is not None:
            state = replace(
                state,
                src_mask=self.src_mask.index_select(0, sentences),
                memory=tuple(cache.select(sentences) for cache in self.memory),
                past=self.past and tuple(cache.select(sentences) for cache in self.past),
            )
        return state._forget()

    def _forget(self) -> "DecodingState":
        # Leaves out tokens that belong to no hypothesis any more, when these are the most: of a
        # long translation nearly all hypotheses share the same tokens. Without it, translations of
        # 100 tokens take a tenth longer, of 300 a quarter (32 sentences, beam 5, 3 layers, int8).
        if self.past is None or self.history.size(2) < FORGET_FROM:
            return self
        in_use = self.history.any(dim=1)  # (sentences, length of past)
        n_kept = int(in_use.sum(dim=1).max())
        if 2 * n_kept > in_use.size(1):
            return self
        kept = in_use.to(torch.uint8).topk(n_kept, dim=1).indices.sort(dim=1).values
        places = kept.unsqueeze(1).expand(-1, self.history.size(1), -1)
        return replace(
            self,
            past=tuple(cache.select_tokens(kept) for cache in self.past),
            history=self.history.gather(2, places),
        )


class Transformer(nn.Module):
    """The encoder-decoder model of "Attention Is All You Need".

    Args:
        config: sizes and choices; the default is the paper's base model.
        vocab_size: pieces in the vocabulary shared by source and target.
        pad_id: id of the padding token, hidden from all attention.

    Raises:
        ValueError: a choice of the GPT's.

    Example::

        model = Transformer(ModelConfig(), vocab_size=37000, pad_id=0)
        logits = model(src, tgt_in)  # (batch, tgt_len, vocab_size)
    """

    def __init__(self, config: ModelConfig, *, vocab_size: int, pad_id: int = 0) -> None:
        super().__init__()
        if config.positions != "sinusoidal" or not config.scale_embedding:
            raise ValueError("learned positions and unscaled embeddings are for the GPT")
        self.config = config
        self.vocab_size = vocab_size
        self.pad_id = pad_id

        # §3.4: one matrix for both embeddings and the pre-softmax transformation.
        sizes = vocab_size, config.d_model
        self.tgt_embedding = Embedding(*sizes, dropout=config.dropout)
        self.src_embedding = self.tgt_embedding
        self.output = self.tgt_embedding
        if config.tie != "all":
            self.src_embedding = Embedding(*sizes, dropout=config.dropout)
        if config.tie == "none":
            self.output = Embedding(*sizes)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        initialise(self, config.initialisation)

    def forward(self, src: Tensor, tgt_in: Tensor) -> Tensor:
        """Logits of every next token, all at once, as in training.

        Args:
            src: (batch, src_len) ids, padded with pad_id.
            tgt_in: (batch, tgt_len) ids that start with BOS, padded with pad_id.

        Returns:
            (batch, tgt_len, vocab_size); position t depends on tgt_in[:, : t + 1] only.
        """
        return self.output.logits(self.decode(self.encode(src), src, tgt_in))

    def token_logits(self, src: Tensor, tgt_in: Tensor) -> tuple[Tensor, Packing]:
        """The logits of `forward` where tgt_in is not padding, at the cost of real tokens only.

        Returns:
            (rows, vocab_size), and what tells to which tokens the rows belong. In `tgt_in`,
            padding must stand at the end.
        """
        src, tgt_in = round_up_length(src, self.pad_id), round_up_length(tgt_in, self.pad_id)
        src_packing = Packing.of(src != self.pad_id, self.config.n_heads)
        tgt_packing = Packing.of(tgt_in != self.pad_id, self.config.n_heads)
        memory = self.encode(src, src_packing)
        x = self.decode(memory, src, tgt_in, src_packing, tgt_packing)
        return self.output.logits(x), tgt_packing

    def encode(self, src: Tensor, packing: Packing | None = None) -> Tensor:
        """(batch, src_len) ids → the memory, (batch, src_len, d_model), or packed."""
        x = self.src_embedding(src, packing=packing)
        memory: Tensor = self.encoder(x, padding_mask(src, self.pad_id), packing)
        return memory

    def decode(
        self,
        memory: Tensor,
        src: Tensor,
        tgt_in: Tensor,
        src_packing: Packing | None = None,
        packing: Packing | None = None,
    ) -> Tensor:
        """Memory (batch, src_len, d_model) and both sides' ids → (batch, tgt_len, d_model).

        With `packing`, the result is packed; with `src_packing`, the memory is.
        """
        # Padding stands at the end, where the look-ahead mask hides it from every real token.
        x, _ = self.decoder(
            self.tgt_embedding(tgt_in, packing=packing),
            self.decoder.remember(memory, src_packing),
            causal_mask(tgt_in.size(1), device=tgt_in.device),
            padding_mask(src, self.pad_id),
            packing=packing,
        )
        return x

    def start(self, src: Tensor, *, coverage: bool = False) -> DecodingState:
        """Encodes (batch, src_len) ids and returns the state before the first decoding step.

        Args:
            src: padded with pad_id.
            coverage: keep account of what of the source has been attended to.
        """
        src = round_up_length(src, self.pad_id)
        memory = tuple(c.contiguous() for c in self.decoder.remember(self.encode(src)))
        history = torch.ones(len(src), 1, 0, dtype=torch.bool, device=src.device)
        covered = (src == self.pad_id)[:, None].to(self.output.weight.dtype) if coverage else None
        return DecodingState(
            padding_mask(src, self.pad_id), memory, None, history, coverage=covered
        )

    def step(
        self,
        tokens: Tensor,
        state: DecodingState,
        logits: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, DecodingState]:
        """One more token for every hypothesis.

        Args:
            tokens: (rows,) the latest token of each, BOS at the first step; the hypotheses of a
                sentence side by side.
            state: from `start` or the step before; it is not changed.
            logits: in place of `output.logits`, such as those of some pieces only.

        Returns:
            Logits of the next token, (rows, vocab_size), and the new state.
        """
        n_sentences = state.history.size(0)
        n_hypotheses = len(tokens) // n_sentences
        # To the decoder, the hypotheses of a sentence are positions of it that do not see each
        # other: (rows, 1, d_model) → (sentences, hypotheses, d_model).
        x = self.tgt_embedding(tokens[:, None], start=state.position)
        x = x.view(n_sentences, n_hypotheses, -1)
        itself = torch.eye(n_hypotheses, dtype=torch.bool, device=tokens.device)
        history = torch.cat((state.history, itself.expand(n_sentences, -1, -1)), dim=2)
        coverage = state.coverage
        seen: list[Tensor] | None = None if coverage is None else []
        dtype = x.dtype if x.is_cuda else torch.promote_types(x.dtype, torch.float32)
        x, past = self.decoder(
            x,
            state.memory,
            as_summand(history[:, None], dtype),
            as_summand(state.src_mask, dtype),
            state.past,
            seen=seen,
        )
        if coverage is not None and seen:
            coverage = coverage + seen[-1].mean(dim=1)
        new = DecodingState(
            state.src_mask, state.memory, past, history, state.position + 1, coverage
        )
        return (logits or self.output.logits)(x.flatten(0, 1)), new

    def n_parameters(self) -> int:
        """Trained weights; shared ones count once."""
        return sum(p.numel() for p in self.parameters())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.output.weight.device
