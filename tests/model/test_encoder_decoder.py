import math
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from transformer.config import ModelConfig
from transformer.model import decoding_state
from transformer.model.embedding import Embedding, sinusoidal_positions
from transformer.model.encoder_decoder import Transformer
from transformer.model.layout import Gathered, Padded
from transformer.search.beam_search import beam_search
from transformer.search.hypothesis import length_penalty

from .torch_names import torch_weights

PAD, BOS, EOS = 0, 1, 2
VOCAB_SIZE = 30

both_orders = pytest.mark.parametrize("norm_first", [False, True])
assert_close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-4)


def small(**changes: Any) -> ModelConfig:
    sizes = {"d_model": 16, "d_ff": 24, "n_heads": 4, "n_encoder_layers": 2, "n_decoder_layers": 3}
    return ModelConfig(**{**sizes, "dropout": 0.0, **changes})


def random_model(seed: int = 1, **changes: Any) -> Transformer:
    """A small model with random weights everywhere, so that a swap of two would show."""
    torch.manual_seed(seed)
    model = Transformer(small(**changes), vocab_size=VOCAB_SIZE, pad_id=PAD).eval()
    for name, weights in model.named_parameters():
        # Gains around 1, or little of the input would be left in the output.
        nn.init.normal_(weights, mean=1.0 if name.endswith("norm.weight") else 0.0, std=0.3)
    return model


