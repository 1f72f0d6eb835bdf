"""English: words that are spelled as in Britain, where the model knows the American spelling."""

import re
from dataclasses import replace
from functools import cache

from ..data.tokenizer import Tokenizer
from .abbreviations import english_in_full
from .clock import english_times
from .halves import english_halves
from .rules import NEUTRAL

_OUR = (
    r"arm|behavi|clam|col|demean|enam|endeav|fav|flav|glam|harb|hon|hum|lab|neighb|od|rig|rum|"
    r"sav|splend|tum|val|vap|vig"
)
_RE = r"calib|cent|fib|goit|lit|lust|meag|(?:centi|kilo|milli|nano)?met|sab|somb|spect|theat"
_DOUBLED = (
    r"cancel|channel|counsel|dial|equal|fuel|initial|label|level|marvel|model|panel|quarrel|"
    r"rival|signal|total|travel|tunnel"
)
_IZE = (  # and not surprise, exercise, advertise
    r"agon|anonym|antagon|apolog|author|bapt|capital|categor|character|civil|colon|critic|custom|"
    r"digit|dramat|econom|emphas|energ|equal|familiar|fertil|final|formal|general|global|harmon|"
    r"hospital|hypnot|ideal|immun|initial|jeopard|legal|liberal|local|marginal|material|maxim|"
    r"mechan|memor|minim|mobil|modern|monopol|moral|motor|national|natural|neutral|normal|optim|"
    r"organ|patron|personal|pessim|polar|popular|pressur|priorit|privat|public|random|rational|real|"
    r"recogn|sanit|scrutin|serial|social|special|stabil|standard|steril|subsid|summar|symbol|"
    r"sympath|synchron|synthes|terror|theor|trivial|urban|util|vandal|visual|vital"
)
_ENDINGS = [
    (re.compile(british), american)
    for british, american in (
        (
            rf"((?:dis|mis|un)?(?:{_OUR}))our(?=(?:e[dr]s?|ing|able|ful|less|hoods?|ites?|s)?$)",
            r"\1or",
        ),
        (rf"({_RE})re(?=s?$)", r"\1er"),
        (r"(cent)red$", r"\1ered"),
        (rf"((?:re|un)?(?:{_DOUBLED}))l(?=(?:ed|ing|ers?)$)", r"\1"),
        (r"(practi)s(?=(?:e[ds]?|ing)$)", r"\1c"),
        (rf"((?:de|dis|re|un)?(?:{_IZE}))is(?=(?:e[ds]?|ing|ers?|ations?|able)$)", r"\1iz"),
        (r"(anal|catal|paral)ys(?=(?:ed?|ing|ers?)$)", r"\1yz"),
        (r"(catal)ogue(?=s?$)", r"\1og"),
        (r"(def|off|pret)ence(?=s?$)", r"\1ense"),
        (r"(kilogram|gram|program)me(?=s?$)", r"\1"),
    )
]
"""What a whole word must be for an ending to be that of Britain, and how America spells it."""

_AMERICAN = """
aeroplane airplane ageing aging aluminium aluminum cosy cozy draught draft
enrol enroll foetus fetus fulfil fulfill grey gray instalment installment jewellery jewelry
kerb curb licence license manoeuvre maneuver maths math mould mold mum mom
paediatrician pediatrician plough plow sceptical skeptical skilful skillful
tyre tire whilst while woollen woolen yoghurt yogurt
"""
_WORDS = dict(re.findall(r"(\w+) (\w+)", _AMERICAN))


def with_american_spelling(text: str, tokenizer: Tokenizer) -> str:
    """Spells colour as color, organise as organize and tyre as tire.

    Only where the vocabulary then needs fewer pieces for the word, since it has frequent words in
    one piece: a model that has learned from British text reads the word as it is. A word with a
    capital may be a name and stays, and so do addresses.
    """

    @cache  # words come again
    def best(word: str) -> str:
        other = american(word)
        return min(word, other, key=lambda each: len(tokenizer.encode(each)))  # at a tie as typed

    return re.sub(
        r"(?<![@/.\w'-])[a-z]{4,}\b(?!@|\.\w|[/\\])|(?<![@/.\w'-])mum\b",
        lambda match: best(match.group()),
        text,
    )


def american(word: str) -> str:
    """The American spelling of a word in small letters; the word itself if it has no other."""
    for stem in (word, word.removesuffix("s")):
        if stem in _WORDS:
            return _WORDS[stem] + word[len(stem) :]
    for ending, theirs in _ENDINGS:
        if match := ending.match(word):
            return match.expand(theirs) + word[match.end() :]
    return word


ENGLISH = replace(
    NEUTRAL,
    plainly=lambda text: english_in_full(english_halves(english_times(text))),
    respell=with_american_spelling,
)
