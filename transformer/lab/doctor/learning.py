"""Is a new model fit to learn? Its first loss, first weights and first gradients."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ...model.embedding import Embedding
from ...model.encoder_decoder import Transformer
from ...model.feed_forward import FeedForward
from ...training.task import AnyTask, Model
from .examples import AnyBatch
from .findings import Finding, grade, judged, listed

START, WEIGHTS, GRADIENTS = "first loss", "first weights", "gradients"

# First weights in deviations of Glorot's; GPT-2's are 0.08 to 0.3 of it. Trained ones are larger.
_LARGE, _TOO_LARGE = 3.0, 5.0
_LARGE_EMBEDDING = 4.0


# First loss ---------------------------------------------------------------------------------------


@torch.no_grad()
def check_first_loss(task: AnyTask, model: Model, batches: list[AnyBatch]) -> Finding:
    """Before it has learned, a model can only guess: log V nats per token, or a little more.

    Args:
        task: whose loss it is.
        model: without dropout; with the weights of `training.start_from`, if that is set.
        batches: real ones.
    """
    losses = [task.loss(model, batch, 0) for batch in batches]
    n_tokens = sum(loss.n_tokens for loss in losses)
    first = float(sum(float(loss.nll) for loss in losses)) / n_tokens
    guess = math.log(model.vocab_size)
    started = task.config.training.start_from
    level = grade(first - guess, 1.5, 4.0)
    advice = (
        "the logits are too large: look at the first weights (transformer/model/initialisation.py) "
        "and at the scale of the embedding"
    )
    if started is not None:
        level = grade(first - guess, -1.0, 0.0)
        advice = f"{started} does not fit this text: check its languages, direction and tokenizer"
    elif first < 0.85 * guess:
        level = "fault"
        advice = "a new model cannot know that much: the answer is in its input, or does not vary"
    return judged(
        START,
        level,
        f"{first:.2f} nats per token ({n_tokens:,} tokens); log of {model.vocab_size:,} pieces is "
        f"{guess:.2f}",
        advice,
    )


# First weights ------------------------------------------------------------------------------------


@torch.no_grad()
def check_weights(model: Model, *, trained: bool = False) -> Iterator[Finding]:
    """No matrix empty, not finite or far larger than its kind.

    Args:
        model: new.
        trained: its weights come from another run, and may be as large as they like.
    """
    broken, frozen = [], []
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            frozen.append(name)
        if not weight.isfinite().all():
            broken.append(f"{name} is not finite")
        elif weight.dim() > 1 and weight.numel() > 1 and float(weight.std()) == 0:
            broken.append(f"all of {name} is {float(weight.flatten()[0]):g}")
    twins = _equal_layers(model)
    yield judged(
        WEIGHTS,
        "fault" if twins else "ok",
        f"equal from the beginning: {listed(twins)}" if twins else "no two layers begin equal",
        "make every layer anew: a copy, or the same module twice, begins with the same weights",
    )
    gains = {name: gain for name, gain in _gains(model) if gain > _LARGE}
    large = [f"{name} ({gain:.1f} times)" for name, gain in gains.items()]
    if trained:
        large, gains = [], {}
    yield judged(
        WEIGHTS,
        "fault" if broken else "ok",
        listed(broken) if broken else "finite, and no matrix is constant",
        "units with equal weights stay equal, and a layer of zeros passes no gradient on: look at "
        "transformer/model/initialisation.py",
    )
    yield judged(
        WEIGHTS,
        grade(max(gains.values(), default=0.0), _LARGE, _TOO_LARGE),
        f"larger than usual: {listed(large)}" if large else "their size is the usual one",
        "draw them smaller: embeddings with deviation d_model^-0.5, matrices with Glorot's "
        "√(2 / (fan_in + fan_out)); see transformer/model/initialisation.py",
    )
    yield _check_tie(model)
    if frozen:
        yield Finding(
            WEIGHTS,
            "warning",
            f"never trained: {listed(frozen)}",
            "if that is not meant, set requires_grad of these parameters",
        )


def _equal_layers(model: Model) -> list[str]:
    layers = [*model.decoder.layers]
    if isinstance(model, Transformer):
        layers += model.encoder.layers
    twins = []
    seen: list[tuple[str, Tensor]] = []
    for layer in layers:
        kind = type(layer).__name__
        for name, weight in layer.named_parameters():
            if weight.dim() < 2:
                continue
            if any(weight.equal(other) for what, other in seen if what == f"{kind}.{name}"):
                twins.append(f"{name} of two layers")
            seen.append((f"{kind}.{name}", weight))
    return list(dict.fromkeys(twins))


def _check_tie(model: Model) -> Finding:
    tie = model.config.tie
    shared: tuple[bool, ...]
    wanted: tuple[bool, ...]
    if isinstance(model, Transformer):
        shared = (
            model.output.weight is model.tgt_embedding.weight,
            (model.src_embedding.weight is model.tgt_embedding.weight),
        )
        wanted = tie != "none", tie == "all"
    else:
        shared, wanted = (model.output.weight is model.embedding.weight,), (tie != "none",)
    return judged(
        WEIGHTS,
        "ok" if shared == wanted else "fault",
        f"embeddings share their matrices as model.tie ({tie}) says"
        if shared == wanted
        else f"embeddings do not share their matrices as model.tie ({tie}) says",
        "look at the end of __init__ in transformer/model/encoder_decoder.py or gpt.py",
    )


def _gains(model: Model) -> Iterator[tuple[str, float]]:
    # Deviations, as multiples of what they are usually drawn with.
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, nn.Linear):
            usual = math.sqrt(2 / sum(module.weight.shape))
        elif isinstance(module, Embedding):
            usual = module.weight.size(1) ** -0.5 * _LARGE_EMBEDDING / _LARGE
        elif isinstance(module, nn.LayerNorm) and weight is not None:
            yield name, float(weight.abs().max()) / 1.5
            continue
        else:
            continue
        yield name, float(module.weight.std()) / usual


# Gradients ----------------------------------------------------------------------------------------


def check_gradients(task: AnyTask, model: Model, batch: AnyBatch) -> Iterator[Finding]:
    """One backward pass: every part must hear something, and none must be shouted at.

    Args:
        task: whose loss it is.
        model: new, without dropout.
        batch: of about a thousand tokens.
    """
    dead_units: dict[str, float] = {}
    handles = [
        module.expand.register_forward_hook(_count_dead(name, dead_units))
        for name, module in model.named_modules()
        if isinstance(module, FeedForward) and model.config.activation == "relu"
    ]
    model.zero_grad(set_to_none=True)
    try:
        loss = task.loss(model, batch, 0)
        (loss.smoothed / loss.n_tokens).backward()
    finally:
        for handle in handles:
            handle.remove()
    yield from _judge_norms(model)
    if dead_units:
        most = max(dead_units, key=lambda name: dead_units[name])
        yield judged(
            GRADIENTS,
            grade(dead_units[most], 0.2, 0.5),
            f"{dead_units[most]:.0%} of the units of {most} are 0 for all {batch.n_tokens:,} "
            f"tokens, the most of any layer",
            "dead ReLU units never come back: look at the biases and first weights of the "
            "feed-forward network, or set model.activation=gelu",
        )
    model.zero_grad(set_to_none=True)


def _count_dead(name: str, found: dict[str, float]) -> Callable[[nn.Module, object, Tensor], None]:
    def hook(module: nn.Module, given: object, sums: Tensor) -> None:
        # At once, since the activation overwrites the sums.
        active = (sums > 0).flatten(0, -2).any(dim=0)
        found[name] = 1 - float(active.float().mean())

    return hook


def _judge_norms(model: Model) -> Iterator[Finding]:
    norms: dict[str, float] = defaultdict(float)
    silent, broken = [], []
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        gradient = weight.grad
        if gradient is not None and not gradient.isfinite().all():
            broken.append(name)
        # Softmax does not change when all its scores do: a bias of keys never has a gradient.
        elif (gradient is None or not gradient.any()) and not name.endswith("key.bias"):
            silent.append(name)
        if gradient is not None:
            norms[_group(name)] += float(gradient.square().sum())
    yield judged(
        GRADIENTS,
        "fault" if broken or silent else "ok",
        f"not finite for {listed(broken)}"
        if broken
        else f"no gradient at all for {listed(silent)}"
        if silent
        else f"every one of {sum(1 for _ in model.parameters())} parameters has one",
        "what has no gradient never learns: look for detach, no_grad, a part that is not used, or "
        "a layer of zeros behind it"
        if silent and not broken
        else "look for a division by 0, a logarithm or root of 0, or weights that are too large",
    )
    if broken:
        return
    roots = {name: math.sqrt(square) for name, square in norms.items()}
    total = math.sqrt(sum(norms.values()))
    median = sorted(roots.values())[len(roots) // 2]
    low, high = min(roots, key=lambda n: roots[n]), max(roots, key=lambda n: roots[n])
    spread = (
        max(roots[high], 1e-30) / max(median, 1e-30),
        max(median, 1e-30) / max(roots[low], 1e-30),
    )
    yield judged(
        GRADIENTS,
        max(grade(spread[0], 100, 1000), grade(spread[1], 100, 1000), key=_HOW_BAD.index),
        f"norms from {roots[low]:.2g} ({low}) to {roots[high]:.2g} ({high}), median {median:.2g}",
        "gradients vanish or explode on their way through the layers: look at residuals, norms and "
        "first weights, or set model.norm_first=true",
    )
    yield judged(
        GRADIENTS,
        grade(total, 30, 300),
        f"the norm of all together is {total:.2g} (of the mean loss)",
        "the first weights are too large; until that is mended, training.clip_norm=1 helps",
    )


_HOW_BAD = ["ok", "warning", "fault"]


def _group(name: str) -> str:
    # "decoder.layers.0.cross_attention.query.weight" → "decoder.layers.0.cross_attention"
    return ".".join(name.split(".")[:4]) if ".layers." in name else name
