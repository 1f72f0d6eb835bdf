"""Passes through a model, watched: how sublayers, residuals, norms and dropout fit together."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn

from .subjects import Layer, Subject, Sublayer

SRC_LEN, TGT_LEN = 7, 6
"""Tokens of the sentences that are probed with."""


@contextmanager
def mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """A model in training or evaluation mode for a while."""
    before = model.training
    model.train(training)
    try:
        yield
    finally:
        model.train(before)


@dataclass(frozen=True)
class Event:
    """A call of a module: its first argument, and its first result."""

    module: nn.Module
    input: Tensor
    output: Tensor


@contextmanager
def watching(modules: Iterable[nn.Module]) -> Iterator[list[Event]]:
    """Notes the calls of modules, in the order in which they end."""
    events: list[Event] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor | tuple[Tensor]) -> None:
        result = output[0] if isinstance(output, tuple) else output
        events.append(Event(module, inputs[0].clone(), result.clone()))  # some act in place

    handles = [module.register_forward_hook(note) for module in dict.fromkeys(modules)]
    try:
        yield events
    finally:
        for handle in handles:
            handle.remove()


@dataclass(frozen=True)
class Passage:
    """What a sublayer did in one pass through the model."""

    enters: Tensor  # what the layer or the sublayer before has left, (batch, length, d_model)
    reads: Tensor  # the same, or normalised
    change: Tensor  # the sublayer's output
    leaves: Tensor  # before any norm that follows
    norms_before: int
    norms_after: int  # and before the next sublayer
    is_whole: bool  # nothing but these norms stands between this sublayer and the layer's output
    expanded: Tensor  # after the first of a feed-forward network's two layers
    activated: Tensor  # before the second


def _passages(subject: Subject, layer: Layer, events: Sequence[Event]) -> Iterator[Passage]:
    # A layer is cut at its sublayers, and the norms lie in the gaps.
    inside = set(layer.module.modules())
    own = [event for event in events if event.module in inside]
    places = {event.module: i for i, event in enumerate(own)}
    whole, norms = own[places[layer.module]], set(subject.norms(layer.module))
    first = [places[s.reads] for s in layer.sublayers]
    last = [places[s.writes] for s in layer.sublayers]
    gaps = [
        [event for event in own[start:end] if event.module in norms]
        for start, end in zip([0, *last], [*first, len(own)], strict=True)
    ]
    inputs = [own[place].input for place in first]
    # What enters a gap: what its first norm reads, or else what comes after it.
    entering = [
        gap[0].input if gap else after
        for gap, after in zip(gaps, [*inputs, whole.output], strict=True)
    ]
    entering[0] = whole.input
    ends_well = not gaps[-1] or torch.equal(gaps[-1][-1].output, whole.output)
    for i in range(len(layer.sublayers)):
        yield Passage(
            entering[i],
            inputs[i],
            own[last[i]].output,
            entering[i + 1],
            len(gaps[i]),
            len(gaps[i + 1]),
            ends_well,
            own[first[i]].output,
            own[last[i]].input,
        )


NormPlace = Literal["after the sum", "before the sublayer", "none", "elsewhere"]


@dataclass(frozen=True)
class Sum:
    """How a sublayer's output meets what it has read, seen in evaluation and in training."""

    sublayer: Sublayer
    norm: NormPlace
    adds: bool  # the sum of both leaves the sublayer
    dropout: float | None  # the share of the output that is set to zero; None: something else
    calm: Passage  # in evaluation mode
    training: Passage


class Traces:
    """One pass in evaluation mode and one in training mode, watched."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.calm, self.training = (self._events(training) for training in (False, True))

    def _events(self, training: bool) -> list[Event]:
        subject = self.subject
        modules = [*subject.norms(subject.model), *(layer.module for layer in subject.layers)]
        modules += [m for la in subject.layers for s in la.sublayers for m in (s.reads, s.writes)]
        with mode(subject.model, training=training), watching(modules) as events:
            subject.run(subject.ids(2, SRC_LEN), subject.ids(2, TGT_LEN))
        return events

    @cached_property
    def sums(self) -> list[Sum]:
        """Of all sublayers."""
        return [s for layer in self.subject.layers for s in self._sums(layer)]

    def _sums(self, layer: Layer) -> Iterator[Sum]:
        calm = list(_passages(self.subject, layer, self.calm))
        training = list(_passages(self.subject, layer, self.training))
        # A norm in front of a sublayer is the sublayer's if the sum goes round it.
        norm_first = [
            p.norms_before > 0 and (i == 0 or close(p.leaves, p.enters + p.change))
            for i, p in enumerate(calm)
        ]
        for i, p in enumerate(calm):
            before = training[i].enters if norm_first[i] else training[i].reads
            next_first = i + 1 < len(calm) and norm_first[i + 1]
            norm: NormPlace = "none"
            if norm_first[i]:
                norm = "before the sublayer"
            elif p.norms_after and not next_first:
                norm = "after the sum" if p.norms_after == 1 and p.is_whole else "elsewhere"
            adds = close(p.leaves, (p.enters if norm_first[i] else p.reads) + p.change)
            yield Sum(
                layer.sublayers[i],
                norm,
                adds,
                dropped(training[i].change, training[i].leaves - before * adds),
                p,
                training[i],
            )

    @property
    def outer_norms(self) -> int:
        """Norms outside all layers that were called."""
        inside = {m for layer in self.subject.layers for m in layer.module.modules()}
        norms = set(self.subject.norms(self.subject.model)) - inside
        return sum(event.module in norms for event in self.calm)

    @property
    def embedding_dropout(self) -> list[float | None]:
        """Of the sums of embeddings and positions: in the source, and in the target."""
        stacks = (self.subject.encoder, self.subject.decoder)
        return [
            dropped(
                *(event_of(stack[0].module, events).input for events in (self.calm, self.training))
            )
            for stack in stacks
        ]


def event_of(module: nn.Module, events: Sequence[Event]) -> Event:
    """The first call of a module."""
    return next(event for event in events if event.module is module)


def close(x: Tensor, y: Tensor) -> bool:
    """Whether two tensors are the same but for rounding."""
    return bool((x - y).abs().max() <= 1e-4 * y.abs().max())


def dropped(whole: Tensor, seen: Tensor) -> float | None:
    """The rate p of dropout, if `seen` is `whole` with some numbers set to 0, others / (1 - p)."""
    large = whole.abs() >= whole.abs().median()
    ratio = (seen / whole)[large]
    kept = ratio[ratio > 0.5]
    if len(kept) == 0:
        return None
    factor = kept.median()
    if bool(((ratio.abs() < 0.01) | ((ratio / factor - 1).abs() < 0.01)).all()):
        return round(float(1 - 1 / factor), 4)
    return None
