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
import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, overload

import torch
import yaml
from pydantic import Field, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from .config import Config, load_config
from .data.text_tokenizers import TextTokenizer, load_tokenizer
from .data.tokenizer import Tokenizer
from .errors import UserError
from .files import TakenError, explained, locked, new_folder, reason, sweep, write_atomically
from .model.encoder_decoder import Transformer
from .model.gpt import GPT

log = logging.getLogger(__name__)

M = TypeVar("M", Transformer, GPT)
T = TypeVar("T", bound=TextTokenizer)

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

LONGEST = 1_000_000
"""Pieces of a source: above this, the metadata of a file of weights are not taken seriously."""

Task = Literal["translation", "language_modeling"]
Count = Annotated[int, Field(ge=0, le=10**15)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class CheckpointError(UserError):
    """A run directory or checkpoint that cannot be used; the message says what to do."""


class DamagedError(CheckpointError):
    """A checkpoint that is not as it was written."""


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
    machine: dict[str, Any] = field(default_factory=dict)  # what the bits depend on besides
    window: dict[str, float] = field(default_factory=dict)  # sums since the last line of the log


@dataclass(frozen=True)
class Checkpoint:
    """Everything the next update depends on."""

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: TrainingState


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
        for kind in ("exp_avg", "exp_avg_sq"):
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


def _expand(weights: Mapping[str, Tensor], source: Path) -> dict[str, Tensor]:
    whole = {}
    for name, weight in weights.items():
        scale = weights.get(name + SCALE)
        if scale is None and weight.is_floating_point():
            whole[name] = weight.float()
        elif scale is not None and weight.dim() == 2 and scale.shape == (len(weight), 1):
            whole[name] = weight * scale.float()
        else:
            found = "no scales" if scale is None else f"scales of {tuple(scale.shape)}"
            raise CheckpointError(
                f"{source} is of no use: {name} has {found}; {weight.dtype} of "
                f"{tuple(weight.shape)} needs one for each row"
            )
    return {name: weight for name, weight in whole.items() if not name.endswith(SCALE)}


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
        try:
            self.path = Path(path).expanduser()
            unusable = b"\0" in os.fsencode(self.path)
        except (RuntimeError, UnicodeError):  # no such user; half of a surrogate pair
            unusable = True
        if unusable:
            raise CheckpointError(f"a run directory cannot be called {str(path)!r}")
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

        What killed processes left half-written is removed.

        Raises:
            CheckpointError: another process holds the lock.
            FileError: the directory cannot be written.
        """
        with explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.path))
            except TakenError:
                raise CheckpointError(
                    f"another process is training in {self.path}; wait for it, or start another "
                    f"run: {self.another()}"
                ) from None
            sweep(self.path)
            sweep(self.checkpoints)
            yield

    def free_name(self) -> Path:
        """A name like this one that is not taken: runs/quickstart-2."""
        n, base = 2, self.path if self.path.name else self.path / "run"  # "." has no name
        while (path := base.with_name(f"{base.name}-{n}")).exists():
            n += 1
        return path

    def another(self) -> str:
        """The setting that starts another run beside this one, as one types it in a shell."""
        return setting("run_dir", str(self.free_name()))

    def load_config(self, task: Task | None = None) -> Config:
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

    @overload
    def load_tokenizer(self, task: Literal["translation"]) -> Tokenizer: ...

    @overload
    def load_tokenizer(self, task: Task) -> TextTokenizer: ...

    def load_tokenizer(self, task: Task) -> TextTokenizer:
        """The tokenizer of the run.

        Raises:
            CheckpointError: there is none.
            TokenizerError: it cannot be read, or is of a kind that the task does not have.
        """
        path = self.tokenizer
        if not path.is_file():
            raise CheckpointError(f"{path} is missing; was the run stopped at its start?")
        return Tokenizer.load(path) if task == "translation" else load_tokenizer(path)

    def save_checkpoint(self, checkpoint: Checkpoint, *, keep: int, every: int) -> Path:
        """Writes a checkpoint and deletes old ones. One of this step that is whole stays as it is.

        The newest `keep` of those that the schedule made, one every so many steps, stay. The one
        of an interruption stays only until the next, so that an average of the last few is the
        same as without the interruption.
        """
        if not self.path.is_dir():
            raise CheckpointError(
                f"{self.path} was moved or deleted while it was trained in; nothing is saved"
            )
        final = self.checkpoints / f"step-{checkpoint.state.step:08d}"
        if not _is_whole(final):
            files = {
                MODEL: save(_portable(checkpoint.weights)),
                OPTIMIZER: save(_portable(checkpoint.optimizer)),
                STATE: json.dumps(asdict(checkpoint.state), indent=1).encode(),
            }
            sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
            files[CHECKSUMS] = json.dumps(sums, indent=1).encode()
            with new_folder(final) as folder:
                for name, content in files.items():
                    (folder / name).write_bytes(content)
        scheduled = [path for path in self._saved() if _step(path) % every == 0]
        for path in self._saved():
            if path != final and path not in scheduled[:keep]:
                _delete(path)
        return final

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
                f"are. Bring one back from a copy, or start another run: {self.another()}"
            )
        return None

    def newest_whole_step(self) -> int:
        """The step of the newest checkpoint that is whole; 0 if there is none."""
        return next((_step(path) for path in self._saved() if _is_whole(path)), 0)

    def step_of_best(self) -> int | None:
        """The step whose weights best.safetensors holds; None if it holds none."""
        try:
            return int(read_metadata(self.best)["step"])
        except (KeyError, ValueError):
            return None

    def last_weights(self, n: int) -> list[dict[str, Tensor]]:
        """The weights of the newest n whole checkpoints, newest first."""
        found: list[dict[str, Tensor]] = []
        for path in self._saved():
            if len(found) == n:
                break
            try:
                _verify(path)
                found.append(_read_tensors(path / MODEL))
            except DamagedError as error:
                log.warning("%s; it is left out of the average", error)
        return found

    def drop_newer_than(self, step: int) -> None:
        """Deletes checkpoints after `step`, which are damaged, so that they are not averaged."""
        for path in self._saved():
            if _step(path) > step:
                _delete(path)

    def _saved(self) -> list[Path]:
        # Newest first; temporary names begin with a dot, and copies that people make end in more.
        names = re.compile(r"step-\d{8,}")
        saved = [path for path in self.checkpoints.glob("step-*") if names.fullmatch(path.name)]
        return sorted(saved, key=_step, reverse=True)


@dataclass(frozen=True)
class LoadedRun(Generic[M, T]):
    """A run that has been trained: all that it takes to use its model."""

    model: M
    tokenizer: T
    config: Config
    longest_src: int | None  # pieces of the longest source seen in training, EOS included


@overload
def load_run(
    run: RunDirectory, task: Literal["translation"]
) -> LoadedRun[Transformer, Tokenizer]: ...


@overload
def load_run(
    run: RunDirectory, task: Literal["language_modeling"]
) -> LoadedRun[GPT, TextTokenizer]: ...


def load_run(run: RunDirectory, task: Task) -> LoadedRun[Any, Any]:
    """The model of a run with its tokenizer, ready to be used.

    Args:
        run: the directory.
        task: what the run must have been trained for.

    Raises:
        CheckpointError: no run directory, one of another task or without usable weights, or one
            whose tokenizer and weights are not of the same run.
        TokenizerError: the tokenizer cannot be read.
    """
    config = run.load_config(task)
    tokenizer = run.load_tokenizer(task)
    path = run.model.resolve()
    weights, about = read_model(path)
    require_same_run(about, tokenizer, weights=path, tokenizer_path=run.tokenizer)
    longest_src = longest_src_of(about, source=path)
    n = tokenizer.vocab_size
    if task == "translation":
        assert isinstance(tokenizer, Tokenizer)
        pad_id = tokenizer.pad_id
        translates = _fill(
            lambda: Transformer(config.transformer, vocab_size=n, pad_id=pad_id), weights, path
        )
        return LoadedRun(translates, tokenizer, config, longest_src)
    writes = _fill(lambda: GPT(config.gpt, vocab_size=n), weights, path)
    return LoadedRun(writes, tokenizer, config, longest_src)


def require_same_run(
    about: Mapping[str, str], tokenizer: TextTokenizer, *, weights: Path, tokenizer_path: Path
) -> None:
    """Raises CheckpointError if weights, by their metadata, were trained with another tokenizer.

    Old weights do not say which it was.
    """
    expected = about.get("tokenizer", tokenizer.fingerprint)
    if expected != tokenizer.fingerprint:
        raise CheckpointError(
            f"{tokenizer_path} and {weights} are not of the same run: the weights were trained "
            f"with the tokenizer {expected}, this one is {tokenizer.fingerprint}. Bring back the "
            f"files of one run"
        )


def longest_src_of(about: Mapping[str, str], *, source: Path) -> int | None:
    """Pieces of the longest source that weights were trained on, EOS included; None if unknown.

    Raises:
        CheckpointError: the metadata say something else than such a number.
    """
    text = about.get("longest_src")
    if text is None:
        return None
    if not (text.isdecimal() and len(text) < 10 and 2 <= int(text) <= LONGEST):
        raise CheckpointError(
            f"{source} is damaged: longest_src in its metadata must be a whole number from 2 to "
            f"{LONGEST:,}; found {text[:40]!r}"
        )
    return int(text)


def load_model(path: Path, config: Config, *, vocab_size: int, pad_id: int) -> Transformer:
    """The model of a run with the weights of `path`, ready to translate.

    Raises:
        CheckpointError: file missing, damaged, of another model, or with weights that are no
            numbers.
    """
    return _fill(
        lambda: Transformer(config.transformer, vocab_size=vocab_size, pad_id=pad_id),
        read_weights(path),
        path,
    )


def _fill(make: Callable[[], M], weights: Mapping[str, Tensor], source: Path) -> M:
    # Built without storage: drawing first weights only to overwrite them would take longer than
    # loading does.
    with torch.device("meta"):
        model = make()
    model = model.to_empty(device="cpu")
    load_weights(model, weights, source=source)
    return model.eval()


def read_weights(path: Path) -> dict[str, Tensor]:
    """What `save_weights` wrote, compressed or not.

    Raises:
        CheckpointError: file missing, damaged, or with weights that are no numbers.
    """
    return read_model(path)[0]


def read_model(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """`read_weights`, and what `save_weights` was given beside them."""
    if not path.is_file():
        raise CheckpointError(
            f"{path} does not exist: the run has not validated yet. Let it train on, or resume it"
        )
    with _explained_reading(path), safe_open(path, framework="pt") as file:
        about = _about(file, path)
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if "sha256" in about and about["sha256"] != _checksum(weights):
        raise CheckpointError(f"{path} is damaged: its checksum does not match")
    weights = _expand(weights, path)
    require_finite(weights, source=path)
    return weights, about


def read_metadata(path: Path) -> dict[str, str]:
    """What `save_weights` was given beside the weights.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    with _explained_reading(path), safe_open(path, framework="pt") as file:
        return _about(file, path)


def _about(file: Any, path: Path) -> dict[str, str]:
    about = json.loads((file.metadata() or {}).get("about", "{}"))
    if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()):
        raise CheckpointError(f"{path} is damaged: its metadata must be texts with names")
    return about


