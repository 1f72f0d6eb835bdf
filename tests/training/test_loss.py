import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from transformer.training import loss as loss_module
from transformer.training.loss import Loss, consistency_loss, label_smoothed_cross_entropy

PAD, VOCAB_SIZE = 2, 7
TARGETS = torch.tensor([[3, 0, 6, PAD], [1, 5, PAD, PAD]])
N_TOKENS = 5


def random_logits(*shape: int, seed: int = 1) -> Tensor:
    return 2 * torch.randn(*shape, VOCAB_SIZE, generator=torch.Generator().manual_seed(seed))


def target_distribution(target: int, smoothing: float) -> list[float]:
    """What the model should say, written out token by token."""
    shared = smoothing / (VOCAB_SIZE - 2)
    return [
        1 - smoothing if token == target else 0.0 if token == PAD else shared
        for token in range(VOCAB_SIZE)
    ]


def naive_loss(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    total = logits.new_zeros(())
    for row, target in zip(logits.flatten(0, -2), targets.flatten().tolist(), strict=True):
        if target != PAD:
            q = row.new_tensor(target_distribution(target, smoothing))
            total = total - (q * row.log_softmax(dim=-1)).sum()
    return total


def loss_of(logits: Tensor, targets: Tensor = TARGETS, smoothing: float = 0.1) -> Loss:
    return label_smoothed_cross_entropy(logits, targets, pad_id=PAD, smoothing=smoothing)


def test_one_token_by_hand() -> None:
    # Probabilities 1/2, 1/4, 1/8, 1/8; the second is padding, the first is right. With 0.2 to share
    # the two others get 0.1 each: 0.8 · ln 2 + 0.1 · ln 8 + 0.1 · ln 8 = 1.4 · ln 2.
    logits = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()
    loss = label_smoothed_cross_entropy(logits, torch.tensor([0]), pad_id=1, smoothing=0.2)
    assert loss.smoothed.item() == pytest.approx(1.4 * math.log(2))
    assert loss.nll.item() == pytest.approx(math.log(2))
    assert loss.n_tokens == 1


def test_overwriting_the_logits_changes_neither_loss_nor_gradient() -> None:
    results = []
    for overwrite in (False, True):
        weight = random_logits(3).requires_grad_()
        logits = weight * 2.0
        before = logits.detach().clone()
        loss = label_smoothed_cross_entropy(
            logits, TARGETS[0, :3], pad_id=PAD, smoothing=0.1, overwrite=overwrite
        )
        assert torch.equal(logits, before) is not overwrite
        (loss.smoothed / 3).backward()
        results.append((loss.smoothed.item(), loss.nll.item(), weight.grad.tolist()))
    assert results[0] == results[1]
    # Without a gradient to come there is nothing to write.
    logits = random_logits(3)
    label_smoothed_cross_entropy(logits, TARGETS[0, :3], pad_id=PAD, overwrite=True)
    assert torch.equal(logits, random_logits(3))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_equals_the_sum_written_out(smoothing: float) -> None:
    logits = random_logits(2, 4)
    loss = loss_of(logits, smoothing=smoothing)
    torch.testing.assert_close(loss.smoothed, naive_loss(logits, TARGETS, smoothing))
    assert loss.n_tokens == N_TOKENS


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_the_gradient_equals_autograds(smoothing: float) -> None:
    exact = random_logits(2, 4).double().requires_grad_()
    (naive_loss(exact, TARGETS, smoothing) / N_TOKENS).backward()
    logits = random_logits(2, 4).requires_grad_()
    (loss_of(logits, smoothing=smoothing).smoothed / N_TOKENS).backward()
    assert exact.grad is not None
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad.double(), exact.grad, rtol=1e-5, atol=1e-6)


def test_the_smoothed_target_is_a_distribution_without_padding() -> None:
    # The gradient is p - q, so that p minus the gradient is the target itself.
    targets = torch.tensor([3, 0])
    logits = random_logits(2).requires_grad_()
    loss_of(logits, targets, smoothing=0.1).smoothed.backward()
    assert logits.grad is not None
    q = logits.detach().softmax(dim=-1) - logits.grad
    torch.testing.assert_close(q.sum(dim=-1), torch.ones(2))
    expected = [[0.02, 0.02, 0.0, 0.9, 0.02, 0.02, 0.02], [0.9, 0.02, 0.0, 0.02, 0.02, 0.02, 0.02]]
    torch.testing.assert_close(q, torch.tensor(expected), rtol=1e-5, atol=1e-6)


