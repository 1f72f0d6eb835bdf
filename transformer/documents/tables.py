"""Tables whose fields a tab divides: each field."""

from .document import Document, Piece


def read_tsv(content: str) -> Document:
    """Finds the fields of a table that hold a letter."""
    pieces = []
    start = 0
    for line in content.splitlines(keepends=True):
        end = start
        for field in line.rstrip("\r\n").split("\t"):
            first = end + len(field) - len(field.lstrip(" "))
            text = field.strip(" ")
            if any(c.isalpha() for c in text):
                pieces.append(Piece(((first, first + len(text)),), text))
            end += len(field) + 1
        start += len(line)
    return Document(content, tuple(pieces))
