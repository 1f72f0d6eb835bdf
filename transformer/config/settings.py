"""Every setting of the package: its type, its default, its unit and the paper's value.

A YAML file holds only what differs from the defaults below, and `section.key=value` on the command
line has the last word. Unknown keys, wrong types and impossible combinations raise `ConfigError`,
which names the key, says what was found and suggests the nearest right name.

"The paper" is Vaswani et al. 2017, arXiv 1706.03762; "base" is its base model.
"""

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from ..errors import UserError
from . import strict_yaml
from .explaining import explain, found_in, joined, shown


class ConfigError(UserError):
    """A setting that cannot be used; the message names it and says what to do."""


class _Settings(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    def __init__(self, /, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            lines = [explained(problem, type(self)) for problem in found_in(error)]
            raise ConfigError(joined(lines, error.error_count())) from None

    # Sections of a larger whole are validated without it, as if it were pydantic's own: the whole
    # then says where in it something is wrong.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


# Bounds that nobody meets who means what he writes. They keep slips of the keyboard from becoming
# overflows, or searches without an end.
MAX_COUNT = 10**9
"""Of everything that is counted and has no closer bound: steps, sentences."""
MAX_TOKENS = 10**7
"""Of a batch."""
MAX_THREADS = 512
"""Of the CPU."""
MAX_BEAM_SIZE = 256
"""Hypotheses of a sentence, live ones and those that are asked for."""
MAX_ALPHA = 10.0
"""Of the length penalty: far above what is of use, far below where its powers overflow."""
MAX_PATIENCE = 1000.0
"""Of the search, in beams."""
MAX_NGRAM = 1000
"""Pieces of an n-gram that must not occur twice."""
MAX_EXTRA_TOKENS = 10_000
"""Pieces of a translation beyond the length of its source."""
_MAX_FACTOR = 1e9

PositiveInt = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Tokens = Annotated[int, Field(ge=1, le=MAX_TOKENS)]
Layers = Annotated[int, Field(ge=1, le=1000)]
Threads = Annotated[int, Field(ge=1, le=MAX_THREADS)]
Share = Annotated[float, Field(ge=0, lt=1)]


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError(f"must not hold a NUL character; found {shown(value)}")
    return value


def _path(value: str) -> str:
    # Endings are added to the names, and file systems allow 255 bytes.
    if any(len(part.encode()) > 240 for part in value.split("/")):
        raise ValueError(f"no name in a path may have more than 240 bytes; found {shown(value)}")
    return value


Text = Annotated[str, Field(min_length=1, max_length=3000), AfterValidator(_text)]
PathText = Annotated[Text, AfterValidator(_path)]
Column = Annotated[
    Text | None, BeforeValidator(lambda value: str(value) if type(value) is int else value)
]


class SourceConfig(_Settings):
    """Where sentence pairs come from: exactly one of `path`, `hub` and `builtin`.

    A plain string stands for the common cases: `builtin` (the built-in corpus), `hub:NAME` or
    `hub:NAME:SUBSET` (a Hugging Face dataset), anything else is a path.
    """

    path: PathText | None = None
    """A .tsv, .csv or .jsonl file (plain or .gz), a .parquet file, or what two aligned files have
    in common: `data/train` reads `data/train.de` and `data/train.en` (or .de.gz, .en.gz)."""
    hub: PathText | None = None
    """Name of a dataset on the Hugging Face hub, or a folder laid out like one."""
    builtin: bool = False
    """The German-English sentences that the package generates itself."""
    anchors: bool = True
    """Of the built-in corpus: include the set phrases and example sentences of the documentation,
    which the quickstart is to learn. false leaves them out, so that a model can be shown on them
    without having been trained on them."""
    subset: Text | None = None
    """The hub dataset's configuration, such as `de-en` for wmt14."""
    split: Text | None = None
    """The hub dataset's split, or a part of it such as `train[2000:]`; by default `train` or
    `validation`, after the setting's name."""
    revision: Text | None = None
    """The hub dataset's branch, tag or commit: to pin it, or `refs/convert/parquet` for one that is
    still a loading script (iwslt2017), which `datasets` no longer runs."""
    folder: Text | None = None
    """The folder of a hub dataset to read, where subsets are plain folders, as in
    `refs/convert/parquet`."""
    src: Column = None
    """Column of the source text, by its name or by its number from 1. By default the one named
    after the source language, among the columns and inside a `translation` field; where no header
    names the columns of a .tsv or .csv file, the first. Of a language model, the column of its
    text: by default `text`, or the first."""
    tgt: Column = None
    """Column of the target text, likewise; where no header names the columns, the second."""
    weight: float = Field(default=1.0, ge=1e-6, le=1000)
    """How often an epoch sees each pair: 2.0 is twice, 0.25 a different quarter every epoch."""

    @model_validator(mode="after")
    def _one_origin(self) -> "SourceConfig":
        given = [name for name in ("path", "hub", "builtin") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                "a data source needs exactly one of path, hub and builtin; "
                f"found {' and '.join(given) or 'none of them'}"
            )
        of_hub = ("subset", "split", "revision", "folder")
        stray = [name for name in of_hub if getattr(self, name) is not None]
        if self.hub is None and stray:
            raise ValueError(
                f"{' and '.join(stray)} belong{'s' * (len(stray) == 1)} to a hub source; "
                f"remove {'it' if len(stray) == 1 else 'them'} or give hub"
            )
        if not self.anchors and not self.builtin:
            raise ValueError(
                "anchors: false belongs to the built-in corpus; remove it or give builtin: true"
            )
        if self.subset is not None and self.folder is not None:
            raise ValueError("give subset or folder, not both: each names a part of a hub dataset")
        return self


def _source(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value == "builtin":
        return {"builtin": True}
    if value.startswith("hub:"):
        name, _, subset = value.removeprefix("hub:").partition(":")
        return {"hub": name, "subset": subset or None}
    return {"path": value}


def _sources(value: Any) -> Any:
    if value is None:
        return ()
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(_source(item) for item in items)


# As many as the file that a run writes for itself can hold: see strict_yaml.
Sources = Annotated[tuple[SourceConfig, ...], Field(max_length=500), BeforeValidator(_sources)]


class CleaningConfig(_Settings):
    """Which pairs are left out of training. Every reason is counted and reported."""

    max_tokens: Tokens = 256
    """Longest sentence kept, in pieces, either side, end of sentence included."""
    max_length_ratio: float | None = Field(default=4.0, gt=1, le=_MAX_FACTOR)
    """Longest side over shortest, in characters; only pairs with a side over 20 characters are
    judged, since short ones differ much by nature. null keeps all."""
    drop_duplicates: bool = True
    """Keep the first of pairs that are equal on both sides."""
    script: Text | None = "LATIN"
    """Script that most letters of both sides must have, as Unicode names it (LATIN, CYRILLIC, ...).
    null keeps all."""


class DataConfig(_Settings):
    """A language model reads texts instead of pairs: a .txt file (or .txt.gz) is one; a row of
    a .tsv, .jsonl or .parquet file, or of a hub dataset, is one; so is every source sentence
    of the built-in corpus. Texts are not cleaned."""

    src_lang: PathText = "de"
    """Language to translate from: the ending of its file and the name of its column. English to
    German is `src_lang: en` and `tgt_lang: de`, with the same files. Only where nothing names a
    column, in a .tsv or .csv file without a header, is the source the first column, and `src: 2,
    tgt: 1` turns the pairs round."""
    tgt_lang: PathText = "en"
    """Language to translate to, likewise."""
    train: Sources = (SourceConfig(builtin=True),)
    """One source or a list of them: a path, `hub:NAME`, `builtin`, or a mapping with `path`, `hub`,
    `src`, `tgt`, `weight` and so on."""
    val: Sources = (SourceConfig(builtin=True),)
    """Pairs that choose the best checkpoint. Never cleaned: every pair counts."""
    holdout: Share = 0.0
    """Language models only: so much of the end of `train` is kept for validation, and `val` not
    used."""
    cleaning: CleaningConfig = CleaningConfig()

    @model_validator(mode="after")
    def _complete(self) -> "DataConfig":
        for name in ("train", "val"):
            if not getattr(self, name):
                raise ValueError(f"{name} needs at least one source; found an empty list")
        if self.src_lang == self.tgt_lang:
            raise ValueError(f"src_lang and tgt_lang must differ; both are {self.src_lang!r}")
        return self


class TokenizerConfig(_Settings):
    path: PathText | None = None
    """An existing tokenizer: a sentencepiece model, the tokenizer.json of a Hugging Face model, or
    the file that a run wrote; null trains one on the training split."""
    kind: Literal["unigram", "bpe", "characters", "byte_bpe"] = "unigram"
    """sentencepiece's `unigram` or `bpe`: the paper uses byte-pair encoding, unigram allows better
    subword regularisation. For language models also `characters`, and `byte_bpe`, that of GPT-2,
    which needs the package tokenizers."""
    vocab_size: int = Field(default=8000, ge=300, le=1_000_000)
    """Pieces, shared by both languages; the paper: about 37,000. 256 of them are single bytes, so
    that nothing is unknown. `characters` takes as many as the text has."""
    sampling_alpha: float = Field(default=0.0, ge=0, le=100)
    """Subword regularisation while training (Kudo 2018): 0 always takes the best segmentation. For
    unigram the smoothing of the sampled distribution (0.1 to 0.5, lower is wilder), for bpe the
    share of merges dropped (0.1)."""
    max_training_sentences: PositiveInt = 2_000_000
    """At most this many lines, drawn at random from both sides, train the model."""


class BlockConfig(_Settings):
    """What the Transformer and the GPT have in common."""

    d_model: int = Field(default=512, ge=1, le=65_536)
    """Width of every layer's input and output; paper: 512 base, 1024 big."""
    d_ff: int = Field(default=2048, ge=1, le=1_048_576)
    """Inner width of the feed-forward networks; paper: 2048 base, 4096 big."""
    n_heads: int = Field(default=8, ge=1, le=1024)
    """Attention heads, each d_model / n_heads wide; paper: 8 base, 16 big."""
    n_decoder_layers: Layers = 6
    """Layers of the decoder; paper: 6. The GPT is a decoder only."""
    dropout: Share = 0.1
    """On every sublayer's output and on the embeddings; paper: 0.1 base, 0.3 big."""
    attention_dropout: Share = 0.0
    """On the attention weights; paper: none."""
    activation_dropout: Share = 0.0
    """After the feed-forward activation; paper: none."""
    norm_first: bool = False
    """Normalise each sublayer's input, not the sum, plus once after each stack; paper: false."""
    activation: Literal["relu", "gelu", "gelu_tanh", "silu"] = "relu"
    """Of the feed-forward networks; paper: relu. GPT-2: gelu_tanh, gelu approximated by tanh."""
    attention_bias: bool = False
    """Biases in the four attention projections; the paper's own code has none."""

    @model_validator(mode="after")
    def _fits(self) -> "BlockConfig":
        if self.d_model % self.n_heads:
            raise ValueError(
                f"d_model ({self.d_model}) must be divisible by n_heads ({self.n_heads})"
            )
        if self.d_model % 2:
            raise ValueError(
                f"d_model ({self.d_model}) must be even: sinusoidal positions pair sine and cosine"
            )
        return self


class ModelConfig(BlockConfig):
    """The Transformer. The defaults are the paper's base model."""

    n_encoder_layers: Layers = 6
    """Layers of the Transformer's encoder; paper: 6."""
    tie: Literal["all", "target", "none"] = "all"
    """Which embeddings share one matrix: `all` source, target and output (paper); `target` the
    target's and the output; `none` three of their own. The GPT has `all` and `none`."""


class GPTConfig(BlockConfig):
    """The GPT. The defaults are the paper's blocks; `gpt2_config` makes the choices of GPT-2."""

    context: int = Field(default=1024, ge=1, le=1_048_576)
    """Tokens that the GPT sees at once, and the length of the blocks it is trained on."""
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    """Of the GPT: the paper's, or `learned` as GPT-2, one vector for each place of `context`."""
    scale_embedding: bool = True
    """Of the GPT: token embeddings times √d_model, as the paper; GPT-2: false."""
    initialisation: Literal["paper", "gpt2"] = "paper"
    """First weights of the GPT: Glorot uniform, or normal with deviation 0.02 as GPT-2; see
    model/initialisation.py."""
    # Files may hold `target`, which once was a third name for sharing.
    tie: Annotated[
        Literal["all", "none"], BeforeValidator(lambda tie: "all" if tie == "target" else tie)
    ] = "all"
    """Whether embedding and output share one matrix: `all` (GPT-2) or `none`."""


class TrainingConfig(_Settings):
    start_from: PathText | None = None
    """Begin with the weights and the tokenizer of another run, in place of random ones: its
    directory, `shipped` for the model in the package, or a folder of Hugging Face's GPT-2. Its
    model and decoding settings are taken over, except those that are given here. Those that decide
    the weights' shapes or meaning cannot be changed."""
    batch_tokens: Tokens = 25_000
    """Padded tokens of a batch, counted on the longer side, never exceeded; the paper has about
    25,000 on each side in an update. With `accumulate`, of each micro-batch."""
    accumulate: PositiveInt = 1
    """Batches whose gradients make one update, normalised by the target tokens of all of them."""
    max_steps: PositiveInt = 100_000
    """Updates; paper: 100,000 base, 300,000 big."""
    max_epochs: PositiveInt | None = None
    """Stop after so many passes over the data, if that comes first."""
    warmup_steps: PositiveInt = 4000
    """Updates of linear warm-up before the inverse square root decay; paper: 4000."""
    learning_rate_scale: float = Field(default=1.0, gt=0, le=1e6)
    """Factor on the paper's schedule; paper: 1."""
    peak_learning_rate: float | None = Field(default=None, gt=0, le=1000)
    """Learning rate at the end of the warm-up, in place of the paper's scaled one."""
    decay: Literal["inverse_sqrt", "linear", "cosine"] = "inverse_sqrt"
    """After the warm-up: the paper's inverse square root, or a fall from the same peak to
    `final_share` of it at `max_steps`."""
    final_share: Share = 0.0
    """Of the peak, where the decays `linear` and `cosine` end."""
    adam_beta1: Share = 0.9
    """Paper: 0.9."""
    adam_beta2: Share = 0.98
    """Paper: 0.98."""
    adam_eps: float = Field(default=1e-9, gt=0, le=1)
    """Paper: 1e-9."""
    weight_decay: float = Field(default=0.0, ge=0, le=1000)
    """Decoupled (AdamW), on matrices only; paper: none."""
    clip_norm: float | None = Field(default=None, gt=0, le=_MAX_FACTOR)
    """Largest norm of the gradient of an update; null does not clip, as the paper."""
    label_smoothing: Share = 0.1
    """Share of the target distribution spread over all other tokens but padding; paper: 0.1."""
    consistency: float = Field(default=0.0, ge=0, le=1000)
    """Weight of the divergence between two passes with different dropout (R-Drop, Liang et al.
    2021, whose α is twice this); 0 makes one pass, as the paper. Both passes are made at once: a
    batch then holds `batch_tokens` twice, and costs as much."""
    consistency_start: Count = 0
    """Updates before `consistency` sets in: what comes first is learned faster in single passes."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of matrix products, and on a CPU of what flows between the layers; weights and optimiser stay
    fp32. auto: bf16 where the device is built for it, fp32 elsewhere."""
    attention_kernel: Literal["formula", "fused"] = "formula"
    """How attention is computed: by the formula written out, or by torch's `fused` kernel. On a GPU
    that saves most of its time and memory; on a CPU it is slower."""
    device: Text = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:1, mps."""
    threads: Threads | None = None
    """CPU threads; null leaves it to torch."""
    validate_every: PositiveInt = 1000
    """Updates between validations; one that is better than all before also saves a checkpoint."""
    checkpoint_every: PositiveInt = 1000
    """Updates between checkpoints to resume from."""
    keep_checkpoints: int = Field(default=5, ge=1, le=100_000)
    """How many of the newest checkpoints stay on disk."""
    average_checkpoints: int = Field(default=5, ge=0, le=100_000)
    """At the end, the weights of the last k checkpoints are averaged (§6.1: 5 base, 20 big), and of
    this average, the last weights and those of the best validation the best are kept; 0 or 1 makes
    no average."""
    patience: PositiveInt | None = None
    """Stop after so many validations without a better one; null never stops early."""
    best_metric: Literal["auto", "bleu", "loss"] = "auto"
    """What makes a checkpoint the best: the highest validation BLEU or the lowest loss; auto: BLEU
    of a translation model, loss of a language model."""
    val_bleu_sentences: Count = 500
    """Pairs of the validation set translated greedily for the BLEU of the log; 0 for none."""
    log_every: PositiveInt = 50
    """Updates between lines of metrics.jsonl and TensorBoard."""
    tensorboard: bool = True
    """Write TensorBoard events into the run directory, if the tensorboard package is installed."""

    @model_validator(mode="after")
    def _consistent(self) -> "TrainingConfig":
        if self.average_checkpoints > self.keep_checkpoints:
            raise ValueError(
                f"average_checkpoints ({self.average_checkpoints}) must not exceed "
                f"keep_checkpoints ({self.keep_checkpoints}): older ones are deleted"
            )
        return self


class DecodingConfig(_Settings):
    """Defaults of `transformer-translate`; the paper's values (§6.1)."""

    beam_size: int = Field(default=4, ge=1, le=MAX_BEAM_SIZE)
    """Live hypotheses per sentence; paper: 4."""
    length_penalty: Literal["paper", "power", "none"] = "paper"
    """By what a finished hypothesis' log-probability is divided: `paper` ((5 + n) / 6)^alpha (Wu et
    al. 2016, eq. 14), `power` n^alpha as in fairseq, Marian and CTranslate2, `none` 1."""
    alpha: float = Field(default=0.6, ge=0, le=MAX_ALPHA)
    """Exponent of the length penalty; paper: 0.6. Not comparable between `paper` and `power`."""
    patience: float | None = Field(default=None, gt=0, le=MAX_PATIENCE)
    """Stop the search for a sentence once patience · beam_size of its hypotheses have ended (Kasai
    et al. 2022); 1 is the rule of fairseq, Marian and CTranslate2, and takes about half the time
    with the length penalty `power`. null, as the paper: stop when no other can win any more."""
    no_repeat_ngram_size: int = Field(default=0, ge=0, le=MAX_NGRAM)
    """No n-gram of this many pieces occurs twice in a translation, as in CTranslate2 and Hugging
    Face: against loops ("of the city of the city of the"), but what is to repeat itself cannot. 0,
    as the paper: any may."""
    max_extra_tokens: int = Field(default=50, ge=0, le=MAX_EXTRA_TOKENS)
    """Longest output: the source's length and so many pieces more; paper: 50."""
    batch_tokens: Tokens = 2000
    """Padded source tokens translated together: speed and memory, no influence on the result."""

    @model_validator(mode="before")
    @classmethod
    def _without_coverage(cls, given: Any) -> Any:
        # Runs of older versions name it. At 0 it did nothing.
        if not isinstance(given, dict) or "coverage_penalty" not in given:
            return given
        if given["coverage_penalty"] != 0:
            raise ValueError(
                f"coverage_penalty ({shown(given['coverage_penalty'])}) is gone: a search has no "
                "coverage penalty any more; leave it out"
            )
        return {name: value for name, value in given.items() if name != "coverage_penalty"}


class TextConfig(_Settings):
    """What is done to a typed text before and after the search."""

    split: Literal["long", "always", "never"] = "long"
    """Which lines of several sentences are cut into sentences first: those longer than any the
    model was trained on, every one, or none."""
    placeholders: bool = False
    """Put @1, @2 … in the place of web and mail addresses and long numbers, and bring these back
    afterwards; where a translation has changed another number, put marks for all numbers and search
    again. For a model that has learned such marks, @1 and @2, from data like that of
    scripts/prepare_everyday.py."""
    restore_umlauts: bool = False
    """Spell German that was typed without umlauts with them (Schluessel, weiss), where the
    vocabulary then needs fewer pieces for a word. No effect if data.src_lang is not German."""
    lower_shouting: bool = False
    """Translate a sentence in capitals as one in small letters, and give it back in capitals."""


class Config(_Settings):
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
        # Runs of older versions name the settings of both.
        own = {}
        for name, value in given.items():
            if name in kind.model_fields or name not in other.model_fields:
                own[name] = value
            elif value != other.model_fields[name].default:
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
        if self.task == "translation":
            self._check_translation()
        else:
            self._check_language_modeling()
        return self

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


def expand_path(path: str | Path) -> Path:
    """`~` and `~name` at the beginning become a home directory.

    Raises:
        ConfigError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"there is no home directory for {Path(path).parts[0]} (of {shown(str(path))}); write "
            f"the path in full, or ./{path} for a folder of that name"
        ) from None


def sections_of(field: FieldInfo) -> list[type[BaseModel]]:
    """The classes that a section may be of: one, or one per task; none of a single setting."""
    of_union = get_origin(field.annotation) in (Union, UnionType)
    kinds = get_args(field.annotation) if of_union else (field.annotation,)
    return [
        kind
        for kind in kinds
        if get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, BaseModel)
    ]


def _fields(settings: type[BaseModel], prefix: str = "") -> dict[str, FieldInfo]:
    found: dict[str, FieldInfo] = {}
    for name, field in settings.model_fields.items():
        sections = sections_of(field)
        if not sections:
            found[prefix + name] = field
        for section in sections:
            for path, inner in _fields(section, f"{prefix}{name}.").items():
                found.setdefault(path, inner)
    return found


def setting_paths(settings: type[BaseModel] = Config) -> Iterator[str]:
    """The dotted names of all settings, of either task."""
    yield from _fields(settings)


def describe_settings(settings: type[BaseModel] = Config) -> Iterator[str]:
    """One entry per setting: dotted name, default and meaning; for `--help`."""
    for name, field in _fields(settings).items():
        default = field.default
        if default == (SourceConfig(builtin=True),):
            default = "builtin"
        default = "null" if default is None else str(default)
        yield f"{name}={default}\n{' '.join((field.description or '').split())}"


def explained(problem: Any, settings: type[BaseModel] = Config) -> str:
    """One of pydantic's problems with such settings, in our words."""
    return explain(problem, list(setting_paths(settings)), list(SourceConfig.model_fields))
