"""Label-smoothed cross-entropy, §5.4, and consistency between two dropout passes."""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Loss(NamedTuple):
    """Sums over the target tokens of a batch, in nats; divide by `n_tokens` for means."""

    smoothed: Tensor  # scalar, what training minimises
    nll: Tensor  # scalar, unsmoothed negative log-likelihood, without gradient
    n_tokens: int


def label_smoothed_cross_entropy(
    logits: Tensor, targets: Tensor, *, pad_id: int, smoothing: float = 0.1
) -> Loss:
    """Cross-entropy against a target that leaves a little for every other token, §5.4.

    The true token gets 1 - smoothing; the rest is shared equally by all other tokens but padding,
    which gets nothing. Positions whose target is padding do not count.

    Args:
        logits: (..., vocab_size).
        targets: (...) ids, some of them pad_id.
        pad_id: id of the padding token.
        smoothing: share of the mass moved away from the true token, in [0, 1) (paper: 0.1).
    """
    real = targets != pad_id
    if not real.all():
        logits, targets = logits[real], targets[real]
    logits, targets = logits.flatten(0, -2), targets.flatten()
    smoothed, nll = _SmoothedCrossEntropy.apply(logits, targets, pad_id, smoothing)
    return Loss(smoothed, nll, targets.numel())


class _SmoothedCrossEntropy(torch.autograd.Function):
    """Σ_v q_v (-log p_v) with its gradient written out: p - q.

    Written out because the logits are by far the largest tensor of a step. Left to autograd, the
    sums above cost several more copies of it; here the probabilities become the gradient in place.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, pad_id: int, smoothing: float
    ) -> tuple[Tensor, Tensor]:
        # logits (n_tokens, vocab_size), targets (n_tokens,)
        log_probs = _at_least_fp32(logits).log_softmax(dim=-1)
        nll = -log_probs.gather(1, targets[:, None]).sum()
        rest = -log_probs.sum() + log_probs[:, pad_id].sum() - nll
        ctx.save_for_backward(log_probs, targets)
        ctx.q_others = smoothing / (logits.size(1) - 2)  # all but the true token and padding
        ctx.q_true = 1 - smoothing
        ctx.pad_id = pad_id
        ctx.dtype = logits.dtype
        ctx.mark_non_differentiable(nll)
        return ctx.q_true * nll + ctx.q_others * rest, nll

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:
        log_probs, targets = ctx.saved_tensors
        p_minus_q = log_probs.exp().sub_(ctx.q_others)
        p_minus_q[:, ctx.pad_id] += ctx.q_others
        rows = torch.arange(len(targets), device=targets.device)
        p_minus_q[rows, targets] -= ctx.q_true - ctx.q_others
        return p_minus_q.mul_(grad).to(ctx.dtype), None, None, None


def _at_least_fp32(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def consistency_loss(first: Tensor, second: Tensor) -> Tensor:
    """(KL(P‖Q) + KL(Q‖P)) / 2 summed over tokens: R-Drop, Liang et al. 2021, arXiv 2106.14448.

    Args:
        first: logits (n_tokens, vocab_size) of one dropout pass.
        second: logits of the same tokens from another.
    """
    p = _at_least_fp32(first).log_softmax(dim=-1)
    q = _at_least_fp32(second).log_softmax(dim=-1)
    return ((p.exp() - q.exp()) * (p - q)).sum() / 2
