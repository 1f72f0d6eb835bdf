import math
import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from transformer.config import GPTConfig, ModelConfig
from transformer.model.encoder_decoder import Transformer
from transformer.model.gpt import GPT
from transformer.model.gpt2 import gpt2_config
from transformer.search.sampling import Sampling

VOCAB_SIZE = 20

both_orders = pytest.mark.parametrize("norm_first", [False, True])


def random_gpt(seed: int = 1, **changes: Any) -> GPT:
    torch.manual_seed(seed)
    sizes = {"d_model": 16, "d_ff": 24, "n_heads": 4, "n_decoder_layers": 3, "dropout": 0.0}
    gpt = GPT(GPTConfig(**{**sizes, **changes}), vocab_size=VOCAB_SIZE).eval()
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
    sizes = gpt.config.model_dump(include={"d_model", "d_ff", "n_heads", "n_decoder_layers"})
    translation = Transformer(ModelConfig(**sizes), vocab_size=VOCAB_SIZE)
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
    with torch.device("meta"):
        gpt = GPT(gpt2_config(), vocab_size=50_257)
    assert gpt.n_parameters() == 124_439_808


def test_it_begins_without_a_preference() -> None:
    # Fresh weights say little: the first loss is close to ln(vocab_size).
    torch.manual_seed(1)
    sizes = {"d_model": 64, "d_ff": 128, "n_heads": 4, "n_decoder_layers": 2}
    gpt = GPT(GPTConfig(norm_first=True, **sizes), vocab_size=1000).eval()
    assert gpt.embedding.weight.std().item() == pytest.approx(1 / 8, rel=0.02)
    ids = torch.randint(0, 1000, (4, 33))
    loss = nn.functional.cross_entropy(gpt(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(1000), abs=1)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
def test_gpt_2_begins_with_small_weights(positions: str) -> None:
    torch.manual_seed(1)
    sizes = {"d_model": 64, "n_heads": 4, "n_decoder_layers": 8, "context": 200}
    gpt = GPT(gpt2_config(**sizes, positions=positions), vocab_size=500)
    layer: Any = gpt.decoder.layers[3]
    assert gpt.embedding.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert layer.self_attention.query.weight.std().item() == pytest.approx(0.02, rel=0.03)
    for last in (layer.self_attention.output, layer.feed_forward.contract):
        assert last.weight.std().item() == pytest.approx(0.02 / 4, rel=0.03)  # √16 sublayers
        assert not last.bias.any()
    if positions == "learned":
        assert gpt.embedding.positions is not None
        assert gpt.embedding.positions.std().item() == pytest.approx(0.02, rel=0.03)


# What is in sight --------------------------------------------------------------------------------


def tiny(context: int, **changes: Any) -> GPT:
    return random_gpt(context=context, positions="learned", **changes)


def in_sight(ids: list[int], context: int) -> list[int]:
    """By hand: one token more than the context, and the older half is forgotten."""
    seen: list[int] = []
    for token in ids:
        if len(seen) == context:
            seen = seen[len(seen) - context // 2 :] if context > 1 else []
        seen.append(token)
    return seen


@settings(max_examples=40, deadline=None)
@given(
    context=st.integers(1, 6), length=st.integers(1, 20), batch=st.integers(1, 3), cut=st.integers()
)
@torch.no_grad()
def test_beyond_the_context_the_older_half_is_forgotten(
    context: int, length: int, batch: int, cut: int
) -> None:
    gpt, ids = tiny(context), texts(batch, length)
    state = gpt.start()
    for tokens in ids.T:
        logits, state = gpt.step(tokens, state)
        assert 0 < state.position <= context
    expected = gpt(torch.tensor([in_sight(row, context) for row in ids.tolist()]))[:, -1]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(context=st.integers(2, 9), first=st.integers(1, 12), second=st.integers(1, 12))
@torch.no_grad()
def test_several_tokens_at_once(context: int, first: int, second: int) -> None:
    gpt, ids = tiny(context), texts(2, first + second)
    _, state = gpt.read(ids[:, :first], gpt.start())
    assert state.position == min(first, context)
    logits, state = gpt.read(ids[:, first:], state)
    assert state.ids is not None
    assert torch.equal(state.ids, ids[:, -state.position :])
    torch.testing.assert_close(logits, gpt(state.ids)[:, -1], rtol=1e-4, atol=1e-4)
    if first + second <= context:
        assert state.position == first + second


def test_more_tokens_than_positions() -> None:
    with pytest.raises(ValueError, match="has learned 4 positions; found 5 tokens"):
        tiny(4)(texts(1, 5))


# Generation --------------------------------------------------------------------------------------


@torch.no_grad()
def test_greedy_generation_is_the_likeliest_token_again_and_again() -> None:
    gpt, prompts = tiny(64), texts(3, 4)
    found = gpt.generate(list(prompts), 6, sampling=Sampling(temperature=0))
    ids = prompts
    for _ in range(6):
        ids = torch.cat((ids, gpt(ids)[:, -1].argmax(dim=-1, keepdim=True)), dim=1)
    assert found == ids[:, 4:].tolist()


def test_texts_depend_on_the_seed_and_their_place_only() -> None:
    gpt, prompt = tiny(8), [1, 2, 3]
    three = gpt.generate([prompt] * 3, 30, sampling=Sampling(seed=5))
    assert three == gpt.generate([prompt] * 3, 30, sampling=Sampling(seed=5))
    assert three[:1] == gpt.generate([prompt], 30, sampling=Sampling(seed=5))
    assert three != gpt.generate([prompt] * 3, 30, sampling=Sampling(seed=6))
    assert len({tuple(text) for text in three}) == 3


def test_a_text_ends_with_eos() -> None:
    gpt = tiny(8)
    endless = gpt.generate([[1]] * 8, 40)
    ended = gpt.generate([[1]] * 8, 40, eos_id=7)
    for one, other in zip(endless, ended, strict=True):
        expected = one[: one.index(7) + 1] if 7 in one else one
        assert other == expected
    assert any(len(text) < 40 for text in ended)
    assert all(len(text) == 40 for text in endless)


def test_generation_leaves_the_mode_as_it_was() -> None:
    gpt = tiny(8, dropout=0.5).train()
    once = gpt.generate([[1, 2]], 5)
    assert gpt.training and once == gpt.generate([[1, 2]], 5)


@pytest.mark.parametrize(
    ("prompts", "n", "message"),
    [
        ([], 5, "prompts must be of one length, at least 1; found []"),
        ([[]], 5, "found [0]"),
        ([[1], [1, 2]], 5, "found [1, 2]"),
        ([[1]], 0, "max_tokens must be at least 1; found 0"),
    ],
)
def test_what_cannot_be_gone_on_from(prompts: list[list[int]], n: int, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        tiny(8).generate(prompts, n)
