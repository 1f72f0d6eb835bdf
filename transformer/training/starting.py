"""The weights that a run starts from when they are not random: `training.start_from`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..checkpoint import RunDirectory, named_weights, read_weights
from ..config import Config, ModelConfig
from ..model.gpt import GPT
from ..model.gpt2 import is_gpt2, read_gpt2_config
from .resuming import TrainingError

_FREE = {"dropout", "attention_dropout", "activation_dropout", "initialisation"}
"""Settings of a model that its weights do not depend on."""


@dataclass(frozen=True)
class Start:
    """What another run, or Hugging Face, has learned."""

    path: Path
    tokenizer: Path
    weights: Callable[[], dict[str, Tensor]]
    """Reads them; CheckpointError or TrainingError if they are damaged."""


def find_start(config: Config) -> Start | None:
    """What `training.start_from` names; None if it names nothing.

    Raises:
        TrainingError: it is neither a run directory nor a folder of Hugging Face's GPT-2, or its
            model is another.
    """
    if config.training.start_from is None:
        return None
    run = RunDirectory(config.training.start_from)
    of_gpt = config.task == "language_modeling"
    if of_gpt and is_gpt2(run.path):

        def read_gpt2_weights() -> dict[str, Tensor]:
            try:
                return named_weights(GPT.from_huggingface(run.path))
            except ValueError as error:
                raise TrainingError(f"training.start_from: {error}") from None

        try:
            before, _ = read_gpt2_config(run.path)
        except ValueError as error:
            raise TrainingError(f"training.start_from: {error}") from None
        _require_same(before, config, run.path)
        return Start(run.path, run.path, read_gpt2_weights)
    if not run.config.is_file():
        raise TrainingError(
            f"training.start_from ({run.path}) is no run directory"
            + (", and no folder of Hugging Face's GPT-2" if of_gpt else "")
        )
    theirs = run.load_config()
    if theirs.task != config.task:
        raise TrainingError(
            f"training.start_from: {run.path} is a run of task {theirs.task!r}, this is one of "
            f"{config.task!r}"
        )
    _require_same(theirs.model, config, run.path)
    return Start(run.path, run.tokenizer, lambda: read_weights(run.model.resolve()))


def _require_same(before: ModelConfig, config: Config, path: Path) -> None:
    free = set(_FREE)
    if config.task == "language_modeling":
        free.add("n_encoder_layers")
    if before.positions == "sinusoidal":
        free.add("context")
    wrong = [
        name
        for name in ModelConfig.model_fields
        if name not in free and getattr(before, name) != getattr(config.model, name)
    ]
    if wrong:
        raise TrainingError(
            f"training.start_from: {path} has another model. To begin with it, set\n"
            + "\n".join(f"  model.{name}={_yaml(getattr(before, name))}" for name in wrong)
        )


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
