"""The settings that a call may change."""

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, Literal, TypedDict, TypeVar

from ..config import DecodingConfig, TextConfig


class SearchSettings(TypedDict, total=False):
    """Any setting of `DecodingConfig` or `TextConfig`."""

    beam_size: int
    length_penalty: Literal["paper", "power", "none"]
    alpha: float
    patience: float | None
    relative_threshold: float | None
    max_per_parent: int | None
    no_repeat_ngram_size: int
    max_extra_tokens: int
    batch_tokens: int
    split: Literal["long", "always", "never"]
    placeholders: bool
    restore_umlauts: bool
    american_spelling: bool
    lower_shouting: bool
    keep_layout: bool
    keep_target_language: bool
    foreign_below: float | None


class CallSettings(TextConfig, DecodingConfig):
    """All settings of a call at once, so that an unknown one is compared with every name."""


M = TypeVar("M", bound=Callable[..., Any])


def lists_settings(method: M) -> M:
    """Appends the settings to a docstring: of **settings, `help` says only that there are some."""
    entries = [
        textwrap.fill(
            " ".join(f"{name}={field.default!r}: {field.description}".split()),
            width=96,
            initial_indent=" " * 4,
            subsequent_indent=" " * 8,
        )
        for name, field in CallSettings.model_fields.items()
    ]
    method.__doc__ = "\n".join([inspect.cleandoc(method.__doc__ or ""), "", "Settings:", *entries])
    return method
