"""What the probes of a model work on: a part of a real batch, whichever the task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from ...data.batching import Batch
from ...data.stream import Blocks
from ...model.attention import MultiHeadAttention
from ...model.dropout import Dropout
from ...training.task import AnyTask, Model

AnyBatch = Batch | Blocks

PADDING = 5
"""Positions that probes add."""


@dataclass(frozen=True)
class Example:
    """What a model reads and should say; a language model has no source."""

    src: Tensor | None  # (batch, src_len)
    tgt_in: Tensor  # (batch, tgt_len)
    tgt_out: Tensor  # (batch, tgt_len)
    real: Tensor  # (batch, tgt_len) bool, where the target is not padding
    pad_id: int  # that of the tokenizer; the model may be wrong about it

    @classmethod
    def of(cls, batch: AnyBatch, pad_id: int) -> Example:
        """The whole batch."""
        if isinstance(batch, Blocks):
            ids = batch.ids
            every = torch.ones_like(ids[:, 1:], dtype=torch.bool)
            return cls(None, ids[:, :-1], ids[:, 1:], every, pad_id)
        return cls(batch.src, batch.tgt_in, batch.tgt_out, batch.tgt_out != pad_id, pad_id)

    @torch.no_grad()
    def logits(self, model: Model, src: Tensor | None = None, tgt: Tensor | None = None) -> Tensor:
        """Of the whole batch, (batch, tgt_len, vocab_size), with other ids in place of its own."""
        tgt = self.tgt_in if tgt is None else tgt
        if self.src is None:
            return model(tgt)
        return model(self.src if src is None else src, tgt)


def pad_id_of(task: AnyTask) -> int:
    """What its batches are padded with; -1 if nothing is."""
    return int(getattr(task.tokenizer, "pad_id", -1))


def part_of(batch: AnyBatch, rows: slice, pad_id: int) -> AnyBatch:
    """Some rows of a batch as a batch of its own, without columns that hold only padding."""
    if isinstance(batch, Blocks):
        return Blocks(batch.ids[rows])

    def cut(ids: Tensor) -> Tensor:
        width = int((ids[rows] != pad_id).sum(dim=1).max())
        return ids[rows, : max(1, width)]

    tgt_out = cut(batch.tgt_out)
    n_tokens = int((tgt_out != pad_id).sum())
    return Batch(cut(batch.src), batch.tgt_in[rows, : tgt_out.size(1)], tgt_out, n_tokens)


def real_batches(task: AnyTask, n: int, n_tokens: int, *, longest: int = 128) -> list[AnyBatch]:
    """The beginnings of the first batches of training, of about n_tokens targets each."""
    pad_id = pad_id_of(task)
    return [
        _beginning(batch, n_tokens, longest, pad_id)
        for batch in islice(task.batches(epoch=0, skip=0), n)
    ]


def _beginning(batch: AnyBatch, n_tokens: int, longest: int, pad_id: int) -> AnyBatch:
    if isinstance(batch, Blocks):
        batch = Blocks(batch.ids[:, : longest + 1])
        width = batch.ids.size(1)
    else:
        width = max(batch.src.size(1), batch.tgt_out.size(1))
    return part_of(batch, slice(max(2, n_tokens // width)), pad_id)


def dropouts(model: Model) -> Iterator[Dropout | MultiHeadAttention]:
    """All parts that leave something out while training."""
    return (m for m in model.modules() if isinstance(m, Dropout | MultiHeadAttention))


def without_dropout(model: Model) -> Model:
    """Turns all dropout of a model off, for good."""
    for module in dropouts(model):
        if isinstance(module, Dropout):
            module.p = 0.0
        else:
            module.dropout = 0.0
    return model
