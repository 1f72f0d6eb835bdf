"""The task of translation: sentence pairs, the Transformer, label smoothing, BLEU."""

import logging
from collections.abc import Iterable, Iterator
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
from ..runs.checkpoints import TrainingState
from .journal import Journal
from .loss import Loss, consistency_loss, label_smoothed_cross_entropy
from .packing import token_logits
from .task import Change, Extent
from .validation import add_up
from .world import ALONE, World

log = logging.getLogger(__name__)

LONGEST_VAL = 1024
"""Pieces that a validation sentence may always have."""

N_COUNTED = 5000
"""An epoch of more batches is estimated from this many."""


@dataclass(frozen=True)
class TranslationTask:
    """Sentence pairs, and how a Transformer learns from them; see `Task`."""

    config: Config
    tokenizer: Tokenizer
    train: Corpus
    val: Corpus
    longest_src: int  # pieces of the longest source in training, EOS included
    change: Change | None = None

    @classmethod
    def prepare(
        cls, config: Config, tokenizer_path: Path | None = None, change: Change | None = None
    ) -> "TranslationTask":
        """Reads, cleans and encodes the text.

        Args:
            config: every setting.
            tokenizer_path: the sentencepiece model of a run that is resumed or started from; by
                default one is trained on the training split, unless the settings name another.
            change: what an experiment does to the model.

        Raises:
            CorpusError, TokenizerError: the data cannot be used; nothing has been written.
        """
        log.info("reading the text")
        train_pairs, val_pairs = load_corpus(config.data, "train"), load_corpus(config.data, "val")
        tokenizer = choose_tokenizer(config, tokenizer_path, _lines(train_pairs))
        train = encode_corpus(train_pairs, tokenizer, config.data.cleaning.max_tokens)
        expected = float(pair_weights(train).sum(dtype=np.float64))
        if expected < 1:
            raise CorpusError(
                f"data.train: an epoch must hold at least one pair; the weights of the "
                f"{len(train.pairs):,} pairs add up to {expected:.2g}. Raise weight"
            )
        longest_src = int(lengths(train)[:, 0].max()) + 1
        val = encode_corpus(val_pairs, tokenizer)
        require_short(val, config)
        return cls(config, tokenizer, train, val, longest_src, change)

    @property
    def texts(self) -> dict[str, str]:
        """Fingerprints of the encoded pairs."""
        return {"train": fingerprint(self.train), "val": fingerprint(self.val)}

    @property
    def texts_anywhere(self) -> dict[str, str]:
        """`texts`: they are of the content alone."""
        return self.texts

    @property
    def metadata(self) -> dict[str, str]:
        """What a translator must know besides the weights."""
        about = {"longest_src": str(self.longest_src)}
        return about | self.change.metadata if self.change else about

    @property
    def no_batch(self) -> str:
        """Why an epoch of a stream may hold none."""
        return "cleaning left out every pair; see data.cleaning"

    def require_readers(self, world: World) -> None:
        """Any number can share it."""

    def end_epoch(self, state: TrainingState, world: World) -> None:
        """Nothing, since all was counted when the text was read."""

    def new_model(self) -> Transformer:
        """A Transformer with first weights."""
        return Transformer(
            self.config.transformer,
            vocab_size=self.tokenizer.vocab_size,
            pad_id=self.tokenizer.pad_id,
        )

    def batches(self, *, epoch: int, skip: int, every: int = 1) -> Iterator[Batch]:
        """Every `every`-th batch of an epoch in training order, without the first `skip`."""
        return epoch_batches(
            self.train,
            self.tokenizer,
            batch_tokens=self.config.training.batch_tokens,
            max_tokens=self.config.data.cleaning.max_tokens,
            seed=self.config.seed,
            epoch=epoch,
            skip=skip,
            every=every,
        )

    def deal(self, state: TrainingState, world: World) -> Iterator[Batch]:
        """This process's batches of the epoch of `state`, from where it stands."""
        return self.batches(
            epoch=state.epoch, skip=state.batches_done + world.rank, every=world.size
        )

    def loss(self, model: Transformer, batch: Batch, step: int) -> Loss:
        """Label-smoothed cross-entropy; after `consistency_start`, of two passes."""
        settings = self.config.training
        if settings.consistency == 0 or step <= settings.consistency_start:
            return self._cross_entropy(*self._token_logits(model, batch), overwrite=True)
        # Two passes with different dropout as one batch of twice the size.
        src, tgt_in, tgt_out = (
            ids.repeat(2, 1) for ids in (batch.src, batch.tgt_in, batch.tgt_out)
        )
        twice = Batch(src, tgt_in, tgt_out, batch.n_tokens)
        logits, targets = self._token_logits(model, twice)
        divergence = consistency_loss(logits, batch.n_tokens)
        both = self._cross_entropy(logits, targets, overwrite=True)
        return Loss(
            both.smoothed / 2 + settings.consistency * divergence, both.nll / 2, batch.n_tokens
        )

    def _token_logits(self, model: Transformer, batch: Batch) -> tuple[Tensor, Tensor]:
        # Logits (rows, vocab_size) and targets (rows,) of what is not padding; where a row belongs
        # to no token, the target is pad_id.
        real = batch.tgt_out != model.pad_id
        if self.change and not self.change.packs:
            return model(batch.src, batch.tgt_in)[real], batch.tgt_out[real]
        logits, packed = token_logits(model, batch.src, batch.tgt_in)
        n_others = len(logits) - packed.n_tokens
        return logits, F.pad(batch.tgt_out[real], (0, n_others), value=model.pad_id)

    def _cross_entropy(self, logits: Tensor, targets: Tensor, *, overwrite: bool = False) -> Loss:
        return label_smoothed_cross_entropy(
            logits,
            targets,
            pad_id=self.tokenizer.pad_id,
            smoothing=self.config.training.label_smoothing,
            overwrite=overwrite,
        )

    def validate(
        self, model: Transformer, journal: Journal | None = None, world: World = ALONE
    ) -> dict[str, float]:
        """Loss over the whole validation set and BLEU of its first sentences, translated greedily.

        Returns:
            `val_loss` (label-smoothed), `val_nll`, `val_ppl`, all per target token, and `val_bleu`
            unless `training.val_bleu_sentences` is 0. They depend on no setting for decoding.

        Raises:
            TrainingError: the loss is not finite.
        """
        model.eval()
        batches = ordered_batches(
            self.val, self.tokenizer, batch_tokens=self.config.training.batch_tokens
        )
        with torch.inference_mode():
            losses = (
                self._cross_entropy(*self._token_logits(model, batch.to(model.device)))
                for batch in islice(batches, world.rank, None, world.size)
            )
            scores = add_up(losses, world).scores()
        if self.config.training.val_bleu_sentences:
            pairs = self.val.pairs[: self.config.training.val_bleu_sentences]
            greedy, whole = DecodingConfig(beam_size=1), TextConfig(split="never")
            translator = Translator(model, self.tokenizer, greedy, whole)
            mine = translator.translate_batch(world.share(pairs["src"]))
            translations = world.joined([best[0].text for best in mine])
            scores["val_bleu"] = bleu(translations, pairs["tgt"])
            if journal:
                journal.write_samples(pairs["src"], translations, pairs["tgt"])
        return scores

    def summary(self) -> str:
        """How many pairs were read, and why some were left out."""
        return self.train.summary()

    def describe_text(self) -> list[str]:
        """Lines about the text, for the dry run."""
        return [
            f"training pairs  {self.train.summary()}",
            f"                {_describe_lengths(self.train)}",
            f"validation      {_describe_lengths(self.val)}",
        ]

    def describe(self, batch: Batch) -> str:
        """A line about a batch that caused trouble."""
        return (
            f"The batch has {len(batch.src)} pairs and {batch.n_tokens} target tokens; "
            f"its first source is: {self.tokenizer.decode(batch.src[0].tolist())!r}"
        )

    def measure_epoch(self) -> tuple[int, float]:
        """How many batches an epoch has, and the share of padding among their positions.

        For a large corpus both are estimated from the first batches, which are a random sample.
        """
        n_batches = n_pairs = positions = padding = 0
        for batch in islice(self.batches(epoch=0, skip=0), N_COUNTED):
            counted = batch.count_positions(self.tokenizer.pad_id)
            positions, padding = positions + counted[0], padding + counted[1]
            n_batches, n_pairs = n_batches + 1, n_pairs + len(batch.src)
        if n_batches == N_COUNTED:
            all_pairs = float(pair_weights(self.train).sum())
            n_batches = round(n_batches * all_pairs / n_pairs)
        return n_batches, padding / positions

    def extent(self, batch: Batch) -> Extent:
        """How much there is to compute in a batch."""
        n_src = int((batch.src != self.tokenizer.pad_id).sum())
        (rows, src_len), tgt_len = batch.src.shape, batch.tgt_in.shape[1]
        return Extent(n_src, batch.n_tokens, rows, src_len, tgt_len)


