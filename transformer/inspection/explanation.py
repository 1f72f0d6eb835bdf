"""What a model did for one text: who attended to whom, and what the words were worth."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from torch import Tensor

from ..errors import UserError, shown
from .rollout import decoder_rollout, encoder_rollout
from .words import SPACE, by_word, mean_of_rows, spans_of_words, sum_of_rows, written

View = Literal[
    "cross", "encoder", "decoder", "rollout", "encoder-rollout", "decoder-rollout", "saliency"
]
"""Attention from the target to the source, within the source, within the target; what is left of
the words after all layers (rollout), from the target to the source and within either side; gradient
× input."""

RAW: tuple[View, ...] = ("cross", "encoder", "decoder")
"""Those that have layers and heads."""


@dataclass(frozen=True)
class Side:
    """The pieces of one side, and how they are joined to words."""

    pieces: tuple[str, ...]
    names: tuple[str, ...]
    """The same as a reader writes them: without the sign for a blank."""
    spans: tuple[range, ...]
    """The pieces of each word."""

    @classmethod
    def of(cls, pieces: Sequence[str]) -> Side:
        """Joins pieces to words."""
        names = tuple(piece.replace(SPACE, "") or "␣" for piece in pieces)
        return cls(tuple(pieces), names, tuple(spans_of_words(pieces)))

    @property
    def words(self) -> tuple[str, ...]:
        """What the words are called."""
        return tuple(written(self.pieces[span.start : span.stop]) or "␣" for span in self.spans)

    def after(self, first: str) -> Side:
        """The input that predicts these pieces: `first` and all but the last."""
        shifted = [range(span.start + 1, span.stop + 1) for span in self.spans]
        n = len(self.pieces)
        kept = [range(span.start, min(span.stop, n)) for span in shifted if span.start < n]
        return Side((first, *self.pieces[:-1]), (first, *self.names[:-1]), (range(0, 1), *kept))


TITLES: dict[View, str] = {
    "cross": "attention to the source",
    "encoder": "attention within the source",
    "decoder": "attention within the target",
    "rollout": "rollout: source words in each step",
    "encoder-rollout": "rollout within the source",
    "decoder-rollout": "rollout within the target",
    "saliency": "gradient × input",
}


@dataclass(frozen=True)
class Map:
    """A matrix with a name for each row and column."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Tensor
    """(rows, columns)"""
    signed: bool = False
    """Values may be negative."""
    shares: bool = True
    """Rows are shares of 1 that a head gives; otherwise the largest value says what is much."""


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """What a model did in one pass over a text and its translation, or over a text alone.

    Row t of the target's matrices is the step that predicts piece t. What it could see of the
    target is the beginning and the pieces before, which name the columns.
    """

    source: Side | None
    """None for a language model."""
    target: Side
    begin: str
    """What stands before the first piece of the target."""
    log_probs: tuple[float, ...]
    """Of each target piece, given those before it; natural logarithms."""
    encoder: Tensor | None
    """(layers, heads, source, source); None for a language model."""
    decoder: Tensor
    """(layers, heads, target, target)"""
    cross: Tensor | None
    """(layers, heads, target, source); None for a language model."""
    saliency: Tensor
    """Gradient × input (Denil et al. 2014): by how much the vector of a source word, or of one
    before in a language model, raises the log-probability of a target piece, to first order;
    (target, source), or (target, target)."""

    @property
    def views(self) -> tuple[View, ...]:
        """What there is to look at."""
        if self.source is None:
            return "decoder", "decoder-rollout", "saliency"
        return get_args(View)

    @cached_property
    def encoder_rollout(self) -> Tensor | None:
        """(source, source); see `encoder_rollout` in rollout.py."""
        return None if self.encoder is None else encoder_rollout(self.encoder)

    @property
    def rollout(self) -> Tensor | None:
        """(target, source); a row and that of `decoder_rollout` sum to 1. None as `encoder`."""
        return self._rollouts[0]

    @property
    def decoder_rollout(self) -> Tensor:
        """(target, target); see `decoder_rollout` in rollout.py."""
        return self._rollouts[1]

    @cached_property
    def _rollouts(self) -> tuple[Tensor | None, Tensor]:
        return decoder_rollout(self.decoder, self.cross, self.encoder_rollout)

    def map(
        self,
        view: View,
        *,
        layer: int | None = None,
        head: int | None = None,
        words: bool = True,
    ) -> Map:
        """One matrix of those in `views`.

        Args:
            view: which.
            layer: from 1; None: the mean of all. Only cross, encoder and decoder have layers.
            head: from 1; None: the mean of all.
            words: join pieces to words: what a word attends to is the sum over the pieces of that
                and the mean over its own.

        Raises:
            UserError: no such view, layer or head.
        """
        if view not in self.views:
            names = ", ".join(self.views)
            raise UserError(f"the view must be one of {names}; found {shown(view)}")
        rows, columns = self.sides(view)
        values = self._values(view, layer, head)
        signed = view == "saliency"
        title = TITLES[view]
        if view in RAW:
            title += f", {_which('layer', layer)}, {_which('head', head)}"
        if words:
            join = sum_of_rows if signed else mean_of_rows
            values = by_word(values, rows.spans, columns.spans, join)
            return Map(title, rows.words, columns.words, values, signed, view in RAW)
        return Map(title, rows.names, columns.names, values, signed, view in RAW)

    def shape(self, view: View) -> tuple[int, int]:
        """Layers and heads of cross, encoder or decoder.

        Raises:
            UserError: the view has none.
        """
        if view not in self.views or view not in RAW:
            names = ", ".join(each for each in RAW if each in self.views)
            raise UserError(f"layers and heads are those of {names}; found {shown(view)}")
        stack = self._stack(view)
        return stack.size(0), stack.size(1)

    def to_dict(self, matrices: Collection[str] | None = None) -> dict[str, Any]:
        """What is in it as lists, for JSON.

        Args:
            matrices: names of those that are wanted; None: all.
        """
        found = {
            "encoder": self.encoder,
            "decoder": self.decoder,
            "cross": self.cross,
            "encoder_rollout": self.encoder_rollout,
            "decoder_rollout": self.decoder_rollout,
            "rollout": self.rollout,
            "saliency": self.saliency,
        }
        if matrices is not None:
            found = {name: matrix for name, matrix in found.items() if name in matrices}
        sides = {"source": self.source, "target": self.target}
        return {
            **{name: side and _described(side) for name, side in sides.items()},
            "begin": self.begin,
            "log_probs": [round(x, 4) for x in self.log_probs],
            **{name: m if m is None else rounded(m, 4) for name, m in found.items()},
        }

    def __repr__(self) -> str:
        sides = (("source", self.source), ("target", self.target))
        counts = (f"{len(side.words)} {name} words" for name, side in sides if side)
        return f"<Explanation: {', '.join(counts)}>"

    def _repr_html_(self) -> str:
        from .page import frame  # notebooks show it

        return frame(self)

    def sides(self, view: View) -> tuple[Side, Side]:
        """What the rows and the columns of a view stand for."""
        seen = self.target.after(self.begin)
        if self.source is None:
            return self.target, seen
        if view in ("encoder", "encoder-rollout"):
            return self.source, self.source
        return self.target, seen if view.startswith("decoder") else self.source

    def _values(self, view: View, layer: int | None, head: int | None) -> Tensor:
        if view in RAW:
            return _chosen(_chosen(self._stack(view), "layer", layer), "head", head)
        if layer is not None or head is not None:
            raise UserError(f"{view} has no layers and heads; only {', '.join(RAW)} have")
        values = {
            "rollout": self.rollout,
            "decoder-rollout": self.decoder_rollout,
            "encoder-rollout": self.encoder_rollout,
            "saliency": self.saliency,
        }[view]
        assert values is not None
        return values

    def _stack(self, view: View) -> Tensor:
        stack = {"cross": self.cross, "encoder": self.encoder, "decoder": self.decoder}[view]
        assert stack is not None
        return stack


def _chosen(stack: Tensor, what: str, which: int | None) -> Tensor:
    # Of the first dimension one, or the mean.
    if which is None:
        return stack.mean(dim=0)
    if type(which) is not int or not 1 <= which <= len(stack):
        mean = "" if type(which) is int else " (None is the mean of all)"
        raise UserError(f"{what} must be between 1 and {len(stack)}{mean}; found {shown(which)}")
    return stack[which - 1]


def _which(what: str, which: int | None) -> str:
    return f"mean of {what}s" if which is None else f"{what} {which}"


def _described(side: Side) -> dict[str, Any]:
    return {
        "pieces": side.pieces,
        "words": [
            {"text": word, "first": span.start, "last": span.stop - 1}
            for word, span in zip(side.words, side.spans, strict=True)
        ],
    }


def rounded(matrix: Tensor, decimals: int) -> Any:
    """Nested lists of shorter numbers."""
    return _rounded(matrix.double().tolist(), decimals)


def _rounded(values: Any, decimals: int) -> Any:
    if isinstance(values, list):
        return [_rounded(value, decimals) for value in values]
    return round(values, decimals)
