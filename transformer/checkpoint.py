"""The run directory: atomic save, load, newest, average. safetensors and JSON, no pickle.

::

    runs/multi30k_de_en/
      config.yaml            every setting, resolved
      sentencepiece.model    the tokenizer; or characters.json, or tokenizer.json
      model.safetensors      the weights to translate with: the best, in the end the averaged
      best.safetensors       the weights of the best validation
      checkpoints/step-00001000/
        model.safetensors  optimizer.safetensors  state.json  checksums.json
      metrics.jsonl  train.log  TensorBoard events

A checkpoint appears under its name only when all of it is on disk: it is written to a temporary
name, flushed and renamed. A kill at any moment leaves the previous one whole.
"""

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from .config import Config, load_config
from .errors import UserError
from .model.encoder_decoder import Transformer
from .model.gpt import GPT

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

M = TypeVar("M", Transformer, GPT)

TOKENIZERS = ("sentencepiece.model", "characters.json", "tokenizer.json")
"""What a tokenizer may be called in a run directory."""

SHIPPED = Path(str(files(__package__))) / "pretrained" / "de-en"
"""Where the model in the package lies."""

MODEL, OPTIMIZER, STATE, CHECKSUMS = (
    "model.safetensors",
    "optimizer.safetensors",
    "state.json",
    "checksums.json",
)


SCALE = ":scale"
"""What follows the name of a compressed matrix in that of its scales."""


class CheckpointError(UserError):
    """A run directory or checkpoint that cannot be used; the message says what to do."""


class DamagedError(CheckpointError):
    """A checkpoint that is not as it was written."""


@dataclass
class TrainingState:
    """Where a run stands, beside its weights and the optimiser's moments.

    There is no random state: every update seeds its generators from (seed, step).
    """

    step: int = 0  # updates made
    epoch: int = 0  # counted from 0
    batches_done: int = 0  # of this epoch
    tokens_seen: int = 0  # target tokens, padding not counted
    seconds: float = 0.0  # spent training, validation included, over all sittings
    best_score: float | None = None  # of the metric that chooses, higher is better
    best_step: int = 0
    validations_since_best: int = 0
    best_metrics: dict[str, float] = field(default_factory=dict)  # of the best validation
    texts: dict[str, str] = field(default_factory=dict)  # fingerprints of the encoded text
    machine: dict[str, Any] = field(default_factory=dict)  # what the bits depend on besides
    window: dict[str, float] = field(default_factory=dict)  # sums since the last line of the log


@dataclass(frozen=True)
class Checkpoint:
    """Everything the next update depends on."""

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: TrainingState


def write_atomically(path: Path, content: bytes) -> None:
    """The file is the old one or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.tmp")
    _write_flushed(temporary, content)
    os.replace(temporary, path)
    _flush_directory(path.parent)


def named_weights(model: nn.Module) -> dict[str, Tensor]:
    """Every trained weight once, shared ones under their first name."""
    return {name: p.detach() for name, p in model.named_parameters()}


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], *, source: Path | str) -> None:
    """Copies weights into a model.

    Raises:
        CheckpointError: a weight is missing, too many or of another shape.
    """
    own = named_weights(model)
    for name in sorted(own.keys() | weights.keys()):
        found = tuple(weights[name].shape) if name in weights else "nothing"
        wanted = tuple(own[name].shape) if name in own else "nothing"
        if found != wanted:
            raise CheckpointError(
                f"{source} does not fit the model of config.yaml: for {name} the model has "
                f"{wanted}, the file {found}"
            )
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(weights[name])


def save_weights(
    weights: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes weights as safetensors, atomically, with a checksum among the metadata.

    The same weights give the same bytes.
    """
    weights = _portable(weights)
    about = {**(metadata or {}), "sha256": _checksum(weights)}
    # One entry, since safetensors writes several in any order.
    write_atomically(path, save(weights, metadata={"about": json.dumps(about, sort_keys=True)}))


