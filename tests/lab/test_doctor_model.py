"""The doctor's look at a model: sound ones pass, and each planted fault is found and named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from transformer.config import load_config
from transformer.data.batching import Batch
from transformer.data.builtin.corpus import sample_pairs
from transformer.lab.changes import (
    CHANGES,
    visible_padding,
    without_look_ahead_mask,
    without_positions,
    without_residuals,
)
from transformer.lab.doctor import batches, leaks, learning, signal, trials
from transformer.lab.doctor.examples import Example, pad_id_of, real_batches, without_dropout
from transformer.lab.doctor.findings import Finding
from transformer.model.decoding_state import DecodingState
from transformer.model.dropout import Dropout
from transformer.model.encoder_decoder import Transformer
from transformer.model.feed_forward import FeedForward
from transformer.model.gpt import GPT
from transformer.model.layout import Padded
from transformer.model.masks import causal_mask
from transformer.training.loss import Loss, label_smoothed_cross_entropy
from transformer.training.starting import prepare
from transformer.training.task import AnyTask, Model
from transformer.training.translation import TranslationTask

SMALL = (
    "tokenizer.vocab_size=400",
    "model.d_model=32",
    "model.d_ff=64",
    "model.n_heads=2",
    "model.n_decoder_layers=2",
    "training.batch_tokens=300",
    "training.threads=1",
)


@pytest.fixture(scope="module")
def translation(tmp_path_factory: pytest.TempPathFactory) -> TranslationTask:
    folder = tmp_path_factory.mktemp("pairs")
    for name, n in (("train", 300), ("val", 20)):
        pairs = sample_pairs(name, n)
        text = "".join(f"{de}\t{en}\n" for de, en in pairs)
        (folder / f"{name}.tsv").write_text(text, encoding="utf-8")
    data = [f"data.{name}={folder / name}.tsv" for name in ("train", "val")]
    limits = ["data.cleaning.max_tokens=100", "model.n_encoder_layers=2"]
    task = prepare(load_config(None, [*SMALL, *data, *limits]))
    assert isinstance(task, TranslationTask)
    return task


@pytest.fixture(scope="module")
def language_modeling(tmp_path_factory: pytest.TempPathFactory) -> AnyTask:
    folder = tmp_path_factory.mktemp("texts")
    for name, n in (("train", 300), ("val", 50)):
        text = "\n".join(de for de, _ in sample_pairs(name, n))
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    data = [f"data.{name}={folder / name}.txt" for name in ("train", "val")]
    gpt = ["task=language_modeling", "model.context=32"]
    return prepare(load_config(None, [*SMALL, *data, *gpt]))


def _model(task: AnyTask) -> Model:
    torch.manual_seed(1)
    model: Model = task.new_model()
    return model.eval()


def _sound(task: AnyTask) -> Model:
    return without_dropout(_model(task)).eval()


def _mixed(task: AnyTask) -> Any:
    return batches.uneven(real_batches(task, 3, 100), pad_id_of(task))


def _example(task: AnyTask) -> Example:
    return Example.of(_mixed(task), pad_id_of(task))


def _faults(found: Finding | Iterable[Finding]) -> list[str]:
    findings = [found] if isinstance(found, Finding) else list(found)
    assert all(finding.advice for finding in findings if finding.level != "ok")
    return [finding.found for finding in findings if finding.level == "fault"]


def _passes(found: Finding | Iterable[Finding]) -> bool:
    findings = [found] if isinstance(found, Finding) else list(found)
    return bool(findings) and all(finding.level == "ok" for finding in findings)


# Sound models ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["translation", "language_modeling"])
def test_a_sound_model_passes_every_check(kind: str, request: pytest.FixtureRequest) -> None:
    task = request.getfixturevalue(kind)
    real, mixed, example = real_batches(task, 3, 100), _mixed(task), _example(task)
    assert _passes(batches.check_batches(task))
    assert _passes(leaks.check_dropout(_model(task), example))
    assert _passes(batches.check_loss(task, _sound(task), mixed))
    assert _passes(leaks.check_leaks(_sound(task), example))
    assert _passes(signal.check_signal(_sound(task), example))
    assert _passes(leaks.check_decoding(_sound(task), example))
    assert _passes(learning.check_first_loss(task, _sound(task), real))
    assert _passes(learning.check_weights(_model(task)))
    assert _passes(learning.check_gradients(task, _sound(task), mixed))
    assert _passes(trials.check_accumulation(task, mixed))
    assert _passes(trials.check_overfit(task, real[0]))


# Batches and the loss ----------------------------------------------------------------------------


def test_a_batch_whose_input_holds_the_answer_is_found(translation: TranslationTask) -> None:
    batch = _mixed(translation)
    [found] = _faults(
        batches.check_shift([Batch(batch.src, batch.tgt_out, batch.tgt_out, batch.n_tokens)], 0)
    )
    assert "holds the answer at 100.0%" in found


def test_an_input_shifted_by_two_is_found(translation: TranslationTask) -> None:
    batch = _mixed(translation)
    late = torch.cat((batch.tgt_in[:, :1], batch.tgt_in[:, :-1]), dim=1)
    [found] = _faults(batches.check_shift([Batch(batch.src, late, batch.tgt_out, 1)], 0))
    assert "it is not the target shifted by one" in found


class _Shuffled(TranslationTask):
    """Sources stand beside the targets of other pairs, and padding stands in front."""

    def batches(self, *, epoch: int, skip: int) -> Any:
        for batch in super().batches(epoch=epoch, skip=skip):
            yield Batch(batch.src.roll(1, 0), batch.tgt_in, batch.tgt_out, batch.n_tokens + 1)


def _as(task: TranslationTask, kind: type[TranslationTask], **changes: Any) -> TranslationTask:
    parts = {name: getattr(task, name) for name in task.__dataclass_fields__}
    return kind(**(parts | changes))


def test_pairs_torn_apart_and_tokens_counted_wrong_are_found(translation: TranslationTask) -> None:
    wrong, torn = _faults(batches.check_batches(_as(translation, _Shuffled)))
    assert "counts" in wrong and "target tokens" in wrong
    assert "are not in the corpus" in torn


class _CountsPadding(TranslationTask):
    def loss(self, model: Transformer, batch: Batch, step: int) -> Loss:
        logits = model(batch.src, batch.tgt_in)
        return label_smoothed_cross_entropy(logits, batch.tgt_out, pad_id=None)


def test_a_loss_that_counts_padding_is_found(translation: TranslationTask) -> None:
    task = _as(translation, _CountsPadding)
    [found] = _faults(batches.check_loss(task, _sound(task), _mixed(task)))
    assert "computed plainly" in found
    [found] = _faults(trials.check_accumulation(task, _mixed(task)))
    assert "differ by" in found


# Leaks -------------------------------------------------------------------------------------------


class _Averages(FeedForward):
    """Takes the mean of all sentences away, as a batch norm would."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(dim=0, keepdim=True))