def sentences(*lengths: int, seed: int = 1) -> Tensor:
    """Random ids, one row per length, padded to the longest."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, VOCAB_SIZE, (len(lengths), max(lengths)), generator=generator)
    return torch.where(torch.arange(max(lengths)) < torch.tensor(lengths)[:, None], ids, PAD)


def in_steps(model: Transformer, src: Tensor, tgt_in: Tensor) -> Tensor:
    """The logits of `forward`, one `step` at a time."""
    state = model.start(src)
    rows = []
    for tokens in tgt_in.T:
        logits, state = model.step(tokens, state)
        rows.append(logits)
    return torch.stack(rows, dim=1)


# Equal to torch.nn -------------------------------------------------------------------------------


def stack_weights(stack: nn.Module) -> dict[str, Tensor]:
    """The same for a whole encoder or decoder."""
    weights = {f"norm.{name}": weight for name, weight in stack.norm.state_dict().items()}
    for i, layer in enumerate(stack.layers):
        weights |= {f"layers.{i}.{name}": w for name, w in torch_weights(layer).items()}
    return weights


@both_orders
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_whole_model_equals_a_stack_of_torchs_layers(norm_first: bool, activation: str) -> None:
    model = random_model(norm_first=norm_first, activation=activation, attention_bias=True)
    options: dict[str, Any] = {"batch_first": True, "norm_first": norm_first}
    sizes = (16, 4, 24, 0.0, activation)

    # nn.Transformer would normalise once more after each stack; after post-norm that is once too
    # often (§3.1), so the stacks are built by hand.
    def last_norm() -> nn.Module | None:
        return nn.LayerNorm(16) if norm_first else None

    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(*sizes, **options), 2, last_norm(), enable_nested_tensor=False
    )
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(*sizes, **options), 3, last_norm())
    encoder.load_state_dict(stack_weights(model.encoder))
    decoder.load_state_dict(stack_weights(model.decoder))

    src, tgt_in = sentences(6, 3), sentences(5, 5, seed=2)
    table = model.output.weight

    def embed(ids: Tensor) -> Tensor:
        return table[ids] * math.sqrt(16) + sinusoidal_positions(ids.size(1), 16)

    hidden_keys = src == PAD  # torch's masks mean the opposite: True = may not attend
    memory = encoder(embed(src), src_key_padding_mask=hidden_keys)
    later = torch.ones(5, 5, dtype=torch.bool).triu(1)
    x = decoder(embed(tgt_in), memory, tgt_mask=later, memory_key_padding_mask=hidden_keys)
    assert_close(model(src, tgt_in), x @ table.T)


# What changes nothing ----------------------------------------------------------------------------


@both_orders
@pytest.mark.parametrize("kept", [1, 3, 5])
def test_future_tokens_change_nothing(norm_first: bool, kept: int) -> None:
    model = random_model(norm_first=norm_first)
    src, tgt_in = sentences(4, 4), sentences(6, 6, seed=2)
    other = tgt_in.clone()
    other[:, kept:] = 3 + (other[:, kept:] - 2) % (VOCAB_SIZE - 3)
    before, after = model(src, tgt_in), model(src, other)
    assert_close(after[:, :kept], before[:, :kept])
    assert (after[:, kept:] - before[:, kept:]).abs().amax(dim=-1).min() > 0.01


@both_orders
def test_padding_changes_nothing(norm_first: bool) -> None:
    model = random_model(norm_first=norm_first)
    src, tgt_in = sentences(4, 4), sentences(5, 5, seed=2)
    expected = model(src, tgt_in)
    assert_close(model(F.pad(src, (0, 3), value=PAD), tgt_in), expected)
    assert_close(model(src, F.pad(tgt_in, (0, 3), value=PAD))[:, :5], expected)
    # A real token in the same place does change something.
    assert (model(F.pad(src, (0, 3), value=7), tgt_in) - expected).abs().max() > 0.01


@both_orders
def test_batch_size_changes_nothing(norm_first: bool) -> None:
    model = random_model(norm_first=norm_first)
    src_lengths, tgt_lengths = (6, 1, 4), (2, 5, 3)
    src, tgt_in = sentences(*src_lengths), sentences(*tgt_lengths, seed=2)
    together = model(src, tgt_in)
    for i, (n, m) in enumerate(zip(src_lengths, tgt_lengths, strict=True)):
        alone = model(src[i : i + 1, :n], tgt_in[i : i + 1, :m])
        assert_close(together[i : i + 1, :m], alone)


def test_padding_is_never_learned_from() -> None:
    model = random_model(tie="none")
    tgt_lengths = torch.tensor([3, 5])
    logits = model(sentences(6, 2), sentences(*tgt_lengths.tolist(), seed=2))
    logits[torch.arange(5) < tgt_lengths[:, None]].square().sum().backward()
    for embedding in (model.src_embedding, model.tgt_embedding):
        gradient = embedding.weight.grad
        assert gradient is not None
        assert gradient[PAD].abs().max() == 0
        assert gradient.abs().max() > 0


def test_a_source_of_padding_alone_stays_finite() -> None:
    model = random_model()
    assert model(torch.full((1, 3), PAD), sentences(4)).isfinite().all()


# Decoding ----------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    src_lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    tgt_len=st.integers(1, 6),
    norm_first=st.booleans(),
    seed=st.integers(0, 100),
)
def test_step_by_step_equals_all_at_once(
    src_lengths: list[int], tgt_len: int, norm_first: bool, seed: int
) -> None:
    model = random_model(seed, norm_first=norm_first)
    src = sentences(*src_lengths, seed=seed)
    tgt_in = sentences(*[tgt_len] * len(src), seed=seed + 1)
    with torch.no_grad():
        expected = model(src, tgt_in)
        assert_close(in_steps(model, src, tgt_in), expected)


@torch.no_grad()
def test_a_search_computes_next_to_nothing_for_padding() -> None:
    model = random_model()
    rows: list[int] = []
    layer = model.encoder.layers[0]
    layer.register_forward_pre_hook(lambda _, args: rows.append(args[0].flatten(0, -2).size(0)))

    def encoded(*lengths: int) -> int:
        src, tgt_in = sentences(*lengths), sentences(*[3] * len(lengths), seed=2)
        assert_close(in_steps(model, src, tgt_in), model(src, tgt_in))
        return rows[0] if rows else 0

    for lengths, expected in (
        ((3,), 8),
        ((9,), 16),
        ((40, 3, 2, 2), 48),  # 47 tokens of 160
        ((24, 24, 24), 72),  # nothing to leave out
        ((24, 24, 20), 72),  # too little
        ((*[2] * 99, 50), 256),  # 248 tokens, in steps of 16
        ((*[2] * 130, 100), 384),  # 360 tokens, in steps of 32
    ):
        rows.clear()
        assert encoded(*lengths) == expected


@torch.no_grad()
@pytest.mark.parametrize(
    "mask",
    [
        torch.ones(2, 1, 1, 16, dtype=torch.bool),
        torch.arange(16).view(1, 1, 1, 16) < 3,  # one for all
        torch.arange(16).expand(2, 1, 1, 16) < torch.tensor([9, 3]).view(2, 1, 1, 1),
        torch.zeros(2, 1, 1, 16).index_fill(3, torch.arange(9, 16), -torch.inf),
        -torch.arange(16.0).view(1, 1, 1, 16),  # hides none, but the later the less is seen
        torch.arange(16) < torch.tensor([3, 5, 7, 9]).view(1, 4, 1, 1),  # heads differ
        None,
    ],
    ids=["none hidden", "one for all", "bool", "infinite", "fading", "by head", "no mask"],
)
def test_other_masks_of_the_source(mask: Tensor | None) -> None:
    model = random_model()
    model.source_layout = lambda src: Padded(src.size(1), mask)  # type: ignore[method-assign]
    src, tgt_in = sentences(16, 16), sentences(3, 3, seed=2)
    if mask is None:
        assert Gathered.of(model.source_layout(src), 2) is None
    else:
        assert_close(in_steps(model, src, tgt_in), model(src, tgt_in))


@torch.no_grad()
def test_a_batch_without_sentences() -> None:
    state = random_model().start(sentences(3)[:0])
    assert state.memory[0].cache.keys.size(0) == 0


@torch.no_grad()
def test_select_reorders_repeats_and_drops() -> None:
    model = random_model()
    src = sentences(5, 3, 4)
    histories = torch.tensor([[BOS], [BOS], [BOS]])  # one row per hypothesis
    owners = torch.tensor([0, 1, 2])  # the sentence of each
    state = model.start(src)

    def step(new: list[int]) -> None:
        nonlocal histories, state
        logits, state = model.step(histories[:, -1], state)
        assert_close(logits, model(src[owners], histories)[:, -1])
        assert state.position == histories.size(1)
        histories = torch.cat((histories, torch.tensor(new)[:, None]), dim=1)

    def select(rows: list[int], kept: list[int] | None = None) -> None:
        nonlocal histories, owners, state
        state = state.select(torch.tensor(rows), None if kept is None else torch.tensor(kept))
        histories, owners = histories[rows], owners[rows]

    step([4, 5, 6])
    select([0, 0, 1, 1, 2, 2])  # a beam of two for each sentence
    step([7, 8, 9, 10, 11, 12])
    select([1, 0, 2, 2, 5, 4])  # reordered, and one lost to its neighbour
    step([13, 14, 15, 16, 17, 18])
    select([5, 4, 0, 1], kept=[2, 0])  # the second sentence is done, the others change places
    step([19, 20, 21, 22])
    select([1, 2], kept=[0, 1])  # one hypothesis each
    step([23, 24])


@torch.no_grad()
def test_a_step_of_those_that_are_alive_only() -> None:
    model = random_model()
    src = sentences(5, 3, 4)
    _, state = model.step(torch.tensor([BOS, BOS, BOS]), model.start(src))
    rows, alive = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([0, 3, 4])
    tokens = torch.tensor([4, 5, 6, 7, 8, 9])
    expected, whole = model.step(tokens, state.select(rows))
    found, living = model.step(tokens[alive], state.select(rows, alive=alive))
    assert_close(found, expected[alive])
    on = torch.tensor([0, 0, 3, 3, 4, 4])  # the dead are followed by the others
    tokens = torch.tensor([9, 8, 7, 6, 5, 4])
    expected, _ = model.step(tokens, whole.select(on))
    found, _ = model.step(tokens, living.select(on))
    assert_close(found, expected)


@torch.no_grad()
def test_select_before_the_first_step() -> None:
    model = random_model()
    src = sentences(5, 3, 4)
    rows = torch.tensor([2, 0])
    logits, _ = model.step(torch.tensor([BOS, BOS]), model.start(src).select(rows, rows))
    expected, _ = model.step(torch.tensor([BOS, BOS]), model.start(src[rows]))
    assert_close(logits, expected)


@pytest.mark.parametrize("forget_from", [1, 6, 10**6])
@torch.no_grad()
def test_a_long_translation_forgets_only_what_no_hypothesis_needs(
    forget_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step's logits are those of the whole sentence at once, whatever has been reordered."""
    monkeypatch.setattr(decoding_state, "FORGET_FROM", forget_from)
    model, generator = random_model(), torch.Generator().manual_seed(4)
    src, beam = sentences(5, 3, 4), 3
    histories, owners = torch.full((3, 1), BOS), torch.arange(3)
    state, longest = model.start(src), 0
    for length in range(1, 31):
        logits, state = model.step(histories[:, -1], state)
        assert_close(logits, model(src[owners], histories)[:, -1])
        longest = max(longest, state.history.size(2))
        # Parents at random, among them one that takes every place; now and then a sentence leaves.
        n_sentences, n_live = state.history.shape[:2]
        kept = torch.arange(n_sentences)
        if length in (10, 20):
            kept = torch.randperm(n_sentences, generator=generator)[:-1]
        parents = torch.randint(n_live, (len(kept), beam), generator=generator)
        rows = (kept[:, None] * n_live + parents).flatten()
        state = state.select(rows, kept if len(kept) < n_sentences else None)
        new = torch.randint(3, VOCAB_SIZE, (len(rows), 1), generator=generator)
        histories, owners = torch.cat((histories[rows], new), dim=1), owners[rows]
    every_token = 1 + 29 * beam  # of a sentence, forgotten by none
    assert longest == every_token if forget_from == 10**6 else longest < every_token - beam


