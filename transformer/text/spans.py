"""Spans that nobody translates: hidden behind the marks @1, @2 …, and brought back afterwards.

Addresses come back as they were typed. Numbers come back as the other language writes them:
1.234,56 € as €1,234.56.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from .conventions import Conventions, conventions_of
from .names import find_names

# Addresses of pages and people, telephone numbers, and other numbers of six digits or more that are
# not amounts: of accounts, orders. The full stop or bracket after one does not belong to it. Then
# what programs read: code in backticks, marks of emphasis, tags, placeholders, paths, hashtags and
# names of users.
_ENDINGS = (
    "pdf|docx?|xlsx?|pptx?|od[tsp]|txt|csv|tsv|json|xml|ya?ml|html?|css|jsx?|tsx?|py|ipynb|java|cpp|sh|"
    "exe|msi|apk|dmg|zip|gz|tar|7z|rar|png|jpe?g|gif|svg|webp|mp3|mp4|wav|avi|mkv|mov|iso|md|log|ini|"
    "cfg|conf|toml|sql|db|bak|tex|epub|srt"
)
"""Of files' names."""
VERBATIM = re.compile(
    r"""
    `[^`\n]+` | (?<! [\w*] ) \*{2,3} (?= [^\s*] ) | (?<= [^\s*] ) \*{2,3} (?! [\w*] )
    | (?<! [\w~] ) ~~ (?= [^\s~] ) | (?<= [^\s~] ) ~~ (?! [\w~] )
    | <(?P<code>code|kbd|samp|var)\b[^<>\n]*>[^<\n]{0,999}</(?P=code)>
    | !?\[ (?= [^\]\n]{0,200} \]\( )
    | \]\( (?: [^()\s] | \( [^()\s]* \) )* (?: \s"[^"\n]{0,200}" )? \)
    | (?<! [\w*] ) [*_] (?= [^\W_] ) | (?<= [\w.!?] ) [*_] (?! [\w*] )
    | §{1,2} \s? [0-9]+[a-z]?
    | </?[A-Za-z][^<>\n]*> | <!--(?:[^\n<]|<(?!!--)){0,999}?--> | &(?:[A-Za-z]+|\#[0-9]+);
    | \{\{[^{}\n]*\}\} | \$?\{[\w.:%$-]*\}
    | (?<! [\w%] ) % (?: \( \w+ \) )? (?: [0-9]+\$ )? [0-9.]* [sdifgxu@] (?! \w )
    | (?<! [\w\\] ) [A-Za-z]:\\ [^\s"<>|]* (?<! [.,;:!?] )
    | (?<! [\w./~] ) (?: ~ | \.{1,2} )? / (?: [\w.+-]+ / )+ [\w+-]* (?: \.\w+ )*
    | (?<! [\w&/#] ) \# (?= \w*[^\W\d_] ) \w+
    | (?<! [\w.+@-] ) @ [^\W\d]\w+
    | (?<! [\w.@/-] ) (?! \w+_in(?:nen)?\b )
      [A-Za-z0-9]+ (?: _[A-Za-z0-9]+ )+ (?: \.\w{1,5} )? (?: \(\) )? (?! \w )
    | (?<! [\w.@/-] ) [A-Za-z_][\w.]* \(\)
    | (?<! [\w.@/-] ) [\w-]+ (?: \.[\w-]+ ){0,4} \. (?: %(ENDINGS)s ) (?! [\w@] | \.\w )
    | (?<! [\w.+-] )
    (?:
        (?i: https?:// | www\. ) \S+ (?<! [.,;:!?)\]}"'»“”] )
        | [\w.+-]+ @ [\w-]+ (?: \.[\w-]+ )+
        | (?<! , ) (?: \+ | \(?0 ) (?: [ /()–-]{0,3} \d ){5,} (?! \w | [.,]\d )
        | (?<! , ) \d (?: [/-]? \d ){5,} (?! \w | [.,]\d )
    )
    """.replace("%(ENDINGS)s", _ENDINGS),
    re.VERBOSE,
)
_MARK = re.compile(r"(?<![\w.+-])@ ?(\d{1,9})\b")
_MARKUP = re.compile(r"\0?(?:</?[A-Za-z]|!?\[|\]\(|[*_~]+(?:\0|$))")
_GLUE = "\0"
"""At the end of what is hidden: no space was there."""
_ALWAYS = frozenset(["verbatim", "half", "scaled", "price", "mixed", "slashed", "keys", "spoons"])
"""What is hidden even if the model can read it."""
_SHARES_A_WORD = re.compile(r"[\w.+-]")
_IN_NUMBER = frozenset("0123456789.,:")
_NUMBER_GOES_ON = re.compile(r"[0-9]|[.,:][0-9]")
_BEFORE = r"(?<![\w.,:/@+−-])"
_SIGN = r"(?:[+±−-](?=[0-9€$£¥]))?"
_AFTER = r"(?!\w|[.,:/–-][0-9])"


