"""What differs between the tasks a run may have: text, model and loss. The loop is the same."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import torch

from ..config import Config
from ..data.text_tokenizers import TextTokenizer
from ..model.encoder_decoder import Transformer
from ..model.gpt import GPT
from ..runs.checkpoints import TrainingState
from .journal import Journal
from .loss import Loss
from .world import ALONE, World

Model = Transformer | GPT

M = TypeVar("M", bound=Model)
B = TypeVar("B", bound="Batch")
Self = TypeVar("Self", bound="Batch")


@dataclass(frozen=True)
class Change:
    """What an experiment changes in a new model that no setting can.

    The weights then say so, since with the settings alone they would compute something else.
    """

    name: str
    apply: Callable[[Model], None]
    """In place, to a new model with its kernel, before the optimiser is made."""
    packs: bool = True
    """Whether it may be trained on batches without padding; see `packing`."""

    @property
    def metadata(self) -> dict[str, str]:
        """What is kept beside the weights."""
        return {"change": self.name}


class Batch(Protocol):
    """What a model learns from at once."""

    @property
    def n_tokens(self) -> int:
        """Tokens that are predicted."""

    def to(self: Self, device: torch.device) -> Self:
        """The same batch on another device."""

    def count_positions(self, pad_id: int) -> tuple[int, int]:
        """How many positions there are, and how many of them are padding."""


class Extent(NamedTuple):
    """How much there is to compute in a batch."""

    n_src: int  # tokens without padding; 0 if there is no encoder
    n_tgt: int
    rows: int  # sentences or blocks
    src_len: int  # positions that attention sees; 0 if there is no encoder
    tgt_len: int


class Task(Protocol[M, B]):
    """The text of a run, and how a model M learns from batches B of it."""

    @property
    def config(self) -> Config:
        """Every setting of the run."""

    @property
    def tokenizer(self) -> TextTokenizer:
        """What encoded the text."""

    @property
    def change(self) -> Change | None:
        """What an experiment does to a new model."""

    @property
    def texts(self) -> dict[str, str]:
        """Fingerprints of the encoded text, `train` and `val`."""

    @property
    def texts_anywhere(self) -> dict[str, str]:
        """The same without what may differ between machines: paths and times of files."""

    @property
    def metadata(self) -> dict[str, str]:
        """What is kept beside the weights."""

    @property
    def no_batch(self) -> str:
        """Why an epoch may hold no batch, and what to do; for an error."""

    def require_readers(self, world: World) -> None:
        """Refuses text that cannot be shared among this many processes.

        Raises:
            CorpusError: it has too few parts.
        """

    def end_epoch(self, state: TrainingState, world: World) -> None:
        """What is to be told when an epoch has been read; all processes call it."""

    def new_model(self) -> M:
        """With first weights from torch's global generator."""

    def batches(self, *, epoch: int, skip: int, every: int = 1) -> Iterator[B]:
        """The batches of an epoch in training order, without the first `skip`: a pure function.

        With `every` above 1, the first of every so many: the share of one of several processes.
        """

    def deal(self, state: TrainingState, world: World) -> Iterator[B]:
        """This process's batches of the epoch of `state`, from where it stands."""

    def loss(self, model: M, batch: B, step: int) -> Loss:
        """The loss of one batch of the update `step`, which is about to be made."""

    def validate(
        self, model: M, journal: Journal | None = None, world: World = ALONE
    ) -> dict[str, float]:
        """Scores on the validation text, with names that begin with `val_`; `val_loss` is one.

        Args:
            model: what is scored; it ends in evaluation mode.
            journal: shows a few samples of what the model writes.
            world: the processes that share the work; all have the same model and get all scores.

        Raises:
            TrainingError: the loss is not finite.
        """

    def summary(self) -> str:
        """A line about the text, for the log."""

    def describe_text(self) -> list[str]:
        """Lines about the text, for the dry run."""

    def describe(self, batch: B) -> str:
        """A line about a batch that caused trouble."""

    def measure_epoch(self) -> tuple[int, float]:
        """How many batches an epoch has, and the share of padding among their positions."""

    def extent(self, batch: B) -> Extent:
        """How much there is to compute in a batch."""


AnyTask = Task[Any, Any]
"""A task of either kind: only the settings say which."""
