"""The run directory: what its files are called, and who may write in it."""

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Literal, overload

import yaml

from ..config import Config, load_config
from ..data.text_tokenizers import TextTokenizer, load_tokenizer
from ..data.tokenizer import Tokenizer
from ..errors import shown
from ..files import TakenError, explained, locked, sweep
from .errors import CheckpointError

TOKENIZERS = ("sentencepiece.model", "characters.json", "tokenizer.json")
"""What a tokenizer may be called in a run directory."""

MODEL = "model.safetensors"
"""What the weights are called, in a run directory and in a checkpoint."""

PRETRAINED = Path(str(files("transformer"))) / "pretrained"
"""Where the models in the package are."""

SHIPPED = PRETRAINED / "de-en"
"""The run directory of the one that is used where none is named."""

Task = Literal["translation", "language_modeling"]


def packaged() -> list[str]:
    """The names of the models in the package: from which language to which."""
    return sorted(path.parent.name for path in PRETRAINED.glob(f"*/{MODEL}"))


class RunDirectory:
    """The files of one run, by name.

    Raises:
        CheckpointError: no directory can have this name.
    """

    def __init__(self, path: str | Path) -> None:
        if not isinstance(path, str | Path):
            raise CheckpointError(f"a run directory must be a str or Path; found {shown(path)}")
        try:
            self.path = Path(path).expanduser()
            usable = _is_possible(self.path)
        except (RuntimeError, UnicodeError):  # no such user; half of a surrogate pair
            usable = False
        if not usable:
            raise CheckpointError(f"a run directory cannot be called {shown(str(path))}")
        self.config = self.path / "config.yaml"
        self.model = self.path / MODEL
        self.best = self.path / "best.safetensors"
        self.checkpoints = self.path / "checkpoints"
        self.metrics = self.path / "metrics.jsonl"
        self.log = self.path / "train.log"
        self.curves = self.path / "curves.png"
        self.lengths = self.path / "lengths.png"

    @property
    def tokenizer(self) -> Path:
        """The tokenizer's file; if there is none, the first of the names that it may have."""
        paths = [self.path / name for name in TOKENIZERS]
        return next((path for path in paths if path.is_file()), paths[0])

    @classmethod
    def find(cls, name: str | Path | None = None) -> "RunDirectory":
        """The run directory of a model that is used.

        Args:
            name: its path; or `de-en` or `en-de`, a model in the package (`./de-en` is a folder of
                that name); None: the package's German-English one.

        Raises:
            CheckpointError: no directory can have this name.
        """
        if name is None:
            return cls(SHIPPED)
        if isinstance(name, str) and name in packaged():
            return cls(PRETRAINED / name)
        return cls(name)

    def reverse(self) -> "RunDirectory | None":
        """The model of the other direction, if this and that are models in the package."""
        if self.path.absolute().parent != PRETRAINED.absolute():
            return None
        name = "-".join(reversed(self.path.name.split("-")))
        return RunDirectory(PRETRAINED / name) if name in packaged() else None

    def is_empty(self) -> bool:
        """True if a run here would overwrite nothing.

        Hidden files do not count: a run killed while it wrote its first file leaves one behind.
        """
        if not self.path.is_dir():
            return not self.path.exists()
        return all(path.name.startswith(".") for path in self.path.iterdir())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from training here, and removes what killed ones left half-written.

        The lock of a process that dies is free again.

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
        """The setting that starts another run beside this one, ready for a shell."""
        return setting("run_dir", str(self.free_name()))

    def load_config(self, task: Task | None = None) -> Config:
        """The resolved settings of the run.

        Args:
            task: what the run must have been trained for; None: anything.

        Raises:
            CheckpointError: this is not a run directory, or one of another task.
        """
        if not self.config.is_file():
            there = "is a file" if self.path.exists() else "does not exist"
            what = "has no config.yaml" if self.path.is_dir() else there
            raise CheckpointError(
                f"{self.path} {what}; name the directory that transformer-train wrote, such as "
                f"runs/quickstart, or a model in the package: {', '.join(packaged())}"
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
            TokenizerError: it cannot be read, or the task cannot have one of its kind.
        """
        path = self.tokenizer
        if not path.is_file():
            raise CheckpointError(f"{path} is missing; was the run stopped at its start?")
        return Tokenizer.load(path) if task == "translation" else load_tokenizer(path)

    def step_of_best(self) -> int | None:
        """The step whose weights best.safetensors holds; None if it holds none."""
        from .weights import read_metadata  # with torch, which a folder of CTranslate2 needs not

        try:
            return int(read_metadata(self.best)["step"])
        except (KeyError, ValueError):
            return None


def setting(name: str, value: str) -> str:
    """A setting for `transformer-train`, ready for a shell."""
    try:
        plain = yaml.safe_load(value) == value
    except (yaml.YAMLError, ValueError):
        plain = False
    return shlex.quote(f"{name}={value if plain else json.dumps(value, ensure_ascii=False)}")


def _is_possible(path: Path) -> bool:
    # File systems allow 255 bytes per name, and macOS 1,024 with all folders and files.
    whole = os.fsencode(path)
    names = whole.split(os.fsencode(os.sep))
    return b"\0" not in whole and len(whole) < 1000 and all(len(name) < 256 for name in names)
