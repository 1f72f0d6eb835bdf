"""Texts in, memory-mapped tokens out, and from these the batches of a language model.

The texts of a split are encoded into one stream of tokens, a file in the cache of Hugging Face
`datasets`. From there on nothing is in memory but what is being looked at, and the second run with
the same text and tokenizer starts at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..config import Config
from ..files import new_file
from .batching import moved
from .characters import CharacterTokenizer
from .plain_text import CorpusError
from .sources import STREAMS, cache_key, explained
from .text_tokenizers import TextTokenizer, load_tokenizer, train_text_tokenizer
from .texts import Chunk, Texts, find_texts

Ids = NDArray[np.unsignedinteger[Any]]

# Characters encoded at once: enough to keep all cores busy, few enough for memory.
_AT_ONCE = 2**23


@dataclass(frozen=True)
class TokenStream:
    """All tokens of a split, one after the other."""

    ids: Ids
    """Memory-mapped (length,); uint16 if the vocabulary allows, else uint32."""
    n_characters: int
    """Of the texts, and one for each place where two of them meet: what bits per character are
    counted by, so that they compare tokenizers."""
    fingerprint: str
    """Names the content: the ids in their order."""

    def __len__(self) -> int:
        """Tokens."""
        return len(self.ids)


def prepare_streams(
    config: Config, tokenizer_path: str | Path | None = None
) -> tuple[TextTokenizer, TokenStream, TokenStream]:
    """Everything a language model learns from: the tokenizer and the streams to train and validate.

    Args:
        config: data, tokenizer, seed and `model.context`.
        tokenizer_path: that of a run which is resumed; by default `tokenizer.path`, and if that is
            not set either, a tokenizer is trained on the training split.

    Raises:
        CorpusError: a source cannot be used, or holds less than a block.
        TokenizerError: the tokenizer cannot be loaded or trained, or lacks a character.
    """
    train, val = find_texts(config.data)
    path = tokenizer_path or config.tokenizer.path
    if path:
        tokenizer = load_tokenizer(path)
    else:
        # Without the characters of both, validation could hold one that has no id.
        parts = (train, val) if config.tokenizer.kind == "characters" else (train,)
        texts = (chunk.text for part in parts for chunk in part.chunks())
        tokenizer = train_text_tokenizer(texts, config.tokenizer, seed=config.seed)
    streams = encode_stream(train, tokenizer), encode_stream(val, tokenizer)
    for name, stream in zip(("train", "val"), streams, strict=True):
        require_a_block(stream, name, config)
    return tokenizer, *streams


def require_a_block(stream: TokenStream, split: str, config: Config) -> None:
    """Refuses a split, `train` or `val`, that is shorter than a block.

    Raises:
        CorpusError: it is.
    """
    context = config.gpt.context
    if len(stream) > context:
        return
    what, advice = f"data.{split}", "give more text"
    if config.data.holdout:
        what = f"data.holdout ({config.data.holdout:g}): the {split} part of data.train"
        advice += f", {'lower' if split == 'train' else 'raise'} data.holdout"
    raise CorpusError(
        f"{what} has {len(stream):,} tokens, and one block takes model.context + 1 = "
        f"{context + 1:,}; {advice} or lower model.context"
    )


# ------------------------------------------------------------------------------------------------
# Encoding
# ------------------------------------------------------------------------------------------------


def encode_stream(texts: Texts, tokenizer: TextTokenizer) -> TokenStream:
    """The texts as tokens, each followed by EOS, or divided by line feeds if there is no EOS.

    Args:
        texts: from `find_texts`; read only if no earlier run encoded them with this tokenizer.
        tokenizer: see `TextTokenizer`.

    Raises:
        CorpusError: a source is empty or malformed, or the disk is full.
        TokenizerError: the texts hold a character that the tokenizer lacks.
    """
    import datasets

    folder = Path(datasets.config.HF_DATASETS_CACHE) / STREAMS
    name = cache_key("stream", texts.key, tokenizer.fingerprint)
    ids, notes = folder / f"{name}.ids", folder / f"{name}.json"
    dtype = _dtype_for(tokenizer)
    with explained():
        if (found := _read_notes(notes, ids, dtype)) is None:
            folder.mkdir(parents=True, exist_ok=True)
            found = _write(texts, tokenizer, ids, dtype)
            with new_file(notes) as file:  # last: a stream is whole once there are notes on it
                file.write(json.dumps(found).encode())
        stream: Ids = np.memmap(ids, dtype, mode="r")
    return TokenStream(stream, found["n_characters"], found["fingerprint"])


def encode_chunks(chunks: Iterable[Chunk], tokenizer: TextTokenizer) -> Ids:
    """Texts as tokens in memory, (length,), divided as by `encode_stream`.

    Raises:
        TokenizerError: the texts hold a character that the tokenizer lacks.
    """
    dtype = _dtype_for(tokenizer)
    return np.concatenate([np.empty(0, dtype), *_encode(chunks, tokenizer, dtype)])


def _dtype_for(tokenizer: TextTokenizer) -> np.dtype[Any]:
    return np.dtype(np.uint16 if tokenizer.vocab_size <= 2**16 else np.uint32)


def _read_notes(notes: Path, ids: Path, dtype: np.dtype[Any]) -> dict[str, Any] | None:
    """What is kept beside a stream; None unless both are whole."""
    try:
        found: dict[str, Any] = json.loads(notes.read_bytes())
        whole = ids.stat().st_size == found["n_tokens"] * dtype.itemsize
        whole &= type(found["n_characters"]) is int and type(found["fingerprint"]) is str
    except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if whole else None


def _write(
    texts: Texts, tokenizer: TextTokenizer, ids: Path, dtype: np.dtype[Any]
) -> dict[str, Any]:
    digest = hashlib.blake2b(digest_size=16)
    n_characters = n_tokens = 0

    def chunks() -> Iterator[Chunk]:
        nonlocal n_characters
        ended = False
        for chunk in texts.chunks():
            n_characters += len(chunk.text) + ended  # one for what divides two texts
            ended = chunk.ends
            yield chunk

    with new_file(ids) as file:
        for part in _encode(chunks(), tokenizer, dtype):
            digest.update(part.data)
            file.write(part.data)
            n_tokens += len(part)
        if n_tokens == 0:
            raise CorpusError(f"{texts.setting}: {n_characters:,} characters give no token")
    if isinstance(tokenizer, CharacterTokenizer):
        n_characters = n_tokens  # without a line feed, nothing divides texts
    return {
        "n_tokens": n_tokens,
        "n_characters": n_characters,
        "fingerprint": digest.hexdigest(),
    }


def _encode(
    chunks: Iterable[Chunk], tokenizer: TextTokenizer, dtype: np.dtype[Any]
) -> Iterator[Ids]:
    separator = np.array(tokenizer.separator, dtype)
    ended = False  # whether the text before has, but for its separator
    for batch in _batches(_lines(chunks) if tokenizer.by_line else chunks):
        parts = []
        for chunk, ids in zip(batch, _encode_batch(batch, tokenizer), strict=True):
            parts += [separator] * ended + [np.asarray(ids, dtype)]
            ended = chunk.ends
        yield np.concatenate(parts)
    if ended and tokenizer.eos_id is not None:  # what merely divides texts does not follow the last
        yield separator


def _encode_batch(
    batch: list[Chunk], tokenizer: TextTokenizer
) -> list[list[int]] | list[NDArray[np.int32]]:
    texts = [chunk.text for chunk in batch]
    if isinstance(tokenizer, CharacterTokenizer):
        return [tokenizer.encode_array(text) for text in texts]
    return tokenizer.encode_batch(texts)


def _batches(chunks: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    batch: list[Chunk] = []
    n_characters = 0
    for chunk in chunks:
        batch.append(chunk)
        n_characters += len(chunk.text)
        if n_characters >= _AT_ONCE or len(batch) >= _AT_ONCE // 64:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


def _lines(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Every line as a text without its line feed; one that is longer than a chunk in several."""
    rest = ""
    for text, ends in chunks:
        *lines, last = text.split("\n")
        if lines:
            lines[0] = rest + lines[0]
            yield from (Chunk(line, True) for line in lines)
        elif rest:
            yield Chunk(rest, False)
        rest = last
        if ends and rest:
            yield Chunk(rest, True)
            rest = ""
    if rest:
        yield Chunk(rest, False)


