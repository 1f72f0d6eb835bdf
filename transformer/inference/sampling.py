"""Random texts, drawn from a model until it ends them."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import UserError
from ..search.hypothesis import Hypothesis
from ..search.sampling import Sampling, sample_tokens
from ..search.stepping import S, Step
from .engine import OVERFLOW


def checked(step: Step[S]) -> Step[S]:
    """The step, with an error in place of logits that are infinite or not numbers."""

    def step_and_look(tokens: Tensor, state: S) -> tuple[Tensor, S]:
        logits, state = step(tokens, state)
        if not math.isfinite(logits.amax()):  # which is nan if one is
            raise UserError(OVERFLOW)
        return logits, state

    return step_and_look


def sample(
    step: Step[S],
    state: S,
    max_lengths: Sequence[int],
    *,
    bos_id: int,
    eos_id: int,
    forbidden: Sequence[int] = (),
    sampling: Sampling,
    places: Sequence[int] | None = None,
    prefixes: Sequence[Sequence[int]] | None = None,
    device: torch.device | str = "cpu",
) -> list[Hypothesis]:
    """One text for each row of the state, drawn token by token.

    Args: those of `sample_tokens`; each text starts from bos_id.

    Returns:
        One hypothesis per row; its log-probability is the model's own, before temperature and cuts.
    """
    texts: list[list[int]] = [[] for _ in max_lengths]
    totals = [0.0] * len(max_lengths)
    latest: Tensor = torch.full((len(max_lengths),), bos_id)
    for drawn in sample_tokens(
        step,
        state,
        latest,
        max_lengths,
        eos_id=eos_id,
        forbidden=forbidden,
        sampling=sampling,
        places=places,
        prefixes=prefixes,
        device=device,
    ):
        for text, token, log_prob in drawn:
            texts[text].append(token)
            totals[text] += log_prob
    return [
        Hypothesis(
            tuple(ids[:-1] if ids[-1:] == [eos_id] else ids), total, total, ids[-1:] == [eos_id]
        )
        for ids, total in zip(texts, totals, strict=True)
    ]
