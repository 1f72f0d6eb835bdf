"""May a run start here, or go on, and will it go on as it was?"""

import os
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..config import Config
from ..data.text_tokenizers import TextTokenizer
from ..errors import UserError
from ..files import FileError, explained
from ..runs.checkpoints import (
    Checkpoint,
    TrainingState,
    drop_newer_than,
    newest_checkpoint,
    newest_whole_step,
)
from ..runs.directory import MODEL, TOKENIZERS, RunDirectory, setting
from ..runs.errors import CheckpointError
from ..runs.metadata import require_same_run
from ..runs.weights import read_metadata

# What may differ from the run that is resumed: settings that the next update does not depend on.
# On `device`, `threads` and `parallel` it depends in its last bits only; `check_continuity` warns.
_CHANGEABLE = {
    *("max_epochs", "device", "threads", "parallel", "validate_every", "checkpoint_every"),
    *("keep_checkpoints", "average_checkpoints", "patience", "log_every", "tensorboard"),
}


class TrainingError(UserError):
    """A run that cannot start or go on; the message says where it stands and what to do."""


class DivergedError(TrainingError):
    """Its loss, gradient or weights are infinite or not a number: it cannot go on as it was set."""


def resume_command(run: RunDirectory) -> str:
    """The command that resumes a run, ready for a shell."""
    return f"transformer-train --config {shlex.quote(str(run.config))} --resume"


def run_dir_of(config_path: Path) -> Path | None:
    """The run directory that a configuration file lies in; None if it does not lie in one.

    A run lives where its folder is, whatever `run_dir` in its config.yaml says: the folder may have
    been moved or copied.
    """
    folder = config_path.parent
    traces = ("checkpoints", "metrics.jsonl", "train.log", MODEL, *TOKENIZERS)
    if config_path.name == "config.yaml" and any((folder / name).exists() for name in traces):
        return folder
    return None


_ALONE = threading.Lock()


@contextmanager
def alone() -> Iterator[None]:
    """Keeps other threads of this process from training: random numbers come from one generator.

    Raises:
        TrainingError: another thread is training.
    """
    if not _ALONE.acquire(blocking=False):
        raise TrainingError(
            "another thread of this process is training, and both would draw from the same random "
            "numbers; train in another process, or one after the other"
        )
    try:
        yield
    finally:
        _ALONE.release()


@contextmanager
def advice(run: RunDirectory) -> Iterator[None]:
    """If the disk fails while a run is under way, the error also says how to go on.

    Raises:
        TrainingError: in place of a FileError.
    """
    try:
        yield
    except FileError as error:
        if not run.config.is_file():
            raise
        raise TrainingError(
            f"{error}.\nNothing half-written is left, and the checkpoints are whole. Once that is "
            f"mended, go on with:  {resume_command(run)}"
        ) from error


def claim(run: RunDirectory, config: Config, resume: bool) -> tuple[Checkpoint | None, list[str]]:
    """The checkpoint to go on from, or None to start anew, and what the log should note.

    This neither writes nor deletes anything.

    Raises:
        TrainingError: the run directory is taken, or cannot be resumed with these settings.
        CheckpointError: there is no run, or none of its checkpoints is whole.
    """
    with explained(run.path):
        _require_writable(run)
        empty = run.is_empty()
    if not resume:
        if empty:
            return None, []
        raise TrainingError(
            f"{run.path} is not empty, and a run is never overwritten.\n"
            f"To go on with it:  {resume_command(run)}\n"
            f"To start another:  add {run.another()}"
        )
    if empty:
        raise TrainingError(f"there is no run to resume in {run.path}; leave out --resume")
    before = run.load_config()
    free = {"decoding", "text", "data.streaming_workers"}
    free |= {*(f"training.{name}" for name in _changeable(config))}
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
            + f"\n{_start_from(run)}"
        )
    checkpoint = newest_checkpoint(run)
    if checkpoint is None and run.model.exists() and not run.metrics.exists():
        raise TrainingError(
            f"{run.path} holds a trained model, but no checkpoint to go on from, and starting "
            f"from the beginning would overwrite it.\n{_start_from(run)}"
        )
    if checkpoint is None:
        notes.append(f"{run.path} has no checkpoint yet: starting from the beginning")
    return checkpoint, notes


def _require_writable(run: RunDirectory) -> None:
    place = run.path
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise TrainingError(f"run_dir ({run.path}): {place} is a file; choose another name")
    if not os.access(place, os.W_OK):
        raise TrainingError(f"run_dir ({run.path}): {place} is read-only; choose another place")
    if run.checkpoints.exists() and not run.checkpoints.is_dir():
        raise TrainingError(
            f"{run.checkpoints} must be a folder, and it is a file; move it out of the way"
        )


def _start_from(run: RunDirectory) -> str:
    return (
        f"To begin another run with its weights:  leave out --resume and add "
        f"{setting('training.start_from', str(run.path))} {run.another()}"
    )


def check_tokenizer(run: RunDirectory, tokenizer: TextTokenizer) -> None:
    """Raises CheckpointError if weights of this run were trained with another tokenizer."""
    try:
        about = read_metadata(run.model)
    except CheckpointError:  # not there yet, or to be written anew
        return
    require_same_run(about, tokenizer, weights=run.model, tokenizer_path=run.tokenizer)


def check_continuity(
    run: RunDirectory,
    state: TrainingState,
    texts: dict[str, str],
    device: torch.device,
    precision: str,
    processes: int = 1,
) -> list[str]:
    """Notes in `state` what the bits of this run depend on, and compares it with what was there.

    Args:
        texts: fingerprints of the encoded text, `train` and `val`.

    Returns:
        How the machine differs from before: the log should note it, and the run may go on.

    Raises:
        TrainingError: the text differs from before.
    """
    machine = {
        "device": device.type,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "processes": processes,
        "torch": torch.__version__,
    }
    for split, text in texts.items():
        if state.texts.get(split, text) != text:
            raise TrainingError(
                f"the text of data.{split} is not the one that {run.path} had before, so it "
                f"cannot be resumed exactly.\nBring the old text back.\n{_start_from(run)}"
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
    """Holds the run directory while it is written to, if nobody has changed it since `claim`.

    Raises:
        TrainingError: another process has started a run here meanwhile, or resumed this one.
        CheckpointError: another process is training here.
    """
    with run.locked():
        found = newest_whole_step(run)
        if found != state.step or not (resume or run.is_empty()):
            raise TrainingError(f"another process has just trained in {run.path}; look again")
        drop_newer_than(run, state.step)
        yield


def _changeable(config: Config) -> set[str]:
    changeable = set(_CHANGEABLE)
    if config.training.decay == "inverse_sqrt":  # others end at max_steps
        changeable.add("max_steps")
    if not config.chooses_by_bleu:  # scores on other sentences do not compare
        changeable.add("val_bleu_sentences")
    return changeable


def _differences(before: Config, now: Config) -> Iterator[tuple[str, Any, Any]]:
    # Key, old value, new value. run_dir does not count: the folder may have been moved.
    old, new = (dict(_flat(config.model_dump(exclude={"run_dir"}))) for config in (before, now))
    return ((key, old[key], new[key]) for key in old if old[key] != new[key])


def _flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
