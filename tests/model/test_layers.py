from functools import partial

import pytest
import torch
from torch import Tensor, nn

from transformer.model.attention import MultiHeadAttention
from transformer.model.feed_forward import FeedForward
from transformer.model.kv_cache import GrowingCache, Memory
from transformer.model.layers import DecoderLayer, EncoderLayer, Residual
from transformer.model.layout import Padded
from transformer.model.masks import causal_mask, padding_mask

from .torch_names import torch_weights

D_MODEL, D_FF, N_HEADS = 16, 24, 4
SRC = torch.tensor([[3, 3, 3, 3, 3], [3, 3, 3, 0, 0]])

both_orders = pytest.mark.parametrize("norm_first", [False, True])
both_activations = pytest.mark.parametrize("activation", ["relu", "gelu"])


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(1)


def layer_of(
    kind: type, *, norm_first: bool, activation: str = "relu", dropout: float = 0.0, **other: bool
) -> nn.Module:
    """One of our layers with random weights everywhere, so that a swap of two would show."""
    layer: nn.Module = kind(
        D_MODEL,
        partial(MultiHeadAttention, D_MODEL, N_HEADS, bias=True),
        partial(FeedForward, D_MODEL, D_FF, activation=activation),
        dropout=dropout,
        norm_first=norm_first,
        **other,
    )
    for weights in layer.parameters():
        nn.init.normal_(weights, std=0.5)
    return layer


def memory_of(layer: nn.Module, encoded: Tensor, mask: Tensor) -> Memory:
    """What a decoder layer's cross-attention looks at."""
    assert isinstance(layer, DecoderLayer)
    cache = layer.cross_attention.keys_and_values(encoded, Padded(encoded.size(1)))
    return Memory(cache, mask)


@both_orders
@both_activations
def test_encoder_layer_equals_torchs(norm_first: bool, activation: str) -> None:
    ours = layer_of(EncoderLayer, norm_first=norm_first, activation=activation)
    theirs = nn.TransformerEncoderLayer(
        D_MODEL, N_HEADS, D_FF, 0.0, activation, batch_first=True, norm_first=norm_first
    )
    theirs.load_state_dict(torch_weights(ours))
    x, mask = torch.randn(2, 5, D_MODEL), padding_mask(SRC, 0)
    torch.testing.assert_close(ours(x, Padded(5)), theirs(x), rtol=1e-4, atol=1e-4)
    # torch's masks mean the opposite: True = may not attend.
    expected = theirs(x, src_key_padding_mask=~mask[:, 0, 0])
    torch.testing.assert_close(ours(x, Padded(5, mask)), expected, rtol=1e-4, atol=1e-4)


@both_orders
@both_activations
def test_decoder_layer_equals_torchs(norm_first: bool, activation: str) -> None:
    ours = layer_of(DecoderLayer, norm_first=norm_first, activation=activation)
    theirs = nn.TransformerDecoderLayer(
        D_MODEL, N_HEADS, D_FF, 0.0, activation, batch_first=True, norm_first=norm_first
    )
    theirs.load_state_dict(torch_weights(ours))
    x, memory = torch.randn(2, 4, D_MODEL), torch.randn(2, 5, D_MODEL)
    tgt_mask, src_mask = causal_mask(4), padding_mask(SRC, 0)
    result = ours(x, Padded(4, tgt_mask), memory_of(ours, memory, src_mask))
    expected = theirs(
        x, memory, tgt_mask=~tgt_mask[0, 0], memory_key_padding_mask=~src_mask[:, 0, 0]
    )
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


@both_orders
def test_a_decoder_layer_alone_is_an_encoder_layer_that_looks_back(norm_first: bool) -> None:
    decoder_layer = layer_of(DecoderLayer, norm_first=norm_first, cross_attention=False)
    encoder_layer = layer_of(EncoderLayer, norm_first=norm_first)
    encoder_layer.load_state_dict(decoder_layer.state_dict())
    x, mask = torch.randn(2, 5, D_MODEL), causal_mask(5)
    layout = Padded(5, mask)
    torch.testing.assert_close(decoder_layer(x, layout), encoder_layer(x, layout))


@both_orders
def test_a_decoder_layer_continues_where_it_stopped(norm_first: bool) -> None:
    layer = layer_of(DecoderLayer, norm_first=norm_first)
    x, src_mask = torch.randn(2, 5, D_MODEL), padding_mask(SRC, 0)
    memory = memory_of(layer, torch.randn(2, 5, D_MODEL), src_mask)
    all_at_once, in_two = GrowingCache(), GrowingCache()
    whole = layer(x, Padded(5, causal_mask(5)), memory, all_at_once)
    first = layer(x[:, :3], Padded(3, causal_mask(3)), memory, in_two)
    before = in_two.latest
    assert before is not None and before.length == 3
    second = layer(x[:, 3:], Padded(2, causal_mask(5)[:, :, 3:], start=3), memory, in_two)
    torch.testing.assert_close(torch.cat((first, second), dim=1), whole)
    torch.testing.assert_close(layer(x, Padded(5, causal_mask(5)), memory), whole)
    assert all_at_once.latest is not None and in_two.latest is not None
    torch.testing.assert_close(in_two.latest.keys, all_at_once.latest.keys)
    torch.testing.assert_close(in_two.latest.values, all_at_once.latest.values)
    assert before.length == 3  # appended to, but not changed


def test_the_norm_comes_after_the_sum_or_before_the_sublayer() -> None:
    x = 10 + 3 * torch.randn(2, 5, D_MODEL)

    def norm(x: Tensor) -> Tensor:
        # Biased variance, ε inside the root.
        variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
        return (x - mean) / torch.sqrt(variance + 1e-5)

    def sublayer(x: Tensor) -> Tensor:
        return x.square()

    post, pre = Residual(D_MODEL, 0.0), Residual(D_MODEL, 0.0, norm_first=True)
    torch.testing.assert_close(post(x, sublayer), norm(x + sublayer(x)))
    torch.testing.assert_close(pre(x, sublayer), x + sublayer(norm(x)))


def test_dropout_acts_on_the_sublayers_output_alone() -> None:
    x = torch.randn(4, 8, D_MODEL)
    residual = Residual(D_MODEL, 0.5, norm_first=True)
    added = residual(x, torch.ones_like) - x
    assert added.round(decimals=4).unique().tolist() == [0.0, 2.0]
    assert (residual.eval()(x, torch.ones_like) - x).round(decimals=4).unique().tolist() == [1.0]
