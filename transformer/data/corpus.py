"""Text in, memory-mapped sentence pairs out.

Every source (aligned text, TSV, JSON lines, Parquet, a Hugging Face dataset, the built-in corpus)
is first *found*, which reports a misspelt name at once, and then *stored*: streamed pair by pair
into an Arrow file in the cache of Hugging Face `datasets`. From there on nothing is in memory but
what is being looked at, so that a corpus larger than memory trains. Cleaning and encoding are
cached too: the second run with the same text and settings starts at once.
"""

from __future__ import annotations

import hashlib
import logging
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from ..config import CleaningConfig, DataConfig, SourceConfig
from .cleaning import FAULTS, judge
from .columns import Rows, pair_columns
from .formats import READERS, kind, read_dataset
from .languages import NAMES, copies, language_of
from .plain_text import CorpusError, Pair, read_aligned
from .sources import (
    Key,
    cache_key,
    explained,
    find_builtin,
    is_there,
    load_hub,
    local_path,
    near,
    no_progress_bars,
    require_file,
    stamp,
)

if TYPE_CHECKING:
    import datasets

log = logging.getLogger(__name__)

# In characters. One side of a pair that is longer is not a sentence, and would take gigabytes.
_LONGEST_SIDE = 1_000_000

# Pairs of each source that are looked at for their languages.
_SAMPLE = 1000


class Encoder(Protocol):
    """What the corpus needs of a tokenizer."""

    @property
    def fingerprint(self) -> str:
        """Identifies the tokenizer's content: another model, another fingerprint."""

    def encode_batch(self, lines: list[str]) -> list[list[int]]:
        """The piece ids of each line, without BOS and EOS."""


@dataclass(frozen=True)
class Corpus:
    """Sentence pairs, and what became of those that were read."""

    pairs: datasets.Dataset
    """Columns `src`, `tgt` (text), `weight`; once encoded `src_ids`, `tgt_ids`."""
    n_read: int
    """Pairs read, before cleaning."""
    dropped: dict[str, int]
    """Pairs left out, by reason; reasons that left out none are absent."""
    sources: tuple[tuple[str, int], ...] = ()
    """The names of the sources, and how many pairs each has, before cleaning."""

    def summary(self) -> str:
        """Pairs read, kept and left out, in a line for the log."""
        line = f"{self.n_read:,} pairs read, {len(self.pairs):,} kept"
        return f"{line}; left out: {_counts(self.dropped)}" if self.dropped else line


def load_corpus(data: DataConfig, split: Literal["train", "val"]) -> Corpus:
    """Reads all sources of `data.train` or `data.val`, in their order; training pairs are cleaned.

    Every line of every source is read, or was read by an earlier run, before this returns, so that
    a bad one is reported before training starts. A warning is logged if a side is evidently in
    another language than the settings say.

    Raises:
        CorpusError: a source is missing, empty or malformed, or cleaning leaves nothing.
    """
    sources = data.train if split == "train" else data.val
    try:
        with no_progress_bars():
            found = [find_source(source, data, split) for source in sources]
            with explained():
                parts = [_store(source) for source in found]
                for source, part in zip(found, parts, strict=True):
                    check_languages(source, part, (data.src_lang, data.tgt_lang), split)
                pairs = _chain(parts)
                sizes = tuple((s.name, len(p)) for s, p in zip(found, parts, strict=True))
                corpus = Corpus(pairs, n_read=len(pairs), dropped={}, sources=sizes)
                return _clean(corpus, data.cleaning) if split == "train" else corpus
    except CorpusError as error:
        raise CorpusError(f"data.{split}: {error}") from error.__cause__


def encode_corpus(corpus: Corpus, tokenizer: Encoder, max_tokens: int | None = None) -> Corpus:
    """Adds the columns `src_ids` and `tgt_ids`: piece ids without special tokens.

    Args:
        corpus: what `load_corpus` returned.
        tokenizer: asked only if no earlier run encoded the same pairs with the same one.
        max_tokens: leave out pairs with a side longer than this, end of sentence included.

    Raises:
        CorpusError: every pair is too long, or the disk is full.
    """
    import datasets

    old = corpus.pairs
    # Our own, since `datasets` would pickle the tokenizer to make one, and not every one can be.
    fingerprint = cache_key("encode", old._fingerprint, tokenizer.fingerprint, max_tokens)
    ids = datasets.List(datasets.Value("int32"))
    features = datasets.Features({**old.features, "src_ids": ids, "tgt_ids": ids})
    with no_progress_bars(), explained():
        pairs = old.map(
            partial(_encode, tokenizer=tokenizer, max_tokens=max_tokens),
            batched=True,
            remove_columns=old.column_names,
            features=features,
            new_fingerprint=fingerprint,
        )
    return _left_over(corpus, pairs, {"too long": len(old) - len(pairs)})


