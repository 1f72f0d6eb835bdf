"""The tasks on text that is streamed, and never stored."""

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import datasets

from ..config import Config
from ..data.batching import Batch
from ..data.corpus import Corpus, encode_corpus, fingerprint, load_corpus
from ..data.lanes import Lane, ShardStream, deal, deal_again, lane_batches
from ..data.shards import (
    Shard,
    find_shards,
    find_text_shards,
    key_of,
    sample,
    warn_of_languages,
    warn_of_revisions,
)
from ..data.sources import cache_key
from ..data.stream import Blocks, TokenStream, encode_chunks, encode_stream, require_a_block
from ..data.streaming import LEFT, PairStream, TextStream, size_of_text
from ..data.text_tokenizers import TextTokenizer, load_tokenizer, train_text_tokenizer
from ..data.texts import find_val
from ..runs.checkpoints import TrainingState
from .language_modeling import LanguageModelingTask
from .task import Change
from .translation import TranslationTask, choose_tokenizer, require_short
from .world import World

log = logging.getLogger(__name__)

B = TypeVar("B")

N_LOOKED_AT = 20_000
"""Pairs, or thousands of characters, from which lengths and padding are told."""


@dataclass(frozen=True)
class Readers:
    """The shards of a run, and the lanes on which its processes read them."""

    config: Config
    n_shards: int
    key: str  # changes with the shards
    anywhere: str  # likewise, but is the same on all machines

    @classmethod
    def of(cls, shards: Sequence[Shard[Any]], config: Config) -> "Readers":
        """Those of a run with these settings."""
        anywhere = cache_key([shard.anywhere for shard in shards])
        return cls(config, len(shards), key_of(shards), anywhere)

    def fingerprint(self, tokenizer: TextTokenizer) -> str:
        """Of the shards' names, sizes and times, and of the tokenizer."""
        return cache_key(self.key, tokenizer.fingerprint)

    def fingerprint_anywhere(self, tokenizer: TextTokenizer) -> str:
        """The same without what may differ between machines."""
        return cache_key(self.anywhere, tokenizer.fingerprint)

    def require_enough(self, world: World) -> None:
        """Refuses to share out fewer shards than there are processes to read them.

        Raises:
            CorpusError: there are fewer.
        """
        deal(self.n_shards, self._n_lanes * world.size, seed=0, epoch=0)

    def whole(self, stream: ShardStream[Any, B]) -> Iterator[B]:
        """All batches of an epoch, read by this process alone."""
        lanes = deal(self.n_shards, 1, seed=self.config.seed, epoch=stream.epoch)
        found = lane_batches(stream, lanes, workers=0)
        return (batch for batch, _ in found if batch is not None)

    def deal(self, stream: ShardStream[Any, B], state: TrainingState, world: World) -> Iterator[B]:
        """This process's batches of the epoch of `state`, from where it stands.

        With each, `state.stream` becomes where this process stands after it.

        Raises:
            CorpusError: a shard cannot be read, or there are fewer shards than processes.
        """
        workers = self.config.data.streaming_workers
        lanes = self._lanes(state, world)
        state.stream = [lanes]  # of this process alone, from now on
        for batch, now in lane_batches(stream, lanes, workers=workers):
            state.stream = [now]
            if batch is not None:
                yield batch

    def counts(self, state: TrainingState, world: World) -> Counter[str]:
        """What all processes have counted in this epoch: `read` rows, and more by name."""
        counts = Counter[str]()
        for lanes in chain.from_iterable(world.gather(state.stream)):
            for lane in lanes:
                counts.update(lane.counts)
        return counts

    def summary(self) -> str:
        """How many shards there are."""
        return f"{self.n_shards} shards, read while the model learns"

    @property
    def _n_lanes(self) -> int:
        return max(1, self.config.data.streaming_workers)

    def _lanes(self, state: TrainingState, world: World) -> list[Lane]:
        n = self._n_lanes
        before = [[Lane.of_json(lane) for lane in lanes] for lanes in state.stream]
        if not before:
            lanes = deal(self.n_shards, n * world.size, seed=self.config.seed, epoch=state.epoch)
        elif [len(part) for part in before] == [n] * world.size:
            return before[world.rank]
        else:
            lanes = deal_again(list(chain.from_iterable(before)), n * world.size)
        return lanes[world.rank :: world.size]