def compress(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every matrix as 8-bit integers, each row with a scale of its own: a quarter of the size.

    `read_weights` brings it back, with an error of at most half a scale: absolute maximum / 254.
    """
    small: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if weight.dim() == 2:
            scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-30) / 127
            small[name], small[name + SCALE] = (weight / scale).round().to(torch.int8), scale
        else:
            small[name] = weight
    return small


def _expand(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: weight * weights[name + SCALE] if name + SCALE in weights else weight
        for name, weight in weights.items()
        if not name.endswith(SCALE)
    }


def require_finite(weights: Mapping[str, Tensor], *, source: Path | str) -> None:
    """Raises CheckpointError if a weight is infinite or not a number."""
    for name, weight in weights.items():
        if not bool(weight.isfinite().all()):
            raise CheckpointError(f"{source} is of no use: {name} is not finite")


def average_weights(checkpoints: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each weight over several checkpoints, §6.1; summed in fp64."""
    total: dict[str, Tensor] = {}
    n = 0
    for weights in checkpoints:
        n += 1
        for name, weight in weights.items():
            total[name] = total[name] + weight.double() if name in total else weight.double()
    if n == 0:
        raise CheckpointError("no checkpoints to average")
    return {name: (weight / n).float() for name, weight in total.items()}


class RunDirectory:
    """The files of one run, by name."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self.config = self.path / "config.yaml"
        self.model = self.path / MODEL
        self.best = self.path / "best.safetensors"
        self.checkpoints = self.path / "checkpoints"
        self.metrics = self.path / "metrics.jsonl"
        self.log = self.path / "train.log"

    @property
    def tokenizer(self) -> Path:
        """Whichever there is; with none, the name of the first."""
        paths = [self.path / name for name in TOKENIZERS]
        return next((path for path in paths if path.is_file()), paths[0])

    @classmethod
    def shipped(cls) -> "RunDirectory":
        """The one of the model in the package."""
        return cls(SHIPPED)

    def is_empty(self) -> bool:
        """True if nothing would be overwritten by a run here.

        Hidden files do not count: a run killed while it wrote its first file leaves one behind.
        """
        if not self.path.is_dir():
            return not self.path.exists()
        return all(path.name.startswith(".") for path in self.path.iterdir())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from training here; the lock of one that dies is free again.

        Raises:
            CheckpointError: another process holds the lock.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "w") as file:
            if fcntl:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise CheckpointError(
                        f"another process is training in {self.path}; wait for it, or start "
                        f"another run: run_dir={self.free_name()}"
                    ) from None
                except OSError as error:  # a file system without locks
                    log.warning("%s cannot be locked: %s", self.path, error)
            yield

    def free_name(self) -> Path:
        """A name like this one that is not taken: runs/quickstart-2."""
        n, base = 2, self.path if self.path.name else self.path / "run"  # "." has no name
        while (path := base.with_name(f"{base.name}-{n}")).exists():
            n += 1
        return path

    def load_config(
        self, task: Literal["translation", "language_modeling"] | None = None
    ) -> Config:
        """The resolved settings of the run.

        Args:
            task: what the run must have been trained for; None: anything.

        Raises:
            CheckpointError: this is no run directory, or one of another task.
        """
        if not self.config.is_file():
            there = "is a file" if self.path.exists() else "does not exist"
            what = "has no config.yaml" if self.path.is_dir() else there
            raise CheckpointError(
                f"{self.path} {what}; name the directory that transformer-train wrote, "
                f"such as runs/quickstart"
            )
        config = load_config(self.config)
        if task is not None and config.task != task:
            kind, command = {
                "translation": ("translation model", "transformer-translate"),
                "language_modeling": ("language model", "transformer-generate"),
            }[config.task]
            raise CheckpointError(f"{self.path} holds a {kind}; use {command}")
        return config

    def save_checkpoint(self, checkpoint: Checkpoint, *, keep: int, every: int) -> Path:
        """Writes a checkpoint and deletes old ones. One of this step that is whole stays as it is.

        The newest `keep` of those that the schedule made, one every so many steps, stay. The one
        of an interruption stays only until the next, so that an average of the last few is the
        same as without the interruption.
        """
        final = self.checkpoints / f"step-{checkpoint.state.step:08d}"
        if not _is_whole(final):
            self._write_checkpoint(checkpoint, final)
        scheduled = [path for path in self._saved() if _step(path) % every == 0]
        for path in self._saved():
            if path != final and path not in scheduled[:keep]:
                shutil.rmtree(path)
        return final

    def _write_checkpoint(self, checkpoint: Checkpoint, final: Path) -> None:
        shutil.rmtree(final, ignore_errors=True)
        temporary = self.checkpoints / f".{final.name}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        files = {
            MODEL: save(_portable(checkpoint.weights)),
            OPTIMIZER: save(_portable(checkpoint.optimizer)),
            STATE: json.dumps(asdict(checkpoint.state), indent=1).encode(),
        }
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files[CHECKSUMS] = json.dumps(sums, indent=1).encode()
        for name, content in files.items():
            _write_flushed(temporary / name, content)
        _flush_directory(temporary)
        temporary.rename(final)
        _flush_directory(self.checkpoints)

    def newest_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint that is whole; damaged ones are passed over with a warning.

        Raises:
            CheckpointError: there are checkpoints, but none is whole, or the newest was written by
                another version.
        """
        for path in self._saved():
            try:
                return _read_checkpoint(path)
            except DamagedError as error:
                log.warning("%s; trying the one before it", error)
        if self._saved():
            raise CheckpointError(
                f"none of the checkpoints in {self.checkpoints} is whole, and they stay as they "
                f"are. Bring one back from a copy, or start another run: run_dir={self.free_name()}"
            )
        return None

    def newest_whole_step(self) -> int:
        """The step of the newest checkpoint that is whole; 0 if there is none."""
        return next((_step(path) for path in self._saved() if _is_whole(path)), 0)

    def step_of_best(self) -> int | None:
        """The step whose weights best.safetensors holds; None if it holds none."""
        try:
            return int(read_metadata(self.best)["step"])
        except (SafetensorError, OSError, KeyError, ValueError):
            return None

    def last_weights(self, n: int) -> list[dict[str, Tensor]]:
        """The weights of the newest n whole checkpoints, newest first."""
        found: list[dict[str, Tensor]] = []
        for path in self._saved():
            if len(found) == n:
                break
            try:
                _verify(path)
                found.append(load_file(path / MODEL))
            except DamagedError as error:
                log.warning("%s; it is left out of the average", error)
        return found

    def drop_newer_than(self, step: int) -> None:
        """Deletes checkpoints after `step`, which are damaged, so that they are not averaged."""
        for path in self._saved():
            if _step(path) > step:
                shutil.rmtree(path)

    def _saved(self) -> list[Path]:
        # Newest first; temporary names begin with a dot, and copies that people make end in more.
        names = re.compile(r"step-\d{8,}")
        saved = [path for path in self.checkpoints.glob("step-*") if names.fullmatch(path.name)]
        return sorted(saved, key=_step, reverse=True)


def load_model(path: Path, config: Config, *, vocab_size: int, pad_id: int) -> Transformer:
    """The model of a run with the weights of `path`, ready to translate.

    Raises:
        CheckpointError: file missing, damaged, of another model, or with weights that are no
            numbers.
    """
    return _load(path, lambda: Transformer(config.model, vocab_size=vocab_size, pad_id=pad_id))


def load_gpt(path: Path, config: Config, *, vocab_size: int) -> GPT:
    """The language model of a run with the weights of `path`, ready to go on writing.

    Raises:
        CheckpointError: as `load_model`.
    """
    return _load(path, lambda: GPT(config.model, vocab_size=vocab_size))


def _load(path: Path, make: Callable[[], M]) -> M:
    weights = read_weights(path)
    # Built without storage: drawing first weights only to overwrite them would take longer than
    # loading does.
    with torch.device("meta"):
        model = make()
    model = model.to_empty(device="cpu")
    load_weights(model, weights, source=path)
    return model.eval()


def read_weights(path: Path) -> dict[str, Tensor]:
    """What `save_weights` wrote, compressed or not.

    Raises:
        CheckpointError: file missing, damaged, or with weights that are no numbers.
    """
    if not path.is_file():
        raise CheckpointError(
            f"{path} does not exist: the run has not validated yet. Let it train on, or resume it"
        )
    try:
        weights = load_file(path)
        expected = read_metadata(path).get("sha256")
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None
    if expected is not None and _checksum(weights) != expected:
        raise CheckpointError(f"{path} is damaged: its checksum does not match")
    weights = _expand(weights)
    require_finite(weights, source=path)
    return weights


def read_metadata(path: Path) -> dict[str, str]:
    """What `save_weights` was given beside the weights."""
    with safe_open(path, framework="pt") as file:
        about: dict[str, str] = json.loads((file.metadata() or {}).get("about", "{}"))
        return about


def _read_checkpoint(path: Path) -> Checkpoint:
    _verify(path)
    try:
        state = TrainingState(**json.loads((path / STATE).read_text()))
    except TypeError as error:
        raise CheckpointError(
            f"{path} was written by another version of this package ({error}); resume with that "
            f"version, or start another run"
        ) from None
    return Checkpoint(load_file(path / MODEL), load_file(path / OPTIMIZER), state)


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _verify(path: Path) -> None:
    try:
        expected = json.loads((path / CHECKSUMS).read_text())
        found = {
            name: hashlib.sha256((path / name).read_bytes()).hexdigest()
            for name in (MODEL, OPTIMIZER, STATE)
        }
    except (FileNotFoundError, ValueError) as error:
        raise DamagedError(f"{path} is damaged: {error}") from None
    if found != expected:
        raise DamagedError(f"{path} is damaged: its checksums do not match")


def _is_whole(path: Path) -> bool:
    try:
        _verify(path)
    except DamagedError:
        return False
    return True


def _checksum(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        weight = weights[name]
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        digest.update(weight.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _portable(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}


def _write_flushed(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_directory(path: Path) -> None:
    # A rename is only certain once the directory itself is on disk. Windows cannot open one.
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
