"""What training and decoding do, watched as they do it: an update, a loss, a search.

Stand-ins take the place of what does not matter. The optimiser moves one weight whose gradient is
known, the loss is that of one small batch, and the search has a model with a few pieces.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..config import Config, DecodingConfig
from ..data.batching import make_batch
from ..data.corpus import Corpus
from ..data.tokenizer import Tokenizer
from ..inference.torch_engine import TorchEngine
from ..model.encoder_decoder import Transformer
from ..runs.weights import average_weights
from ..search.hypothesis import Hypothesis
from ..training.loss import Loss
from ..training.task import Change
from ..training.translation import TranslationTask
from ..training.updating import build, update
from .probes import mode

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Vocabulary:
    """Ids in place of a tokenizer, for what never sees a text."""

    vocab_size: int
    pad_id: int = 0
    unk_id: int = 1
    bos_id: int = 2
    eos_id: int = 3

    @property
    def forbidden_ids(self) -> list[int]:
        """What a translation never holds."""
        return [self.pad_id, self.bos_id, self.unk_id]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Names for them."""
        return [str(i) for i in ids]


def task_without_text(
    config: Config, vocabulary: Vocabulary | Tokenizer, change: Change | None = None
) -> TranslationTask:
    """What makes the model and the loss of a run, without reading its text."""
    tokenizer, nothing = cast(Tokenizer, vocabulary), cast(Corpus, None)
    return TranslationTask(config, tokenizer, nothing, nothing, longest_src=2, change=change)


# One update ---------------------------------------------------------------------------------------


class _OneWeight(nn.Module):
    device = CPU

    def __init__(self, weight: float) -> None:
        super().__init__()
        # As a matrix, since weight decay leaves vectors alone; in fp64, since steps are small.
        self.weight = nn.Parameter(torch.full((1, 1), weight, dtype=torch.float64))


@dataclass(frozen=True)
class _Pull:
    """A task whose loss is gradient · weight, and its own only batch, of one token."""

    config: Config
    weight: float
    gradient: float
    change: None = None
    n_tokens: int = 1

    def new_model(self) -> _OneWeight:
        return _OneWeight(self.weight)

    def to(self, device: torch.device) -> "_Pull":
        return self

    def loss(self, model: _OneWeight, batch: "_Pull", step: int) -> Loss:
        smoothed = (model.weight * self.gradient).sum()
        return Loss(smoothed, smoothed.detach(), self.n_tokens)


@dataclass(frozen=True)
class Step:
    """What the first update of a weight did, made as if it were the one of number `step`."""

    lr: float
    moved: float
    mean: float  # Adam's running means of the gradient, and of its square
    mean_square: float


def one_update(config: Config, *, step: int = 1, weight: float = 0.0, gradient: float) -> Step:
    """Builds the optimiser of a run for a single weight, and makes an update with it."""
    task: Any = _Pull(config, weight, gradient)
    model, optimizer = build(task, CPU)
    sums = update(task, model, optimizer, [task], step, "fp32")
    state = optimizer.state[model.weight]
    return Step(
        sums.lr, model.weight.item() - weight, float(state["exp_avg"]), float(state["exp_avg_sq"])
    )


@dataclass(frozen=True)
class Optimiser:
    """What one can tell of an optimiser by its steps."""

    beta1: float
    beta2: float
    eps: float
    weight_decay: float
    clip_norm: float | None


def optimiser(config: Config) -> Optimiser:
    """Adam's numbers, from three updates: with a tiny gradient, without one, with a huge one."""
    tiny, huge = 1e-9, 1e9
    small = one_update(config, gradient=tiny)
    beta1, beta2 = 1 - small.mean / tiny, 1 - small.mean_square / tiny**2
    # The first step of Adam is lr · g / (|g| + ε).
    eps = tiny * (small.lr / -small.moved - 1)
    decayed = one_update(config, step=config.training.warmup_steps, weight=1.0, gradient=0.0)
    clipped = one_update(config, gradient=huge).mean / (1 - beta1)
    return Optimiser(
        beta1,
        beta2,
        eps,
        -decayed.moved / decayed.lr,
        None if abs(clipped / huge - 1) < 1e-5 else clipped,
    )


# The loss -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """What the loss pulls the model towards, at each token of a batch."""

    true: float  # the share of the true token
    padding: float  # of padding
    others: tuple[float, float]  # of each other token: the least, and the most
    passes: float  # how often each token went through the model


def target_distribution(task: TranslationTask, model: Transformer, step: int) -> Target:
    """Reads it off the gradient: by the logits, that of cross-entropy is softmax − target."""
    ids = torch.randperm(model.vocab_size).tolist()
    known = task.tokenizer
    ids = [i for i in ids if i not in (known.pad_id, known.bos_id, known.eos_id)][:7]
    batch = make_batch([ids[:4], ids[:2]], [ids[2:4], ids[2:7]], known)
    with mode(model, training=False), _logits_of(model) as seen:
        task.loss(model, batch, step).smoothed.backward()
    [(before, leaf)] = seen
    assert leaf.grad is not None
    counted = leaf.grad.abs().sum(dim=-1) > 0  # the other rows belong to no token
    passes = int(counted.sum()) / batch.n_tokens
    target = before[counted].double().softmax(dim=-1) - passes * leaf.grad[counted].double()
    true = target.max(dim=-1)
    rest = target.scatter(-1, true.indices[:, None], torch.nan)
    padding = rest[:, known.pad_id]
    rest = torch.cat((rest[:, : known.pad_id], rest[:, known.pad_id + 1 :]), dim=-1)
    others = rest[~rest.isnan()]
    return Target(
        float(true.values.mean()),
        float(padding.mean()),
        (float(others.min()), float(others.max())),
        passes,
    )


