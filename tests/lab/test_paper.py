"""Whether a model is the paper's: what departs is found, and nothing else is."""

import json
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import MarianConfig, MarianMTModel

from transformer.cli import lab_main
from transformer.config import Config, load_config
from transformer.errors import UserError
from transformer.lab import recipe
from transformer.lab.changes import CHANGES, change
from transformer.lab.paper import Report, examine, examine_model, examine_run
from transformer.lab.probes import embedded, influence, position_formula
from transformer.lab.scores import SCORES, attention_with, dot
from transformer.lab.subjects import subject_of
from transformer.lab.traces import dropped
from transformer.model.dropout import Dropout
from transformer.model.encoder_decoder import Transformer
from transformer.model.kv_cache import Memory
from transformer.model.layout import Padded
from transformer.model.masks import as_summand, causal_mask, padding_mask
from transformer.runs.weights import read_model, save_weights
from transformer.training import translation, updating
from transformer.training.loss import Loss
from transformer.training.task import Change

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "tests" / "quickstart"
SMALL = ["model.d_model=32", "model.n_heads=4", "model.d_ff=64", "tokenizer.vocab_size=300"]
SMALL += ["model.n_encoder_layers=2", "model.n_decoder_layers=2"]
ON_PURPOSE = {"smoothing on padding"}
"""What departs by default, as docs/design.md says."""


def small(*settings: str) -> Config:
    return load_config(None, [*SMALL, *settings])


def departing(report: Report) -> set[str]:
    return {finding.choice for finding in report.departures}


@pytest.mark.slow
def test_the_defaults_are_the_paper_but_for_one_difference_on_purpose() -> None:
    report = examine(Config())
    assert departing(report) == ON_PURPOSE
    assert len(report.findings) == 37
    sizes = {size.name: (size.base, size.here) for size in report.sizes}
    differ = {"vocabulary", "weights", "P_drop"}  # 8,000 pieces; rounded to 1/256 on a CPU
    assert {name for name, (base, here) in sizes.items() if base != here} == differ


# Settings -----------------------------------------------------------------------------------------


SETTINGS: dict[str, set[str]] = {
    "seed=2": set(),
    "training.attention_kernel=fused": set(),
    "model.norm_first=true": {"norm", "norm after a stack"},
    "model.attention_bias=true": {"projections"},
    "model.activation=gelu": {"activation"},
    "model.activation=gelu_tanh": {"activation"},
    "model.activation=silu": {"activation"},
    "model.tie=target": {"embeddings and output"},
    "model.tie=none": {"embeddings and output"},
    "model.dropout=0": {"dropout on sublayers", "dropout on embeddings"},
    "model.attention_dropout=0.1": {"dropout on weights"},
    "model.activation_dropout=0.1": {"dropout on activations"},
    "training.adam_beta1=0.8": {"Adam"},
    "training.adam_beta2=0.999": {"Adam"},
    "training.adam_eps=1e-8": {"Adam"},
    "training.weight_decay=0.01": {"weight decay"},
    "training.clip_norm=1": {"gradient clipping"},
    "training.warmup_steps=8000": {"learning rate"},
    "training.learning_rate_scale=2": {"learning rate"},
    "training.peak_learning_rate=0.001": {"learning rate"},
    "training.decay=linear": {"learning rate"},
    "training.label_smoothing=0.2": {"label smoothing"},
    "training.consistency=2": {"passes per update"},
    "training.average_checkpoints=3": {"checkpoints averaged"},
    "training.average_checkpoints=0": {"checkpoints averaged"},
    "decoding.beam_size=5": {"beam"},
    "decoding.beam_size=1": {"beam", "length penalty"},  # nothing to compare lengths with
    "decoding.alpha=1": {"length penalty"},
    "decoding.length_penalty=power": {"length penalty"},
    "decoding.length_penalty=none": {"length penalty"},
    "decoding.max_extra_tokens=10": {"longest output"},
    "decoding.patience=1": {"search ends"},
    "decoding.relative_threshold=2": {"pruning"},
    "decoding.max_per_parent=3": {"pruning"},
    "decoding.no_repeat_ngram_size=3": {"repetition"},
    "decoding.no_repeat_ngram_size=1": {"repetition"},
}


