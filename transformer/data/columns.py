"""Which columns hold the text: named or numbered in the settings, or known by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .plain_text import CorpusError, Pair


class Wanted(NamedTuple):
    """Which column holds one side of the pairs, or the texts."""

    setting: str
    """What chooses it: src or tgt."""
    given: str | None
    """What it is set to: the column's name, or its number, counted from 1."""
    names: tuple[tuple[str, ...], ...]
    """Names that the column may have if none is given, in any case. Each tuple is one way of naming
    columns, and all wanted columns must be named in the same way."""
    place: int
    """Where it is in a table that names no columns, from 0."""


class Rows(NamedTuple):
    """What a source with columns holds."""

    columns: tuple[str, ...]
    """The chosen ones: their names, or numbers if they have none. An empty file has none."""
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


def find_places(heads: list[str], wanted: Sequence[Wanted]) -> tuple[list[int], bool]:
    """Where the wanted columns are, from 0, and whether the first line is a header.

    It is one if it has the names that are given, or names that are known for all wanted columns.
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
                f"{no_column(column.given or column.names[0][0], heads)} in the first line, which "
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
            f"{n_columns(heads)}"
        )
    return number - 1


def _number(column: str) -> int | None:
    return int(column) if column.isdecimal() and len(column) < 10 else None


def _names(wanted: Sequence[Wanted], names: Sequence[str]) -> list[str | None]:
    """What the wanted columns are called: as given, or else those of the names that are known."""
    there = {name.casefold(): name for name in reversed(names)}
    for way in zip(*(column.names for column in wanted), strict=True):
        found = [
            column.given or next((there[name] for name in some if name in there), None)
            for column, some in zip(wanted, way, strict=True)
        ]
        if None not in found:
            return found
    return [column.given for column in wanted]


def n_columns(row: Sequence[str]) -> str:
    return f"{len(row)} column{'s' * (len(row) != 1)}"


def choose(wanted: Sequence[Wanted], names: Sequence[str]) -> tuple[str, ...]:
    """The names of the wanted columns, whether they exist or not."""
    chosen = []
    for column, name in zip(wanted, _names(wanted, names), strict=True):
        number = _number(name) if name and name not in names else None
        if number is not None and 1 <= number <= len(names):
            name = names[number - 1]
        chosen.append(name or column.names[0][0])
    return tuple(chosen)


def no_column(name: str, names: Iterable[str]) -> CorpusError:
    found = ", ".join(f"{name[:40]}..." if len(name) > 40 else name for name in map(str, names))
    return CorpusError(f"no column {name!r}; found {found or 'none'}")


def advice(wanted: Sequence[Wanted]) -> str:
    settings = [column.setting for column in wanted]
    columns = ", ".join(f"{setting}: COLUMN" for setting in settings)
    place = f"{{path: FILE, {columns}}}"
    return f"Set {' and '.join(settings)}, as in {place}; COLUMN is a name, or a number from 1"