@contextmanager
def _explained_reading(path: Path) -> Iterator[None]:
    try:
        yield
    except CheckpointError:
        raise
    except (SafetensorError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from None


def setting(name: str, value: str) -> str:
    """A setting for `transformer-train`, as one types it in a shell."""
    try:
        plain = yaml.safe_load(value) == value
    except (yaml.YAMLError, ValueError):
        plain = False
    return shlex.quote(f"{name}={value if plain else json.dumps(value, ensure_ascii=False)}")


# Checkpoints to resume from ----------------------------------------------------------------------


def _read_checkpoint(path: Path) -> Checkpoint:
    _verify(path)
    state = _read_state(path / STATE)
    if state.step != _step(path):
        raise DamagedError(f"{path} is damaged: {STATE} is one of step {state.step}")
    return Checkpoint(_read_tensors(path / MODEL), _read_tensors(path / OPTIMIZER), state)


def _read_state(path: Path) -> TrainingState:
    content = path.read_bytes()
    with _damage_noticed(path):
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
    with _damage_noticed(path):
        return load_file(path)


@contextmanager
def _damage_noticed(path: Path) -> Iterator[None]:
    try:
        yield
    except (
        *(FileNotFoundError, IsADirectoryError, NotADirectoryError),
        *(SafetensorError, ValueError, RecursionError),
    ) as error:
        raise DamagedError(f"{path} is damaged: {error}") from None
    except OSError as error:  # it may well be whole
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from None


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _verify(path: Path) -> None:
    with _damage_noticed(path):
        expected = json.loads((path / CHECKSUMS).read_bytes())
        found = {
            name: hashlib.sha256((path / name).read_bytes()).hexdigest()
            for name in (MODEL, OPTIMIZER, STATE)
        }
    if found != expected:
        raise DamagedError(f"{path} is damaged: its checksums do not match")


def _delete(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise CheckpointError(f"cannot delete {path}: {reason(error)}") from error


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