@torch.no_grad()
def test_logits_of_some_pieces_only() -> None:
    model = random_model()
    src, tokens, some = sentences(5, 3), torch.tensor([BOS, BOS]), torch.tensor([2, 7, 29])
    every, _ = model.step(tokens, model.start(src))
    listed, _ = model.step(tokens, model.start(src), model.output.some_logits(some))
    assert_close(listed, every[:, some])


@torch.no_grad()
def test_a_state_is_not_changed_by_what_is_done_with_it() -> None:
    model = random_model()
    src = sentences(5, 3)
    _, state = model.step(torch.tensor([BOS, BOS]), model.start(src))
    first, _ = model.step(torch.tensor([4, 5]), state)
    model.step(torch.tensor([6, 7]), state)
    state.select(torch.tensor([1, 0]), torch.tensor([1, 0]))
    assert state.position == 1
    again, _ = model.step(torch.tensor([4, 5]), state)
    assert torch.equal(first, again)


# Weights -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tie", "matrices"), [("all", 1), ("target", 2), ("none", 3)])
def test_tying(tie: str, matrices: int) -> None:
    model = random_model(tie=tie)
    source, target, output = model.src_embedding, model.tgt_embedding, model.output
    assert (source is target, target is output) == (tie == "all", tie != "none")
    layers = sum(p.numel() for part in (model.encoder, model.decoder) for p in part.parameters())
    assert model.n_parameters() == matrices * VOCAB_SIZE * 16 + layers

    src, tgt_in = sentences(4), sentences(4, seed=2)
    before = model(src, tgt_in)
    with torch.no_grad():
        output.weight += 1  # whoever shares the matrix sees it
    assert torch.equal(source.weight, output.weight) == (tie == "all")
    assert torch.equal(target.weight, output.weight) == (tie != "none")
    if tie == "none":
        memory = model.encode(src, model.source_layout(src))
        hidden = model.decode(tgt_in, model.target_layout(tgt_in), memory)
        assert_close(model(src, tgt_in), before + hidden.sum(-1, keepdim=True))


