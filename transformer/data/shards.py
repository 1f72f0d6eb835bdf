"""The shards of a corpus that is streamed: files, or parts of a hub dataset."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import DataConfig, SourceConfig
from .columns import Wanted, pair_columns
from .corpus import check_languages, find_source
from .formats import READERS, kind, read_dicts
from .plain_text import CorpusError, Pair
from .sources import Key, explained, local_path, no_progress_bars, stream_hub

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True)
class Shard:
    """A part of the corpus that is read from beginning to end."""

    name: str  # as messages call it
    key: Key  # changes with its content
    weight: float
    source: int  # which of data.train, from 0
    open: Callable[[], datasets.IterableDataset]
    pairs: Callable[[Iterator[dict[str, Any]]], Iterator[Pair]]
    """From the rows of the dataset to pairs."""
    columns: Callable[[], tuple[str, ...]] = tuple
    """Those of both sides; none if it has no columns."""


def find_shards(data: DataConfig) -> list[Shard]:
    """All shards of `data.train`, in the order of the settings; no text is read.

    Raises:
        CorpusError: a source is missing.
    """
    try:
        with no_progress_bars():
            found: list[Shard] = []
            for number, source in enumerate(data.train):
                if source.hub is not None:
                    found += _of_hub(source, number, data)
                else:
                    found += [_of_file(each, number, data) for each in _matching(source, data)]
            return found
    except CorpusError as error:
        raise CorpusError(f"data.train: {error}") from error.__cause__


def _matching(source: SourceConfig, data: DataConfig) -> list[SourceConfig]:
    # The files that a pattern stands for; of two aligned ones, what both names share.
    if source.path is None or not glob.has_magic(source.path):
        return [source]
    pattern = str(local_path(source.path))
    if Path(pattern).is_file():  # a name such as part[1].tsv
        return [source]
    sides = [f".{lang}{gz}" for lang in (data.src_lang, data.tgt_lang) for gz in ("", ".gz")]
    names = {name for end in ("", *sides[:2]) for name in glob.glob(pattern + end)}  # noqa: PTH207
    for side in sides:
        names = {name.removesuffix(side) for name in names}
    if kind(Path(pattern)) not in READERS:  # the same pattern may fit other files
        names = {name for name in names if any(Path(name + side).is_file() for side in sides)}
    if not names:
        raise CorpusError(f"no file fits {source.path}")
    return [source.model_copy(update={"path": name}) for name in sorted(names)]


def _of_file(source: SourceConfig, number: int, data: DataConfig) -> Shard:
    import datasets

    found = find_source(source, data, "train")
    text = datasets.Value("string")

    def open_it() -> datasets.IterableDataset:
        return datasets.IterableDataset.from_generator(
            _rows, gen_kwargs={"read": found.read}, features=datasets.Features(src=text, tgt=text)
        )

    return Shard(found.name, found.key, found.weight, number, open_it, _as_pairs, found.columns)


def _rows(read: Callable[[], Iterator[Pair]]) -> Iterator[dict[str, str]]:
    for src, tgt in read():
        yield {"src": src, "tgt": tgt}


def _as_pairs(rows: Iterator[dict[str, Any]]) -> Iterator[Pair]:
    return ((row["src"], row["tgt"]) for row in rows)


def _of_hub(source: SourceConfig, number: int, data: DataConfig) -> list[Shard]:
    name, rows = stream_hub(source, "train")
    wanted = pair_columns(source.src, source.tgt, (data.src_lang, data.tgt_lang))
    n = rows.num_shards
    key = ("hub", source.hub, source.subset, source.revision, source.split, source.folder, wanted)

    def open_it(i: int) -> Callable[[], datasets.IterableDataset]:
        return lambda: rows.shard(n, i) if n > 1 else rows

    def pairs(name: str) -> Callable[[Iterator[dict[str, Any]]], Iterator[Pair]]:
        return lambda found: _chosen(name, found, wanted)

    return [
        Shard(part, (*key, n, i), source.weight, number, open_it(i), pairs(part))
        for i, part in enumerate(f"{name}, shard {i + 1} of {n}" for i in range(n))
    ]


def _chosen(name: str, rows: Iterator[dict[str, Any]], wanted: Sequence[Wanted]) -> Iterator[Pair]:
    return ((src, tgt) for src, tgt in read_dicts(name, rows, wanted))


def sample(shards: Sequence[Shard], n: int) -> list[tuple[Shard, list[Pair]]]:
    """About n pairs, from the beginning of every shard equally many.

    Raises:
        CorpusError: a shard is malformed, or none holds a pair.
    """
    each = -(-n // len(shards))
    with no_progress_bars(), explained():
        found = [
            (shard, [stripped(pair) for pair in islice(shard.pairs(iter(shard.open())), each)])
            for shard in shards
        ]
    if not any(pairs for _, pairs in found):
        raise CorpusError(f"data.train: no pairs in {shards[0].name}, nor in any other shard")
    return found


def warn_of_languages(found: Sequence[tuple[Shard, list[Pair]]], data: DataConfig) -> None:
    """Logs a warning for each source whose sides are evidently in other languages."""
    import datasets

    first = {shard.source: (shard, pairs) for shard, pairs in reversed(found) if pairs}
    for _, (shard, pairs) in sorted(first.items()):
        sides = {"src": [pair[0] for pair in pairs], "tgt": [pair[1] for pair in pairs]}
        languages = (data.src_lang, data.tgt_lang)
        check_languages(shard, datasets.Dataset.from_dict(sides), languages, "train")


def stripped(pair: Pair) -> Pair:
    """Both sides without blanks around them."""
    return pair[0].strip(), pair[1].strip()
