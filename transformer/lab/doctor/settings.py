"""Settings that contradict each other, and the schedule of the learning rate."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from ...config import BlockConfig, Config, ModelConfig
from ...training.updating import learning_rate_at
from .findings import Finding, Level, grade, judged

SCHEDULE, SETTINGS = "schedule", "settings"

# A peak times √d_model. The paper's base model has 0.016, configs/quickstart.yaml 0.063.
_HIGH, _TOO_HIGH = 0.1, 0.2
_HIGH_FOR_POST_NORM = 0.03

# All learning rates together: Adam moves a weight by no more. The first weights deviate from 0 by
# about d_model^-½, which is 0.03 to 0.1.
_SHORT, _TOO_SHORT = 0.3, 0.1

_N_PROBED = 20_000


# Settings -----------------------------------------------------------------------------------------


def check_settings(config: Config, n_steps: int) -> Iterator[Finding]:
    """Values far from what anybody trains with, and settings that have no effect.

    Args:
        config: every setting.
        n_steps: updates that the run makes.
    """
    found = list(_unusual(config, n_steps))
    for level, name, value, why in found:
        yield Finding(SETTINGS, level, f"{name} is {value}: {why}", f"change {name}")
    if ignored := config.ignored():
        yield Finding(
            SETTINGS,
            "warning",
            f"without effect beside the others: {', '.join(ignored)}",
            "leave them out, or find what was meant instead",
        )
    if not found and not ignored:
        yield Finding(SETTINGS, "ok", "none is far from the usual, none is without effect")


def _unusual(config: Config, n_steps: int) -> Iterator[tuple[Level, str, str, str]]:
    model, training = config.model, config.training
    lost = "most of what a layer says is thrown away while training"
    limits: list[tuple[str, float, float, float, str]] = [
        *(
            (f"model.{name}", getattr(model, name), 0.5, 0.7, lost)
            for name in ("dropout", "attention_dropout", "activation_dropout")
        ),
        (
            *("training.label_smoothing", training.label_smoothing, 0.3, 0.5),
            "the model is to be unsure of what is right (paper: 0.1)",
        ),
        (
            *("training.adam_eps", training.adam_eps, 1e-6, 1e-3),
            "gradients smaller than that hardly move a weight (paper: 1e-9)",
        ),
        (
            *("training.adam_beta1", training.adam_beta1, 0.96, 0.99),
            "updates follow gradients of long ago (paper: 0.9)",
        ),
        (
            *("training.weight_decay", training.weight_decay, 1.0, 10.0),
            "weights shrink faster than they learn (paper: none; usual: 0.01 to 0.1)",
        ),
    ]
    for name, value, warning, fault, why in limits:
        if (level := grade(value, warning, fault)) != "ok":
            yield level, name, f"{value:g}", why
    if training.adam_beta2 < 0.9:
        why = "the gradient's size is judged by a few updates alone (paper: 0.98)"
        yield "warning", "training.adam_beta2", f"{training.adam_beta2:g}", why
    if training.clip_norm is not None and training.clip_norm < 0.05:
        why = "every gradient is cut to a small part of itself; usual: 1"
        yield "warning", "training.clip_norm", f"{training.clip_norm:g}", why
    seen = training.batch_tokens * training.accumulate
    if seen < 400:
        why = f"an update sees {seen:,} tokens at most, too few to tell the right direction"
        yield "warning", "training.batch_tokens", f"{training.batch_tokens:,}", why
    yield from _unusual_sizes(model)
    yield from _without_effect(config, n_steps)


def _unusual_sizes(model: BlockConfig) -> Iterator[tuple[Level, str, str, str]]:
    d_head = model.d_model // model.n_heads
    if d_head < 8:
        yield "warning", "model.n_heads", str(model.n_heads), f"each head is {d_head} wide"
    if model.d_ff < model.d_model:
        why = f"narrower than d_model ({model.d_model}); paper: four times as wide"
        yield "warning", "model.d_ff", str(model.d_ff), why


def _without_effect(config: Config, n_steps: int) -> Iterator[tuple[Level, str, str, str]]:
    training, tokenizer = config.training, config.tokenizer
    if training.validate_every > n_steps:
        why = f"the run has {n_steps:,} updates and is validated only at its end"
        yield "warning", "training.validate_every", f"{training.validate_every:,}", why
    if training.consistency and training.consistency_start >= n_steps:
        why = f"the run has {n_steps:,} updates, so consistency never sets in"
        yield "warning", "training.consistency_start", f"{training.consistency_start:,}", why
    patience = training.patience
    if patience is not None and patience * training.validate_every < training.warmup_steps:
        why = "training may stop before its warm-up is over"
        yield "warning", "training.patience", str(patience), why
    if tokenizer.kind == "unigram" and 0 < tokenizer.sampling_alpha < 0.05:
        why = "words are cut almost at random; usual: 0.1 to 0.5"
        yield "warning", "tokenizer.sampling_alpha", f"{tokenizer.sampling_alpha:g}", why
    if tokenizer.kind == "bpe" and tokenizer.sampling_alpha > 0.3:
        why = "most words are spelled in letters; usual: 0.1"
        yield "warning", "tokenizer.sampling_alpha", f"{tokenizer.sampling_alpha:g}", why


# Schedule -----------------------------------------------------------------------------------------


def check_schedule(
    config: Config,
    n_steps: int,
    epoch_steps: int | None,
    rate: Callable[[int, Config], float] = learning_rate_at,
) -> Iterator[Finding]:
    """The learning rate's first step, peak and end, and how often the text is seen.

    Args:
        config: every setting.
        n_steps: updates that the run makes.
        epoch_steps: updates of an epoch, about; None if nobody knows how long a stream is.
        rate: the schedule.
    """
    training = config.training
    warmup = training.warmup_steps
    steps = np.unique(np.linspace(1, n_steps, min(n_steps, _N_PROBED)).astype(int))
    rates = np.array([rate(int(step), config) for step in steps])
    highest = int(steps[rates.argmax()])
    peak = float(rates.max())
    yield _shape(rates, steps, config)
    yield judged(
        SCHEDULE,
        "fault" if warmup >= n_steps else "warning" if 2 * warmup > n_steps else "ok",
        f"warm-up of {warmup:,} of {n_steps:,} updates; peak {peak:.1e} at update {highest:,}",
        "lower training.warmup_steps to a tenth of the updates, or train longer"
        + (": the learning rate only grows" if warmup >= n_steps else ""),
    )
    yield _height(config, max(peak, rate(min(warmup, n_steps), config)))
    mean = float(rates.mean())
    if training.start_from is None:
        yield judged(
            SCHEDULE,
            _low(mean * n_steps),
            f"all learning rates add up to {mean * n_steps:.2g}, more than which no weight can "
            f"move (it should be above {_SHORT})",
            "raise training.learning_rate_scale (or peak_learning_rate), or train longer",
        )
    last = rate(n_steps, config) / peak
    if warmup < n_steps:
        yield judged(
            SCHEDULE,
            "warning" if last > 0.6 else "ok",
            f"the last update has {last:.0%} of the peak",
            "set training.decay=linear, which ends at 0; a high last learning rate leaves noise in "
            "the weights",
        )
    if epoch_steps is None:
        return
    epochs = n_steps / epoch_steps
    yield judged(
        SCHEDULE,
        "warning" if epochs > 200 else "ok",
        f"about {epoch_steps:,} updates per epoch; {n_steps:,} are {epochs:.1f} epochs",
        "add text, or lower training.max_steps: the text will be known by heart",
    )


def _shape(rates: np.ndarray, steps: np.ndarray, config: Config) -> Finding:
    # It must grow up to the end of the warm-up, and never after it.
    change = np.diff(rates)
    tiny = 1e-9 * float(np.abs(rates).max(initial=0.0))
    warmup = config.training.warmup_steps
    falls = bool((change[steps[1:] <= warmup] < -tiny).any())
    grows = bool((change[steps[:-1] >= warmup] > tiny).any())
    odd = not np.isfinite(rates).all() or (rates < 0).any() or rates.max() <= 0 or falls or grows
    first = ", ".join(f"{value:.1e}" for value in rates[:3])
    return judged(
        SCHEDULE,
        "fault" if odd else "ok",
        f"first learning rates {first}" + (": not a warm-up and then a decay" if odd else ""),
        "the learning rate must grow during the warm-up and then fall: look at learning_rate in "
        "transformer/training/schedule.py",
    )


def _height(config: Config, peak: float) -> Finding:
    model, training = config.model, config.training
    height = peak * math.sqrt(model.d_model)
    level = grade(height, _HIGH, _TOO_HIGH)
    n_layers = model.n_decoder_layers
    if isinstance(model, ModelConfig):
        n_layers += model.n_encoder_layers
    given = training.peak_learning_rate is not None
    advice = (
        f"{'lower' if given else 'set'} training.peak_learning_rate"
        f"{'' if given else ' or lower learning_rate_scale'}: "
        f"{_HIGH_FOR_POST_NORM / math.sqrt(model.d_model):.1e} is bold for d_model "
        f"{model.d_model}; raise training.warmup_steps"
    )
    found = f"the peak is {peak:.1e}; at d_model {model.d_model}, {_HIGH / model.d_model**0.5:.1e} "
    found += "is high"
    if level == "ok" and n_layers >= 6 and not model.norm_first and height > _HIGH_FOR_POST_NORM:
        level = "warning"
        found = f"a peak of {peak:.1e} is high for {n_layers} layers that normalise last"
        advice = f"set model.norm_first=true, or {advice}"
    first = peak / training.warmup_steps
    if level == "ok" and first * math.sqrt(model.d_model) > _HIGH_FOR_POST_NORM / 10:
        level = "warning"
        found = f"the very first update has a learning rate of {first:.1e}"
        advice = "raise training.warmup_steps to 100 or more: the first gradients are misleading"
    return judged(SCHEDULE, level, found, advice)


def _low(total: float) -> Level:
    return "fault" if total < _TOO_SHORT else "warning" if total < _SHORT else "ok"
