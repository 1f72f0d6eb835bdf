"""The sections `data` and `tokenizer`: which text, and how it becomes pieces."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .base import MAX_FACTOR, MAX_THREADS, PathText, PositiveInt, Settings, Share, Text, Tokens

Column = Annotated[
    Text | None, BeforeValidator(lambda value: str(value) if type(value) is int else value)
]


class SourceConfig(Settings):
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


class CleaningConfig(Settings):
    """Which pairs are left out of training. Every reason is counted and reported."""

    max_tokens: Tokens = 256
    """Longest sentence kept, in pieces, either side, end of sentence included."""
    max_length_ratio: float | None = Field(default=4.0, gt=1, le=MAX_FACTOR)
    """Longest side over shortest, in characters. Only pairs with a side over 20 characters are
    judged, since the sides of short ones often differ. null keeps all."""
    drop_duplicates: bool = True
    """Keep the first of pairs that are equal on both sides."""
    script: Text | None = "LATIN"
    """Script that most letters of both sides must have, as Unicode names it (LATIN, CYRILLIC, ...).
    null keeps all."""


class DataConfig(Settings):
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
    streaming: bool = False
    """Read `train` anew in every epoch and store none of it: for a corpus larger than the disk. A
    path may be a pattern, such as `data/part-*.jsonl`. Duplicates are then only found among pairs
    that are shuffled together."""
    streaming_workers: int = Field(default=1, ge=0, le=MAX_THREADS)
    """Processes that make batches of a stream, for each that trains; 0 leaves it to that one. Each
    reads shards of its own, files or shards of a hub dataset: there must be as many."""
    shuffle_buffer: PositiveInt = 65_536
    """Pairs of a stream that are shuffled and sorted by length together; they are in memory. Of
    running text, each thousand characters of a text, or part of them, count as one."""
    holdout: Share = 0.0
    """Language models only: this share of `train`, from its end, is kept for validation, and `val`
    is not used."""
    cleaning: CleaningConfig = CleaningConfig()

    @model_validator(mode="after")
    def _complete(self) -> "DataConfig":
        for name in ("train", "val"):
            if not getattr(self, name):
                raise ValueError(f"{name} needs at least one source; found an empty list")
        if self.src_lang == self.tgt_lang:
            raise ValueError(f"src_lang and tgt_lang must differ; both are {self.src_lang!r}")
        return self


class TokenizerConfig(Settings):
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
    required_characters: str = Field(default="", max_length=2000)
    """Characters that unigram and bpe get a piece for, however rare: currency signs, the letters of
    names. What has none is spelled in bytes."""
    max_training_sentences: PositiveInt = 2_000_000
    """At most this many lines, drawn at random from both sides, train the model."""