# ------------------------------------------------------------------------------------------------
# Batches
# ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Blocks:
    """Parts of a stream, of equal length: a model reads all tokens of a block but the last and
    predicts all but the first."""

    ids: Tensor  # (batch, context + 1) int64; a last, shorter one has fewer

    @property
    def n_tokens(self) -> int:
        """Tokens that are predicted."""
        return len(self.ids) * (self.ids.shape[1] - 1)

    def to(self, device: torch.device) -> Blocks:
        """The same blocks on another device."""
        return Blocks(moved(self.ids, device))

    def count_positions(self, pad_id: int) -> tuple[int, int]:
        """How many there are, and how many of them are padding: none."""
        return self.n_tokens, 0


def epoch_length(stream: TokenStream, context: int, batch_blocks: int) -> int:
    """Batches of an epoch, in every epoch the same number.

    Raises:
        ValueError: the stream is shorter than a block.
    """
    # As many blocks as fit behind the largest shift.
    fewest = (len(stream) - _n_shifts(stream, context)) // context
    return max(1, fewest // batch_blocks)


def block_batches(
    stream: TokenStream,
    *,
    context: int,
    batch_blocks: int,
    seed: int,
    epoch: int,
    skip: int = 0,
    every: int = 1,
) -> Iterator[Blocks]:
    """The batches of one epoch in training order: a pure function of the arguments.

    The stream, from a random place among its first `context` tokens on, is cut into blocks, of
    which the last token is the first one of the next, so that each is predicted once. Those that
    fill no batch are left out, others in every epoch; if there is not even one batch of them, they
    are repeated to fill it.

    Args:
        stream: from `prepare_streams`.
        context: tokens that a block predicts; it has one more.
        batch_blocks: blocks of a batch.
        seed: of the run.
        epoch: counted from 0.
        skip: so many batches are passed over, to resume within an epoch.
        every: of those that come then, the first of every so many: a process's share.

    Raises:
        ValueError: the stream is shorter than a block.
    """
    n_batches = epoch_length(stream, context, batch_blocks)
    generator = np.random.default_rng((seed, epoch))
    shift = int(generator.integers(_n_shifts(stream, context)))
    order = generator.permutation((len(stream) - 1 - shift) // context)
    order = np.resize(order, (n_batches, batch_blocks))
    for indices in order[skip::every]:
        yield cut_blocks(stream.ids, shift + indices * context, context)


def ordered_blocks(stream: TokenStream, *, context: int, batch_blocks: int) -> Iterator[Blocks]:
    """Every token but the first predicted once, in the order of the text, for validation.

    What is left behind the last whole block is a shorter one, in a batch of its own.
    """
    whole = (len(stream) - 1) // context
    starts = np.arange(whole) * context
    for first in range(0, whole, batch_blocks):
        yield cut_blocks(stream.ids, starts[first : first + batch_blocks], context)
    left = len(stream) - 1 - whole * context
    if left > 0:
        yield cut_blocks(stream.ids, np.array([whole * context]), left)


def _n_shifts(stream: TokenStream, context: int) -> int:
    """Places where the first block may start."""
    if len(stream) <= context:
        raise ValueError(f"a block takes {context + 1} tokens; the stream has {len(stream)}")
    return min(context, len(stream) - context)


def cut_blocks(ids: Ids, starts: NDArray[np.int64], context: int) -> Blocks:
    """The blocks that begin at these places of a stream; each has `context` + 1 tokens."""
    found = np.stack([ids[start : start + context + 1] for start in starts])
    return Blocks(torch.from_numpy(found.astype(np.int64)))
