"""What a translation lacks of a text."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from .conventions import Conventions
from .hours import has_time, is_late_word, later, of_day, says_late, times_in
from .rendering import MONEY
from .span_patterns import MEASURE, UNIT, Span

_IN_NUMBER = frozenset("0123456789.,:")
_NUMBER_GOES_ON = re.compile(r"[0-9]|[.,:][0-9]")
_NAMED = {
    **{"€": ("euro",), "$": ("dollar",), "£": ("pound", "pfund"), "¥": ("yen",)},
    **{"%": ("per", "prozent"), "‰": ("per", "promille"), "°": ("degree", "grad")},
}
"""How the words begin that may stand for a sign."""
_MEASURES = {
    r"km/h": "kilomet|stundenkilomet",
    r"mph": "mile|meile",
    r".*B(?:/s)?": "(?:kilo|mega|giga|tera)?byte",
    r".*Hz": "(?:kilo|mega|giga)?hert",
}
"""The same for measures."""
_DIGITS = {
    "de": {
        **{2: "zwei|zwot?|beid|doppel|paar|halb|II$", 3: "dr[ei]|III$", 4: "vier|IV$"},
        **{5: "fünf|V$", 6: "sechs|VI$", 7: "sieb|VII$", 8: "acht|VIII$", 9: "neun|IX$"},
    },
    "en": {
        **{2: "two|second|both|twi|double|couple|pair|half|II$", 3: "thr|third|tripl|III$"},
        **{4: "four|quarter|IV$", 5: "five|fif|V$", 6: "six|VI$", 7: "seven|VII$"},
        **{8: "eigh|VIII$", 9: "nin|IX$"},
    },
}
"""How the words begin that may stand for a digit."""
_PREFIXES = {"k": "kilo", "c": "[cz]enti", "d": "de[cz]i", "m": "milli", "": ""}
_BASES = {"m": "met", "g": "gram", "l": "lit"}


def lost(
    spans: Sequence[Span], text: str, translation: str, ours: Conventions, theirs: Conventions
) -> list[str]:
    """What a translation lacks, as typed: of the spans in order, then signs of currencies.

    Args:
        spans: of the text.
        text, translation: a sentence each.
        ours, theirs: how their languages write numbers.
    """
    of_text: dict[str, list[Span]] = {}
    for span in spans:
        of_text.setdefault(span.written, []).append(span)
    signs = _lost_signs(text, translation)
    if not of_text:
        return signs
    missing: list[Span] = []
    for written in sorted(of_text, key=len, reverse=True):  # 12 is also in 12 March
        same = of_text[written]
        whole = same[0].kind not in ("verbatim", "word")
        translation, n = _struck_out(translation, written, len(same), whole=whole)
        missing += same[n:]
    left = Counter(map(theirs.canonical, _number(theirs).findall(translation)))
    words = set(re.findall(r"[^\W\d_]+", translation))
    may_be_late = says_late(translation)
    for time in times_in(translation, theirs):
        left[of_day(time)] += 1
        if may_be_late and not time["half"] and int(time["hour"]) <= 12:
            left[later(of_day(time))] += 1
    is_late = says_late(text)
    missing.sort()
    missed = [
        span.typed
        for span in missing
        if not _said_otherwise(span, left, words, ours, theirs, is_late=is_late)
    ]
    return missed + [sign for sign in signs if not any(sign in typed for typed in missed)]


@cache
def _number(language: Conventions) -> re.Pattern[str]:
    # A whole one: no part of a longer.
    return re.compile(rf"(?<![0-9])(?<![0-9][.,:]){language.number}(?![0-9]|[.,:][0-9])")


def _said_otherwise(
    span: Span,
    left: Counter[str],
    words: set[str],
    ours: Conventions,
    theirs: Conventions,
    *,
    is_late: bool,
) -> bool:
    # In words and numbers of the translation that stand for nothing else.
    match span.kind:
        case "date":  # March 12th, 2024 for 12 March 2024
            parts = re.findall(r"[^\W\d_]+|[0-9]+", span.written)
            return all(left[part] > 0 if part.isdecimal() else part in words for part in parts)
        case "time":
            return has_time(span.written, left, words, is_late=is_late)
        case "name":  # Beckers Auto is Becker's
            parts = re.findall(r"[^\W\d_]+", span.typed)
            return all({part, part.removesuffix("s"), f"{part}s"} & words for part in parts)
        case "digit":
            names = _DIGITS.get(theirs.language or "", {}).get(int(span.typed[0]), "")
            return any(re.match(rf"(?i)(?:{names})", word) for word in words)
        case "amount":
            return _has_amount(span, left, words, ours, theirs)
    return False


def _has_amount(
    span: Span, left: Counter[str], words: set[str], ours: Conventions, theirs: Conventions
) -> bool:
    typed = span.typed
    if typed[0] in "-−±":
        return False
    version = rf"[0-9]+{re.escape(ours.decimal)}[0-9]+"
    if ours.decimal != theirs.decimal and re.fullmatch(version, span.written):
        return False  # Python 3.11 is not 3,11
    sign = next((c for c in typed if c in _NAMED), None)
    if sign and not any(word.lower().startswith(_NAMED[sign]) for word in words):
        return False
    measure, unit = re.search(rf"(?:{MEASURE})$", typed), re.search(rf"{UNIT}$", typed)
    if measure and not _has_measure(measure.group(), words):
        return False
    if unit and not _has_unit(unit.group(), words):
        return False
    numbers = re.findall(ours.number, typed)
    number = ours.canonical(numbers[0]) if len(numbers) == 1 else ""
    written = [number]
    if len(number) == 2 and int(number) <= 24 and any(map(is_late_word, words)):
        written += [str((int(number) + 12) % 24), str(int(number) - 12)]  # an hour
    same = next((n for n in written if left[n] > 0), None)
    if same is not None:
        left[same] -= 1
    return same is not None


def _has_measure(measure: str, words: set[str]) -> bool:
    # km/h: or kilometres per hour
    names = next((names for sign, names in _MEASURES.items() if re.fullmatch(sign, measure)), None)
    return names is not None and any(re.match(f"(?i){names}", word) for word in words)


def _has_unit(unit: str, words: set[str]) -> bool:
    # 5 km: or kilometres, Kilometer
    word = f"{_PREFIXES[unit[:-1]]}{_BASES[unit[-1]]}" + ("|kilos?$" if unit == "kg" else "")
    return unit in words or any(re.match(word, each, re.IGNORECASE) for each in words)


def _lost_signs(text: str, translation: str) -> list[str]:
    # € for which there is neither € nor euros
    lost = []
    for sign in sorted(set(MONEY.findall(text))):
        named = re.findall(rf"(?i)\b(?:{'|'.join(_NAMED[sign])})", translation)
        if text.count(sign) > translation.count(sign) + len(named):
            lost.append(sign)
    return lost


def _struck_out(text: str, written: str, most: int, *, whole: bool) -> tuple[str, int]:
    # Exchanges what is written for \0, and counts. Either dash is the other; whole: not within a
    # number. No pattern of it: one of a megabyte takes seconds to compile.
    plain, wanted = text.replace("–", "-"), written.replace("–", "-")
    kept, n, end = [], 0, 0
    start = plain.find(wanted)
    while start >= 0 and n < most:
        after = start + len(wanted)
        if whole and (
            _NUMBER_GOES_ON.match(plain, after) or plain[start - 1 : start] in _IN_NUMBER
        ):
            after = start + 1
        else:
            kept.append(text[end:start])
            n, end = n + 1, after
        start = plain.find(wanted, after)
    return "\0".join([*kept, text[end:]]), n
