import math

import pytest
import torch

from transformer.model.dropout import Dropout


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(1)


def effective(p: float) -> float:
    """The share that eight random bits can give."""
    return round(p * 256) / 256


@pytest.mark.parametrize("p", [0.1, 0.25, 0.3, 0.5, 0.9])
def test_the_share_is_zeroed_and_the_rest_scaled_up(p: float) -> None:
    n = 200_000
    result = Dropout(p)(torch.full((n,), 3.0))
    share = (result == 0).float().mean().item()
    assert abs(share - effective(p)) < 4 * math.sqrt(p * (1 - p) / n)
    assert abs(effective(p) - p) <= 1 / 512
    kept = result[result != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 3.0 / (1 - effective(p))))


@pytest.mark.parametrize("p", [0.001, 0.1, 0.3, 0.5, 0.999])
def test_the_mean_is_preserved(p: float) -> None:
    # E[result] = x needs (share kept) · (scale) = 1, both read off the result.
    n = 400_000
    mean = Dropout(p)(torch.ones(n)).mean().item()
    assert abs(mean - 1) < 4 * math.sqrt(256 / n)


def test_elements_that_share_a_random_number_are_independent() -> None:
    kept = (Dropout(0.5)(torch.ones(8 * 20_000)) != 0).float().view(-1, 8)
    n = len(kept)
    assert (kept.mean(dim=0) - 0.5).abs().max() < 4 * 0.5 / math.sqrt(n)
    correlation = torch.corrcoef(kept.T) - torch.eye(8)
    assert correlation.abs().max() < 5 / math.sqrt(n)


def test_the_gradient_passes_where_the_signal_passed() -> None:
    x = torch.randn(7, 11, requires_grad=True)
    result = Dropout(0.4)(x)
    upstream = torch.randn(7, 11)
    result.backward(upstream)
    assert x.grad is not None
    # result = x · m, so its gradient is upstream · m with the very same m.
    factor = (result / x).detach()
    assert {round(f, 3) for f in factor.unique().tolist()} == {
        0.0,
        round(1 / (1 - effective(0.4)), 3),
    }
    torch.testing.assert_close(x.grad, upstream * factor)


def test_the_input_is_left_alone() -> None:
    x = torch.ones(100)
    Dropout(0.5)(x)
    assert x.eq(1).all()


def test_evaluation_and_zero_change_nothing() -> None:
    x = torch.randn(3, 5)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_the_seed_decides() -> None:
    dropout, x = Dropout(0.5), torch.ones(100)
    torch.manual_seed(7)
    first, second = dropout(x), dropout(x)
    torch.manual_seed(7)
    assert torch.equal(dropout(x), first)
    assert torch.equal(dropout(x), second)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (8,), (9,), (3, 5, 1), (2, 3, 11)])
def test_every_shape_keeps_its_shape(shape: tuple[int, ...]) -> None:
    result = Dropout(0.5)(torch.ones(shape))
    assert result.shape == shape
    assert set(result.flatten().tolist()) <= {0.0, 2.0}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_every_kind_of_number_stays_of_its_kind(dtype: torch.dtype) -> None:
    x = torch.ones(4, 6, dtype=dtype).T.requires_grad_()  # not contiguous
    result = Dropout(0.5)(x)
    result.sum().backward()
    assert x.grad is not None
    assert result.dtype == x.grad.dtype == dtype


def test_other_devices_use_torchs_own() -> None:
    assert Dropout(0.5)(torch.ones(3, 5, device="meta")).shape == (3, 5)


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, math.nan])
def test_the_share_must_make_sense(p: float) -> None:
    with pytest.raises(ValueError, match=rf"^dropout must be at least 0 and below 1; found {p}$"):
        Dropout(p)
