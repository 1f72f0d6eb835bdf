"""German: its abbreviations, umlauts and ß that were typed as ae, oe, ue and ss, gender signs."""

import re
from functools import cache

from ..data.tokenizer import Tokenizer
from .abbreviations import german_in_full
from .clock import german_times
from .halves import german_halves
from .names import SURNAMES
from .rules import Rules

# One letter (z. B.), an ordinal number (3. Mai, zum 100. Mal), and these.
_ABBREVIATIONS = re.compile(
    r"\w|\d{1,3}|\w*[Ss]tr|Abb|Bd|Bsp|Chr|Co|Dipl|Dr|Fa|Fr|Hr|Hrn|Ing|Mio|Mr|Mrd|Mrs|Ms|"
    r"MwSt|Prof|St|Std|Tel|bspw|bzw|ca|evtl|geb|ggf|inkl|jur|med|nat|phil|rer|usw|vgl|vs|zzgl|"
    r"Jan|Feb|Apr|Aug|Sept|Okt|Nov|Dez|Mo|Di|Mi|Do|Sa|So"
)
_BEFORE_NUMBER = re.compile(r"Abs|Art|Kap|No|Nr|max|min|mind")

# People who do something: the stems of nouns to which "in" and "innen" are added, by how they end.
_STEM = (
    r"(?:[A-ZÄÖÜ][a-zäöüß]*(?:[a-zäöüß]{2}(?:er|or|ar)|ent|ant|ist|eur|ier|log|graf|nom|ot|at|et|"
    r"kolleg|arzt|ärzt|koch|köch|kund|reund|anwält|chef|gäst)|Kolleg|Arzt|Ärzt|Koch|Köch|Kund|Chef|Gäst)"
)
_NOT_IN_A_NAME = r"(?![\w]|[._-]\w)"
_SIGN_BEFORE_IN = re.compile(
    rf"\b({_STEM})(?:[*:](?=in(?:nen)?{_NOT_IN_A_NAME})|(?:_|/-?)(?=innen{_NOT_IN_A_NAME})"
    rf"|/-(?=in{_NOT_IN_A_NAME}))"
)
_CAPITAL_IN = re.compile(rf"\b({_STEM})Innen{_NOT_IN_A_NAME}")
# The endings of jede*r, eine:n and ein*e.
_SIGN_BEFORE_ENDING = re.compile(
    rf"(?i)\b((?:[dmsk]?ein|unser|ihr|jed|dies|welch|manch)e)[*:_](?=[rnms]{_NOT_IN_A_NAME})"
)
_SIGN_BEFORE_E = re.compile(rf"(?i)\b([dmsk]?ein|unser|ihr)[*:_](?=e{_NOT_IN_A_NAME})")

_DIGRAPHS = {"ae": "ä", "oe": "ö", "ue": "ü", "Ae": "Ä", "Oe": "Ö", "Ue": "Ü"}


def is_german(language: str) -> bool:
    """True for de, de_AT, deu, and for what ends a file's name: tok.de."""
    return not {"de", "deu", "ger", "german"}.isdisjoint(re.split(r"[\W_]", language.lower()))


def restore_umlauts(text: str, tokenizer: Tokenizer) -> str:
    """Restores umlauts that were typed without dots: Schluessel → Schlüssel, but not neue → neü.

    The vocabulary has frequent words in one piece, so a word with ae, oe or ue is spelled with ä, ö
    or ü if it then needs fewer pieces. ß is itself one piece where ss may be two: it has to make
    the word a single piece, or save three. Whoever typed one umlaut could have typed the others, so
    a text with an umlaut keeps its digraphs, and one with ß its ss. Addresses stay as they are.
    """
    no_umlauts, no_sharp_s = not re.search("[äöüÄÖÜ]", text), "ß" not in text

    @cache
    def n_pieces(word: str) -> int:
        return len(tokenizer.encode(word))

    @cache  # words come again
    def best(word: str) -> str:
        if word in SURNAMES:  # Sauer
            return word
        spellings = [word]
        if no_umlauts:
            spellings.append(re.sub(r"[aouAOU]e", lambda two: _DIGRAPHS[two.group()], word))
        if no_sharp_s:
            enough = max(1, n_pieces(word) - 3)
            sharp = [spelling.replace("ss", "ß") for spelling in spellings]
            spellings += [spelling for spelling in sharp if n_pieces(spelling) <= enough]
        return min(spellings, key=n_pieces)  # the first among equals: as typed

    typed = r"(?<![@/.\w])(?=\w*(?:[aouAOU]e|ss))\w+\b(?!@|\.\w)"
    return re.sub(typed, lambda match: best(match.group()), text)


def without_gender_signs(text: str) -> str:
    """Kolleg*innen, Lehrer:in, Ärzt_innen, Schüler/-innen and KundInnen as words of German.

    What is left is the feminine, which English hardly ever tells from the masculine. jede*r and
    ein:e lose their sign as well.
    """
    text = _CAPITAL_IN.sub(r"\1innen", _SIGN_BEFORE_IN.sub(r"\1", text))
    return _SIGN_BEFORE_E.sub(r"\1", _SIGN_BEFORE_ENDING.sub(r"\1", text))


GERMAN = Rules(
    _ABBREVIATIONS,
    _BEFORE_NUMBER,
    restore_umlauts,
    without_signs=without_gender_signs,
    plainly=lambda text: german_in_full(german_halves(german_times(text))),
    no_capital="ß",
)
