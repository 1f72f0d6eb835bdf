"""The task of translation: sentence pairs, the Transformer, label smoothing, BLEU."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..config import Config, DecodingConfig, TextConfig
from ..data.batching import Batch, epoch_batches, ordered_batches, pair_weights
from ..data.corpus import (
    Corpus,
    CorpusError,
    encode_corpus,
    fingerprint,
    lengths,
    load_corpus,
    longest_pair,
    statistics,
)
from ..data.tokenizer import Tokenizer, train_tokenizer
from ..inference.evaluation import bleu
from ..inference.translator import Translator
from ..model.encoder_decoder import Transformer
from .journal import Journal, perplexity
from .loss import Loss, consistency_loss, label_smoothed_cross_entropy
from .packing import token_logits
from .resuming import require_finite_loss

log = logging.getLogger(__name__)

LONGEST_VAL = 1024
"""Pieces that a validation sentence may always have."""

N_COUNTED = 5000
"""Batches counted at most to tell how many an epoch has."""


@dataclass(frozen=True)
class Pairs:
    """Sentence pairs as a run needs them."""

    train: Corpus
    val: Corpus
    tokenizer: Tokenizer
    longest_src: int  # pieces of the longest source in training, EOS counted

    @property
    def texts(self) -> dict[str, str]:
        """Fingerprints of the encoded pairs."""
        return {"train": fingerprint(self.train), "val": fingerprint(self.val)}

    @property
    def metadata(self) -> dict[str, str]:
        """What a translator must know besides the weights."""
        return {"longest_src": str(self.longest_src)}

    def summary(self) -> str:
        """What was read and left out."""
        return self.train.summary()


def prepare(config: Config, tokenizer_path: Path | None = None) -> Pairs:
    """Reads, cleans and encodes the text; trains the tokenizer on the training split if need be.

    Args:
        config: data and tokenizer settings.
        tokenizer_path: the sentencepiece model of a run that is resumed, or started from.

    Raises:
        CorpusError, TokenizerError: the data cannot be used; nothing has been written.
    """
    log.info("reading the text")
    train_pairs, val_pairs = load_corpus(config.data, "train"), load_corpus(config.data, "val")
    path = tokenizer_path or config.tokenizer.path
    if path:
        tokenizer = Tokenizer.load(path, sampling_alpha=config.tokenizer.sampling_alpha)
        asked = "vocab_size" in config.tokenizer.model_fields_set
        if asked and tokenizer.vocab_size != config.tokenizer.vocab_size:
            log.warning(
                "%s has %s pieces; tokenizer.vocab_size (%s), meant for a new one, does not count",
                path,
                f"{tokenizer.vocab_size:,}",
                f"{config.tokenizer.vocab_size:,}",
            )
    else:
        log.info("training a vocabulary of %s pieces", f"{config.tokenizer.vocab_size:,}")
        tokenizer = train_tokenizer(_lines(train_pairs), config.tokenizer, seed=config.seed)
    encoded = encode_corpus(train_pairs, tokenizer, config.data.cleaning.max_tokens)
    expected = float(pair_weights(encoded).sum(dtype=np.float64))
    if expected < 1:
        raise CorpusError(
            f"data.train: an epoch must hold at least one pair; the weights of the "
            f"{len(encoded.pairs):,} pairs add up to {expected:.2g}. Raise weight"
        )
    longest_src = int(lengths(encoded)[:, 0].max()) + 1
    encoded_val = encode_corpus(val_pairs, tokenizer)
    _require_short(encoded_val, config)
    return Pairs(encoded, encoded_val, tokenizer, longest_src)


def _require_short(val: Corpus, config: Config) -> None:
    # Nothing leaves out long validation pairs, and attention takes memory that grows as the square
    # of their length: 10 GB at 16,000 pieces. Four times the longest training sentence is a length
    # that no model translates well anyhow.
    limit = max(4 * config.data.cleaning.max_tokens, LONGEST_VAL)
    found = longest_pair(val)
    if max(found.n_src, found.n_tgt) + 1 > limit:
        raise CorpusError(
            f"data.val: {found.name} has {max(found.n_src, found.n_tgt):,} pieces, and a "
            f"validation sentence may have {limit:,}, end of sentence included: four times "
            f"data.cleaning.max_tokens, but at least {LONGEST_VAL:,}. Cut the pair into sentences, "
            f"or leave it out. It begins with: {found.text!r}"
        )


def _lines(corpus: Corpus) -> Iterator[str]:
    # In batches, since one by one takes many times as long.
    for batch in corpus.pairs.select_columns(["src", "tgt"]).iter(batch_size=1000):
        for pair in zip(batch["src"], batch["tgt"], strict=True):
            yield from pair


def new_model(config: Config, data: Pairs) -> Transformer:
    """A Transformer with first weights."""
    tokenizer = data.tokenizer
    return Transformer(config.transformer, vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id)


def batches(data: Pairs, config: Config, *, epoch: int, skip: int) -> Iterator[Batch]:
    """Those of an epoch, in training order, but for the first so many."""
    return epoch_batches(
        data.train,
        data.tokenizer,
        batch_tokens=config.training.batch_tokens,
        max_tokens=config.data.cleaning.max_tokens,
        seed=config.seed,
        epoch=epoch,
        skip=skip,
    )


def loss(model: Transformer, batch: Batch, step: int, config: Config) -> Loss:
    """Label-smoothed cross-entropy; from `consistency_start` on, two passes and how they differ."""
    settings = config.training
    if settings.consistency == 0 or step <= settings.consistency_start:
        logits, targets = _token_logits(model, batch)
        return label_smoothed_cross_entropy(
            logits,
            targets,
            pad_id=model.pad_id,
            smoothing=settings.label_smoothing,
            overwrite=True,
        )
    # Two passes with different dropout as one batch of twice the size.
    src, tgt_in, tgt_out = (ids.repeat(2, 1) for ids in (batch.src, batch.tgt_in, batch.tgt_out))
    twice = Batch(src, tgt_in, tgt_out, batch.n_tokens)
    logits, targets = _token_logits(model, twice)
    divergence = consistency_loss(logits, batch.n_tokens)
    both = label_smoothed_cross_entropy(
        logits,
        targets,
        pad_id=model.pad_id,
        smoothing=settings.label_smoothing,
        overwrite=True,
    )
    return Loss(both.smoothed / 2 + settings.consistency * divergence, both.nll / 2, batch.n_tokens)


def _token_logits(model: Transformer, batch: Batch) -> tuple[Tensor, Tensor]:
    # Logits (rows, vocab_size) and targets (rows,) of what is not padding; where a row belongs to
    # no token, the target is pad_id.
    logits, packed = token_logits(model, batch.src, batch.tgt_in)
    targets = batch.tgt_out[batch.tgt_out != model.pad_id]
    return logits, F.pad(targets, (0, len(logits) - packed.n_tokens), value=model.pad_id)


def validate(
    model: Transformer, data: Pairs, config: Config, *, journal: Journal | None = None
) -> dict[str, float]:
    """Loss over the whole validation set and BLEU of its first sentences, translated greedily.

    Returns:
        `val_loss` (label-smoothed), `val_nll`, `val_ppl`, all per target token, and `val_bleu`
        unless `training.val_bleu_sentences` is 0. They depend on no setting for decoding.

    Raises:
        TrainingError: the loss is not finite.
    """
    model.eval()
    smoothed = nll = 0.0
    n_tokens = 0
    with torch.inference_mode():
        for batch in ordered_batches(
            data.val, data.tokenizer, batch_tokens=config.training.batch_tokens
        ):
            logits, targets = _token_logits(model, batch.to(model.device))
            found = label_smoothed_cross_entropy(
                logits,
                targets,
                pad_id=model.pad_id,
                smoothing=config.training.label_smoothing,
            )
            smoothed, nll = smoothed + float(found.smoothed), nll + float(found.nll)
            n_tokens += found.n_tokens
    require_finite_loss(smoothed)
    scores = {
        "val_loss": smoothed / n_tokens,
        "val_nll": nll / n_tokens,
        "val_ppl": perplexity(nll / n_tokens),
    }
    if config.training.val_bleu_sentences:
        pairs = data.val.pairs[: config.training.val_bleu_sentences]
        greedy, whole = DecodingConfig(beam_size=1), TextConfig(split="never")
        translator = Translator(model, data.tokenizer, greedy, whole)
        translations = [best[0].text for best in translator.translate_batch(pairs["src"])]
        scores["val_bleu"] = bleu(translations, pairs["tgt"])
        if journal:
            journal.write_samples(pairs["src"], translations, pairs["tgt"])
    return scores


def measure_epoch(data: Pairs, config: Config) -> tuple[int, float]:
    """Batches of an epoch, and which share of their positions is padding.

    Of a large corpus, estimated from the first ones, which are a random sample.
    """
    n_batches = n_pairs = positions = padding = 0
    for batch in islice(batches(data, config, epoch=0, skip=0), N_COUNTED):
        counted = batch.count_positions(data.tokenizer.pad_id)
        positions, padding = positions + counted[0], padding + counted[1]
        n_batches, n_pairs = n_batches + 1, n_pairs + len(batch.src)
    if n_batches == N_COUNTED:
        all_pairs = float(pair_weights(data.train).sum())
        n_batches = round(n_batches * all_pairs / n_pairs)
    return n_batches, padding / positions


def describe_text(data: Pairs) -> list[str]:
    """Lines about the text, for the dry run."""
    return [
        f"training pairs  {data.train.summary()}",
        f"                {_lengths(data.train)}",
        f"validation      {_lengths(data.val)}",
    ]


def _lengths(corpus: Corpus) -> str:
    numbers = statistics(corpus)
    return (
        f"{numbers['pairs']:,.0f} pairs; pieces a sentence: "
        f"source {numbers['src_pieces_mean']:.1f} (at most {numbers['src_pieces_max']:.0f}), "
        f"target {numbers['tgt_pieces_mean']:.1f} (at most {numbers['tgt_pieces_max']:.0f}); "
        f"{numbers['tgt_tokens']:,.0f} target tokens"
    )


def describe(batch: Batch, data: Pairs) -> str:
    """A batch that caused trouble."""
    return (
        f"The batch has {len(batch.src)} pairs and {batch.n_tokens} target tokens; "
        f"its first source is: {data.tokenizer.decode(batch.src[0].tolist())!r}"
    )
