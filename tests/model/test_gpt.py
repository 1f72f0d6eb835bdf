import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from transformer.config import ModelConfig
from transformer.model.encoder_decoder import Transformer
from transformer.model.gpt import GPT

VOCAB_SIZE = 20

both_orders = pytest.mark.parametrize("norm_first", [False, True])


def random_gpt(seed: int = 1, **changes: Any) -> GPT:
    torch.manual_seed(seed)
    sizes = {"d_model": 16, "d_ff": 24, "n_heads": 4, "n_decoder_layers": 3, "dropout": 0.0}
    gpt = GPT(ModelConfig(**{**sizes, **changes}), vocab_size=VOCAB_SIZE).eval()
    for name, weights in gpt.named_parameters():
        # Gains around 1, or little of the input would be left in the output.
        nn.init.normal_(weights, mean=1.0 if name.endswith("norm.weight") else 0.0, std=0.3)
    return gpt


def texts(batch: int, length: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, VOCAB_SIZE, (batch, length), generator=generator)


@both_orders
@pytest.mark.parametrize("kept", [1, 3, 5])
def test_future_tokens_change_nothing(norm_first: bool, kept: int) -> None:
    gpt, ids = random_gpt(norm_first=norm_first), texts(2, 6)
    other = ids.clone()
    other[:, kept:] = (other[:, kept:] + 1) % VOCAB_SIZE
    before, after = gpt(ids), gpt(other)
    torch.testing.assert_close(after[:, :kept], before[:, :kept], rtol=1e-4, atol=1e-4)
    assert (after[:, kept:] - before[:, kept:]).abs().amax(dim=-1).min() > 0.01


@both_orders
def test_earlier_tokens_do_change_something(norm_first: bool) -> None:
    gpt, ids = random_gpt(norm_first=norm_first), texts(1, 6)
    other = ids.clone()
    other[:, 0] = (other[:, 0] + 1) % VOCAB_SIZE
    assert (gpt(other) - gpt(ids)).abs().amax(dim=-1).min() > 0.001


@settings(max_examples=20, deadline=None)
@given(
    batch=st.integers(1, 3),
    length=st.integers(1, 7),
    norm_first=st.booleans(),
    seed=st.integers(0, 100),
)
@torch.no_grad()
def test_step_by_step_equals_all_at_once(
    batch: int, length: int, norm_first: bool, seed: int
) -> None:
    gpt, ids = random_gpt(seed, norm_first=norm_first), texts(batch, length, seed)
    expected = gpt(ids)
    state = gpt.start()
    for t in range(length):
        assert state.position == t
        logits, state = gpt.step(ids[:, t], state)
        torch.testing.assert_close(logits, expected[:, t], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_select_reorders_repeats_and_drops() -> None:
    gpt, ids = random_gpt(), texts(3, 2)
    assert gpt.start().select(torch.tensor([0])).position == 0
    state = gpt.start()
    for tokens in ids.T:
        _, state = gpt.step(tokens, state)
    rows = torch.tensor([2, 0, 0])
    new = torch.tensor([5, 6, 7])
    logits, _ = gpt.step(new, state.select(rows))
    expected = gpt(torch.cat((ids[rows], new[:, None]), dim=1))[:, -1]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_a_state_is_not_changed_by_what_is_done_with_it() -> None:
    gpt = random_gpt()
    _, state = gpt.step(torch.tensor([3, 4]), gpt.start())
    first, _ = gpt.step(torch.tensor([5, 6]), state)
    gpt.step(torch.tensor([7, 8]), state)
    state.select(torch.tensor([1, 0]))
    assert state.position == 1
    again, _ = gpt.step(torch.tensor([5, 6]), state)
    assert torch.equal(first, again)


def test_its_layers_are_the_translation_models_without_cross_attention() -> None:
    gpt = random_gpt()
    translation = Transformer(gpt.config, vocab_size=VOCAB_SIZE)
    ours, theirs = gpt.decoder.layers[0], translation.decoder.layers[0]
    assert type(ours) is type(theirs)
    assert type(gpt.decoder) is type(translation.decoder)
    names = {name for name in theirs.state_dict() if not name.startswith("cross_attention")}
    assert set(ours.state_dict()) == names
    assert len(gpt.decoder.layers) == 3


@pytest.mark.parametrize("tie", ["all", "target", "none"])
def test_tying(tie: str) -> None:
    gpt = random_gpt(tie=tie)
    assert (gpt.output is gpt.embedding) == (tie != "none")
    layers = sum(weights.numel() for weights in gpt.decoder.parameters())
    assert gpt.n_parameters() == (2 if tie == "none" else 1) * VOCAB_SIZE * 16 + layers


def test_gpt_2_is_as_large_as_published() -> None:
    config = ModelConfig(
        d_model=768,
        d_ff=3072,
        n_heads=12,
        n_decoder_layers=12,
        norm_first=True,
        attention_bias=True,
        activation="gelu",
    )
    with torch.device("meta"):
        gpt = GPT(config, vocab_size=50_257)
    # 124,439,808 with its 1,024 learned positions, which ours does without.
    assert gpt.n_parameters() == 124_439_808 - 1024 * 768


def test_it_begins_without_a_preference() -> None:
    # Fresh weights say little: the first loss is close to ln(vocab_size).
    torch.manual_seed(1)
    sizes = {"d_model": 64, "d_ff": 128, "n_heads": 4, "n_decoder_layers": 2}
    gpt = GPT(ModelConfig(norm_first=True, **sizes), vocab_size=1000).eval()
    assert gpt.embedding.weight.std().item() == pytest.approx(1 / 8, rel=0.02)
    ids = torch.randint(0, 1000, (4, 33))
    loss = nn.functional.cross_entropy(gpt(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(1000), abs=1)
