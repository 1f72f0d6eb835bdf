"""The sections `decoding` and `text`: the search, and what is done to a text around it."""

from typing import Any, Literal

from pydantic import Field, model_validator

from ..errors import shown
from .base import (
    MAX_ALPHA,
    MAX_BEAM_SIZE,
    MAX_EXTRA_TOKENS,
    MAX_NGRAM,
    MAX_PATIENCE,
    MAX_THRESHOLD,
    Settings,
    Tokens,
)


class DecodingConfig(Settings):
    """Defaults of `transformer-translate`; the paper's values (§6.1)."""

    beam_size: int = Field(default=4, ge=1, le=MAX_BEAM_SIZE)
    """Live hypotheses per sentence; paper: 4."""
    length_penalty: Literal["paper", "power", "none"] = "paper"
    """What the log-probability of a finished hypothesis is divided by: `paper` ((5 + n) / 6)^alpha
    (Wu et al. 2016, eq. 14), `power` n^alpha as in fairseq, Marian and CTranslate2, `none` 1."""
    alpha: float = Field(default=0.6, ge=0, le=MAX_ALPHA)
    """Exponent of the length penalty; paper: 0.6. Not comparable between `paper` and `power`."""
    patience: float | None = Field(default=None, gt=0, le=MAX_PATIENCE)
    """Stop the search for a sentence once patience · beam_size of its hypotheses have ended (Kasai
    et al. 2022); 1 is the rule of fairseq, Marian and CTranslate2, and takes about half the time
    with the length penalty `power`. null, like the paper: stop when no other can win."""
    relative_threshold: float | None = Field(default=None, gt=0, le=MAX_THRESHOLD)
    """Give up hypotheses more than this many nats below the likeliest live one of their sentence
    (Freitag and Al-Onaizan 2017): then there are fewer to compute. null, like the paper: none."""
    max_per_parent: int | None = Field(default=None, ge=1, le=MAX_BEAM_SIZE)
    """At most this many live hypotheses may continue the same one, unless it is the only one
    (Freitag and Al-Onaizan 2017). null, like the paper: any number."""
    no_repeat_ngram_size: int = Field(default=0, ge=0, le=MAX_NGRAM)
    """No n-gram of this many pieces occurs twice in a translation, as in CTranslate2 and Hugging
    Face. This breaks loops ("of the city of the city of the"), but also what should repeat itself.
    0, like the paper: any may occur twice."""
    max_extra_tokens: int = Field(default=50, ge=0, le=MAX_EXTRA_TOKENS)
    """Longest output: this many pieces more than the source has; paper: 50."""
    batch_tokens: Tokens = 2000
    """Padded source tokens translated together; decides about speed and memory, not the result."""

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


class TextConfig(Settings):
    """What is done to a typed text before and after the search."""

    split: Literal["long", "always", "never"] = "long"
    """Which lines of several sentences are cut into sentences first: those longer than any the
    model was trained on, every one, or none."""
    placeholders: bool = False
    """Put @1, @2 … in the place of what must not change, and bring it back afterwards: addresses,
    long numbers, code, tags, placeholders, and words and signs that the vocabulary spells in bytes.
    Where a translation has changed another number, put marks for all numbers and search again. For
    a model that has learned such marks from data like that of scripts/prepare_everyday.py."""
    restore_umlauts: bool = False
    """Spell German that was typed without umlauts with them (Schluessel, weiss), where the
    vocabulary then needs fewer pieces for a word, and Kolleg*innen as Kolleginnen. No effect if
    data.src_lang is not German."""
    american_spelling: bool = False
    """Spell English as in America (colour as color, tyre as tire), where the vocabulary then needs
    fewer pieces for a word. No effect if data.src_lang is not English."""
    lower_shouting: bool = False
    """Translate a sentence in capitals as one in small letters, and give it back in capitals."""
    keep_layout: bool = False
    """Keep indentation, list and heading marks, tabs and trailing spaces; translate fields between
    tabs one by one."""
    keep_target_language: bool = False
    """Leave a sentence as it is, with a warning, if it is clearly in the target language already.
    Only German and English are told apart."""
    foreign_below: float | None = Field(default=None, ge=-100, le=0)
    """Warn of a sentence that seems to be neither German nor English: few of its words are common,
    and the letters of those in small letters have a mean log-probability below this under the
    vocabulary. null never warns; -2.8 suits the models in the package. For vocabularies of the kind
    unigram."""
