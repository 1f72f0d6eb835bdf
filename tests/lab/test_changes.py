from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from transformer.config import Config, GPTConfig, ModelConfig
from transformer.errors import UserError
from transformer.inference.translator import Translator
from transformer.lab.changes import CHANGES, change
from transformer.lab.scores import SCORES
from transformer.model.encoder_decoder import Transformer
from transformer.model.gpt import GPT
from transformer.runs.errors import CheckpointError
from transformer.training.loop import train
from transformer.training.packing import token_logits
from transformer.training.task import Model

assert_close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)

PAD, VOCAB_SIZE = 0, 30
SRC = torch.tensor([[5, 6, 7, 8], [9, 10, PAD, PAD]])
TGT_IN = torch.tensor([[1, 11, 12, 13], [1, 14, 15, PAD]])

FOR_TRANSLATION = [name for name in CHANGES if name != "no_layers"]
CAUSAL = [name for name in FOR_TRANSLATION if name not in ("no_look_ahead_mask", "other_triangle")]


def model_with(*names: str, kind: str = "transformer", norm_first: bool = False) -> Model:
    """A small model with random weights, in double precision."""
    torch.manual_seed(1)
    sizes = {"d_model": 8, "d_ff": 12, "n_heads": 2, "n_decoder_layers": 2, "dropout": 0.0}
    model: Model
    if kind == "gpt":
        model = GPT(GPTConfig(**sizes, context=16, norm_first=norm_first), vocab_size=VOCAB_SIZE)
    else:
        config = ModelConfig(**sizes, n_encoder_layers=2, norm_first=norm_first)
        model = Transformer(config, vocab_size=VOCAB_SIZE, pad_id=PAD)
    if found := change(names):
        found.apply(model)
    for name, weights in model.named_parameters():
        if weights.requires_grad:
            nn.init.normal_(weights, mean=1.0 if name.endswith("norm.weight") else 0.0, std=0.3)
    return model.double().eval()


def logits(model: Model, src: Tensor = SRC, tgt_in: Tensor = TGT_IN) -> Tensor:
    assert isinstance(model, Transformer)
    found: Tensor = model(src, tgt_in)
    return found.detach()


def moved(before: Tensor, after: Tensor) -> list[bool]:
    """At which positions of the first sentence the logits differ."""
    return [not torch.equal(a, b) for a, b in zip(before[0], after[0], strict=True)]


def other_token(ids: Tensor, position: int) -> Tensor:
    ids = ids.clone()
    ids[0, position] = 20
    return ids


@pytest.mark.parametrize("names", [(), *((name,) for name in FOR_TRANSLATION)])
def test_only_without_the_look_ahead_mask_a_token_sees_what_comes_later(
    names: tuple[str, ...],
) -> None:
    model = model_with(*names)
    seen = moved(logits(model), logits(model, tgt_in=other_token(TGT_IN, 3)))
    sees_later = names in [("no_look_ahead_mask",), ("other_triangle",)]
    assert seen == [sees_later, sees_later, sees_later, True]


def test_in_the_other_triangle_no_token_sees_what_came_before() -> None:
    model = model_with("other_triangle")
    seen = moved(logits(model), logits(model, tgt_in=other_token(TGT_IN, 0)))
    assert seen == [True, False, False, False]


def test_in_the_other_triangle_a_step_sees_only_its_own_token() -> None:
    model = model_with("other_triangle")
    assert isinstance(model, Transformer)
    found = []
    for first in (1, 20):
        state = model.start(SRC)
        for token in ([first, first], [11, 14]):
            step, state = model.step(torch.tensor(token), state)
        found.append(step.detach())
    assert_close(*found)


@pytest.mark.parametrize("names", [(), *((name,) for name in FOR_TRANSLATION)])
def test_only_visible_padding_changes_anything(names: tuple[str, ...]) -> None:
    model = model_with(*names)
    alone = logits(model, SRC[1:, :2], TGT_IN[1:, :3])
    padded = logits(model)[1:, :3]
    if names == ("visible_padding",):
        assert not torch.allclose(padded, alone)
    else:
        assert_close(padded, alone)


@pytest.mark.parametrize("name", CAUSAL)
def test_a_changed_model_decodes_step_by_step_what_it_computes_at_once(name: str) -> None:
    if name == "visible_padding":
        src, tgt_in = SRC[:1], TGT_IN[:1]  # a search pads to other lengths
        src = torch.nn.functional.pad(src, (0, 12))
    else:
        src, tgt_in = SRC, TGT_IN
    model = model_with(name)
    assert isinstance(model, Transformer)
    state, found = model.start(src), []
    for tokens in tgt_in.T:
        step, state = model.step(tokens, state)
        found.append(step)
    together = logits(model, src, tgt_in)
    real = tgt_in != PAD
    assert_close(torch.stack(found, dim=1)[real].detach(), together[real])


@pytest.mark.parametrize("name", [name for name in FOR_TRANSLATION if name != "visible_padding"])
def test_a_changed_model_is_trained_without_padding_as_with_it(name: str) -> None:
    model = model_with(name)
    assert isinstance(model, Transformer)
    packed, layout = token_logits(model, SRC, TGT_IN)
    assert_close(packed[: layout.n_tokens].detach(), logits(model)[TGT_IN != PAD])


