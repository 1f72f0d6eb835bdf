"""Generators of sentence pairs and of texts for each file format; little at a time is in memory."""

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
        raise _not_utf8(path, number, error.start + 1, error) from None
    except _UNREADABLE as error:
        raise CorpusError(f"cannot read {path} after line {number}: {error}") from None


def read_text(path: Path) -> Iterator[str]:
    """A UTF-8 file, plain or .gz, in pieces of about a million characters; only a BOM is left out.

    Line ends stay as they are, too: what a language model is to write is what it read.
    """
    number, position = 1, 0  # the line that is being read, and how many bytes of it are
    try:
        with _open(path) as file:
            data = file.read(_PIECE).removeprefix(codecs.BOM_UTF8)
            while data:
                more = file.read(_PIECE)
                text, n = codecs.utf_8_decode(data, "strict", not more)
                yield text
                number, position = _advance(number, position, data[:n])
                data = data[n:] + more
    except UnicodeDecodeError as error:
        number, position = _advance(number, position, error.object[: error.start])
        raise _not_utf8(path, number, position + 1, error) from None
    except _UNREADABLE as error:
        raise CorpusError(f"cannot read {path} after line {number - 1}: {error}") from None


# What one read takes from a file, in bytes.
_PIECE = 2**20

_UNREADABLE = (OSError, EOFError, zlib.error)


def _advance(number: int, position: int, data: bytes) -> tuple[int, int]:
    """Line number and position behind the data, given those before it."""
    last = data.rfind(b"\n")
    if last < 0:
        return number, position + len(data)
    return number + data.count(b"\n"), len(data) - last - 1


def _not_utf8(path: Path, number: int, position: int, error: UnicodeDecodeError) -> CorpusError:
    return CorpusError(
        f"{path}:{number}: byte {error.object[error.start]:#04x} at position {position} "
        "is not UTF-8; convert the file, for example with `iconv -f ISO-8859-1 -t UTF-8`"
    )


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


def _tsv_texts(path: Path, column: str) -> Iterator[str]:
    n = int(column)
    for number, line in _lines(path):
        cells = line.rstrip("\r\n").split("\t")
        if len(cells) < n:
            raise CorpusError(
                f"{path}:{number}: the text is in column {n} (setting src); found "
                f"{len(cells)} column{'s' * (len(cells) != 1)}"
            )
        yield cells[n - 1]


def _read_json_lines(path: Path, columns: Columns) -> Iterator[Pair]:
    return _read_rows(f"{path}:", _json_rows(path), columns)


def _json_texts(path: Path, column: str) -> Iterator[str]:
    return (text for [text] in _read_cells(f"{path}:", _json_rows(path), (column,)))


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
    return _read_rows(f"{path}, row ", enumerate(_parquet_rows(path, columns), start=1), columns)


def _parquet_texts(path: Path, column: str) -> Iterator[str]:
    rows = enumerate(_parquet_rows(path, (column,)), start=1)
    return (text for [text] in _read_cells(f"{path}, row ", rows, (column,)))


def _parquet_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".gz":
        # Reading it jumps to and fro, which in a .gz means unpacking from the start each time.
        raise CorpusError(f"{path}: Parquet is compressed by itself; unpack it with `gunzip`")
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
    return _read_rows(f"{name}, row ", _dataset_rows(rows, columns), columns)


def read_dataset_texts(name: str, rows: datasets.Dataset, column: str) -> Iterator[str]:
    """One column of such a dataset."""
    numbered = _dataset_rows(rows, (column,))
    return (text for [text] in _read_cells(f"{name}, row ", numbered, (column,)))


def _dataset_rows(rows: datasets.Dataset, columns: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    tables = rows.select_columns(_wanted(rows.column_names, columns)).with_format("arrow")
    dicts = (row for table in tables.iter(batch_size=1000) for row in table.to_pylist())
    return enumerate(dicts, start=1)


def _wanted(names: list[str], columns: tuple[str, ...]) -> list[str]:
    """The columns to read; all, if those are missing, so that the message can list them."""
    enough = "translation" in names or set(columns) <= set(names)
    return [name for name in names if not enough or name in (*columns, "translation")]


def _read_rows(place: str, rows: Iterable[tuple[int, Row]], columns: Columns) -> Iterator[Pair]:
    return ((src, tgt) for src, tgt in _read_cells(place, rows, columns))


def _read_cells(
    place: str, rows: Iterable[tuple[int, Row]], columns: tuple[str, ...]
) -> Iterator[list[str]]:
    settings = ("src", "tgt")[: len(columns)]
    advice = f"Set {' and '.join(settings)}, as in {{path: FILE, "
    advice += ", ".join(f"{setting}: COLUMN" for setting in settings) + "}"
    for number, row in rows:
        try:
            yield [_cell(row, column, advice) for column in columns]
        except CorpusError as error:
            raise CorpusError(f"{place}{number}: {error}") from None


def _cell(row: Row, column: str, advice: str) -> str:
    """The text in a column, or in that of a `translation` as the hub's wmt14 has it."""
    translation = row.get("translation")
    inner = translation if isinstance(translation, dict) else {}
    if column not in row and column not in inner:
        found = ", ".join(map(str, [*row, *inner])) or "none"
        raise CorpusError(f"no column {column!r}; found {found}. {advice}")
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

TEXT_READERS: dict[str, Callable[[Path, str], Iterator[str]]] = {
    ".tsv": _tsv_texts,
    ".jsonl": _json_texts,
    ".json": _json_texts,
    ".parquet": _parquet_texts,
}
"""Likewise for texts, one a row; told the column: its name, in a .tsv its number from 1."""