class Span(NamedTuple):
    """Something to hide."""

    start: int
    end: int
    kind: str
    """verbatim, word, date, time, half (a time with am or pm), scaled (millions and the like),
    price (29,-), mixed (1 1/2), slashed (12/31/2025), keys (Ctrl+S), spoons (2 tbsp), amount,
    digit, name, range or other."""
    typed: str
    written: str  # in the other language


@dataclass(frozen=True)
class Hidden:
    """A text with marks, and what each of them stands for."""

    shown: str
    typed: tuple[str, ...] = ()
    written: tuple[str, ...] = ()  # in the other language


class Spans:
    """Finds spans in texts of one language, and writes them in another.

    Args:
        src_lang: the language of the texts.
        tgt_lang: that of their translations. If either is unknown, numbers stay as they are.
        unreadable: true of a character that the model has no piece for. Words with such a letter
            are carried over, as names mostly are; and so are those with a letter that the language
            of the texts does not have, which the model has seldom seen.
        rare: true of a word that the model hardly knows. One beside such a name is part of it.
    """

    def __init__(
        self,
        src_lang: str,
        tgt_lang: str,
        unreadable: Callable[[str], bool] = lambda _: False,
        rare: Callable[[str], bool] = lambda _: False,
    ) -> None:
        ours, theirs = conventions_of(src_lang), conventions_of(tgt_lang)
        if ours is None or theirs is None:
            ours = theirs = Conventions()
        self._ours, self._theirs = ours, theirs
        self._unreadable = cache(unreadable)
        self._rare = rare
        self._pattern = _pattern(ours)
        self._theirs_number = re.compile(
            rf"(?<![0-9])(?<![0-9][.,:]){theirs.number}(?![0-9]|[.,:][0-9])"
        )

    def find(self, text: str, *, numbers: bool, words: bool = False) -> list[Span]:
        """Returns the spans of a text, in order.

        Args:
            text: a sentence.
            numbers: also those that the model can read: numbers of two digits or more, times.
            words: with them, what may become another word: names, and single digits.
        """
        strange = {c for c in set(text) if self._unreadable(c) or not self._ours.has_letter(c)}
        spans = []
        for match in self._pattern.finditer(text):
            kind, typed = str(match.lastgroup), match.group()
            if kind == "amount" and re.fullmatch(rf"[0-9](?:\s{_UNIT})?", typed):
                if not words or typed[0] in "01":  # which is also a, no, or nothing at all
                    continue
                kind = "digit"
            if numbers or kind in _ALWAYS or not strange.isdisjoint(typed):
                spans.append(Span(*match.span(), kind, typed, self._written(kind, match)))
        if strange:
            spans += self._strange_spans(text, strange, besides=spans)
        if words:
            spans += self._names(text, besides=spans)
        return sorted(spans)

    def hide(self, text: str, *, numbers: bool = False, words: bool = False) -> Hidden:
        """Puts @1, @2 … in the place of spans.

        A text that already has such marks is left alone, and so is one whose marks would not be
        found again.
        """
        if _MARK.search(text):
            return Hidden(text)
        spans = self.find(text, numbers=numbers, words=words)
        shown: list[str] = []
        typed: list[str] = []
        written: list[str] = []
        end = 0
        for n, span in enumerate(spans, start=1):
            # A mark is a word of its own: spaces set it apart, and vanish when it is brought back.
            touches = n > 1 and span.start == end
            left = (
                _GLUE if touches or _SHARES_A_WORD.match(text[span.start - 1 : span.start]) else ""
            )
            right = _GLUE if re.match(r"\w", text[span.end : span.end + 1]) else ""
            shown += [text[end : span.start], " " * len(left), f"@{n}", " " * len(right)]
            typed.append(left + span.typed + right)
            written.append(left + span.written + right)
            end = span.end
        whole = "".join([*shown, text[end:]])
        if bring_back(whole, typed) != text:
            return Hidden(text)
        return Hidden(whole, tuple(typed), tuple(written))

    def lost(self, text: str, translation: str) -> list[str]:
        """What a translation lacks of a text, in order and as typed.

        That is what must not change, dates, times, signs of currencies, common names, and numbers
        but for 0 and 1. The translation may group digits in another way, use another dash, have a
        word for a single digit, and count hours to 12 instead of 24 or the reverse.
        """
        of_text: dict[str, list[Span]] = {}
        for span in self.find(text, numbers=True, words=True):
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
        left = Counter(map(self._theirs.canonical, self._theirs_number.findall(translation)))
        words = set(re.findall(r"[^\W\d_]+", translation))
        may_be_late = _says_late(translation)
        for time in _times_in(translation, self._theirs):
            left[_of_day(time)] += 1
            if may_be_late and not time["half"] and int(time["hour"]) <= 12:
                left[_later(_of_day(time))] += 1
        is_late = _says_late(text)
        missing.sort()
        lost = [
            span.typed
            for span in missing
            if not self._said_otherwise(span, left, words, is_late=is_late)
        ]
        return lost + [sign for sign in signs if not any(sign in typed for typed in lost)]

    def with_hours_as_typed(self, text: str, translation: str) -> str:
        """A translation in which 9:13 is neither 9:13 p.m. nor 21:13 if the text does not say so.

        A time of the whole day has no more words, either: no 20:00 p.m. One of a text that has such
        words itself, in code for example, stays as it is.
        """
        if self._theirs.half_days:
            if _OF_HALF_DAYS.search(text):
                return translation
            translation = _OF_HALF_DAYS.sub(_whole_day, translation)
        if _says_late(text):
            return translation
        typed = {_of_day(match): match for match in _times_in(text, self._ours)}
        is_late = _says_late(translation)

        def as_typed(match: re.Match[str]) -> str:
            meant = _of_day(match)
            other = _later(meant)
            if meant in typed or other not in typed or (is_late and not match["half"]):
                return match.group()
            source = typed[other]
            time = other if source["half"] else f"{source['hour']}:{source['minute']}"
            return time + _stop(match)

        return _TIME.sub(as_typed, translation)

    def _strange_spans(self, text: str, strange: set[str], besides: list[Span]) -> list[Span]:
        # Words and signs with a character that is strange to the model; neighbours are one.
        rest, end = [], 0
        for span in besides:
            rest += [text[end : span.start], "\n" * (span.end - span.start)]
            end = span.end
        tokens = list(_WORD_OR_SIGN.finditer("".join([*rest, text[end:]])))
        carried = {i for i, token in enumerate(tokens) if not strange.isdisjoint(token.group())}
        for i in [*carried]:  # Grzegorz Brzęczyszczykiewicz
            for j in (i - 1, i + 1):
                if 0 <= j < len(tokens) and _are_names(text, tokens[min(i, j)], tokens[max(i, j)]):
                    carried |= {j} if self._rare(tokens[j].group()) else set()
        found: list[list[int]] = []  # [start, end]
        for i in sorted(carried):
            if found and i - 1 in carried and _are_names(text, tokens[i - 1], tokens[i]):
                found[-1][1] = tokens[i].end()
            else:
                found.append([*tokens[i].span()])
        return [Span(start, end, "word", text[start:end], text[start:end]) for start, end in found]

    def _names(self, text: str, besides: Sequence[Span]) -> list[Span]:
        if {self._ours.language, self._theirs.language} != {"de", "en"}:
            return []
        taken = bytearray(len(text))
        for span in besides:
            taken[span.start : span.end] = b"1" * (span.end - span.start)
        found = []
        for start, end in find_names(text, self._rare):
            if not any(taken[start:end]):
                taken[start:end] = b"1" * (end - start)
                found.append(Span(start, end, "name", text[start:end], text[start:end]))
        return found

    def _said_otherwise(
        self, span: Span, left: Counter[str], words: set[str], *, is_late: bool
    ) -> bool:
        if span.kind == "date":
            # With the same words and numbers: March 12th, 2024 for 12 March 2024.
            parts = re.findall(r"[^\W\d_]+|[0-9]+", span.written)
            return all(left[part] > 0 if part.isdecimal() else part in words for part in parts)
        if span.kind == "time":
            return _has_time(span.written, left, words, is_late=is_late)
        if span.kind == "name":  # Beckers Auto is Becker's
            parts = re.findall(r"[^\W\d_]+", span.typed)
            return all({part, part.removesuffix("s"), f"{part}s"} & words for part in parts)
        if span.kind == "digit":
            names = _DIGITS.get(self._theirs.language or "", {}).get(int(span.typed[0]), "")
            return not names or any(re.match(rf"(?i)(?:{names})", word) for word in words)
        if span.kind != "amount" or span.typed[0] in "-−±":
            return False
        if self._ours.decimal != self._theirs.decimal and re.fullmatch(
            rf"[0-9]+{re.escape(self._ours.decimal)}[0-9]+", span.written
        ):
            return False  # Python 3.11 is not 3,11
        measure = re.search(rf"(?:{_MEASURE})$", span.typed)
        if measure and not _has_measure(measure.group(), words):
            return False
        sign = next((c for c in span.typed if c in _NAMED), None)
        unit = re.search(rf"{_UNIT}$", span.typed)
        if sign and not any(word.lower().startswith(_NAMED[sign]) for word in words):
            return False
        if unit and not _has_unit(unit.group(), words):
            return False
        numbers = re.findall(self._ours.number, span.typed)
        number = self._ours.canonical(numbers[0]) if len(numbers) == 1 else ""
        written = [number]
        if len(number) == 2:  # an hour
            written += [str((int(number) + 12) % 24), str(int(number) - 12)]
        same = next((n for n in written if left[n] > 0), None)
        if same is not None:
            left[same] -= 1
        return same is not None

    def _written(self, kind: str, match: re.Match[str]) -> str:
        typed, ours, theirs = match.group(), self._ours, self._theirs
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
            there = _SPOONS[ours.language or ""][unit]
            if there not in _SPOONS.get(theirs.language or "", {}):
                return typed
            amount = typed.removesuffix(unit).strip()
            return f"{amount if '/' in amount else theirs.written(amount, ours)} {there}"
        if kind == "time":
            return typed.replace(".", ":") if re.search("[.:]", typed) else f"{typed}:00"
        if kind == "scaled":
            return self._scaled(typed)
        if kind == "price":
            number = re.sub(",[-–—]+", "", _MONEY.sub("", typed)).strip()
            written, money = theirs.written(number, ours), _MONEY.search(typed)
            return theirs.money(written, money.group()) if money else written
        if kind == "half":
            return typed if theirs.half_days else _of_whole_day(typed)
        if kind not in ("amount", "range"):
            return typed
        if _is_address(typed) or (ours.decimal == "." and _is_numbered(match)):
            return typed
        rest = re.sub(ours.number, lambda number: theirs.written(number.group(), ours), typed)
        money = _MONEY.search(rest)
        if money:
            rest = _MONEY.sub("", rest).strip()
            sign = re.match("[+±−-]?", rest)
            assert sign is not None
            return sign.group() + theirs.money(rest[sign.end() :].strip(), money.group())
        return re.sub(r"\s*([%‰])", rf"{theirs.share_gap}\1", rest)

    def _scaled(self, typed: str) -> str:
        found = re.search(rf"({self._ours.number})\s?([^\W\d_]+)", typed)
        assert found is not None
        number, word = found.groups()
        money = _MONEY.search(typed)
        written = self._theirs.scaled(number, self._ours.scales[word.lower()], self._ours)
        if written is None:
            return typed
        sign = typed[0] if typed[0] in "+±−-" else ""
        return sign + (self._theirs.money(written, money.group()) if money else written)