def _average(model: Model) -> None:
    for module in model.modules():
        if isinstance(module, FeedForward):
            module.__class__ = _Averages


def _break(model: Model) -> None:
    nn.init.constant_(model.output.weight[7:8], float("nan"))


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        (without_look_ahead_mask, "a later target token moves"),
        (visible_padding, "more padding after the source moves"),
        (_average, "another sentence of the batch moves"),
        (_break, "not a number"),
    ],
)
def test_what_a_model_must_not_see_is_found(
    translation: TranslationTask, plant: Callable[[Model], None], named: str
) -> None:
    model = _sound(translation)
    with torch.no_grad():
        plant(model)
    assert any(named in found for found in _faults(leaks.check_leaks(model, _example(translation))))


def test_a_gpt_that_sees_the_next_token_is_found(language_modeling: AnyTask) -> None:
    model = _sound(language_modeling)
    for module in model.modules():
        if hasattr(module, "kernel"):
            kernel = module.kernel

            def peeks(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, p: float) -> Tensor:
                return kernel(q, k, v, mask | mask.roll(1, -1) if mask is not None else None, p)  # noqa: B023

            module.kernel = peeks
    [found] = _faults(leaks.check_leaks(model, _example(language_modeling)))
    assert "a later target token moves" in found


def _deaf_to_the_source(model: Model) -> None:
    for layer in model.decoder.layers:
        nn.init.zeros_(layer.cross_attention.output.weight)  # type: ignore[union-attr, arg-type]


def _sees_itself_alone(model: Model) -> None:
    def target_layout(tgt_in: Tensor) -> Padded:
        n = tgt_in.size(1)
        return Padded(n, torch.eye(n, dtype=torch.bool).view(1, 1, n, n))

    setattr(model, "target_layout", target_layout)  # noqa: B010


def _straighten(model: Model) -> None:
    for module in model.modules():
        if isinstance(module, FeedForward):
            module.activation = lambda x: x


