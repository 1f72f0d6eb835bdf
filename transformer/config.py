"""Every setting of the package: its type, its default, its unit and the paper's value.

A YAML file holds only what differs from the defaults below, and `section.key=value` on the command
line has the last word. Unknown keys, wrong types and impossible combinations raise `ConfigError`,
which names the key, says what was found and suggests the nearest right name.

"The paper" is Vaswani et al. 2017, arXiv 1706.03762; "base" is its base model.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from .errors import UserError


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


PositiveInt = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]

Column = Annotated[
    str | None, BeforeValidator(lambda value: str(value) if type(value) is int else value)
]

MAX_ALPHA = 10.0
"""Of the length penalty: far above what is of use, far below where its powers overflow."""


class SourceConfig(_Settings):
    """Where sentence pairs come from: exactly one of `path`, `hub` and `builtin`.

    A plain string stands for the common cases: `builtin` (the built-in corpus), `hub:NAME` or
    `hub:NAME:SUBSET` (a Hugging Face dataset), anything else is a path.
    """

    path: str | None = None
    """A .tsv or .jsonl file (plain or .gz), a .parquet file, or what two aligned files have in
    common: `data/train` reads `data/train.de` and `data/train.en` (or .de.gz, .en.gz)."""
    hub: str | None = None
    """Name of a dataset on the Hugging Face hub, or a folder laid out like one."""
    builtin: bool = False
    """The German-English sentences that the package generates itself."""
    subset: str | None = None
    """The hub dataset's configuration, such as `de-en` for wmt14."""
    split: str | None = None
    """The hub dataset's split, or a part of it such as `train[2000:]`; by default `train` or
    `validation`, after the setting's name."""
    revision: str | None = None
    """The hub dataset's branch, tag or commit: to pin it, or `refs/convert/parquet` for one that is
    still a loading script (iwslt2017), which `datasets` no longer runs."""
    folder: str | None = None
    """The folder of a hub dataset to read, where subsets are plain folders, as in
    `refs/convert/parquet`."""
    src: Column = None
    """Column (JSON lines, Parquet, hub) of the source text; by default the source language's code,
    looked for as a column and inside a `translation` field. Of a language model, the column of its
    text: by default `text`; in a .tsv file a number, by default 1."""
    tgt: Column = None
    """Column of the target text, likewise."""
    weight: float = Field(default=1.0, gt=0, le=1000)
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


Sources = Annotated[tuple[SourceConfig, ...], BeforeValidator(_sources)]


class CleaningConfig(_Settings):
    """Which pairs are left out of training. Every reason is counted and reported."""

    max_tokens: PositiveInt = 256
    """Longest sentence kept, in pieces, either side, end of sentence included."""
    max_length_ratio: float | None = Field(default=4.0, gt=1)
    """Longest side over shortest, in characters; only pairs with a side over 20 characters are
    judged, since short ones differ much by nature. null keeps all."""
    drop_duplicates: bool = True
    """Keep the first of pairs that are equal on both sides."""
    script: str | None = "LATIN"
    """Script that most letters of both sides must have, as Unicode names it (LATIN, CYRILLIC, ...).
    null keeps all."""


class DataConfig(_Settings):
    """A language model reads texts instead of pairs: a .txt file (or .txt.gz) is one; a row of
    a .tsv, .jsonl or .parquet file, or of a hub dataset, is one; so is every source sentence
    of the built-in corpus. Texts are not cleaned."""

    src_lang: str = "de"
    """Source language code: file ending, column name, and nothing more."""
    tgt_lang: str = "en"
    """Target language code, likewise."""
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
    path: str | None = None
    """An existing tokenizer: a sentencepiece model, the tokenizer.json of a Hugging Face model, or
    the file that a run wrote; null trains one on the training split."""
    kind: Literal["unigram", "bpe", "characters", "byte_bpe"] = "unigram"
    """sentencepiece's `unigram` or `bpe`: the paper uses byte-pair encoding, unigram allows better
    subword regularisation. For language models also `characters`, and `byte_bpe`, that of GPT-2,
    which needs the package tokenizers."""
    vocab_size: int = Field(default=8000, ge=300)
    """Pieces, shared by both languages; the paper: about 37,000. 256 of them are single bytes, so
    that nothing is unknown. `characters` takes as many as the text has."""
    sampling_alpha: float = Field(default=0.0, ge=0)
    """Subword regularisation while training (Kudo 2018): 0 always takes the best segmentation. For
    unigram the smoothing of the sampled distribution (0.1 to 0.5, lower is wilder), for bpe the
    share of merges dropped (0.1)."""
    max_training_sentences: PositiveInt = 2_000_000
    """At most this many lines, drawn at random from both sides, train the model."""


