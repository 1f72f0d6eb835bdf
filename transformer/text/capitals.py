"""Sentences in capitals: how to tell, and how to give one back."""

import re

from .span_patterns import VERBATIM


def is_shouted(text: str, no_capital: str = "") -> bool:
    """True of three words, or two of which one is longer than a usual acronym, all in capitals.

    Args:
        text: a sentence.
        no_capital: small letters that do not count, since people type them among capitals: ß.
    """
    words = re.findall(r"[^\W\d_]{2,}", text)
    enough = len(words) > 2 or (len(words) == 2 and max(map(len, words)) > 3)
    some = any(c.isupper() for c in text)  # not all scripts have capitals
    return some and enough and not any(c.islower() and c not in no_capital for c in text)


def shout(text: str) -> str:
    """The text in capitals, except for addresses, whose letters matter."""
    parts, start = [], 0
    for match in VERBATIM.finditer(text):
        parts += [text[start : match.start()].upper(), match.group()]
        start = match.end()
    return "".join([*parts, text[start:].upper()])
