"""Sentence pairs and texts from files with columns; little at a time is in memory.

Tables (.tsv, .csv), JSON lines, Parquet files and datasets of the hub have columns. Which of them
are wanted is asked in the same way for all: see `Wanted`.
"""

from __future__ import annotations

import csv
import json
import reprlib
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from .columns import Rows, Wanted, advice, choose, find_places, n_columns, no_column
from .plain_text import CorpusError, numbered_lines

if TYPE_CHECKING:
    import datasets
    import pyarrow

Row = dict[str, object]


def kind(path: Path) -> str:
    """The ending that tells the format, whether or not .gz follows."""
    return Path(path.name.removesuffix(".gz")).suffix


# ------------------------------------------------------------------------------------------------
# Tables: the columns have places, and names if the first line is a header
# ------------------------------------------------------------------------------------------------


def _read_tsv(path: Path, wanted: Sequence[Wanted]) -> Rows:
    """Columns between tabs; there is no quoting."""
    rows = ((number, line.rstrip("\r\n").split("\t")) for number, line in numbered_lines(path))
    return _read_table(path, rows, wanted, "source, tab, target (no quoting)")


def _read_csv(path: Path, wanted: Sequence[Wanted]) -> Rows:
    """Columns between commas, or what the first line has instead; quoted as spreadsheets quote."""
    return _read_table(path, _csv_rows(path), wanted, "source, comma, target")


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    numbered = numbered_lines(path)
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
        places, named = find_places(heads, wanted)
    except CorpusError as error:
        raise CorpusError(f"{path}:{number}: {error}. {advice(wanted)}") from None

    def cells() -> Iterator[list[str]]:
        for number, row in rows if named else chain([first], rows):
            if len(wanted) == 1 and len(row) <= places[0]:
                raise CorpusError(
                    f"{path}:{number}: the text is in column {places[0] + 1} (setting src); found "
                    f"{n_columns(row)}"
                )
            if plain and not named and len(row) != 2:
                raise CorpusError(
                    f"{path}:{number}: a line must be {pair}; found {n_columns(row)}. Of more "
                    "than two, choose with src and tgt, as in {path: FILE, src: 1, tgt: 3}"
                )
            if len(wanted) == 2 and len(row) != len(heads):
                raise CorpusError(
                    f"{path}:{number}: every line must have the {n_columns(heads)} of the first "
                    f"one; found {n_columns(row)}"
                )
            yield [row[place] for place in places]

    return Rows(tuple(heads[p] if named else str(p + 1) for p in places), cells())


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
    for number, line in numbered_lines(path):
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
        # Reading jumps to and fro, and in a .gz each jump back means unpacking from the start.
        raise CorpusError(
            f"{path}: Parquet is compressed by itself; unpack it with "
            f"`gunzip {shlex.quote(str(path))}`"
        )

    def rows(names: list[str] | None) -> Iterator[Row]:
        # Without a buffer, a column of a row group is read whole, and some files have only one.
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
    """A dataset of the hub that has been loaded; `name` is for messages."""
    names = _column_names(rows.features.arrow_schema)
    columns = rows.select_columns(_needed(rows.column_names, names, wanted)).with_format("arrow")
    dicts = (row for table in columns.iter(batch_size=1000) for row in table.to_pylist())
    return _read_rows(f"{name}, row ", names, enumerate(dicts, start=1), wanted)


def read_dicts(name: str, rows: Iterator[Row], wanted: Sequence[Wanted]) -> Iterator[list[str]]:
    """Rows of a dataset of the hub that is streamed: the texts of the wanted columns."""
    first = next(rows, None)
    if first is None:
        return iter(())
    names = [*first, *_translation(first)]
    numbered = enumerate(chain([first], rows), start=1)
    return _read_rows(f"{name}, row ", names, numbered, wanted).cells


def _column_names(schema: pyarrow.Schema) -> list[str]:
    """The names of the columns, then those inside a `translation`, as in the hub's wmt14."""
    import pyarrow as pa

    names = list(schema.names)
    inner = schema.field("translation").type if names.count("translation") == 1 else None
    if inner is not None and pa.types.is_struct(inner):
        return names + [inner.field(i).name for i in range(inner.num_fields)]
    return names


def _needed(columns: list[str], names: list[str], wanted: Sequence[Wanted]) -> list[str]:
    """The columns to read; if a wanted one is missing, all, so that the message can list them."""
    chosen = set(choose(wanted, names))
    enough = chosen <= set(names)
    return [name for name in columns if not enough or name in chosen | {"translation"}]


def _read_rows(
    place: str, names: list[str], rows: Iterable[tuple[int, Row]], wanted: Sequence[Wanted]
) -> Rows:
    columns = choose(wanted, names)

    def cells() -> Iterator[list[str]]:
        for number, row in rows:
            try:
                yield [_cell(row, column, wanted) for column in columns]
            except CorpusError as error:
                raise CorpusError(f"{place}{number}: {error}") from None

    return Rows(columns, cells())


def _cell(row: Row, column: str, wanted: Sequence[Wanted]) -> str:
    """The text in a column, or in one inside a `translation`, as in the hub's wmt14."""
    inner = _translation(row)
    if column not in row and column not in inner:
        raise CorpusError(f"{no_column(column, [*row, *inner])}. {advice(wanted)}")
    text = row.get(column, inner.get(column))
    if text is None:
        return ""
    if not isinstance(text, str):
        raise CorpusError(f"column {column!r} must hold text; found {_short(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # JSON can spell "\ud800", half a character
        raise CorpusError(f"column {column!r} is not valid Unicode: {error.reason}") from None
    return text


def _translation(row: Row) -> Row:
    found = row.get("translation")
    return found if isinstance(found, dict) else {}


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
"""The reader for each ending of a file with columns."""