@pytest.mark.parametrize(
    ("config", "published"),
    [
        (ModelConfig(), 65e6),
        (ModelConfig(d_model=1024, d_ff=4096, n_heads=16, dropout=0.3), 213e6),
    ],
    ids=["base", "big"],
)
def test_the_papers_models_are_as_large_as_the_paper_says(
    config: ModelConfig, published: float
) -> None:
    with torch.device("meta"):  # sizes without memory
        model = Transformer(config, vocab_size=37_000)
    d, d_ff = config.d_model, config.d_ff
    attention, feed_forward, norm = 4 * d * d, 2 * d * d_ff + d_ff + d, 2 * d
    encoder_layer = attention + feed_forward + 2 * norm
    decoder_layer = 2 * attention + feed_forward + 3 * norm
    assert model.n_parameters() == 37_000 * d + 6 * encoder_layer + 6 * decoder_layer
    assert model.n_parameters() == pytest.approx(published, rel=0.035)


def test_encoder_and_decoder_have_depths_of_their_own() -> None:
    model = random_model(n_encoder_layers=4, n_decoder_layers=1)
    assert (len(model.encoder.layers), len(model.decoder.layers)) == (4, 1)
    src, tgt_in = sentences(4, 3), sentences(5, 5, seed=2)
    assert_close(in_steps(model, src, tgt_in), model(src, tgt_in))


