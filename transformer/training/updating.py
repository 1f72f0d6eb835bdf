"""One update: its batches, its learning rate, forward and backward, one step of the optimiser."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import nn

from ..config import Config
from ..model.kernels import use_kernel
from ..runs.checkpoints import TrainingState
from .precision import Precision, autocast
from .schedule import learning_rate
from .task import AnyTask, B, Batch, M, Task


class NotFiniteError(ArithmeticError):
    """An update that was not made, since its loss or gradient is infinite or not a number."""

    def __init__(self, what: str, batch: Batch) -> None:
        super().__init__(what)
        self.batch = batch  # where it showed


@dataclass(frozen=True)
class Sums:
    """What came of one update; losses are in nats."""

    smoothed: float
    nll: float
    n_tokens: int
    gradient_norm: float  # of the mean loss, before clipping
    lr: float


def build(task: Task[M, B], device: torch.device) -> tuple[M, torch.optim.AdamW]:
    """A new model, seeded, and its optimiser. AdamW without weight decay is the paper's Adam."""
    settings = task.config.training
    torch.manual_seed(task.config.seed)
    model = task.new_model()
    use_kernel(model, settings.attention_kernel)
    if task.change:
        task.change.apply(model)
    model.to(device)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=1.0,  # set before every update
        betas=(settings.adam_beta1, settings.adam_beta2),
        eps=settings.adam_eps,
        fused=True,
    )
    return model, optimizer


def updates(task: Task[M, B], state: TrainingState) -> Iterator[list[B]]:
    """The batches of each update from where `state` stands; moves its place in the data along."""
    settings = task.config.training
    while settings.max_epochs is None or state.epoch < settings.max_epochs:
        batches = task.batches(epoch=state.epoch, skip=state.batches_done)
        while update := list(islice(batches, settings.accumulate)):
            state.batches_done += len(update)
            yield update
        state.epoch += 1
        state.batches_done = 0


def update(
    task: Task[M, B],
    model: M,
    optimizer: torch.optim.AdamW,
    batches: list[B],
    step: int,
    precision: Precision,
) -> Sums:
    """Forward and backward over the batches of one update, then one step of the optimiser.

    Raises:
        NotFiniteError: the loss or the gradient is infinite or not a number; the weights stay.
    """
    config, device = task.config, model.device
    torch.manual_seed(int(np.random.SeedSequence((config.seed, step)).generate_state(1)[0]))
    model.train()
    optimizer.zero_grad(set_to_none=True)
    n_tokens = sum(batch.n_tokens for batch in batches)
    smoothed = nll = 0.0
    for batch in batches:
        with autocast(precision, device):
            loss = task.loss(model, batch.to(device), step)
        loss.smoothed.backward()
        smoothed += float(loss.smoothed.detach())
        nll += float(loss.nll)
        if not math.isfinite(smoothed):
            raise NotFiniteError(f"the loss is {smoothed}", batch)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    gradient_norm = float(nn.utils.get_total_norm(gradients)) / n_tokens
    if not math.isfinite(gradient_norm):
        raise NotFiniteError(f"the norm of the gradient is {gradient_norm}", batches[-1])
    # The mean over all target tokens of the update, however they are cut into batches, and not
    # longer than clip_norm.
    divisor = n_tokens * max(1.0, gradient_norm / (config.training.clip_norm or math.inf))
    if device.type in ("cpu", "cuda"):  # the optimiser divides as it goes, without another pass
        optimizer.grad_scale = torch.tensor(divisor, device=device)  # type: ignore[attr-defined]
    else:
        torch._foreach_div_(gradients, divisor)
    lr = learning_rate_at(step, config)
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    return Sums(smoothed, nll, n_tokens, gradient_norm, lr)


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
