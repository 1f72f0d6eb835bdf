"""What has to be known about a language before a text in it is translated."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..data.tokenizer import Tokenizer


@dataclass(frozen=True)
class Rules:
    """The rules of one source language."""

    abbreviations: re.Pattern[str]
    """Words, without their full stop, that do not end a sentence."""
    before_number: re.Pattern[str]
    """The same, but only where a number follows."""
    respell: Callable[[str, Tokenizer], str]
    """Spells a text as it should have been typed."""
    without_signs: Callable[[str], str] = lambda text: text
    """Spells words without signs inside of them that only the source language has."""
    plainly: Callable[[str], str] = lambda text: text
    """Writes times of day and quantities with a half in digits, and abbreviations in full."""
    no_capital: str = ""
    """Small letters that people type among capitals."""


NEUTRAL = Rules(
    # Initials, ordinal numbers (many languages write them with a full stop), and titles.
    abbreviations=re.compile(r"\w|\d{1,3}|Dr|Prof|Mr|Mrs|Ms|St|Co|Inc|Ltd|vs|ca"),
    before_number=re.compile(r"[Aa]rt|[Ff]ig|No|Nr|[Vv]ol|max|min|pp"),
    respell=lambda text, _: text,
)
"""For every language that has no rules of its own."""
