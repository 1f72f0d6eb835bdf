"""Training: `train(config)`, one function to be read from top to bottom.

A run that is killed and resumed ends in the same bits as one never interrupted, because an update
depends on three things only: the last checkpoint, the batches, a pure function of (data, seed,
epoch), and the random numbers of dropout, seeded anew at every update from (seed, step). The same
bits need the same machine, torch and number of threads, since these decide the order of sums.
"""

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from ..config import Config
from ..files import write_atomically
from ..model.kernels import use_kernel
from ..runs.checkpoints import (
    Checkpoint,
    TrainingState,
    last_weights,
    load_moments,
    named_moments,
    save_checkpoint,
)
from ..runs.directory import RunDirectory
from ..runs.errors import CheckpointError
from ..runs.weights import (
    average_weights,
    load_weights,
    named_weights,
    require_finite,
    save_weights,
)
from .journal import Journal, format_scores
from .precision import autocast, set_up
from .resuming import (
    TrainingError,
    advice,
    alone,
    check_continuity,
    check_tokenizer,
    claim,
    occupy,
    resume_command,
)
from .schedule import learning_rate
from .signals import stop_signals
from .starting import find_start, take_over
from .task import Batch, Data, Model, task_of

log = logging.getLogger(__name__)


class NotFiniteError(ArithmeticError):
    """An update that was not made, since its loss or gradient is infinite or no number."""

    def __init__(self, what: str, batch: Batch) -> None:
        super().__init__(what)
        self.batch = batch  # where it showed


@dataclass(frozen=True)
class Run:
    """What `train` leaves behind."""

    directory: Path
    step: int  # updates made
    seconds: float  # spent training and validating, over all sittings
    metrics: dict[str, float]  # of model.safetensors on the validation set; empty if interrupted
    interrupted: bool = False


@alone()
def train(config: Config, *, resume: bool = False) -> Run:
    """Trains a model and leaves a run directory that translates.

    Args:
        config: every setting, from `load_config`.
        resume: go on from the newest checkpoint in `config.run_dir`.

    Raises:
        TrainingError: the run directory is taken, cannot be resumed or written to, the loss is not
            finite, or another thread is training.
        CorpusError, TokenizerError: the data cannot be used; nothing has been written.
    """
    # Setup: text, model, optimiser, and where the run stands.
    run = RunDirectory(config.run_dir)
    config, notes = take_over(config, resume=resume)
    checkpoint, changes = claim(run, config, resume)
    notes += changes
    device, precision = set_up(config.training)
    data = prepare(config, run.tokenizer if resume and run.tokenizer.is_file() else None)
    model, optimizer = build(config, data, device)
    state = checkpoint.state if checkpoint else TrainingState()
    if checkpoint:
        load_weights(model, checkpoint.weights, source=run.path)
        load_moments(optimizer, model, checkpoint, source=run.path)
    elif start := find_start(config):
        load_weights(model, start.weights(), source=start.path)
    if resume:
        check_tokenizer(run, data.tokenizer)
    notes += check_continuity(run, state, data.texts, device, precision)

    with (
        advice(run),
        occupy(run, state, resume),
        _open_journal(run, config, data, state) as journal,
    ):
        for note in notes:
            log.warning("%s", note)
        log.info("%s", data.summary())
        if ignored := config.ignored():
            log.warning("settings that do not count here: %s", ", ".join(ignored))
        if config.training.max_steps <= config.training.warmup_steps:
            log.warning(
                "training.max_steps (%d) does not go beyond training.warmup_steps (%d): the "
                "learning rate only grows",
                config.training.max_steps,
                config.training.warmup_steps,
            )
        log.info(
            "%s weights, %s, %s, attention kernel %s, %d threads; step %d of %d",
            f"{model.n_parameters():,}",
            device,
            precision,
            config.training.attention_kernel,
            torch.get_num_threads(),
            state.step,
            config.training.max_steps,
        )
        upcoming = updates(data, config, state)
        with stop_signals() as stop:
            while state.step < config.training.max_steps and not _out_of_patience(state, config):
                # One update.
                started = time.perf_counter()
                batches = next(upcoming, None)
                if batches is None:
                    break
                step = state.step + 1
                lr = learning_rate_at(step, config)
                try:
                    sums = update(model, optimizer, batches, step, lr, config, device, precision)
                except NotFiniteError as error:
                    raise TrainingError(
                        f"{explain_not_finite(error, step, lr, data, config)}\n"
                        f"They need another run, {run.another()}; the checkpoints here are whole"
                    ) from None
                state.step = step
                state.tokens_seen += sums.n_tokens
                seconds = time.perf_counter() - started
                _add_to_window(state, sums, batches, model.pad_id, seconds)
                journal.advance(state, lr)

                # Once in a while.
                is_best = False
                if step % config.training.log_every == 0:
                    journal.write_training(state, lr)
                if step % config.training.validate_every == 0:
                    started = time.perf_counter()
                    _require_finite_weights(model, step, run)
                    scores = validate(model, data, config, journal=journal)
                    state.seconds += time.perf_counter() - started
                    journal.write_validation(state, scores)
                    is_best = _keep_if_best(run, model, state, scores, data, config)
                stopping = stop.requested
                if step % config.training.checkpoint_every == 0 or is_best or stopping:
                    _save(run, model, optimizer, state, config)
                if stopping:
                    log.info("stopped at step %d; to go on: %s", step, resume_command(run))
                    return Run(run.path, step, state.seconds, {}, interrupted=True)

        return _finish(run, model, optimizer, state, data, config, journal)