class ModelConfig(_Settings):
    """The network. The defaults are the paper's base model."""

    d_model: PositiveInt = 512
    """Width of every layer's input and output; paper: 512 base, 1024 big."""
    d_ff: PositiveInt = 2048
    """Inner width of the feed-forward networks; paper: 2048 base, 4096 big."""
    n_heads: PositiveInt = 8
    """Attention heads, each d_model / n_heads wide; paper: 8 base, 16 big."""
    n_encoder_layers: PositiveInt = 6
    """Layers of the encoder; paper: 6."""
    n_decoder_layers: PositiveInt = 6
    """Layers of the decoder; paper: 6. The GPT has these only."""
    context: PositiveInt = 1024
    """Tokens that the GPT sees at once, and the length of the blocks it is trained on."""
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    """Paper: sinusoidal. GPT-2: learned, one vector for each place of `context`."""
    scale_embedding: bool = True
    """Token embeddings times √d_model; paper: true, GPT-2: false."""
    initialisation: Literal["paper", "gpt2"] = "paper"
    """First weights: Glorot uniform, or normal with deviation 0.02 as GPT-2; see
    model/initialisation.py."""
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
    tie: Literal["all", "target", "none"] = "all"
    """Which embeddings share one matrix: `all` source, target and output (paper); `target` the
    target's and the output; `none` three of their own."""

    @model_validator(mode="after")
    def _fits(self) -> "ModelConfig":
        if self.d_model % self.n_heads:
            raise ValueError(
                f"d_model ({self.d_model}) must be divisible by n_heads ({self.n_heads})"
            )
        if self.d_model % 2:
            raise ValueError(
                f"d_model ({self.d_model}) must be even: sinusoidal positions pair sine and cosine"
            )
        return self


class TrainingConfig(_Settings):
    start_from: str | None = None
    """Begin with the weights and the tokenizer of another run, or of a folder of Hugging Face's
    GPT-2, in place of random ones; the model must be the same."""
    batch_tokens: PositiveInt = 25_000
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
    learning_rate_scale: float = Field(default=1.0, gt=0)
    """Factor on the paper's schedule; paper: 1."""
    peak_learning_rate: float | None = Field(default=None, gt=0)
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
    adam_eps: float = Field(default=1e-9, gt=0)
    """Paper: 1e-9."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled (AdamW), on matrices only; paper: none."""
    clip_norm: float | None = Field(default=None, gt=0)
    """Largest norm of the gradient of an update; null does not clip, as the paper."""
    label_smoothing: Share = 0.1
    """Share of the target distribution spread over all other tokens but padding; paper: 0.1."""
    consistency: float = Field(default=0.0, ge=0)
    """Weight of the divergence between two passes with different dropout (R-Drop, Liang et al.
    2021, whose α is twice this); 0 makes one pass, as the paper. Both passes are made at once: a
    batch then holds `batch_tokens` twice, and costs as much."""
    consistency_start: Count = 0
    """Updates before `consistency` sets in: what comes first is learned faster in single passes."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of matrix products, and on a CPU of what flows between the layers; weights and optimiser stay
    fp32. auto: bf16 where the device is built for it, fp32 elsewhere."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:1, mps."""
    threads: PositiveInt | None = None
    """CPU threads; null leaves it to torch."""
    validate_every: PositiveInt = 1000
    """Updates between validations; one that is better than all before also saves a checkpoint."""
    checkpoint_every: PositiveInt = 1000
    """Updates between checkpoints to resume from."""
    keep_checkpoints: PositiveInt = 5
    """How many of the newest checkpoints stay on disk."""
    average_checkpoints: Count = 5
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

    beam_size: PositiveInt = 4
    """Live hypotheses per sentence; paper: 4."""
    length_penalty: Literal["paper", "power", "none"] = "paper"
    """By what a finished hypothesis' log-probability is divided: `paper` ((5 + n) / 6)^alpha (Wu et
    al. 2016, eq. 14), `power` n^alpha as in fairseq, Marian and CTranslate2, `none` 1."""
    alpha: float = Field(default=0.6, ge=0, le=MAX_ALPHA)
    """Exponent of the length penalty; paper: 0.6. Not comparable between `paper` and `power`."""
    patience: float | None = Field(default=None, gt=0)
    """Stop the search for a sentence once patience · beam_size of its hypotheses have ended (Kasai
    et al. 2022); 1 is the rule of fairseq, Marian and CTranslate2, and takes about half the time
    with the length penalty `power`. null, as the paper: stop when no other can win any more."""
    coverage_penalty: float = Field(default=0.0, ge=0, le=MAX_ALPHA)
    """Weight of a penalty for source tokens that the translation paid no attention to (Wu et al.
    2016, eq. 14, its beta); paper: none."""
    no_repeat_ngram_size: Count = 0
    """No n-gram of this many pieces occurs twice in a translation, as in CTranslate2 and Hugging
    Face: against loops ("of the city of the city of the"), but what is to repeat itself cannot. 0,
    as the paper: any may."""
    max_extra_tokens: Count = 50
    """Longest output: the source's length and so many pieces more; paper: 50."""
    batch_tokens: PositiveInt = 2000
    """Padded source tokens translated together: speed and memory, no influence on the result."""
    split: Literal["long", "always", "never"] = "long"
    """Which lines of several sentences are cut into sentences first: those longer than any the
    model was trained on, every one, or none."""
    placeholders: bool = False
    """Put @1, @2 … for web and mail addresses and long numbers and bring these back afterwards;
    where a translation has changed another number, put marks for all and search again. For a model
    that has learned such marks, as scripts/prepare_everyday.py makes them, @1 and @2."""
    restore_umlauts: bool = False
    """Spell German that was typed without umlauts with them (Schluessel, weiss), where the
    vocabulary then needs fewer pieces for a word."""
    lower_shouting: bool = False
    """Translate a sentence in capitals as one in small letters, and give it back in capitals."""


