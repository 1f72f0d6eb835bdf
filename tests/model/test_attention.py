import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from transformer.model.attention import MultiHeadAttention, scaled_dot_product_attention
from transformer.model.kv_cache import Memory
from transformer.model.layout import Padded
from transformer.model.masks import causal_mask, padding_mask

D_MODEL, N_HEADS = 16, 4


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(1)


def to_itself(attention: MultiHeadAttention, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Self-attention of padded sentences."""
    result: Tensor = attention(x, Padded(x.size(1), mask))
    return result


def to_memory(
    attention: MultiHeadAttention, query: Tensor, encoded: Tensor, mask: Tensor
) -> Tensor:
    """Cross-attention of padded sentences."""
    cache = attention.keys_and_values(encoded, Padded(encoded.size(1)))
    return attention.attend_to(Memory(cache, mask), query, Padded(query.size(1)))


def twins(*, bias: bool) -> tuple[MultiHeadAttention, nn.MultiheadAttention]:
    """Our attention and torch's with the same weights, all of them random."""
    ours = MultiHeadAttention(D_MODEL, N_HEADS, bias=bias)
    theirs = nn.MultiheadAttention(D_MODEL, N_HEADS, bias=bias, batch_first=True)
    for weights in ours.parameters():
        nn.init.normal_(weights, std=0.5)
    projections = (ours.query, ours.key, ours.value)
    weights = {
        "in_proj_weight": torch.cat([p.weight for p in projections]),
        "out_proj.weight": ours.output.weight,
    }
    if bias:
        weights["in_proj_bias"] = torch.cat([p.bias for p in projections])
        weights["out_proj.bias"] = ours.output.bias
    theirs.load_state_dict(weights)
    return ours, theirs


def test_one_query_by_hand() -> None:
    query = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    key = torch.tensor([[2.0, 9.0, 9.0, 9.0], [0.0, 9.0, 9.0, 9.0]])
    value = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # Scores 2 and 0, divided by √4: softmax(1, 0) = e / (e + 1), 1 / (e + 1).
    expected = torch.tensor([[0.731059, 0.268941]])
    torch.testing.assert_close(scaled_dot_product_attention(query, key, value), expected)


def test_equals_torch_functional_attention() -> None:
    query, key, value = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 6)
    mask = torch.rand(2, 3, 5, 7) < 0.7
    mask[..., 0] = True  # no row without a key: there torch's answer is NaN or zero
    torch.testing.assert_close(
        scaled_dot_product_attention(query, key, value, mask),
        F.scaled_dot_product_attention(query, key, value, mask),
    )


def test_half_precision_is_summed_in_fp32() -> None:
    query, key, value = (t.bfloat16() for t in torch.randn(3, 2, 3, 40, 8))
    mask = causal_mask(40)
    result = scaled_dot_product_attention(query, key, value, mask)
    assert result.dtype == torch.bfloat16
    exact = scaled_dot_product_attention(query.float(), key.float(), value.float(), mask)
    # As near as bf16 comes: its numbers are 2⁻⁸ apart.
    torch.testing.assert_close(result.float(), exact, rtol=2**-6, atol=2**-7)


@pytest.mark.parametrize("bias", [False, True])
def test_equals_torch_self_attention_with_both_masks(bias: bool) -> None:
    ours, theirs = twins(bias=bias)
    x = torch.randn(2, 6, D_MODEL)
    padding, causal = padding_mask(torch.tensor([[3] * 6, [3] * 4 + [0] * 2]), 0), causal_mask(6)
    # torch's masks mean the opposite: True = may not attend.
    hidden_keys, hidden_pairs = ~padding[:, 0, 0], ~causal[0, 0]

    for mask, key_padding_mask, attn_mask in (
        (None, None, None),
        (padding, hidden_keys, None),
        (causal, None, hidden_pairs),
        (padding & causal, hidden_keys, hidden_pairs),
    ):
        expected, _ = theirs(x, x, x, key_padding_mask=key_padding_mask, attn_mask=attn_mask)
        torch.testing.assert_close(to_itself(ours, x, mask), expected)


