"""Training: `train(config)`, one function to read from top to bottom.

A run that is killed and resumed ends in the same bits as one that was never interrupted. An update
depends on three things only: the last checkpoint; the batches, a pure function of (data, seed,
epoch); and the random numbers of dropout, seeded anew at every update from (seed, step). The same
bits need the same machine, torch and number of threads and processes, since these decide the order
of sums.

Under torchrun, every process runs `train` and makes its share of each update (see `world`). The
first one alone writes; all of them read, so that the run directory must be one that they all see.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..config import Config
from ..errors import UserError, shown
from ..files import write_atomically
from ..model.compiling import compile_layers
from ..runs.checkpoints import (
    Checkpoint,
    TrainingState,
    last_weights,
    save_checkpoint,
)
from ..runs.directory import RunDirectory
from ..runs.errors import CheckpointError
from ..runs.metadata import require_change
from ..runs.weights import (
    average_weights,
    load_weights,
    require_finite,
    save_weights,
)
from .curves import drawing
from .journal import AnyJournal, Journal, SilentJournal, format_scores
from .precision import set_up
from .resuming import (
    DivergedError,
    TrainingError,
    advice,
    alone,
    check_continuity,
    check_tokenizer,
    claim,
    occupy,
    resume_command,
)
from .signals import stop_signals
from .spreading import AnySpread, spread
from .starting import find_start, prepare_together, take_over
from .task import AnyTask, Batch, Change
from .updating import (
    NotFiniteError,
    Sums,
    build_model,
    build_optimizer,
    explain_not_finite,
    shares,
    update_together,
)
from .world import World, joined_world, note_launch, was_restarted

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """What `train` leaves behind."""

    directory: Path
    step: int  # updates made
    seconds: float  # spent training and validating, over all sittings
    metrics: dict[str, float]  # of model.safetensors on the validation set; empty if interrupted
    interrupted: bool = False


def train(config: Config, *, resume: bool = False, change: Change | None = None) -> Run:
    """Trains a model and leaves a run directory that translates.

    Args:
        config: every setting, from `load_config`.
        resume: go on from the newest checkpoint in `config.run_dir`.
        change: what an experiment does to the model; only the experiment can then use it.

    Raises:
        TrainingError: the run directory is taken, cannot be resumed or written to, the loss is not
            finite, or another thread is training.
        CorpusError, TokenizerError: the data cannot be used; nothing has been written.
        UserError: config is none.
    """
    if not isinstance(config, Config):
        raise UserError(
            f"config must be a Config, such as load_config gives; found {shown(config)}"
        )
    with alone(), joined_world(config.training.device) as world:
        resume = resume or was_restarted(RunDirectory(config.run_dir).path, world)
        return _train(config, world, resume, change)


def _train(config: Config, world: World, resume: bool, change: Change | None) -> Run:
    # Setup: text, model, optimiser, and where the run stands.
    run = RunDirectory(config.run_dir)
    with world.together():
        config, notes = take_over(config, resume=resume)
        checkpoint, changes = claim(run, config, resume)
        notes += changes
        device, precision = set_up(
            config.training,
            world.local_rank if world.size > 1 else None,
            streaming=config.data.streaming,
        )
        if checkpoint:
            require_change(checkpoint.about, change.name if change else None, source=run.path)
        known = run.tokenizer if resume and run.tokenizer.is_file() else None
    task = prepare_together(config, known, change, world)
    places = set(world.each(checkpoint.state.step if checkpoint else 0))
    texts = world.gather(task.texts)
    anywhere = world.gather(task.texts_anywhere)
    with world.together():
        task.require_readers(world)
        if len(places) > 1:
            raise TrainingError(
                f"the processes see different checkpoints in {run.path} (of steps "
                f"{', '.join(map(str, sorted(places)))}); all must see the same folder"
            )
        if any(each != anywhere[0] for each in anywhere):
            raise TrainingError("the processes read different text; they need the same files")
        model = build_model(task, device)
        if config.training.compile:
            compile_layers(model)
        state = checkpoint.state if checkpoint else TrainingState()
        if checkpoint:
            load_weights(model, checkpoint.weights, source=run.path)
        elif start := find_start(config):
            load_weights(model, start.weights(), source=start.path)
        if resume:
            check_tokenizer(run, task.tokenizer)
        notes += check_continuity(run, state, texts[0], device, precision, world.size)

    everywhere = spread(task, model, world)
    optimizer = build_optimizer(model, config.training)
    if checkpoint:
        everywhere.load_moments(optimizer, checkpoint, source=run.path)

    with ExitStack() as stack:
        journal: AnyJournal = SilentJournal()
        with world.together():
            if world.is_first:
                stack.enter_context(advice(run))
                stack.enter_context(occupy(run, state, resume))
                note_launch(run.path)
                journal = stack.enter_context(_open_journal(run, task, state))
                stack.enter_context(drawing(run, task))
        for note in notes:
            log.warning("%s", note)
        log.info("%s", task.summary())
        if ignored := config.ignored():
            log.warning("settings that have no effect here: %s", ", ".join(ignored))
        if config.training.max_steps <= config.training.warmup_steps:
            log.warning(
                "training.max_steps (%d) does not go beyond training.warmup_steps (%d): the "
                "learning rate only grows",
                config.training.max_steps,
                config.training.warmup_steps,
            )
        log.info(
            "%s weights, %s, %s, attention kernel %s%s, %d threads; step %d of %d",
            f"{model.n_parameters():,}",
            device,
            precision,
            config.training.attention_kernel,
            ", compiled layers" if config.training.compile else "",
            torch.get_num_threads(),
            state.step,
            config.training.max_steps,
        )
        upcoming = shares(task, state, world)
        with stop_signals() as stop:
            while state.step < config.training.max_steps and not _out_of_patience(state, config):
                # One update.
                started = time.perf_counter()
                share = next(upcoming, None)
                if share is None:
                    break
                step = state.step + 1
                try:
                    sums = update_together(everywhere, optimizer, share, step, precision)
                except NotFiniteError as error:
                    told = explain_not_finite(error, task, step)
                    told = next(filter(None, world.gather(told if error.seen_here else "")), told)
                    with world.together():
                        raise DivergedError(
                            f"{told}\nThey need another run, {run.another()}; "
                            f"the checkpoints here are whole"
                        ) from None
                state.step = step
                state.tokens_seen += sums.n_tokens
                seconds = time.perf_counter() - started
                _add_to_window(state, sums, share.batches, model.pad_id, seconds)
                journal.advance(state, sums.lr)

                # Once in a while.
                is_best = False
                if step % config.training.log_every == 0:
                    journal.write_training(state, sums.lr)
                if step % config.training.validate_every == 0:
                    started = time.perf_counter()
                    weights = _finite_weights(everywhere, step, run)
                    samples = journal if isinstance(journal, Journal) else None
                    scores = task.validate(everywhere.whole(), samples, world)
                    state.seconds += time.perf_counter() - started
                    journal.write_validation(state, scores)
                    is_best = _keep_if_best(run, everywhere, weights, state, scores)
                stopping = any(world.each(stop.requested))
                if step % config.training.checkpoint_every == 0 or is_best or stopping:
                    _save(run, everywhere, optimizer, state)
                if stopping:
                    log.info("stopped at step %d; to go on: %s", step, resume_command(run))
                    return Run(run.path, step, state.seconds, {}, interrupted=True)

        # The end: the last checkpoint, and the best weights that there are.
        started = time.perf_counter()
        if _out_of_patience(state, config):
            log.info("no better validation for %d in a row: stopping", state.validations_since_best)
        _save(run, everywhere, optimizer, state)
        chosen, scores = _choose_weights(run, everywhere, state)
        state.seconds += time.perf_counter() - started
        log.info(
            "%d steps in %.1f min; %s holds the weights: %s",
            *(state.step, state.seconds / 60, run.model, chosen),
        )
        journal.write({"step": state.step, "event": "finished", "weights": chosen, **scores})
        return Run(run.path, state.step, state.seconds, scores)


def _open_journal(run: RunDirectory, task: AnyTask, state: TrainingState) -> Journal:
    write_atomically(run.config, task.config.to_yaml().encode())
    write_atomically(run.path / task.tokenizer.file_name, task.tokenizer.model)
    return Journal(run, task.config, state.step)


def _add_to_window(
    state: TrainingState, sums: Sums, batches: Sequence[Batch], pad_id: int, seconds: float
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


# The best weights --------------------------------------------------------------------------------


def _keep_if_best(
    run: RunDirectory,
    everywhere: AnySpread,
    weights: dict[str, Tensor],
    state: TrainingState,
    scores: dict[str, float],
) -> bool:
    task = everywhere.task
    score = _score(scores, task.config)
    if state.best_score is not None and not score > state.best_score:
        state.validations_since_best += 1
        return False
    state.best_score, state.best_step, state.validations_since_best = score, state.step, 0
    state.best_metrics = scores
    if everywhere.world.is_first:
        for path in (run.best, run.model):
            save_weights(weights, path, _metadata(state.step, task))
    return True


def _score(scores: dict[str, float], config: Config) -> float:
    # Higher is better.
    return scores["val_bleu"] if config.chooses_by_bleu else -scores["val_loss"]


def _out_of_patience(state: TrainingState, config: Config) -> bool:
    patience = config.training.patience
    return patience is not None and state.validations_since_best >= patience


def _choose_weights(
    run: RunDirectory, everywhere: AnySpread, state: TrainingState
) -> tuple[str, dict[str, float]]:
    """Leaves in model.safetensors the last weights, their average or the best, by validation.

    Done once more, it does the same. Returns what the weights are, and their scores.
    """
    task, world = everywhere.task, everywhere.world
    world.wait()  # for the last checkpoint
    candidates = {"last": {name: w.clone() for name, w in everywhere.weights().items()}}
    last = last_weights(run, task.config.training.average_checkpoints)
    last = last[: min(world.each(len(last)))]
    if len(last) > 1:
        candidates[f"average of the last {len(last)}"] = average_weights(last)
    results: dict[str, dict[str, float]] = {}
    for name, weights in candidates.items():
        results[name] = task.validate(everywhere.whole(weights), world=world)
        log.info("%s: %s", name, format_scores(results[name]))
    chosen = max(results, key=lambda name: _score(results[name], task.config))
    best = state.best_score if run.step_of_best() == state.best_step else None
    if best is None or _score(results[chosen], task.config) >= best:
        if world.is_first:
            save_weights(candidates[chosen], run.model, _metadata(state.step, task))
        return chosen, results[chosen]
    if world.is_first:
        write_atomically(run.model, run.best.read_bytes())
    return f"best, step {state.best_step}", state.best_metrics


def _metadata(step: int, task: AnyTask) -> dict[str, str]:
    return {"step": str(step), "tokenizer": task.tokenizer.fingerprint, **task.metadata}


# Checkpoints -------------------------------------------------------------------------------------


def _save(
    run: RunDirectory,
    everywhere: AnySpread,
    optimizer: torch.optim.Optimizer,
    state: TrainingState,
) -> None:
    weights = _finite_weights(everywhere, state.step, run)
    moments = everywhere.moments(optimizer)
    # Each process knows only its own place in a stream.
    places = [place for each in everywhere.world.gather(state.stream) for place in each]
    if not everywhere.world.is_first:
        return
    settings = everywhere.task.config.training
    save_checkpoint(
        run,
        Checkpoint(
            weights, moments, replace(state, stream=places), _metadata(state.step, everywhere.task)
        ),
        keep=settings.keep_checkpoints,
        every=settings.checkpoint_every,
    )


def _finite_weights(everywhere: AnySpread, step: int, run: RunDirectory) -> dict[str, Tensor]:
    weights = everywhere.weights()
    with everywhere.world.together():
        _require_finite(weights, step, run)
    return weights


def _require_finite(weights: dict[str, Tensor], step: int, run: RunDirectory) -> None:
    try:
        require_finite(weights, source=f"the model after step {step}")
    except CheckpointError as error:
        raise DivergedError(
            f"{error}, so it is not saved.\n"
            f"Start another run, {run.another()}, with a lower learning rate "
            f"(training.peak_learning_rate or training.learning_rate_scale) or "
            f"training.clip_norm=1. The checkpoints before this step are whole"
        ) from None