_MONEY = re.compile("[€$£¥]")
_NAMED: dict[str, str | tuple[str, ...]] = {
    "€": "euro",
    "$": "dollar",
    "£": ("pound", "pfund"),
    "¥": "yen",
    "%": ("per", "prozent"),
    "‰": ("per", "promille"),
    "°": ("degree", "grad"),
}
"""How the words begin that may stand for a sign."""
_UNIT = r"(?:[kcdm]?m|[km]?g|[mcd]?l)(?!\w)"
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


def _says_late(text: str) -> bool:
    return not _LATE.isdisjoint(re.findall(r"[^\W\d_]+", text.lower()))


def _of_day(time: re.Match[str]) -> str:
    # 9:13 pm → 21:13; also without "pm" if only that can be
    hour = int(time["hour"]) % 24
    if hour <= 12 and time["half"]:
        hour = hour % 12 + 12 * (time["half"] in "pP")
    return f"{hour}:{time['minute']}"


def _later(time: str) -> str:
    # Half a day later, or earlier.
    hour, minute = time.split(":")
    return f"{(int(hour) + 12) % 24}:{minute}"


def _times_in(text: str, language: Conventions) -> Iterator[re.Match[str]]:
    return (_TIME_OR_WITH_DOT if language.clock else _TIME).finditer(text)