@dataclass(frozen=True)
class LongPair:
    """The longest pair of a corpus."""

    name: str
    """Where it is, as messages call it: its number and its source."""
    n_src: int
    """Pieces of its source side, without special tokens."""
    n_tgt: int
    """Likewise of its target side."""
    text: str
    """The first words of the longer side."""


def longest_pair(corpus: Corpus) -> LongPair:
    """The pair of an encoded corpus whose longer side has the most pieces; of equals the first."""
    n_pieces = lengths(corpus)
    index = int(n_pieces.max(axis=1).argmax())
    n_src, n_tgt = map(int, n_pieces[index])
    row = corpus.pairs.select_columns(["src", "tgt"])[index]
    text = textwrap.shorten(row["src" if n_src >= n_tgt else "tgt"][:1000], 60, placeholder=" ...")
    return LongPair(_name_of_pair(corpus, index), n_src, n_tgt, text)


def _name_of_pair(corpus: Corpus, index: int) -> str:
    if corpus.dropped:  # numbers within the sources are lost
        return f"pair {index + 1:,} of the {len(corpus.pairs):,} kept"
    for name, size in corpus.sources:
        if index < size:
            return f"{name}, pair {index + 1:,}"
        index -= size
    return f"pair {index + 1:,}"


def lengths(corpus: Corpus) -> npt.NDArray[np.int32]:
    """Pieces of source and target of every pair, without special tokens (n, 2)."""
    import pyarrow.compute as pc

    sides = ["src_ids", "tgt_ids"]
    ids = corpus.pairs.select_columns(sides).with_format("arrow")
    parts = [
        np.stack([pc.list_value_length(table[side]).to_numpy() for side in sides], axis=1)
        for table in ids.iter(batch_size=100_000)
    ]
    return np.concatenate(parts).astype(np.int32, copy=False)


def fingerprint(corpus: Corpus) -> str:
    """Names an encoded corpus after its content: the ids, in their order, and the weights."""
    digest = hashlib.blake2b(digest_size=16)
    columns = corpus.pairs.select_columns(["src_ids", "tgt_ids", "weight"]).with_format("arrow")
    for table in columns.iter(batch_size=100_000):
        for side in ("src_ids", "tgt_ids"):
            lists = table[side].combine_chunks()
            digest.update(lists.value_lengths().to_numpy())
            digest.update(lists.flatten().to_numpy())
        digest.update(table["weight"].combine_chunks().to_numpy())
    return digest.hexdigest()


def statistics(corpus: Corpus) -> dict[str, float]:
    """Size of an encoded corpus: pairs, pieces a side, and target tokens (with EOS) in all."""
    src, tgt = lengths(corpus).T.astype(np.int64)
    return {
        "pairs": len(src),
        "src_pieces_mean": float(src.mean()),
        "src_pieces_max": int(src.max()),
        "tgt_pieces_mean": float(tgt.mean()),
        "tgt_pieces_max": int(tgt.max()),
        "tgt_tokens": int(tgt.sum() + len(tgt)),
    }


# ------------------------------------------------------------------------------------------------
# Finding: which source, and is it there?
# ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """Pairs that have been found, and can be read."""

    name: str
    """As messages call it."""
    key: Key
    read: Callable[[], Iterator[Pair]]
    weight: float
    columns: Callable[[], tuple[str, ...]] = tuple
    """The columns of both sides; none if the source has no columns."""


