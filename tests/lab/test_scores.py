from functools import partial

import pytest
import torch

from transformer.lab.scores import SCORES, attention_with, inverse_dot
from transformer.model.attention import scaled_dot_product_attention

assert_close = partial(torch.testing.assert_close, rtol=1e-5, atol=1e-6)

# One query and two keys, four wide: √d_head = 2.
QUERY = torch.tensor([[1.0, 2.0, 0.0, -1.0]])
KEYS = torch.tensor([[2.0, 1.0, 5.0, 0.0], [0.0, -1.0, 0.0, 2.0]])

BY_HAND = {
    "scaled_dot": [2.0, -2.0],
    "dot": [4.0, -4.0],
    "squared_dot": [(4 + 4) / 2, (4 + 4) / 2],
    "inverse_dot": [0.5, -0.5],
    "additive": [
        sum(torch.tensor([3.0, 3.0, 5.0, -1.0]).tanh().tolist()),
        sum(torch.tensor([1.0, 1.0, 0.0, 1.0]).tanh().tolist()),
    ],
    "cosine": [4 / (6 * 30) ** 0.5, -4 / (6 * 5) ** 0.5],
}


@pytest.mark.parametrize("name", SCORES)
def test_a_score_is_what_it_is_by_hand(name: str) -> None:
    assert_close(SCORES[name](QUERY, KEYS), torch.tensor([BY_HAND[name]]))


@pytest.mark.parametrize("name", SCORES)
def test_a_score_keeps_batches_and_heads_apart(name: str) -> None:
    torch.manual_seed(1)
    query, key = torch.randn(2, 3, 4, 8), torch.randn(2, 3, 5, 8)
    scores = SCORES[name](query, key)
    assert scores.shape == (2, 3, 4, 5)
    assert_close(scores[1, 2], SCORES[name](query[1, 2], key[1, 2]))


def test_the_inverse_of_nothing_is_finite_and_has_a_gradient() -> None:
    query = torch.zeros(1, 4, requires_grad=True)
    scores = inverse_dot(query, KEYS)
    scores.sum().backward()
    assert scores.tolist() == [[pytest.approx(100.0)] * 2]
    assert query.grad is not None
    assert query.grad.isfinite().all()


def test_with_the_papers_score_it_is_the_papers_attention() -> None:
    torch.manual_seed(1)
    query, key, value = (torch.randn(2, 4, 6, 8) for _ in range(3))
    mask = torch.ones(6, 6, dtype=torch.bool).tril()
    kernel = attention_with(SCORES["scaled_dot"])
    assert_close(
        kernel(query, key, value, mask, 0.0), scaled_dot_product_attention(query, key, value, mask)
    )
    assert_close(
        kernel(query, key, value, None, 0.0), scaled_dot_product_attention(query, key, value)
    )


@pytest.mark.parametrize("name", SCORES)
def test_what_a_mask_hides_has_no_influence(name: str) -> None:
    torch.manual_seed(1)
    query, key, value = (torch.randn(1, 1, 3, 8) for _ in range(3))
    mask = torch.tensor([True, True, False])
    kernel = attention_with(SCORES[name])
    before = kernel(query, key, value, mask, 0.0)
    key[..., 2, :], value[..., 2, :] = 9.0, 9.0
    assert_close(kernel(query, key, value, mask, 0.0), before)
