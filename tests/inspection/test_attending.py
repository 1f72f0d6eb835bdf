"""What is recorded is what was used; what is changed is changed there only, and not for ever."""

import pytest
import torch
from torch import Tensor, nn

from transformer.config import GPTConfig, ModelConfig
from transformer.inspection.attending import (
    Change,
    Place,
    attentions,
    changed,
    head_outputs,
    recording,
)
from transformer.model.attention import scaled_dot_product_attention
from transformer.model.encoder_decoder import Transformer
from transformer.model.gpt import GPT

SIZES = {"d_model": 16, "d_ff": 24, "n_heads": 4, "dropout": 0.0}
VOCABULARY, PAD = 20, 0


@pytest.fixture
def model() -> Transformer:
    torch.manual_seed(1)
    config = ModelConfig(**SIZES, n_encoder_layers=2, n_decoder_layers=2)
    model = Transformer(config, vocab_size=VOCABULARY, pad_id=PAD).eval()
    for weight in model.parameters():
        if weight.dim() == 2:
            nn.init.normal_(weight, std=0.4)
    return model


@pytest.fixture
def sides() -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    src = torch.randint(1, VOCABULARY, (3, 7))
    src[1, 5:] = PAD
    return src, torch.randint(1, VOCABULARY, (3, 6))


def test_every_attention_has_a_place(model: Transformer) -> None:
    places = [("encoder", 0), ("encoder", 1)]
    places += [("decoder", 0), ("cross", 0), ("decoder", 1), ("cross", 1)]
    assert list(attentions(model)) == places
    gpt = GPT(GPTConfig(**SIZES, n_decoder_layers=2), vocab_size=VOCABULARY)
    assert list(attentions(gpt)) == [("decoder", 0), ("decoder", 1)]


def test_weights_are_those_of_torchs_own_attention(
    model: Transformer, sides: tuple[Tensor, Tensor]
) -> None:
    inputs: dict[tuple[Place, str], Tensor] = {}
    for place, attention in attentions(model).items():
        for name in ("query", "key"):

            def keep(_: nn.Module, given: tuple[Tensor], key: tuple[Place, str]) -> None:
                inputs[key] = given[0]

            getattr(attention, name).register_forward_pre_hook(
                lambda module, given, key=(place, name): keep(module, given, key)
            )
    with recording(model) as seen, torch.no_grad():
        model(*sides)
    hidden = sides[0] == PAD
    later = torch.ones(6, 6, dtype=torch.bool).triu(1)
    for place, attention in attentions(model).items():
        theirs = nn.MultiheadAttention(16, 4, bias=False, batch_first=True)
        with torch.no_grad():
            theirs.in_proj_weight.copy_(
                torch.cat((attention.query.weight, attention.key.weight, attention.value.weight))
            )
            keys = inputs[place, "key"]
            _, expected = theirs(
                inputs[place, "query"],
                keys,
                keys,
                key_padding_mask=None if place.kind == "decoder" else hidden,
                attn_mask=later if place.kind == "decoder" else None,
                average_attn_weights=False,
            )
        torch.testing.assert_close(seen[place], expected, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(seen[place].sum(-1), torch.ones(expected.shape[:-1]))


def test_watching_changes_no_bit(model: Transformer, sides: tuple[Tensor, Tensor]) -> None:
    with torch.no_grad():
        expected = model(*sides)
        with recording(model):
            assert model(*sides).equal(expected)
        with head_outputs(model) as said:
            assert model(*sides).equal(expected)
        with changed(model, {}):
            assert model(*sides).equal(expected)
    assert said[Place("cross", 1)].shape == (3, 4, 6, 4)


def test_kernels_come_back_even_after_an_error(model: Transformer) -> None:
    with pytest.raises(ZeroDivisionError), recording(model):
        raise ZeroDivisionError
    kernels = {attention.kernel for attention in attentions(model).values()}
    assert kernels == {scaled_dot_product_attention}


@torch.no_grad()
def test_a_cut_edge_carries_nothing(model: Transformer, sides: tuple[Tensor, Tensor]) -> None:
    # If token 4 may not look at token 2 in any layer, and no other may either, token 2 is gone.
    edges = torch.zeros(1, 1, 7, 7, dtype=torch.bool)
    edges[..., 2] = True
    edges[..., 2, 2] = False
    cross = torch.zeros(1, 1, 6, 7, dtype=torch.bool)
    cross[..., 2] = True
    changes = {
        place: Change(forbidden=edges if place.kind == "encoder" else cross)
        for place in attentions(model)
        if place.kind != "decoder"
    }
    src, tgt = sides
    other = src.clone()
    other[:, 2] = other[:, 2] % (VOCABULARY - 1) + 1
    assert not torch.allclose(model(src, tgt), model(other, tgt))
    with changed(model, changes):
        torch.testing.assert_close(model(src, tgt), model(other, tgt))


@torch.no_grad()
def test_one_cut_is_that_edge_in_that_head_only(
    model: Transformer, sides: tuple[Tensor, Tensor]
) -> None:
    forbidden = torch.zeros(3, 4, 7, 7, dtype=torch.bool)
    forbidden[0, 1, 4, 2] = True
    place = Place("encoder", 0)
    with changed(model, {place: Change(forbidden=forbidden)}):
        logits = model(*sides)
    unchanged = model(*sides)
    assert not logits[0].equal(unchanged[0])
    torch.testing.assert_close(logits[1:], unchanged[1:])


@torch.no_grad()
def test_a_patch_of_itself_changes_nothing_and_of_another_text_something(
    model: Transformer, sides: tuple[Tensor, Tensor]
) -> None:
    src, tgt = sides
    place = Place("encoder", 1)
    where = torch.zeros(3, 4, 7, 1, dtype=torch.bool)
    where[:, 2, 3] = True
    with head_outputs(model) as own:
        expected = model(src, tgt)
    with head_outputs(model) as others:
        model(src.flip(0), tgt)
    with changed(model, {place: Change(patched=(where, own[place]))}):
        torch.testing.assert_close(model(src, tgt), expected)
    with changed(model, {place: Change(patched=(where, others[place]))}):
        assert not torch.allclose(model(src, tgt), expected)
