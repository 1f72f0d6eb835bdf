"""Replaces or sets apart characters that the model should not read, or a person should not see."""

import re
import unicodedata
from itertools import groupby

from ..data.tokenizer import Tokenizer


def with_bytes(text: str) -> str:
    """Puts ? for what UTF-8 has no bytes for: half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def with_apostrophes(text: str) -> str:
    """Puts ' for the accents that are often typed in its place: Wie geht´s?

    Not for those around code: `ls`.
    """
    typed = r"`[^`\n]+`|(?<=\w)[´`](?=\w|\s|$)"
    return re.sub(typed, lambda found: "'" if len(found.group()) == 1 else found.group(), text)


def cut_at_symbols(line: str, tokenizer: Tokenizer) -> list[tuple[str, bool]]:
    """Cuts a line into runs, and says of each whether it is to stay as it is.

    Emoji and other symbols that the vocabulary can only spell in bytes were hardly seen in
    training, and would derail the model.
    """
    if line.isascii():
        return [(line, False)]
    staying = {c for c in set(line) if _is_symbol(c) and tokenizer.spells_in_bytes(c)}
    return [("".join(run), stays) for stays, run in groupby(line, key=staying.__contains__)]


def is_unreadable(character: str, tokenizer: Tokenizer) -> bool:
    """True of a character that the vocabulary spells in bytes or reads as another: ² as 2.

    ASCII's letters and digits are readable, even if the training text lacked one.
    """
    if character.isspace() or (character.isascii() and character.isalnum()):
        return False
    if unicodedata.decomposition(character).startswith(("<super>", "<sub>", "<fraction>")):
        return True
    # Capitals are rarer than their letters: a vocabulary may have ö without Ö.
    return all(map(tokenizer.spells_in_bytes, {character, character.lower()}))


_PLAIN = {"\u2212": "-", "′": "'", "″": '"', "⁄": "/"}
_SINGLE = "‘’‚‛‹›"


def with_plain_marks(text: str, tokenizer: Tokenizer) -> str:
    """Puts plain quotation marks and dashes for those that the vocabulary spells in bytes.

    Characters that nobody sees, such as the soft hyphen, are left out.
    """
    if text.isascii():
        return text
    plain: dict[str, str | int | None] = {}
    for character in set(text):
        category = unicodedata.category(character)
        if category == "Cf":
            plain[character] = ""
        elif not character.isascii() and tokenizer.spells_in_bytes(character):
            instead = _PLAIN.get(character)
            if category in ("Pi", "Pf") or character in "„‚":
                instead = "'" if character in _SINGLE else '"'
            elif category == "Pd":
                instead = "–" if not tokenizer.spells_in_bytes("–") else "-"
            if instead and not tokenizer.spells_in_bytes(instead):
                plain[character] = instead
    return text.translate(str.maketrans(plain))


def _is_symbol(character: str) -> bool:
    # Unicode's "other" symbols, private and unassigned characters, skin tones, and what joins them.
    # The degree sign belongs to the number before it.
    if character in "\u200d\ufe0e\ufe0f\u20e3" or "\U0001f3fb" <= character <= "\U0001f3ff":
        return True
    return character not in "°" and unicodedata.category(character) in {"So", "Co", "Cn"}


def printable(text: str) -> str:
    """One line without control characters, whatever bytes the model spells."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