class _Streamed(ABC, Generic[B]):
    """What both tasks do with `readers`."""

    readers: Readers

    @abstractmethod
    def _stream(self, epoch: int) -> ShardStream[Any, B]:
        """What makes the batches of an epoch."""

    def require_readers(self, world: World) -> None:
        """Refuses to share out fewer shards than there are processes to read them.

        Raises:
            CorpusError: there are fewer.
        """
        self.readers.require_enough(world)

    def batches(self, *, epoch: int, skip: int, every: int = 1) -> Iterator[B]:
        """The batches of an epoch of a single process, read from the beginning."""
        return islice(self.readers.whole(self._stream(epoch)), skip, None, every)

    def deal(self, state: TrainingState, world: World) -> Iterator[B]:
        """This process's batches of the epoch of `state`; see `Readers.deal`."""
        return self.readers.deal(self._stream(state.epoch), state, world)


@dataclass(frozen=True, kw_only=True)
class StreamedTranslationTask(_Streamed[Batch], TranslationTask):
    """Pairs are read while the model learns; `train` holds only the sample that was looked at."""

    readers: Readers

    @classmethod
    def prepare(
        cls, config: Config, tokenizer_path: Path | None = None, change: Change | None = None
    ) -> "StreamedTranslationTask":
        """Finds the shards, and trains the tokenizer on the beginning of each.

        Raises:
            CorpusError, TokenizerError: the data cannot be used; nothing has been written.
        """
        shards = find_shards(config.data)
        log.info("looking at the beginning of %d shards", len(shards))
        known = tokenizer_path or config.tokenizer.path
        n_wanted = N_LOOKED_AT if known else config.tokenizer.max_training_sentences // 2
        found = sample(shards, max(n_wanted, N_LOOKED_AT))
        warn_of_languages(found, config.data)
        warn_of_revisions(shards)
        lines = chain.from_iterable(pair for _, pairs in found for pair in pairs)
        tokenizer = choose_tokenizer(config, tokenizer_path, lines)
        each = -(-N_LOOKED_AT // len(shards))
        some = [pair for _, pairs in found for pair in pairs[:each]]
        rows = {
            "src": [pair[0] for pair in some],
            "tgt": [pair[1] for pair in some],
            "weight": [1.0] * len(some),
        }
        looked_at = Corpus(datasets.Dataset.from_dict(rows), len(some), {})
        max_tokens = config.data.cleaning.max_tokens
        val = encode_corpus(load_corpus(config.data, "val"), tokenizer)
        require_short(val, config)
        return cls(
            config,
            tokenizer,
            encode_corpus(looked_at, tokenizer, max_tokens),
            val,
            max_tokens,
            change,
            readers=Readers.of(shards, config),
        )

    @property
    def texts(self) -> dict[str, str]:
        """The shards by their names, sizes and times, since their content is not read before."""
        return {"train": self.readers.fingerprint(self.tokenizer), "val": fingerprint(self.val)}

    @property
    def texts_anywhere(self) -> dict[str, str]:
        """The shards by their names and sizes, or their commit on the hub."""
        return self.texts | {"train": self.readers.fingerprint_anywhere(self.tokenizer)}

    def end_epoch(self, state: TrainingState, world: World) -> None:
        """Logs how many pairs were read, by all processes, and why some were left out."""
        left_out = self.readers.counts(state, world)
        n_read = left_out.pop("read", 0)
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        log.info("end of an epoch: %s pairs read; left out: %s", f"{n_read:,}", reasons or "none")

    def _stream(self, epoch: int) -> PairStream:
        return PairStream(
            data=self.config.data,
            tokenizer=self.tokenizer,
            batch_tokens=self.config.training.batch_tokens,
            seed=self.config.seed,
            epoch=epoch,
            key=self.readers.key,
        )

    def summary(self) -> str:
        """How many shards there are."""
        return self.readers.summary()

    def describe_text(self) -> list[str]:
        """Lines about the text, for the dry run."""
        _, *others = super().describe_text()
        return [f"training pairs  {self.summary()}; of those that were looked at", *others]

    def measure_epoch(self) -> tuple[int, float]:
        """No number of batches, since nobody has counted; the padding of the first ones."""
        positions = padding = 0
        for batch in islice(self.batches(epoch=0, skip=0), 100):
            counted = batch.count_positions(self.tokenizer.pad_id)
            positions, padding = positions + counted[0], padding + counted[1]
        return 0, padding / max(1, positions)


@dataclass(frozen=True, kw_only=True)
class StreamedLanguageModelingTask(_Streamed[Blocks], LanguageModelingTask):
    """Text is read while the model learns; `train` holds only the sample that was looked at."""

    readers: Readers

    @classmethod
    def prepare(
        cls, config: Config, tokenizer_path: Path | None = None, change: Change | None = None
    ) -> "StreamedLanguageModelingTask":
        """Finds the shards, and trains the tokenizer on the beginning of each.

        Raises:
            CorpusError, TokenizerError: the data cannot be used; nothing has been written.
        """
        shards = find_text_shards(config.data)
        log.info("looking at the beginning of %d shards", len(shards))
        known = tokenizer_path or config.tokenizer.path
        # A thousand characters have ten lines or so.
        n_wanted = 0 if known else config.tokenizer.max_training_sentences // 10
        found = sample(shards, max(n_wanted, N_LOOKED_AT), size_of_text)
        warn_of_revisions(shards)
        chunks = [chunk for _, some in found for chunk in some]
        if known:
            tokenizer = load_tokenizer(known)
        else:
            texts = (chunk.text for chunk in chunks)
            tokenizer = train_text_tokenizer(texts, config.tokenizer, seed=config.seed)
        looked_at = TokenStream(
            encode_chunks(chunks, tokenizer), sum(len(chunk.text) for chunk in chunks), ""
        )
        val = encode_stream(find_val(config.data), tokenizer)
        for name, stream in (("train", looked_at), ("val", val)):
            require_a_block(stream, name, config)
        return cls(config, tokenizer, looked_at, val, change, readers=Readers.of(shards, config))

    @property
    def texts(self) -> dict[str, str]:
        """The shards by their names, sizes and times, since their content is not read before."""
        return {"train": self.readers.fingerprint(self.tokenizer), "val": self.val.fingerprint}

    @property
    def texts_anywhere(self) -> dict[str, str]:
        """The shards by their names and sizes, or their commit on the hub."""
        return self.texts | {"train": self.readers.fingerprint_anywhere(self.tokenizer)}

    def end_epoch(self, state: TrainingState, world: World) -> None:
        """Logs how many tokens were read, by all processes, and how many filled no block."""
        counts = self.readers.counts(state, world)
        log.info(
            "end of an epoch: %s tokens read; left out: %s %s",
            f"{counts['tokens']:,}",
            f"{counts[LEFT]:,}",
            LEFT,
        )

    def _stream(self, epoch: int) -> TextStream:
        return TextStream(
            data=self.config.data,
            tokenizer=self.tokenizer,
            context=self.config.gpt.context,
            batch_blocks=self.batch_blocks,
            seed=self.config.seed,
            epoch=epoch,
            key=self.readers.key,
        )

    def summary(self) -> str:
        """How many shards there are, and what there is to validate."""
        return (
            f"{self.readers.summary()}; {self.val.n_characters:,} characters in "
            f"{len(self.val):,} tokens to validate"
        )

    def describe_text(self) -> list[str]:
        """Lines about the text, for the dry run."""
        looked_at, val = super().describe_text()
        return [
            f"training text   {self.readers.summary()}; of those that were looked at",
            looked_at.replace("training text", " " * 13),
            val,
        ]

    def measure_epoch(self) -> tuple[int, float]:
        """No number of batches, since nobody has counted; and no padding."""
        return 0, 0.0
