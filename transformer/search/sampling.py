"""Sampling from a model: temperature, the k likeliest tokens, the likeliest share p of them."""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import UserError, shown
from .stepping import S, Step


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Args:
        temperature: what logits are divided by. Below 1, likely tokens are drawn even more often,
            above 1 less often; 0 always takes the likeliest.
        top_k: draw only from this many of the likeliest tokens; None: from all.
        top_p: draw only from the likeliest tokens, as few as together have this much of the
            probability (nucleus sampling, Holtzman et al. 2020); 1.0: from all.
        seed: the same seed gives the same text.

    Raises:
        UserError: temperature below 0 or infinite, top_k below 1, top_p outside (0, 1], or one
            of them, or the seed, of another type.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        largest = sys.float_info.max
        self._require("temperature", Real, lambda t: 0 <= t <= largest, "finite, at least 0")
        if self.top_k is not None:
            self._require("top_k", Integral, lambda k: k >= 1, "a whole number, at least 1")
        self._require("top_p", Real, lambda p: 0 < p <= 1, "above 0 and at most 1")
        self._require("seed", Integral, lambda seed: True, "a whole number")

    def _require(self, name: str, kind: type, holds: Callable[[Any], bool], what: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, kind) or isinstance(value, bool) or not holds(value):
            raise UserError(f"{name} must be {what}; found {shown(value)}")


class Drawn(NamedTuple):
    """A token drawn for the end of a text."""

    text: int  # which one
    token: int
    log_prob: float  # the model's own, before temperature and cuts


@torch.inference_mode()
def sample_tokens(
    step: Step[S],
    state: S,
    latest: Tensor,
    max_lengths: Sequence[int],
    *,
    eos_id: int | None,
    forbidden: Sequence[int] = (),
    sampling: Sampling,
    places: Sequence[int] | None = None,
    prefixes: Sequence[Sequence[int]] | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[list[Drawn]]:
    """Draws texts token by token, one per row of the state, and yields every step as it comes.

    What a text draws depends on its place and the seed, not on its neighbours.

    Args:
        step: logits of the next token.
        state: one row per text, before the step.
        latest: (rows,) the token before the first one drawn.
        max_lengths: for each text, how many tokens it may have, EOS included.
        eos_id: what ends a text; None: nothing does.
        forbidden: ids never drawn.
        sampling: how to draw.
        places: numbers that tell texts apart, so that equal ones go on differently; by default
            0, 1, 2, ...
        prefixes: for each text, ids that it begins with.
        device: where step wants its tokens.

    Yields:
        A token for each text that has not ended; EOS is one.
    """
    n_texts = len(max_lengths)
    generators = [
        torch.Generator().manual_seed((sampling.seed * 1_000_003 + place) % 2**63)
        for place in places or range(n_texts)
    ]
    never = torch.tensor(list(forbidden), dtype=torch.int64, device=device)
    prefixes = prefixes or [()] * n_texts
    lengths = [0] * n_texts
    texts = list(range(n_texts))  # which text each row holds
    while texts:
        logits, state = step(latest.to(device), state)
        log_probs = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(dim=-1)
        numbers = torch.cat([torch.rand(1, generator=generators[text]) for text in texts])
        tokens = draw(log_probs.index_fill(1, never, -math.inf), numbers.to(device), sampling)
        for row, text in enumerate(texts):  # a prefix is given, not drawn
            if lengths[text] < len(prefixes[text]):
                tokens[row] = prefixes[text][lengths[text]]
        scores = log_probs.gather(1, tokens.unsqueeze(-1))[:, 0].tolist()
        drawn = [Drawn(*row) for row in zip(texts, tokens.tolist(), scores, strict=True)]
        yield drawn
        going_on = []
        for row, (text, token, _) in enumerate(drawn):
            lengths[text] += 1
            if token != eos_id and lengths[text] < max_lengths[text]:
                going_on.append(row)
        if 0 < len(going_on) < len(texts):
            kept = torch.tensor(going_on, dtype=torch.int64, device=device)
            state, tokens = state.select(kept, kept), tokens[kept]
        texts = [texts[row] for row in going_on]
        latest = tokens


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
    if log_probs.device.type == "mps":  # which has no fp64
        return draw(log_probs.cpu(), numbers.cpu(), sampling).to(log_probs.device)
    if sampling.top_k is None and sampling.top_p == 1:  # no ranking, which is slow
        every = torch.arange(log_probs.size(1), device=log_probs.device)
        ranked, tokens = log_probs, every.expand_as(log_probs)
    else:
        n = min(sampling.top_k or log_probs.size(1), log_probs.size(1))
        ranked, tokens = log_probs.topk(n, dim=1)
    # Of their distance to the likeliest, so that no temperature is too low.
    highest = ranked.amax(dim=1, keepdim=True)
    p = ((ranked - highest).double() / sampling.temperature).softmax(dim=-1)
    if sampling.top_p < 1:
        before = p.cumsum(dim=-1) - p  # what the likelier ones have; 0 for the first, so one stays
        p = p.masked_fill(before >= sampling.top_p, 0.0)
        p /= p.sum(dim=-1, keepdim=True)
    reached = p.cumsum(dim=-1)
    place = torch.searchsorted(reached, numbers.double().unsqueeze(-1), right=True)
    # Rounding may leave the sum a little below 1; the last that is possible is taken then.
    numbered = torch.arange(p.size(1), device=p.device)
    last = torch.where(p > 0, numbered, -1).amax(dim=-1, keepdim=True)
    return tokens.gather(1, torch.minimum(place, last))[:, 0]