def _masks_the_encoder(model: Model) -> None:
    for layer in model.encoder.layers:  # type: ignore[union-attr]
        kernel = layer.self_attention.kernel

        def ahead(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, p: float) -> Tensor:
            mask = torch.where(causal_mask(q.size(-2)), mask, float("-inf"))
            return kernel(q, k, v, mask, p)  # noqa: B023

        layer.self_attention.kernel = ahead


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        (_masks_the_encoder, "a source token sees nothing of the next one"),
        (_deaf_to_the_source, "another source makes no difference"),
        (_sees_itself_alone, "an earlier target token makes no difference"),
        (without_positions, "the order of the source makes no difference"),
        (_straighten, "is linear (4 such sublayers)"),
        (without_residuals, "is lost (10 such sublayers)"),
        (CHANGES["cosine"], "attention is not softmax"),
    ],
)
def test_what_a_model_must_see_is_found_missing(
    translation: TranslationTask, plant: Callable[[Model], None], named: str
) -> None:
    model = _sound(translation)
    plant(model)
    found = _faults(signal.check_signal(model, _example(translation)))
    assert any(named in fault for fault in found), found


def test_sentences_that_all_begin_alike_are_no_fault(translation: TranslationTask) -> None:
    example = _example(translation)
    assert example.src is not None
    src, tgt_in = example.src.clone(), example.tgt_in.clone()
    src[:, :2], tgt_in[:, 1] = src[0, :2], tgt_in[0, 1]
    alike = replace(example, src=src, tgt_in=tgt_in)
    assert _passes(signal.check_signal(_sound(translation), alike))


class _AlwaysOn(Dropout):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, self.p, training=True)


class _Unscaled(Dropout):
    def forward(self, x: Tensor) -> Tensor:
        return x * (torch.rand_like(x) >= self.p) if self.training else x


class _Off(Dropout):
    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (_AlwaysOn, "two passes in evaluation mode differ"),
        (_Unscaled, "changes the mean of its input to 0.9"),
        (_Off, "dropout 0.1 changes nothing while training"),
    ],
)
def test_dropout_that_is_wrong_is_found(
    translation: TranslationTask, kind: type[Dropout], named: str
) -> None:
    model = _model(translation)
    for module in model.modules():
        if isinstance(module, Dropout):
            module.__class__ = kind
    [found] = _faults(leaks.check_dropout(model, _example(translation)))
    assert named in found


class _LosesItsPlace(Transformer):
    def step(self, tokens: Tensor, state: DecodingState, logits: Any = None) -> Any:
        found, new = super().step(tokens, state, logits)
        return found, replace(new, position=0)


class _Forgets(GPT):
    def step(self, tokens: Tensor, state: Any) -> Any:
        return super().step(tokens, self.start())


@pytest.mark.parametrize("kind", ["translation", "language_modeling"])
def test_decoding_that_differs_from_training_is_found(
    kind: str, request: pytest.FixtureRequest
) -> None:
    task = request.getfixturevalue(kind)
    model = _sound(task)
    model.__class__ = _LosesItsPlace if isinstance(model, Transformer) else _Forgets  # type: ignore[assignment]
    [found] = _faults(leaks.check_decoding(model, _example(task)))
    assert "deviations from those of training" in found


# Learning ----------------------------------------------------------------------------------------


def test_a_first_loss_too_high_or_too_low_is_found(translation: TranslationTask) -> None:
    real = real_batches(translation, 2, 100)
    model = _sound(translation)
    with torch.no_grad():
        model.output.weight *= 10
    [found] = _faults(learning.check_first_loss(translation, model, real))
    assert "log of 400 pieces is 5.99" in found
    [found] = _faults(learning.check_weights(model))
    assert "larger than usual: tgt_embedding" in found

    # The model of shared embeddings repeats what it reads.
    copying = [Batch(b.src, b.tgt_out, b.tgt_out, b.n_tokens) for b in real]
    assert _faults(learning.check_first_loss(translation, _sound(translation), copying))


@torch.no_grad()
def _zeroed(model: Model) -> None:
    nn.init.zeros_(model.decoder.layers[1].feed_forward.contract.weight)  # type: ignore[union-attr, arg-type]


@torch.no_grad()
def _dead(model: Model) -> None:
    nn.init.constant_(model.decoder.layers[1].feed_forward.expand.bias, -20.0)  # type: ignore[union-attr, arg-type]


def _detached(model: Model) -> None:
    def cut(module: nn.Module, given: Any, output: Tensor) -> Tensor:
        return output.detach()

    model.decoder.layers[0].register_forward_hook(cut)