def test_weights_are_named_as_sentences_and_stay_so() -> None:
    # Saved models are found by these names: renaming one breaks them all.
    model = random_model(n_encoder_layers=1, n_decoder_layers=1)
    shapes = {name: tuple(weights.shape) for name, weights in model.named_parameters()}
    square, gain = (16, 16), (16,)
    assert shapes == {
        "tgt_embedding.weight": (VOCAB_SIZE, 16),
        "encoder.layers.0.self_attention.query.weight": square,
        "encoder.layers.0.self_attention.key.weight": square,
        "encoder.layers.0.self_attention.value.weight": square,
        "encoder.layers.0.self_attention.output.weight": square,
        "encoder.layers.0.self_attention_residual.norm.weight": gain,
        "encoder.layers.0.self_attention_residual.norm.bias": gain,
        "encoder.layers.0.feed_forward.expand.weight": (24, 16),
        "encoder.layers.0.feed_forward.expand.bias": (24,),
        "encoder.layers.0.feed_forward.contract.weight": (16, 24),
        "encoder.layers.0.feed_forward.contract.bias": (16,),
        "encoder.layers.0.feed_forward_residual.norm.weight": gain,
        "encoder.layers.0.feed_forward_residual.norm.bias": gain,
        "decoder.layers.0.self_attention.query.weight": square,
        "decoder.layers.0.self_attention.key.weight": square,
        "decoder.layers.0.self_attention.value.weight": square,
        "decoder.layers.0.self_attention.output.weight": square,
        "decoder.layers.0.self_attention_residual.norm.weight": gain,
        "decoder.layers.0.self_attention_residual.norm.bias": gain,
        "decoder.layers.0.cross_attention.query.weight": square,
        "decoder.layers.0.cross_attention.key.weight": square,
        "decoder.layers.0.cross_attention.value.weight": square,
        "decoder.layers.0.cross_attention.output.weight": square,
        "decoder.layers.0.cross_attention_residual.norm.weight": gain,
        "decoder.layers.0.cross_attention_residual.norm.bias": gain,
        "decoder.layers.0.feed_forward.expand.weight": (24, 16),
        "decoder.layers.0.feed_forward.expand.bias": (24,),
        "decoder.layers.0.feed_forward.contract.weight": (16, 24),
        "decoder.layers.0.feed_forward.contract.bias": (16,),
        "decoder.layers.0.feed_forward_residual.norm.weight": gain,
        "decoder.layers.0.feed_forward_residual.norm.bias": gain,
    }
    norms = {name for name, _ in random_model(norm_first=True).named_parameters()}
    assert {name for name in norms if ".layers." not in name} == {
        "tgt_embedding.weight",
        "encoder.norm.weight",
        "encoder.norm.bias",
        "decoder.norm.weight",
        "decoder.norm.bias",
    }


