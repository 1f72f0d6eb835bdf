"""Times of day in two languages: 21:13 is 9:13 p.m., and 9:13 is not."""

import re
from collections import Counter
from collections.abc import Iterator

from .conventions import Conventions

_LATE = {"p", "pm", "afternoon", "evening", "night", "tonight"} | {
    *("mittag", "mittags", "nachmittag", "nachmittags", "abend", "abends", "nacht", "nachts")
}
"""Words that make the third hour the fifteenth."""
_OF_HALF_DAYS = re.compile(
    r"(?:(?:(?<=\b[0-9]:[0-5][0-9])|(?<=\b[0-9]{2}:[0-5][0-9])) ?o'clock\b"
    r"|(?:(?<=\b(?:1[3-9]|2[0-4]):[0-5][0-9])|(?<![\w.:,])(?P<hour>1[3-9]|2[0-4]))"
    r" ?[ap](?:m\b|\.m\.))(?=(?P<rest>.?))"
)
_TIME = re.compile(
    r"(?<![\w.:,])(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])"
    r"(?: ?(?P<half>[aApP])(?:[mM]\b|\.[mM]\.))?(?!\w|[.:,][0-9])(?=(?P<rest>.?))"
)
_TIME_OR_WITH_DOT = re.compile(_TIME.pattern.replace("):(", ")[:.]("))


def is_late_word(word: str) -> bool:
    """True of evening, abends and the like, and of the p in p.m."""
    return word.lower() in _LATE


def says_late(text: str) -> bool:
    """True if the third hour may be the fifteenth in a text."""
    return any(map(is_late_word, re.findall(r"[^\W\d_]+", text)))


def of_day(time: re.Match[str]) -> str:
    """The time that `times_in` has found: 9:13 pm as 21:13."""
    hour = int(time["hour"]) % 24
    if hour <= 12 and time["half"]:
        hour = hour % 12 + 12 * (time["half"] in "pP")
    return f"{hour}:{time['minute']}"


def later(time: str) -> str:
    """Half a day later, or earlier: 9:13 as 21:13 and the reverse."""
    hour, minute = time.split(":")
    return f"{(int(hour) + 12) % 24}:{minute}"


def times_in(text: str, language: Conventions) -> Iterator[re.Match[str]]:
    """Where there is 9:13, and in German also 9.13, with a.m. or p.m. behind it, if there is."""
    return (_TIME_OR_WITH_DOT if language.clock else _TIME).finditer(text)


def _whole_day(match: re.Match[str]) -> str:
    # 20:00 p.m.: 20:00, and so is 20 p.m.
    return (f"{match['hour']}:00" if match["hour"] else "") + _stop(match)


def _stop(match: re.Match[str]) -> str:
    # The full stop of a sentence stays, which ends "p.m.", too.
    return "." if match.group().endswith(".") and not match["rest"] else ""


def of_whole_day(time: str) -> str:
    """10:30 pm as 22:30, 5 p.m. as 17:00."""
    hour, *minutes = re.findall("[0-9]+", time)
    return ":".join([str(int(hour) % 12 + 12 * ("p" in time.lower())), *(minutes or ["00"])])


def has_time(written: str, left: Counter[str], words: set[str], *, is_late: bool) -> bool:
    """True if a translation has a time of a text: 20:00 also as 8 p.m., but not as 8 o'clock.

    Args:
        written: of the whole day, as 20:00.
        left: numbers and times in the translation.
        words: in the translation.
        is_late: the text says so, and 9:13 tonight may be 21:13.
    """
    hour, minute = (int(part) for part in written.split(":"))
    time = f"{hour % 24}:{minute:02}"
    if left[time] > 0 or (is_late and hour <= 12 and left[later(time)] > 0):
        return True
    if minute:
        return False
    return left[str(hour)] > 0 or (
        (hour <= 12 or any(map(is_late_word, words))) and left[str(hour % 12)] > 0
    )


def with_hours_as_typed(text: str, translation: str, ours: Conventions, theirs: Conventions) -> str:
    """A translation in which 9:13 is neither 9:13 p.m. nor 21:13 if the text does not say so.

    A time of the whole day has no more words, either: no 20:00 p.m. One of a text that has such
    words itself, in code for example, stays as it is.
    """
    if theirs.half_days:
        if _OF_HALF_DAYS.search(text):
            return translation
        translation = _OF_HALF_DAYS.sub(_whole_day, translation)
    if says_late(text):
        return translation
    typed = {of_day(match): match for match in times_in(text, ours)}
    is_late = says_late(translation)

    def as_typed(match: re.Match[str]) -> str:
        meant = of_day(match)
        other = later(meant)
        if meant in typed or other not in typed or (is_late and not match["half"]):
            return match.group()
        source = typed[other]
        time = other if source["half"] else f"{source['hour']}:{source['minute']}"
        return time + _stop(match)

    return _TIME.sub(as_typed, translation)
