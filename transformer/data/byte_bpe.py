"""Text to pieces and back as GPT-2 does it: byte-pair encoding of UTF-8 bytes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .tokenizer import TokenizerError

if TYPE_CHECKING:
    import tokenizers

END_OF_TEXT = "<|endoftext|>"

# Far above what is of use; one digit too many in an id would take all memory.
_MOST_IDS = 2_000_000


class ByteBPETokenizer:
    """A tokenizer.json of the library `tokenizers`: GPT-2's, or one built alike.

    Text is cut into words, numbers, blanks and other signs, and each of them, as UTF-8 bytes, is
    joined into pieces by the merges learned in training (Radford et al. 2019, §2.2). Nothing is
    unknown and nothing gets lost. A special token that stands in a text is read as that token, and
    decoding writes it out.

    Args:
        model: the bytes of the tokenizer.json.

    Raises:
        TokenizerError: another kind of tokenizer, a vocabulary without all bytes, or the library is
            not installed.
    """

    file_name = "tokenizer.json"
    by_line = False

    def __init__(self, model: bytes) -> None:
        library = _library()
        self.model = model
        try:
            self._pieces: tokenizers.Tokenizer = library.Tokenizer.from_str(model.decode())
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the library raises nothing more special, nor panics do
            raise TokenizerError(f"not a tokenizer.json: {error}") from None
        _check(model)
        # Some files ask for these, which would cut or fill up what is encoded.
        self._pieces.no_truncation()
        self._pieces.no_padding()
        vocabulary = self._pieces.get_vocab(with_added_tokens=True)
        # Not the number of pieces, since some vocabularies leave out ids.
        self.vocab_size: int = max(vocabulary.values()) + 1
        if self.vocab_size > _MOST_IDS:
            raise TokenizerError(
                f"ids must be less than {_MOST_IDS:,}, since the model has a vector for each; "
                f"found {self.vocab_size - 1:,}"
            )
        self.eos_id: int | None = vocabulary.get(END_OF_TEXT)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> ByteBPETokenizer:
        """Learns the merges from texts, which are read once: a pure function of them.

        Args:
            texts: the training split, in parts as large as you like.
            vocab_size: pieces, with 256 bytes and the end of text; fewer if the text has no pairs
                of pieces left that occur twice.
        """
        library = _library()
        pieces = library.Tokenizer(library.models.BPE())
        _work_as_gpt2(pieces)
        trainer = library.trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=2,
            show_progress=False,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
        )
        # The library takes a special token in the text for letters, and would learn to spell it.
        parts = (part for text in texts for part in text.split(END_OF_TEXT))
        pieces.train_from_iterator((cut for part in parts for cut in _cut(part)), trainer)
        return cls(pieces.to_str(pretty=True).encode())

    @classmethod
    def of_gpt2(cls, vocabulary: Path, merges: Path) -> ByteBPETokenizer:
        """From GPT-2's own files, vocab.json and merges.txt."""
        library = _library()
        try:
            model = library.models.BPE.from_file(str(vocabulary), str(merges))
        except Exception as error:  # see above
            raise TokenizerError(f"cannot read {vocabulary} and {merges}: {error}") from None
        pieces = library.Tokenizer(model)
        _work_as_gpt2(pieces)
        if pieces.token_to_id(END_OF_TEXT) is not None:
            pieces.add_special_tokens([END_OF_TEXT])
        return cls(pieces.to_str(pretty=True).encode())

    @property
    def fingerprint(self) -> str:
        """Names the model's content, so that text encoded with another is never reused."""
        return hashlib.sha256(self.model).hexdigest()[:16]

    @property
    def separator(self) -> list[int]:
        """What follows each text in a stream: its end, if the vocabulary has one."""
        return [] if self.eos_id is None else [self.eos_id]

    def encode(self, text: str) -> list[int]:
        """The pieces of a text, without its end."""
        return self._pieces.encode(_whole(text), add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` for many texts."""
        batch = [_whole(text) for text in texts]
        # Fast, since it does not work out which characters each piece stands for.
        found = self._pieces.encode_batch_fast(batch, add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def decode(self, ids: Sequence[int]) -> str:
        """Pieces to text; bytes that are no UTF-8, such as half a character, become U+FFFD."""
        return self._pieces.decode(list(ids), skip_special_tokens=False)


# Learning takes time with the square of a word's length. Longer ones than this, in characters, are
# not words, but data, or text of a script without blanks.
_LONGEST_WORD = 1000
_WORDS = re.compile(rf"\s*\S{{1,{_LONGEST_WORD}}}|\s+")


def _cut(text: str) -> Iterable[str]:
    """The text as it is, unless it has such words; then in parts."""
    if max(map(len, text.split()), default=0) <= _LONGEST_WORD:
        return (text,)
    return _WORDS.findall(text)


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise TokenizerError(
            "byte-level BPE needs the package tokenizers, which is not installed: "
            'pip install "attention-transformer[gpt]"'
        ) from None
    return tokenizers


def _work_as_gpt2(pieces: tokenizers.Tokenizer) -> None:
    library = _library()
    pieces.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = library.decoders.ByteLevel()


def _check(model: bytes) -> None:
    """Refuses what would lose text."""
    content = json.loads(model)
    kind = content["model"].get("type", "BPE")
    decoder = content.get("decoder") or {}
    decoders = {part["type"] for part in [decoder, *decoder.get("decoders", [])] if "type" in part}
    if kind != "BPE" or "ByteLevel" not in decoders:
        raise TokenizerError(
            f"a byte-level BPE such as GPT-2's is needed; found the model {kind} with the decoder "
            f"{', '.join(sorted(decoders)) or 'none'}"
        )
    vocabulary = content["model"]["vocab"]
    alphabet = _library().pre_tokenizers.ByteLevel.alphabet()
    missing = sum(byte not in vocabulary for byte in alphabet)
    if missing:
        raise TokenizerError(
            f"the vocabulary lacks {missing} of the 256 bytes, and text with them would get lost; "
            "train it with all of them (`initial_alphabet`)"
        )


def _whole(text: str) -> str:
    # Half a character, as a terminal may pass on, has no bytes of its own.
    return text.encode(errors="replace").decode()
