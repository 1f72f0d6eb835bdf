"""The shards of a corpus that is streamed: files, or parts of a hub dataset."""

from __future__ import annotations

import glob
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..config import DataConfig, SourceConfig
from .columns import Wanted, pair_columns, text_column
from .corpus import check_languages, find_source
from .formats import READERS, kind, read_dicts
from .plain_text import CorpusError, Pair
from .sources import Key, cache_key, local_path, no_progress_bars, stream_hub
from .texts import Chunk, find_text, require_plain

if TYPE_CHECKING:
    import datasets


log = logging.getLogger(__name__)

Row = TypeVar("Row")


@dataclass(frozen=True)
class Shard(Generic[Row]):
    """A part of the corpus that is read from beginning to end."""

    name: str  # as messages call it
    key: Key  # changes with its content; paths and times, since the content is not read before
    anywhere: Key  # of the same shard on another machine: no paths, no times
    weight: float
    source: int  # which of data.train, from 0
    open: Callable[[], datasets.IterableDataset]
    rows: Callable[[Iterator[dict[str, Any]]], Iterator[Row]]
    """From the rows of the dataset to pairs, or to chunks of text."""
    columns: Callable[[], tuple[str, ...]] = tuple
    """Those of both sides; none if it has no columns."""
    commit: str | None = None
    """Of the hub, if the settings leave it open."""


def find_shards(data: DataConfig) -> list[Shard[Pair]]:
    """All shards of pairs of `data.train`, in the order of the settings; no text is read.

    Raises:
        CorpusError: a source is missing.
    """

    def of(source: SourceConfig, number: int) -> list[Shard[Pair]]:
        if source.hub is not None:
            return _pairs_of_hub(source, number, data)
        return [_pairs_of_file(each, number, data) for each in _matching(source, data)]

    return _find(data, of)


def find_text_shards(data: DataConfig) -> list[Shard[Chunk]]:
    """All shards of running text of `data.train`, in the order of the settings; no text is read.

    Their rows are texts, or parts of them; see `Chunk`.

    Raises:
        CorpusError: a source is missing.
    """

    def of(source: SourceConfig, number: int) -> list[Shard[Chunk]]:
        require_plain(source)
        if source.hub is not None:
            return _texts_of_hub(source, number)
        return [_text_of_file(each, number, data) for each in _matching_files(source)]

    return _find(data, of)


def _find(
    data: DataConfig, of: Callable[[SourceConfig, int], list[Shard[Row]]]
) -> list[Shard[Row]]:
    try:
        with no_progress_bars():
            return [
                shard for number, source in enumerate(data.train) for shard in of(source, number)
            ]
    except CorpusError as error:
        raise CorpusError(f"data.train: {error}") from error.__cause__


def _matching(source: SourceConfig, data: DataConfig) -> list[SourceConfig]:
    # The files that a pattern stands for; of two aligned ones, what both names share.
    sides = [f".{lang}{gz}" for lang in (data.src_lang, data.tgt_lang) for gz in ("", ".gz")]

    def named(pattern: str) -> set[str]:
        names = {name for end in ("", *sides[:2]) for name in glob.glob(pattern + end)}  # noqa: PTH207
        for side in sides:
            names = {name.removesuffix(side) for name in names}
        if kind(Path(pattern)) not in READERS:  # the same pattern may fit other files
            names = {name for name in names if any(Path(name + side).is_file() for side in sides)}
        return names

    return _each(source, named)


def _matching_files(source: SourceConfig) -> list[SourceConfig]:
    return _each(source, lambda pattern: set(glob.glob(pattern)))  # noqa: PTH207


def _each(source: SourceConfig, named: Callable[[str], set[str]]) -> list[SourceConfig]:
    # A source for each name that its pattern stands for.
    if source.path is None or not glob.has_magic(source.path):
        return [source]
    pattern = str(local_path(source.path))
    if Path(pattern).is_file():  # a name such as part[1].tsv
        return [source]
    names = named(pattern)
    if not names:
        raise CorpusError(f"no file fits {source.path}")
    return [source.model_copy(update={"path": name}) for name in sorted(names)]


def _pairs_of_file(source: SourceConfig, number: int, data: DataConfig) -> Shard[Pair]:
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
    return (_stripped(row["src"], row["tgt"]) for row in rows)


def _text_of_file(source: SourceConfig, number: int, data: DataConfig) -> Shard[Chunk]:
    import datasets

    found = find_text(source, data, "train")
    columns = datasets.Features(text=datasets.Value("string"), ends=datasets.Value("bool"))

    def open_it() -> datasets.IterableDataset:
        return datasets.IterableDataset.from_generator(
            _chunk_rows, gen_kwargs={"read": found.read}, features=columns
        )

    key = found.key
    return Shard(found.name, key, _portable(key), 1.0, number, open_it, _as_chunks)


