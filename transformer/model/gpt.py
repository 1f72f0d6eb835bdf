"""The GPT: the decoder alone, made of the same blocks (Radford et al. 2018, 2019)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..config import ModelConfig
from .embedding import Embedding
from .encoder_decoder import Decoder
from .initialisation import initialise
from .kv_cache import KeyValueCache
from .masks import causal_mask


@dataclass(frozen=True)
class GenerationState:
    """All that the next step depends on; each row is one text."""

    past: tuple[KeyValueCache, ...] | None  # one per layer; None before the first token

    @property
    def position(self) -> int:
        """Tokens read so far."""
        return 0 if self.past is None else self.past[0].length

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> "GenerationState":
        """The rows named, in that order; there is nothing that belongs to a whole sentence."""
        if self.past is None:
            return self
        return GenerationState(tuple(cache.select(rows) for cache in self.past))


class GPT(nn.Module):
    """A decoder-only language model.

    It has `config.n_decoder_layers` layers: masked self-attention and feed-forward, without
    cross-attention. GPT-2 normalises first: `GPT(ModelConfig(norm_first=True), vocab_size=50257)`.

    Args:
        config: sizes and choices; encoder settings are not used.
        vocab_size: tokens in the vocabulary.
    """

    def __init__(self, config: ModelConfig, *, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.embedding = Embedding(vocab_size, config.d_model, dropout=config.dropout)
        self.output = (
            Embedding(vocab_size, config.d_model) if config.tie == "none" else self.embedding
        )
        self.decoder = Decoder(config, cross_attention=False)
        initialise(self)

    def forward(self, ids: Tensor) -> Tensor:
        """(batch, length) ids → logits of every next token, (batch, length, vocab_size)."""
        x, _ = self.decoder(
            self.embedding(ids), tgt_mask=causal_mask(ids.size(1), device=ids.device)
        )
        return self.output.logits(x)

    def start(self) -> GenerationState:
        """The state before the first token."""
        return GenerationState(past=None)

    def step(self, tokens: Tensor, state: GenerationState) -> tuple[Tensor, GenerationState]:
        """One more token for every text.

        Args:
            tokens: (batch,) the latest token of each.
            state: from `start` or the step before; it is not changed.

        Returns:
            Logits of the next token, (batch, vocab_size), and the new state.
        """
        x, past = self.decoder(
            self.embedding(tokens[:, None], start=state.position), past=state.past
        )
        return self.output.logits(x[:, 0]), GenerationState(past)

    def n_parameters(self) -> int:
        """Trained weights; shared ones count once."""
        return sum(p.numel() for p in self.parameters())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.output.weight.device
