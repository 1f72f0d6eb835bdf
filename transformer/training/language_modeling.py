"""The task of language modelling: a stream of tokens, the GPT, bits per character."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from ..config import Config
from ..data.stream import (
    Blocks,
    TokenStream,
    block_batches,
    epoch_length,
    ordered_blocks,
    prepare_streams,
)
from ..data.text_tokenizers import TextTokenizer
from ..inference.generator import Generator
from ..model.gpt import GPT
from ..runs.checkpoints import TrainingState
from .journal import Journal
from .loss import Loss, label_smoothed_cross_entropy
from .task import Change, Extent
from .validation import add_up
from .world import ALONE, World

log = logging.getLogger(__name__)

N_SAMPLED = 200
"""Tokens that the log shows at each validation."""


@dataclass(frozen=True)
class LanguageModelingTask:
    """Running text, and how a GPT learns from it; see `Task`."""

    config: Config
    tokenizer: TextTokenizer
    train: TokenStream
    val: TokenStream
    change: Change | None = None

    @classmethod
    def prepare(
        cls, config: Config, tokenizer_path: Path | None = None, change: Change | None = None
    ) -> "LanguageModelingTask":
        """Reads and encodes the text.

        Args:
            config: every setting.
            tokenizer_path: the tokenizer of a run that is resumed or started from; by default one
                is trained on the training part, unless the settings name another.
            change: what an experiment does to the model.

        Raises:
            CorpusError, TokenizerError: the data cannot be used; nothing has been written.
        """
        log.info("reading the text")
        return cls(config, *prepare_streams(config, tokenizer_path), change)

    @property
    def texts(self) -> dict[str, str]:
        """Fingerprints of the encoded text."""
        return {"train": self.train.fingerprint, "val": self.val.fingerprint}

    @property
    def texts_anywhere(self) -> dict[str, str]:
        """`texts`: they are of the content alone."""
        return self.texts

    @property
    def metadata(self) -> dict[str, str]:
        """Nothing that a generator needs: the weights are enough."""
        return self.change.metadata if self.change else {}

    @property
    def batch_blocks(self) -> int:
        """Blocks per batch."""
        return self.config.training.batch_tokens // self.config.gpt.context

    @property
    def no_batch(self) -> str:
        """Why an epoch of a stream may hold none."""
        return "no buffer holds a block; raise data.shuffle_buffer or lower model.context"

    def require_readers(self, world: World) -> None:
        """Any number can share it."""

    def end_epoch(self, state: TrainingState, world: World) -> None:
        """Nothing, since all was counted when the text was read."""

    def new_model(self) -> GPT:
        """A GPT with first weights."""
        return GPT(self.config.gpt, vocab_size=self.tokenizer.vocab_size)

    def batches(self, *, epoch: int, skip: int, every: int = 1) -> Iterator[Blocks]:
        """Every `every`-th batch of an epoch in training order, without the first `skip`."""
        return block_batches(
            self.train,
            context=self.config.gpt.context,
            batch_blocks=self.batch_blocks,
            seed=self.config.seed,
            epoch=epoch,
            skip=skip,
            every=every,
        )

    def deal(self, state: TrainingState, world: World) -> Iterator[Blocks]:
        """This process's batches of the epoch of `state`, from where it stands."""
        return self.batches(
            epoch=state.epoch, skip=state.batches_done + world.rank, every=world.size
        )

    def loss(self, model: GPT, batch: Blocks, step: int) -> Loss:
        """Cross-entropy of every token but the first of each block."""
        return label_smoothed_cross_entropy(
            model(batch.ids[:, :-1]),
            batch.ids[:, 1:],
            pad_id=None,
            smoothing=self.config.training.label_smoothing,
            overwrite=True,
        )

    def validate(
        self, model: GPT, journal: Journal | None = None, world: World = ALONE
    ) -> dict[str, float]:
        """Loss over the whole validation text, in blocks that begin where the last one ended.

        Returns:
            `val_loss` (label-smoothed), `val_nll` and `val_ppl` per token, and `val_bpc`: bits per
            character, which compares models whatever their vocabulary.

        Raises:
            TrainingError: the loss is not finite.
        """
        model.eval()
        blocks = ordered_blocks(
            self.val, context=self.config.gpt.context, batch_blocks=self.batch_blocks
        )
        with torch.inference_mode():
            mine = islice(blocks, world.rank, None, world.size)
            losses = (self.loss(model, batch.to(model.device), 0) for batch in mine)
            totals = add_up(losses, world)
        if journal:
            [text] = Generator(model, self.tokenizer).generate(max_tokens=N_SAMPLED)
            journal.write_text(text)
        bits = totals.nll / math.log(2)
        return {**totals.scores(), "val_bpc": bits / max(1, self.val.n_characters)}

    def summary(self) -> str:
        """How much text there is."""
        return (
            f"{self.train.n_characters:,} characters in {len(self.train):,} tokens to train, "
            f"{self.val.n_characters:,} in {len(self.val):,} to validate"
        )

    def describe_text(self) -> list[str]:
        """Lines about the text, for the dry run."""
        return [
            f"{name:16}{stream.n_characters:,} characters, {len(stream):,} tokens"
            for name, stream in (("training text", self.train), ("validation", self.val))
        ]

    def describe(self, batch: Blocks) -> str:
        """A line about a batch that caused trouble."""
        return (
            f"The batch has {len(batch.ids)} blocks and {batch.n_tokens} tokens; its first block "
            f"begins with: {self.tokenizer.decode(batch.ids[0, :40].tolist())!r}"
        )

    def measure_epoch(self) -> tuple[int, float]:
        """How many batches an epoch has, and the share of padding: none."""
        n = epoch_length(
            self.train, context=self.config.gpt.context, batch_blocks=self.batch_blocks
        )
        return n, 0.0

    def extent(self, batch: Blocks) -> Extent:
        """How much there is to compute in a batch."""
        rows, length = batch.ids.shape
        return Extent(0, batch.n_tokens, rows, 0, length - 1)
