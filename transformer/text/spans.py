"""Spans that nobody translates: hidden behind the marks @1, @2 …, and brought back afterwards."""

import re
from collections import Counter

# Addresses of pages and people, telephone numbers, and other numbers of six digits or more that are
# not amounts: of accounts, orders. The full stop or bracket after one does not belong to it.
VERBATIM = re.compile(
    r"""
    (?<! [\w.+-] )
    (?:
        (?i: https?:// | www\. ) \S+ (?<! [.,;:!?)\]}"'»“”] )
        | [\w.+-]+ @ [\w-]+ (?: \.[\w-]+ )+
        | (?<! , ) (?: \+ | \(?0 ) (?: [ /()–-]{0,3} \d ){5,} (?! \w | [.,]\d )
        | (?<! , ) \d (?: [/-]? \d ){5,} (?! \w | [.,]\d )
    )
    """,
    re.VERBOSE,
)
# Numbers of two digits or more, and times. A single digit may become a word, and numbers with a
# point or comma are left to the model, since languages write them differently.
_NUMBER = re.compile(r"(?<![\w.,:@/-])(?:\d{2,}|\d{1,2}:\d\d)(?![\w/-]|[.,:]\d)")
_VERBATIM_OR_NUMBER = re.compile(f"{VERBATIM.pattern} | {_NUMBER.pattern}", re.VERBOSE)
_MARK = re.compile(r"(?<![\w.+-])@ ?(\d{1,9})\b")


def hide(text: str, *, numbers: bool = False) -> tuple[str, tuple[str, ...]]:
    """Puts @1, @2 … in the place of addresses and long numbers.

    A text that already has such marks is left alone, and so is one whose marks would not be found
    again.

    Args:
        text: a sentence.
        numbers: hide numbers of two digits or more, and times, as well.

    Returns:
        The text with marks, and what each of them stands for.
    """
    if _MARK.search(text):
        return text, ()
    hidden: list[str] = []

    def mark(match: re.Match[str]) -> str:
        hidden.append(match.group())
        return f"@{len(hidden)}"

    shown = (_VERBATIM_OR_NUMBER if numbers else VERBATIM).sub(mark, text)
    if bring_back(shown, tuple(hidden)) != text:
        return text, ()
    return shown, tuple(hidden)


def bring_back(translation: str, hidden: tuple[str, ...]) -> str | None:
    """The reverse of `hide`; None unless every mark is there exactly once."""
    marks = sorted(int(number) for number in _MARK.findall(translation))
    if marks != list(range(1, len(hidden) + 1)):
        return None
    return _MARK.sub(lambda match: hidden[int(match.group(1)) - 1], translation)


def bring_back_anyhow(translation: str, hidden: tuple[str, ...]) -> str:
    """`bring_back` where marks are lost or doubled: what is lost comes at the end."""
    left = dict(enumerate(hidden, start=1))
    text = _MARK.sub(lambda match: left.pop(int(match.group(1)), ""), translation)
    return " ".join([*text.split(), *left.values()])


def keeps_numbers(text: str, translation: str) -> bool:
    """True if the translation has every time, and every number of two digits or more, of the text.

    It may group their digits in another way, and count hours to 12 instead of 24 or the reverse.
    """
    left = Counter(re.sub(r"\D", "", n) for n in re.findall(r"\d(?:[.,:]?\d)*", translation))
    for number in _NUMBER.findall(text):
        hour, _, minute = number.partition(":")
        written = [hour + minute]
        if minute or len(number) == 2:
            written += [f"{(int(hour) + 12) % 24}{minute}", f"{int(hour) - 12}{minute}"]
        same = next((digits for digits in written if left[digits] > 0), None)
        if same is None:
            return False
        left[same] -= 1
    return True
