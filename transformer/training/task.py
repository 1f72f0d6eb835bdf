"""What differs between the tasks a run may have: data, model and loss. The loop is the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch

from ..config import Config
from ..data.text_tokenizers import TextTokenizer
from ..model.encoder_decoder import Transformer
from ..model.gpt import GPT
from . import language_modeling, translation
from .journal import Journal
from .loss import Loss

Model = Transformer | GPT


class Batch(Protocol):
    """What a model learns from at once."""

    @property
    def n_tokens(self) -> int:
        """Tokens that are predicted."""

    def to(self, device: torch.device) -> Any:
        """The same batch on another device."""

    def count_positions(self, pad_id: int) -> tuple[int, int]:
        """How many positions there are, and how many of them are padding."""


class Data(Protocol):
    """The text of a run, as it needs it."""

    @property
    def tokenizer(self) -> TextTokenizer:
        """What encoded it."""

    @property
    def texts(self) -> dict[str, str]:
        """Fingerprints of the encoded text, `train` and `val`."""

    @property
    def metadata(self) -> dict[str, str]:
        """What is kept beside the weights."""

    def summary(self) -> str:
        """A line for the log."""


class Task(Protocol):
    """A module of this package with these functions."""

    def prepare(self, config: Config, tokenizer_path: Path | None = None) -> Any:
        """Reads and encodes the text; trains the tokenizer if there is none."""

    def new_model(self, config: Config, data: Any) -> Any:
        """With first weights from torch's global generator."""

    def batches(self, data: Any, config: Config, *, epoch: int, skip: int) -> Iterator[Any]:
        """Those of an epoch, in training order, but for the first so many: a pure function."""

    def loss(self, model: Any, batch: Any, step: int, config: Config) -> Loss:
        """Of the update that is about to be made."""

    def validate(
        self, model: Any, data: Any, config: Config, *, journal: Journal | None = None
    ) -> dict[str, float]:
        """Scores on the validation text, whose names begin with `val_`."""

    def measure_epoch(self, data: Any, config: Config) -> tuple[int, float]:
        """Batches of an epoch, and which share of their positions is padding."""

    def describe_text(self, data: Any) -> list[str]:
        """Lines about the text, for the dry run."""

    def describe(self, batch: Any, data: Any) -> str:
        """A batch that caused trouble, in a line."""


def task_of(config: Config) -> Task:
    """The functions of the task that the settings name."""
    return translation if config.task == "translation" else language_modeling
