"""Trials: updates as training makes them, from one batch by heart and from many small ones."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from ...config import TrainingConfig
from ...training.language_modeling import LanguageModelingTask
from ...training.task import AnyTask, Model
from ...training.translation import TranslationTask
from ...training.updating import NotFiniteError, build, update
from .examples import AnyBatch, Example, pad_id_of, part_of, without_dropout
from .findings import Finding, judged, listed

OVERFIT, ACCUMULATION = "overfit", "accumulation"

N_UPDATES = 250
"""Updates on one batch at most."""

LONGEST = 25.0
"""Seconds that these may take, counted as the process computes, not as the clock runs."""

NEAR = 0.25
"""Nats per token above its floor that count as known by heart."""

_EVEN = 1e-4  # gradients that differ by more are not the same


# Accumulation -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Trial:
    """A task with other settings of training, and what it made."""

    task: AnyTask
    model: Model
    optimizer: torch.optim.AdamW

    @classmethod
    def of(cls, task: AnyTask, **settings: object) -> _Trial:
        assert isinstance(task, TranslationTask | LanguageModelingTask)
        training = task.config.training.model_copy(update=settings)
        changed: AnyTask = replace(
            task, config=task.config.model_copy(update={"training": training})
        )
        model, optimizer = build(changed, torch.device("cpu"))
        return cls(changed, without_dropout(model), optimizer)

    def moments(self) -> dict[str, Tensor]:
        """The gradients as Adam was given them, times 1 - beta1 after the first update."""
        return {
            name: self.optimizer.state[weight]["exp_avg"].clone()
            for name, weight in self.model.named_parameters()
            if "exp_avg" in self.optimizer.state[weight]
        }


def check_accumulation(task: AnyTask, batch: AnyBatch) -> Finding:
    """One update from a batch, and from the same cut into small ones: Adam must see the same.

    Args:
        task: whose loss it is.
        batch: several sentences of different lengths.
    """
    n_rows = len(batch.ids if hasattr(batch, "ids") else batch.src)
    cuts = sorted({0, 1, max(1, n_rows // 4), max(1, n_rows // 2), n_rows})
    parts: list[AnyBatch] = []
    seen: list[dict[str, Tensor]] = []
    for whole in (True, False):
        # A rate at which weights stay as they are, to make the same update twice.
        trial = _Trial.of(task, consistency=0.0, clip_norm=None, peak_learning_rate=1e-12)
        parts = [batch]
        if not whole:
            pad_id = pad_id_of(task)
            parts = [part_of(batch, slice(*ends), pad_id) for ends in pairwise(cuts)]
        update(trial.task, trial.model, trial.optimizer, parts, 1, "fp32")
        seen.append(trial.moments())
    update(trial.task, trial.model, trial.optimizer, parts, 2, "fp32")
    one, many = seen
    forgotten = sorted(
        name for name, w in trial.model.named_parameters() if w.requires_grad and name not in one
    )
    scale = max((float(gradient.norm()) for gradient in one.values()), default=0.0)
    off = {name: float((one[name] - many[name]).norm()) / (scale or 1.0) for name in one}
    most = max(off, key=lambda name: off[name], default="")
    right = bool(one) and scale > 0 and off[most] <= _EVEN and not forgotten
    # Of an equal gradient, the moment is then beta1 + 1 times what it was.
    expected = trial.task.config.training.adam_beta1 + 1
    again = sum(float(m.norm()) for m in trial.moments().values())
    growth = again / (sum(float(m.norm()) for m in many.values()) or 1.0)
    if right and abs(growth - expected) > _EVEN:
        right = False
        told = "a second update with the same batches has another gradient than the first"
    elif forgotten:
        told = f"the optimiser never moves {listed(forgotten)}"
    elif not one or scale == 0:
        told = "the optimiser sees no gradient"
    else:
        told = (
            f"{len(parts)} small batches and one large one of {n_rows} rows: gradients differ by "
            f"{off[most]:.1e} of their norm" + ("" if right else f", most in {most}")
        )
    return judged(
        ACCUMULATION,
        "ok" if right else "fault",
        told,
        "add up the losses of all batches of an update, divide once by all their target tokens, "
        "and begin every update with gradients of zero: look at `update` and `build` in "
        "transformer/training/updating.py, and whether padding counts in the loss",
    )


# Overfitting --------------------------------------------------------------------------------------


def check_overfit(
    task: AnyTask, batch: AnyBatch, *, n_updates: int = N_UPDATES, seconds: float = LONGEST
) -> Finding:
    """A model with its optimiser must learn one small batch by heart.

    Args:
        task: whose loss it is.
        batch: a few sentences, of some hundred tokens.
        n_updates: how many may be made.
        seconds: how long that may take.
    """
    settings = task.config.training
    floor = _floor(Example.of(batch, pad_id_of(task)))
    first = _learn(task, batch, floor, n_updates, seconds)
    what = (
        f"{first.n_updates} updates on {batch.n_tokens} target tokens: {first.start:.2f} → "
        f"{first.end:.2f} nats per token (floor {floor:.2f})"
    )
    if first.learned(floor):
        return Finding(OVERFIT, "ok", what)
    if first.timed_out and first.end < first.start:
        return Finding(
            OVERFIT,
            "warning",
            f"{what}, stopped after {seconds:.0f} s",
            "nothing is known to be wrong: the model is large for this machine; run the doctor "
            "with a smaller one (model.d_model, n_encoder_layers, n_decoder_layers)",
        )
    usual = TrainingConfig()
    own = {
        name: getattr(usual, name)
        for name in ("adam_beta1", "adam_beta2", "adam_eps", "weight_decay", "clip_norm")
        if getattr(settings, name) != getattr(usual, name)
    }
    advice = (
        "before anything else, find out why the model cannot learn a single batch: look at the "
        "other faults, then at the residuals, the loss and the optimiser"
    )
    if own and _learn(task, batch, floor, n_updates, seconds, **own).learned(floor):
        names = ", ".join(f"training.{name}" for name in own)
        advice = f"the optimiser's settings prevent it; with the paper's it learns: change {names}"
    return Finding(OVERFIT, "fault", f"{what}: not learned", advice)


@dataclass(frozen=True)
class _Outcome:
    start: float
    end: float
    n_updates: int
    timed_out: bool

    def learned(self, floor: float) -> bool:
        return self.end <= floor + NEAR


def _learn(
    task: AnyTask, batch: AnyBatch, floor: float, n_updates: int, seconds: float, **own: object
) -> _Outcome:
    # A rate that small models, with a norm wherever, learn with: 1.3e-3 at a width of 128.
    rate = 0.015 / math.sqrt(task.config.model.d_model)
    trial = _Trial.of(
        task,
        label_smoothing=0.0,
        consistency=0.0,
        start_from=None,
        peak_learning_rate=rate,
        warmup_steps=20,
        max_steps=10 * n_updates,
        decay="inverse_sqrt",
        **own,
    )
    first, last, step, started = math.nan, math.nan, 0, _computed()
    for step in range(1, n_updates + 1):
        try:
            sums = update(trial.task, trial.model, trial.optimizer, [batch], step, "fp32")
        except NotFiniteError:
            return _Outcome(first, math.inf, step, False)
        last = sums.nll / sums.n_tokens
        first = last if step == 1 else first
        if last <= floor + NEAR:
            break
        if _computed() - started > seconds:
            return _Outcome(first, last, step, True)
    return _Outcome(first, last, step, False)


def _computed() -> float:
    # A machine that is busy with something else must not look like a model that cannot learn.
    return time.process_time() / torch.get_num_threads()


def _floor(example: Example) -> float:
    """Nats per token that remain where equal beginnings go on differently."""
    answers: dict[tuple[object, ...], Counter[int]] = defaultdict(Counter)
    for row, real in enumerate(example.real.sum(dim=1).tolist()):
        src = () if example.src is None else tuple(example.src[row].tolist())
        tgt = example.tgt_in[row].tolist()
        for place in range(int(real)):
            beginning = (src, *tgt[: place + 1])
            answers[beginning][int(example.tgt_out[row, place])] += 1
    total = 0.0
    for counts in answers.values():
        n = counts.total()
        total -= sum(k * math.log(k / n) for k in counts.values())
    return total / max(1, int(example.real.sum()))