@contextmanager
def _logits_of(model: Transformer) -> Iterator[list[tuple[Tensor, Tensor]]]:
    # Their values, since the loss may overwrite them, and the leaf that the gradient arrives at.
    compute, seen = model.output.logits, list[tuple[Tensor, Tensor]]()

    def logits(x: Tensor) -> Tensor:
        leaf = compute(x).detach().requires_grad_()
        seen.append((leaf.detach().clone(), leaf))
        return leaf

    setattr(model.output, "logits", logits)  # noqa: B010
    try:
        yield seen
    finally:
        delattr(model.output, "logits")


# The search ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Time:
    """All that the stand-in's next token depends on: how many there are."""

    length: int = 0

    def select(
        self, rows: Tensor, sentences: Tensor | None = None, alive: Tensor | None = None
    ) -> "_Time":
        return self


class _Endless(nn.Module):
    """A model that never ends, and says one piece again and again; or that may end.

    With `ends_after` it says another piece each time. Ending is possible at once, though it is not
    likely; after that many pieces it is nearly certain.
    """

    device = CPU

    def __init__(self, vocabulary: Vocabulary, ends_after: int | None) -> None:
        super().__init__()
        self.vocabulary, self.ends_after = vocabulary, ends_after
        self.rows = 0

    def start(self, src: Tensor) -> _Time:
        return _Time()

    def step(self, tokens: Tensor, state: _Time, logits: Any = None) -> tuple[Tensor, _Time]:
        self.rows = max(self.rows, len(tokens))
        p, first = torch.zeros(self.vocabulary.vocab_size), self.vocabulary.eos_id + 1
        if self.ends_after is None:
            p[first:] = torch.arange(len(p) - first, 0, -1)
        else:
            p[first + state.length] = 1
            p[self.vocabulary.eos_id] = 1000 if state.length >= self.ends_after else 0.01
        return p.log().expand(len(tokens), -1), _Time(state.length + 1)


class _Forked(nn.Module):
    """A model that begins with one of two pieces, the second of which it hardly ever says.

    Then it says any of `n_alike` pieces, all equally likely, and ends.
    """

    device = CPU

    def __init__(self, vocabulary: Vocabulary, n_alike: int) -> None:
        super().__init__()
        self.vocabulary, self.n_alike = vocabulary, n_alike
        self.first = vocabulary.eos_id + 1

    def start(self, src: Tensor) -> _Time:
        return _Time()

    def step(self, tokens: Tensor, state: _Time, logits: Any = None) -> tuple[Tensor, _Time]:
        p, first = torch.zeros(self.vocabulary.vocab_size), self.first
        if state.length == 0:
            p[first : first + 2] = torch.tensor([1.0, math.exp(-80)])
        elif state.length == 1:
            p[first + 2 : first + 2 + self.n_alike] = 1.0
        else:
            p[self.vocabulary.eos_id] = 1.0
        return p.log().expand(len(tokens), -1), _Time(state.length + 1)


def _gives_up(settings: DecodingConfig, n_alike: int) -> bool:
    n = settings.beam_size
    vocabulary = Vocabulary(100 + n)
    model = _Forked(vocabulary, n_alike)
    engine = TorchEngine(cast(Transformer, model), cast(Tokenizer, vocabulary))
    [found] = engine.search([[*[5] * 10, vocabulary.eos_id]], settings, n_best=n)
    # Places that the likely beginning leaves in the beam are for the unlikely one.
    likely = sum(hypothesis.ids[0] == model.first for hypothesis in found)
    return (likely, len(found)) != (n_alike, n)


def _search(
    settings: DecodingConfig, src_len: int, ends_after: int | None
) -> tuple[Hypothesis, int]:
    vocabulary = Vocabulary(100 + (ends_after or 0))
    model = _Endless(vocabulary, ends_after)
    engine = TorchEngine(cast(Transformer, model), cast(Tokenizer, vocabulary))
    [[best]] = engine.search([[*[5] * src_len, vocabulary.eos_id]], settings)
    return best, model.rows


@dataclass(frozen=True)
class Search:
    """What one can tell of a search by its results."""

    beam_size: int
    extra_tokens: int  # that the longest output has more than the source
    divisors: dict[int, float]  # of the log-probability, by length
    waits: bool  # until nothing better can come, though as many hypotheses as the beam have ended
    repeats: bool  # a piece, for ever, if it is the likeliest
    gives_up: bool  # hypotheses that are in the beam


def search(settings: DecodingConfig) -> Search:
    """Searches with a model that never ends, and with one that first ends rarely, then surely."""
    found = {src_len: _search(settings, src_len, None) for src_len in (1, 10, 40)}
    best, rows = found[40]
    long = 3 * settings.beam_size
    ended, _ = _search(settings, long, ends_after=long)
    return Search(
        beam_size=rows,
        extra_tokens=len(best.ids) - 40,
        divisors={len(h.ids): h.log_prob / h.score for h, _ in found.values()},
        waits=len(ended.ids) == long,
        repeats=len(set(best.ids)) == 1,
        gives_up=any(_gives_up(settings, max(1, settings.beam_size - left)) for left in (0, 1)),
    )


def average_of_two() -> float:
    """What becomes of a weight that is 1 in one checkpoint and 4 in another."""
    return float(average_weights({"w": torch.tensor(w)} for w in (1.0, 4.0))["w"])