@torch.no_grad()
def _shouting(model: Model) -> None:
    for layer in model.decoder.layers:
        layer.feed_forward.contract.weight *= 1e4  # type: ignore[union-attr, operator]
        layer.feed_forward_residual.norm.weight *= 1e3  # type: ignore[union-attr, operator]


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        (_zeroed, "no gradient at all for decoder.layers.1.feed_forward.expand.weight"),
        (_dead, "100% of the units of decoder.layers.1.feed_forward are 0"),
        (_detached, "no gradient at all for decoder.layers.0"),
        (_shouting, "the norm of all together is"),
    ],
)
def test_gradients_that_are_dead_or_explode_are_found(
    translation: TranslationTask, plant: Callable[[Model], None], named: str
) -> None:
    model = _sound(translation)
    plant(model)
    found = _faults(learning.check_gradients(translation, model, _mixed(translation)))
    assert any(named in fault for fault in found), found


def test_weights_of_zeros_and_frozen_ones_are_found(translation: TranslationTask) -> None:
    model = _sound(translation)
    _zeroed(model)
    model.encoder.layers[0].requires_grad_(False)  # type: ignore[union-attr]
    findings = list(learning.check_weights(model))
    [found] = _faults(findings)
    assert found == "all of decoder.layers.1.feed_forward.contract.weight is 0"
    assert "never trained: encoder.layers.0" in findings[-1].found


class _MeansOfBatches(TranslationTask):
    def loss(self, model: Transformer, batch: Batch, step: int) -> Loss:
        loss = super().loss(model, batch, step)
        return Loss(loss.smoothed / loss.n_tokens, loss.nll, loss.n_tokens)


def test_batches_that_count_alike_whatever_their_size_are_found(
    translation: TranslationTask,
) -> None:
    task = _as(translation, _MeansOfBatches)
    [found] = _faults(trials.check_accumulation(task, _mixed(task)))
    assert "small batches and one large one" in found


class _Deaf(TranslationTask):
    """All sentences begin alike for this model: it hears no source and little of the target."""

    def new_model(self) -> Transformer:
        model = super().new_model()
        for weight in (*model.encoder.parameters(), *model.decoder.parameters()):
            weight.requires_grad_(False)
        _deaf_to_the_source(model)
        _sees_itself_alone(model)
        return model


@pytest.mark.slow
def test_a_batch_that_is_not_learned_is_found_and_settings_are_blamed(
    translation: TranslationTask,
) -> None:
    [batch] = real_batches(translation, 1, 100)
    found = trials.check_overfit(_as(translation, _Deaf), batch, n_updates=60)
    assert found.level == "fault" and "not learned" in found.found
    assert "the other faults" in found.advice

    training = translation.config.training.model_copy(update={"adam_eps": 1.0})
    config = translation.config.model_copy(update={"training": training})
    found = trials.check_overfit(replace(translation, config=config), batch)
    assert found.level == "fault" and "change training.adam_eps" in found.advice


def test_a_trial_that_takes_too_long_is_no_fault(translation: TranslationTask) -> None:
    [batch] = real_batches(translation, 1, 100)
    found = trials.check_overfit(translation, batch, seconds=0.01)
    assert found.level in ("warning", "fault") and found.advice


# Settings that the code does not keep ------------------------------------------------------------


def test_matrices_that_are_not_shared_as_set_are_found(translation: TranslationTask) -> None:
    model = _sound(translation)
    model.output = deepcopy(model.output)
    assert "do not share" in _faults(learning.check_weights(model))[0]


def test_another_padding_than_that_of_the_batches_is_found(translation: TranslationTask) -> None:
    model = _sound(translation)
    model.pad_id = 1  # type: ignore[misc]
    found = _faults(leaks.check_leaks(model, _example(translation)))
    assert any("more padding after the source moves" in each for each in found)


def test_embeddings_that_drown_in_positions_are_a_warning(translation: TranslationTask) -> None:
    model = _sound(translation)
    CHANGES["no_embedding_scale"](model)
    assert signal.check_embedding(_sound(translation)).level == "ok"
    assert signal.check_embedding(model).level == "warning"


def test_a_gpt_without_positions_is_found(language_modeling: AnyTask) -> None:
    model = _sound(language_modeling)
    without_positions(model)
    assert "positions 0" in _faults(signal.check_embedding(model))[0]


def test_layers_that_are_copies_are_found(translation: TranslationTask) -> None:
    model = _sound(translation)
    model.decoder.layers[1] = deepcopy(model.decoder.layers[0])
    assert "equal from the beginning" in _faults(learning.check_weights(model))[0]


def test_gradients_that_are_not_begun_anew_are_found(
    translation: TranslationTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.optim.AdamW, "zero_grad", lambda self, set_to_none: None)
    [found] = _faults(trials.check_accumulation(translation, _mixed(translation)))
    assert "a second update with the same batches has another gradient" in found
