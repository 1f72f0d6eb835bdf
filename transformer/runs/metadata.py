"""What is known of weights beside their numbers: their tokenizer, their experiment, their text."""

from collections.abc import Mapping
from pathlib import Path

from ..data.text_tokenizers import TextTokenizer
from .errors import CheckpointError

LONGEST = 1_000_000
"""Pieces of a source: metadata that claim more are taken for damage."""


def require_same_run(
    about: Mapping[str, str], tokenizer: TextTokenizer, *, weights: Path, tokenizer_path: Path
) -> None:
    """Raises CheckpointError if weights, by their metadata, were trained with another tokenizer.

    Old weights do not say which it was, and pass.
    """
    expected = about.get("tokenizer", tokenizer.fingerprint)
    if expected != tokenizer.fingerprint:
        raise CheckpointError(
            f"{tokenizer_path} and {weights} are not of the same run: the weights were trained "
            f"with the tokenizer {expected}, this one is {tokenizer.fingerprint}. Bring back the "
            f"files of one run"
        )


def require_change(about: Mapping[str, str], change: str | None, *, source: Path) -> None:
    """Raises CheckpointError unless the model of these metadata was changed in just this way.

    Args:
        about: of weights.
        change: the name of an experiment; None: the model is what its settings say.
    """
    found = about.get("change")
    if found == change:
        return
    if change is None:
        raise CheckpointError(
            f"{source} is the model of an experiment ({found!r}): it computes something else than "
            f"its settings say. Only transformer-lab can use it"
        )
    raise CheckpointError(
        f"{source} is not the model of the experiment {change!r}; found "
        + ("one that is what its settings say" if found is None else repr(found))
    )


def longest_src_of(about: Mapping[str, str], *, source: Path) -> int | None:
    """Pieces of the longest source that weights were trained on, EOS included; None if unknown.

    Raises:
        CheckpointError: the metadata hold something other than such a number.
    """
    text = about.get("longest_src")
    if text is None:
        return None
    if not (text.isdecimal() and len(text) < 10 and 2 <= int(text) <= LONGEST):
        raise CheckpointError(
            f"{source} is damaged: longest_src in its metadata must be a whole number from 2 to "
            f"{LONGEST:,}; found {text[:40]!r}"
        )
    return int(text)
