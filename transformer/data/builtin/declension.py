"""Articles, adjectives and nouns in every gender and case; prepositions before them."""

from __future__ import annotations

from functools import cache

from .nouns import Noun
from .phrases import NOTHING, Phrase, words

CASES = ("nom", "acc", "dat")
DER = {"m": "der den dem", "f": "die die der", "n": "das das dem", "p": "die die den"}
# Endings of dieser; of ein, kein, mein; "-" for none.
DIESER = {"m": "er en em", "f": "e e er", "n": "es es em", "p": "e e en"}
EIN = {"m": "- en em", "f": "e e er", "n": "- - em", "p": "e e en"}
# Adjective endings after der and dieser; after ein, kein, mein; without article.
WEAK = {"m": "e en en", "f": "e e en", "n": "e e en", "p": "en en en"}
MIXED = {"m": "er en en", "f": "e e en", "n": "es es en", "p": "en en en"}
STRONG = {"m": "er en em", "f": "e e er", "n": "es es em", "p": "e e en"}
# An article before the adjective's stem: "teures".
STEMS = {"teuer": "teur", "dunkel": "dunkl"}
DETERMINERS = {"der": "the", "dieser": "this", "mein": "my", "dein": "your", "sein": "his"} | {
    "ihr": "her", "unser": "our", "euer": "your", "Ihr": "your", "": ""
}  # fmt: skip


def ending(endings: dict[str, str], gender: str, case: str) -> str:
    """Look up a table like `DER`."""
    return endings[gender].split()[CASES.index(case)].strip("-")


@cache
def german_article(article: str, gender: str, case: str) -> str:
    """Decline "der", "dieser", "ein" and what is declined like it."""
    if article == "der":
        return ending(DER, gender, case)
    if article == "dieser":
        return "dies" + ending(DIESER, gender, case)
    suffix = ending(EIN, gender, case)
    return ("eur" if article == "euer" and suffix else article) + suffix


@cache
def noun_phrase(
    noun: Noun,
    article: str = "der",
    case: str = "nom",
    *,
    plural: bool = False,
    adjective: Phrase | None = None,
    number: Phrase = NOTHING,
    determiner: str = "",
) -> Phrase:
    """Decline article, adjective and noun: ("mein", "dat", alt) → "meinem alten Freund".

    Args:
        noun: what it is about; names stay as they are.
        article: der, dieser, ein, kein, a possessive, or "" for none.
        case: nom, acc or dat.
        plural: in the plural.
        adjective: stands before the noun.
        number: stands before the noun instead of an article.
        determiner: the English for the article, where it does not follow ("ihr": her, their).
    """
    if noun.name:
        return Phrase(noun.de, noun.en)
    gender = "p" if plural else noun.gender
    countable = gender != "p" and not noun.mass
    bare = not article or (article == "ein" and not countable)
    german = noun.de_plural if plural or (noun.weak and case != "nom") else noun.de
    if gender == "p" and case == "dat" and not german.endswith(("n", "s")):
        german += "n"
    english = noun.en_plural if plural else noun.en
    if adjective:
        endings = STRONG if bare else WEAK if article in ("der", "dieser") else MIXED
        stem = STEMS.get(adjective.de, adjective.de)
        german = f"{stem}{ending(endings, gender, case)} {german}"
        english = f"{adjective.en} {english}"
    if article in ("ein", "kein"):
        determiner = "any" if article == "kein" else ""
        if countable:
            determiner = "an" if english[0] in "aeiou" else "a"
    elif not determiner:
        determiner = "these" if article == "dieser" and gender == "p" else DETERMINERS[article]
    german = words(number.de, "" if bare else german_article(article, gender, case), german)
    return Phrase(german, words(number.en, determiner, english))


CONTRACTIONS = [
    pair.split("=")
    for pair in """in dem =im |an dem =am |zu dem =zum |zu der =zur |von dem =vom |bei dem =beim |
    in das =ins |an das =ans """.replace("\n    ", "").split("|")
]


def join_preposition(preposition: str, german: str) -> str:
    """Preposition and noun phrase, contracted as in "im", "zum", "ins"."""
    joined = f"{preposition} {german}"
    for long, short in CONTRACTIONS:
        if joined.startswith(long):
            return f"{short.strip()} {joined[len(long) :]}"
    return joined
