"""One update: its batches, its learning rate, forward and backward, one step of the optimiser."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic

import numpy as np
import torch
from torch import Tensor, nn

from ..config import Config, TrainingConfig
from ..model.kernels import use_kernel
from ..runs.checkpoints import TrainingState
from .precision import Precision, autocast
from .resuming import TrainingError
from .schedule import learning_rate
from .spreading import Spread
from .task import AnyTask, B, Batch, M, Model, Task
from .world import ALONE, World


class NotFiniteError(ArithmeticError):
    """An update that was not made, since its loss or gradient is infinite or not a number."""

    def __init__(self, what: str, batch: Batch, *, seen_here: bool = True) -> None:
        super().__init__(what)
        self.batch = batch  # where it showed
        self.seen_here = seen_here  # and not in another process


@dataclass(frozen=True)
class Sums:
    """What came of one update; losses are in nats."""

    smoothed: float
    nll: float
    n_tokens: int
    gradient_norm: float  # of the mean loss, before clipping
    lr: float


def build(task: Task[M, B], device: torch.device) -> tuple[M, torch.optim.AdamW]:
    """A new model, seeded, and its optimiser."""
    model = build_model(task, device)
    return model, build_optimizer(model, task.config.training)


def build_model(task: Task[M, B], device: torch.device) -> M:
    """A new model, seeded."""
    torch.manual_seed(task.config.seed)
    model = task.new_model()
    use_kernel(model, task.config.training.attention_kernel)
    if task.change:
        task.change.apply(model)
    model.to(device)
    return model


def build_optimizer(model: Model, settings: TrainingConfig) -> torch.optim.AdamW:
    """AdamW; without weight decay it is the paper's Adam."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=1.0,  # set before every update
        betas=(settings.adam_beta1, settings.adam_beta2),
        eps=settings.adam_eps,
        fused=True,
    )


@dataclass(frozen=True)
class Share(Generic[B]):
    """What one process does of an update."""

    batches: list[B]
    fillers: list[B]
    """At the end of an epoch another process may have more batches. These stand for the ones that
    this one lacks, since all must make as many passes; their losses do not count."""


def shares(task: Task[M, B], state: TrainingState, world: World = ALONE) -> Iterator[Share[B]]:
    """This process's share of each update from where `state` stands; moves `state` along.

    The processes deal out the batches of an epoch like cards, `accumulate` to each in an update.

    Raises:
        TrainingError: an epoch held no batch.
        CorpusError: a stream cannot be read.
        GoneError: another process has ended.
    """
    settings = task.config.training
    while settings.max_epochs is None or state.epoch < settings.max_epochs:
        batches = task.deal(state, world)
        spare: B | None = None
        while True:
            mine = list(islice(batches, settings.accumulate))
            counts = world.each(len(mine))
            if not any(counts):
                break
            state.batches_done += sum(counts)
            n_missing = max(counts) - len(mine)
            if mine:
                spare = mine[-1]
            elif spare is None:
                spare = next(task.batches(epoch=state.epoch, skip=0))
            yield Share(mine, n_missing * [spare])
        task.end_epoch(state, world)
        with world.together():
            if not state.batches_done:
                raise TrainingError(f"an epoch held no batch: {task.no_batch}")
        state.epoch += 1
        state.batches_done = 0
        state.stream = []


def updates(task: Task[M, B], state: TrainingState) -> Iterator[list[B]]:
    """The batches of each update of a single process."""
    return (share.batches for share in shares(task, state))


def update(
    task: Task[M, B],
    model: M,
    optimizer: torch.optim.AdamW,
    batches: list[B],
    step: int,
    precision: Precision,
) -> Sums:
    """An update of a single process; see `update_together`."""
    return update_together(Spread(task, model), optimizer, Share(batches, []), step, precision)