def test_the_nll_is_plain_cross_entropy_whatever_the_smoothing() -> None:
    logits = random_logits(2, 4)
    expected = F.cross_entropy(
        logits.flatten(0, 1), TARGETS.flatten(), ignore_index=PAD, reduction="sum"
    )
    for smoothing in (0.0, 0.1, 0.5):
        torch.testing.assert_close(loss_of(logits, smoothing=smoothing).nll, expected)
    torch.testing.assert_close(loss_of(logits, smoothing=0.0).smoothed, expected)


def test_the_nll_carries_no_gradient() -> None:
    loss = loss_of(random_logits(2, 4).requires_grad_())
    assert loss.smoothed.requires_grad
    assert not loss.nll.requires_grad


def test_padding_does_not_count() -> None:
    logits = random_logits(2, 4).requires_grad_()
    loss = loss_of(logits)
    loss.smoothed.backward()
    assert logits.grad is not None
    assert logits.grad.abs().amax(dim=-1).gt(0).equal(TARGETS != PAD)

    other = logits.detach().clone()
    other[TARGETS == PAD] = 1e4
    longer = F.pad(other, (0, 0, 0, 3)), F.pad(TARGETS, (0, 3), value=PAD)
    for again in (loss_of(other), loss_of(*longer)):
        torch.testing.assert_close(again.smoothed, loss.smoothed)
        torch.testing.assert_close(again.nll, loss.nll)
        assert again.n_tokens == N_TOKENS