def test_equals_torch_cross_attention() -> None:
    ours, theirs = twins(bias=True)
    query, memory = torch.randn(2, 3, D_MODEL), torch.randn(2, 5, D_MODEL)
    mask = padding_mask(torch.tensor([[3, 3, 3, 3, 3], [3, 3, 0, 0, 0]]), 0)
    expected, _ = theirs(query, memory, memory, key_padding_mask=~mask[:, 0, 0])
    torch.testing.assert_close(to_memory(ours, query, memory, mask), expected)


def test_each_head_may_have_a_mask_of_its_own() -> None:
    ours, theirs = twins(bias=False)
    x = torch.randn(2, 5, D_MODEL)
    mask = (torch.rand(2, N_HEADS, 5, 5) < 0.5) | torch.eye(5, dtype=torch.bool)
    expected, _ = theirs(x, x, x, attn_mask=~mask.flatten(0, 1))
    torch.testing.assert_close(to_itself(ours, x, mask), expected)


def test_heads_are_separate_subspaces() -> None:
    attention = MultiHeadAttention(D_MODEL, N_HEADS)
    nn.init.eye_(attention.output.weight)  # so that the output shows the heads side by side
    x = torch.randn(1, 5, D_MODEL)
    before = to_itself(attention, x)
    with torch.no_grad():
        attention.query.weight[4:8] *= -3  # the second head's queries
    changed = (to_itself(attention, x) - before).abs().amax(dim=(0, 1)) > 1e-6
    assert changed.tolist() == [False] * 4 + [True] * 4 + [False] * 8


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_query_that_sees_nothing_gets_something_finite(dtype: torch.dtype) -> None:
    query = (100 * torch.randn(1, 3, 4)).to(dtype).requires_grad_()
    key, value = (100 * torch.randn(1, 5, 4)).to(dtype), torch.randn(1, 5, 4).to(dtype)
    mask = torch.tensor([[[True] * 5, [False] * 5, [False, True, False, True, False]]])
    result = scaled_dot_product_attention(query, key, value, mask)
    result.sum().backward()
    assert result.isfinite().all()
    assert query.grad is not None
    assert query.grad.isfinite().all()
    torch.testing.assert_close(result[0, 1], value[0].mean(dim=0), atol=0.01, rtol=0.01)


def test_what_is_hidden_has_no_influence_and_gets_no_gradient() -> None:
    attention = MultiHeadAttention(D_MODEL, N_HEADS)
    query = torch.randn(1, 2, D_MODEL)
    memory = torch.randn(1, 4, D_MODEL, requires_grad=True)
    mask = torch.tensor([True, False, True, False]).view(1, 1, 1, 4)
    result = to_memory(attention, query, memory, mask)
    result.square().sum().backward()
    assert memory.grad is not None
    assert memory.grad.abs().amax(dim=-1).gt(0).tolist() == [[True, False, True, False]]
    assert all(w.grad is not None and w.grad.abs().max() > 0 for w in attention.parameters())

    other = memory.detach().clone()
    other[:, [1, 3]] = 1e6
    torch.testing.assert_close(to_memory(attention, query, other, mask), result)


def test_dropout_acts_on_the_weights_and_only_while_training() -> None:
    attention = MultiHeadAttention(D_MODEL, N_HEADS, dropout=0.5)
    x = torch.randn(1, 5, D_MODEL)
    assert not torch.equal(to_itself(attention, x), to_itself(attention, x))
    attention.eval()
    without = MultiHeadAttention(D_MODEL, N_HEADS)
    without.load_state_dict(attention.state_dict())
    torch.testing.assert_close(to_itself(attention, x), to_itself(without, x))

    # Values of one leave the sums of the weights: some dropped, the others twice as large.
    query, key, value = torch.zeros(1, 1000, 4), torch.zeros(1, 4, 4), torch.ones(1, 4, 1)
    sums = scaled_dot_product_attention(query, key, value, dropout=0.5)
    assert set(sums.flatten().tolist()) == {0.0, 0.5, 1.0, 1.5, 2.0}
    assert abs(sums.mean().item() - 1) < 0.1


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match=r"^d_model \(256\) must be divisible by n_heads \(3\)$"):
        MultiHeadAttention(256, 3)
