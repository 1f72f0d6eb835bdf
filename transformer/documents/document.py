"""A document as pieces of text and all that stands between them."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

_BEFORE_MARK = re.compile(r" (?=[-+*>#|=~`:]|\d+[.)](?: |$))")
_NO_BREAK = "\ufdd0"  # a character that no text has, by Unicode's rule


@dataclass(frozen=True)
class Piece:
    """Text to translate as one, on one line or broken over several."""

    ranges: tuple[tuple[int, int], ...]  # where its lines stand in the document
    text: str  # in one line


@dataclass(frozen=True)
class Document:
    """A text and its pieces, in order and without overlap."""

    content: str
    pieces: tuple[Piece, ...]

    @property
    def texts(self) -> list[str]:
        """What is to be translated, a line each."""
        return [piece.text for piece in self.pieces]

    def filled(self, translations: Sequence[str]) -> str:
        """The document with these in the place of its texts, each on as many lines, if it can be.

        Raises:
            ValueError: another number of translations than of texts.
        """
        parts, end = [], 0
        for piece, translation in zip(self.pieces, translations, strict=True):
            lines = broken(translation, len(piece.ranges))
            for i, (start, stop) in enumerate(piece.ranges):
                if i < len(lines):
                    parts += [self.content[end:start], lines[i]]
                end = stop  # a line too many goes, with what joins it to the one before
        return "".join([*parts, self.content[end:]])


def piece_of(content: str, ranges: Sequence[tuple[int, int]]) -> Piece:
    """The piece that stands in these places of a document."""
    text = " ".join(content[start:end] for start, end in ranges)
    return Piece(tuple(ranges), " ".join(text.split()))


def broken(text: str, n: int) -> list[str]:
    """Breaks a text between words into at most n lines of about the same length.

    No line begins with what Markdown would take for the mark of a heading, list or quotation.
    """
    text = _BEFORE_MARK.sub(_NO_BREAK, text)
    for width in range(max(1, -(-len(text) // n)), len(text) + 1):
        lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
        if len(lines) <= n:
            return [line.replace(_NO_BREAK, " ") for line in lines]
    return [text.replace(_NO_BREAK, " ")] if text else []
