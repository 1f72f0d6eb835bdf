"""Loading a finished run, for use: the model with its tokenizer and settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, overload

import torch
from torch import Tensor

from ..config import Config
from ..data.text_tokenizers import TextTokenizer
from ..data.tokenizer import Tokenizer
from ..model.encoder_decoder import Transformer
from ..model.gpt import GPT
from .directory import RunDirectory, Task
from .metadata import longest_src_of, require_change, require_same_run
from .weights import assign_weights, read_model, read_weights

M = TypeVar("M", Transformer, GPT)
T = TypeVar("T", bound=TextTokenizer)


@dataclass(frozen=True)
class LoadedRun(Generic[M, T]):
    """A finished run: all that it takes to use its model."""

    model: M
    tokenizer: T
    config: Config
    longest_src: int | None  # pieces of the longest source seen in training, EOS included


@overload
def load_run(
    run: RunDirectory, task: Literal["translation"]
) -> LoadedRun[Transformer, Tokenizer]: ...


@overload
def load_run(
    run: RunDirectory, task: Literal["language_modeling"]
) -> LoadedRun[GPT, TextTokenizer]: ...


def load_run(run: RunDirectory, task: Task) -> LoadedRun[Any, Any]:
    """The model of a run with its tokenizer, ready to be used.

    Args:
        run: the directory.
        task: what the run must have been trained for.

    Raises:
        CheckpointError: not a run directory, one of another task, one without usable weights, or
            one whose tokenizer and weights are of different runs.
        TokenizerError: the tokenizer cannot be read.
    """
    config = run.load_config(task)
    tokenizer = run.load_tokenizer(task)
    path = run.model.resolve()
    weights, about = read_model(path)
    require_change(about, None, source=path)
    require_same_run(about, tokenizer, weights=path, tokenizer_path=run.tokenizer)
    longest_src = longest_src_of(about, source=path)
    n = tokenizer.vocab_size
    if task == "translation":
        assert isinstance(tokenizer, Tokenizer)
        pad_id = tokenizer.pad_id
        translates = _fill(
            lambda: Transformer(config.transformer, vocab_size=n, pad_id=pad_id), weights, path
        )
        return LoadedRun(translates, tokenizer, config, longest_src)
    writes = _fill(lambda: GPT(config.gpt, vocab_size=n), weights, path)
    return LoadedRun(writes, tokenizer, config, longest_src)


def load_model(path: Path, config: Config, *, vocab_size: int, pad_id: int) -> Transformer:
    """A Transformer with the weights of `path`, ready to translate.

    Raises:
        CheckpointError: the file is missing, damaged or of another model, or a weight is not
            finite.
    """
    return _fill(
        lambda: Transformer(config.transformer, vocab_size=vocab_size, pad_id=pad_id),
        read_weights(path),
        path,
    )


def _fill(make: Callable[[], M], weights: Mapping[str, Tensor], source: Path) -> M:
    # Built without storage: to draw first weights only to replace them would take longer than
    # loading does.
    with torch.device("meta"):
        model = make()
    assign_weights(model, weights, source=source)
    return model.eval()
