"""Every setting of the package: its type, its default, its unit and the paper's value.

A YAML file holds only what differs from the defaults, and `section.key=value` on the command
line has the last word. Unknown keys, wrong types and impossible combinations raise `ConfigError`,
which names the key, says what was found and suggests the nearest right name.

"The paper" is Vaswani et al. 2017, arXiv 1706.03762; "base" is its base model.
"""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from ..errors import shown
from . import strict_yaml
from .base import PathText, Settings, fields_of
from .data import DataConfig, SourceConfig, TokenizerConfig
from .decoding import DecodingConfig, TextConfig
from .model import BlockConfig, GPTConfig, ModelConfig
from .training import TrainingConfig

_NEVER_COUNTED = {"n_encoder_layers", "context"}
"""Settings of one model that runs of the other may name: they were told to have no effect."""


class Config(Settings):
    """One experiment, from text to translations, or to a model that goes on writing."""

    task: Literal["translation", "language_modeling"] = "translation"
    """What is trained: the Transformer on sentence pairs, or the GPT on running text."""
    run_dir: PathText = "runs/unnamed"
    """Where everything of this run goes; by default `runs/` and the config file's name."""
    seed: int = Field(default=1, ge=0, lt=2**31)
    """Of weights, dropout, batches and subword sampling."""
    data: DataConfig = DataConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    model: ModelConfig | GPTConfig = Field(default_factory=dict, validate_default=True)
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()
    text: TextConfig = TextConfig()

    @field_validator("model", mode="before")
    @classmethod
    def _of_the_task(cls, given: Any, found: ValidationInfo) -> BlockConfig:
        kinds: dict[str, type[BlockConfig]] = {
            "translation": ModelConfig,
            "language_modeling": GPTConfig,
        }
        task = found.data.get("task")
        if task is None:  # wrong, which is reported; what the model should be is unknown
            return ModelConfig()
        kind = kinds.pop(task)
        [(other_task, other)] = kinds.items()
        if isinstance(given, other):
            raise ValueError(
                f"must be a {kind.__name__} for task: {task}; found a {other.__name__}, which is "
                f"for task: {other_task}"
            )
        if not isinstance(given, dict):
            return kind.model_validate(given)
        # Runs of older versions name all settings of both; some of them never had an effect.
        ignored = _NEVER_COUNTED if given.keys() >= other.model_fields.keys() else ()
        own = {}
        for name, value in given.items():
            if name in kind.model_fields or name not in other.model_fields:
                own[name] = value
            elif name not in ignored and value != other.model_fields[name].default:
                value = str(value).lower() if isinstance(value, bool) else shown(value)
                raise ValueError(f"{name} ({value}) is for task: {other_task}; leave it out")
        return kind.model_validate(own)

    @property
    def transformer(self) -> ModelConfig:
        """The section `model` of a translation task."""
        assert isinstance(self.model, ModelConfig)
        return self.model

    @property
    def gpt(self) -> GPTConfig:
        """The section `model` of a language modeling task."""
        assert isinstance(self.model, GPTConfig)
        return self.model

    @model_validator(mode="after")
    def _fits_the_task(self) -> "Config":
        if self.training.start_from is not None and self.tokenizer.path is not None:
            raise ValueError(
                "training.start_from brings its tokenizer along; leave out tokenizer.path"
            )
        self._check_streaming()
        if self.task == "translation":
            self._check_translation()
        else:
            self._check_language_modeling()
        return self

    def _check_streaming(self) -> None:
        if not self.data.streaming or self.task == "translation":
            return
        if self.data.holdout:
            raise ValueError(
                "data.holdout takes the end of the text, and data.streaming does not know where "
                "that is; give data.val instead"
            )
        begins = self.tokenizer.path is not None or self.training.start_from is not None
        if self.tokenizer.kind == "characters" and not begins:
            raise ValueError(
                "tokenizer.kind (characters) must have seen every character, and data.streaming "
                "looks at the beginning of the text only; choose tokenizer.kind: byte_bpe, or give "
                "tokenizer.path"
            )

    def _check_translation(self) -> None:
        longest, budget = self.data.cleaning.max_tokens, self.training.batch_tokens
        if longest > budget:
            raise ValueError(
                f"training.batch_tokens ({budget}) must be at least "
                f"data.cleaning.max_tokens ({longest}), or the longest sentence fits in no batch"
            )
        if self.training.best_metric == "bleu" and self.training.val_bleu_sentences == 0:
            raise ValueError(
                "training.best_metric 'bleu' needs training.val_bleu_sentences above 0; "
                "raise it or choose training.best_metric: loss"
            )
        if self.tokenizer.kind in ("characters", "byte_bpe"):
            raise ValueError(
                f"tokenizer.kind ({self.tokenizer.kind}) is for task: language_modeling; "
                "leave it out"
            )
        if self.data.holdout:
            raise ValueError("data.holdout is for task: language_modeling; give data.val instead")

    def _check_language_modeling(self) -> None:
        if self.gpt.context > self.training.batch_tokens:
            raise ValueError(
                f"training.batch_tokens ({self.training.batch_tokens}) must be at least "
                f"model.context ({self.gpt.context}), the length of a block"
            )
        if self.training.best_metric == "bleu":
            raise ValueError(
                "training.best_metric 'bleu' is for translation; a language model is chosen by loss"
            )
        if self.training.consistency:
            raise ValueError("training.consistency is for translation; leave it out")
        if self.tokenizer.sampling_alpha:
            raise ValueError("tokenizer.sampling_alpha is for translation; leave it out")

    def ignored(self) -> list[str]:
        """Settings that differ from their default and have no effect with the others."""
        names = []
        if self.task == "language_modeling":
            names = ["data.tgt_lang", "data.cleaning", "decoding", "text"]
            names += ["training.val_bleu_sentences", "training.consistency_start"]
            if self.data.holdout:
                names.append("data.val")
        if self.training.peak_learning_rate is not None:
            names.append("training.learning_rate_scale")
        if self.training.decay == "inverse_sqrt":
            names.append("training.final_share")
        if self.training.start_from is not None:
            names += ["tokenizer.kind", "tokenizer.vocab_size"]
            if self.task == "language_modeling":
                names.append("model.initialisation")
        mine, default = self.model_dump(), Config(task=self.task).model_dump()

        def value(tree: dict[str, Any], name: str) -> Any:
            for key in name.split("."):
                tree = tree[key]
            return tree

        return [name for name in names if value(mine, name) != value(default, name)]

    @property
    def chooses_by_bleu(self) -> bool:
        """Whether validation BLEU makes a checkpoint the best, not its loss."""
        if self.training.best_metric == "auto":
            return self.task == "translation" and self.training.val_bleu_sentences > 0
        return self.training.best_metric == "bleu"

    def to_yaml(self) -> str:
        """Every setting, resolved, as YAML that `load_config` reads back to an equal `Config`."""
        return strict_yaml.dump(self.model_dump(mode="json"))


def setting_paths(settings: type[BaseModel] = Config) -> Iterator[str]:
    """The dotted names of all settings, of either task."""
    yield from fields_of(settings)


def describe_settings(settings: type[BaseModel] = Config) -> Iterator[str]:
    """One entry per setting: dotted name, default and meaning; for `--help`."""
    for name, field in fields_of(settings).items():
        default = field.default
        if default == (SourceConfig(builtin=True),):
            default = "builtin"
        default = "null" if default is None else str(default)
        yield f"{name}={default}\n{' '.join((field.description or '').split())}"
