import logging

import pytest
import torch
from torch import Tensor, nn

from transformer.config import GPTConfig, ModelConfig
from transformer.model.attention import MultiHeadAttention, scaled_dot_product_attention
from transformer.model.encoder_decoder import Transformer
from transformer.model.gpt import GPT
from transformer.model.kernels import fused_attention, use_kernel
from transformer.model.masks import as_summand

SIZES = {"d_model": 16, "d_ff": 24, "n_heads": 4, "n_decoder_layers": 2, "dropout": 0.0}


def kernels_of(model: nn.Module) -> set[object]:
    return {m.kernel for m in model.modules() if isinstance(m, MultiHeadAttention)}


def test_the_fused_kernel_gives_the_same() -> None:
    torch.manual_seed(1)
    query, key, value = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 4)
    some = torch.rand(2, 1, 5, 7) < 0.7
    some[0, :, 2] = False  # a query that may attend to nothing
    summand = as_summand(some, torch.float32)
    for mask in (None, some, some[:, :, :1], summand, summand.double()):
        torch.testing.assert_close(
            fused_attention(query, key, value, mask),
            scaled_dot_product_attention(query, key, value, mask),
        )


def test_a_summand_of_wider_numbers_stays_finite_for_the_fused_kernel() -> None:
    query, key, value = torch.randn(3, 1, 2, 4).bfloat16()
    hidden = as_summand(torch.zeros(1, 2, 2, dtype=torch.bool), torch.float32)
    found: Tensor = fused_attention(query, key, value, hidden)
    assert found.isfinite().all()


def test_the_formula_is_the_default_and_all_attentions_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = ModelConfig(**SIZES, n_encoder_layers=2)  # type: ignore[arg-type]
    model = Transformer(config, vocab_size=30).eval()
    assert kernels_of(model) == {scaled_dot_product_attention}
    src, tgt_in = torch.tensor([[3, 4, 5], [6, 0, 0]]), torch.tensor([[1, 7], [1, 0]])
    expected = model(src, tgt_in)
    with caplog.at_level(logging.INFO):
        use_kernel(model, "fused")
    assert kernels_of(model) == {fused_attention}
    assert "attention kernel: fused" in caplog.text
    torch.testing.assert_close(model(src, tgt_in), expected, rtol=1e-4, atol=1e-4)
    logits, _ = model.step(torch.tensor([1, 1]), model.start(src))
    torch.testing.assert_close(logits, expected[:, 0], rtol=1e-4, atol=1e-4)
    use_kernel(model, "formula")
    assert kernels_of(model) == {scaled_dot_product_attention}


def test_the_gpt_generates_the_same_with_either_kernel() -> None:
    torch.manual_seed(1)
    gpt = GPT(GPTConfig(**SIZES, context=8), vocab_size=30)  # type: ignore[arg-type]
    expected = gpt.generate([[3, 4, 5]] * 2, 20)
    use_kernel(gpt, "fused")
    assert gpt.generate([[3, 4, 5]] * 2, 20) == expected


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="must be formula or fused; found 'flash'"):
        use_kernel(nn.Module(), "flash")  # type: ignore[arg-type]
