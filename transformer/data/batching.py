"""Token-budget, length-bucketed batches: a pure function of (data, seed, epoch)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .tokenizer import Tokenizer

if TYPE_CHECKING:
    from .corpus import Corpus

POOL = 65_536
"""Pairs sorted by length together: many, for little padding; bounded, for memory."""


@dataclass(frozen=True)
class Batch:
    """Sentence pairs of similar length as ids, padded with pad_id."""

    src: Tensor  # (batch, src_len), ends with EOS
    tgt_in: Tensor  # (batch, tgt_len), starts with BOS
    tgt_out: Tensor  # (batch, tgt_len), ends with EOS
    n_tokens: int  # target tokens, EOS counted, padding not

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        src, tgt_in, tgt_out = (moved(ids, device) for ids in (self.src, self.tgt_in, self.tgt_out))
        return Batch(src, tgt_in, tgt_out, self.n_tokens)

    def count_positions(self, pad_id: int) -> tuple[int, int]:
        """Source and target positions: how many, and how many of them are padding."""
        padding = (self.src == pad_id).sum() + (self.tgt_out == pad_id).sum()
        return self.src.numel() + self.tgt_out.numel(), int(padding)


def moved(ids: Tensor, device: torch.device) -> Tensor:
    """The same on another device: to a GPU while it still computes, which needs pinned memory."""
    if device.type == "cuda" and not ids.is_cuda:
        return ids.pin_memory().to(device, non_blocking=True)
    return ids.to(device)


def make_batch(
    src: Sequence[Sequence[int]], tgt: Sequence[Sequence[int]], tokenizer: Tokenizer
) -> Batch:
    """Pads pairs of ids without special tokens and adds BOS and EOS where the model wants them."""
    bos, eos, pad = [tokenizer.bos_id], [tokenizer.eos_id], tokenizer.pad_id
    return Batch(
        pad_ids([[*ids, *eos] for ids in src], pad),
        pad_ids([[*bos, *ids] for ids in tgt], pad),
        pad_ids([[*ids, *eos] for ids in tgt], pad),
        sum(len(ids) + 1 for ids in tgt),
    )


def pad_ids(rows: Sequence[Sequence[int]], pad_id: int) -> Tensor:
    """Rows of different length → (batch, length) int64, filled up at the right."""
    padded = torch.full((len(rows), max(map(len, rows))), pad_id)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = torch.tensor(row)
    return padded


def token_budget_batches(
    src_lengths: NDArray[np.int64], tgt_lengths: NDArray[np.int64], batch_tokens: int
) -> list[NDArray[np.int64]]:
    """Cuts pairs, sorted by length, into batches that never exceed the budget.

    A batch of n pairs costs n times its longest side, padding included. Pairs of equal lengths
    keep the order in which they came, so shuffle first.

    Args:
        src_lengths: tokens of each source, EOS counted.
        tgt_lengths: tokens of each target, EOS counted.
        batch_tokens: the budget.

    Returns:
        For each batch the indices of its pairs, from short to long. Every pair is in one batch.

    Raises:
        ValueError: a pair that is longer than the budget.
    """
    longest = np.maximum(src_lengths, tgt_lengths)
    if len(longest) and longest.max() > batch_tokens:
        raise ValueError(
            f"batch_tokens ({batch_tokens}) must hold the longest sentence; "
            f"found one of {longest.max()} tokens"
        )
    order = np.lexsort((src_lengths, tgt_lengths))
    batches, start, width = [], 0, 0
    for i, index in enumerate(order):
        width = max(width, int(longest[index]))
        if (i + 1 - start) * width > batch_tokens:
            batches.append(order[start:i])
            start, width = i, int(longest[index])
    if start < len(order):
        batches.append(order[start:])
    return batches


def pair_weights(corpus: Corpus) -> NDArray[np.float32]:
    """How often an epoch sees each pair, on average."""
    weights: NDArray[np.float32] = corpus.pairs.with_format("numpy")["weight"][:]
    return weights


def epoch_order(weights: NDArray[np.float32], *, seed: int, epoch: int) -> NDArray[np.int64]:
    """Which pairs the epoch sees, in which order; at least one.

    A pair of weight 2.0 comes twice; one of weight 0.25 comes in every fourth epoch on average.
    """
    generator = np.random.default_rng((seed, epoch))
    chances = weights + generator.random(len(weights))
    copies = np.floor(chances).astype(np.int64)
    if not copies.any():  # few pairs of low weight: an epoch without any would make no update
        copies[np.argmax(chances)] = 1
    order = np.repeat(np.arange(len(weights)), copies)
    generator.shuffle(order)
    return order


def epoch_batches(
    corpus: Corpus,
    tokenizer: Tokenizer,
    *,
    batch_tokens: int,
    max_tokens: int,
    seed: int,
    epoch: int,
    skip: int = 0,
    every: int = 1,
) -> Iterator[Batch]:
    """The batches of one epoch in training order.

    With `tokenizer.sampling_alpha` above 0 each epoch sees new segmentations.

    Args:
        corpus: with columns src_ids and tgt_ids, from `encode_corpus`.
        tokenizer: the one that encoded it.
        batch_tokens: see `token_budget_batches`.
        max_tokens: sampled segmentations longer than this give way to the best one.
        seed: of the run.
        epoch: counted from 0.
        skip: so many batches are passed over, to resume within an epoch.
        every: of those that come then, the first of every so many: a process's share.
    """
    order = epoch_order(pair_weights(corpus), seed=seed, epoch=epoch)
    for n_pool, start in enumerate(range(0, len(order), POOL)):
        pool = corpus.pairs[order[start : start + POOL]]
        src, tgt = pool["src_ids"], pool["tgt_ids"]
        if tokenizer.sampling_alpha > 0:
            pool_seed = int(np.random.SeedSequence((seed, epoch, n_pool)).generate_state(1)[0])
            src = sample_ids(tokenizer, pool["src"], src, max_tokens, pool_seed)
            tgt = sample_ids(tokenizer, pool["tgt"], tgt, max_tokens, pool_seed + 1)
        batches = token_budget_batches(n_with_eos(src), n_with_eos(tgt), batch_tokens)
        np.random.default_rng((seed, epoch, n_pool)).shuffle(batches)
        for indices in batches[skip::every]:
            yield make_batch([src[i] for i in indices], [tgt[i] for i in indices], tokenizer)
        n_passed = len(batches) - skip
        skip = -n_passed if n_passed < 0 else -n_passed % every


def ordered_batches(corpus: Corpus, tokenizer: Tokenizer, *, batch_tokens: int) -> Iterator[Batch]:
    """Every pair once, for validation. Pairs longer than the budget get a batch of their own."""
    pairs = corpus.pairs
    for start in range(0, len(pairs), POOL):
        pool = pairs[start : start + POOL]
        src, tgt = pool["src_ids"], pool["tgt_ids"]
        lengths = n_with_eos(src), n_with_eos(tgt)
        budget = max(batch_tokens, int(max(lengths[0].max(), lengths[1].max())))
        for indices in token_budget_batches(*lengths, budget):
            yield make_batch([src[i] for i in indices], [tgt[i] for i in indices], tokenizer)


def n_with_eos(ids: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """The length of each row, EOS counted."""
    return np.fromiter((len(row) + 1 for row in ids), dtype=np.int64, count=len(ids))


def sample_ids(
    tokenizer: Tokenizer,
    lines: Sequence[str],
    best: Sequence[Sequence[int]],
    max_tokens: int,
    seed: int,
) -> list[Sequence[int]]:
    """Another segmentation of each line; where it is too long, the best one."""
    sampled = tokenizer.sample_batch(lines, seed=seed)
    return [s if len(s) < max_tokens else b for s, b in zip(sampled, best, strict=True)]
