"""Running text in: the sources of a language model, a few megabytes at a time in memory.

A file without columns is one text; a row of any other source is one each. Texts are read as they
are, blanks and line ends included; empty ones are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Literal, NamedTuple

from ..config import DataConfig, SourceConfig
from .columns import Rows, text_column
from .formats import READERS, kind, read_dataset
from .plain_text import CorpusError, read_text
from .sources import (
    Key,
    find_builtin,
    load_hub,
    local_path,
    no_progress_bars,
    require_file,
    stamp,
)


class Chunk(NamedTuple):
    """A text, or a part of one."""

    text: str
    """Never empty."""
    ends: bool
    """Whether a text ends here; otherwise the next chunk goes on with it."""


@dataclass(frozen=True)
class Texts:
    """The texts of a split: found, but not yet read."""

    setting: str
    """Where they come from, as messages call it: data.train or data.val."""
    key: Key
    read: Callable[[], Iterator[Chunk]]

    def chunks(self) -> Iterator[Chunk]:
        """Reads them, from the beginning at every call.

        Raises:
            CorpusError: a source is empty or malformed.
        """
        try:
            yield from self.read()
        except CorpusError as error:
            raise CorpusError(f"{self.setting}: {error}") from error.__cause__


def find_texts(data: DataConfig) -> tuple[Texts, Texts]:
    """The texts to train on and those to validate on.

    With `data.holdout` both are parts of `data.train`: of its n characters the first
    int((1 - holdout) · n) train, and the rest validates.

    Raises:
        CorpusError: a source is missing or cannot be used.
    """
    with no_progress_bars():
        train = _find_split(data, "train")
        if data.holdout:
            return _hold_out(train, data.holdout)
        return train, find_val(data)


def find_val(data: DataConfig) -> Texts:
    """The texts to validate on, without `data.holdout`.

    Raises:
        CorpusError: a source is missing or cannot be used.
    """
    if any(s.builtin for s in data.val) and not any(s.builtin for s in data.train):
        keep = "(data.val=PATH)"
        if not data.streaming:
            keep += ", or keep the end of data.train for validation (data.holdout=0.1)"
        raise CorpusError(
            "data.val: the built-in corpus, which is the default, says nothing about another "
            f"text; name a text {keep}"
        )
    with no_progress_bars():
        return _find_split(data, "val")


def _hold_out(whole: Texts, share: float) -> tuple[Texts, Texts]:
    @cache  # since counting reads everything
    def cut() -> int:
        return int((1 - share) * sum(len(text) for text, _ in whole.read()))

    def first() -> Iterator[Chunk]:
        return _part(whole.read(), 0, cut())

    def last() -> Iterator[Chunk]:
        return _part(whole.read(), cut(), None)

    train, val = ((*whole.key, name, share) for name in ("without the last", "the last"))
    return replace(whole, key=train, read=first), replace(whole, key=val, read=last)


def _part(chunks: Iterator[Chunk], start: int, stop: int | None) -> Iterator[Chunk]:
    """Characters start to stop, both counted over all chunks. No text ends at a cut."""
    place = 0
    for text, ends in chunks:
        stopped = stop is not None and place + len(text) > stop
        part = text[max(0, start - place) : stop - place if stop is not None else None]
        if part:
            yield Chunk(part, ends and not stopped)
        if stopped:
            return
        place += len(text)


# ------------------------------------------------------------------------------------------------
# Finding
# ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """Found, but not yet read."""

    name: str
    """As messages call it."""
    key: Key
    read: Callable[[], Iterator[Chunk]]


def _find_split(data: DataConfig, split: Literal["train", "val"]) -> Texts:
    setting = f"data.{split}"
    try:
        found = [find_text(source, data, split) for source in getattr(data, split)]
    except CorpusError as error:
        raise CorpusError(f"{setting}: {error}") from error.__cause__

    def read() -> Iterator[Chunk]:
        for source in found:
            chunk = None
            for chunk in source.read():
                yield chunk
            if chunk is None:
                raise CorpusError(f"{source.name}: no text in it")

    return Texts(setting, tuple(source.key for source in found), read)


def require_plain(source: SourceConfig) -> None:
    """Refuses what running text cannot have.

    Raises:
        CorpusError: the source has a weight, or a target.
    """
    place = _place(source)
    if source.weight != 1:
        raise CorpusError(
            f"a language model reads every text once an epoch; found weight {source.weight:g} of "
            f"{place}, so leave it out (a source that is listed twice is read twice)"
        )
    if source.tgt is not None:
        raise CorpusError(
            f"a language model has no target text; found tgt {source.tgt!r} of {place}, so leave "
            "it out (src names the column of the text)"
        )


def _place(source: SourceConfig) -> str:
    return source.path or (f"hub:{source.hub}" if source.hub else "the built-in corpus")


def find_text(source: SourceConfig, data: DataConfig, split: str) -> Source:
    """A source of running text.

    Raises:
        CorpusError: it is missing or cannot be used.
    """
    require_plain(source)
    place = _place(source)
    wanted = text_column(source.src)
    if source.hub is not None:
        name, rows = load_hub(source, split)
        key: Key = ("hub", rows._fingerprint, wanted)
        return Source(name, key, lambda: _texts_of(read_dataset(name, rows, wanted)))
    path = local_path(source.path or "")
    reader = READERS.get(kind(path))
    if source.src is not None and reader is None:
        raise CorpusError(
            "src is a column of a .tsv, .csv, JSON lines, Parquet or hub source; "
            f"{place} has no columns, so leave it out"
        )
    if source.builtin:
        languages = (data.src_lang, data.tgt_lang)
        key, pairs = find_builtin(languages, split, source.anchors)
        return Source(place, key, lambda: _rows(src for src, _ in pairs()))
    require_file(path)
    if reader is None:
        return Source(str(path), ("text", stamp(path)), lambda: _cut(read_text(path)))
    read = partial(reader, path, wanted)
    return Source(str(path), ("rows", stamp(path), wanted), lambda: _texts_of(read()))


# ------------------------------------------------------------------------------------------------
# Cutting
# ------------------------------------------------------------------------------------------------


def _texts_of(rows: Rows) -> Iterator[Chunk]:
    return _rows(text for [text] in rows.cells)


def _rows(found: Iterable[str]) -> Iterator[Chunk]:
    return (Chunk(text, True) for text in found if text)


# Where a long text may be cut, from good to bad; each finds the last such place. GPT-2 finds the
# same words in the parts as in the whole at all of them: of several blanks before a word the last
# one is by itself or belongs to the word, so that the cut is before it. Others, such as Llama 3,
# join line feeds to the signs before them, and are right at the first alone: after a line feed
# between two letters.
_PLACES = [re.compile(f"(?s).*{place}") for place in (r"\S\n(?=\S)", r"(?=\n\S)", r"(?= \S)")]

# Characters in which one of these places must be found; a text without is cut anywhere.
_MOST = 2**22


def _cut(pieces: Iterator[str]) -> Iterator[Chunk]:
    """One text in chunks of about the size of the pieces."""
    text = ""
    for piece in pieces:
        places = (match.end() for place in _PLACES if (match := place.match(text)))
        place = next(filter(None, places), len(text) if len(text) >= _MOST else 0)
        if place:
            yield Chunk(text[:place], False)
        text = text[place:] + piece
    if text:
        yield Chunk(text, True)
