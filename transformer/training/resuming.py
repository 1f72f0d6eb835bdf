"""May a run start here, or go on, and will it go on as it was?"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..checkpoint import Checkpoint, RunDirectory, TrainingState
from ..config import Config
from ..errors import UserError

# What may differ from the run that is resumed: nothing that the next update depends on. Of `device`
# and `threads` it does only in its last bits; `check_continuity` warns.
_CHANGEABLE = {
    *("max_epochs", "device", "threads", "validate_every", "checkpoint_every", "keep_checkpoints"),
    *("average_checkpoints", "patience", "log_every", "tensorboard"),
}


class TrainingError(UserError):
    """A run that cannot start or go on; the message says where it stands and what to do."""


def require_finite_loss(total: float) -> None:
    """Raises TrainingError unless the loss of the validation set is a finite number."""
    if not math.isfinite(total):
        raise TrainingError(
            f"the loss of the validation set is {total}, although every weight is finite: the "
            f"numbers in between are too large. Start another run with training.clip_norm=1, "
            f"training.precision=fp32, or a lower learning rate (training.peak_learning_rate or "
            f"training.learning_rate_scale)"
        )


def resume_command(run: RunDirectory) -> str:
    """What to type to go on with a run."""
    return f"transformer-train --config {run.config} --resume"


def claim(run: RunDirectory, config: Config, resume: bool) -> tuple[Checkpoint | None, list[str]]:
    """The checkpoint to go on from, None to start anew, and what the log should note.

    Nothing is written or deleted.

    Raises:
        TrainingError: the run directory is taken, or cannot be resumed with these settings.
        CheckpointError: there is no run, or none of its checkpoints is whole.
    """
    if run.path.exists() and not run.path.is_dir():
        raise TrainingError(f"run_dir ({run.path}) is a file; choose another name")
    if not resume:
        if run.is_empty():
            return None, []
        raise TrainingError(
            f"{run.path} is not empty, and a run is never overwritten.\n"
            f"To go on with it:  {resume_command(run)}\n"
            f"To start another:  add run_dir={run.free_name()}"
        )
    if run.is_empty():
        raise TrainingError(f"there is no run to resume in {run.path}; leave out --resume")
    before = run.load_config()
    free = {"decoding", *(f"training.{name}" for name in _changeable(config))}
    changed: list[str] = []
    notes: list[str] = []
    for key, old, new in _differences(before, config):
        change = f"{key}: was {old!r}, is {new!r}"
        (notes if key in free or key.split(".")[0] in free else changed).append(change)
    if changed:
        raise TrainingError(
            f"{run.path} was trained with other settings, so it cannot be resumed exactly:\n"
            + "\n".join(f"  {change}" for change in changed)
            + f"\nTo go on with its own settings:  {resume_command(run)}"
        )
    checkpoint = run.newest_checkpoint()
    if checkpoint is None:
        notes.append(f"{run.path} has no checkpoint yet: starting from the beginning")
    return checkpoint, notes


def check_continuity(
    run: RunDirectory,
    state: TrainingState,
    texts: dict[str, str],
    device: torch.device,
    precision: str,
) -> list[str]:
    """Notes in `state` what the bits of this run depend on; of one that is resumed, compares it.

    Args:
        texts: fingerprints of the encoded text, `train` and `val`.

    Returns:
        What differs of the machine: the log should note it, and the run may go on.

    Raises:
        TrainingError: the text is another than before.
    """
    machine = {
        "device": device.type,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    for split, text in texts.items():
        if state.texts.get(split, text) != text:
            raise TrainingError(
                f"the text of data.{split} is not the one that {run.path} had before, so it "
                f"cannot be resumed exactly.\nBring the old text back, or start another run: "
                f"run_dir={run.free_name()}"
            )
    notes = [
        f"{name} is {now}, was {state.machine[name]}: the run goes on, but not in the same bits"
        for name, now in machine.items()
        if state.machine.get(name, now) != now
    ]
    state.texts, state.machine = texts, machine
    return notes


@contextmanager
def occupy(run: RunDirectory, state: TrainingState, resume: bool) -> Iterator[None]:
    """Holds the run directory while it is written to, if it is still as `claim` found it.

    Raises:
        TrainingError: meanwhile another process started here or went on.
        CheckpointError: another process is training here.
    """
    with run.locked():
        found = run.newest_whole_step()
        if found != state.step or not (resume or run.is_empty()):
            raise TrainingError(f"another process has just trained in {run.path}; look again")
        run.drop_newer_than(state.step)
        yield


def _changeable(config: Config) -> set[str]:
    changeable = set(_CHANGEABLE)
    if config.training.decay == "inverse_sqrt":  # others end at max_steps
        changeable.add("max_steps")
    if not config.chooses_by_bleu:  # scores on other sentences do not compare
        changeable.add("val_bleu_sentences")
    return changeable


def _differences(before: Config, now: Config) -> Iterator[tuple[str, Any, Any]]:
    # Key, old and new value. The folder may have been moved.
    old, new = (dict(_flat(config.model_dump(exclude={"run_dir"}))) for config in (before, now))
    return ((key, old[key], new[key]) for key in old if old[key] != new[key])


def _flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
