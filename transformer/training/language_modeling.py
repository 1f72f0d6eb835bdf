"""The task of language modelling: a stream of tokens, the GPT, bits per character."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
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
from .journal import Journal, perplexity
from .loss import Loss, label_smoothed_cross_entropy
from .resuming import require_finite_loss

log = logging.getLogger(__name__)

N_SAMPLED = 200
"""Tokens that the log shows at each validation."""


@dataclass(frozen=True)
class Streams:
    """Running text as a run needs it."""

    train: TokenStream
    val: TokenStream
    tokenizer: TextTokenizer

    @property
    def texts(self) -> dict[str, str]:
        """Fingerprints of the encoded text."""
        return {"train": self.train.fingerprint, "val": self.val.fingerprint}

    @property
    def metadata(self) -> dict[str, str]:
        """Nothing that a generator would need besides the weights."""
        return {}

    def summary(self) -> str:
        """What there is to read."""
        return (
            f"{self.train.n_characters:,} characters in {len(self.train):,} tokens to train, "
            f"{self.val.n_characters:,} in {len(self.val):,} to validate"
        )


def prepare(config: Config, tokenizer_path: Path | None = None) -> Streams:
    """Reads and encodes the text; trains the tokenizer on the training part if need be.

    Raises:
        CorpusError, TokenizerError: the data cannot be used; nothing has been written.
    """
    log.info("reading the text")
    tokenizer, train, val = prepare_streams(config, tokenizer_path)
    return Streams(train, val, tokenizer)


def new_model(config: Config, data: Streams) -> GPT:
    """A GPT with first weights."""
    return GPT(config.gpt, vocab_size=data.tokenizer.vocab_size)


def blocks_in(config: Config) -> int:
    """Blocks of a batch."""
    return config.training.batch_tokens // config.gpt.context


def batches(data: Streams, config: Config, *, epoch: int, skip: int) -> Iterator[Blocks]:
    """Those of an epoch, in training order, but for the first so many."""
    return block_batches(
        data.train,
        context=config.gpt.context,
        batch_blocks=blocks_in(config),
        seed=config.seed,
        epoch=epoch,
        skip=skip,
    )


def loss(model: GPT, batch: Blocks, step: int, config: Config) -> Loss:
    """Cross-entropy of every token but the first of each block."""
    return label_smoothed_cross_entropy(
        model(batch.ids[:, :-1]),
        batch.ids[:, 1:],
        pad_id=None,
        smoothing=config.training.label_smoothing,
        overwrite=True,
    )


def validate(
    model: GPT, data: Streams, config: Config, *, journal: Journal | None = None
) -> dict[str, float]:
    """Loss over the whole validation text, in blocks that begin where the last one ended.

    Returns:
        `val_loss` (label-smoothed), `val_nll` and `val_ppl` per token, and `val_bpc`: bits a
        character, which compares models whatever their vocabulary.

    Raises:
        TrainingError: the loss is not finite.
    """
    model.eval()
    smoothed = nll = 0.0
    n_tokens = 0
    with torch.inference_mode():
        for batch in ordered_blocks(
            data.val, context=config.gpt.context, batch_blocks=blocks_in(config)
        ):
            found = loss(model, batch.to(model.device), 0, config)
            smoothed, nll = smoothed + float(found.smoothed), nll + float(found.nll)
            n_tokens += found.n_tokens
    require_finite_loss(smoothed)
    if journal:
        [text] = Generator(model, data.tokenizer).generate(max_tokens=N_SAMPLED)
        journal.write_text(text)
    return {
        "val_loss": smoothed / n_tokens,
        "val_nll": nll / n_tokens,
        "val_ppl": perplexity(nll / n_tokens),
        "val_bpc": nll / math.log(2) / max(1, data.val.n_characters),
    }


def measure_epoch(data: Streams, config: Config) -> tuple[int, float]:
    """Batches of an epoch, and the share of padding, of which there is none."""
    n = epoch_length(data.train, context=config.gpt.context, batch_blocks=blocks_in(config))
    return n, 0.0


def describe_text(data: Streams) -> list[str]:
    """Lines about the text, for the dry run."""
    return [
        f"{name:16}{stream.n_characters:,} characters, {len(stream):,} tokens"
        for name, stream in (("training text", data.train), ("validation", data.val))
    ]


def describe(batch: Blocks, data: Streams) -> str:
    """A batch that caused trouble."""
    return (
        f"The batch has {len(batch.ids)} blocks and {batch.n_tokens} tokens; its first block "
        f"begins with: {data.tokenizer.decode(batch.ids[0, :40].tolist())!r}"
    )
