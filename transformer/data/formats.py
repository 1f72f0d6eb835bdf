"""Sentence pairs and texts from files of each format; little at a time is in memory.

The tables (.tsv, .csv), JSON lines, Parquet files and datasets of the hub have columns. Which of
them are wanted is asked in one way for all: see `Wanted`.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import reprlib
import shlex
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import UserError
from .encodings import encoding_advice, narrow_encoding, wide_encoding

if TYPE_CHECKING:
    import datasets
    import pyarrow

Pair = tuple[str, str]
Row = dict[str, object]


class CorpusError(UserError):
    """Text that cannot be used; the message names the file and the line and says what to do."""


class Wanted(NamedTuple):
    """Which column holds one side of the pairs, or the texts."""

    setting: str
    """What chooses it: src or tgt."""
    given: str | None
    """What it is set to: the column's name, or its number from 1."""
    names: tuple[tuple[str, ...], ...]
    """Unless it is set: what it may be called, small letters or not. Each tuple is a way to name
    columns, and all wanted columns are named in the same way."""
    place: int
    """In a table that names no columns: where it is, from 0."""


class Rows(NamedTuple):
    """What a source with columns holds."""

    columns: tuple[str, ...]
    """Those that were chosen: their names, or numbers if they have none. None of an empty file."""
    cells: Iterator[list[str]]
    """Their texts, row by row."""


def pair_columns(src: str | None, tgt: str | None, languages: Pair) -> tuple[Wanted, Wanted]:
    """The columns of both sides, given the settings `src` and `tgt` and the languages."""
    by_side = (("source", "src"), ("target", "tgt"))
    first, second = (
        Wanted(setting, given, ((language.casefold(), *_LANGUAGES.get(language, ())), side), place)
        for place, (setting, given, language, side) in enumerate(
            zip(("src", "tgt"), (src, tgt), languages, by_side, strict=True)
        )
    )
    return first, second


_LANGUAGES = {"de": ("german", "deutsch"), "en": ("english", "englisch")}


def text_column(src: str | None) -> tuple[Wanted]:
    """The column of the texts, given the setting `src`."""
    return (Wanted("src", src, (("text",),), 0),)


