"""Abbreviations, written out: z. B. as zum Beispiel, approx. as approximately, Mon-Fri in full.

A model has seen most of them too seldom, and takes them for other words. Those that it knows (etc.,
usw., ca., bzw.) stay, and so do those that may mean several things.
"""

import re
from collections.abc import Callable
from functools import partial

_GERMAN = """
z.B.=zum Beispiel z.T.=zum Teil u.a.=unter anderem u.U.=unter Umständen i.d.R.=in der Regel
o.Ä.=oder Ähnliches s.o.=siehe oben s.u.=siehe unten v.Chr.=vor Christus n.Chr.=nach Christus
evtl.=eventuell lt.=laut vgl.=siehe zzgl.=plus Hbf=Hauptbahnhof
Jh.=Jahrhundert Nr.=Nummer
"""
_GERMAN_BEFORE = """
Nr.=Nummer S.=Seite Kap.=Kapitel Abb.=Abbildung Tel.=Telefon max.=maximal mind.=mindestens
"""
_GERMAN_BEHIND = "Std.=Stunden Min.=Minuten Sek.=Sekunden"
_GERMAN_DAYS = "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"
_GERMAN_MONTHS = "Januar Februar April August September Oktober November Dezember"
_ENGLISH = """
e.g.=for example i.e.=that is a.k.a.=also known as approx.=approximately incl.=including
excl.=excluding dept.=department asap=as soon as possible ASAP=as soon as possible w/o=without
"""
_ENGLISH_BEFORE = "p.=page pp.=pages fig.=figure ch.=chapter"
_NO = re.compile(
    r"(?<=[A-Za-z] )(?<!\bis )(?<!\bwas )(?<!\bsaid )(?<!\bsay )(?<!\bsays )no\. ?(?=[0-9])"
)
"""Room no. 5; but the answer is no. 5 people left."""
_ENGLISH_BEHIND = "hr=hours hrs=hours min=minutes mins=minutes sec=seconds secs=seconds lbs=pounds"
_ENGLISH_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_ENGLISH_MONTHS = (
    "January February March April June July August September October November December"
)

_END = re.compile(r"[\"'»“”’)\] ]*$")
# No day in "I met Jan. 5 people came."
_DAY = (
    r"[0-9]{4}\b|[0-9]{1,2}(?:st|nd|rd|th)?(?:\W*$|[,;:)–-]| (?:and|or|at|to|until|from|in|we|I)\b)"
)

Write = Callable[[str], str]


def _table(entries: str) -> dict[str, str]:
    return dict(re.findall(r"(\S+)=(.+?)(?= \S+=|\n|$)", entries))


def _key(typed: str) -> str:
    return typed.replace(" ", "").rstrip(".").lower()


def _pattern(short: str) -> str:
    # Spaces may follow a full stop within it, and one may follow it if it has none.
    found = re.sub(r"\.(?=\w)", r"\\. ?", re.sub(r"\.$", r"\\.", short))
    first = f"(?i:{short[0]})" if short[0].islower() and len(short) > 3 else short[0]  # Lt. Meier
    return first + found[1:] + ("" if short.endswith(".") else r"\b\.?")


def _written(
    entries: str, before: str = r"(?<![\w.@/-])", behind: str = r"(?![\w@]|\.\w)"
) -> Write:
    table = _table(entries)
    full = {_key(short): words for short, words in table.items()}
    shorts = "|".join(map(_pattern, sorted(table, key=len, reverse=True)))
    pattern = re.compile(f"{before}(?:{shorts}){behind}")

    def write(match: re.Match[str]) -> str:
        typed = match.group()
        words = full[_key(typed)]
        if typed[0].isupper() and words[0].islower() and not typed[1:2].isupper():
            words = words[0].upper() + words[1:]
        # The full stop of an abbreviation is also that of the sentence.
        ends = typed.endswith(".") and _END.match(match.string, match.end()) is not None
        gap = " " * match.string[match.end() : match.end() + 1].isdecimal()
        return words + ("." if ends else "") + gap

    return lambda text: pattern.sub(write, text)


def _days(names: str, n: int, begin: str, to: str) -> Write:
    full = {name[:n]: name for name in names.split()}
    day = "|".join(full)
    ranges = re.compile(
        rf"(?<![\w.@/-])({begin})?({day})\.? ?[–-] ?({day})\b(?:\.(?! *$| +[A-ZÄÖÜ]))?(?![\w@-])"
    )
    single = re.compile(rf"(?<![\w.@/-])({day})\.(?=,| [0-9a-zäöü])")

    def write(text: str) -> str:
        text = ranges.sub(
            lambda found: f"{found[1] or begin}{full[found[2]]} {to} {full[found[3]]}", text
        )
        return single.sub(lambda found: full[found[1]], text)

    return write


def _months(names: str, behind: str, before: str) -> Write:
    full = {name[:3]: name for name in names.split()}
    month = "|".join(full)
    after = re.compile(rf"(?<={behind})({month})t?\b(?:\.(?! *$| +[A-ZÄÖÜ]))?(?=\W|$)")
    first = re.compile(rf"(?<![\w.@/-])({month})t?\b\.? (?={before})")

    def write(text: str) -> str:
        text = after.sub(lambda found: full[found[1]], text)
        return first.sub(lambda found: f"{full[found[1]]} ", text)

    return write


def _singular(one: str) -> Write:
    # 1 Stunden
    return lambda text: re.sub(rf"(?<![\w.,])1 ({one})[ns]\b", r"1 \1", text)


_IN_GERMAN = (
    _written(_GERMAN),
    _written(_GERMAN_BEFORE, behind=r"(?= ?[0-9])"),
    _written(_GERMAN_BEHIND, before=r"(?<=[0-9] )"),
    _singular("Stunde|Minute|Sekunde"),
    _days(_GERMAN_DAYS, 2, "von ", "bis"),
    _months(_GERMAN_MONTHS, r"[0-9]\. ", r"[0-9]{4}\b"),
)
_IN_ENGLISH = (
    partial(_NO.sub, "number "),
    _written(_ENGLISH),
    _written(_ENGLISH_BEFORE, behind=r"(?= ?[0-9])"),
    _written(_ENGLISH_BEHIND, before=r"(?<=[0-9] )"),
    _singular("hour|minute|second|pound"),
    _days(_ENGLISH_DAYS, 3, "from ", "to"),
    _months(_ENGLISH_MONTHS, "[0-9] ", _DAY),
)


def german_in_full(text: str) -> str:
    """z. B. as zum Beispiel, Mo–Fr as von Montag bis Freitag, 5. Jan. in full."""
    for write in _IN_GERMAN:
        text = write(text)
    return text


def english_in_full(text: str) -> str:
    """e.g. as for example, 2 hrs as 2 hours, Mon-Fri as from Monday to Friday, Jan. 5 in full."""
    for write in _IN_ENGLISH:
        text = write(text)
    return text