def test_initialisation_is_what_its_table_says() -> None:
    torch.manual_seed(1)
    config = small(d_model=64, d_ff=200, attention_bias=True, norm_first=True, tie="none")
    model = Transformer(config, vocab_size=1000)
    kinds = set()
    for module in model.modules():
        weights = dict(module.named_parameters(recurse=False))
        if not weights:
            continue
        kinds.add(type(module))
        weight = weights.pop("weight")
        if isinstance(module, Embedding):
            assert weight.std().item() == pytest.approx(1 / 8, rel=0.02)
            assert weight.abs().max() > 3 / 8  # normal, not uniform
            assert weight.mean().abs() < 0.005
        elif isinstance(module, nn.Linear):
            bound = math.sqrt(6 / sum(weight.shape))
            assert 0.99 * bound < weight.abs().max() <= bound
            assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        else:
            assert (weight == 1).all()
        for bias in weights.values():
            assert (bias == 0).all()
    assert kinds == {Embedding, nn.Linear, nn.LayerNorm}


def test_the_seed_decides_the_first_weights() -> None:
    def first(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return nn.utils.parameters_to_vector(Transformer(small(), vocab_size=30).parameters())

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_every_weight_learns() -> None:
    model = random_model(attention_bias=True, norm_first=True, tie="none")
    model(sentences(5, 3), sentences(4, 4, seed=2)).log_softmax(dim=-1)[..., 5].sum().backward()
    for name, weights in model.named_parameters():
        # A bias of the keys adds the same to all scores of a query, which softmax takes away.
        if not name.endswith("key.bias"):
            assert weights.grad is not None, name
            assert weights.grad.abs().max() > 1e-6, name


def test_dropout_acts_only_while_training() -> None:
    src, tgt_in = sentences(5, 3), sentences(4, 4, seed=2)
    for kind in ("dropout", "attention_dropout", "activation_dropout"):
        model = random_model(**{kind: 0.3})
        assert torch.equal(model(src, tgt_in), model(src, tgt_in))
        assert_close(model(src, tgt_in), random_model()(src, tgt_in))
        model.train()
        assert not torch.equal(model(src, tgt_in), model(src, tgt_in)), kind


# Equal to Hugging Face's Marian ------------------------------------------------------------------

LIMIT = 12
TO_OURS = {
    "model.": "",
    "shared": "tgt_embedding",
    "encoder.embed_tokens": "src_embedding",
    "decoder.embed_tokens": "tgt_embedding",
    "lm_head": "output",
    "self_attn_layer_norm": "self_attention_residual.norm",
    "encoder_attn_layer_norm": "cross_attention_residual.norm",
    "final_layer_norm": "feed_forward_residual.norm",
    "self_attn.": "self_attention.",
    "encoder_attn.": "cross_attention.",
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "out_proj": "output",
    "fc1": "feed_forward.expand",
    "fc2": "feed_forward.contract",
}


@torch.no_grad()
def marian_of(model: Transformer) -> Any:
    """Hugging Face's Marian with the weights of one of our models."""
    from transformers import MarianConfig, MarianMTModel

    config = model.config
    marian = MarianMTModel(
        MarianConfig(
            vocab_size=model.vocab_size,
            d_model=config.d_model,
            encoder_layers=config.n_encoder_layers,
            decoder_layers=config.n_decoder_layers,
            encoder_attention_heads=config.n_heads,
            decoder_attention_heads=config.n_heads,
            encoder_ffn_dim=config.d_ff,
            decoder_ffn_dim=config.d_ff,
            activation_function=config.activation,
            scale_embedding=True,
            max_position_embeddings=64,
            pad_token_id=PAD,
            bos_token_id=BOS,
            eos_token_id=EOS,
            decoder_start_token_id=BOS,
            forced_eos_token_id=None,
        )
    ).eval()
    ours, copied = model.state_dict(), set()
    for name, weights in marian.state_dict().items():
        if name.endswith("embed_positions.weight"):
            # Marian puts all sines before all cosines, the paper in turns.
            weights.copy_(sinusoidal_positions(64, config.d_model))
        elif name == "final_logits_bias":
            weights.zero_()
        else:
            for theirs, our in TO_OURS.items():
                name = name.replace(theirs, our)
            weights.copy_(ours[name])
            copied.add(name)
    assert copied == set(ours)
    return marian


@pytest.fixture(scope="module")
def copier() -> Transformer:
    """A model that has begun to learn to copy: it ends its sentences, but is unsure of them."""
    torch.manual_seed(1)
    config = small(n_encoder_layers=1, n_decoder_layers=2, attention_bias=True)
    model = Transformer(config, vocab_size=VOCAB_SIZE, pad_id=PAD)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for i in range(80):
        src = sources(32, seed=i)
        tgt_in = F.pad(src[:, :-1], (1, 0), value=BOS)
        logits = model(src, tgt_in).flatten(0, 1)
        loss = F.cross_entropy(logits, src.flatten(), ignore_index=PAD)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def sources(n: int, seed: int) -> Tensor:
    """Random sentences of 1 to 6 tokens and their EOS."""
    lengths = torch.randint(1, 7, (n,), generator=torch.Generator().manual_seed(seed))
    src = F.pad(sentences(*lengths.tolist(), seed=seed), (0, 1), value=PAD)
    src[torch.arange(n), lengths] = EOS
    return src


def until_eos(ids: list[int]) -> tuple[int, ...]:
    """Without BOS, EOS and what follows it."""
    return tuple(ids[1 : ids.index(EOS)] if EOS in ids else ids[1:])


def generate(marian: Any, src: Tensor, **options: Any) -> Any:
    return marian.generate(
        src,
        attention_mask=(src != PAD).long(),
        do_sample=False,
        max_length=LIMIT + 1,  # counts BOS
        suppress_tokens=[PAD, BOS],
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )


@torch.no_grad()
def test_logits_equal_hugging_faces() -> None:
    model = random_model(attention_bias=True)
    src, tgt_in = sentences(6, 2, 4), sentences(5, 5, 5, seed=2)
    mask = (src != PAD).long()
    theirs = marian_of(model)(input_ids=src, attention_mask=mask, decoder_input_ids=tgt_in).logits
    assert_close(model(src, tgt_in), theirs)


@torch.no_grad()
def test_greedy_output_equals_hugging_faces(copier: Transformer) -> None:
    for model in (copier, random_model(attention_bias=True)):
        src = sources(30, seed=1001)
        state, ids = model.start(src), torch.full((len(src), 1), BOS)
        for _ in range(LIMIT):
            logits, state = model.step(ids[:, -1], state)
            logits[:, [PAD, BOS]] = -torch.inf
            ids = torch.cat((ids, logits.argmax(dim=-1, keepdim=True)), dim=1)
        theirs = generate(marian_of(model), src, num_beams=1).sequences
        assert [until_eos(row) for row in ids.tolist()] == [
            until_eos(row) for row in theirs.tolist()
        ]


@pytest.mark.parametrize("alpha", [0.6, 1.0])
@torch.no_grad()
def test_beam_output_equals_hugging_faces(copier: Transformer, alpha: float) -> None:
    """Equal where theirs ends; both count EOS as a token and divide by length^alpha.

    With early_stopping="never" they too go on until nothing can get better. Two differences remain.
    At the length limit theirs lets unended hypotheses compete with ended ones. And of the 2k best
    candidates of a step only the first k may end there; all of them may here, as in the paper's own
    code, so that ours now and then finds something better, and never something worse.
    """
    src = sources(60, seed=1000)
    ours = beam_search(
        copier.step,
        copier.start(src),
        [LIMIT] * len(src),
        bos_id=BOS,
        eos_id=EOS,
        forbidden=[PAD, BOS],
        beam_size=4,
        penalty=partial(length_penalty, "power", alpha),
    )
    theirs = generate(
        marian_of(copier), src, num_beams=4, length_penalty=alpha, early_stopping="never"
    )
    same = 0
    for [best], ids, score in zip(
        ours, theirs.sequences.tolist(), theirs.sequences_scores.tolist(), strict=True
    ):
        if best.ids == until_eos(ids):
            assert best.score == pytest.approx(score, abs=1e-4)
            same += 1
        elif EOS in ids:
            assert best.score > score
    assert same >= 57
