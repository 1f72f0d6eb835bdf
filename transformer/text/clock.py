"""Times of day in words, written in digits: halb acht is 7:30, and half past seven, too.

Half an hour counts towards the next hour in German and from the last one in English. A model that
has seen few of them takes the word that it knows, and is an hour off.
"""

import re

_GERMAN = {
    **{"eins": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8},
    **{"neun": 9, "zehn": 10, "elf": 11, "zwölf": 12},
}
_ENGLISH = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    **{"nine": 9, "ten": 10, "eleven": 11, "twelve": 12},
}
_NOT_A_NUMBER = r"(?![.,:]?\d|\s?[%€$°]|-\w)"


def _hours(words: dict[str, int]) -> str:
    return rf"(?:{'|'.join(words)}|1[0-2]|[1-9])\b{_NOT_A_NUMBER}"


_IN_GERMAN = re.compile(
    rf"(?i)\b(?:(?P<minutes>{'|'.join(_GERMAN)}|1[0-4]|[1-9]) (?:Minuten )?(?P<side>vor|nach) )?"
    rf"halb (?P<half>{_hours(_GERMAN)})(?! mit\b)(?: Uhr\b)?"
    rf"|\b(?:dreiviertel|drei viertel) (?P<three>{_hours(_GERMAN)})(?: Uhr\b)?"
    rf"|(?<!\bein )\bviertel (?P<where>vor|nach) (?P<quarter>{_hours(_GERMAN)})"
    r"(?: Uhr\b|(?!(?-i: [A-ZÄÖÜ])))"
)
# In other places "a quarter to one" may be a part of something.
_AFTER_A_TIME = (
    r"(?: o['’]clock\b|(?=\s*(?:$|[.,;:!?)\"”]"
    r"|(?:in the|at|on|and|or|today|tonight|tomorrow|sharp)\b)))"
)
_IN_ENGLISH = re.compile(
    rf"(?i)\bhalf past (?P<half>{_hours(_ENGLISH)})(?: o['’]clock\b)?"
    rf"|\b(?:a )?quarter (?P<where>to|past) (?P<quarter>{_hours(_ENGLISH)})"
    rf"{_AFTER_A_TIME}"
)


def german_times(text: str) -> str:
    """halb acht, fünf vor halb acht, dreiviertel acht and Viertel nach acht, such as 7:30 Uhr."""

    def written(found: re.Match[str]) -> str:
        hour = found["half"] or found["three"] or found["quarter"]
        # halb Elf, halb Mensch
        if not (hour.islower() or hour.isdigit() or found.group().isupper()):
            return found.group()
        minutes = 60 * _number(hour, _GERMAN)
        if found["half"]:
            apart = _number(found["minutes"], _GERMAN) if found["minutes"] else 0
            minutes += -30 + (apart if (found["side"] or "").lower() == "nach" else -apart)
        elif found["three"] or found["where"].lower() == "vor":
            minutes -= 15
        else:
            minutes += 15
        return f"{_clock(minutes)} Uhr"

    return _IN_GERMAN.sub(written, text)


def english_times(text: str) -> str:
    """Half past seven, a quarter to seven and a quarter past seven, such as 7:30."""

    def written(found: re.Match[str]) -> str:
        minutes = 60 * _number(found["half"] or found["quarter"], _ENGLISH)
        if found["half"]:
            return _clock(minutes + 30)
        return _clock(minutes + (15 if found["where"].lower() == "past" else -15))

    return _IN_ENGLISH.sub(written, text)


def _number(word: str, words: dict[str, int]) -> int:
    return int(word) if word.isdigit() else words[word.lower()]


def _clock(minutes: int) -> str:
    # Words do not tell the half of the day.
    return f"{minutes // 60 % 12 or 12}:{minutes % 60:02}"
