"""A text on its way to the model and back: what is cut, what is hidden, what comes out."""

import re
import unicodedata
from collections import Counter
from functools import cache
from itertools import groupby

from ..data.tokenizer import Tokenizer
from .checks import check_number

# A sentence ends at . ! ? … with its closing quotes, before a space and a capital, digit or quote.
_END = re.compile(r"(?<=[.!?…])[\"'»“”’)\]]*\s+(?=[\"'„“»«(\[¿¡]*(\w))")
# What ends in a full stop without ending a sentence: one letter (z. B.), an ordinal number (3. Mai,
# zum 100. Mal), and these; some of them only before a number.
_ABBREVIATION = re.compile(
    r"\w|\d{1,3}|\w*[Ss]tr|Abb|Bd|Bsp|Chr|Co|Dipl|Dr|Fa|Fr|Hr|Hrn|Ing|Mio|Mr|Mrd|Mrs|Ms|"
    r"MwSt|Prof|St|Std|Tel|bspw|bzw|ca|evtl|geb|ggf|inkl|jur|med|nat|phil|rer|usw|vgl|vs|zzgl|"
    r"Jan|Feb|Apr|Aug|Sept|Okt|Nov|Dez|Mo|Di|Mi|Do|Sa|So"
)
_BEFORE_NUMBER = re.compile(r"Abs|Art|Kap|No|Nr|max|min|mind")

# What nobody translates: addresses of pages and people, numbers of telephones, and others of six
# digits or more that are no amounts: of accounts, orders. Not the full stop or bracket after it.
_VERBATIM = re.compile(
    r"""
    (?<! [\w.+-] )
    (?:
        (?i: https?:// | www\. ) \S+ (?<! [.,;:!?)\]}"'»“”] )
        | [\w.+-]+ @ [\w-]+ (?: \.[\w-]+ )+
        | (?<! , ) (?: \+ | \(?0 ) (?: [ /()–-]{0,3} \d ){5,} (?! \w | [.,]\d )
        | (?<! , ) \d (?: [/-]? \d ){5,} (?! \w | [.,]\d )
    )
    """,
    re.VERBOSE,
)
# Numbers of two digits or more, and times. A single digit may become a word, and those with a point
# or comma are left to the model, since languages write them differently.
_NUMBER = re.compile(r"(?<![\w.,:@/-])(?:\d{2,}|\d{1,2}:\d\d)(?![\w/-]|[.,:]\d)")
_VERBATIM_OR_NUMBER = re.compile(f"{_VERBATIM.pattern} | {_NUMBER.pattern}", re.VERBOSE)
_PLACEHOLDER = re.compile(r"(?<![\w.+-])@ ?(\d{1,9})\b")


def split_sentences(text: str) -> list[str]:
    """Cuts a text where sentences end; cautious, since a wrong cut costs more than a missed one."""
    sentences, start = [], 0
    for match in _END.finditer(text):
        begins = match.group(1)
        if not (begins.isupper() or begins.isdigit()):
            continue
        word = _word_before_full_stop(text, start, match.start())
        short = _ABBREVIATION.fullmatch(word)
        if not short and not (begins.isdigit() and _BEFORE_NUMBER.fullmatch(word)):
            # What closes a quotation stays with the sentence it closes.
            end = match.start() + len(match.group().rstrip())
            sentences.append(text[start:end].strip())
            start = match.end()
    return [sentence for sentence in [*sentences, text[start:].strip()] if sentence]


def _word_before_full_stop(text: str, start: int, end: int) -> str:
    # The last word of text[start:end], without its full stop; empty if there is none of either.
    last = end - 1
    if text[last] != ".":
        return ""
    first = last
    while first > start and (text[first - 1].isalnum() or text[first - 1] == "_"):
        first -= 1
    return text[first:last]


