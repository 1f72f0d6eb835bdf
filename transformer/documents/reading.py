"""Which kind of document a file holds, and reading it."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from .document import Document
from .html import read_html
from .markdown import read_markdown
from .subtitles import read_subtitles
from .tables import read_tsv

Format = Literal["text", "html", "markdown", "srt", "tsv"]

READERS: dict[str, Callable[[str], Document]] = {
    "html": read_html,
    "markdown": read_markdown,
    "srt": read_subtitles,
    "tsv": read_tsv,
}
SUFFIXES = {
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".md", ".markdown"), "markdown"),
    **dict.fromkeys((".srt", ".vtt"), "srt"),
    ".tsv": "tsv",
}


def format_of(name: str) -> str:
    """What a file of this name holds; text where nothing else is known."""
    return SUFFIXES.get(Path(name.removesuffix(".gz")).suffix.lower(), "text")