def update_together(
    spread: Spread[M, B],
    optimizer: torch.optim.AdamW,
    share: Share[B],
    step: int,
    precision: Precision,
) -> Sums:
    """Forward and backward over the batches of one update, then one step of the optimiser.

    All processes make it together, each with its share, and all return the sums over all of them.

    Raises:
        NotFiniteError: the loss or the gradient is infinite or not a number; the weights stay.
        GoneError: another process has ended.
    """
    model, world, config = spread.model, spread.world, spread.task.config
    device = model.device
    model.train()
    optimizer.zero_grad(set_to_none=True)
    smoothed = nll = 0.0
    n_counted, n_passes = len(share.batches), len(share.batches) + len(share.fillers)
    suspect: B | None = None
    for i, batch in enumerate([*share.batches, *share.fillers]):
        last = i + 1 == n_passes
        _seed(config.seed, step, place=i * world.size + world.rank)
        with spread.exchanging(last=last):
            with autocast(precision, device):
                loss = spread.loss(batch.to(device), step, last=last)
            if i >= n_counted:
                (loss.smoothed * 0.0).backward()
                continue
            loss.smoothed.backward()
        smoothed += float(loss.smoothed.detach())
        nll += float(loss.nll)
        if suspect is None and not math.isfinite(smoothed):
            suspect = batch
    n_own = sum(batch.n_tokens for batch in share.batches)
    smoothed, nll, n_tokens = world.total([smoothed, nll, n_own])
    if not math.isfinite(smoothed):
        raise NotFiniteError(
            f"the loss is {smoothed}", suspect or batch, seen_here=suspect is not None
        )
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    # Gradients are means over the processes.
    gradient_norm = _norm(gradients) * world.size / n_tokens
    if not math.isfinite(gradient_norm):
        raise NotFiniteError(f"the norm of the gradient is {gradient_norm}", batch)
    # The mean over all target tokens of the update, however they are cut into batches and dealt out
    # to processes, and not longer than clip_norm.
    divisor = n_tokens / world.size
    divisor *= max(1.0, gradient_norm / (config.training.clip_norm or math.inf))
    if device.type in ("cpu", "cuda") and not spread.sharded:
        # The optimiser divides as it goes, without another pass.
        optimizer.grad_scale = torch.tensor(divisor, device=device)  # type: ignore[attr-defined]
    else:
        torch._foreach_div_(gradients, divisor)
    lr = learning_rate_at(step, config)
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    return Sums(smoothed, nll, int(n_tokens), gradient_norm, lr)


def _seed(seed: int, step: int, *, place: int) -> None:
    # For dropout: by the batch's place in the update, whichever process makes it.
    entropy = (seed, step, place) if place else (seed, step)
    torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))


def _norm(gradients: list[Tensor]) -> float:
    norm: Any = nn.utils.get_total_norm(gradients)
    if hasattr(norm, "full_tensor"):  # of shards
        norm = norm.full_tensor()
    return float(norm)


def learning_rate_at(step: int, config: Config) -> float:
    """The schedule of the settings."""
    settings = config.training
    return learning_rate(
        step,
        d_model=config.model.d_model,
        warmup_steps=settings.warmup_steps,
        scale=settings.learning_rate_scale,
        peak=settings.peak_learning_rate,
        decay=settings.decay,
        max_steps=settings.max_steps,
        final_share=settings.final_share,
    )


def explain_not_finite(error: NotFiniteError, task: AnyTask, step: int) -> str:
    """Where it happened, and which settings may prevent it."""
    lr = learning_rate_at(step, task.config)
    given = task.config.training.peak_learning_rate is not None
    setting = "training.peak_learning_rate" if given else "training.learning_rate_scale"
    return (
        f"{error} at step {step} (learning rate {lr:.2e}); the update was not made.\n"
        f"{task.describe(error.batch)}\n"
        f"What may prevent it: a lower {setting}, more training.warmup_steps, "
        f"training.clip_norm=1, or training.precision=fp32."
    )
