"""One generator of sentence pairs for each file format; a few rows at a time are in memory."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError

if TYPE_CHECKING:
    import datasets

Pair = tuple[str, str]
Columns = tuple[str, str]
Row = dict[str, object]


class CorpusError(UserError):
    """Text that cannot be used; the message names the file and the line and says what to do."""


def kind(path: Path) -> str:
    """The ending that tells the format, whether or not .gz follows."""
    return Path(path.name.removesuffix(".gz")).suffix


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a UTF-8 file, plain or .gz.

    Read as bytes, since only a line feed may end a line: Python's `splitlines` also breaks at form
    feeds, U+2028 and others, and from there on aligned files would no longer be aligned.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                yield number, line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").decode()
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}:{number}: byte {error.object[error.start]:#04x} at position {error.start + 1} "
            "is not UTF-8; convert the file, for example with `iconv -f ISO-8859-1 -t UTF-8`"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"cannot read {path} after line {number}: {error}") from None


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.GzipFile(path) if path.suffix == ".gz" else path.open("rb")


def read_aligned(src: Path, tgt: Path) -> Iterator[Pair]:
    """Two files of which line by line one is the translation of the other."""
    src_lines, tgt_lines = _lines(src), _lines(tgt)
    for number, (src_line, tgt_line) in enumerate(zip_longest(src_lines, tgt_lines)):
        if src_line is None or tgt_line is None:
            longer = number + 1 + sum(1 for _ in src_lines) + sum(1 for _ in tgt_lines)
            n_src, n_tgt = (number, longer) if src_line is None else (longer, number)
            raise CorpusError(
                f"{src} has {n_src} lines and {tgt} has {n_tgt}; line by line one must be the "
                "translation of the other"
            )
        yield src_line[1], tgt_line[1]


def read_tsv(path: Path, _: Columns) -> Iterator[Pair]:
    """Source, tab, target; there is no quoting and no heading."""
    for number, line in _lines(path):
        cells = line.split("\t")
        if len(cells) != 2:
            raise CorpusError(
                f"{path}:{number}: a line must be source, tab, target (no quoting); "
                f"found {len(cells)} columns"
            )
        yield cells[0], cells[1]


def _read_json_lines(path: Path, columns: Columns) -> Iterator[Pair]:
    return _read_rows(f"{path}:", _json_rows(path), columns)


def _json_rows(path: Path) -> Iterator[tuple[int, Row]]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line.rstrip())
            problem = f"found {_short(row)}"
        except json.JSONDecodeError as error:
            row, problem = None, f"{error.msg} at column {error.colno}"
        if not isinstance(row, dict):
            raise CorpusError(
                f"{path}:{number}: each line must be a JSON object ({problem}); "
                "`jq -c '.[]'` makes such lines of a JSON array"
            )
        yield number, row


def _read_parquet(path: Path, columns: Columns) -> Iterator[Pair]:
    if path.suffix == ".gz":
        # Reading it jumps to and fro, which in a .gz means unpacking from the start each time.
        raise CorpusError(f"{path}: Parquet is compressed by itself; unpack it with `gunzip`")
    return _read_rows(f"{path}, row ", enumerate(_parquet_rows(path, columns), start=1), columns)


def _parquet_rows(path: Path, columns: Columns) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # A buffer, since some files are one row group and a column of it would be read as a whole.
        with pq.ParquetFile(path, buffer_size=2**20) as file:
            wanted = _wanted(file.schema_arrow.names, columns)
            for batch in file.iter_batches(batch_size=1000, columns=wanted):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise CorpusError(f"cannot read {path}: {error}") from None


def read_dataset(name: str, rows: datasets.Dataset, columns: Columns) -> Iterator[Pair]:
    """A dataset of the hub that is already loaded; messages call it `name`."""
    tables = rows.select_columns(_wanted(rows.column_names, columns)).with_format("arrow")
    dicts = (row for table in tables.iter(batch_size=1000) for row in table.to_pylist())
    return _read_rows(f"{name}, row ", enumerate(dicts, start=1), columns)


def _wanted(names: list[str], columns: Columns) -> list[str]:
    """The columns to read; all, if those are missing, so that the message can list them."""
    enough = "translation" in names or set(columns) <= set(names)
    return [name for name in names if not enough or name in (*columns, "translation")]


def _read_rows(place: str, rows: Iterable[tuple[int, Row]], columns: Columns) -> Iterator[Pair]:
    for number, row in rows:
        try:
            yield _cell(row, columns[0]), _cell(row, columns[1])
        except CorpusError as error:
            raise CorpusError(f"{place}{number}: {error}") from None


def _cell(row: Row, column: str) -> str:
    """The text in a column, or in that of a `translation` as the hub's wmt14 has it."""
    translation = row.get("translation")
    inner = translation if isinstance(translation, dict) else {}
    if column not in row and column not in inner:
        raise CorpusError(
            f"no column {column!r}; found {', '.join(map(str, [*row, *inner])) or 'none'}. Set src "
            "and tgt, as in {path: FILE, src: COLUMN, tgt: COLUMN}"
        )
    text = row.get(column, inner.get(column))
    if text is None:
        return ""
    if not isinstance(text, str):
        raise CorpusError(f"column {column!r} must hold text; found {_short(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # JSON can spell "\ud800", half a character
        raise CorpusError(f"column {column!r} is no valid Unicode: {error.reason}") from None
    return text


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


READERS: dict[str, Callable[[Path, Columns], Iterator[Pair]]] = {
    ".tsv": read_tsv,
    ".jsonl": _read_json_lines,
    ".json": _read_json_lines,
    ".parquet": _read_parquet,
}
"""The reader for each ending; told the names of both columns."""
