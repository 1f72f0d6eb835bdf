"""Cuts a text into sentences, and a sentence that is too long into parts."""

import re

from ..data.tokenizer import Tokenizer
from ..errors import UserError
from .rules import Rules

# A sentence ends at . ! ? … with its closing quotes, before a space and a capital, digit or quote.
_END = re.compile(r"(?<=[.!?…])[\"'»“”’)\]]*\s+(?=[\"'„“»«(\[¿¡]*(\w))")


def split_sentences(text: str, rules: Rules) -> list[str]:
    """Cuts a text where sentences end; cautious, since a wrong cut costs more than a missed one."""
    sentences, start = [], 0
    for match in _END.finditer(text):
        begins = match.group(1)
        if not (begins.isupper() or begins.isdigit()):
            continue
        word = _word_before_full_stop(text, start, match.start())
        short = rules.abbreviations.fullmatch(word)
        if not short and not (begins.isdigit() and rules.before_number.fullmatch(word)):
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
    """Cuts a sentence into parts of about equal length, each of which begins with a word.

    Args:
        ids: of the sentence, without EOS.
        longest: pieces of a part. A single word of more is cut inside.
        tokenizer: the one that made the ids.

    Raises:
        UserError: longest below 1.
    """
    if longest < 1:
        raise UserError(f"longest must be at least 1; found {longest}")
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
