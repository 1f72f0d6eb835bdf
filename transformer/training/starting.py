"""What a run starts from: its text, and another run's weights if `training.start_from` says so."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from ..config import BlockConfig, Config, ConfigError, DecodingConfig, GPTConfig, TextConfig
from ..model.gpt import GPT
from ..model.gpt2 import is_gpt2, read_gpt2_config
from ..runs.directory import RunDirectory
from ..runs.metadata import require_change, require_same_run
from ..runs.weights import named_weights, read_model
from .language_modeling import LanguageModelingTask
from .resuming import TrainingError
from .streaming import StreamedLanguageModelingTask, StreamedTranslationTask
from .task import AnyTask, Change
from .translation import TranslationTask
from .world import N_TURNS, World

SHIPPED = "shipped"
"""`training.start_from` calls the model in the package so; a folder of that name is ./shipped."""

_FREE = {"dropout", "attention_dropout", "activation_dropout", "initialisation"}
"""Settings of a model that may change although its weights stay."""

_KINDS: dict[tuple[str, bool], type[TranslationTask | LanguageModelingTask]] = {
    ("translation", False): TranslationTask,
    ("translation", True): StreamedTranslationTask,
    ("language_modeling", False): LanguageModelingTask,
    ("language_modeling", True): StreamedLanguageModelingTask,
}
"""By the task, and whether its text is streamed."""

Section = BlockConfig | DecodingConfig | TextConfig


@dataclass(frozen=True)
class Start:
    """What a run can begin with: another run, or a GPT-2 of Hugging Face."""

    path: Path
    tokenizer: Path
    model: BlockConfig
    decoding: DecodingConfig | None  # of a run
    text: TextConfig | None  # of a run
    languages: str | None  # of a translation model, such as "de to en"
    weights: Callable[[], dict[str, Tensor]]
    """Reads them; CheckpointError or TrainingError if they are damaged."""


def prepare(
    config: Config, tokenizer_path: Path | None = None, change: Change | None = None
) -> AnyTask:
    """The task that the settings name, with its text read and encoded.

    Args:
        config: every setting.
        tokenizer_path: that of a run that is resumed; by default that of `training.start_from`, and
            if it names nothing either, a tokenizer is trained.
        change: what an experiment does to the model.

    Raises:
        CorpusError, TokenizerError: the data cannot be used; nothing has been written.
        TrainingError: `training.start_from` names nothing that this run can start from.
    """
    if tokenizer_path is None and (start := find_start(config)):
        tokenizer_path = start.tokenizer
    return _KINDS[config.task, config.data.streaming].prepare(config, tokenizer_path, change)


def prepare_together(
    config: Config, tokenizer_path: Path | None, change: Change | None, world: World
) -> AnyTask:
    """The same in every process of a world. The first one trains the tokenizer and fills the cache.

    Raises:
        CorpusError, TokenizerError, TrainingError: as `prepare`; the first process tells it.
    """
    if world.size == 1:
        return prepare(config, tokenizer_path, change)
    task: AnyTask | None = None
    with TemporaryDirectory() as folder:
        for turn in range(N_TURNS):
            with world.together():
                if turn == world.turn:
                    task = prepare(config, tokenizer_path, change)
            if turn == 0:
                given = task and (task.tokenizer.file_name, task.tokenizer.model)
                name, model = world.gather(given)[0] or ("", b"")
                tokenizer_path = Path(folder) / name
                tokenizer_path.write_bytes(model)
    assert task is not None
    return task


def take_over(config: Config, *, resume: bool = False) -> tuple[Config, list[str]]:
    """The settings, with the sections model, decoding and text of what the run starts from.

    What was set explicitly stays. A run that is resumed took them over when it began, and now reads
    them from its own config.yaml: what it started from may be gone.

    Args:
        config: the settings that were given.
        resume: the run in `run_dir` goes on.

    Returns:
        The settings to train with, and what the log should note.

    Raises:
        TrainingError: `training.start_from` names nothing that this run can start from.
        ConfigError: what is taken over contradicts other settings.
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
            f"{start.path} translates {theirs}, and this run translates {mine} "
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
    # Takes from these sections what was not set explicitly. Also returns what that changes.
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
        TrainingError: it is neither a run directory nor a folder of Hugging Face's GPT-2, or it is
            of another task.
    """
    name = config.training.start_from
    if name is None:
        return None
    run = RunDirectory.find(None if name == SHIPPED else name)
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
            f"training.start_from: {run.path} is a run of task {theirs.task!r}, and this one is "
            f"of task {config.task!r}"
        )

    def read_weights() -> dict[str, Tensor]:
        path = run.model.resolve()
        weights, about = read_model(path)
        require_change(about, None, source=path)
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
    """Raises TrainingError if a setting of the model contradicts the weights."""
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
