"""Quotation marks that a translation has lost one of."""

import re

_MARKS = '"“”„«»'
_CLOSING = {'"': '"', "“": "”", "„": "“", "«": "»"}
_OPENING = {'"': '"', "”": "“", "“": "„", "»": "«"}
_AT_THE_END = re.compile(rf"[{_MARKS}](?P<stop>[.!?,;:]*)$")


def leaves_open(text: str, translation: str) -> bool:
    """True of a translation with an odd number of marks, of a text with an even one."""
    return _count(text) % 2 == 0 and _count(translation) % 2 == 1


def closed(text: str, translation: str) -> str:
    """A translation that leaves a mark open, with the other one where the text has it.

    That is only known at the beginning and at the end.
    """
    if not leaves_open(text, translation):
        return translation
    marks = re.findall(f"[{_MARKS}]", translation)
    if text[0] in _MARKS and translation[0] not in _MARKS and marks[0] in _OPENING:
        return _OPENING[marks[0]] + translation
    end = _AT_THE_END.search(text)
    if end is None or _AT_THE_END.search(translation) or marks[-1] not in _CLOSING:
        return translation
    said = translation.rstrip(".!?,;:") if end["stop"] else translation
    return said + _CLOSING[marks[-1]] + translation[len(said) :]


def _count(text: str) -> int:
    return sum(map(text.count, _MARKS))