def kind(path: Path) -> str:
    """The ending that tells the format, whether or not .gz follows."""
    return Path(path.name.removesuffix(".gz")).suffix


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a UTF-8 file, plain or .gz.

    Read as bytes, since only a line feed may end a line: Python's `splitlines` also breaks at form
    feeds, U+2028 and others, and from there on aligned files would no longer be aligned.
    """
    number, start = 0, b""
    try:
        with _open(path) as file:
            start = _start(path, file)
            while line := file.readline(_LONGEST_LINE + 1):
                number += 1
                if len(line) > _LONGEST_LINE:
                    raise CorpusError(
                        f"{path}:{number}: the line is longer than {_LONGEST_LINE:,} bytes; each "
                        "line must be a text or a pair of its own, and lines end with line feeds"
                    )
                yield number, line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").decode()
    except UnicodeDecodeError as error:
        place = error.start + 1
        raise _not_utf8(path, number, place, start + error.object, len(start) + place - 1) from None
    except _UNREADABLE as error:
        raise _unreadable(path, number, error) from None


# In bytes. A line is read as a whole; one that is longer is not text with a pair on each line.
_LONGEST_LINE = 2**26


def read_text(path: Path) -> Iterator[str]:
    """A UTF-8 file, plain or .gz, in pieces of about a million characters; only a BOM is left out.

    Line ends stay as they are, too: what a language model is to write is what it read.
    """
    number, position = 1, 0  # the line that is being read, and how many bytes of it are
    try:
        with _open(path) as file:
            _start(path, file)
            data = file.read(_PIECE).removeprefix(codecs.BOM_UTF8)
            while data:
                more = file.read(_PIECE)
                text, n = codecs.utf_8_decode(data, "strict", not more)
                yield text
                number, position = _advance(number, position, data[:n])
                data = data[n:] + more
    except UnicodeDecodeError as error:
        number, position = _advance(number, position, error.object[: error.start])
        raise _not_utf8(path, number, position + 1, error.object, error.start) from None
    except _UNREADABLE as error:
        raise _unreadable(path, number - 1, error) from None


# What one read takes from a file, in bytes.
_PIECE = 2**20

_UNREADABLE = (OSError, EOFError, zlib.error)


def _advance(number: int, position: int, data: bytes) -> tuple[int, int]:
    """Line number and position behind the data, given those before it."""
    last = data.rfind(b"\n")
    if last < 0:
        return number, position + len(data)
    return number + data.count(b"\n"), len(data) - last - 1


def _open(path: Path) -> io.BufferedReader | gzip.GzipFile:
    return gzip.GzipFile(path) if path.suffix == ".gz" else path.open("rb")


def _start(path: Path, file: io.BufferedReader | gzip.GzipFile) -> bytes:
    """The first bytes, which stay to be read; refuses UTF-16, which may be valid UTF-8."""
    start = file.peek(_PIECE)
    if encoding := wide_encoding(start):
        raise CorpusError(
            f"{path} is {encoding}, and text must be UTF-8; {encoding_advice(encoding, path)}"
        )
    return start


def _not_utf8(path: Path, number: int, position: int, text: bytes, bad: int) -> CorpusError:
    """The message on a byte at a position of a line; `text[bad]` is that byte, among others."""
    encoding = narrow_encoding(text, bad)
    looks = f"the text looks like {encoding}, so " if encoding else ""
    return CorpusError(
        f"{path}:{number}: byte {text[bad]:#04x} at position {position} is not UTF-8; "
        f"{looks}{encoding_advice(encoding, path)}"
    )


def _unreadable(path: Path, number: int, error: Exception) -> CorpusError:
    reason = getattr(error, "strerror", None) or error
    advice = ""
    if isinstance(error, FileNotFoundError):
        advice = "; it was there before: put it back and start again"
    elif isinstance(error, PermissionError):
        advice = f"; allow it, for example with `chmod u+r {shlex.quote(str(path))}`"
    elif isinstance(error, gzip.BadGzipFile | EOFError | zlib.error):
        advice = "; the file is damaged, not whole or not packed by gzip: get it again"
    return CorpusError(f"cannot read {path} after line {number}: {reason}{advice}")


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


# ------------------------------------------------------------------------------------------------
# Tables: the columns have places, and names if the first line is a header
# ------------------------------------------------------------------------------------------------


def _read_tsv(path: Path, wanted: Sequence[Wanted]) -> Rows:
    """Columns between tabs; there is no quoting."""
    rows = ((number, line.rstrip("\r\n").split("\t")) for number, line in _lines(path))
    return _read_table(path, rows, wanted, "source, tab, target (no quoting)")


def _read_csv(path: Path, wanted: Sequence[Wanted]) -> Rows:
    """Columns between commas, or what the first line has instead; quoted as spreadsheets do."""
    return _read_table(path, _csv_rows(path), wanted, "source, comma, target")


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    numbered = _lines(path)
    first = next(numbered, (0, ""))[1]
    lines = chain([first], (line for _, line in numbered))
    # Where numbers have decimal commas, spreadsheets put semicolons between columns.
    separator = next((sign for sign in ",;\t" if sign in first), ",")
    table = csv.reader(lines, delimiter=separator, strict=True)
    try:
        yield from ((table.line_num, row) for row in table if row)
    except csv.Error as error:
        raise CorpusError(
            f"{path}:{table.line_num}: {error}; a text with commas, quotation marks or line feeds "
            "must be quoted, and quotation marks in it be doubled"
        ) from None


def _read_table(
    path: Path, rows: Iterator[tuple[int, list[str]]], wanted: Sequence[Wanted], pair: str
) -> Rows:
    first = next(rows, None)
    if first is None:
        return Rows((), iter(()))
    number, heads = first[0], [head.strip() for head in first[1]]
    plain = len(wanted) == 2 and not any(column.given for column in wanted)
    try:
        places, named = _places(heads, wanted)
    except CorpusError as error:
        raise CorpusError(f"{path}:{number}: {error}. {_advice(wanted)}") from None

    def cells() -> Iterator[list[str]]:
        for number, row in rows if named else chain([first], rows):
            if len(wanted) == 1 and len(row) <= places[0]:
                raise CorpusError(
                    f"{path}:{number}: the text is in column {places[0] + 1} (setting src); found "
                    f"{_n_columns(row)}"
                )
            if plain and not named and len(row) != 2:
                raise CorpusError(
                    f"{path}:{number}: a line must be {pair}; found {_n_columns(row)}. Of more "
                    "than two, choose with src and tgt, as in {path: FILE, src: 1, tgt: 3}"
                )
            if len(wanted) == 2 and len(row) != len(heads):
                raise CorpusError(
                    f"{path}:{number}: every line must have the {_n_columns(heads)} of the first "
                    f"one; found {_n_columns(row)}"
                )
            yield [row[place] for place in places]

    return Rows(tuple(heads[p] if named else str(p + 1) for p in places), cells())


def _places(heads: list[str], wanted: Sequence[Wanted]) -> tuple[list[int], bool]:
    """Where the wanted columns are, from 0, and whether the first line is a header.

    It is if it has the names that are given, or all the names that are known by default.
    """
    known = {name for column in wanted for names in column.names for name in names}
    by_name = any(column.given and _number(column.given) is None for column in wanted)
    places = [
        None if name is None else _place(name, column, heads)
        for name, column in zip(_names(wanted, heads), wanted, strict=True)
    ]
    named = by_name or all(p is not None and heads[p].casefold() in known for p in places)
    found = [
        column.place if place is None and not named else place
        for place, column in zip(places, wanted, strict=True)
    ]
    for place, column in zip(found, wanted, strict=True):
        if place is None:
            raise CorpusError(
                f"{_no_column(column.given or column.names[0][0], heads)} in the first line, which "
                "must then be a header"
            )
    chosen = [place for place in found if place is not None]
    if len(set(chosen)) < len(chosen):
        raise CorpusError(f"src and tgt must be two columns; both are column {chosen[0] + 1}")
    return chosen, named


def _place(name: str, column: Wanted, heads: list[str]) -> int | None:
    number = _number(name) if column.given else None
    if number is None:
        return heads.index(name) if name in heads else None
    if not 1 <= number <= len(heads):
        raise CorpusError(
            f"columns are numbered from 1; {column.setting} is {column.given}, and the line has "
            f"{_n_columns(heads)}"
        )
    return number - 1


def _number(column: str) -> int | None:
    return int(column) if column.isdecimal() and len(column) < 10 else None


def _names(wanted: Sequence[Wanted], names: Sequence[str]) -> list[str | None]:
    """What the wanted columns are called: as given, or else the names among these that fit."""
    there = {name.casefold(): name for name in reversed(names)}
    for way in zip(*(column.names for column in wanted), strict=True):
        found = [
            column.given or next((there[name] for name in some if name in there), None)
            for column, some in zip(wanted, way, strict=True)
        ]
        if None not in found:
            return found
    return [column.given for column in wanted]


def _n_columns(row: Sequence[str]) -> str:
    return f"{len(row)} column{'s' * (len(row) != 1)}"


# ------------------------------------------------------------------------------------------------
# Rows of which every column has a name
# ------------------------------------------------------------------------------------------------


def _read_json_lines(path: Path, wanted: Sequence[Wanted]) -> Rows:
    rows = _json_rows(path)
    first = next(rows, None)
    if first is None:
        return Rows((), iter(()))
    row = first[1]
    return _read_rows(f"{path}:", [*row, *_translation(row)], chain([first], rows), wanted)


def _json_rows(path: Path) -> Iterator[tuple[int, Row]]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        row = None
        try:
            row = json.loads(line.rstrip())
            problem = f"found {_short(row)}"
        except json.JSONDecodeError as error:
            problem = f"{error.msg} at column {error.colno}"
        except RecursionError:
            problem = "it is nested too deeply"
        except ValueError:  # Python reads no numbers of more than some thousands of digits
            problem = "it holds a number of too many digits"
        if not isinstance(row, dict):
            raise CorpusError(
                f"{path}:{number}: each line must be a JSON object ({problem}); "
                "`jq -c '.[]'` makes such lines of a JSON array"
            )
        yield number, row


def _read_parquet(path: Path, wanted: Sequence[Wanted]) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".gz":
        # Reading it jumps to and fro, which in a .gz means unpacking from the start each time.
        raise CorpusError(
            f"{path}: Parquet is compressed by itself; unpack it with "
            f"`gunzip {shlex.quote(str(path))}`"
        )

    def rows(names: list[str] | None) -> Iterator[Row]:
        # A buffer, since some files are one row group and a column of it would be read as a whole.
        with pq.ParquetFile(path, buffer_size=2**20) as file:
            for batch in file.iter_batches(batch_size=1000, columns=names):
                yield from batch.to_pylist()

    def explained(rows: Iterator[Row]) -> Iterator[tuple[int, Row]]:
        try:
            yield from enumerate(rows, start=1)
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise CorpusError(f"cannot read {path}: {error}") from None

    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise CorpusError(f"cannot read {path}: {error}") from None
    names = _column_names(schema)
    needed = _needed(schema.names, names, wanted)
    return _read_rows(f"{path}, row ", names, explained(rows(needed)), wanted)


def read_dataset(name: str, rows: datasets.Dataset, wanted: Sequence[Wanted]) -> Rows:
    """A dataset of the hub that is already loaded; messages call it `name`."""
    names = _column_names(rows.features.arrow_schema)
    columns = rows.select_columns(_needed(rows.column_names, names, wanted)).with_format("arrow")
    dicts = (row for table in columns.iter(batch_size=1000) for row in table.to_pylist())
    return _read_rows(f"{name}, row ", names, enumerate(dicts, start=1), wanted)


def _column_names(schema: pyarrow.Schema) -> list[str]:
    """Those of the columns, then those within a `translation` as the hub's wmt14 has it."""
    import pyarrow as pa

    names = list(schema.names)
    inner = schema.field("translation").type if names.count("translation") == 1 else None
    if inner is not None and pa.types.is_struct(inner):
        return names + [inner.field(i).name for i in range(inner.num_fields)]
    return names


