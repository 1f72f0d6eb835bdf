"""The task of translation on pairs that are streamed, and never stored."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import datasets

from ..config import Config
from ..data.batching import Batch
from ..data.corpus import Corpus, encode_corpus, fingerprint, load_corpus
from ..data.shards import find_shards, sample, warn_of_languages
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
            cache_key("shards", [shard.key for shard in shards], tokenizer.fingerprint),
        )

    @property
    def texts(self) -> dict[str, str]:
        """The shards by their names, sizes and times, since their content is not read before."""
        return {"train": self.key, "val": fingerprint(self.val)}

    def batches(self, *, epoch: int, skip: int, every: int = 1) -> Iterator[Batch]:
        """The batches of an epoch of a single process, read from the beginning."""
        whole = deal(self.n_shards, 1, seed=self.config.seed, epoch=epoch)
        found = lane_batches(self._stream(epoch), whole, workers=0)
        return islice((batch for batch, _ in found), skip, None, every)

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
            yield batch

    def _lanes(self, state: TrainingState, world: World) -> list[Lane]:
        n = max(1, self.config.data.streaming_workers)
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