@pytest.mark.parametrize(("setting", "choices"), SETTINGS.items())
def test_a_setting_that_departs_is_found_alone(setting: str, choices: set[str]) -> None:
    assert departing(examine(small(setting))) == choices | ON_PURPOSE


def test_without_smoothing_there_is_none_on_padding_either() -> None:
    assert departing(examine(small("training.label_smoothing=0"))) == {"label smoothing"}


def test_what_was_found_is_said() -> None:
    report = examine(
        small("training.adam_beta2=0.999", "decoding.length_penalty=power", "training.clip_norm=1")
    )
    found = {finding.choice: finding.found for finding in report.departures}
    assert found["Adam"] == "β₁ 0.9, β₂ 0.999, ε 1e-09"
    assert found["length penalty"] == "n^0.6"
    assert found["gradient clipping"] == "to a norm of 1"
    text = str(report)
    assert "DEPARTS  §5.3    Adam" in text
    assert "33 of 37 choices agree" in text
    assert text.endswith("departs: Adam, gradient clipping, smoothing on padding, length penalty")


def test_what_a_run_starts_from_is_taken_over() -> None:
    report = examine(load_config(None, [f"training.start_from={QUICKSTART}"]))
    assert {size.name: size.here for size in report.sizes} == {
        size.name: size.here for size in examine_run(QUICKSTART).sizes
    }
    assert "first matrices" not in {finding.choice for finding in report.findings}


# Planted faults -----------------------------------------------------------------------------------

SCORE = {"scores"}
EXPERIMENTS = {
    **{name: SCORE for name in SCORES if name != "scaled_dot"},
    "no_look_ahead_mask": {"decoder sees of target"},
    "other_triangle": {"decoder sees of target"},
    "visible_padding": {"padding of the source"},
    "no_positions": {"positions"},
    "learned_positions": {"positions"},
    "no_embedding_scale": {"factor on embeddings"},
    # Of the target, less than fp32 can tell then gets past the attention to the source.
    "no_residuals": {"residual connection", "decoder sees of target"},
    "no_norms": {"norm"},
    "no_feed_forward": {"sublayers"},
}


def test_all_experiments_with_the_transformer_are_tried() -> None:
    assert EXPERIMENTS.keys() == CHANGES.keys() - {"no_layers"}  # that one is for the GPT


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_of_the_lab_is_found_out(name: str) -> None:
    assert departing(examine(small(), change([name]))) == EXPERIMENTS[name] | ON_PURPOSE


