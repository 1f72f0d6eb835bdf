"""The task of translation on pairs that are streamed, and never stored."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import datasets

from ..config import Config
from ..data.batching import Batch
from ..data.corpus import Corpus, encode_corpus, fingerprint, load_corpus
from ..data.shards import find_shards, key_of, sample, warn_of_languages, warn_of_revisions
from ..data.sources import cache_key
from ..data.streaming import Lane, PairStream, deal, deal_again, lane_batches
from ..runs.checkpoints import TrainingState
from .task import Change
from .translation import TranslationTask, choose_tokenizer, require_short
from .world import World

log = logging.getLogger(__name__)

N_LOOKED_AT = 20_000
"""Pairs from which lengths and padding are told."""


@dataclass(frozen=True)
class StreamedTranslationTask(TranslationTask):
    """Pairs are read while the model learns; `train` holds only the sample that was looked at."""

    n_shards: int = 0
    key: str = ""  # changes with the shards
    anywhere: str = ""  # likewise, but is the same on all machines

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
            len(shards),
            key_of(shards),
            cache_key([shard.anywhere for shard in shards]),
        )

    @property
    def texts(self) -> dict[str, str]:
        """The shards by their names, sizes and times, since their content is not read before."""
        return {
            "train": cache_key(self.key, self.tokenizer.fingerprint),
            "val": fingerprint(self.val),
        }

    @property
    def texts_anywhere(self) -> dict[str, str]:
        """The shards by their names and sizes, or their commit on the hub."""
        return self.texts | {"train": cache_key(self.anywhere, self.tokenizer.fingerprint)}

    def require_readers(self, world: World) -> None:
        """Refuses to share out fewer shards than there are processes to read them.

        Raises:
            CorpusError: there are fewer.
        """
        deal(self.n_shards, self._n_readers * world.size, seed=0, epoch=0)

    def batches(self, *, epoch: int, skip: int, every: int = 1) -> Iterator[Batch]:
        """The batches of an epoch of a single process, read from the beginning."""
        whole = deal(self.n_shards, 1, seed=self.config.seed, epoch=epoch)
        found = lane_batches(self._stream(epoch), whole, workers=0)
        return islice((batch for batch, _ in found if batch is not None), skip, None, every)

    def deal(self, state: TrainingState, world: World) -> Iterator[Batch]:
        """This process's batches of the epoch of `state`, from where it stands.

        With each, `state.stream` becomes where this process stands after it.

        Raises:
            CorpusError: a shard cannot be read, or there are fewer shards than processes.
        """
        workers = self.config.data.streaming_workers
        lanes = self._lanes(state, world)
        state.stream = [lanes]  # of this process alone, from now on
        for batch, now in lane_batches(self._stream(state.epoch), lanes, workers=workers):
            state.stream = [now]
            if batch is not None:
                yield batch

    def end_epoch(self, state: TrainingState, world: World) -> None:
        """Logs how many pairs were read, by all processes, and why some were left out."""
        left_out = Counter[str]()
        for lanes in chain.from_iterable(world.gather(state.stream)):
            for lane in lanes:
                left_out.update(lane.counts)
        n_read = left_out.pop("read", 0)
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        log.info("end of an epoch: %s pairs read; left out: %s", f"{n_read:,}", reasons or "none")

    @property
    def _n_readers(self) -> int:
        return max(1, self.config.data.streaming_workers)

    def _lanes(self, state: TrainingState, world: World) -> list[Lane]:
        n = self._n_readers
        before = [[Lane.of_json(lane) for lane in lanes] for lanes in state.stream]
        if not before:
            lanes = deal(self.n_shards, n * world.size, seed=self.config.seed, epoch=state.epoch)
        elif [len(part) for part in before] == [n] * world.size:
            return before[world.rank]
        else:
            lanes = deal_again(list(chain.from_iterable(before)), n * world.size)
        return lanes[world.rank :: world.size]

    def _stream(self, epoch: int) -> PairStream:
        return PairStream(
            self.config.data,
            self.tokenizer,
            self.config.training.batch_tokens,
            self.config.seed,
            epoch,
            self.key,
        )

    def summary(self) -> str:
        """How many shards there are."""
        return f"{self.n_shards} shards, read while the model learns"

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
