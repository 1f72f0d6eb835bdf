"""Pieces joined to words, and matrices over pieces to matrices over words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

SPACE = "▁"
"""What sentencepiece writes for a blank."""


def spans_of_words(pieces: Sequence[str]) -> list[range]:
    """Which pieces make up each word; a punctuation mark is a word of its own."""
    starts: list[int] = []
    for i, piece in enumerate(pieces):
        text = piece.removeprefix(SPACE)
        before = pieces[i - 1].removeprefix(SPACE) if i else ""
        glued = bool(i) and not piece.startswith(SPACE)
        # A byte, such as <0xE2>, goes on with what is before it; <s> and </s> stand alone.
        if glued and (_is_byte(piece) or (_within_word(text) and _within_word(before, end=True))):
            continue
        if glued and pieces[i - 1] == SPACE and len(starts) and starts[-1] == i - 1:
            continue  # a blank of its own, then a piece
        starts.append(i)
    ends = [*starts[1:], len(pieces)][: len(starts)]
    return [range(start, end) for start, end in zip(starts, ends, strict=True)]


def _is_byte(piece: str) -> bool:
    return re.fullmatch(r"<0x[0-9A-F]{2}>", piece) is not None


def _within_word(text: str, *, end: bool = False) -> bool:
    # Whether a piece can have another one of the same word beside it.
    if _is_byte(text):
        return True
    character = text[-1:] if end else text[:1]
    return character.isalnum() or character in "-'’@_"


def written(pieces: Sequence[str]) -> str:
    """The text that pieces stand for; bytes become characters again."""
    text = re.sub(r"(<0x[0-9A-F]{2}>)+", _characters, "".join(pieces))
    return text.replace(SPACE, " ").strip()


def _characters(match: re.Match[str]) -> str:
    numbers = re.findall("<0x(..)>", match[0])
    return bytes(int(number, 16) for number in numbers).decode("utf-8", errors="replace")


def by_word(
    matrix: Tensor,
    rows: Sequence[range],
    columns: Sequence[range],
    join_rows: Callable[[Tensor], Tensor],
) -> Tensor:
    """Sums over the columns of each word, and joins its rows.

    Args:
        matrix: (..., row pieces, column pieces).
        rows: which rows make up each word.
        columns: which columns do.
        join_rows: (..., n, columns) → (..., columns): their mean for attention, whose rows keep the
            sum 1; their sum for what adds up.

    Returns:
        (..., row words, column words).
    """
    summed = [matrix[..., span.start : span.stop].sum(dim=-1) for span in columns]
    narrow = torch.stack(summed, dim=-1)
    joined = [join_rows(narrow[..., span.start : span.stop, :]) for span in rows]
    return torch.stack(joined, dim=-2)


def mean_of_rows(rows: Tensor) -> Tensor:
    """(..., n, columns) → (..., columns)."""
    return rows.mean(dim=-2)


def sum_of_rows(rows: Tensor) -> Tensor:
    """(..., n, columns) → (..., columns)."""
    return rows.sum(dim=-2)
