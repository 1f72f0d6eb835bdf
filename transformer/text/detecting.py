"""Tells German from English by their commonest words, to see that a text is in the right language.

No letter statistics: where such words are lacking, in names and headings, nothing is said.
"""

import re

from ..data.tokenizer import Tokenizer
from .conventions import language_of

# Each is one of its language's commonest words and hardly ever one of the other's.
_GERMAN = """
der und sie das zu ist den von mit eine ich auf ein für du es nicht um im als wir sich einen er
werden des dem oder wenn dass wie wird aus sind können nach auch haben einer kann einem bei wurde
zum ihre nur über sein aber ihr zur alle dann dieser durch noch habe deine keine mir kannst eines
gibt vor mehr bitte hier mich bis uns hast seine dein dies dir dich unter ihnen dieses muss da immer
wurden zwischen beim diesen wo jetzt ob vom soll müssen sehr ohne kein weil mein bist warum schon
"""
_ENGLISH = """
the to of a and you that is for it i your on with this as can are be we or at have from by he not
what do when his they which has but there she how me would then about only no into their two after
out did any were my where don now them should just been could than its had does because our between
before who an
"""
_COMMON = {"de": frozenset(_GERMAN.split()), "en": frozenset(_ENGLISH.split())}
_FEWEST, _SHARE = 2, 0.25
_FEWEST_SMALL, _MOST_COMMON = 4, 0.2


def clear_language(text: str) -> str | None:
    """The language of a text, de or en, if there is no doubt; else None.

    It has two or more of the commonest words, every fourth word is one of them, and none is one of
    the other language's.
    """
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", text)]
    n = {language: sum(word in known for word in words) for language, known in _COMMON.items()}
    for language, other in (("de", "en"), ("en", "de")):
        if n[language] >= max(_FEWEST, _SHARE * len(words)) and n[other] == 0:
            return language
    return None


def is_neither(text: str, tokenizer: Tokenizer, below: float) -> bool:
    """True if a text seems to be neither German nor English.

    Of its words, fewer than every fifth is among the commonest, and four or more are in small
    letters, which are unlikely by the vocabulary of a model of both languages. Names are not looked
    at.

    Args:
        text: a sentence.
        tokenizer: of the model, of the kind unigram.
        below: mean log-probability of a letter, in nats, below which it is unlikely.
    """
    words = re.findall(r"[^\W\d_]+", text.lower() if text.isupper() else text)
    small = [word for word in words if word[0].islower()]
    n_common = sum(word.lower() in known for word in words for known in _COMMON.values())
    if len(small) < _FEWEST_SMALL or n_common >= _MOST_COMMON * len(words):
        return False
    letters = " ".join(small)
    return tokenizer.log_prob(letters) < below * len(letters)


def is_already(text: str, src_lang: str, tgt_lang: str) -> bool:
    """True if a text that should be in one language is clearly in the one it is translated to."""
    ours, theirs = language_of(src_lang), language_of(tgt_lang)
    return {ours, theirs} == {"de", "en"} and clear_language(text) == theirs
