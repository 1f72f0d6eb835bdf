"""Matrix products in bf16 and int8: near fp32, and by how much."""

import copy
import math
import pickle
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from transformer.config import ModelConfig
from transformer.errors import UserError
from transformer.inference.joined_attention import JoinedAttention, join_projections
from transformer.inference.precision import (
    BFloat16Linear,
    Int8Linear,
    PackedLinear,
    Precision,
    _onednn_takes_bf16,
    convert,
    to_int8,
)
from transformer.inference.translator import Translator
from transformer.model.attention import MultiHeadAttention
from transformer.model.encoder_decoder import Transformer
from transformer.model.kernels import fused_attention, use_kernel

PAD, BOS, VOCAB_SIZE = 0, 1, 90
TOLERANCE: dict[Precision, float] = {"fp32": 1e-5, "bf16": 0.02, "int8": 0.03}
"""Of the logits' standard deviation, root mean square of the error."""

both = pytest.mark.parametrize("precision", ["bf16", "int8"])
every = pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])


def random_model(**changes: Any) -> Transformer:
    sizes = {"d_model": 32, "d_ff": 48, "n_heads": 4, "n_encoder_layers": 2, "n_decoder_layers": 2}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = Transformer(
            ModelConfig(**{**sizes, **changes}), vocab_size=VOCAB_SIZE, pad_id=PAD
        ).eval()
        for name, weights in model.named_parameters():
            nn.init.normal_(weights, mean=1.0 if name.endswith("norm.weight") else 0.0, std=0.2)
    return model


def linear_of(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    linear = nn.Linear(weight.size(1), weight.size(0), bias is not None)
    linear.weight = nn.Parameter(weight)
    if bias is not None:
        linear.bias = nn.Parameter(bias)
    return linear


def ids(*shape: int, seed: int = 1) -> Tensor:
    return torch.randint(3, VOCAB_SIZE, shape, generator=torch.Generator().manual_seed(seed))


def in_steps(model: Transformer, src: Tensor, tgt_in: Tensor) -> Tensor:
    state, rows = model.start(src), []
    for tokens in tgt_in.T:
        logits, state = model.step(tokens, state)
        rows.append(logits)
    return torch.stack(rows, dim=1)


def error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).square().mean().sqrt() / expected.std())


@every
@pytest.mark.parametrize("changes", [{}, {"attention_bias": True, "tie": "none"}])
@pytest.mark.parametrize("norm_first", [False, True])
@torch.no_grad()
def test_logits_are_near_those_of_fp32(
    norm_first: bool, changes: dict[str, Any], precision: Precision
) -> None:
    model = random_model(norm_first=norm_first, **changes)
    src, tgt_in = ids(6, 7), ids(6, 5, seed=2)
    expected = model(src, tgt_in)
    converted = convert(copy.deepcopy(model), precision)
    for found in (converted(src, tgt_in), in_steps(converted, src, tgt_in)):
        assert found.dtype == torch.float32
        assert error(found, expected) < TOLERANCE[precision]
    some = torch.tensor([1, 5, 80])
    logits, _ = converted.step(
        tgt_in[:, 0], converted.start(src), converted.output.some_logits(some)
    )
    assert error(logits, expected[:, 0, some]) < 2 * TOLERANCE[precision]
    assert converted.device == model.device


@every
def test_every_product_is_converted(precision: Precision) -> None:
    model = convert(random_model(attention_bias=True), precision)
    assert not any(isinstance(module, nn.Linear) for module in model.modules())
    plain = precision == "bf16" and not _onednn_takes_bf16()
    assert isinstance(model.output.logits, BFloat16Linear if plain else PackedLinear | Int8Linear)


@pytest.mark.parametrize("bias", [False, True])
def test_only_self_attention_is_joined_and_no_weight_is_kept_twice(bias: bool) -> None:
    model = random_model(attention_bias=bias)
    n_numbers = sum(w.numel() for w in model.parameters())
    join_projections(model, linear_of)
    layers: list[Any] = [*model.encoder.layers, *model.decoder.layers]
    assert all(isinstance(layer.self_attention, JoinedAttention) for layer in layers)
    assert not any(hasattr(layer.self_attention, "query") for layer in layers)
    crossing = [layer.cross_attention for layer in model.decoder.layers]
    assert all(isinstance(attention, MultiHeadAttention) for attention in crossing)
    assert sum(w.numel() for w in model.parameters()) == n_numbers


def test_the_kernel_of_attention_survives_the_conversion() -> None:
    model = random_model()
    use_kernel(model, "fused")
    layers: list[Any] = [*convert(model, "int8").encoder.layers, *model.decoder.layers]
    assert {layer.self_attention.kernel for layer in layers} == {fused_attention}


@pytest.mark.parametrize(
    ("precision", "lacking"),
    [("fp32", "linear_layers"), ("bf16", "linear_layers"), ("bf16", "bf16")],
)
@torch.no_grad()
def test_without_onednn(
    precision: Precision, lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"transformer.inference.precision._onednn_takes_{lacking}", lambda: False)
    model, src, tgt_in = random_model(), ids(6, 7), ids(6, 5, seed=2)
    converted = convert(copy.deepcopy(model), precision)
    assert not any(isinstance(m.logits, PackedLinear) for m in [converted.output])
    assert error(converted(src, tgt_in), model(src, tgt_in)) < TOLERANCE[precision]


