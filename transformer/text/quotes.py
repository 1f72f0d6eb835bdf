"""Quotation marks that a translation has lost one of."""

import re

_AT_THE_END = re.compile(r'"(?P<stop>[.!?,;:]*)$')


def leaves_open(text: str, translation: str) -> bool:
    """True of a translation with an odd number of marks, of a text with an even one."""
    return text.count('"') % 2 == 0 and translation.count('"') % 2 == 1


def closed(text: str, translation: str) -> str:
    """A translation that leaves a mark open, with the other one where the text has it.

    That is only known at the beginning and at the end.
    """
    if not leaves_open(text, translation):
        return translation
    if text.startswith('"') and not translation.startswith('"'):
        return f'"{translation}'
    end = _AT_THE_END.search(text)
    if end is None or _AT_THE_END.search(translation):
        return translation
    if not end["stop"]:
        return f'{translation}"'
    said = translation.rstrip(".!?,;:")
    return f'{said}"{translation[len(said) :]}'