def _whole_day(match: re.Match[str]) -> str:
    # 20:00 p.m.: 20:00, and so is 20 p.m.
    return (f"{match['hour']}:00" if match["hour"] else "") + _stop(match)


def _stop(match: re.Match[str]) -> str:
    # The full stop of a sentence stays, which ends "p.m.", too.
    return "." if match.group().endswith(".") and not match["rest"] else ""


_MEASURE = r"km/h|m/s|mph|[KkMGT]i?B(?:/s)?|[kMG]bit/s|[kMG]?Hz|[kM]Wh?|mAh|kcal|kJ|hPa|dpi|fps|ppm"
"""What stands for a unit, and is no word."""
_MEASURES = {
    r"km/h": "kilomet|stundenkilomet",
    r"mph": "mile|meile",
    r".*B(?:/s)?": "(?:kilo|mega|giga|tera)?byte",
    r".*Hz": "(?:kilo|mega|giga)?hert",
}


def _has_measure(measure: str, words: set[str]) -> bool:
    # km/h: or kilometres per hour
    names = next((names for sign, names in _MEASURES.items() if re.fullmatch(sign, measure)), None)
    return names is not None and any(re.match(f"(?i){names}", word) for word in words)


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


def _has_unit(unit: str, words: set[str]) -> bool:
    # 5 km: or kilometres, Kilometer
    word = f"{_PREFIXES[unit[:-1]]}{_BASES[unit[-1]]}" + ("|kilos?$" if unit == "kg" else "")
    return unit in words or any(re.match(word, each, re.IGNORECASE) for each in words)


