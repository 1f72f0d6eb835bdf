"""Checkpoints: everything that the next update depends on.

A checkpoint appears under its name only when all of it is on disk: it is written under a temporary
name, flushed and renamed. A kill at any moment leaves the previous one whole.
"""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, TypeAdapter, ValidationError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ..files import new_folder, reason
from .directory import MODEL, RunDirectory
from .errors import CheckpointError, DamagedError
from .weights import as_bytes, damage_explained, portable, read_metadata

log = logging.getLogger(__name__)

OPTIMIZER, STATE, CHECKSUMS = "optimizer.safetensors", "state.json", "checksums.json"

MOMENTS = ("exp_avg", "exp_avg_sq")
"""What Adam remembers of each weight, as torch calls it."""

Count = Annotated[int, Field(ge=0, le=10**15)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass
class TrainingState:
    """Where a run stands, beside its weights and the optimiser's moments.

    There is no random state: every update seeds its generators from (seed, step).
    """

    step: Count = 0  # updates made
    epoch: Count = 0  # counted from 0
    batches_done: Count = 0  # of this epoch
    tokens_seen: Count = 0  # target tokens, padding not counted
    seconds: Seconds = 0.0  # spent training, validation included, over all sittings
    best_score: float | None = None  # of the metric that chooses, higher is better
    best_step: Count = 0
    validations_since_best: Count = 0
    best_metrics: dict[str, float] = field(default_factory=dict)  # of the best validation
    texts: dict[str, str] = field(default_factory=dict)  # fingerprints of the encoded text
    machine: dict[str, Any] = field(default_factory=dict)  # what else the bits depend on
    window: dict[str, float] = field(default_factory=dict)  # sums since the last line of the log
    stream: list[Any] = field(default_factory=list)
    """Where the lanes of a streamed corpus stand, by process; empty at the start of an epoch."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights, moments and state after an update."""

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: TrainingState
    about: Mapping[str, str] = field(default_factory=dict)
    """Metadata of the weights, as in model.safetensors: whoever copies them has those as well."""


def named_moments(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """What Adam remembers of the model's weights, by their names."""
    return {
        f"{kind}.{name}": optimizer.state[p][kind]
        for name, p in model.named_parameters()
        if p in optimizer.state
        for kind in MOMENTS
    }


def load_moments(
    optimizer: torch.optim.Optimizer, model: nn.Module, checkpoint: Checkpoint, *, source: Path
) -> None:
    """Copies what Adam remembers into an optimiser of the model's parameters.

    Raises:
        CheckpointError: a moment is missing or of another shape.
    """
    if checkpoint.state.step == 0:  # no update has made moments yet
        return
    for name, p in model.named_parameters():
        moments = {}
        for kind in MOMENTS:
            moment = checkpoint.optimizer.get(f"{kind}.{name}")
            if moment is None or moment.shape != p.shape:
                found = "nothing" if moment is None else tuple(moment.shape)
                raise CheckpointError(
                    f"the checkpoint in {source} does not fit the model of config.yaml: for "
                    f"{kind}.{name} the model has {tuple(p.shape)}, the file {found}"
                )
            moments[kind] = moment.to(p.device)
        step = torch.tensor(float(checkpoint.state.step), device=p.device)
        optimizer.state[p] = {"step": step, **moments}


# In a run directory -------------------------------------------------------------------------------


def save_checkpoint(run: RunDirectory, checkpoint: Checkpoint, *, keep: int, every: int) -> Path:
    """Writes a checkpoint and deletes old ones. If this step has a whole one already, it stays.

    Of those that the schedule made, one every `every` steps, the newest `keep` stay. One that an
    interruption made stays only until the next, so that an average of the last few is the same as
    without the interruption.
    """
    if not run.path.is_dir():
        raise CheckpointError(
            f"{run.path} was moved or deleted while it was trained in; nothing is saved"
        )
    final = run.checkpoints / f"step-{checkpoint.state.step:08d}"
    if not _is_whole(final):
        files = {
            MODEL: as_bytes(checkpoint.weights, checkpoint.about),
            OPTIMIZER: save(portable(checkpoint.optimizer)),
            STATE: json.dumps(asdict(checkpoint.state), indent=1).encode(),
        }
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files[CHECKSUMS] = json.dumps(sums, indent=1).encode()
        with new_folder(final) as folder:
            for name, content in files.items():
                (folder / name).write_bytes(content)
    scheduled = [path for path in _saved(run) if _step(path) % every == 0]
    for path in _saved(run):
        if path != final and path not in scheduled[:keep]:
            _delete(path)
    return final


def newest_checkpoint(run: RunDirectory) -> Checkpoint | None:
    """The newest whole checkpoint; damaged ones are skipped with a warning. None if there is none.

    Raises:
        CheckpointError: there are checkpoints, but none is whole, or another version wrote the
            newest.
    """
    for path in _saved(run):
        try:
            return _read_checkpoint(path)
        except DamagedError as error:
            log.warning("%s; trying the one before it", error)
    if _saved(run):
        raise CheckpointError(
            f"none of the checkpoints in {run.checkpoints} is whole, and they stay as they "
            f"are. Bring one back from a copy, or start another run: {run.another()}"
        )
    return None


def newest_whole_step(run: RunDirectory) -> int:
    """The step of the newest whole checkpoint; 0 if there is none."""
    return next((_step(path) for path in _saved(run) if _is_whole(path)), 0)


def last_weights(run: RunDirectory, n: int) -> list[dict[str, Tensor]]:
    """The weights of the newest n whole checkpoints, newest first."""
    found: list[dict[str, Tensor]] = []
    for path in _saved(run):
        if len(found) == n:
            break
        try:
            _verify(path)
            found.append(_read_tensors(path / MODEL))
        except DamagedError as error:
            log.warning("%s; it is left out of the average", error)
    return found


def drop_newer_than(run: RunDirectory, step: int) -> None:
    """Deletes the checkpoints after `step`, which are damaged, so that they are not averaged."""
    for path in _saved(run):
        if _step(path) > step:
            _delete(path)


def _saved(run: RunDirectory) -> list[Path]:
    # Newest first. Temporary names begin with a dot, and copies that people make end in more.
    names = re.compile(r"step-\d{8,}")
    saved = [path for path in run.checkpoints.glob("step-*") if names.fullmatch(path.name)]
    return sorted(saved, key=_step, reverse=True)


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _delete(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise CheckpointError(f"cannot delete {path}: {reason(error)}") from error


# Reading one --------------------------------------------------------------------------------------


def _read_checkpoint(path: Path) -> Checkpoint:
    _verify(path)
    state = _read_state(path / STATE)
    if state.step != _step(path):
        raise DamagedError(f"{path} is damaged: its {STATE} says step {state.step}")
    about = read_metadata(path / MODEL)
    return Checkpoint(_read_tensors(path / MODEL), _read_tensors(path / OPTIMIZER), state, about)


def _read_state(path: Path) -> TrainingState:
    content = path.read_bytes()
    with damage_explained(path):
        tree = json.loads(content)
    known = {field.name for field in fields(TrainingState)}
    unknown = sorted(tree.keys() - known) if isinstance(tree, dict) else []
    if unknown:
        raise CheckpointError(
            f"{path.parent} was written by another version of this package (with "
            f"{', '.join(unknown)}); resume with that version, or start another run"
        )
    try:
        return _state_adapter().validate_json(content, strict=True)
    except ValidationError as error:
        [first, *_] = error.errors()
        where = ".".join(map(str, first["loc"]))
        raise DamagedError(f"{path} is damaged: {where}: {first['msg']}") from None


@cache
def _state_adapter() -> TypeAdapter[TrainingState]:
    return TypeAdapter(TrainingState)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    with damage_explained(path):
        return load_file(path)


def _verify(path: Path) -> None:
    with damage_explained(path):
        expected = json.loads((path / CHECKSUMS).read_bytes())
        found = {
            name: hashlib.sha256((path / name).read_bytes()).hexdigest()
            for name in (MODEL, OPTIMIZER, STATE)
        }
    if found != expected:
        raise DamagedError(f"{path} is damaged: its checksums do not match")


def _is_whole(path: Path) -> bool:
    try:
        _verify(path)
    except DamagedError:
        return False
    return True
