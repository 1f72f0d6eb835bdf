"""Do batches hold what the loss takes them for: shifted by one, padded at the end, paired?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from ...data.batching import Batch
from ...data.corpus import lengths
from ...data.stream import Blocks
from ...training.task import AnyTask, Model
from ...training.translation import TranslationTask
from .examples import AnyBatch, Example, pad_id_of
from .findings import Finding, grade, judged, listed

BATCHES, LOSS = "batches", "loss"

N_BATCHES = 5
_N_ROWS = 12
_MOST_ALIKE = 5000

# Of all positions, those whose input is the answer; words that are said twice make a few.
_SAME_HIGH, _SAME_TOO_HIGH = 0.1, 0.3


# Batches ------------------------------------------------------------------------------------------


def check_batches(task: AnyTask) -> Iterator[Finding]:
    """The first batches of an epoch: no answer in the input, whole sentences, the right pairs."""
    batches: list[AnyBatch] = list(islice(task.batches(epoch=0, skip=0), N_BATCHES))
    pad_id = pad_id_of(task)
    yield check_shift(batches, pad_id)
    if isinstance(task, TranslationTask):
        problems = [p for batch in batches for p in _malformed(cast(Batch, batch), task)]
        problems = list(dict.fromkeys(problems))
        yield judged(
            BATCHES,
            "fault" if problems else "ok",
            listed(problems) if problems else f"{len(batches)} batches are well formed",
            "look at make_batch and epoch_batches in transformer/data/batching.py",
        )
        if task.tokenizer.sampling_alpha == 0:
            yield _check_pairs(task, cast(Batch, batches[0]))
    again = next(task.batches(epoch=1, skip=0))
    same = torch.equal(Example.of(batches[0], pad_id).tgt_in, Example.of(again, pad_id).tgt_in)
    # A corpus of one batch has nothing to shuffle.
    yield judged(
        BATCHES,
        "warning" if same and len(batches) > 1 else "ok",
        "the second epoch begins with " + ("the batch of the first" if same else "another batch"),
        "batches must depend on the epoch: look at epoch_order in transformer/data/batching.py",
    )


def check_shift(batches: list[AnyBatch], pad_id: int) -> Finding:
    """Whether a model could read the answer where it has to give it."""
    same = n = 0
    wrong = False
    for batch in batches:
        example = Example.of(batch, pad_id)
        same += int((example.tgt_in == example.tgt_out)[example.real].sum())
        n += int(example.real.sum())
        wrong |= not _is_shifted(example)
    share = same / max(1, n)
    leaks = share >= _SAME_TOO_HIGH
    told = f"the input holds the answer at {share:.1%} of {n:,} target positions"
    if wrong and not leaks:
        told += ", and it is not the target shifted by one"
    level = "fault" if wrong else grade(share, _SAME_HIGH, _SAME_TOO_HIGH)
    return judged(
        BATCHES,
        level,
        told,
        "tgt_in must be tgt_out moved one to the right, with BOS before it: the model reads what "
        "it should predict, or something else"
        if wrong
        else "most tokens repeat the one before them: look at the target text",
    )


def _is_shifted(example: Example) -> bool:
    if example.src is None:
        return True  # both come of the same ids; see `check_loss`
    follow = example.real[:, 1:]
    return bool((example.tgt_in[:, 1:] == example.tgt_out[:, :-1])[follow].all())


def _malformed(batch: Batch, task: TranslationTask) -> Iterator[str]:
    tokenizer, settings = task.tokenizer, task.config.training
    pad, eos = tokenizer.pad_id, tokenizer.eos_id
    for name, ids in (("src", batch.src), ("tgt_out", batch.tgt_out), ("tgt_in", batch.tgt_in)):
        real = ids != pad
        if (real[:, 1:] & ~real[:, :-1]).any():
            yield f"padding stands before tokens of {name}"
        if name != "tgt_in":
            last = ids.gather(1, (real.sum(dim=1, keepdim=True) - 1).clamp(min=0))
            if (last != eos).any():
                yield f"{name} does not end with EOS"
    if (batch.tgt_in[:, 0] != tokenizer.bos_id).any():
        yield "tgt_in does not begin with BOS"
    n_tokens = int((batch.tgt_out != pad).sum())
    if n_tokens != batch.n_tokens:
        yield f"a batch counts {batch.n_tokens:,} target tokens and has {n_tokens:,}"
    longest = max(batch.src.size(1), batch.tgt_out.size(1))
    if len(batch.src) * longest > settings.batch_tokens:
        yield f"a batch has more than training.batch_tokens ({settings.batch_tokens:,})"


def _check_pairs(task: TranslationTask, batch: Batch) -> Finding:
    # Pairs of the same lengths are few, so that a large corpus need not be read.
    n_pieces = lengths(task.train)
    pairs = task.train.pairs.select_columns(["src_ids", "tgt_ids"])
    pad, rows, strange = task.tokenizer.pad_id, range(min(_N_ROWS, len(batch.src))), 0
    for row in rows:
        src, tgt = (_without_eos(ids[row], pad) for ids in (batch.src, batch.tgt_out))
        alike = (n_pieces == (len(src), len(tgt))).all(axis=1).nonzero()[0]
        if len(alike) > _MOST_ALIKE:
            continue
        found = pairs[alike]
        known = zip(found["src_ids"], found["tgt_ids"], strict=True)
        strange += (src, tgt) not in ((list(s), list(t)) for s, t in known)
    return judged(
        BATCHES,
        "fault" if strange else "ok",
        f"{strange} of {len(rows)} pairs of a batch are not in the corpus"
        if strange
        else f"{len(rows)} pairs of a batch are in the corpus",
        "a batch must keep source and target together: look at epoch_batches in "
        "transformer/data/batching.py",
    )


def _without_eos(ids: Tensor, pad_id: int) -> list[int]:
    return ids[ids != pad_id].tolist()[:-1]


# The loss -----------------------------------------------------------------------------------------


@torch.no_grad()
def check_loss(task: AnyTask, model: Model, batch: AnyBatch) -> Finding:
    """The loss of training against the same computed plainly from the model's logits.

    Args:
        task: whose loss it is.
        model: without dropout.
        batch: sentences of several lengths, so that there is padding.
    """
    example = Example.of(batch, pad_id_of(task))
    # In fp64 for the sums over a large vocabulary.
    log_p = example.logits(model).double().log_softmax(-1)
    true = log_p.gather(-1, example.tgt_out.unsqueeze(-1)).squeeze(-1)
    others = log_p.sum(-1) - true
    n_others = log_p.size(-1) - 1
    if example.pad_id >= 0:
        others, n_others = others - log_p[..., example.pad_id], n_others - 1
    smoothing = task.config.training.label_smoothing
    smoothed = -(1 - smoothing) * true - smoothing / n_others * others
    n = int(example.real.sum())
    expected = [float(each[example.real].sum()) / n for each in (-true, smoothed)]
    loss = task.loss(model, batch, 0)
    found = [float(loss.nll) / n, float(loss.smoothed) / n]
    right = all(abs(a - b) <= 1e-3 * max(1.0, abs(b)) for a, b in zip(found, expected, strict=True))
    right &= loss.n_tokens == n
    padding = 1 - n / example.real.numel()
    told = f"{found[0]:.3f} nats per token; computed plainly {expected[0]:.3f}"
    if not right:
        told += f" (smoothed {found[1]:.3f} and {expected[1]:.3f}; tokens {loss.n_tokens} and {n})"
    return judged(
        LOSS,
        "ok" if right else "fault",
        f"{told}; {padding:.0%} of the positions are padding",
        "training does not minimise the cross-entropy of the next token without padding: look at "
        "`loss` of the task, transformer/training/loss.py and packing.py",
    )


def uneven(batches: list[AnyBatch], pad_id: int) -> AnyBatch:
    """A batch whose sentences differ in length: some of each batch."""
    first = batches[0]
    if isinstance(first, Blocks):
        return first
    parts = [cast(Batch, batch) for batch in batches]

    def join(sides: list[Tensor]) -> Tensor:
        width = max(ids.size(1) for ids in sides)
        return torch.cat([F.pad(ids, (0, width - ids.size(1)), value=pad_id) for ids in sides])

    return Batch(
        join([batch.src for batch in parts]),
        join([batch.tgt_in for batch in parts]),
        join([batch.tgt_out for batch in parts]),
        sum(batch.n_tokens for batch in parts),
    )
