"""The warm-up learning rate schedule, §5.3."""

import math
from typing import Literal


def learning_rate(
    step: int,
    *,
    d_model: int,
    warmup_steps: int,
    scale: float = 1.0,
    peak: float | None = None,
    decay: Literal["inverse_sqrt", "linear", "cosine"] = "inverse_sqrt",
    max_steps: int | None = None,
    final_share: float = 0.0,
) -> float:
    """scale · d_model^-½ · min(step^-½, step · warmup_steps^-1.5), equation 3.

    Args:
        step: the update about to be made, counted from 1.
        d_model: width of the model.
        warmup_steps: updates of linear growth. The last of them reaches the peak,
            scale · (d_model · warmup_steps)^-½.
        scale: factor on the whole schedule (paper: 1).
        peak: replaces the paper's.
        decay: what follows the peak: `inverse_sqrt` (paper), or `linear` or `cosine` to max_steps.
        max_steps: needed by linear and cosine only.
        final_share: the share of the peak at which these two end.

    Raises:
        ValueError: step below 1, or no max_steps for a decay that needs it.
    """
    if step < 1:
        raise ValueError(f"steps are counted from 1; found step {step}")
    if peak is None:
        peak = scale * (d_model * warmup_steps) ** -0.5
    if step <= warmup_steps:
        return peak * step / warmup_steps
    if decay == "inverse_sqrt":
        return peak * math.sqrt(warmup_steps / step)
    if max_steps is None or max_steps <= warmup_steps:
        raise ValueError(f"decay {decay!r} needs max_steps above warmup_steps; found {max_steps}")
    left = max(0.0, (max_steps - step) / (max_steps - warmup_steps))
    share = left if decay == "linear" else (1 - math.cos(math.pi * left)) / 2
    return peak * (final_share + (1 - final_share) * share)
