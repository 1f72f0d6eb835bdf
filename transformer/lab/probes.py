"""Probes: what the parts of a model compute, read from its numbers and not from its settings.

Each takes a `Subject`, so that other people's models can be looked into as well as ours.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .subjects import Subject
from .traces import SRC_LEN, TGT_LEN, Passage, close, event_of, mode, watching

N_POSITIONS = 50
"""Positions that are looked at."""

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "ReLU": F.relu,
    "GELU": F.gelu,
    "GELU by tanh": lambda x: F.gelu(x, approximate="tanh"),
    "SiLU": F.silu,
}


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


# Attention ----------------------------------------------------------------------------------------


def _identities(attention: nn.Module) -> dict[str, Tensor]:
    # Parameters with which an attention projects nothing: queries, keys and values are its input.
    found = {}
    for name, p in attention.named_parameters():
        eye = torch.eye(p.size(-1), dtype=torch.float64)
        found[name] = eye.repeat(p.size(0) // p.size(1), 1) if p.dim() == 2 else eye[0] * 0
    return found


@dataclass(frozen=True)
class Scale:
    """What an attention multiplies dot products by, before its softmax."""

    factor: float
    error: float  # of the scores that follow from it, in parts of the largest; 0: a dot product


def attention_scale(subject: Subject, attention: nn.Module) -> Scale:
    """Makes all projections the identity, and solves the output for the weights and the scores."""
    d_head = subject.d_model // subject.n_heads
    n = min(4, d_head + 1)
    x = torch.randn(1, n, subject.d_model, generator=_generator(), dtype=torch.float64)
    x *= 2 / d_head**0.5
    with mode(attention, training=False):
        y = subject.attend(attention, _identities(attention), x)
    # One column of ones more says that weights add up to 1: (n_heads, n, d_head + 1).
    ones = torch.ones(subject.n_heads, n, 1, dtype=x.dtype)
    heads, found = (torch.cat((_heads(z, subject.n_heads), ones), dim=-1) for z in (x, y))
    weights = found @ torch.linalg.pinv(heads)
    if bool((weights <= 0).any()) or not close(weights @ heads, found):
        return Scale(float("nan"), float("inf"))
    scores, dots = weights.log(), heads[..., :-1] @ heads[..., :-1].mT
    scores, dots = (z - z.mean(dim=-1, keepdim=True) for z in (scores, dots))
    factor = (scores * dots).sum() / dots.square().sum()
    return Scale(float(factor), float((scores - factor * dots).abs().max() / scores.abs().max()))


def _heads(x: Tensor, n_heads: int) -> Tensor:
    # (1, length, d_model) → (n_heads, length, d_head)
    return x[0].unflatten(-1, (n_heads, -1)).transpose(0, 1)


def weights_are_random(subject: Subject, attention: nn.Module) -> bool:
    """Whether an attention in training gives the same input another output each time."""
    x = torch.randn(1, 32, subject.d_model, generator=_generator(), dtype=torch.float64)
    with mode(attention, training=True):
        one, other = (subject.attend(attention, _identities(attention), x) for _ in range(2))
    return not torch.equal(one, other)


def n_biases(modules: Iterable[nn.Module]) -> int:
    """How many of the parameters are vectors."""
    return sum(p.dim() == 1 for module in modules for p in module.parameters())


# Feed-forward and norms ---------------------------------------------------------------------------


def activation(passage: Passage) -> str:
    """The name of what lies between the two layers of a feed-forward network."""
    for name, function in ACTIVATIONS.items():
        if close(passage.activated, function(passage.expanded)):
            return name
    return "another"


def activations_lost(passage: Passage) -> float:
    """The share of activations that are 0 although every activation has them above 0."""
    positive = passage.expanded > 0.1
    return float((passage.activated[positive] == 0).float().mean()) if positive.any() else 0.0


def norm_error(norm: nn.Module, d_model: int) -> float:
    """How far a norm is from mean 0 and variance 1, the mean of all d_model squares."""
    x = 50 + 100 * torch.randn(8, d_model, generator=_generator())
    gain, bias = [*norm.parameters(), torch.zeros(d_model)][:2]
    variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    expected = gain * (x - mean) / variance.sqrt() + bias
    return float((norm(x) - expected).abs().max() / gain.abs().max())


# Embeddings and positions -------------------------------------------------------------------------


@dataclass(frozen=True)
class Embedded:
    """What the first layer of a stack is given."""

    factor: float  # on the embedding
    error: float  # what is not explained by a factor, in parts of the largest
    positions: Tensor  # (length, d_model), what is added


def embedded(subject: Subject) -> list[Embedded]:
    """Of the source, and of the target: takes apart the sums of embedding and position."""
    assert subject.tables is not None
    stacks = [stack[0].module for stack in (subject.encoder, subject.decoder)]
    ids = subject.ids(2, N_POSITIONS)
    with mode(subject.model, training=False), watching(stacks) as events:
        subject.run(ids, ids)
    found = []
    for module, table in zip(stacks, subject.tables, strict=False):
        x, e = event_of(module, events).input, table[ids]
        # Where two sentences have different tokens at a position, the position cancels out.
        of_x, of_e = x[0] - x[1], e[0] - e[1]
        factor = (of_x * of_e).sum() / of_e.square().sum()
        error = (of_x - factor * of_e).abs().max() / of_x.abs().max()
        found.append(Embedded(float(factor), float(error), x[0] - factor * e[0]))
    return found


def position_formula(length: int, d_model: int) -> Tensor:
    """§3.5 letter by letter: PE(pos, 2i) = sin(pos / 10000^(2i/d_model)), PE(pos, 2i+1) = cos."""
    position = torch.arange(length, dtype=torch.float64)[:, None]
    columns = torch.arange(d_model, dtype=torch.float64)
    angles = position / 10000 ** (columns.div(2, rounding_mode="floor") * 2 / d_model)
    return torch.where(columns % 2 == 0, angles.sin(), angles.cos())


# Masks --------------------------------------------------------------------------------------------


Sentence = Literal["src", "tgt"]


def influence(subject: Subject, *, of: Sentence, on: Sentence) -> Tensor:
    """Which tokens change what comes out where: (changed, position) bool.

    Args:
        of: the sentence in which one token at a time is changed.
        on: where changes are looked for: in the encoder's output, or in the decoder's.
    """
    src, tgt = subject.ids(1, SRC_LEN)[0], subject.ids(1, TGT_LEN)[0]
    if of == "src":
        src, tgt = subject.change(src), tgt.repeat(len(src) + 1, 1)
    else:
        src, tgt = src.repeat(len(tgt) + 1, 1), subject.change(tgt)
    # With padding in sight, a mask that is the wrong way round shows nothing else.
    if subject.pad_id is not None:
        src = F.pad(src, (0, 2), value=subject.pad_id)
    x = _result(subject, src, tgt, on)[:, : SRC_LEN if on == "src" else TGT_LEN]
    return _moved(x[1:], x[:1])


def padding_moves(subject: Subject, where: Sentence) -> bool:
    """Whether padding at the end of one sentence changes what comes out at its real tokens."""
    assert subject.pad_id is not None
    src, tgt = subject.ids(2, SRC_LEN), subject.ids(2, TGT_LEN)
    both: tuple[Sentence, Sentence] = ("src", "tgt")
    x = {on: _result(subject, src, tgt, on) for on in both}
    if where == "src":
        src = F.pad(src, (0, 3), value=subject.pad_id)
    else:
        tgt = F.pad(tgt, (0, 3), value=subject.pad_id)
    y = {on: _result(subject, src, tgt, on) for on in both}
    return any(bool(_moved(x[on], y[on][:, : x[on].size(1)]).any()) for on in both)


def _result(subject: Subject, src: Tensor, tgt: Tensor, on: Sentence) -> Tensor:
    with mode(subject.model, training=False), watching([subject.encoder[-1].module]) as events:
        out = subject.run(src, tgt)
    return events[-1].output if on == "src" else out


def _moved(x: Tensor, y: Tensor) -> Tensor:
    # (batch, length) bool; what rounding moves is far less.
    return (x - y).abs().amax(dim=-1) > 1e-4 * y.std()