def test_visible_padding_is_not_trained_without_it() -> None:
    for name in FOR_TRANSLATION:
        found = change([name])
        assert found is not None
        assert found.packs == (name != "visible_padding")


def test_without_positions_the_order_of_the_source_is_lost() -> None:
    reverse = torch.tensor([[8, 7, 6, 5]])
    one = TGT_IN[:1]
    without = model_with("no_positions")
    assert_close(logits(without, reverse, one), logits(without, SRC[:1], one))
    with_them = model_with()
    assert not torch.allclose(logits(with_them, reverse, one), logits(with_them, SRC[:1], one))


def test_learned_positions_are_trained_and_those_of_nothing_are_not() -> None:
    count = {name: model_with(name) for name in ("learned_positions", "no_positions")}
    trained = {
        name: sum(p.numel() for p in model.parameters() if p.requires_grad)
        for name, model in count.items()
    }
    plain = model_with().n_parameters()
    assert trained["no_positions"] == plain
    assert trained["learned_positions"] == plain + 256 * 8


def test_without_residuals_a_layer_that_gives_nothing_leaves_nothing() -> None:
    model = model_with("no_residuals")
    assert isinstance(model, Transformer)
    residual = model.encoder.layers[0].self_attention_residual
    x = torch.randn(3, 8, dtype=torch.double)
    assert_close(residual(x, torch.zeros_like), residual(-x, torch.zeros_like))


def test_without_norms_there_is_none() -> None:
    for norm_first in (False, True):
        model = model_with("no_norms", norm_first=norm_first)
        assert not [m for m in model.modules() if isinstance(m, nn.LayerNorm)]
        assert logits(model).isfinite().all()


def test_without_feed_forward_its_weights_are_gone() -> None:
    names = [name for name, _ in model_with("no_feed_forward").named_parameters()]
    assert names
    assert not [name for name in names if "feed_forward" in name]


def test_without_the_scale_embeddings_are_as_they_are() -> None:
    plain, unscaled = model_with(), model_with("no_embedding_scale")
    assert plain.output.scale == pytest.approx(8**0.5)
    assert unscaled.output.scale == 1.0


def test_without_layers_only_the_last_token_tells_the_next() -> None:
    model = model_with("no_layers", "no_positions", kind="gpt")
    a, b = (model(torch.tensor([ids])).detach() for ids in ([3, 4, 5, 6], [9, 8, 7, 6]))
    assert_close(a[0, -1], b[0, -1])
    assert model.n_parameters() == VOCAB_SIZE * 8 + 16 * 8  # positions of nothing


@pytest.mark.parametrize("name", ["no_look_ahead_mask", "other_triangle", "visible_padding"])
def test_a_mask_of_translation_is_refused_for_a_gpt(name: str) -> None:
    with pytest.raises(UserError, match="found a GPT"):
        model_with(name, kind="gpt")


def test_no_layers_is_refused_for_a_translation() -> None:
    with pytest.raises(UserError, match="a translation needs its source"):
        model_with("no_layers")


def test_an_unknown_change_is_named_beside_those_there_are() -> None:
    with pytest.raises(UserError, match="there is no change 'no_mask'; there are dot, squared_dot"):
        change(["dot", "no_mask"])


def test_every_score_but_the_papers_is_a_change() -> None:
    assert set(SCORES) - {"scaled_dot"} <= set(CHANGES)
    assert change([]) is None


# The weights of an experiment ---------------------------------------------------------------------


@pytest.fixture
def experiment(configure: Callable[..., Config]) -> tuple[Config, Path]:
    """A run with another score."""
    config = configure()
    return config, Path(train(config, change=change(["dot"])).directory)


def test_a_changed_model_is_refused_where_it_would_compute_something_else(
    experiment: tuple[Config, Path], configure: Callable[..., Config]
) -> None:
    _, run = experiment
    with pytest.raises(CheckpointError, match=r"model of an experiment \('dot'\)"):
        Translator.load(run)
    with pytest.raises(CheckpointError, match=r"model of an experiment \('dot'\)"):
        train(configure(f"training.start_from={run}", run="other"))


def test_it_goes_on_only_with_the_same_change(
    experiment: tuple[Config, Path], configure: Callable[..., Config]
) -> None:
    longer = configure("training.max_steps=14")
    with pytest.raises(CheckpointError, match=r"model of an experiment \('dot'\)"):
        train(longer, resume=True)
    with pytest.raises(CheckpointError, match="not the model of the experiment 'cosine'"):
        train(longer, resume=True, change=change(["cosine"]))
    assert train(longer, resume=True, change=change(["dot"])).step == 14


def test_a_kernel_that_is_chosen_does_not_undo_a_change(
    configure: Callable[..., Config],
) -> None:
    plain = train(configure(run="plain")).metrics["val_nll"]
    changed = train(configure(run="changed"), change=change(["dot"])).metrics["val_nll"]
    same = train(configure(run="same"), change=change(["no_embedding_scale"])).metrics["val_nll"]
    assert len({plain, changed, same}) == 3
