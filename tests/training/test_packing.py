from functools import partial

import pytest
import torch
from torch import Tensor, nn

from transformer.config import ModelConfig
from transformer.model.encoder_decoder import Transformer
from transformer.model.layout import Padded, round_up_length
from transformer.training.packing import ROWS, Packed, token_logits

PAD, VOCAB_SIZE, N_HEADS = 0, 30, 2
REAL = torch.tensor([[True, True, True], [True, False, False], [True, True, False]])
assert_close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)


def random_model(tie: str = "all", *, norm_first: bool = False) -> Transformer:
    """In double precision, so that equal means equal."""
    torch.manual_seed(1)
    config = ModelConfig(
        d_model=8,
        d_ff=12,
        n_heads=N_HEADS,
        n_encoder_layers=2,
        n_decoder_layers=2,
        dropout=0.0,
        tie=tie,
        norm_first=norm_first,
    )
    model = Transformer(config, vocab_size=VOCAB_SIZE, pad_id=PAD).double()
    for name, weights in model.named_parameters():
        nn.init.normal_(weights, mean=1.0 if name.endswith("norm.weight") else 0.0, std=0.3)
    return model


def sentences(*lengths: int, seed: int = 1) -> Tensor:
    """Random ids, one row per length, padded to the longest."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, VOCAB_SIZE, (len(lengths), max(lengths)), generator=generator)
    return torch.where(torch.arange(max(lengths)) < torch.tensor(lengths)[:, None], ids, PAD)


def packed_of(real: Tensor) -> Packed:
    return Packed.of(Padded(real.size(1)), real, N_HEADS)


@pytest.mark.parametrize(
    ("length", "rounded"), [(1, 16), (15, 16), (16, 16), (17, 24), (24, 24), (25, 32)]
)
def test_lengths_are_rounded_up_with_padding(length: int, rounded: int) -> None:
    ids = round_up_length(sentences(length, 1), PAD)
    assert ids.shape == (2, rounded)
    assert torch.equal(ids[:, :length], sentences(length, 1))
    assert ids[:, length:].eq(PAD).all()


def test_tokens_come_sentence_by_sentence_and_know_their_place() -> None:
    packing = packed_of(REAL)
    ids = torch.tensor([[11, 12, 13], [21, 0, 0], [31, 32, 0]])
    assert packing.n_tokens == 6
    assert packing.pack(ids)[:6].tolist() == [11, 12, 13, 21, 31, 32]
    assert packing.spread(torch.arange(3))[:6].tolist() == [0, 1, 2, 0, 0, 1]


@pytest.mark.parametrize("n_tokens", [1, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS])
def test_rows_come_in_multiples_and_one_is_always_spare(n_tokens: int) -> None:
    packing = packed_of(torch.ones(1, n_tokens, dtype=torch.bool))
    n_rows = len(packing.position_of_row)
    assert n_rows % ROWS == 0
    assert n_tokens < n_rows <= n_tokens + ROWS


def test_heads_are_split_as_without_packing() -> None:
    packing = packed_of(REAL)
    padded = torch.randn(3, 3, 8)
    expected = padded.unflatten(-1, (N_HEADS, -1)).transpose(1, 2)
    heads = packing.split_heads(packing.pack(padded), N_HEADS)
    assert heads.shape == (3, N_HEADS, 3, 4)
    real = REAL[:, None, :].expand(3, N_HEADS, 3)
    assert torch.equal(heads[real], expected[real])


def test_merging_reverses_splitting() -> None:
    packing = packed_of(REAL)
    rows = torch.randn(ROWS, 8)
    assert torch.equal(packing.merge_heads(packing.split_heads(rows, N_HEADS))[:6], rows[:6])


def test_no_gradient_reaches_a_row_without_a_token() -> None:
    packing = packed_of(REAL)
    rows = torch.randn(ROWS, 8, requires_grad=True)
    heads = packing.split_heads(rows, N_HEADS)
    upstream = torch.randn(heads.shape) * REAL[:, None, :, None]
    (gradient,) = torch.autograd.grad(heads, rows, upstream)
    assert gradient[6:].eq(0).all()
    expected = upstream.transpose(1, 2).flatten(2)[REAL]
    assert torch.equal(gradient[:6], expected)


def test_no_gradient_reaches_padding() -> None:
    packing = packed_of(REAL)
    heads = torch.randn(3, N_HEADS, 3, 4, requires_grad=True)
    rows = packing.merge_heads(heads)
    upstream = torch.randn(rows.shape)
    upstream[6:] = 0  # as it is, since nothing reads these rows
    (gradient,) = torch.autograd.grad(rows, heads, upstream)
    assert gradient.transpose(1, 2)[~REAL].eq(0).all()
    assert torch.equal(gradient.transpose(1, 2)[REAL].flatten(1), upstream[:6])


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("tie", ["all", "none"])
@pytest.mark.parametrize("lengths", [((5, 2, 4), (3, 6, 1)), ((16, 16), (16, 16)), ((1,), (1,))])
def test_logits_and_gradients_equal_those_with_padding(
    tie: str, norm_first: bool, lengths: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    model = random_model(tie, norm_first=norm_first)
    src, tgt_in = sentences(*lengths[0]), sentences(*lengths[1], seed=2)
    real = tgt_in != PAD
    padded = model(src, tgt_in)[real]
    packed, packing = token_logits(model, src, tgt_in)
    assert packing.n_tokens == len(padded)
    packed = packed[: packing.n_tokens]
    assert_close(packed, padded)

    upstream = torch.randn_like(padded)
    weights = list(model.parameters())
    assert_close(
        torch.autograd.grad(packed, weights, upstream),
        torch.autograd.grad(padded, weights, upstream),
    )


def test_activations_are_bf16_under_autocast_on_a_cpu() -> None:
    model = random_model().float()
    src, tgt_in = sentences(5, 2), sentences(3, 6, seed=2)
    exact, _ = token_logits(model, src, tgt_in)
    kinds = set()
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.register_forward_hook(lambda module, inputs, output: kinds.add(output.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        logits, _ = token_logits(model, src, tgt_in)
    assert kinds == {torch.bfloat16}
    assert logits.dtype == torch.bfloat16
    assert (logits - exact).abs().max() < 0.05 * exact.abs().max()