def cut(ids: list[int], longest: int, tokenizer: Tokenizer) -> list[list[int]]:
    """A sentence that is itself too long: cut before a word, into parts of about equal length.

    Raises:
        UserError: longest, the pieces of a part, below 1.
    """
    check_number("longest", longest, 1)
    pieces = tokenizer.pieces(ids)
    parts, start = [], 0
    while start < len(ids):
        left = len(ids) - start
        n_parts = -(-left // longest)
        share = start + -(-left // n_parts)  # an equal share of what is left, at most `longest`
        end = share
        while start < end < len(ids) and not pieces[end].startswith("▁"):
            end -= 1
        if end == start:  # one endless word
            end = share
        parts.append(ids[start:end])
        start = end
    return parts


def cut_at_symbols(line: str, tokenizer: Tokenizer) -> list[tuple[str, bool]]:
    """Runs of a line, and of each whether it is to stay as it is.

    Emoji and other symbols that the vocabulary can only spell in bytes were hardly seen in training
    and would derail the model.
    """
    if line.isascii():
        return [(line, False)]
    staying = {c for c in set(line) if _is_symbol(c) and tokenizer.spells_in_bytes(c)}
    return [("".join(run), stays) for stays, run in groupby(line, key=staying.__contains__)]


def _is_symbol(character: str) -> bool:
    # Unicode's "other" symbols, private and unassigned signs, skin tones, and what joins them. The
    # sign of degrees belongs to the number before it.
    if character in "\u200d\ufe0e\ufe0f\u20e3" or "\U0001f3fb" <= character <= "\U0001f3ff":
        return True
    return character not in "°" and unicodedata.category(character) in {"So", "Co", "Cn"}


def with_apostrophes(text: str) -> str:
    """The text with ' for the accents that are often typed in its place: Wie geht´s?"""
    return re.sub(r"(?<=\w)[´`](?=\w|\s|$)", "'", text)


def hide_verbatim(text: str, *, numbers: bool = False) -> tuple[str, tuple[str, ...]]:
    """Web and mail addresses and long numbers → @1, @2 …, and what these stand for.

    With `numbers`, numbers of two digits and times as well.

    A text that has such marks already is left alone, and one whose marks would not be found again.
    """
    if _PLACEHOLDER.search(text):
        return text, ()
    hidden: list[str] = []

    def mark(match: re.Match[str]) -> str:
        hidden.append(match.group())
        return f"@{len(hidden)}"

    shown = (_VERBATIM_OR_NUMBER if numbers else _VERBATIM).sub(mark, text)
    if bring_back(shown, tuple(hidden)) != text:
        return text, ()
    return shown, tuple(hidden)


def keeps_numbers(text: str, translation: str) -> bool:
    """True if all numbers of two digits or more, and all times, are in the translation, too.

    However it groups their digits, and whether it counts hours to 12 or to 24.
    """
    left = Counter(re.sub(r"\D", "", n) for n in re.findall(r"\d(?:[.,:]?\d)*", translation))
    for number in _NUMBER.findall(text):
        hour, _, minute = number.partition(":")
        written = [hour + minute]
        if minute or len(number) == 2:
            written += [f"{(int(hour) + 12) % 24}{minute}", f"{int(hour) - 12}{minute}"]
        same = next((digits for digits in written if left[digits] > 0), None)
        if same is None:
            return False
        left[same] -= 1
    return True


def bring_back(translation: str, hidden: tuple[str, ...]) -> str | None:
    """The reverse of `hide_verbatim`; None unless every mark is there once."""
    marks = sorted(int(number) for number in _PLACEHOLDER.findall(translation))
    if marks != list(range(1, len(hidden) + 1)):
        return None
    return _PLACEHOLDER.sub(lambda match: hidden[int(match.group(1)) - 1], translation)


def bring_back_anyhow(translation: str, hidden: tuple[str, ...]) -> str:
    """`bring_back` of a translation without every mark once: what is lost comes at its end."""
    left = dict(enumerate(hidden, start=1))
    text = _PLACEHOLDER.sub(lambda match: left.pop(int(match.group(1)), ""), translation)
    return " ".join([*text.split(), *left.values()])


def is_shouted(text: str) -> bool:
    """True of three words, or two of which one is longer than a usual acronym, all in capitals."""
    words = re.findall(r"[^\W\d_]{2,}", text)
    enough = len(words) > 2 or (len(words) == 2 and max(map(len, words)) > 3)
    some = any(c.isupper() for c in text)  # not all scripts have capitals
    return some and enough and not any(c.islower() and c != "ß" for c in text)


def shout(text: str) -> str:
    """The text in capitals, but for addresses, whose letters matter."""
    parts, start = [], 0
    for match in _VERBATIM.finditer(text):
        parts += [text[start : match.start()].upper(), match.group()]
        start = match.end()
    return "".join([*parts, text[start:].upper()])


_DIGRAPHS = {"ae": "ä", "oe": "ö", "ue": "ü", "Ae": "Ä", "Oe": "Ö", "Ue": "Ü"}


def restore_umlauts(text: str, tokenizer: Tokenizer) -> str:
    """German typed without umlauts as it should be: Schluessel → Schlüssel, but not neue → neü.

    A word with ae, oe or ue is spelled with ä, ö or ü if the vocabulary, which has frequent words
    in one piece, then needs fewer pieces for it. ß, itself one piece where ss may be two, has to
    make it a single piece or save three. Who typed an umlaut somewhere could have typed the others,
    and the same is true of ß; addresses stay as they are.
    """
    no_umlauts, no_sharp_s = not re.search("[äöüÄÖÜ]", text), "ß" not in text

    @cache
    def n_pieces(word: str) -> int:
        return len(tokenizer.encode(word))

    @cache  # words come again
    def best(word: str) -> str:
        spellings = [word]
        if no_umlauts:
            spellings.append(re.sub(r"[aouAOU]e", lambda two: _DIGRAPHS[two.group()], word))
        if no_sharp_s:
            enough = max(1, n_pieces(word) - 3)
            sharp = [spelling.replace("ss", "ß") for spelling in spellings]
            spellings += [spelling for spelling in sharp if n_pieces(spelling) <= enough]
        return min(spellings, key=n_pieces)  # the first of equal ones: as typed

    typed = r"(?<![@/.\w])(?=\w*(?:[aouAOU]e|ss))\w+\b(?!@|\.\w)"
    return re.sub(typed, lambda match: best(match.group()), text)


def with_bytes(text: str) -> str:
    """The text with ? for what UTF-8 has no bytes for: half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def printable(text: str) -> str:
    """One line without control characters, whatever bytes the model spells."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
