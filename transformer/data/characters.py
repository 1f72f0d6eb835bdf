"""Text to characters and back: the smallest tokenizer, for language models."""

import hashlib
import json
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from .tokenizer import TokenizerError


class CharacterTokenizer:
    """Every character is a token; the vocabulary is those of the text it was made from.

    There is no end of text: of what a model writes, the caller decides how much it wants.

    Args:
        model: the bytes of a JSON file, `{"characters": "..."}`; the first has id 0.

    Raises:
        TokenizerError: not such a file, or a character twice.
    """

    file_name = "characters.json"
    by_line = False
    eos_id: int | None = None

    def __init__(self, model: bytes) -> None:
        self.model = model
        self.characters = _characters(model)
        codes = _codes(self.characters)
        # Id of each code point, -1 for unknown ones. All beyond the last known one share an entry.
        self._ids = np.full(int(codes.max()) + 2, -1, dtype=np.int32)
        self._ids[codes] = np.arange(len(codes))

    @classmethod
    def train(cls, texts: Iterable[str]) -> "CharacterTokenizer":
        """The vocabulary of these texts, sorted by code point."""
        characters: set[str] = set()
        for text in texts:
            characters.update(text)
        if not characters:
            raise TokenizerError("a vocabulary of characters needs text; found none")
        content = json.dumps({"characters": "".join(sorted(characters))}, ensure_ascii=False)
        return cls(content.encode() + b"\n")

    @property
    def vocab_size(self) -> int:
        """Different characters."""
        return len(self.characters)

    @property
    def fingerprint(self) -> str:
        """Names the vocabulary, so that text encoded with another is never reused."""
        return hashlib.sha256(self.model).hexdigest()[:16]

    @property
    def separator(self) -> list[int]:
        """What divides two texts in a stream: a line feed, if the vocabulary has it."""
        return self.encode("\n") if "\n" in self.characters else []

    def encode(self, text: str) -> list[int]:
        """The id of each character.

        Raises:
            TokenizerError: a character that the vocabulary lacks.
        """
        ids: list[int] = self.encode_array(text).tolist()
        return ids

    def encode_array(self, text: str) -> NDArray[np.int32]:
        """`encode` without a Python object for each id, for long texts."""
        ids = self._ids.take(_codes(text), mode="clip")
        unknown = np.flatnonzero(ids < 0)
        if len(unknown):
            character = text[unknown[0]]
            raise TokenizerError(
                f"the vocabulary has no character {character!r} (U+{ord(character):04X}), only the "
                f"{self.vocab_size:,} of the text it was made from; leave it out, or train with a "
                "text that holds it, or with tokenizer.kind=byte_bpe, which spells every character"
            )
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` for many texts."""
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """Ids to text."""
        return "".join([self.characters[i] for i in ids])


def _characters(model: bytes) -> str:
    try:
        content = json.loads(model)
        characters = content["characters"]
        if not isinstance(characters, str) or not characters:
            raise TypeError
        characters.encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        raise TokenizerError(
            'a vocabulary of characters is JSON such as {"characters": "abc"}; '
            f"found {model[:40].decode(errors='replace')!r}"
        ) from None
    if len(set(characters)) < len(characters):
        twice = next(c for c in characters if characters.count(c) > 1)
        raise TokenizerError(f"a vocabulary holds every character once; found {twice!r} twice")
    return characters


def _codes(text: str) -> NDArray[np.uint32]:
    # Half a character, as a terminal may pass on, is an unknown one like others.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