def prepare(config: Config, tokenizer_path: Path | None = None) -> Any:
    """The text of the task, read and encoded; a tokenizer is trained if there is none.

    Args:
        config: data and tokenizer settings.
        tokenizer_path: that of a run that is resumed; by default that of `training.start_from`.

    Raises:
        CorpusError, TokenizerError: the data cannot be used; nothing has been written.
        TrainingError: `training.start_from` names nothing that this run can start from.
    """
    if tokenizer_path is None and (start := find_start(config)):
        tokenizer_path = start.tokenizer
    return task_of(config).prepare(config, tokenizer_path)


def build(config: Config, data: Data, device: torch.device) -> tuple[Any, torch.optim.AdamW]:
    """A new model, seeded, and its optimiser. AdamW without weight decay is the paper's Adam."""
    torch.manual_seed(config.seed)
    model = task_of(config).new_model(config, data).to(device)
    use_kernel(model, config.training.attention_kernel)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.training.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=1.0,  # set before every update
        betas=(config.training.adam_beta1, config.training.adam_beta2),
        eps=config.training.adam_eps,
        fused=True,
    )
    return model, optimizer


# One update ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sums:
    """Over the target tokens of one update, in nats."""

    smoothed: float
    nll: float
    n_tokens: int
    gradient_norm: float  # of the mean loss, before clipping


def update(
    model: Model,
    optimizer: torch.optim.AdamW,
    batches: list[Any],
    step: int,
    lr: float,
    config: Config,
    device: torch.device,
    precision: Literal["fp32", "bf16"],
) -> Sums:
    """Forward and backward over the batches of one update, then one step of the optimiser.

    Raises:
        NotFiniteError: the loss or the gradient is infinite or not a number; the weights stay.
    """
    torch.manual_seed(int(np.random.SeedSequence((config.seed, step)).generate_state(1)[0]))
    model.train()
    optimizer.zero_grad(set_to_none=True)
    n_tokens = sum(batch.n_tokens for batch in batches)
    loss_of = task_of(config).loss
    smoothed = nll = 0.0
    for batch in batches:
        with autocast(precision, device):
            loss = loss_of(model, batch.to(device), step, config)
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
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    return Sums(smoothed, nll, n_tokens, gradient_norm)


def updates(data: Data, config: Config, state: TrainingState) -> Iterator[list[Any]]:
    """The batches of each update from where `state` stands; its place in the data is kept."""
    task = task_of(config)
    while config.training.max_epochs is None or state.epoch < config.training.max_epochs:
        batches = task.batches(data, config, epoch=state.epoch, skip=state.batches_done)
        while update := list(islice(batches, config.training.accumulate)):
            state.batches_done += len(update)
            yield update
        state.epoch += 1
        state.batches_done = 0


def learning_rate_at(step: int, config: Config) -> float:
    """The schedule of the settings."""
    return learning_rate(
        step,
        d_model=config.model.d_model,
        warmup_steps=config.training.warmup_steps,
        scale=config.training.learning_rate_scale,
        peak=config.training.peak_learning_rate,
        decay=config.training.decay,
        max_steps=config.training.max_steps,
        final_share=config.training.final_share,
    )


def _add_to_window(
    state: TrainingState, sums: Sums, batches: list[Batch], pad_id: int, seconds: float
) -> None:
    state.seconds += seconds
    counts = [batch.count_positions(pad_id) for batch in batches]
    added = {
        "smoothed": sums.smoothed,
        "nll": sums.nll,
        "n_tokens": sums.n_tokens,
        "gradient_norm": sums.gradient_norm,
        "updates": 1,
        "positions": sum(positions for positions, _ in counts),
        "padding": sum(padding for _, padding in counts),
        "seconds": seconds,
    }
    for key, value in added.items():
        state.window[key] = state.window.get(key, 0) + value


# Validation and the best weights -------------------------------------------------------------


def validate(
    model: Model, data: Data, config: Config, *, journal: Journal | None = None
) -> dict[str, float]:
    """Scores on the validation text, `val_loss` among them.

    Raises:
        TrainingError: the loss is not finite.
    """
    return task_of(config).validate(model, data, config, journal=journal)