class _Unbiased(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(dim=-1, keepdim=True)
        return centred / centred.std(dim=-1, keepdim=True) * self.weight + self.bias


class _RootMeanSquare(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return x / x.square().mean(dim=-1, keepdim=True).sqrt() * self.weight + self.bias


def _norm(model: Transformer, norm: nn.LayerNorm) -> None:
    cast(Any, model.encoder.layers[1]).feed_forward_residual.norm = norm


def _one_norm_first(model: Transformer) -> None:
    cast(Any, model.decoder.layers[1]).cross_attention_residual.norm_first = True


def _more_after_the_norm(model: Transformer) -> None:
    layer = cast(Any, model.encoder.layers[0])
    forward = layer.forward
    layer.forward = lambda x, layout: 2 * forward(x, layout)


def _one_more_norm(model: Transformer) -> None:
    model.decoder.norm = nn.LayerNorm(32)


def _twice_the_residual(model: Transformer) -> None:
    residual = cast(Any, model.encoder.layers[0]).self_attention_residual
    residual.forward = lambda x, sublayer: residual.norm(2 * x + residual.dropout(sublayer(x)))


def _one_score(model: Transformer) -> None:
    cast(Any, model.decoder.layers[1]).cross_attention.kernel = attention_with(dot)


def _one_bias(model: Transformer) -> None:
    cast(Any, model.encoder.layers[1]).self_attention.key.bias = nn.Parameter(torch.zeros(32))


def _bias_left_out(model: Transformer) -> None:
    cast(Any, model.decoder.layers[0]).feed_forward.contract.bias = None


def _one_gelu(model: Transformer) -> None:
    cast(Any, model.decoder.layers[1]).feed_forward.activation = F.gelu


def _positions(model: Transformer, table: Tensor) -> None:
    model.tgt_embedding.positions = nn.Parameter(table.float(), requires_grad=False)


def _in_halves(model: Transformer) -> None:
    table = position_formula(64, 32)
    _positions(model, torch.cat((table[:, ::2], table[:, 1::2]), dim=1))


def _from_one(model: Transformer) -> None:
    _positions(model, position_formula(65, 32)[1:])


def _scaled_both(model: Transformer) -> None:
    table = position_formula(64, 32) * 32**0.5
    _positions(model, table)


def _a_causal_encoder(model: Transformer) -> None:
    forward = model.encoder.forward

    def causal(x: Tensor, layout: Any) -> Tensor:
        later = as_summand(causal_mask(layout.length), torch.float32)
        return forward(x, replace(layout, mask=torch.minimum(layout.mask, later)))

    cast(Any, model.encoder).forward = causal


def _wrong_way_round(model: Transformer) -> None:
    def layout(src: Tensor) -> Padded:
        return Padded(src.size(1), ~padding_mask(src, model.pad_id))

    cast(Any, model).source_layout = layout


def _padding_seen_across(model: Transformer) -> None:
    memory = model.decoder.memory

    def without_mask(encoded: Tensor, source: Any) -> tuple[Memory, ...]:
        return tuple(Memory(m.cache, torch.zeros_like(m.mask)) for m in memory(encoded, source))

    cast(Any, model.decoder).memory = without_mask


def _padding_seen_in_the_target(model: Transformer) -> None:
    def layout(tgt: Tensor) -> Padded:
        return Padded(tgt.size(1), causal_mask(tgt.size(1)) | ~padding_mask(tgt, model.pad_id))

    cast(Any, model).target_layout = layout


def _short_sighted(model: Transformer) -> None:
    def layout(tgt: Tensor) -> Padded:
        return Padded(tgt.size(1), causal_mask(tgt.size(1)).triu(-1))

    cast(Any, model).target_layout = layout


def _one_weight_dropout(model: Transformer) -> None:
    cast(Any, model.decoder.layers[0]).self_attention.dropout = 0.1


def _one_activation_dropout(model: Transformer) -> None:
    cast(Any, model.encoder.layers[0]).feed_forward.dropout = Dropout(0.1)


def _one_sublayer_dropout(model: Transformer) -> None:
    cast(Any, model.decoder.layers[1]).feed_forward_residual.dropout = Dropout(0.0)


def _dropout_after_the_sum(model: Transformer) -> None:
    residual = cast(Any, model.encoder.layers[0]).self_attention_residual
    residual.forward = lambda x, sublayer: residual.norm(residual.dropout(x + sublayer(x)))


def _no_embedding_dropout(model: Transformer) -> None:
    model.tgt_embedding.dropout = Dropout(0.0)


def _embedding_dropout_before_positions(model: Transformer) -> None:
    embedding = model.tgt_embedding

    def forward(ids: Tensor, layout: Any) -> Tensor:
        x = embedding.dropout(F.embedding(ids, embedding.weight) * embedding.scale)
        return x + layout.spread(embedding._table(layout))

    cast(Any, embedding).forward = forward


def _narrow_matrix(model: Transformer) -> None:
    nn.init.normal_(cast(Any, model.encoder.layers[0]).feed_forward.expand.weight, std=0.02)


def _normal_matrix(model: Transformer) -> None:
    nn.init.xavier_normal_(cast(Any, model.decoder.layers[1]).cross_attention.value.weight)


def _narrow_embedding(model: Transformer) -> None:
    nn.init.normal_(model.tgt_embedding.weight, std=0.02)


PLANTED: dict[Callable[[Transformer], None], set[str]] = {
    _one_norm_first: {"norm"},
    _more_after_the_norm: {"norm"},
    _one_more_norm: {"norm after a stack"},
    lambda model: _norm(model, _Unbiased(32)): {"formula of the norm"},
    lambda model: _norm(model, _RootMeanSquare(32)): {"formula of the norm"},
    _twice_the_residual: {"residual connection", "dropout on sublayers"},
    _one_score: {"scores"},
    _one_bias: {"projections"},
    _bias_left_out: {"feed-forward biases"},
    _one_gelu: {"activation"},
    _in_halves: {"positions"},
    _from_one: {"positions"},
    _scaled_both: {"positions"},
    _a_causal_encoder: {"encoder sees"},
    _wrong_way_round: {"encoder sees", "decoder sees of source", "padding of the source"},
    _padding_seen_across: {"padding of the source"},
    _padding_seen_in_the_target: {"padding of the target"},
    _short_sighted: {"decoder sees of target"},
    _one_weight_dropout: {"dropout on weights"},
    _one_activation_dropout: {"dropout on activations"},
    _one_sublayer_dropout: {"dropout on sublayers"},
    _dropout_after_the_sum: {"dropout on sublayers"},
    _no_embedding_dropout: {"dropout on embeddings"},
    _embedding_dropout_before_positions: {"dropout on embeddings"},
    _narrow_matrix: {"first matrices"},
    _normal_matrix: {"first matrices"},
    _narrow_embedding: {"first embeddings"},
}


@pytest.mark.parametrize(
    ("plant", "choices"), PLANTED.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_a_planted_fault_is_found_alone(plant: Callable[[Any], None], choices: set[str]) -> None:
    assert departing(examine(small(), Change("planted", plant))) == choices | ON_PURPOSE


def test_every_choice_is_seen_to_depart_somewhere() -> None:
    tried = set().union(*SETTINGS.values(), *EXPERIMENTS.values(), *PLANTED.values())
    assert tried | ON_PURPOSE == {finding.choice for finding in examine(small()).findings}


def test_norm_first_without_a_norm_after_the_stacks_is_told_from_that_with_one() -> None:
    def plant(model: Any) -> None:
        model.encoder.norm = model.decoder.norm = nn.Identity()

    report = examine(small("model.norm_first=true"), Change("planted", plant))
    assert departing(report) == {"norm", *ON_PURPOSE}


def test_a_schedule_that_is_off_by_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = updating.learning_rate_at
    late = lambda step, config: right(step + 1, config)  # noqa: E731
    monkeypatch.setattr(updating, "learning_rate_at", late)
    assert departing(examine(small())) == {"learning rate", *ON_PURPOSE}


def test_another_average_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "average_weights", lambda checkpoints: list(checkpoints)[-1])
    assert departing(examine(small())) == {"checkpoints averaged", *ON_PURPOSE}


def test_smoothing_as_in_the_papers_code_would_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_torch(logits: Tensor, targets: Tensor, *, pad_id: int, **_: Any) -> Loss:
        real = targets != pad_id
        loss = F.cross_entropy(logits[real], targets[real], label_smoothing=0.1, reduction="sum")
        return Loss(loss, loss.detach(), int(real.sum()))

    monkeypatch.setattr(translation, "label_smoothed_cross_entropy", of_torch)
    assert departing(examine(small())) == set()


# Other models -------------------------------------------------------------------------------------


def marian(**settings: Any) -> MarianMTModel:
    torch.manual_seed(1)
    sizes = {"d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "vocab_size": 500}
    sizes |= {f"{stack}_attention_heads": 4 for stack in ("encoder", "decoder")}
    sizes |= {f"{stack}_ffn_dim": 128 for stack in ("encoder", "decoder")}
    ids = {"pad_token_id": 0, "decoder_start_token_id": 0}
    return MarianMTModel(MarianConfig(**sizes, **ids, **settings))


OF_MARIAN = {"projections", "activation", "factor on embeddings", "positions"}


def test_marian_departs() -> None:
    first = {"first matrices", "first embeddings"}
    assert departing(examine_model(marian())) == OF_MARIAN
    assert departing(examine_model(marian(), fresh=True)) == OF_MARIAN | first


@pytest.mark.parametrize(
    ("settings", "choices"),
    [
        ({"activation_function": "relu", "scale_embedding": True}, {"projections", "positions"}),
        ({"attention_dropout": 0.1}, OF_MARIAN | {"dropout on weights"}),
        ({"activation_dropout": 0.1}, OF_MARIAN | {"dropout on activations"}),
        ({"dropout": 0.0}, OF_MARIAN | {"dropout on sublayers", "dropout on embeddings"}),
        ({"tie_word_embeddings": False}, OF_MARIAN | {"embeddings and output"}),
    ],
)
def test_marians_settings_are_seen_in_what_it_does(
    settings: dict[str, Any], choices: set[str]
) -> None:
    assert departing(examine_model(marian(**settings))) == choices


@pytest.mark.parametrize("batch_first", [True, False])
def test_torch_departs(batch_first: bool) -> None:
    torch.manual_seed(1)
    theirs = nn.Transformer(64, 4, 2, 2, 128, batch_first=batch_first)
    expected = {"norm after a stack", "projections", "dropout on weights", "dropout on activations"}
    report = examine_model(theirs)
    assert departing(report) == expected
    assert not {"positions", "decoder sees of target"} & {f.choice for f in report.findings}
    first = nn.Transformer(64, 4, 2, 2, 128, norm_first=True, activation="gelu", bias=False)
    expected |= {"norm", "activation", "feed-forward biases"}
    assert departing(examine_model(first)) == expected - {"projections"}


def test_no_way_into_an_unknown_model() -> None:
    with pytest.raises(UserError, match="the way into a Linear is not known; make a Subject of it"):
        examine_model(nn.Linear(2, 2))


def test_the_table_in_the_docs_is_what_its_code_prints() -> None:
    page = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", page, re.S)
    printed = StringIO()
    with redirect_stdout(printed):
        exec(code, {})
    table = printed.getvalue().strip()
    assert table.count("\n") > 15
    assert table in page


# The probes themselves ----------------------------------------------------------------------------


def test_who_sees_whom() -> None:
    model = Transformer(small().transformer, vocab_size=300)
    with torch.no_grad():
        seen = influence(subject_of(model), of="tgt", on="tgt")
    assert seen.int().tolist() == [[int(j >= i) for j in range(6)] for i in range(6)]


def test_positions_are_taken_out_of_the_sum() -> None:
    model = Transformer(small("model.tie=none").transformer, vocab_size=300)
    model.tgt_embedding.scale = 3.0
    with torch.no_grad():
        source, target = embedded(subject_of(model))
    assert source.factor == pytest.approx(32**0.5) and target.factor == pytest.approx(3)
    formula = position_formula(50, 32).float()
    torch.testing.assert_close(target.positions, formula, atol=1e-4, rtol=0)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5])
def test_dropout_is_measured(p: float) -> None:
    x = torch.randn(50, 50)
    assert dropped(x, F.dropout(x, p)) == pytest.approx(p, abs=1e-4)
    assert dropped(x, x + 0.1 * torch.randn(50, 50)) is None


def test_a_model_is_left_as_it_was() -> None:
    model = Transformer(small().transformer, vocab_size=300)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    drawn = torch.random.get_rng_state()
    examine_model(model.eval())
    assert not model.training
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert not any(module._forward_hooks for module in model.modules())
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


# Runs and the command -----------------------------------------------------------------------------


def test_a_run_of_the_lab_is_examined_with_its_change(tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(QUICKSTART, run)
    weights, about = read_model(run / "model.safetensors")
    save_weights(weights, run / "model.safetensors", about | {"change": "visible_padding + cosine"})
    found = departing(examine_run(run)) - departing(examine_run(QUICKSTART))
    assert found == {"padding of the source", "scores"}


def test_the_command_prints_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab_main(["paper", *SMALL, "model.norm_first=true"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("the defaults model.d_model=32 ")
    assert "DEPARTS  §3.1    norm " in out and "34 of 37 choices agree" in out
    assert lab_main(["paper", "--model", str(QUICKSTART), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == str(QUICKSTART)
    assert found["n_agree"] == sum(finding["agrees"] for finding in found["findings"])
    assert found["n_choices"] == len(found["findings"]) == 35


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--model", "nowhere"], 1, "nowhere does not exist"),
        (["--config", "nowhere.yaml"], 1, "no configuration file nowhere.yaml"),
        (["--model", "de-en", "seed=2"], 2, "--model has the settings of its run; leave out"),
        (["model.norm_frist=true"], 1, "did you mean 'model.norm_first'?"),
        (["task=language_modeling"], 1, "the paper's model translates, and this is a language"),
    ],
)
def test_mistakes(
    arguments: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        assert lab_main(["paper", *arguments]) == status
    except SystemExit as stopped:
        assert stopped.code == status
    assert message in capsys.readouterr().err