def find_source(source: SourceConfig, data: DataConfig, split: str) -> Source:
    """Where the pairs of a source come from; nothing of it is read.

    Raises:
        CorpusError: it is missing, or the settings do not fit it.
    """
    languages = (data.src_lang, data.tgt_lang)
    wanted = pair_columns(source.src, source.tgt, languages)
    if source.hub is not None:
        name, rows = load_hub(source, split)
        key: Key = ("hub", rows._fingerprint, wanted)
        return _of_columns(name, key, partial(read_dataset, name, rows, wanted), source.weight)
    path = local_path(source.path or "")
    reader = READERS.get(kind(path))
    if reader is None and (source.src or source.tgt):
        raise CorpusError(
            "src and tgt are columns of .tsv, .csv, JSON lines, Parquet and hub sources; "
            f"{source.path or 'the built-in corpus'} has none, so leave them out (data.src_lang "
            "and data.tgt_lang choose the direction)"
        )
    if source.builtin:
        key, read = find_builtin(languages, split, source.anchors)
        return Source("the built-in corpus", key, read, source.weight)
    if reader is None:
        return _find_aligned(source, path, languages)
    require_file(path)
    key = ("file", stamp(path), wanted)
    return _of_columns(str(path), key, partial(reader, path, wanted), source.weight)


def _of_columns(name: str, key: Key, rows: Callable[[], Rows], weight: float) -> Source:
    def read() -> Iterator[Pair]:
        return ((src, tgt) for src, tgt in rows().cells)

    return Source(name, key, read, weight, lambda: rows().columns)


def _find_aligned(source: SourceConfig, prefix: Path, languages: Pair) -> Source:
    src, tgt = (_find_side(prefix, language, languages) for language in languages)
    key = ("aligned", stamp(src), stamp(tgt))
    return Source(f"{src} and {tgt}", key, partial(read_aligned, src, tgt), source.weight)


def _find_side(prefix: Path, language: str, languages: Pair) -> Path:
    plain, packed = Path(f"{prefix}.{language}"), Path(f"{prefix}.{language}.gz")
    for path in (plain, packed):
        if is_there(path):
            return path
        if is_there(path, Path.exists):
            require_file(path)  # says what it is instead
    if kind(prefix) in [f".{known}" for known in languages]:
        shared = str(prefix).removesuffix(".gz").removesuffix(kind(prefix))
        hint = f"aligned files are given by the part of the name that both share: {shared}"
    elif prefix.is_dir():
        hint = f"{prefix} is a folder; if it is laid out as on the Hugging Face hub: hub:{prefix}"
    elif prefix.is_file():
        known = ", ".join(READERS)
        hint = f"{prefix} is a file, but its ending is none of {known} (or with .gz)"
    else:
        hint = near(plain)
    raise CorpusError(f"no file {plain} or {packed}; {hint}")


# ------------------------------------------------------------------------------------------------
# Storing
# ------------------------------------------------------------------------------------------------


def _store(source: Source) -> datasets.Dataset:
    """The source's pairs as an Arrow file in the cache, written unless it is there."""
    import datasets

    text = datasets.Value("string")
    features = datasets.Features(src=text, tgt=text, weight=datasets.Value("float32"))

    def rows() -> Iterator[dict[str, object]]:
        number = 0
        for number, pair in enumerate(source.read(), start=1):
            if (length := max(map(len, pair))) > _LONGEST_SIDE:
                raise CorpusError(
                    f"{source.name}, pair {number}: a side has {length:,} characters, and may have "
                    f"{_LONGEST_SIDE:,}; a pair is a sentence or a paragraph and its translation"
                )
            yield {"src": pair[0].strip(), "tgt": pair[1].strip(), "weight": source.weight}
        if number == 0:
            raise CorpusError(f"{source.name}: no pairs in it")

    fingerprint = cache_key("read", source.key, source.weight)
    try:
        return datasets.Dataset.from_generator(rows, features=features, fingerprint=fingerprint)
    except datasets.exceptions.DatasetGenerationError as error:
        # It says no more than that there was an error; ours and the disk's say which.
        if isinstance(error.__cause__, CorpusError | OSError):
            raise error.__cause__ from None
        raise


class Named(Protocol):
    """A source, or a part of one."""

    @property
    def name(self) -> str:
        """As messages call it."""

    @property
    def columns(self) -> Callable[[], tuple[str, ...]]:
        """The columns of both sides; none if it has no columns."""


def check_languages(source: Named, pairs: datasets.Dataset, languages: Pair, split: str) -> None:
    """Warns if the sides are evidently swapped, in one language or the same text."""
    sample = pairs[:_SAMPLE]
    n_copies = copies(sample["src"], sample["tgt"])
    if n_copies >= 10 and 2 * n_copies > len(sample["src"]):
        log.warning(
            "data.%s: %s: of the first %s pairs %s have the same text on both sides; check that "
            "both columns or files are the right ones",
            *(split, source.name, f"{len(sample['src']):,}", f"{n_copies:,}"),
        )
        return
    found = [
        language_of(sample[side]) if language in NAMES else None
        for side, language in zip(("src", "tgt"), languages, strict=True)
    ]
    if all(look in (None, language) for look, language in zip(found, languages, strict=True)):
        return
    columns = source.columns()
    names = [f"column {column}" for column in columns] or ["the source side", "the target side"]
    looks = [f"{n} looks like {NAMES[look]}" for n, look in zip(names, found, strict=True) if look]
    log.warning(
        "data.%s: %s: %s, but data.src_lang is %s and data.tgt_lang %s; %s",
        *(split, source.name, " and ".join(looks), *languages, _advice(columns, found, languages)),
    )