def _chunk_rows(read: Callable[[], Iterator[Chunk]]) -> Iterator[dict[str, Any]]:
    return (chunk._asdict() for chunk in read())


def _as_chunks(rows: Iterator[dict[str, Any]]) -> Iterator[Chunk]:
    return (Chunk(row["text"], row["ends"]) for row in rows)


def _pairs_of_hub(source: SourceConfig, number: int, data: DataConfig) -> list[Shard[Pair]]:
    wanted = pair_columns(source.src, source.tgt, (data.src_lang, data.tgt_lang))

    def pairs(name: str) -> Callable[[Iterator[dict[str, Any]]], Iterator[Pair]]:
        return lambda rows: (_stripped(src, tgt) for src, tgt in read_dicts(name, rows, wanted))

    return _of_hub(source, number, wanted, pairs)


def _texts_of_hub(source: SourceConfig, number: int) -> list[Shard[Chunk]]:
    wanted = text_column(source.src)

    def chunks(name: str) -> Callable[[Iterator[dict[str, Any]]], Iterator[Chunk]]:
        return lambda rows: (Chunk(text, True) for [text] in read_dicts(name, rows, wanted))

    return _of_hub(source, number, wanted, chunks)


def _of_hub(
    source: SourceConfig,
    number: int,
    wanted: Sequence[Wanted],
    rows_of: Callable[[str], Callable[[Iterator[dict[str, Any]]], Iterator[Row]]],
) -> list[Shard[Row]]:
    name, dataset, files, commit = stream_hub(source, "train")
    n = dataset.num_shards
    key = ("hub", source.hub, source.subset, source.revision, source.split, source.folder, wanted)
    anywhere = ("hub", Path(source.hub or "").name, *key[2:], commit)

    def open_it(i: int) -> Callable[[], datasets.IterableDataset]:
        return lambda: dataset.shard(n, i) if n > 1 else dataset

    return [
        Shard(
            part,
            (*key, files, n, i),
            (*anywhere, n, i),
            source.weight,
            number,
            open_it(i),
            rows_of(part),
            commit=None if source.revision else commit,
        )
        for i, part in enumerate(f"{name}, shard {i + 1} of {n}" for i in range(n))
    ]


def _stripped(src: str, tgt: str) -> Pair:
    # Without blanks around them.
    return src.strip(), tgt.strip()


def key_of(shards: Sequence[Shard[Any]]) -> str:
    """Changes when a shard does, or when there are more or fewer of them."""
    return cache_key("shards", [shard.key for shard in shards])


@contextmanager
def reading(shard: Shard[Any], n_read: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """Says which shard cannot be read, and after how many rows.

    Raises:
        CorpusError: it is missing or malformed.
    """
    try:
        yield
    except CorpusError:
        raise
    except Exception as error:  # networks, servers and many file formats: anything may come out
        after = f" after {n:,} rows" if (n := n_read()) else ""
        raise CorpusError(f"cannot read {shard.name}{after}: {error}") from error


def sample(
    shards: Sequence[Shard[Row]], n: int, size: Callable[[Row], int] = lambda row: 1
) -> list[tuple[Shard[Row], list[Row]]]:
    """About n rows, from the beginning of every shard equally many.

    Args:
        shards: of the corpus.
        n: how many.
        size: a row may count as several.

    Raises:
        CorpusError: a shard is malformed, or none holds a row.
    """
    each = -(-n // len(shards))
    found: list[tuple[Shard[Row], list[Row]]] = []
    with no_progress_bars():
        for shard in shards:
            rows: list[Row] = []
            room = each
            with reading(shard):
                for row in shard.rows(iter(shard.open())):
                    rows.append(row)
                    room -= size(row)
                    if room <= 0:
                        break
            found.append((shard, rows))
    if not any(rows for _, rows in found):
        raise CorpusError(f"data.train: no text in {shards[0].name}, nor in any other shard")
    return found


def warn_of_revisions(shards: Sequence[Shard[Any]]) -> None:
    """Logs a warning for each hub dataset that may change while a run goes on."""
    for commit, name in {each.commit: each.name for each in reversed(shards)}.items():
        if commit is not None:
            log.warning(
                "%s: set revision: %s, or the run ends when the dataset changes on the hub, and "
                "cannot be resumed",
                name.partition(", shard ")[0],
                commit,
            )


def warn_of_languages(found: Sequence[tuple[Shard[Pair], list[Pair]]], data: DataConfig) -> None:
    """Logs a warning for each source whose sides are evidently in other languages."""
    import datasets

    first = {shard.source: (shard, pairs) for shard, pairs in reversed(found) if pairs}
    for _, (shard, pairs) in sorted(first.items()):
        sides = {"src": [pair[0] for pair in pairs], "tgt": [pair[1] for pair in pairs]}
        languages = (data.src_lang, data.tgt_lang)
        check_languages(shard, datasets.Dataset.from_dict(sides), languages, "train")
