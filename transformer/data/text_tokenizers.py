"""The tokenizers a language model may have: one interface, loading by content, training by kind."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from ..config import ConfigError, TokenizerConfig, expand_path
from .byte_bpe import ByteBPETokenizer
from .characters import CharacterTokenizer
from .tokenizer import Tokenizer, TokenizerError, draw, read_model, train_tokenizer


class TextTokenizer(Protocol):
    """What a language model needs of a tokenizer; `Tokenizer`, too, has it."""

    @property
    def file_name(self) -> str:
        """What its file in a run directory is called."""

    @property
    def model(self) -> bytes:
        """The content of that file."""

    @property
    def vocab_size(self) -> int:
        """One more than the largest id."""

    @property
    def fingerprint(self) -> str:
        """Identifies the tokenizer's content: another model, another fingerprint."""

    @property
    def eos_id(self) -> int | None:
        """What stands after a text; None if nothing does."""

    @property
    def separator(self) -> list[int]:
        """What stands between two texts in a stream."""

    @property
    def by_line(self) -> bool:
        """True if it knows no line feeds: every line is then a text of its own."""

    def encode(self, text: str, /) -> list[int]:
        """The ids of a text, without EOS."""

    def encode_batch(self, texts: Sequence[str], /) -> list[list[int]]:
        """`encode` for many texts."""

    def decode(self, ids: Sequence[int], /) -> str:
        """Ids to text."""


def load_tokenizer(path: str | Path) -> TextTokenizer:
    """Reads a tokenizer of any kind; which one it is, its content says.

    Args:
        path: a sentencepiece model, the tokenizer.json of a Hugging Face model, the file that a run
            wrote, or a folder: a run directory, or one with GPT-2's vocab.json and merges.txt.

    Raises:
        TokenizerError: there is none, or not one of these.
    """
    try:
        path = expand_path(path)
        if path.is_dir():
            return _load_folder(path)
    except ConfigError as error:
        raise TokenizerError(str(error)) from None
    except OSError as error:
        raise TokenizerError(f"cannot read {path}: {error.strerror or error}") from None
    content = read_model(path)
    try:
        return _of_content(content)
    except TokenizerError as error:
        raise TokenizerError(f"{path}: {error}") from None


def _load_folder(folder: Path) -> TextTokenizer:
    for kind in (ByteBPETokenizer, CharacterTokenizer, Tokenizer):
        if (folder / kind.file_name).is_file():
            return load_tokenizer(folder / kind.file_name)
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    if vocabulary.is_file() and merges.is_file():
        try:
            return ByteBPETokenizer.of_gpt2(vocabulary, merges)
        except TokenizerError as error:
            raise TokenizerError(f"{folder}: {error}") from None
    there = ", ".join(sorted(entry.name for entry in folder.iterdir())[:10]) or "nothing"
    raise TokenizerError(
        f"no tokenizer in {folder}, which should hold {ByteBPETokenizer.file_name}, or vocab.json "
        f"and merges.txt, or {CharacterTokenizer.file_name}, or {Tokenizer.file_name}; "
        f"found there: {there}"
    )


def _of_content(content: bytes) -> TextTokenizer:
    start = content.lstrip()[:1]
    if not start:
        raise TokenizerError("the file is empty")
    if start not in b"{[":  # no sentencepiece model begins like this
        return Tokenizer(content)
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"not valid JSON: {error}") from None
    keys = list(tree) if isinstance(tree, dict) else []
    if "characters" in keys:
        return CharacterTokenizer(content)
    if "model" in keys:
        return ByteBPETokenizer(content)
    if keys and all(isinstance(tree[key], int) for key in keys):
        raise TokenizerError(
            "a vocabulary alone does not say how words are spelled; give the folder that holds it "
            "and merges.txt"
        )
    raise TokenizerError(
        "neither a tokenizer.json of a Hugging Face model nor a vocabulary of characters; "
        f"its keys are {', '.join(map(repr, keys[:10])) or 'none'}"
    )


def train_text_tokenizer(
    texts: Iterable[str], config: TokenizerConfig, *, seed: int = 1
) -> TextTokenizer:
    """Trains a tokenizer of the kind that the settings name.

    Args:
        texts: the training split, in parts as large as you like; read once. Of `characters`, all
            text that will ever be encoded.
        config: kind, size and how many lines to draw at most; `characters` takes all.
        seed: of that draw.

    Raises:
        TokenizerError: too little text, or a package is missing.
    """
    if config.kind == "characters":
        return CharacterTokenizer.train(texts)
    if config.kind == "byte_bpe":
        lines = (line for text in texts for line in _BEFORE_A_LINE.split(text))
        drawn = draw(lines, config.max_training_sentences, seed)
        return ByteBPETokenizer.train(drawn, config.vocab_size)
    lines = (line for text in texts for line in text.split("\n") if line.strip())
    return train_tokenizer(lines, config, seed=seed)


# Line feeds go to the line after them, all but the last to the one before: so GPT-2 finds the same
# words in the parts as in the whole.
_BEFORE_A_LINE = re.compile(r"(?=\n\S)")
