"""May a run start here, or go on, and will it go on as it was?"""

import logging
from collections.abc import Iterator
from typing import Any

import torch

from ..checkpoint import Checkpoint, RunDirectory, TrainingState
from ..config import Config
from ..errors import UserError

log = logging.getLogger(__name__)

# What may differ from the run that is resumed: nothing that the next update depends on. Of `device`
# and `threads` it does only in its last bits; `check_continuity` warns.
_CHANGEABLE = {
    *("max_epochs", "device", "threads", "validate_every", "checkpoint_every", "keep_checkpoints"),
    *("average_checkpoints", "patience", "log_every", "tensorboard"),
}


class TrainingError(UserError):
    """A run that cannot start or go on; the message says where it stands and what to do."""


def resume_command(run: RunDirectory) -> str:
    """What to type to go on with a run."""
    return f"transformer-train --config {run.config} --resume"


def claim(run: RunDirectory, config: Config, resume: bool) -> Checkpoint | None:
    """The checkpoint to go on from; None starts anew. Nothing is ever overwritten.

    Raises:
        TrainingError: the run directory is taken, or cannot be resumed with these settings.
    """
    if run.path.exists() and not run.path.is_dir():
        raise TrainingError(f"run_dir ({run.path}) is a file; choose another name")
    if not resume:
        if run.is_empty():
            return None
        raise TrainingError(
            f"{run.path} is not empty, and a run is never overwritten.\n"
            f"To go on with it:  {resume_command(run)}\n"
            f"To start another:  add run_dir={run.free_name()}"
        )
    if run.is_empty():
        raise TrainingError(f"there is no run to resume in {run.path}; leave out --resume")
    before = run.load_config()
    ignore: dict[str, Any] = {
        "run_dir": True,
        "decoding": True,
        "training": _changeable(config),
    }
    old, new = before.model_dump(exclude=ignore), config.model_dump(exclude=ignore)
    changed = [
        f"  {key}: was {a!r}, is {b!r}"
        for (key, a), (_, b) in zip(_flat(old), _flat(new), strict=True)
        if a != b
    ]
    if changed:
        raise TrainingError(
            f"{run.path} was trained with other settings, so it cannot be resumed exactly:\n"
            + "\n".join(changed)
            + f"\nTo go on with its own settings:  {resume_command(run)}"
        )
    checkpoint = run.newest_checkpoint()
    if checkpoint is None:
        log.warning("%s has no checkpoint yet: starting from the beginning", run.path)
    run.drop_newer_than(checkpoint.state.step if checkpoint else 0)
    return checkpoint


def check_continuity(
    run: RunDirectory, state: TrainingState, text: str, device: torch.device, precision: str
) -> None:
    """Notes in `state` what the bits of this run depend on; of one that is resumed, compares it.

    Args:
        text: fingerprint of the encoded training pairs.

    Raises:
        TrainingError: the text is another than before. Another machine is only warned of.
    """
    machine = {
        "device": device.type,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    if state.text and state.text != text:
        raise TrainingError(
            f"the training text is not the one that {run.path} was trained on, so it cannot be "
            f"resumed exactly.\nBring the old text back, or start another run: "
            f"run_dir={run.free_name()}"
        )
    for name, now in machine.items():
        before = state.machine.get(name, now)
        if before != now:
            log.warning(
                "%s is %s, was %s: the run goes on, but not in the same bits", name, now, before
            )
    state.text, state.machine = text, machine


def _changeable(config: Config) -> set[str]:
    changeable = set(_CHANGEABLE)
    if config.training.decay == "inverse_sqrt":  # others fall to zero at max_steps
        changeable.add("max_steps")
    if config.training.best_metric != "bleu":  # scores on other sentences do not compare
        changeable.add("val_bleu_sentences")
    return changeable


def _flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