def _advice(columns: tuple[str, ...], found: list[str | None], languages: Pair) -> str:
    """What to set if the languages found are not those of the settings."""
    other = languages[::-1]
    if any(look not in (None, language) for look, language in zip(found, other, strict=True)):
        return "check that both columns or files are the right ones"
    if not columns:
        return "swap the names of the files"
    advice = f"set src: {columns[1]} and tgt: {columns[0]} of this source"
    by_language = any(
        column.casefold() in wanted.names[0]
        for column, wanted in zip(columns, pair_columns(None, None, languages), strict=True)
    )
    if by_language:  # with other languages, other columns would be taken
        return advice
    return f"{advice}, or data.src_lang={other[0]} and data.tgt_lang={other[1]}"


def _chain(parts: list[datasets.Dataset]) -> datasets.Dataset:
    """The parts one after the other."""
    import datasets

    # Our own fingerprint, since the one given here differs between the run that wrote the parts and
    # those that find them in the cache, which would clean and encode all over again.
    fingerprint = cache_key("chain", [part._fingerprint for part in parts])
    return datasets.Dataset(datasets.concatenate_datasets(parts).data, fingerprint=fingerprint)


# ------------------------------------------------------------------------------------------------
# Cleaning and encoding
# ------------------------------------------------------------------------------------------------


def _clean(corpus: Corpus, cleaning: CleaningConfig) -> Corpus:
    """Leaves out faulty pairs and all but the first of equal ones."""
    import datasets

    pairs = corpus.pairs
    settings = cleaning.model_dump(exclude={"max_tokens"})  # that one waits for the tokenizer
    judged = pairs.map(
        partial(judge, cleaning=cleaning),
        batched=True,
        remove_columns=pairs.column_names,
        features=datasets.Features(fault=datasets.Value("int8"), key=datasets.Value("int64")),
        new_fingerprint=cache_key("judge", pairs._fingerprint, settings),
    ).with_format("arrow")[:]
    faults, keys = judged["fault"].to_numpy(), judged["key"].to_numpy()

    kept = np.flatnonzero(faults == 0)
    counts = dict(zip(FAULTS[1:], np.bincount(faults, minlength=len(FAULTS))[1:], strict=True))
    if cleaning.drop_duplicates:
        _, first = np.unique(keys[kept], return_index=True)
        counts["duplicate"] = len(kept) - len(first)
        kept = kept[np.sort(first)]
    fingerprint = cache_key("clean", pairs._fingerprint, settings)
    return _left_over(corpus, pairs.select(kept, new_fingerprint=fingerprint), counts)


def _left_over(corpus: Corpus, pairs: datasets.Dataset, counts: dict[str, int]) -> Corpus:
    """What is left after leaving out pairs, which must not be nothing."""
    dropped = corpus.dropped | {reason: int(count) for reason, count in counts.items() if count}
    if len(pairs) == 0:
        raise CorpusError(
            f"none of the {corpus.n_read:,} pairs read is left ({_counts(dropped)}); "
            "check the settings of data.cleaning"
        )
    return replace(corpus, pairs=pairs, dropped=dropped)


def _counts(dropped: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())


def _encode(
    batch: dict[str, list[Any]], tokenizer: Encoder, max_tokens: int | None
) -> dict[str, list[Any]]:
    src_ids, tgt_ids = (tokenizer.encode_batch(batch[side]) for side in ("src", "tgt"))
    encoded = {**batch, "src_ids": src_ids, "tgt_ids": tgt_ids}
    if max_tokens is None:
        return encoded
    longest = [max(len(src), len(tgt)) + 1 for src, tgt in zip(src_ids, tgt_ids, strict=True)]
    kept = [i for i, length in enumerate(longest) if length <= max_tokens]
    return {name: [column[i] for i in kept] for name, column in encoded.items()}
