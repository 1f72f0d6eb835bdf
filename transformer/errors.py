"""The root of all errors that a user can cause and mend, and how they quote what was found."""

import reprlib
from typing import Any


class UserError(ValueError):
    """Says what must hold, what was found and what to do; commands print it without traceback."""


def shown(value: Any) -> str:
    """A value as Python writes it, the middle of a long one left out."""
    return cut(_Short().repr(value), 200)


def cut(text: str, length: int) -> str:
    """At most this many characters of a text."""
    return text if len(text) <= length else f"{text[: length - 4]} ..."


def abridged(text: str, length: int = 2500) -> str:
    """A text whose middle is left out if it is longer."""
    if len(text) <= length:
        return text
    return f"{text[: length // 2 - 3]} ... {text[len(text) - length // 2 + 2 :]}"


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = 100

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write out the largest numbers.
        return repr(x) if x.bit_length() < 200 else f"a number of {x.bit_length()} bits"
