"""What the tokenizer makes of the text, and what cleaning and limits leave of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ...config import TokenizerConfig
from ...data.corpus import Corpus
from ...data.stream import TokenStream
from ...data.text_tokenizers import TextTokenizer
from ...data.tokenizer import Tokenizer
from .findings import Finding, Level, grade, judged, quoted

VOCABULARY, LEFT_OUT = "vocabulary", "left out"

MOST_TOKENS = 50_000_000
"""Tokens of running text that are counted."""

_RARE = 5

Counts = NDArray[np.int64]
"""How often each id occurs, (vocab_size,)."""

_SETTINGS = {
    "too long": "raise data.cleaning.max_tokens, or cut the text into sentences",
    "wrong script": "set data.cleaning.script to that of the text, or null",
    "length ratio": "see alignment; data.cleaning.max_length_ratio decides",
    "empty": "fill the empty lines, or remove them from both sides",
    "duplicate": "nothing, if the text does repeat itself",
}


# Counting -----------------------------------------------------------------------------------------


def count_pieces(corpus: Corpus, vocab_size: int) -> Counts:
    """Of both sides together."""
    counts = np.zeros(vocab_size, np.int64)
    columns = corpus.pairs.select_columns(["src_ids", "tgt_ids"]).with_format("arrow")
    for table in columns.iter(batch_size=100_000):
        for side in ("src_ids", "tgt_ids"):
            ids = table[side].combine_chunks().flatten().to_numpy()
            counts += np.bincount(ids, minlength=vocab_size)
    return counts


def count_tokens(stream: TokenStream, vocab_size: int) -> Counts:
    """Of running text."""
    counts = np.zeros(vocab_size, np.int64)
    n = min(len(stream), MOST_TOKENS)
    for start in range(0, n, 2**22):
        part = stream.ids[start : min(n, start + 2**22)]
        counts += np.bincount(part, minlength=vocab_size)
    return counts


# Judging ------------------------------------------------------------------------------------------


def check_size(settings: TokenizerConfig, size: int) -> Iterator[Finding]:
    """A vocabulary that is given has its own size, whatever the settings ask for.

    Args:
        settings: of the tokenizer.
        size: pieces that it has.
    """
    asked = settings.vocab_size
    if settings.path and "vocab_size" in settings.model_fields_set and asked != size:
        yield Finding(
            VOCABULARY,
            "warning",
            f"{settings.path} has {size:,} pieces, and tokenizer.vocab_size asks for {asked:,}, "
            f"which only counts for a new one",
            "leave out tokenizer.vocab_size, or tokenizer.path to train a new vocabulary",
        )


def check_vocabulary(
    tokenizer: TextTokenizer, train: Counts, val: Counts, n_words: int
) -> Iterator[Finding]:
    """Pieces that are bytes, unknown, never used, or too small.

    Args:
        tokenizer: whose ids were counted.
        train: in the training text.
        val: in the validation text.
        n_words: of the training text; 0 if it has none or pieces are not parts of words.
    """
    size, n, n_val = len(train), max(1, int(train.sum())), max(1, int(val.sum()))
    special, is_byte = _kinds(tokenizer)
    usable = ~special & ~is_byte
    unused, rare = int((usable & (train == 0)).sum()), int((usable & (train < _RARE)).sum())
    n_usable = max(1, int(usable.sum()))
    yield judged(
        VOCABULARY,
        max(
            grade(unused / n_usable, 0.15, 0.4),
            grade(rare / n_usable, 0.5, 0.8),
            key=("ok", "warning", "fault").index,
        ),
        f"of {n_usable:,} pieces (bytes and special ones aside) {unused:,} are never used in "
        f"training ({unused / n_usable:.0%}), {rare:,} less than {_RARE} times "
        f"({rare / n_usable:.0%}); {n:,} tokens counted",
        f"these pieces never learn what they mean: lower tokenizer.vocab_size ({size:,}), or train "
        f"a tokenizer on this text (leave tokenizer.path out)",
    )
    if is_byte.any():
        of_train, of_val = int(train[is_byte].sum()) / n, int(val[is_byte].sum()) / n_val
        yield judged(
            VOCABULARY,
            grade(max(of_train, of_val), 0.02, 0.1),
            f"single bytes are {of_train:.2%} of the training pieces, {of_val:.2%} of validation",
            "characters have no piece of their own: name them in tokenizer.required_characters, or "
            "train a tokenizer on this text (leave tokenizer.path out); or the text is damaged",
        )
    unk_id = getattr(tokenizer, "unk_id", -1)
    if unk_id >= 0:
        share = max(train[unk_id] / n, val[unk_id] / n_val)
        yield judged(
            VOCABULARY,
            grade(float(share), 0.001, 0.01),
            f"unknown pieces: {share:.2%}",
            "a character that the tokenizer does not know cannot be translated: train one with "
            "byte fallback (leave tokenizer.path out)",
        )
    new = int(val[usable & (train == 0)].sum()) / n_val
    yield judged(
        VOCABULARY,
        grade(new, 0.005, 0.05),
        f"{new:.2%} of the validation pieces never occur in training",
        "nothing is learned about these pieces: validation is about something else, or training "
        "was prepared otherwise",
    )
    if n_words:
        per_word = n / n_words
        yield judged(
            VOCABULARY,
            grade(per_word, 3.0, 4.5),
            f"{per_word:.2f} pieces per word in training",
            "words are almost spelled: raise tokenizer.vocab_size, or train a tokenizer on this "
            "text (leave tokenizer.path out)",
        )


def check_round_trip(tokenizer: TextTokenizer, lines: list[str]) -> Finding:
    """Whether text comes back as it went in, compatible characters and blanks aside."""
    changed = []
    for line in lines:
        back = tokenizer.decode(tokenizer.encode(line))
        if _compatible(back) != _compatible(line):
            changed.append(f"{quoted(line)} becomes {quoted(back)}")
    share = len(changed) / max(1, len(lines))
    return judged(
        VOCABULARY,
        grade(share, 0.02, 0.1) if len(changed) >= 3 else "ok",
        f"{len(changed)} of {len(lines)} lines are other text once they are encoded and decoded"
        + "".join(f"\n{example}" for example in changed[:2]),
        "the tokenizer loses characters or their case: train one on this text (leave "
        "tokenizer.path out)",
    )


def _compatible(text: str) -> list[str]:
    return unicodedata.normalize("NFKC", text).split()


def _kinds(tokenizer: TextTokenizer) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    special, is_byte = np.zeros((2, tokenizer.vocab_size), bool)
    for name in ("pad_id", "bos_id", "eos_id", "unk_id"):
        place = getattr(tokenizer, name, None)
        if place is not None and place >= 0:
            special[place] = True
    if isinstance(tokenizer, Tokenizer):
        pieces = tokenizer.pieces(range(tokenizer.vocab_size))
        is_byte[:] = [re.fullmatch("<0x[0-9A-F]{2}>", piece) is not None for piece in pieces]
    return special, is_byte


# What is left -------------------------------------------------------------------------------------


def check_left_out(train: Corpus, n_val: int, *, drops: bool = True) -> Iterator[Finding]:
    """Pairs that cleaning and `max_tokens` have taken away, and whether enough are left.

    Args:
        train: as training sees it.
        n_val: pairs of validation.
        drops: whether cleaning leaves out equal pairs.
    """
    shares = {reason: count / train.n_read for reason, count in train.dropped.items()}
    lost = sum(share for reason, share in shares.items() if reason != "duplicate")
    level: Level = grade(lost, 0.1, 0.3)
    if level == "ok" and shares.get("duplicate", 0.0) >= 0.3:
        level = "warning"
    advice = [_SETTINGS[reason] for reason, share in shares.items() if share >= 0.02]
    yield judged(LEFT_OUT, level, train.summary(), "; ".join(advice))
    if not drops:
        n = len(train.pairs)
        n_equal = n - len({hash(pair) for pair in all_pairs(train)})
        yield judged(
            LEFT_OUT,
            grade(n_equal / n, 0.05, 0.3),
            f"{n_equal:,} of {n:,} pairs are there already",
            "set data.cleaning.drop_duplicates=true: what stands there often is learned best",
        )
    few = []
    if len(train.pairs) < 1000:
        few.append(f"{len(train.pairs):,} pairs to train on are few")
    if n_val < 100:
        few.append(f"{n_val:,} pairs to validate on tell little")
    yield judged(
        LEFT_OUT,
        "warning" if few else "ok",
        "; ".join(few) or f"{len(train.pairs):,} pairs to train, {n_val:,} to validate",
        "give more text",
    )


def all_pairs(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """The text of every pair, some thousand at a time in memory."""
    for batch in corpus.pairs.select_columns(["src", "tgt"]).iter(batch_size=10_000):
        yield from zip(batch["src"], batch["tgt"], strict=True)


def count_words(lines: Iterable[str]) -> int:
    """What blanks divide."""
    return sum(len(line.split()) for line in lines)
