"""How a language writes numbers, money, shares and dates, by Unicode's CLDR, and its letters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from .german import is_german

if TYPE_CHECKING:
    from babel import Locale

_ENGLISH = {"en", "eng", "english"}

_LETTERS = {"de": frozenset("äöüßéèà"), "en": frozenset("äöüßéèêàâçñ")}
"""Of words, beside A to Z: their own, those of loanwords, and in English those of German names."""


_TYPED_SCALES = {
    "de": {"tsd": 10**3},
    "en": {"bn": 10**9, "mn": 10**6, "tn": 10**12},
}
"""Short forms that people type, beside those of Unicode's CLDR."""


@dataclass(frozen=True)
class Conventions:
    """What a language puts between and beside digits, and which letters it has."""

    decimal: str = "."
    group: str = ","  # between thousands
    money_first: bool = True  # €5, not 5 €
    money_gap: str = ""
    share_gap: str = ""  # before the percent sign
    dotted_dates: bool = False  # 24.12.2024
    clock: str | None = None  # the word behind a time, whose parts a full stop may divide
    half_days: bool = False  # 10:30 pm, not 22:30
    date_words: tuple[str, ...] = ()  # what stands before a date without a year
    letters: frozenset[str] | None = None  # beside A to Z, small; None: any
    scales: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Words and short forms behind a number, in small letters, and what they multiply it by."""
    locale: Locale | None = None

    def has_letter(self, character: str) -> bool:
        """False of letters that only names and words of other languages have."""
        if self.letters is None or character.isascii() or not character.isalpha():
            return True
        return character.lower() in self.letters or character == "ẞ"

    @property
    def language(self) -> str | None:
        """By its two letters; None if it is unknown."""
        return None if self.locale is None else str(self.locale.language)

    @property
    def number(self) -> str:
        """A pattern of its numbers, without sign."""
        group = r"[\u00a0\u202f\u2009'’]" if self.group.isspace() else re.escape(self.group)
        group = rf"(?:{group}|[\u00a0\u202f\u2009])"
        whole = rf"(?:[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+|[0-9]+)"
        return rf"{whole}(?:{re.escape(self.decimal)}[0-9]+)?"

    def canonical(self, number: str) -> str:
        """Its digits, with a full stop before the decimals."""
        whole, _, decimals = number.partition(self.decimal)
        digits = re.sub(r"[^0-9]", "", whole)
        return f"{digits}.{decimals}" if decimals else digits

    def written(self, number: str, by: Conventions) -> str:
        """A number that a text has by other conventions, digit for digit."""
        whole, _, decimals = number.partition(by.decimal)
        whole = re.sub(r"[^0-9]", self.group, whole)
        return f"{whole}{self.decimal}{decimals}" if decimals else whole

    def money(self, amount: str, currency: str) -> str:
        """An amount with its sign."""
        if self.money_first:
            return f"{currency}{self.money_gap}{amount}"
        return f"{amount}{self.money_gap}{currency}"

    def scaled(self, number: str, scale: int, by: Conventions) -> str | None:
        """A number that a text has by other conventions, times 1000 or a million or so, in words.

        1,2 Milliarden as 1.2 billion, but 2.5k as 2.500. None if the language has no such word.
        """
        digits = by.canonical(number)
        if scale == 1000:
            thousands = Decimal(digits) * 1000
            return None if thousands % 1 else f"{int(thousands):,}".replace(",", self.group)
        if self.locale is None:
            return None
        forms = self.locale.compact_decimal_formats["long"]
        words = forms["one" if digits == "1" else "other"].get(str(scale))
        return (
            None if words is None else str(words.pattern).replace("0", self.written(number, by), 1)
        )

    def date(self, day: int, month: int, year: int | None) -> str:
        """The month as a word, so that nobody takes it for the day."""
        from babel.dates import format_date, format_skeleton

        assert self.locale is not None
        given = date(year or 2024, month, day)  # a leap year
        if self.locale.language == "en":
            return str(format_date(given, "d MMMM y" if year else "d MMMM", locale=self.locale))
        if year:
            return str(format_date(given, "long", locale=self.locale))
        return str(format_skeleton("MMMMd", given, locale=self.locale))


@cache
def conventions_of(language: str) -> Conventions | None:
    """Those of a language; None if its name says nothing."""
    locale = _locale(language)
    if locale is None:
        return None
    german = locale.language == "de"
    symbols = locale.number_symbols
    symbols = symbols.get("latn", symbols)
    money = locale.currency_formats["standard"].pattern.partition(";")[0]
    share = locale.percent_formats[None].pattern
    return Conventions(
        decimal=symbols["decimal"],
        group=symbols["group"],
        money_first=money.lstrip("\u200e\u200f").startswith("¤"),
        money_gap=" " if re.search(r"\s", money) else "",
        share_gap=" " if re.search(r"\s", share) else "",
        dotted_dates=re.match(r"d+\.M+\.y", locale.date_formats["short"].pattern) is not None,
        clock="Uhr" if german else None,
        half_days="a" in locale.time_formats["short"].pattern,
        date_words=("am", "ab", "bis", "vom", "zum", "seit", "den", "dem", "der") if german else (),
        letters=_LETTERS.get(locale.language),
        scales=_scales(locale),
        locale=locale,
    )


def _scales(locale: Locale) -> dict[str, int]:
    found = dict(_TYPED_SCALES.get(locale.language, {}))
    for length in ("long", "short"):
        for forms in locale.compact_decimal_formats[length].values():
            for scale, pattern in forms.items():
                # 0 Millionen, 0 Mio'.', 0M
                word = re.fullmatch(r"0\s?([^\W\d]+)(?:'?\.'?)?", str(pattern.pattern))
                if word:
                    found.setdefault(word[1].lower(), int(scale))
    return found


def language_of(name: str) -> str | None:
    """A language by its two letters: en for en_GB, english and tok.en; None if it is unknown."""
    locale = _locale(name)
    return None if locale is None else str(locale.language)


def _locale(language: str) -> Locale | None:
    from babel import Locale, UnknownLocaleError

    # pt_BR is a locale; the others are also what ends a file's name, as in tok.de.
    if not re.fullmatch("[a-z]{2}([_-][A-Z]{2})?", language):
        if is_german(language):
            language = "de"
        elif not _ENGLISH.isdisjoint(re.split(r"[\W_]", language.lower())):
            language = "en"
        else:
            return None
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return None
