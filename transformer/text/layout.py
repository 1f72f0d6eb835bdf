"""What arranges a line, and is no part of its sentences: indentation, list marks, tabs."""

import re
from collections.abc import Iterator

_START = re.compile(r"\s*(?:(?:[-*+•–—>]|#{1,6}|\d{1,3}\)|[a-z]\))\s+)*")
_OPENS, _CLOSES = "\ufdd0", "\ufdd1"  # characters that no text has, by Unicode's rule


class Layout(str):
    """Text that comes out just as it is, with no space added before or behind it."""

    def framed(self) -> str:
        """The same, marked for `unframed`."""
        return f"{_OPENS}{self}{_CLOSES}"


def unframed(text: str) -> str:
    """Takes the marks of `Layout.framed` away, with the spaces that joining put beside them."""
    return re.sub(f" ?{_OPENS}|{_CLOSES} ?", "", text)


def laid_out(row: str) -> Iterator[Layout | str]:
    """Cuts a line into its fields and what stands around them.

    Fields end at tabs, or at semicolons if there are several, no space follows any, and none ends
    an entity of HTML. "1." is left in its field, since it may be a date: 1. Mai.
    """
    if not row.strip() or _OPENS in row or _CLOSES in row:
        yield row
        return
    ends = r"(\t+)"
    if row.count(";") > 1 and not re.search(r";\s|&#?\w+;", row.rstrip()):
        ends = r"(\t+|;)"
    for i, part in enumerate(re.split(ends, row)):
        if i % 2:
            yield Layout(part)
            continue
        start = _START.match(part)
        assert start is not None  # it may be empty
        text = part[start.end() :].rstrip()
        after = part[start.end() + len(text) :]
        yield from (each for each in (Layout(start.group()), text, Layout(after)) if each)