def test_sums_over_parts_are_the_sum_over_all() -> None:
    # So that micro-batches can be added up and divided once.
    logits = random_logits(2, 4)
    whole = loss_of(logits)
    parts = [loss_of(logits[i : i + 1], TARGETS[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(parts[0].smoothed + parts[1].smoothed, whole.smoothed)
    assert sum(part.n_tokens for part in parts) == whole.n_tokens


def test_nothing_but_padding_is_zero_and_finite() -> None:
    logits = random_logits(1, 3).requires_grad_()
    loss = loss_of(logits, torch.full((1, 3), PAD))
    loss.smoothed.backward()
    assert (loss.smoothed.item(), loss.nll.item(), loss.n_tokens) == (0.0, 0.0, 0)
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


def test_smoothing_punishes_being_too_sure() -> None:
    def surely(right: float) -> Tensor:
        return torch.tensor([[0.0, 0.0, -30.0, right, 0.0, 0.0, 0.0]])

    target = torch.tensor([3])
    # The target itself is the best answer: 0.9 against five times 0.02.
    best = loss_of(surely(math.log(0.9 / 0.02)), target).smoothed
    assert best < loss_of(surely(2.0), target).smoothed
    assert best < loss_of(surely(20.0), target).smoothed
    assert loss_of(surely(20.0), target, 0.0).smoothed < loss_of(surely(2.0), target, 0.0).smoothed


def test_half_precision_logits_are_summed_in_fp32() -> None:
    logits = random_logits(2, 4).bfloat16().requires_grad_()
    loss = loss_of(logits)
    loss.smoothed.backward()
    assert loss.smoothed.dtype == loss.nll.dtype == torch.float32
    torch.testing.assert_close(loss.smoothed, naive_loss(logits.detach().float(), TARGETS, 0.1))
    assert logits.grad is not None
    assert logits.grad.dtype == torch.bfloat16


def both(first: Tensor, second: Tensor) -> Tensor:
    return consistency_loss(torch.cat((first, second)), len(first))


def naive_consistency(first: Tensor, second: Tensor) -> Tensor:
    p, q = first.log_softmax(dim=-1), second.log_softmax(dim=-1)
    return sum(
        (F.kl_div(a, b, reduction="sum", log_target=True) / 2 for a, b in ((p, q), (q, p))),
        first.new_zeros(()),
    )


def test_consistency_equals_torchs_kl_div_both_ways() -> None:
    first, second = random_logits(5), random_logits(5, seed=2)
    torch.testing.assert_close(both(first, second), naive_consistency(first, second))
    torch.testing.assert_close(both(second, first), naive_consistency(first, second))


def test_the_gradient_of_consistency_equals_autograds() -> None:
    first, second = random_logits(5).requires_grad_(), random_logits(5, seed=2).requires_grad_()
    found = torch.autograd.grad(3 * both(first, second), (first, second))
    expected = torch.autograd.grad(3 * naive_consistency(first, second), (first, second))
    torch.testing.assert_close(found, expected)


def test_consistency_of_half_precision_logits_is_summed_in_fp32() -> None:
    logits = random_logits(6).bfloat16().requires_grad_()
    loss = consistency_loss(logits, 3)
    loss.backward()
    exact = logits.detach().float()
    torch.testing.assert_close(loss, naive_consistency(*exact.chunk(2)))
    assert logits.grad is not None
    assert logits.grad.dtype == torch.bfloat16


def test_rows_after_both_passes_count_for_nothing() -> None:
    logits, surplus = random_logits(6), random_logits(2, seed=3)
    longer = torch.cat((logits, surplus)).requires_grad_()
    loss = consistency_loss(longer, 3)
    torch.testing.assert_close(loss, consistency_loss(logits, 3))
    loss.backward()
    assert longer.grad is not None
    assert longer.grad[6:].eq(0).all() and longer.grad[:6].ne(0).any()


def test_consistency_refuses_fewer_rows_than_two_passes_have() -> None:
    with pytest.raises(ValueError, match="two passes of 2 tokens have 4 rows; found 3"):
        consistency_loss(random_logits(3), 2)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), distance=st.floats(0, 5))
def test_consistency_is_zero_for_equals_and_never_below(seed: int, distance: float) -> None:
    first = random_logits(3, seed=seed)
    second = first + distance * random_logits(3, seed=seed + 1)
    assert both(first, first).item() == 0
    assert both(first, second).item() >= 0
    if distance > 0.1:
        assert both(first, second).item() > 1e-4


def test_consistency_pulls_both_passes_together() -> None:
    first, second = random_logits(5).requires_grad_(), random_logits(5, seed=2).requires_grad_()
    before = both(first, second)
    before.backward()
    assert first.grad is not None
    assert second.grad is not None
    assert both(first - 0.1 * first.grad, second) < before
    assert both(first, second - 0.1 * second.grad) < before


@pytest.mark.parametrize("n_tokens", [1, 3, 20])
def test_rows_are_cut_into_slices_without_a_seam(
    n_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, targets = random_logits(2 * n_tokens), torch.arange(2 * n_tokens) % 2 + 3

    def losses() -> tuple[Tensor, ...]:
        leaf = logits.clone().requires_grad_()
        smoothed = loss_of(leaf, targets).smoothed
        divergence = consistency_loss(leaf, n_tokens)
        return smoothed, divergence, *torch.autograd.grad(smoothed + divergence, leaf)

    whole = losses()
    monkeypatch.setattr(loss_module, "CACHED", 4 * VOCAB_SIZE)
    torch.testing.assert_close(losses(), whole)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_without_padding_every_token_counts(smoothing: float) -> None:
    logits = random_logits(2, 4).requires_grad_()
    targets = torch.tensor([[3, 0, 6, 2], [1, 5, 4, 2]])
    found = label_smoothed_cross_entropy(logits, targets, pad_id=None, smoothing=smoothing)
    exact = logits.detach().double().requires_grad_()
    # torch shares the smoothed mass among all, the true token included; ours among the others.
    expected = F.cross_entropy(
        exact.flatten(0, 1),
        targets.flatten(),
        label_smoothing=smoothing * VOCAB_SIZE / (VOCAB_SIZE - 1),
        reduction="sum",
    )
    assert found.n_tokens == 8
    assert found.smoothed.item() == pytest.approx(expected.item(), rel=1e-5)
    found.smoothed.backward()
    expected.backward()
    torch.testing.assert_close(logits.grad, exact.grad.float(), rtol=1e-4, atol=1e-5)
