"""Sampling from a model: temperature, the k likeliest tokens, the likeliest share p of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from .beam_search import NOTHING, Hypothesis, State, Step

S = TypeVar("S", bound=State)


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Args:
        temperature: what logits are divided by: below 1 the likely is drawn even more often, above
            1 less often; 0 always takes the likeliest.
        top_k: draw from so many of the likeliest tokens only; None: from all.
        top_p: draw from the fewest likeliest tokens that have this much of the probability together
            (nucleus sampling, Holtzman et al. 2020); 1.0: from all.
        seed: the same seed gives the same text.

    Raises:
        ValueError: temperature below 0 or infinite, top_k below 1, top_p outside (0, 1].
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be finite, at least 0; found {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k must be at least 1; found {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1; found {self.top_p}")


@torch.inference_mode()
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

    What a row draws depends on its place and the seed, not on its neighbours.

    Args:
        step, bos_id, eos_id, forbidden, device: as in `beam_search`.
        state: one row per text, before the first step.
        max_lengths: for each row, tokens at most, EOS included.
        sampling: how to draw.
        places: numbers that tell rows apart, so that equal ones draw different texts; by default
            0, 1, 2, ...
        prefixes: for each row, ids that it begins with.

    Returns:
        One hypothesis a row; its log-probability is the model's own, before temperature and cuts.
    """
    n_rows = len(max_lengths)
    generators = [
        torch.Generator().manual_seed((sampling.seed * 1_000_003 + place) % 2**63)
        for place in places or range(n_rows)
    ]
    never = torch.tensor(list(forbidden), dtype=torch.int64, device=device)
    prefixes = prefixes or [()] * n_rows
    texts: list[list[int]] = [[] for _ in range(n_rows)]
    totals = [0.0] * n_rows
    finished = [False] * n_rows
    rows = list(range(n_rows))  # which text each row of the batch holds
    latest = torch.full((n_rows,), bos_id)
    while rows:
        logits, state = step(latest.to(device), state)
        log_probs = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(dim=-1)
        numbers = torch.cat([torch.rand(1, generator=generators[row]) for row in rows])
        drawn = draw(log_probs.index_fill(1, never, NOTHING), numbers.to(device), sampling)
        for i, row in enumerate(rows):  # what is given is not drawn
            if len(texts[row]) < len(prefixes[row]):
                drawn[i] = prefixes[row][len(texts[row])]
        scores = log_probs.gather(1, drawn.unsqueeze(-1))[:, 0].tolist()
        going_on = []
        for i, (row, token) in enumerate(zip(rows, drawn.tolist(), strict=True)):
            totals[row] += scores[i]
            finished[row] = token == eos_id
            if not finished[row]:
                texts[row].append(token)
                if len(texts[row]) < max_lengths[row]:
                    going_on.append(i)
        if not going_on:
            break
        if len(going_on) < len(rows):
            kept = torch.tensor(going_on, dtype=torch.int64, device=device)
            state, drawn = state.select(kept, kept), drawn[kept]
            rows = [rows[i] for i in going_on]
        latest = drawn.cpu()
    return [
        Hypothesis(tuple(ids), total, total, ended)
        for ids, total, ended in zip(texts, totals, finished, strict=True)
    ]


def draw(log_probs: Tensor, numbers: Tensor, sampling: Sampling) -> Tensor:
    """One token for each row of log-probabilities (rows, vocab_size).

    Args:
        log_probs: natural logarithms, -inf for what is impossible.
        numbers: (rows,) uniform in [0, 1); each decides its row.
        sampling: how.

    Returns:
        (rows,) ids.
    """
    if sampling.temperature == 0:
        return log_probs.argmax(dim=-1)
    n = min(sampling.top_k or log_probs.size(1), log_probs.size(1))
    ranked, tokens = log_probs.topk(n, dim=1)
    # Of their distance to the first, so that no temperature is too low.
    p = ((ranked - ranked[:, :1]).double() / sampling.temperature).softmax(dim=-1)
    if sampling.top_p < 1:
        before = p.cumsum(dim=-1) - p  # what the likelier ones have; 0 for the first, so one stays
        p = p.masked_fill(before >= sampling.top_p, 0.0)
        p /= p.sum(dim=-1, keepdim=True)
    reached = p.cumsum(dim=-1)
    place = torch.searchsorted(reached, numbers.double().unsqueeze(-1), right=True)
    # Rounding may leave the sum a little below 1; the last that is possible is taken then.
    last = (p > 0).sum(dim=-1, keepdim=True) - 1
    return tokens.gather(1, torch.minimum(place, last))[:, 0]
