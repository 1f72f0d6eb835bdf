"""Label-smoothed cross-entropy, §5.4, and consistency between two dropout passes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Loss(NamedTuple):
    """Sums over the target tokens of a batch, in nats; divide by `n_tokens` for means."""

    smoothed: Tensor  # scalar, what training minimises
    nll: Tensor  # scalar, unsmoothed negative log-likelihood, without gradient
    n_tokens: int


def label_smoothed_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    *,
    pad_id: int | None,
    smoothing: float = 0.1,
    overwrite: bool = False,
) -> Loss:
    """Cross-entropy against a target that gives every token a little, §5.4.

    The true token gets 1 - smoothing. All others share the rest equally, except padding, which gets
    nothing. Positions whose target is padding do not count.

    Args:
        logits: (..., vocab_size).
        targets: (...) ids, some of them pad_id.
        pad_id: id of the padding token; None if there is none.
        smoothing: share of the mass moved away from the true token, in [0, 1) (paper: 0.1).
        overwrite: write the gradient over the logits, which nothing may read afterwards. This saves
            a tensor of their size.
    """
    logits, targets = logits.flatten(0, -2), targets.flatten()
    smoothed, nll = _SmoothedCrossEntropy.apply(logits, targets, pad_id, smoothing, overwrite)
    n_tokens = len(targets) if pad_id is None else int((targets != pad_id).sum())
    return Loss(smoothed, nll, n_tokens)


def consistency_loss(logits: Tensor, n_tokens: int) -> Tensor:
    """(KL(P‖Q) + KL(Q‖P)) / 2 summed over tokens: R-Drop, Liang et al. 2021, arXiv 2106.14448.

    Args:
        logits: (rows, vocab_size): the tokens of one dropout pass, then those of another, then
            rows that do not count, if any.
        n_tokens: tokens per pass.

    Raises:
        ValueError: there are fewer rows than two passes have.
    """
    if len(logits) < 2 * n_tokens:
        raise ValueError(
            f"two passes of {n_tokens} tokens have {2 * n_tokens} rows; found {len(logits)}"
        )
    divergence: Tensor = _SymmetricKL.apply(logits, n_tokens)
    return divergence


# The logits are by far the largest tensor of a step. Left to autograd, either loss makes half a
# dozen copies of them in fp32, and on a CPU each is a trip to memory and back. Here the gradient is
# computed together with the loss, in the precision of the logits and a few rows at a time, which
# stay in the cache. Both losses, from the decoder's output back to its gradient, then take 60 ms
# instead of 103 (2 x 1,267 tokens, 4,000 pieces, bf16, two cores of an AMD EPYC; 26 ms are matrix
# products).

CACHED = 2**18
"""Logits at a time on a CPU; their probabilities in fp32 take a megabyte."""


class _SmoothedCrossEntropy(torch.autograd.Function):
    """Σ_v q_v (-log p_v) over all tokens; its gradient by the logits is p - q."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        targets: Tensor,
        pad_id: int | None,
        smoothing: float,
        overwrite: bool,
    ) -> tuple[Tensor, Tensor]:
        # logits (rows, vocab_size), targets (rows,)
        q_true = 1 - smoothing
        n_others = logits.size(1) - (1 if pad_id is None else 2)  # not the true one, not padding
        q_others = smoothing / max(1, n_others)
        exact, rows = _precise(logits), torch.arange(len(logits), device=logits.device)
        z_true = logits[rows, targets].to(exact)
        z_pad = 0.0 if pad_id is None else logits[:, pad_id].to(exact, copy=True)
        z_sum, log_sum = torch.empty_like(z_true), torch.empty_like(z_true)
        gradient = None
        if ctx.needs_input_grad[0]:
            gradient = logits.detach() if overwrite else torch.empty_like(logits)
        for some in _slices(len(logits), logits):
            z = logits[some].to(exact)
            z_sum[some] = z.sum(-1)
            p, log_sum[some] = _softmax(z)
            if gradient is not None:
                gradient[some] = p.sub_(q_others)
        real = slice(None) if pad_id is None else targets != pad_id
        if gradient is not None:
            if pad_id is not None:
                gradient[:, pad_id] = (z_pad - log_sum).exp().to(gradient.dtype)
            gradient[rows, targets] = ((z_true - log_sum).exp() - q_true).to(gradient.dtype)
            if pad_id is not None:
                gradient.index_fill_(0, (targets == pad_id).nonzero()[:, 0], 0)
        nll = (log_sum - z_true)[real].sum()
        others = (n_others * log_sum - (z_sum - z_true - z_pad))[real].sum()
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(nll)
        return q_true * nll + q_others * others, nll

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return _times(gradient, grad), None, None, None, None


class _SymmetricKL(torch.autograd.Function):
    """Σ_v (p_v - q_v) (log p_v - log q_v) / 2 over all tokens.

    With d = log p - log q, its gradient by the logits of p is (p ⊙ (d - KL(P‖Q)) + p - q) / 2;
    by those of q it is the same with p and q exchanged.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, n_tokens: int) -> Tensor:
        first, second = logits[:n_tokens], logits[n_tokens : 2 * n_tokens]
        total = torch.zeros((), dtype=_precise(logits), device=logits.device)
        gradient = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        if gradient is not None:
            gradient[2 * n_tokens :] = 0
        for rows in _slices(n_tokens, logits):
            z_p, z_q = first[rows].to(total.dtype), second[rows].to(total.dtype)
            p, p_log_sum = _softmax(z_p)
            q, q_log_sum = _softmax(z_q)
            d = (z_p - z_q).sub_((p_log_sum - q_log_sum)[:, None])
            p_minus_q = p - q
            total = total + (p_minus_q * d).sum() / 2
            if gradient is not None:
                by_p, by_q = gradient[rows], gradient[n_tokens : 2 * n_tokens][rows]
                kl_pq, kl_qp = (p * d).sum(-1, keepdim=True), -(q * d).sum(-1, keepdim=True)
                by_p.copy_((d - kl_pq).mul_(p).add_(p_minus_q).div_(2))
                by_q.copy_((d + kl_qp).mul_(q).add_(p_minus_q).div_(-2))
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return _times(gradient, grad), None


def _times(gradient: Tensor, factor: Tensor) -> Tensor:
    # In place. The factor is 1 if the sum itself is differentiated, as in `update`.
    return gradient if factor == 1 else gradient.mul_(factor)


def _softmax(z: Tensor) -> tuple[Tensor, Tensor]:
    # Probabilities and log Σ exp z (n_rows,), the latter from the largest probability: it is not 0.
    p = z.softmax(dim=-1)
    return p, z.amax(dim=-1) - p.amax(dim=-1).log()


def _precise(logits: Tensor) -> torch.dtype:
    return torch.promote_types(logits.dtype, torch.float32)


def _slices(n_rows: int, logits: Tensor) -> Iterator[slice]:
    size = max(1, CACHED // logits.size(1)) if logits.device.type == "cpu" else max(1, n_rows)
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))
