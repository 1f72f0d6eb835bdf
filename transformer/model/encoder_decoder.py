"""The Transformer: encoder, decoder, and one decoding step at a time, figure 1."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from ..config import BlockConfig, ModelConfig
from .attention import MultiHeadAttention
from .decoding_state import DecodingState
from .embedding import Embedding
from .feed_forward import FeedForward
from .initialisation import initialise
from .kv_cache import GrowingCache, KeyValueCache, Memory
from .layers import DecoderLayer, EncoderLayer
from .layout import Gathered, Layout, Padded, round_up_length
from .masks import as_summand, causal_mask, padding_mask


def block_factories(
    config: BlockConfig,
) -> tuple[Callable[[], MultiHeadAttention], Callable[[], FeedForward]]:
    """Functions that make the attentions and feed-forward networks of a model."""
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

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """(batch, src_len, d_model), or as `layout` says, → the same shape."""
        for layer in self.layers:
            x = layer(x, layout)
        return self.norm(x)


class Decoder(nn.Module):
    """A stack of decoder layers; one more norm at the end if each layer normalises first."""

    def __init__(self, config: BlockConfig, *, cross_attention: bool = True) -> None:
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

    def forward(
        self,
        x: Tensor,
        layout: Layout,
        memory: Sequence[Memory] | None = None,
        caches: Sequence[GrowingCache] | None = None,
    ) -> Tensor:
        """(batch, tgt_len, d_model), or as `layout` says, → the same shape.

        Arguments are those of `DecoderLayer.forward`, with a memory and a cache per layer.
        """
        for i, layer in enumerate(self.layers):
            x = layer(x, layout, memory and memory[i], caches and caches[i])
        return self.norm(x)

    def go_on(
        self,
        x: Tensor,
        layout: Layout,
        past: Sequence[KeyValueCache] | None,
        memory: Sequence[Memory] | None = None,
    ) -> tuple[Tensor, tuple[KeyValueCache, ...]]:
        """`forward` of tokens that follow those in `past` (None: of the first ones).

        Returns:
            The shape of x, and the keys and values of all tokens so far, per layer.
        """
        caches = [GrowingCache(past[i] if past else None) for i in range(len(self.layers))]
        x = self(x, layout, memory, caches)
        return x, tuple(cast(KeyValueCache, cache.latest) for cache in caches)

    def memory(self, encoded: Tensor, source: Layout) -> tuple[Memory, ...]:
        """What each layer's cross-attention looks at.

        Args:
            encoded: the encoder's output, (batch, src_len, d_model), or as `source` says.
            source: how it lies in memory; its mask hides padding.
        """
        attentions = [cast(DecoderLayer, layer).cross_attention for layer in self.layers]
        mask = cast(Tensor, source.mask)
        return tuple(Memory(a.keys_and_values(encoded, source), mask) for a in attentions)


class Transformer(nn.Module):
    """The encoder-decoder model of "Attention Is All You Need".

    Args:
        config: sizes and choices; the default is the paper's base model.
        vocab_size: pieces in the vocabulary shared by source and target.
        pad_id: id of the padding token, hidden from all attention.

    Example::

        model = Transformer(ModelConfig(), vocab_size=37000, pad_id=0)
        logits = model(src, tgt_in)  # (batch, tgt_len, vocab_size)
    """

    def __init__(self, config: ModelConfig, *, vocab_size: int, pad_id: int = 0) -> None:
        super().__init__()
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
        initialise(self)

    def forward(self, src: Tensor, tgt_in: Tensor) -> Tensor:
        """Logits of every next token, all at once, as in training.

        Args:
            src: (batch, src_len) ids, padded with pad_id.
            tgt_in: (batch, tgt_len) ids that start with BOS, padded with pad_id.

        Returns:
            (batch, tgt_len, vocab_size); position t depends on tgt_in[:, : t + 1] only.
        """
        memory = self.encode(src, self.source_layout(src))
        return self.output.logits(self.decode(tgt_in, self.target_layout(tgt_in), memory))

    def source_layout(self, src: Tensor) -> Padded:
        """Of (batch, src_len) ids: every token may attend to all but padding."""
        return Padded(src.size(1), self._for_all_layers(padding_mask(src, self.pad_id)))

    def target_layout(self, tgt_in: Tensor) -> Padded:
        """Of (batch, tgt_len) ids: every token may attend to itself and those before it.

        Padding must stand at the end, where this hides it from every real token.
        """
        mask = causal_mask(tgt_in.size(1), device=tgt_in.device)
        return Padded(tgt_in.size(1), self._for_all_layers(mask))

    def _for_all_layers(self, mask: Tensor) -> Tensor:
        # A summand made once saves making it in every layer.
        return as_summand(mask, torch.promote_types(self.output.weight.dtype, torch.float32))

    def encode(self, src: Tensor, source: Layout) -> tuple[Memory, ...]:
        """Ids that lie as `source` says → what each decoder layer looks at."""
        return self.decoder.memory(self.encoder(self.src_embedding(src, source), source), source)

    def decode(self, tgt_in: Tensor, target: Layout, memory: tuple[Memory, ...]) -> Tensor:
        """Ids that lie as `target` says, and the source → (..., d_model), before the projection."""
        x: Tensor = self.decoder(self.tgt_embedding(tgt_in, target), target, memory)
        return x

    def start(self, src: Tensor) -> DecodingState:
        """Encodes (batch, src_len) ids, padded; returns the state before the first step."""
        src = round_up_length(src, self.pad_id)
        padded = self.source_layout(src)
        tokens = Gathered.of(padded, len(src))
        memory = (
            self.encode(src, padded) if tokens is None else self.encode(tokens.gather(src), tokens)
        )
        memory = tuple(Memory(m.cache.contiguous(), m.mask) for m in memory)
        history = torch.ones(len(src), 1, 0, dtype=torch.bool, device=src.device)
        return DecodingState(memory, None, history)

    def step(
        self,
        tokens: Tensor,
        state: DecodingState,
        logits: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, DecodingState]:
        """One more token for every hypothesis.

        Args:
            tokens: (rows,) the latest token of each, BOS at the first step; the hypotheses of a
                sentence side by side. Of those in `state.alive` only, if it names any.
            state: from `start` or the step before; it is not changed.
            logits: in place of `output.logits`, such as those of some pieces only.

        Returns:
            Logits of the next token, (rows, vocab_size), and the new state.
        """
        # To the decoder, the hypotheses of a sentence are tokens of it that do not see each other,
        # all at the same position: (rows,) → (sentences, hypotheses).
        n_sentences, n_hypotheses = state.history.shape[:2]
        itself = torch.eye(n_hypotheses, dtype=torch.bool, device=tokens.device)
        history = torch.cat((state.history, itself.expand(n_sentences, -1, -1)), dim=2)
        mask = self._for_all_layers(history[:, None])
        layout: Layout
        if state.alive is None:
            tokens = tokens.view(n_sentences, -1)
            layout = Padded(1, mask, start=state.position)
        else:
            layout = Gathered(
                state.alive,
                (n_sentences, n_hypotheses),
                mask,
                start=state.position,
                one_position=True,
            )
        x = self.tgt_embedding(tokens, layout)
        x, past = self.decoder.go_on(x, layout, state.past, state.memory)
        new = DecodingState(state.memory, past, history, state.position + 1)
        return (logits or self.output.logits)(x.view(-1, x.size(-1))), new

    def n_parameters(self) -> int:
        """Trained weights; shared ones count once."""
        return sum(p.numel() for p in self.parameters())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.output.weight.device
