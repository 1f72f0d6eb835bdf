"""The shards of a corpus that is streamed: files, or parts of a hub dataset."""

from __future__ import annotations

import glob
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import DataConfig, SourceConfig
from .columns import Wanted, pair_columns
from .corpus import check_languages, find_source
from .formats import READERS, kind, read_dicts
from .plain_text import CorpusError, Pair
from .sources import Key, cache_key, local_path, no_progress_bars, stream_hub

if TYPE_CHECKING:
    import datasets


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shard:
    """A part of the corpus that is read from beginning to end."""

    name: str  # as messages call it
    key: Key  # changes with its content; paths and times, since the content is not read before
    anywhere: Key  # of the same shard on another machine: no paths, no times
    weight: float
    source: int  # which of data.train, from 0
    open: Callable[[], datasets.IterableDataset]
    pairs: Callable[[Iterator[dict[str, Any]]], Iterator[Pair]]
    """From the rows of the dataset to pairs."""
    columns: Callable[[], tuple[str, ...]] = tuple
    """Those of both sides; none if it has no columns."""
    commit: str | None = None
    """Of the hub, if the settings leave it open."""


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

    key = found.key
    return Shard(
        found.name, key, _portable(key), found.weight, number, open_it, _as_pairs, found.columns
    )


def _portable(key: Key) -> Key:
    # Of each file's stamp, its name and its size.
    return tuple(
        (Path(part[0]).name, part[1])
        if isinstance(part, tuple) and list(map(type, part)) == [str, int, int]
        else part
        for part in key
    )


def _rows(read: Callable[[], Iterator[Pair]]) -> Iterator[dict[str, str]]:
    for src, tgt in read():
        yield {"src": src, "tgt": tgt}


def _as_pairs(rows: Iterator[dict[str, Any]]) -> Iterator[Pair]:
    return ((row["src"], row["tgt"]) for row in rows)


def _of_hub(source: SourceConfig, number: int, data: DataConfig) -> list[Shard]:
    name, rows, files, commit = stream_hub(source, "train")
    wanted = pair_columns(source.src, source.tgt, (data.src_lang, data.tgt_lang))
    n = rows.num_shards
    key = ("hub", source.hub, source.subset, source.revision, source.split, source.folder, wanted)
    anywhere = ("hub", Path(source.hub or "").name, *key[2:], commit)

    def open_it(i: int) -> Callable[[], datasets.IterableDataset]:
        return lambda: rows.shard(n, i) if n > 1 else rows

    def pairs(name: str) -> Callable[[Iterator[dict[str, Any]]], Iterator[Pair]]:
        return lambda found: _chosen(name, found, wanted)

    return [
        Shard(
            part,
            (*key, files, n, i),
            (*anywhere, n, i),
            source.weight,
            number,
            open_it(i),
            pairs(part),
            commit=None if source.revision else commit,
        )
        for i, part in enumerate(f"{name}, shard {i + 1} of {n}" for i in range(n))
    ]


def _chosen(name: str, rows: Iterator[dict[str, Any]], wanted: Sequence[Wanted]) -> Iterator[Pair]:
    return ((src, tgt) for src, tgt in read_dicts(name, rows, wanted))


def key_of(shards: Sequence[Shard]) -> str:
    """Changes when a shard does, or when there are more or fewer of them."""
    return cache_key("shards", [shard.key for shard in shards])


@contextmanager
def reading(shard: Shard, n_read: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """Says which shard cannot be read, and after how many pairs.

    Raises:
        CorpusError: it is missing or malformed.
    """
    try:
        yield
    except CorpusError:
        raise
    except Exception as error:  # networks, servers and many file formats: anything may come out
        after = f" after {n:,} pairs" if (n := n_read()) else ""
        raise CorpusError(f"cannot read {shard.name}{after}: {error}") from error


def sample(shards: Sequence[Shard], n: int) -> list[tuple[Shard, list[Pair]]]:
    """About n pairs, from the beginning of every shard equally many.

    Raises:
        CorpusError: a shard is malformed, or none holds a pair.
    """
    each = -(-n // len(shards))
    found: list[tuple[Shard, list[Pair]]] = []
    with no_progress_bars():
        for shard in shards:
            with reading(shard):
                pairs = islice(shard.pairs(iter(shard.open())), each)
                found.append((shard, [stripped(pair) for pair in pairs]))
    if not any(pairs for _, pairs in found):
        raise CorpusError(f"data.train: no pairs in {shards[0].name}, nor in any other shard")
    return found


def warn_of_revisions(shards: Sequence[Shard]) -> None:
    """Logs a warning for each hub dataset that may change while a run goes on."""
    for commit, name in {each.commit: each.name for each in reversed(shards)}.items():
        if commit is not None:
            log.warning(
                "%s: set revision: %s, or the run ends when the dataset changes on the hub, and "
                "cannot be resumed",
                name.partition(", shard ")[0],
                commit,
            )


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