def _has_time(written: str, left: Counter[str], words: set[str], *, is_late: bool) -> bool:
    # 14:30: or 2:30 p.m.; 20:00: or 8 p.m., but not 8 o'clock; 9:13 tonight: or 21:13
    hour, minute = (int(part) for part in written.split(":"))
    time = f"{hour % 24}:{minute:02}"
    if left[time] > 0 or (is_late and hour <= 12 and left[_later(time)] > 0):
        return True
    if minute:
        return False
    return left[str(hour)] > 0 or (
        (hour <= 12 or any(word.lower() in _LATE for word in words)) and left[str(hour % 12)] > 0
    )


def _of_whole_day(time: str) -> str:
    # 10:30 pm → 22:30, 5 p.m. → 17:00
    hour, *minutes = re.findall("[0-9]+", time)
    return ":".join([str(int(hour) % 12 + 12 * ("p" in time.lower())), *(minutes or ["00"])])


_WORD_OR_SIGN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")


def _are_names(text: str, first: re.Match[str], second: re.Match[str]) -> bool:
    # Two words with capitals, a space between them.
    return text[first.end() : second.start()] == " " and all(
        token.group()[0].isupper() for token in (first, second)
    )


_NUMBERED = re.compile(
    r"(?i:\b(?:chapter|section|version|figure|fig\.|table|release|part|paragraph|article|step|v\.?))\s$"
    r"|[\w,;] (?!I )[A-Z]\w*\s$"
)


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