def _keep_if_best(
    run: RunDirectory,
    model: Model,
    state: TrainingState,
    scores: dict[str, float],
    data: Data,
    config: Config,
) -> bool:
    score = _score(scores, config)
    if state.best_score is not None and not score > state.best_score:
        state.validations_since_best += 1
        return False
    state.best_score, state.best_step, state.validations_since_best = score, state.step, 0
    state.best_metrics = scores
    weights = named_weights(model)
    for path in (run.best, run.model):
        save_weights(weights, path, _metadata(state.step, data))
    return True


def _score(scores: dict[str, float], config: Config) -> float:
    # Higher is better.
    return scores["val_bleu"] if config.chooses_by_bleu else -scores["val_loss"]


def _out_of_patience(state: TrainingState, config: Config) -> bool:
    patience = config.training.patience
    return patience is not None and state.validations_since_best >= patience


def _finish(
    run: RunDirectory,
    model: Model,
    optimizer: torch.optim.Optimizer,
    state: TrainingState,
    data: Data,
    config: Config,
    journal: Journal,
) -> Run:
    # Chooses between the averaged and the best weights; made again, it does the same.
    started = time.perf_counter()
    if _out_of_patience(state, config):
        log.info("no better validation for %d in a row: stopping", state.validations_since_best)
    _save(run, model, optimizer, state, config)
    candidates = {"last": {name: w.clone() for name, w in named_weights(model).items()}}
    last = last_weights(run, config.training.average_checkpoints)
    if len(last) > 1:
        candidates[f"average of the last {len(last)}"] = average_weights(last)
    results: dict[str, dict[str, float]] = {}
    for name, weights in candidates.items():
        load_weights(model, weights, source=name)
        results[name] = validate(model, data, config)
        log.info("%s: %s", name, format_scores(results[name]))
    chosen = max(results, key=lambda name: _score(results[name], config))
    best = state.best_score if run.step_of_best() == state.best_step else None
    if best is None or _score(results[chosen], config) >= best:
        save_weights(candidates[chosen], run.model, _metadata(state.step, data))
        scores = results[chosen]
    else:
        chosen, scores = f"best, step {state.best_step}", state.best_metrics
        write_atomically(run.model, run.best.read_bytes())
    state.seconds += time.perf_counter() - started
    minutes = state.seconds / 60
    log.info(
        "%d steps in %.1f min; %s holds the weights: %s", state.step, minutes, run.model, chosen
    )
    journal.write({"step": state.step, "event": "finished", "weights": chosen, **scores})
    return Run(run.path, state.step, state.seconds, scores)


def _metadata(step: int, data: Data) -> dict[str, str]:
    return {"step": str(step), "tokenizer": data.tokenizer.fingerprint, **data.metadata}


# Run directory -------------------------------------------------------------------------------


def _open_journal(run: RunDirectory, config: Config, data: Data, state: TrainingState) -> Journal:
    write_atomically(run.config, config.to_yaml().encode())
    write_atomically(run.path / data.tokenizer.file_name, data.tokenizer.model)
    return Journal(run, config, state.step)


def _save(
    run: RunDirectory,
    model: Model,
    optimizer: torch.optim.Optimizer,
    state: TrainingState,
    config: Config,
) -> None:
    _require_finite_weights(model, state.step, run)
    save_checkpoint(
        run,
        Checkpoint(named_weights(model), named_moments(optimizer, model), state),
        keep=config.training.keep_checkpoints,
        every=config.training.checkpoint_every,
    )


# What goes wrong -----------------------------------------------------------------------------


def explain_not_finite(
    error: NotFiniteError, step: int, lr: float, data: Data, config: Config
) -> str:
    """Where it happened, and which settings may prevent it."""
    return (
        f"{error} at step {step} (learning rate {lr:.2e}); the update was not made.\n"
        f"{task_of(config).describe(error.batch, data)}\n"
        f"What may prevent it: a lower {_rate_setting(config)}, more training.warmup_steps, "
        f"training.clip_norm=1, or training.precision=fp32."
    )


def _rate_setting(config: Config) -> str:
    given = config.training.peak_learning_rate is not None
    return "training.peak_learning_rate" if given else "training.learning_rate_scale"


def _require_finite_weights(model: Model, step: int, run: RunDirectory) -> None:
    try:
        require_finite(named_weights(model), source=f"the model after step {step}")
    except CheckpointError as error:
        raise TrainingError(
            f"{error}, so it is not saved.\n"
            f"Start another run, {run.another()}, with a lower learning rate "
            f"(training.peak_learning_rate or training.learning_rate_scale) or "
            f"training.clip_norm=1. The checkpoints before this step are whole"
        ) from None
