"""Subtitles, SubRip (.srt) and WebVTT (.vtt): the text of each cue."""

import re

from .document import Document, Piece, piece_of

_TIMES = re.compile(r"\s*(?:\d+:)?\d+:\d+[.,]\d+\s*-->\s*(?:\d+:)?\d+:\d+[.,]\d+")
_TURN = re.compile(r"\s*[-–—]\s?\S")


def read_subtitles(content: str) -> Document:
    """Finds the pieces of a file of subtitles.

    A piece is the text of a cue; where several people speak, each on a line after a dash, it is
    each line.
    """
    pieces: list[Piece] = []
    cue: list[tuple[int, int]] | None = None  # where the lines of the cue are that is being read
    start = 0
    for line in [*content.splitlines(keepends=True), "\n"]:
        text = line.rstrip("\r\n")
        if cue is not None and text.strip():
            cue.append((start, start + len(text)))
        elif cue is not None:
            turns = any(_TURN.match(content, *where) for where in cue)
            groups = [[where] for where in cue] if turns else [cue] if cue else []
            pieces += [piece_of(content, group) for group in groups]
            cue = None
        if _TIMES.match(text):
            cue = []
        start += len(line)
    return Document(content, tuple(pieces))
