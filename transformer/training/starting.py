"""The weights that a run starts from when they are not random: `training.start_from`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..config import BlockConfig, Config, ConfigError, DecodingConfig, GPTConfig, TextConfig
from ..model.gpt import GPT
from ..model.gpt2 import is_gpt2, read_gpt2_config
from ..runs.directory import RunDirectory
from ..runs.loading import require_same_run
from ..runs.weights import named_weights, read_model
from .resuming import TrainingError

SHIPPED = "shipped"
"""What `training.start_from` calls the model in the package; a folder of that name is ./shipped."""

_FREE = {"dropout", "attention_dropout", "activation_dropout", "initialisation"}
"""Settings of a model that its weights do not depend on."""

Section = BlockConfig | DecodingConfig | TextConfig


@dataclass(frozen=True)
class Start:
    """What another run, or Hugging Face, has learned."""

    path: Path
    tokenizer: Path
    model: BlockConfig
    decoding: DecodingConfig | None  # of a run
    text: TextConfig | None  # of a run
    languages: str | None  # of a translation model, such as "de to en"
    weights: Callable[[], dict[str, Tensor]]
    """Reads them; CheckpointError or TrainingError if they are damaged."""


def take_over(config: Config, *, resume: bool = False) -> tuple[Config, list[str]]:
    """The settings with those of the model, of decoding and of text from where the run starts from.

    What was set explicitly stays. A run that is resumed has taken them over already, and takes them
    from its own config.yaml, so that the one it started from may be gone.

    Args:
        config: as it was given.
        resume: the run in `run_dir` goes on.

    Returns:
        The settings to train with, and what the log should note.

    Raises:
        TrainingError: `training.start_from` names nothing that this run can start from.
        ConfigError: what is taken over does not go with the other settings.
    """
    if config.training.start_from is None:
        return config, []
    own = RunDirectory(config.run_dir)
    if resume and own.config.is_file():
        before = own.load_config()
        return _with(config, before.model, before.decoding, before.text)[0], []
    start = find_start(config)
    assert start is not None
    taken, changes = _with(config, start.model, start.decoding, start.text)
    notes = [f"taken over from {start.path}: {', '.join(changes)}"] if changes else []
    mine, theirs = _languages(config), start.languages
    if theirs is not None and theirs != mine:
        notes.append(
            f"{start.path} translates {theirs}, and this run is one from {mine} "
            f"(data.src_lang, data.tgt_lang): it has to learn that anew"
        )
    try:
        Config(**taken.model_dump())
    except ConfigError as error:
        raise ConfigError(f"with the settings of {start.path}: {error}") from None
    require_same_model(config=taken, start=start)
    return taken, notes


def _with(
    config: Config, model: BlockConfig, decoding: DecodingConfig | None, text: TextConfig | None
) -> tuple[Config, list[str]]:
    # Whatever was not set explicitly is as in these sections; also returns what that changes.
    sections: dict[str, Section] = {}
    changes = []
    given: list[tuple[str, Section, Section | None]] = [
        ("model", config.model, model),
        ("decoding", config.decoding, decoding),
        ("text", config.text, text),
    ]
    for section, mine, theirs in given:
        if theirs is None:
            continue
        taken = {
            name: getattr(theirs, name)
            for name in type(mine).model_fields
            if name not in mine.model_fields_set
        }
        for name, value in taken.items():
            if value != getattr(mine, name):
                changes.append(f"{section}.{name}={_yaml(value)}")
        sections[section] = mine.model_copy(update=taken)
    return config.model_copy(update=sections), changes


def _languages(config: Config) -> str | None:
    if config.task == "language_modeling":
        return None
    return f"{config.data.src_lang} to {config.data.tgt_lang}"


def find_start(config: Config) -> Start | None:
    """What `training.start_from` names; None if it names nothing.

    Raises:
        TrainingError: it is neither a run directory nor a folder of Hugging Face's GPT-2, or is of
            another task.
    """
    name = config.training.start_from
    if name is None:
        return None
    run = RunDirectory.shipped() if name == SHIPPED else RunDirectory(name)
    of_gpt = config.task == "language_modeling"
    if of_gpt and is_gpt2(run.path):
        return _of_gpt2(run.path)
    if not run.config.is_file():
        raise TrainingError(
            f"training.start_from ({run.path}) is not a run directory"
            + (", nor a folder of Hugging Face's GPT-2" if of_gpt else "")
        )
    theirs = run.load_config()
    if theirs.task != config.task:
        raise TrainingError(
            f"training.start_from: {run.path} is a run of task {theirs.task!r}, this is one of "
            f"{config.task!r}"
        )

    def read_weights() -> dict[str, Tensor]:
        path = run.model.resolve()
        weights, about = read_model(path)
        tokenizer = run.load_tokenizer(theirs.task)
        require_same_run(about, tokenizer, weights=path, tokenizer_path=run.tokenizer)
        return weights

    return Start(
        path=run.path,
        tokenizer=run.tokenizer,
        model=theirs.model,
        decoding=theirs.decoding,
        text=theirs.text,
        languages=_languages(theirs),
        weights=read_weights,
    )


def _of_gpt2(folder: Path) -> Start:
    try:
        model, _ = read_gpt2_config(folder)
    except ValueError as error:
        raise TrainingError(f"training.start_from: {error}") from None

    def read_weights() -> dict[str, Tensor]:
        try:
            return named_weights(GPT.from_huggingface(folder))
        except ValueError as error:
            raise TrainingError(f"training.start_from: {error}") from None

    return Start(folder, folder, model, None, None, None, read_weights)


def require_same_model(config: Config, start: Start) -> None:
    """Raises TrainingError if a setting of the model does not go with the weights."""
    before = start.model
    free = set(_FREE)
    if isinstance(before, GPTConfig) and before.positions == "sinusoidal":
        free.add("context")
    wrong = [
        name
        for name in type(before).model_fields
        if name not in free and getattr(before, name) != getattr(config.model, name)
    ]
    if wrong:
        raise TrainingError(
            f"training.start_from: {start.path} has another model. To begin with it, leave out "
            f"these settings or set\n"
            + "\n".join(f"  model.{name}={_yaml(getattr(before, name))}" for name in wrong)
        )


def _yaml(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
