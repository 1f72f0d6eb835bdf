"""Lines and texts of plain UTF-8 files, compressed or not; little at a time is in memory."""

from __future__ import annotations

import codecs
import gzip
import io
import shlex
import zlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from ..errors import UserError
from .encodings import encoding_advice, narrow_encoding, wide_encoding

Pair = tuple[str, str]


class CorpusError(UserError):
    """Text that cannot be used; the message names the file and the line and says what to do."""


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a UTF-8 file, plain or .gz.

    They are read as bytes, since only a line feed may end a line. Python's `splitlines` also breaks
    at form feeds, U+2028 and others, and after one of these, aligned files would be misaligned.
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


# In bytes. Lines are read whole, and a longer one is not a text or a pair.
_LONGEST_LINE = 2**26


def read_text(path: Path) -> Iterator[str]:
    """A UTF-8 file, plain or .gz, in pieces of about a million characters; only a BOM is left out.

    Line ends stay as they are, since a language model is to write what it has read.
    """
    number, position = 1, 0  # the line that is being read, and how many of its bytes have been
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


# Bytes per read.
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
    """The first bytes, without moving on; refuses UTF-16, which may be valid UTF-8."""
    start = file.peek(_PIECE)
    if encoding := wide_encoding(start):
        raise CorpusError(
            f"{path} is {encoding}, and text must be UTF-8; {encoding_advice(encoding, path)}"
        )
    return start


def _not_utf8(path: Path, number: int, position: int, text: bytes, bad: int) -> CorpusError:
    """The error about a byte at a position of a line: `text[bad]`, with others around it."""
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
    """Two files, of which one is the translation of the other, line by line."""
    src_lines, tgt_lines = numbered_lines(src), numbered_lines(tgt)
    for number, (src_line, tgt_line) in enumerate(zip_longest(src_lines, tgt_lines)):
        if src_line is None or tgt_line is None:
            longer = number + 1 + sum(1 for _ in src_lines) + sum(1 for _ in tgt_lines)
            n_src, n_tgt = (number, longer) if src_line is None else (longer, number)
            raise CorpusError(
                f"{src} has {n_src} lines and {tgt} has {n_tgt}; line by line one must be the "
                "translation of the other"
            )
        yield src_line[1], tgt_line[1]