@every
def test_a_converted_model_can_be_copied_and_used_anywhere(precision: Precision) -> None:
    """A worker process that is not forked gets a pickled copy."""
    converted = convert(random_model(attention_bias=True), precision)
    copied = pickle.loads(pickle.dumps(converted))
    src, tgt_in = ids(6, 7), ids(6, 5, seed=2)
    with torch.no_grad():
        expected = converted(src, tgt_in)
        assert torch.equal(copied(src, tgt_in), expected)
    assert torch.equal(converted(src, tgt_in), expected)  # also where gradients are recorded


@every
@torch.no_grad()
def test_batch_size_changes_nothing(precision: Precision) -> None:
    """Each row has a scale of its own."""
    model = convert(random_model(attention_bias=True), precision)
    src, tgt_in = ids(9, 7), ids(9, 5, seed=2)
    together = model(src, tgt_in)
    for i in range(9):
        alone = model(src[i : i + 1], tgt_in[i : i + 1])
        assert error(alone, together[i : i + 1]) < TOLERANCE[precision] / 2


numbers = st.floats(-(2.0**100), 2.0**100, width=32)


@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_int8_is_off_by_half_a_unit_at_most(rows: list[list[float]]) -> None:
    x = torch.tensor(rows)
    integers, scale = to_int8(x)
    assert integers.dtype == torch.int8 and int(integers.abs().max()) <= 127
    units = (x.double() - integers.double() * scale.double()).abs() / scale.double()
    assert float(units.max()) <= 0.5 + 1e-4
    # The largest of a row takes the last integer, and a row of zeros stays one.
    largest = integers.abs().amax(dim=1)
    expected = torch.where(x.abs().amax(dim=1) >= 1e-30, 127, largest)
    assert torch.equal(largest, expected.to(torch.int8))
    assert not integers[x == 0].any()


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(1, 40), (7, 40), (3, 5, 40)])
@torch.no_grad()
def test_int8_product_is_off_by_no_more_than_rounding(shape: tuple[int, ...], bias: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(24, 40, generator=generator)
    b = torch.randn(24, generator=generator) if bias else None
    x = torch.randn(*shape, generator=generator) * 10
    linear = Int8Linear(weight, b)
    found = linear(x)
    assert found.shape == (*shape[:-1], 24)
    # x and w are off by half a unit each.
    half_x = x.abs().amax(dim=-1, keepdim=True) / 127 / 2
    half_w = weight.abs().amax(dim=1) / 127 / 2
    bound = half_x * weight.abs().sum(dim=1) + half_w * x.abs().sum(dim=-1, keepdim=True)
    bound += 40 * half_x * half_w
    off = (found - F.linear(x, weight, b)).abs()
    assert (off <= bound + 1e-4).all()
    assert off.max() > 0
    # Row by row, to the last bit.
    flat = x.flatten(0, -2)
    alone = torch.cat([linear(row[None]) for row in flat])
    assert torch.equal(alone, found.flatten(0, -2))


@pytest.mark.parametrize(
    ("make", "unit"),
    [
        (BFloat16Linear, 2**-8),
        pytest.param(
            partial(PackedLinear, dtype=torch.bfloat16),
            2**-8,
            marks=pytest.mark.skipif(not _onednn_takes_bf16(), reason="this CPU has no bf16"),
        ),
        (partial(PackedLinear, dtype=torch.float32), 2**-24),
    ],
)
@pytest.mark.parametrize("bias", [False, True])
@torch.no_grad()
def test_product_is_off_by_no_more_than_rounding(make: Any, unit: float, bias: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    weight, b = torch.randn(24, 40, generator=generator), torch.randn(24, generator=generator)
    x = torch.randn(3, 5, 40, generator=generator)
    found, expected = make(weight, b if bias else None)(x), F.linear(x, weight, b if bias else None)
    assert found.dtype == torch.float32 and found.shape == expected.shape
    # Either factor and the bias are off by half a unit of themselves, as is the sum, rounded at
    # most twice; in fp32 the order of the sum counts.
    off = (found - expected).abs()
    bound = unit * (x.abs() @ weight.abs().T) + unit * (expected.abs() + b.abs())
    assert (off <= 1.05 * bound + 1e-5).all()
    assert off.max() > 0 or unit < 2**-20


@pytest.mark.parametrize(("precision", "n_same"), [("bf16", 0.9), ("int8", 0.9)])
def test_the_shipped_model_says_nearly_the_same(
    precision: Precision, n_same: float, shipped: Translator, german: list[str]
) -> None:
    other = Translator.load(precision=precision)
    expected = shipped.translate_batch(german)
    found = other.translate_batch(german)
    same = [a[0].text == b[0].text for a, b in zip(expected, found, strict=True)]
    assert sum(same) >= n_same * len(german)
    for a, b, equal in zip(expected, found, same, strict=True):
        assert not equal or b[0].score == pytest.approx(a[0].score, abs=0.1)


@both
def test_what_else_the_engine_does_works_too(precision: Precision, shipped: Translator) -> None:
    other = Translator.load(precision=precision)
    text = "Die Pizza kam aus dem Ofen."
    ours, theirs = (t.score(text, "The pizza came.").log_prob for t in (shipped, other))
    assert math.isclose(ours, theirs, abs_tol=0.5) and ours != theirs
    assert other.translate(text, prefix="A pizza") == shipped.translate(text, prefix="A pizza")
    assert len(other.sample(text, 2)) == 2


def test_int8_is_for_the_cpu() -> None:
    with pytest.raises(UserError, match="int8 is for the CPU; on meta take bf16"):
        convert(random_model().to("meta"), "int8")


@pytest.mark.parametrize("precision", ["fp8", "INT8", "", None])
def test_another_precision_is_refused(precision: Any) -> None:
    model = random_model()
    with pytest.raises(UserError, match="must be one of fp32, bf16, int8; found"):
        convert(model, precision)
