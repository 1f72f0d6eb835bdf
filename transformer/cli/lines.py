"""Lines of text, from files, arguments and pipes."""

import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from ..data.encodings import encoding_advice, narrow_encoding, wide_encoding
from ..errors import UserError

N_WARNINGS = 10
"""Lines that are not UTF-8 get a warning, up to this many: it may be every one of them."""

STDIN = "-"
"""The name of a file that stands for standard input."""


def lines_of(path: str) -> Iterator[str]:
    """The lines of a file, plain or .gz, or of standard input for `-`.

    Raises:
        UserError: the file cannot be read, or is UTF-16 or UTF-32.
    """
    if path == STDIN:
        yield from decoded(standard_input(), "standard input")
        return
    try:
        with gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb") as file:
            yield from decoded(file, path, file=Path(path))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"cannot read {path}: {error}") from None


def standard_input() -> IO[bytes]:
    """Standard input as bytes.

    Raises:
        UserError: it is closed.
    """
    if sys.stdin is None:  # as for some services
        raise UserError("there is no standard input; give text or --input")
    return sys.stdin.buffer


def decoded(raw: Iterable[bytes], name: str, *, file: Path | None = None) -> Iterator[str]:
    """Lines as text, without line ends. Only a line feed ends a line.

    A byte that is not UTF-8 costs a character and a warning, but not the translation of the file.

    Args:
        raw: the lines as bytes.
        name: where they come from, for messages.
        file: the file they come from, for advice on converting it.

    Raises:
        UserError: the text is UTF-16 or UTF-32.
    """
    n_bad = 0
    for number, line in enumerate(raw, start=1):
        if number == 1 and (encoding := wide_encoding(line)):
            raise UserError(f"{name} is {encoding}, not UTF-8; {encoding_advice(encoding, file)}")
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            n_bad += 1
            if n_bad <= N_WARNINGS:
                more = "; there may be more such lines" if n_bad == N_WARNINGS else ""
                print(
                    f"warning: {name}, line {number} is not UTF-8, and what cannot be read comes "
                    f"out as \N{REPLACEMENT CHARACTER}: {error.reason}{more}",
                    file=sys.stderr,
                )
            if n_bad == 1 and (encoding := narrow_encoding(line, error.start)):
                print(
                    f"warning: it looks like {encoding}; {encoding_advice(encoding, file)}",
                    file=sys.stderr,
                )
            text = line.decode("utf-8", errors="replace")
        yield text.removeprefix("\ufeff").rstrip("\r\n") if number == 1 else text.rstrip("\r\n")
