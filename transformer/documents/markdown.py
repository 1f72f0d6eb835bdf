"""Markdown (CommonMark with tables): the text of each block."""

import re
from itertools import accumulate, pairwise

from ..errors import UserError
from .document import Document, Piece, piece_of

_RULER = re.compile(r"[-|: ]*\|[-|: ]*")
_CELL = re.compile(r"(?:[^|\\]|\\.)+")


def read_markdown(content: str) -> Document:
    """Finds the pieces of a Markdown document.

    A piece is a heading, a cell of a table, or the lines of a paragraph up to a hard break. Code,
    HTML, link definitions and what YAML stands in front are left out.

    Raises:
        UserError: markdown-it-py is not installed.
    """
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        raise UserError(
            'Markdown needs a parser: pip install "attention-transformer[markdown]"; '
            "or translate it line by line with --format text"
        ) from None

    lines = re.split("(?<=\n)", content)
    starts = [0, *accumulate(map(len, lines))]
    first = _front_matter(lines)
    tokens = MarkdownIt("commonmark").enable("table").parse("".join(lines[first:]))
    pieces: list[Piece] = []
    for before, token in pairwise(tokens):
        if token.map is None:
            continue
        begin, end = (first + line for line in token.map)
        if token.type == "tr_open":
            pieces += _cells(lines[begin], starts[begin])
        elif token.type == "inline" and before.type not in ("th_open", "td_open"):
            for ranges in _paragraph(token.content, lines[begin:end], starts[begin:end]):
                pieces.append(piece_of(content, ranges))
    wanted = [piece for piece in pieces if any(c.isalpha() for c in piece.text)]
    return Document(content, tuple(wanted))


def _front_matter(lines: list[str]) -> int:
    # How many lines of YAML there are before the text.
    if lines[0].rstrip() == "---":
        for i, line in enumerate(lines[1:], start=1):
            if line.rstrip() in ("---", "..."):
                return i + 1
    return 0


def _cells(line: str, start: int) -> list[Piece]:
    pieces = []
    for cell in _CELL.finditer(line.rstrip("\n")):
        text = cell.group().strip()
        if text:
            first = start + cell.start() + cell.group().index(text)
            pieces.append(Piece(((first, first + len(text)),), text))
    return pieces


def _paragraph(text: str, lines: list[str], starts: list[int]) -> list[list[tuple[int, int]]]:
    # Where the lines of a block are, divided at hard breaks. The parser has taken away what stands
    # before and behind them.
    groups: list[list[tuple[int, int]]] = [[]]
    for part, line, start in zip(text.split("\n"), lines, starts, strict=False):
        bare = part.strip().removesuffix("\\")
        at = line.find(bare)
        if _RULER.fullmatch(bare):
            # With other words beside it or in the line before, it could begin a table.
            groups += [groups[-1][-1:], []]
            del groups[-3][-1:]
            continue
        if not bare or at < 0:
            continue
        groups[-1].append((start + at, start + at + len(bare.rstrip())))
        if re.search(r"(?: {2,}|\\)\n?$", line):
            groups.append([])
    return [group for group in groups if group]