_SPOONS = {"de": {"EL": "tbsp", "TL": "tsp"}, "en": {"tbsp": "EL", "tsp": "TL"}}
"""What stands behind a number in a recipe, and in the other language."""
_HELD = ("Ctrl", "Strg", "Alt", "AltGr", "Cmd", "Shift", "Umschalt", "Win")
"""Keys that are held while others are pressed."""
_KEYS = {
    "en": {"Strg": "Ctrl", "Umschalt": "Shift", "Entf": "Del", "Leertaste": "Space"},
    "de": {"Ctrl": "Strg", "Shift": "Umschalt", "Del": "Entf", "Space": "Leertaste"},
}
"""What is written on them."""
_SHORT_SCALES = {"mio", "mrd", "mn", "bn", "tn"}
"""Those that mean nothing else."""


@cache
def _pattern(language: Conventions) -> re.Pattern[str]:
    number = language.number
    kinds = [f"(?P<verbatim>{VERBATIM.pattern})"]
    if not language.dotted_dates:  # before that, as its digits may also be those of an account
        date = rf"{_BEFORE}[0-9]{{1,2}}/[0-9]{{1,2}}/[12][0-9]{{3}}{_AFTER}"
        kinds.insert(0, f"(?P<slashed>{date})")
    if language.dotted_dates:
        day, month = "(?:0?[1-9]|[12][0-9]|3[01])", r"\.[ ]?(?:0?[1-9]|1[0-2])"
        dates = [rf"{_BEFORE}{day}{month}\.[ ]?[12][0-9]{{3}}{_AFTER}"]
        for word in language.date_words:  # the last full stop may end the sentence, too
            dates.append(rf"(?<=\b(?i:{word})[ ]){day}{month}(?:\.(?=[ ]?[^\s0-9])|(?=\.$))")
        kinds.append(f"(?P<date>{'|'.join(dates)})")
    if language.clock:
        kinds.append(
            rf"(?P<time>{_BEFORE}(?:[01]?[0-9]|2[0-4])[.:][0-5][0-9](?=[ ]?{language.clock}\b)"
            rf"|{_BEFORE}(?:[01]?[0-9]|2[0-4]):[0-5][0-9]{_AFTER}"
            # 20 Uhr, but not 20 Uhr 15; 8 Uhr may be in the evening
            rf"|{_BEFORE}(?:1[3-9]|2[0-4])(?=[ ]?{language.clock}\b(?![ ]?[0-9])))"
        )
    else:
        if language.half_days:
            hour = "(?:1[0-2]|0?[1-9])(?:[:.][0-5][0-9])?"
            kinds.append(rf"(?P<half>{_BEFORE}{hour}[ ]?(?i:[ap](?:m\b|\.m\.)))")
        kinds.append(rf"(?P<time>{_BEFORE}(?:[01]?[0-9]|2[0-4]):[0-5][0-9]{_AFTER})")
    kinds.append(rf"(?P<keys>(?<![\w+])(?:{'|'.join(_HELD)})(?:[ ]?\+[ ]?[^\W_]+)+)")
    if spoons := _SPOONS.get(language.language or ""):
        part = rf"(?:[0-9]+[ ])?[1-9]/[1-9][0-9]?|{number}"
        kinds.append(rf"(?P<spoons>{_BEFORE}(?:{part})\s?(?:{'|'.join(spoons)})\b)")
    if language.scales:
        scale = "|".join(sorted(language.scales, key=len, reverse=True))
        # Without a currency, those that models take for other words or do not know.
        alone = "|".join(
            word
            for word, n in language.scales.items()
            if word in _SHORT_SCALES or (n >= 10**12 and len(word) > 3)
        )
        dot = r"(?:\.(?=[ ]?[^\s]))?"
        kinds.append(
            rf"(?P<scaled>{_BEFORE}{_SIGN}(?:[€$£¥]\s?{number}\s?(?i:{scale})\b{dot}"
            rf"|{number}\s?(?i:{scale})\b\.?\s?[€$£¥](?!\w)|{number}\s?(?i:{alone})\b{dot}))"
        )
    kinds.append(rf"(?P<range>{_BEFORE}{number}[–-]{number}(?:[ ]?[%‰€$£¥])?{_AFTER})")
    if language.decimal == ",":  # 29,- €
        kinds.append(rf"(?P<price>{_BEFORE}(?:[€$£]\s?)?{number},[-–—]{{1,2}}(?:\s?[€$£](?!\w))?)")
    kinds.append(rf"(?P<mixed>{_BEFORE}[0-9]+[ ][1-9]/[1-9][0-9]?(?![\w/]|[.,][0-9]))")
    kinds.append(
        rf"(?P<amount>{_BEFORE}{_SIGN}(?:[€$£¥]\s?)?{number}"
        rf"(?:\s?(?:[€$£¥%‰]|°(?:\s?[CF]\b)?|[kdcmµ]?m[²³]|(?:{_MEASURE})\b)"
        rf"|\s{_UNIT})?{_AFTER})"
    )
    kinds.append(rf"(?P<other>{_BEFORE}[0-9]+(?:[.,:/–-][0-9]+)+(?![\w]))")
    return re.compile("|".join(kinds), re.VERBOSE)


