"""The GPT: the decoder alone, made of the same blocks (Radford et al. 2018, 2019)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..config import GPTConfig
from ..search.sampling import Drawn, Sampling, sample_tokens
from ..search.stepping import Step
from .embedding import Embedding
from .encoder_decoder import Decoder
from .initialisation import initialise
from .kv_cache import KeyValueCache
from .layout import Padded
from .masks import causal_mask


@dataclass(frozen=True)
class GenerationState:
    """All that the next step depends on; each row is one text."""

    ids: Tensor | None = None  # (rows, length) the tokens in sight; None before the first
    past: tuple[KeyValueCache, ...] | None = None  # their keys and values, one per layer

    @property
    def position(self) -> int:
        """Tokens in sight: the place of the next one."""
        return 0 if self.ids is None else self.ids.size(1)

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> "GenerationState":
        """The rows named, in that order. Nothing here belongs to a whole sentence."""
        if self.ids is None or self.past is None:
            return self
        return GenerationState(self.ids[rows], tuple(cache.select(rows) for cache in self.past))


class GPT(nn.Module):
    """A decoder-only language model.

    It has `config.n_decoder_layers` layers: masked self-attention and feed-forward, without
    cross-attention. `gpt2_config` gives the choices of GPT-2.

    Args:
        config: sizes and choices.
        vocab_size: tokens in the vocabulary.

    Example::

        gpt = GPT(gpt2_config(d_model=384, n_heads=6, n_decoder_layers=6), vocab_size=50257)
        logits = gpt(ids)  # (batch, length, vocab_size)
        [text] = gpt.generate([ids], 100, sampling=Sampling(temperature=0.8, top_k=200))
    """

    def __init__(self, config: GPTConfig, *, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.embedding = Embedding(
            vocab_size,
            config.d_model,
            dropout=config.dropout,
            scale=config.scale_embedding,
            n_positions=config.context if config.positions == "learned" else None,
        )
        self.output = (
            Embedding(vocab_size, config.d_model) if config.tie == "none" else self.embedding
        )
        self.decoder = Decoder(config, cross_attention=False)
        initialise(self, config.initialisation)

    @classmethod
    def from_huggingface(cls, folder: str | Path) -> "GPT":
        """A GPT-2 of Hugging Face: same logits, same continuations.

        Args:
            folder: with config.json and model.safetensors, as `save_pretrained` or the hub has it.

        Raises:
            ValueError: a file is missing or of another model, or the model has settings that this
                class does not support.
        """
        from .gpt2 import read_gpt2  # which needs this class

        return read_gpt2(Path(folder))

    def forward(self, ids: Tensor) -> Tensor:
        """(batch, length) ids → logits of every next token, (batch, length, vocab_size).

        Raises:
            ValueError: more tokens than learned positions.
        """
        if self.embedding.positions is not None and ids.size(1) > self.config.context:
            raise ValueError(
                f"the model has learned {self.config.context} positions; found {ids.size(1)} tokens"
            )
        layout = Padded(ids.size(1), causal_mask(ids.size(1), device=ids.device))
        return self.output.logits(self.decoder(self.embedding(ids, layout), layout))

    def start(self) -> GenerationState:
        """The state before the first token."""
        return GenerationState()

    def read(self, ids: Tensor, state: GenerationState) -> tuple[Tensor, GenerationState]:
        """Several more tokens for every text.

        No more than `config.context` tokens are ever in sight. When one more comes, the model
        forgets the older half of them and reads the other half again, from position 0. So it only
        sees positions that it was trained on. Given one token at a time, it reads each one twice.

        Args:
            ids: (rows, n), the tokens that follow.
            state: from `start` or the call before; it is not changed.

        Returns:
            Logits of the token after the last, (rows, vocab_size), and the new state.
        """
        context = self.config.context
        if state.position + ids.size(1) > context:
            if state.ids is not None:
                n_kept = min(context // 2, max(0, context - ids.size(1)), state.position)
                ids = torch.cat((state.ids[:, state.position - n_kept :], ids), dim=1)
            ids, state = ids[:, -context:], self.start()
        n = ids.size(1)
        mask = None  # a single token sees all those before it
        if n > 1:
            mask = causal_mask(state.position + n, device=ids.device)[:, :, state.position :]
        layout = Padded(n, mask, start=state.position)
        x, past = self.decoder.go_on(self.embedding(ids, layout), layout, state.past)
        if state.past is None:
            past = tuple(replace(cache, capacity=context) for cache in past)
        seen = ids if state.ids is None else torch.cat((state.ids, ids), dim=1)
        return self.output.logits(x[:, -1]), GenerationState(seen, past)

    def step(self, tokens: Tensor, state: GenerationState) -> tuple[Tensor, GenerationState]:
        """One more token for every text.

        Args:
            tokens: (rows,) the latest token of each.
            state: as in `read`.

        Returns:
            Logits of the next token, (rows, vocab_size), and the new state.
        """
        return self.read(tokens.unsqueeze(1), state)

    def generate(
        self,
        prompts: Sequence[Tensor | Sequence[int]],
        max_tokens: int,
        *,
        sampling: Sampling | None = None,
        eos_id: int | None = None,
        step: Step[GenerationState] | None = None,
    ) -> list[list[int]]:
        """Goes on from each prompt, all at once.

        Args:
            prompts: ids, at least one each, and equally many in all.
            max_tokens: for each prompt, the token that ends the text included.
            sampling: temperature, top-k, top-p and seed; equal prompts go on differently.
            eos_id: what ends a text; None: nothing does.
            step: replaces `self.step`, such as a `CompiledStep`.

        Returns:
            For each prompt the ids that follow it, the one that ended the text included.

        Raises:
            ValueError: no prompts, empty ones or of different lengths, or max_tokens below 1.
        """
        texts: list[list[int]] = [[] for _ in prompts]
        steps = self.stream(prompts, max_tokens, sampling=sampling, eos_id=eos_id, step=step)
        for drawn in steps:
            for text, token, _ in drawn:
                texts[text].append(token)
        return texts

    def stream(
        self,
        prompts: Sequence[Tensor | Sequence[int]],
        max_tokens: int,
        *,
        sampling: Sampling | None = None,
        eos_id: int | None = None,
        step: Step[GenerationState] | None = None,
    ) -> Iterator[list[Drawn]]:
        """`generate`, step by step: each time a token for every text that has not ended."""
        lengths = sorted({len(prompt) for prompt in prompts})
        if len(lengths) != 1 or lengths[0] == 0:
            raise ValueError(f"prompts must be of one length, at least 1; found {lengths}")
        if max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1; found {max_tokens}")
        ids = torch.stack([torch.as_tensor(prompt) for prompt in prompts]).to(self.device)
        training = self.training
        self.eval()
        try:
            with torch.inference_mode():
                state = self.start()
                if lengths[0] > 1:
                    _, state = self.read(ids[:, :-1], state)
            yield from sample_tokens(
                step or self.step,
                state,
                ids[:, -1],
                [max_tokens] * len(ids),
                eos_id=eos_id,
                sampling=sampling or Sampling(),
                device=self.device,
            )
        finally:
            self.train(training)

    @property
    def pad_id(self) -> int:
        """No token is padding."""
        return -1

    def n_parameters(self) -> int:
        """Trained weights; shared ones count once."""
        return sum(p.numel() for p in self.parameters())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.output.weight.device