class Config(_Settings):
    """One experiment, from text to translations, or to a model that goes on writing."""

    task: Literal["translation", "language_modeling"] = "translation"
    """What is trained: the Transformer on sentence pairs, or the GPT on running text."""
    run_dir: str = "runs/unnamed"
    """Where everything of this run goes; by default `runs/` and the config file's name."""
    seed: int = Field(default=1, ge=0, lt=2**31)
    """Of weights, dropout, batches and subword sampling."""
    data: DataConfig = DataConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()

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
        for key, found, of_gpt in (
            ("tokenizer.kind", self.tokenizer.kind, ("characters", "byte_bpe")),
            ("model.positions", self.model.positions, ("learned",)),
            ("model.scale_embedding", self.model.scale_embedding, (False,)),
        ):
            if found in of_gpt:
                raise ValueError(
                    f"{key} ({str(found).lower()}) is for task: language_modeling; leave it out"
                )
        if self.data.holdout:
            raise ValueError("data.holdout is for task: language_modeling; give data.val instead")

    def _check_language_modeling(self) -> None:
        if self.model.context > self.training.batch_tokens:
            raise ValueError(
                f"training.batch_tokens ({self.training.batch_tokens}) must be at least "
                f"model.context ({self.model.context}), the length of a block"
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
        names = ["model.context"]
        if self.task == "language_modeling":
            names = ["data.tgt_lang", "data.cleaning", "model.n_encoder_layers", "decoding"]
            names += ["training.val_bleu_sentences", "training.consistency_start"]
            if self.data.holdout:
                names.append("data.val")
        if self.training.peak_learning_rate is not None:
            names.append("training.learning_rate_scale")
        if self.training.decay == "inverse_sqrt":
            names.append("training.final_share")
        if self.training.start_from is not None:
            names += ["tokenizer.kind", "tokenizer.vocab_size", "model.initialisation"]
        mine, default = self.model_dump(), Config().model_dump()

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
        tree = self.model_dump(mode="json")
        return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def load_config(path: str | Path | None, overrides: Sequence[str] = ()) -> Config:
    """Reads a YAML file (None: only defaults) and applies `section.key=value` overrides in order.

    Raises:
        ConfigError: file missing or not YAML, unknown key, wrong type, impossible combination.
    """
    tree: dict[str, Any] = {}
    if path is not None:
        tree = _read_yaml(Path(path))
        tree.setdefault("run_dir", f"runs/{Path(path).stem}")
    for override in overrides:
        _apply(tree, override)
    where = str(path) if path is not None else "settings"
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors()]
        raise ConfigError("\n".join(f"{where}: {line}" for line in dict.fromkeys(lines))) from None