def has_markup(hidden: Sequence[str]) -> bool:
    """True if there is a tag, a link or a mark of emphasis among these."""
    return any(map(_MARKUP.match, hidden))


def keeps_markup(text: str, translation: str, hidden: Sequence[str]) -> bool:
    """True unless tags and the like change their order, or enclose nothing where they did before.

    Args:
        text: with marks.
        translation: with every one of these marks once.
        hidden: what they stand for.
    """
    order = [int(n) for n in _MARK.findall(translation) if _MARKUP.match(hidden[int(n) - 1])]
    if order != sorted(order):
        return False

    def follows(n: int, in_text: str) -> bool:  # @2 right behind @1
        return re.search(rf"@ ?{n}\s*@ ?{n + 1}\b", in_text) is not None

    return not any(
        follows(n, translation) and not follows(n, text) for n in order if n + 1 in order
    )


def bring_back(translation: str, hidden: Sequence[str]) -> str | None:
    """The reverse of `Spans.hide`; None unless every mark is there exactly once."""
    marks = sorted(int(number) for number in _MARK.findall(translation))
    if marks != list(range(1, len(hidden) + 1)):
        return None
    return _unglued(_MARK.sub(lambda match: hidden[int(match.group(1)) - 1], translation))


def bring_back_anyhow(translation: str, hidden: Sequence[str]) -> str:
    """`bring_back` where marks are lost or doubled: what is lost comes at the end."""
    left = dict(enumerate(hidden, start=1))
    text = _MARK.sub(lambda match: left.pop(int(match.group(1)), ""), translation)
    return _unglued(" ".join([*text.split(), *left.values()]))


def _lost_signs(text: str, translation: str) -> list[str]:
    # € for which there is neither € nor euros
    lost = []
    for sign in sorted(set(_MONEY.findall(text))):
        named = re.findall(rf"(?i)\b(?:{'|'.join(_names(sign))})", translation)
        if text.count(sign) > translation.count(sign) + len(named):
            lost.append(sign)
    return lost


def _names(sign: str) -> tuple[str, ...]:
    names = _NAMED[sign]
    return (names,) if isinstance(names, str) else names


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


def _unglued(text: str) -> str:
    return re.sub(f" ?{_GLUE} ?", "", text)
