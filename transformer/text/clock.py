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
# What stands behind an hour shows that it is none: a larger number, a range, a quantity.
_NO_HOUR = (
    r"(?![.,:/]\d|\s?[-–/]\s?\d|-|–|\s?[%€$°]"
    r"|\s(?:km|cm|mm|m|kg|g|l|ml|zu|von|mit|hundert|tausend|drittel|mal|prozent|euro|meter|liter"
    r"|jahre|wochen|tage|stunden)\b)"
)
_NO_ENGLISH_HOUR = (
    r"(?![.,:/]\d|['’]s|\s?[-–/]\s?\d|-|–|\s?[%€$°]"
    r"|\s(?:and a|hundred|thousand|million|thirds?|halves|percent|per|years?|feet|miles?|inches"
    r"|hours?|fifteen|twenty|thirty|forty|fifty)\b)"
)


def _hours(words: dict[str, int], unless: str) -> str:
    return rf"(?:{'|'.join(words)}|1[0-2]|[1-9])\b{unless}"


_HOUR = _hours(_GERMAN, _NO_HOUR)
_UHR = r"(?: Uhr\b(?! (?:\d|zehn|zwanzig|dreißig|vierzig|fünfzig)))?"
# In other places, halb and Viertel may say how much there is of something.
_CLOCK = r"(?:um|gegen|ab|bis|seit|es ist|ist es|es war|war es|kurz vor|kurz nach) "


def _half(number: int) -> str:
    # Groups of one pattern cannot share their names.
    minutes = rf"(?P<minutes{number}>{'|'.join(_GERMAN)}|1[0-4]|[1-9]) (?:Minuten )?"
    return rf"(?:{minutes}(?P<side{number}>vor|nach) )?halb (?P<half{number}>{_HOUR})"


def _quarter(number: int) -> str:
    return rf"viertel (?P<where{number}>vor|nach) (?P<quarter{number}>{_HOUR})"


_IN_GERMAN = re.compile(
    rf"(?i)(?P<before>\b{_CLOCK})"
    rf"(?:{_half(1)}|drei ?viertel (?P<three>{_HOUR})|{_quarter(1)}){_UHR}"
    rf"|^(?:{_half(2)}|{_quarter(2)}){_UHR}(?=[.!?]?$)"
    rf"|\b(?P<near>(?:vor|nach) )halb (?P<half3>{_HOUR}){_UHR}"
)
_ENGLISH_HOUR = _hours(_ENGLISH, _NO_ENGLISH_HOUR)
_IN_ENGLISH = re.compile(
    rf"(?i)\bhalf[ -]past (?P<half>{_ENGLISH_HOUR})(?: o['’]clock\b)?"
    r"|(?P<before>\b(?:at|until|till|it['’]s|it is|it was|is it|was it) (?:about |almost )?)"
    rf"(?:a )?quarter (?P<where>to|past) (?P<quarter>{_ENGLISH_HOUR})(?: o['’]clock\b)?"
)


def german_times(text: str) -> str:
    """um halb acht, fünf vor halb acht, dreiviertel acht or Viertel nach acht, such as 7:30 Uhr."""

    def written(found: re.Match[str]) -> str:
        half = found["half1"] or found["half2"] or found["half3"]
        hour = half or found["three"] or found["quarter1"] or found["quarter2"]
        before = found["before"] or found["near"] or ""
        # halb Elf, halb Mensch
        capital = hour[0].isupper() and not found.group().isupper()
        if capital and not found["before"]:
            return found.group()
        minutes = 60 * _number(hour, _GERMAN)
        apart, side = found["minutes1"] or found["minutes2"], found["side1"] or found["side2"]
        where = found["where1"] or found["where2"] or ""
        if half:
            n = _number(apart, _GERMAN) if apart else 0
            minutes += -30 + (n if side and side.lower() == "nach" else -n)
        else:
            minutes += 15 if where.lower() == "nach" else -15
        return f"{before}{_clock(minutes)} Uhr"

    return _IN_GERMAN.sub(written, text)


def english_times(text: str) -> str:
    """half past seven, at a quarter to seven and at a quarter past seven, such as 7:30."""

    def written(found: re.Match[str]) -> str:
        hour = found["half"] or found["quarter"]
        if hour[0].isupper() and not found.group().isupper():  # a title
            return found.group()
        minutes = 60 * _number(hour, _ENGLISH)
        if found["half"]:
            return _clock(minutes + 30)
        return found["before"] + _clock(minutes + (15 if found["where"].lower() == "past" else -15))

    return _IN_ENGLISH.sub(written, text)


def _number(word: str, words: dict[str, int]) -> int:
    return int(word) if word.isdigit() else words[word.lower()]


def _clock(minutes: int) -> str:
    # Words do not tell the half of the day.
    return f"{minutes // 60 % 12 or 12}:{minutes % 60:02}"
