"""How a span of a text is written in its translation: 1.234,56 € as €1,234.56."""

import re

from .conventions import Conventions
from .hours import of_whole_day
from .span_patterns import SPOONS

MONEY = re.compile("[€$£¥]")
_KEYS = {
    "en": {"Strg": "Ctrl", "Umschalt": "Shift", "Entf": "Del", "Leertaste": "Space"},
    "de": {"Ctrl": "Strg", "Shift": "Umschalt", "Del": "Entf", "Space": "Leertaste"},
}
"""What is written on them, in another language."""
_NUMBERED = re.compile(
    r"(?i:\b(?:chapter|section|version|figure|fig\.|table|release|part|paragraph|article|step|v\.?))\s$"
    r"|[\w,;] (?!I )[A-Z]\w*\s$"
)
"""What stands before a number that is no quantity."""


def in_translation(kind: str, match: re.Match[str], ours: Conventions, theirs: Conventions) -> str:
    """A span of a text as its translation is to have it.

    Args:
        kind: see `Span`.
        match: of the pattern that has found it in the text.
        ours, theirs: how the languages of the two write numbers.
    """
    typed = match.group()
    if kind == "date":
        day, month, *year = (int(n) for n in re.findall("[0-9]+", typed))
        try:
            return theirs.date(day, month, year[0] if year else None)
        except ValueError:  # 30.02.
            return typed
    if kind == "slashed":  # 3/4 is in March or in April
        low, high = sorted(map(int, typed.split("/")[:2]))
        try:
            return theirs.date(high, low, int(typed[-4:])) if low <= 12 < high else typed
        except ValueError:  # 30/02
            return typed
    if kind == "keys":
        names = _KEYS.get(theirs.language or "", {})
        return re.sub(r"[^\W_]+", lambda key: names.get(key.group(), key.group()), typed)
    if kind == "spoons":
        *_, unit = re.findall(r"[^\W\d]+", typed)
        there = SPOONS[ours.language or ""][unit]
        if there not in SPOONS.get(theirs.language or "", {}):
            return typed
        amount = typed.removesuffix(unit).strip()
        return f"{amount if '/' in amount else theirs.written(amount, ours)} {there}"
    if kind == "time":
        return typed.replace(".", ":") if re.search("[.:]", typed) else f"{typed}:00"
    if kind == "scaled":
        return _scaled(typed, ours, theirs)
    if kind == "price":
        number = re.sub(",[-–—]+", "", MONEY.sub("", typed)).strip()
        amount, money = theirs.written(number, ours), MONEY.search(typed)
        return theirs.money(amount, money.group()) if money else amount
    if kind == "half":
        return typed if theirs.half_days else of_whole_day(typed)
    if kind not in ("amount", "range"):
        return typed
    if _is_address(typed) or (ours.decimal == "." and _is_numbered(match)):
        return typed
    rest = re.sub(ours.number, lambda number: theirs.written(number.group(), ours), typed)
    money = MONEY.search(rest)
    if money:
        rest = MONEY.sub("", rest).strip()
        sign = re.match("[+±−-]?", rest)
        assert sign is not None
        return sign.group() + theirs.money(rest[sign.end() :].strip(), money.group())
    return re.sub(r"\s*([%‰])", rf"{theirs.share_gap}\1", rest)


def _scaled(typed: str, ours: Conventions, theirs: Conventions) -> str:
    found = re.search(rf"({ours.number})\s?([^\W\d_]+)", typed)
    assert found is not None
    number, word = found.groups()
    money = MONEY.search(typed)
    written = theirs.scaled(number, ours.scales[word.lower()], ours)
    if written is None:
        return typed
    sign = typed[0] if typed[0] in "+±−-" else ""
    return sign + (theirs.money(written, money.group()) if money else written)


def _is_numbered(match: re.Match[str]) -> bool:
    # chapter 4.2 and Python 3.11, but not 3.11 metres
    if not re.fullmatch(r"[0-9]+\.[0-9]+", match.group()):
        return False
    before = match.string[max(0, match.start() - 40) : match.start()]
    return _NUMBERED.search(before) is not None


def _is_address(number: str) -> bool:
    # 192.168.178.100, which looks like thousands of millions
    parts = number.split(".")
    return len(parts) == 4 and all(part.isdecimal() and int(part) < 256 for part in parts)