def _needed(columns: list[str], names: list[str], wanted: Sequence[Wanted]) -> list[str]:
    """The columns to read; all, if the wanted ones are missing, so that the message lists them."""
    chosen = set(_choose(wanted, names))
    enough = chosen <= set(names)
    return [name for name in columns if not enough or name in chosen | {"translation"}]


def _choose(wanted: Sequence[Wanted], names: Sequence[str]) -> tuple[str, ...]:
    """The names of the wanted columns, whether they are there or not."""
    chosen = []
    for column, name in zip(wanted, _names(wanted, names), strict=True):
        number = _number(name) if name and name not in names else None
        if number is not None and 1 <= number <= len(names):
            name = names[number - 1]
        chosen.append(name or column.names[0][0])
    return tuple(chosen)


def _read_rows(
    place: str, names: list[str], rows: Iterable[tuple[int, Row]], wanted: Sequence[Wanted]
) -> Rows:
    columns = _choose(wanted, names)

    def cells() -> Iterator[list[str]]:
        for number, row in rows:
            try:
                yield [_cell(row, column, wanted) for column in columns]
            except CorpusError as error:
                raise CorpusError(f"{place}{number}: {error}") from None

    return Rows(columns, cells())


def _cell(row: Row, column: str, wanted: Sequence[Wanted]) -> str:
    """The text in a column, or in that of a `translation` as the hub's wmt14 has it."""
    inner = _translation(row)
    if column not in row and column not in inner:
        raise CorpusError(f"{_no_column(column, [*row, *inner])}. {_advice(wanted)}")
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


def _translation(row: Row) -> Row:
    found = row.get("translation")
    return found if isinstance(found, dict) else {}


def _no_column(name: str, names: Iterable[str]) -> CorpusError:
    found = ", ".join(f"{name[:40]}..." if len(name) > 40 else name for name in map(str, names))
    return CorpusError(f"no column {name!r}; found {found or 'none'}")


def _advice(wanted: Sequence[Wanted]) -> str:
    settings = [column.setting for column in wanted]
    columns = ", ".join(f"{setting}: COLUMN" for setting in settings)
    place = f"{{path: FILE, {columns}}}"
    return f"Set {' and '.join(settings)}, as in {place}; COLUMN is a name, or a number from 1"


_Short = reprlib.Repr()
_Short.maxstring = _Short.maxother = 30


def _short(value: object) -> str:
    text = _Short.repr(value)  # of the first few parts only, since a line may be long
    return text if len(text) <= 40 else f"{text[:40]}..."


READERS: dict[str, Callable[[Path, Sequence[Wanted]], Rows]] = {
    ".tsv": _read_tsv,
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".json": _read_json_lines,
    ".parquet": _read_parquet,
}
"""The reader for each ending of files with columns."""
