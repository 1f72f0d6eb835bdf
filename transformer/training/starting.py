"""The weights that a run starts from when they are not random: `training.start_from`."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..checkpoint import RunDirectory, named_weights, read_weights
from ..config import Config, ModelConfig
from ..model.gpt import GPT
from .resuming import TrainingError

_FREE = {"dropout", "attention_dropout", "activation_dropout", "initialisation"}
"""Settings of a model that its weights do not depend on."""


@dataclass(frozen=True)
class Start:
    """What another run, or Hugging Face, has learned."""

    weights: dict[str, Tensor]
    tokenizer: Path


def find_start(config: Config) -> Start | None:
    """What `training.start_from` names; None if it names nothing.

    Raises:
        TrainingError: it is neither a run directory nor a folder of Hugging Face's GPT-2, or its
            model is another.
        CheckpointError: its weights are damaged.
    """
    if config.training.start_from is None:
        return None
    run = RunDirectory(config.training.start_from)
    if run.config.is_file():
        before = run.load_config()
        if before.task != config.task:
            raise TrainingError(
                f"training.start_from: {run.path} is a run of task {before.task!r}, this is one of "
                f"{config.task!r}"
            )
        _require_same(before.model, config, run.path)
        return Start(read_weights(run.model.resolve()), run.tokenizer)
    if config.task == "language_modeling" and (run.path / "config.json").is_file():
        try:
            gpt = GPT.from_huggingface(run.path)
        except ValueError as error:
            raise TrainingError(f"training.start_from: {error}") from None
        _require_same(gpt.config, config, run.path)
        return Start(named_weights(gpt), run.path)
    raise TrainingError(
        f"training.start_from ({run.path}) is no run directory"
        + (", and no folder of Hugging Face's GPT-2" if config.task == "language_modeling" else "")
    )


def _require_same(before: ModelConfig, config: Config, path: Path) -> None:
    now = config.model
    names = [name for name in ModelConfig.model_fields if name not in _FREE]
    if config.task == "language_modeling":
        names = [name for name in names if name != "n_encoder_layers"]
    wrong = [name for name in names if getattr(before, name) != getattr(now, name)]
    if wrong:
        raise TrainingError(
            f"training.start_from: {path} has another model. To begin with it, set\n"
            + "\n".join(f"  model.{name}={_yaml(getattr(before, name))}" for name in wrong)
        )


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