def setting_paths(settings: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """The dotted names of all settings, in the order of this file."""
    for name, field in settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from setting_paths(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def describe_settings(settings: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """One entry per setting: dotted name, default and meaning; for `--help`."""
    for name, field in settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from describe_settings(field.annotation, f"{prefix}{name}.")
        else:
            default = field.default
            if default == (SourceConfig(builtin=True),):
                default = "builtin"
            default = "null" if default is None else str(default)
            yield f"{prefix}{name}={default}\n{' '.join((field.description or '').split())}"


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 1e-9 for a string; everybody else takes it for a number.

    PyYAML keeps the last of two equal keys, so that a second `training:` would undo the first.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys = [key.value for key, _ in node.value]
        for i, (key, _) in enumerate(node.value):
            if key.value in keys[:i]:
                message = f"{key.value!r} is given twice; write all of it in one place"
                raise yaml.composer.ComposerError(None, None, message, key.start_mark)
        return node


class _Dumper(yaml.SafeDumper):
    """Puts the text "1e5" in quotes, since `_Loader` would take it for a number."""


for _yaml in (_Loader, _Dumper):
    _yaml.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$"),
        list("-+0123456789"),
    )


# A ValueError comes of what only looks like a date or number: 2026-02-30.
_NOT_YAML = (yaml.YAMLError, ValueError, RecursionError)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        folder = path.parent if path.parent.is_dir() else Path("configs")
        there = {p.stem: str(p) for p in sorted(folder.glob("*.yaml"))}
        near = difflib.get_close_matches(path.stem, there, n=1)
        hint = f"there is {', '.join(there.values()) or 'none'} in {folder}"
        if near:
            hint = f"did you mean {there[near[0]]}?"
        raise ConfigError(f"no configuration file {path}; {hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None
    try:
        tree = yaml.load(text, _Loader)
    except _NOT_YAML as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} must hold sections such as 'training:', found {tree!r}")
    return tree


def _apply(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(
            f"an override is written section.key=value, such as training.max_steps=500; "
            f"found {override!r}"
        )
    try:
        value = yaml.load(text, _Loader)
    except _NOT_YAML as error:
        raise ConfigError(f"the value of {key} is not valid YAML: {error}") from None
    *sections, name = key.strip().split(".")
    for section in sections:
        inner = tree.get(section)
        tree[section] = dict(inner) if isinstance(inner, dict) else {}
        tree = tree[section]
    tree[name] = value


def _explain(problem: Any) -> str:
    # Positions in a list of sources stand in the path as numbers; names are what people typed.
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        inner = problem["input"]
        while isinstance(inner, dict) and len(inner) == 1:  # trainin.max_steps=500
            [(name, inner)] = inner.items()
            path = f"{path}.{name}"
        return f"unknown key {path!r}; {_suggestion(path)}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{path}: {message}" if path else message
    if problem["type"] == "model_type":
        return f"{path} must be a mapping of settings; found {problem['input']!r}"
    return f"{path}: {message[:1].lower()}{message[1:]}; found {problem['input']!r}"


def _suggestion(path: str) -> str:
    # By the last part first, since settings are more often misplaced than sections misspelled.
    section, _, name = path.rpartition(".")
    known = list(setting_paths())
    if section.rpartition(".")[2].isdigit():  # in a list of sources
        known = [f"{section}.{field}" for field in SourceConfig.model_fields]
    sections = {key.rpartition(".")[0] for key in known}
    known += [place for place in sorted(sections) if place and place.rpartition(".")[0] == section]

    def likeness(key: str) -> float:
        its_section, _, its_name = key.rpartition(".")
        return _alike(name, its_name) + _alike(section, its_section) / 4

    near = max(known, key=likeness)
    if _alike(name, near.rpartition(".")[2]) >= 0.6:
        return f"did you mean {near!r}?"
    there = [key for key in known if key.rpartition(".")[0] == section]
    return f"known here: {', '.join(there or Config.model_fields)}"


def _alike(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
