"""Is a text German or English? As far as a warning about mixed-up columns needs to know."""

import re
from collections.abc import Iterable

NAMES = {"de": "German", "en": "English"}

# Frequent words of one language that the other does not have, or hardly ever.
_WORDS = {
    word: language
    for language, words in {
        "de": "der die das den dem des ein eine einen einem einer und oder aber nicht ich du er "
        "sie wir ihr ist sind sein hat haben wird werden wurde mit auf für von zu im zum zur bei "
        "nach aus um über durch wenn dass wie auch nur noch mehr kann können sich mich dich mein "
        "dein keine kein ja nein bitte",
        "en": "the of and to is are be been it its that this these those with for from by at on "
        "as or but not you your he she they their we our i my his her have has had will would can "
        "could should there which who what when how if no yes please a",
    }.items()
    for word in words.split()
}
_WORD = re.compile(r"[^\W\d_]+")
_UMLAUT = re.compile("[äöüß]")

# Fewer than this many known words prove nothing, nor do those of one language among as many of the
# other, as in a text on grammar.
_FEWEST = 10
_SHARE = 0.8


def language_of(lines: Iterable[str]) -> str | None:
    """The code of the language that the lines are evidently in, de or en; otherwise None."""
    counts = dict.fromkeys(NAMES, 0)
    for line in lines:
        for word in _WORD.findall(line.lower()):
            if language := _WORDS.get(word) or ("de" if _UMLAUT.search(word) else None):
                counts[language] += 1
    language = max(counts, key=counts.__getitem__)
    n, total = counts[language], sum(counts.values())
    return language if n >= _FEWEST and n >= _SHARE * total else None


def copies(src: list[str], tgt: list[str]) -> int:
    """Pairs with the same text, letters among it, on both sides."""
    return sum(s == t and bool(_WORD.search(s)) for s, t in zip(src, tgt, strict=True))
