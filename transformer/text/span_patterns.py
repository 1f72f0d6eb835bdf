"""Patterns of what nobody translates: addresses, code, tags, and numbers as a language has them."""

import re
from functools import cache
from typing import NamedTuple

from .conventions import Conventions


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


_ENDINGS = (
    "pdf|docx?|xlsx?|pptx?|od[tsp]|txt|csv|tsv|json|xml|ya?ml|html?|css|jsx?|tsx?|py|ipynb|java|cpp|sh|"
    "exe|msi|apk|dmg|zip|gz|tar|7z|rar|png|jpe?g|gif|svg|webp|mp3|mp4|wav|avi|mkv|mov|iso|md|log|ini|"
    "cfg|conf|toml|sql|db|bak|tex|epub|srt"
)
"""Of files' names."""
# Addresses of pages and people, telephone numbers, and other numbers of six digits or more that are
# not amounts: of accounts, orders. The full stop or bracket after one does not belong to it. Then
# what programs read: code in backticks, marks of emphasis, tags, placeholders, paths, hashtags and
# names of users; names of files and functions.
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
_BEFORE = r"(?<![\w.,:/@+−-])"
_SIGN = r"(?:[+±−-](?=[0-9€$£¥]))?"
_AFTER = r"(?!\w|[.,:/–-][0-9])"
UNIT = r"(?:[kcdm]?m|[km]?g|[mcd]?l)(?!\w)"
MEASURE = r"km/h|m/s|mph|[KkMGT]i?B(?:/s)?|[kMG]bit/s|[kMG]?Hz|[kM]Wh?|mAh|kcal|kJ|hPa|dpi|fps|ppm"
"""What stands for a unit, and is no word."""
SPOONS = {"de": {"EL": "tbsp", "TL": "tsp"}, "en": {"tbsp": "EL", "tsp": "TL"}}
"""What stands behind a number in a recipe, and in the other language."""
_HELD = ("Ctrl", "Strg", "Alt", "AltGr", "Cmd", "Shift", "Umschalt", "Win")
"""Keys that are held while others are pressed."""
_SHORT_SCALES = {"mio", "mrd", "mn", "bn", "tn"}
"""Those that mean nothing else."""


@cache
def pattern_of(language: Conventions) -> re.Pattern[str]:
    """Finds all spans of a text in a language; the name of the group is the kind of a span."""
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
    if spoons := SPOONS.get(language.language or ""):
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
        rf"(?:\s?(?:[€$£¥%‰]|°(?:\s?[CF]\b)?|[kdcmµ]?m[²³]|(?:{MEASURE})\b)"
        rf"|\s{UNIT})?{_AFTER})"
    )
    kinds.append(rf"(?P<other>{_BEFORE}[0-9]+(?:[.,:/–-][0-9]+)+(?![\w]))")
    return re.compile("|".join(kinds), re.VERBOSE)