def choose_tokenizer(config: Config, given: Path | None, lines: Iterable[str]) -> Tokenizer:
    """The one that is given, or that the settings name, or a new one, trained on lines."""
    settings = config.tokenizer
    path = given or settings.path
    if path is None:
        log.info("training a vocabulary of %s pieces", f"{settings.vocab_size:,}")
        return train_tokenizer(lines, settings, seed=config.seed)
    tokenizer = Tokenizer.load(path, sampling_alpha=settings.sampling_alpha)
    asked = "vocab_size" in settings.model_fields_set
    if asked and tokenizer.vocab_size != settings.vocab_size:
        log.warning(
            "%s has %s pieces; tokenizer.vocab_size (%s), meant for a new one, does not count",
            path,
            f"{tokenizer.vocab_size:,}",
            f"{settings.vocab_size:,}",
        )
    return tokenizer


def _lines(corpus: Corpus) -> Iterator[str]:
    # In batches, since one by one takes many times as long.
    for batch in corpus.pairs.select_columns(["src", "tgt"]).iter(batch_size=1000):
        for pair in zip(batch["src"], batch["tgt"], strict=True):
            yield from pair


def require_short(val: Corpus, config: Config) -> None:
    """Raises CorpusError if a pair of the validation set would take too much memory."""
    # Nothing leaves out long validation pairs, and the memory of attention grows as the square of
    # their length: 10 GB at 16,000 pieces. Four times the longest training sentence is a length
    # that no model translates well anyway.
    limit = max(4 * config.data.cleaning.max_tokens, LONGEST_VAL)
    found = longest_pair(val)
    if max(found.n_src, found.n_tgt) + 1 > limit:
        raise CorpusError(
            f"data.val: {found.name} has {max(found.n_src, found.n_tgt):,} pieces, and a "
            f"validation sentence may have {limit:,}, end of sentence included: four times "
            f"data.cleaning.max_tokens, but at least {LONGEST_VAL:,}. Cut the pair into sentences, "
            f"or leave it out. It begins with: {found.text!r}"
        )


def _describe_lengths(corpus: Corpus) -> str:
    numbers = statistics(corpus)
    return (
        f"{numbers['pairs']:,.0f} pairs; pieces per sentence: "
        f"source {numbers['src_pieces_mean']:.1f} (at most {numbers['src_pieces_max']:.0f}), "
        f"target {numbers['tgt_pieces_mean']:.1f} (at most {numbers['tgt_pieces_max']:.0f}); "
        f"{numbers['tgt_tokens']:,.0f} target tokens"
    )
