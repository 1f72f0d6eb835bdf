"""The loop: it learns, it resumes exactly, and it explains what stops it."""

import json
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from transformer import Translator, load_config
from transformer.config import Config
from transformer.data.builtin.corpus import sample_pairs
from transformer.data.corpus import CorpusError
from transformer.errors import UserError
from transformer.runs.checkpoints import (
    Checkpoint,
    TrainingState,
    last_weights,
    newest_whole_step,
    save_checkpoint,
)
from transformer.runs.directory import RunDirectory
from transformer.runs.errors import CheckpointError
from transformer.runs.weights import average_weights, named_weights, read_metadata
from transformer.training import dry_run, loop
from transformer.training.dry_run import describe_run
from transformer.training.loop import train
from transformer.training.loss import label_smoothed_cross_entropy
from transformer.training.resuming import TrainingError
from transformer.training.starting import prepare, prepare_together
from transformer.training.translation import TranslationTask
from transformer.training.updating import NotFiniteError, build, update, update_together, updates
from transformer.training.world import ALONE

WILD = ("training.learning_rate_scale=1e6", "training.warmup_steps=1", "training.weight_decay=1e3")
"""The weights of such a run are infinite after a few updates."""

FinalBytes = Callable[[Config], dict[str, bytes]]


def rows(config: Config) -> list[dict[str, Any]]:
    text = RunDirectory(config.run_dir).metrics.read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_an_interrupted_run_saves_and_resumes_exactly(
    configure: Callable[..., Config], final_bytes: FinalBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = configure(run="whole"), configure(run="stopped")
    train(whole)

    def interrupts(*args: Any) -> Any:
        if args[3] == 7:
            signal.raise_signal(signal.SIGTERM)
        return update_together(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update_together", interrupts)
        run = train(stopped)
    assert run.interrupted and run.step == 7
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    train(stopped, resume=True)
    assert final_bytes(whole) == final_bytes(stopped)


@pytest.mark.slow
def test_a_damaged_newest_checkpoint_costs_only_the_steps_since_the_one_before(
    configure: Callable[..., Config], final_bytes: FinalBytes
) -> None:
    whole, damaged = configure(run="whole"), configure(run="damaged")
    train(whole)
    train(damaged)
    newest = max(RunDirectory(damaged.run_dir).checkpoints.glob("step-*"))
    (newest / "model.safetensors").write_bytes(b"damaged")
    train(damaged, resume=True)
    assert final_bytes(whole) == final_bytes(damaged)


@pytest.mark.slow
def test_a_small_corpus_is_really_learned(
    configure: Callable[..., Config],
    write_pairs: Callable[[Path, list[tuple[str, str]]], Path],
    tmp_path: Path,
) -> None:
    pairs = sample_pairs("train", 200)[:60]
    file = write_pairs(tmp_path / "pairs.tsv", pairs)
    config = configure(
        f"data.train={file}",
        f"data.val={file}",
        "model.d_model=64",
        "model.d_ff=128",
        "model.n_heads=4",
        "training.accumulate=1",
        "training.batch_tokens=1000",
        "training.max_steps=800",
        "training.warmup_steps=60",
        "training.learning_rate_scale=0.5",
        "training.validate_every=800",
        "training.val_bleu_sentences=60",
        "training.checkpoint_every=100",
    )
    run = train(config)
    assert run.metrics["val_bleu"] > 90
    translator = Translator.load(run.directory)
    right = sum(translator.translate(de) == en for de, en in pairs[:20])
    assert right >= 17


def test_the_run_directory_is_complete_and_can_be_moved(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    config = configure("training.tensorboard=true")
    run = train(config)
    moved = tmp_path / "elsewhere" / "model"
    moved.parent.mkdir()
    shutil.move(run.directory, moved)
    names = {path.name for path in moved.iterdir()}
    assert {"config.yaml", "sentencepiece.model", "model.safetensors", "best.safetensors"} <= names
    assert {"checkpoints", "metrics.jsonl", "train.log"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert load_config(moved / "config.yaml") == config
    # Weights that someone copies out of a checkpoint say what they are, too.
    [checkpoint] = (moved / "checkpoints").glob(f"*{run.step}")
    of_checkpoint = read_metadata(checkpoint / "model.safetensors")
    assert of_checkpoint.keys() == read_metadata(moved / "model.safetensors").keys()
    assert of_checkpoint["step"] == str(run.step) and of_checkpoint["tokenizer"]
    text = Translator.load(moved).translate("Die Pizza kam aus dem Ofen.")
    assert isinstance(text, str) and "\n" not in text


def test_metrics_tell_what_happened(configure: Callable[..., Config]) -> None:
    config = configure()
    run = train(config)
    written = rows(config)
    training = [row for row in written if "lr" in row]
    assert [row["step"] for row in training] == [2, 4, 6, 8, 10, 12]
    assert all(0 <= row["padding_share"] < 1 and row["tokens_per_second"] > 0 for row in training)
    assert all(row["gradient_norm"] > 0 for row in training)
    assert [row["step"] for row in written if "val_bleu" in row][:3] == [4, 8, 12]
    assert written[-1]["event"] == "finished"
    assert run.step == 12 and run.metrics["val_loss"] > 0
    train(config, resume=True)
    assert [row for row in rows(config) if "event" in row] == written[-1:]


def test_the_result_is_the_last_the_best_or_the_average(configure: Callable[..., Config]) -> None:
    config = configure("training.best_metric=loss", "training.learning_rate_scale=0.5")
    train(config)
    run = RunDirectory(config.run_dir)
    result = load_file(run.model)
    last = last_weights(run, 2)
    candidates = [last[0], average_weights(last), load_file(run.best)]
    assert any(all(torch.equal(result[k], c[k]) for k in result) for c in candidates)


def scripted(patch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Validation finds these values, whatever the weights: the last two belong to the end."""
    found = iter(values)

    def validate(*args: Any, **kwargs: Any) -> dict[str, float]:
        value = next(found)
        return {"val_loss": value, "val_nll": value, "val_ppl": 1.0, "val_bleu": value}

    patch.setattr(TranslationTask, "validate", validate)


@pytest.mark.parametrize(
    ("metric", "values"), [("bleu", [1.0, 3.0, 2.0, 0.5, 0.7]), ("loss", [3.0, 1.0, 2.0, 5.0, 4.0])]
)
@pytest.mark.slow
def test_the_best_weights_are_those_of_the_best_validation(
    configure: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
    metric: str,
    values: list[float],
) -> None:
    config = configure(f"training.best_metric={metric}")  # validated at 4, 8 and 12
    until_8 = RunDirectory(train(configure("training.max_steps=8", run="until 8")).directory)
    scripted(monkeypatch, values)
    metrics = train(config).metrics
    run = RunDirectory(config.run_dir)
    assert run.step_of_best() == 8 and metrics["val_loss"] == values[1]
    expected, found = last_weights(until_8, 1)[0], load_file(run.best)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert run.model.read_bytes() == run.best.read_bytes()


@pytest.mark.parametrize(("values", "chosen"), [([5.0, 4.0], 0), ([4.0, 5.0], 1)])
def test_the_end_chooses_between_the_last_and_the_average(
    configure: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
    values: list[float],
    chosen: int,
) -> None:
    config = configure("training.best_metric=bleu")
    scripted(monkeypatch, [1.0, 3.0, 2.0, *values])
    assert train(config).metrics["val_bleu"] == 5.0
    run = RunDirectory(config.run_dir)
    last = last_weights(run, 2)
    expected, found = [last[0], average_weights(last)][chosen], load_file(run.model)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert run.step_of_best() == 8


@pytest.mark.slow
def test_a_new_best_is_in_a_checkpoint_at_once(
    configure: Callable[..., Config], final_bytes: FinalBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = configure(run="whole"), configure(run="killed")
    train(whole)

    def dies(*args: Any) -> Any:
        if args[3] == 5:
            raise KeyboardInterrupt
        return update_together(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update_together", dies)
        with pytest.raises(KeyboardInterrupt):
            train(killed)
    run = RunDirectory(killed.run_dir)
    assert newest_whole_step(run) == run.step_of_best() == 4  # scheduled are 3, 6, ...
    train(killed, resume=True)
    assert final_bytes(whole) == final_bytes(killed)


def test_a_signal_while_it_validates_is_heard(
    configure: Callable[..., Config], final_bytes: FinalBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = configure(run="whole"), configure(run="stopped")
    train(whole)

    validate = TranslationTask.validate

    def interrupted(*args: Any) -> dict[str, float]:
        signal.raise_signal(signal.SIGINT)
        return validate(*args)

    with monkeypatch.context() as patch:
        patch.setattr(TranslationTask, "validate", interrupted)
        run = train(stopped)
    assert run.interrupted and run.step == 4
    train(stopped, resume=True)
    assert final_bytes(whole) == final_bytes(stopped)


def test_a_validation_that_is_not_finite_stops_the_run(configure: Callable[..., Config]) -> None:
    config = configure()
    task = prepare(config)
    model, _ = build(task, torch.device("cpu"))
    with torch.no_grad():
        model.output.weight.fill_(3e38)
    with pytest.raises(TrainingError, match=r"the loss of the validation set is (nan|inf)"):
        task.validate(model)


def test_validation_depends_on_no_setting_for_decoding(configure: Callable[..., Config]) -> None:
    config = configure("training.max_steps=4")
    other = configure("decoding.max_extra_tokens=0", "decoding.beam_size=3")
    task = prepare(config)
    model, _ = build(task, torch.device("cpu"))
    assert task.validate(model) == replace(task, config=other).validate(model)


def test_a_run_is_never_overwritten(configure: Callable[..., Config]) -> None:
    config = configure()
    Path(config.run_dir).mkdir()
    precious = Path(config.run_dir, "precious.txt")
    precious.write_text("mine")
    with pytest.raises(TrainingError, match=r"not empty.*\n.*--resume\n.*run_dir=.*run-2"):
        train(config)
    assert precious.read_text() == "mine" and len(list(precious.parent.iterdir())) == 1


def test_what_is_not_a_config_is_refused() -> None:
    with pytest.raises(UserError, match="config must be a Config, such as load_config gives"):
        train("config.yaml")  # type: ignore[arg-type]


def test_what_cannot_be_resumed_is_explained(configure: Callable[..., Config]) -> None:
    with pytest.raises(TrainingError, match="there is no run to resume"):
        train(configure(), resume=True)
    train(configure("training.max_steps=2"))
    with pytest.raises(TrainingError, match=r"model\.d_ff: was 32, is 64\n"):
        train(configure("model.d_ff=64"), resume=True)
    with pytest.raises(TrainingError, match=r"val_bleu_sentences: was 5, is 6\n"):
        train(configure("training.val_bleu_sentences=6"), resume=True)
    assert train(configure("training.max_steps=4"), resume=True).step == 4


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_a_schedule_that_ends_at_the_last_step_cannot_be_prolonged(
    configure: Callable[..., Config], decay: str
) -> None:
    short = ("training.max_steps=2", "training.warmup_steps=1", f"training.decay={decay}")
    train(configure(*short))
    with pytest.raises(TrainingError, match=r"training\.max_steps: was 2, is 4\n"):
        train(configure(*short, "training.max_steps=4"), resume=True)


def test_other_text_cannot_be_resumed_on(configure: Callable[..., Config]) -> None:
    config = configure("training.max_steps=2")
    train(config)
    text = Path(str(config.data.train[0].path))
    before = text.read_bytes()
    try:
        text.write_bytes(before.replace(b"\n", b"!\n", 1))
        told = r"data\.train is not the one .*\n.*\n.*training\.start_from=.*run run_dir=.*run-2"
        with pytest.raises(TrainingError, match=told):
            train(config, resume=True)
    finally:
        text.write_bytes(before)
    train(config, resume=True)


def test_other_validation_text_cannot_be_resumed_on(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    val = tmp_path / "val.tsv"
    val.write_text("Guten Tag!\tHello!\nGute Nacht!\tGood night!\n")
    config = configure("training.max_steps=2", f"data.val={val}")
    train(config)
    val.write_text("Guten Tag!\tHello!\n")
    with pytest.raises(TrainingError, match=r"the text of data\.val is not the one"):
        train(config, resume=True)


def test_checkpoints_that_are_no_use_are_not_deleted(configure: Callable[..., Config]) -> None:
    config = configure("training.max_steps=3")
    train(config)
    (state,) = RunDirectory(config.run_dir).checkpoints.glob("step-*/state.json")
    state.write_text("damaged")
    saved = sorted(state.parent.iterdir())
    with pytest.raises(CheckpointError, match=r"none of the checkpoints .* is whole.*run-2"):
        train(config, resume=True)
    assert sorted(state.parent.iterdir()) == saved


def test_nothing_is_deleted_before_it_is_sure_that_the_run_goes_on(
    configure: Callable[..., Config], write_pairs: Callable[..., Path], tmp_path: Path
) -> None:
    text = write_pairs(tmp_path / "train.tsv", sample_pairs("train", 200))
    config = configure("training.max_steps=6", f"data.train={text}")
    train(config)
    newest = max(RunDirectory(config.run_dir).checkpoints.glob("step-*"))
    (newest / "state.json").write_text("damaged")
    write_pairs(text, sample_pairs("train", 190))
    with pytest.raises(TrainingError, match=r"text of data\.train is not the one"):
        train(config, resume=True)
    assert newest.exists()


@pytest.mark.slow
def test_what_changed_is_in_the_log_of_the_run(configure: Callable[..., Config]) -> None:
    train(configure("training.max_steps=2"))
    changes = ("training.max_steps=4", "training.log_every=1", "decoding.beam_size=7")
    train(configure(*changes, "training.threads=2"), resume=True)
    told = RunDirectory(configure().run_dir).log.read_text()
    for change in (
        "training.max_steps: was 2, is 4",
        "training.log_every: was 2, is 1",
        "decoding.beam_size: was 4, is 7",
        "threads is 2, was 1: the run goes on, but not in the same bits",
    ):
        assert change in told


def test_two_processes_do_not_train_in_one_directory(configure: Callable[..., Config]) -> None:
    config = configure("training.max_steps=2")
    run = RunDirectory(config.run_dir)
    message = r"another process is training in .*run; .*run_dir=.*run-2"
    with run.locked():
        with pytest.raises(CheckpointError, match=message):
            train(config)
        assert run.is_empty()
    train(config)
    with run.locked(), pytest.raises(CheckpointError, match=message):
        train(config, resume=True)


def test_a_run_that_another_process_began_meanwhile_stays(
    configure: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure("training.max_steps=2")

    def late(*args: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(loop, "prepare_together", prepare_together)
            loop._train(config, ALONE, False, None)  # as if by another process
        return prepare_together(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "prepare_together", late)
        with pytest.raises(TrainingError, match="another process has just trained"):
            train(config)
    assert newest_whole_step(RunDirectory(config.run_dir)) == 2


def test_another_machine_is_noted(
    configure: Callable[..., Config], caplog: pytest.LogCaptureFixture
) -> None:
    train(configure("training.max_steps=2"))
    train(configure("training.max_steps=2"), resume=True)
    assert "not in the same bits" not in caplog.text
    train(configure("training.max_steps=3", "training.threads=2"), resume=True)
    assert "threads is 2, was 1: the run goes on, but not in the same bits" in caplog.text


def test_a_checkpoint_from_before_the_first_update_is_resumed(
    configure: Callable[..., Config],
) -> None:
    whole, resumed = (configure("training.max_steps=2", run=name) for name in ("whole", "resumed"))
    train(whole)
    run = RunDirectory(resumed.run_dir)
    run.path.mkdir()
    run.config.write_text(resumed.to_yaml())
    model, _ = build(prepare(resumed), torch.device("cpu"))
    first = Checkpoint(named_weights(model), {}, TrainingState())
    save_checkpoint(run, first, keep=5, every=3)
    train(resumed, resume=True)
    ends = [last_weights(RunDirectory(config.run_dir), 1)[0] for config in (whole, resumed)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.slow
def test_a_finished_run_stays_as_it_is_when_resumed(
    configure: Callable[..., Config], final_bytes: FinalBytes
) -> None:
    config = configure()
    train(config)
    before = final_bytes(config)
    train(config, resume=True)
    assert final_bytes(config) == before


def test_a_loss_that_is_not_finite_stops_the_run(configure: Callable[..., Config]) -> None:
    config = configure(*WILD)
    with pytest.raises(TrainingError, match=r"not finite|the loss is") as error:
        train(config)
    told = str(error.value)
    assert "step" in told and "learning_rate_scale" in told
    assert "--resume" not in told and "run_dir=" in told and "run-2" in told


def test_a_gradient_that_is_not_finite_changes_no_weight(configure: Callable[..., Config]) -> None:
    config, device = configure(), torch.device("cpu")
    task = prepare(config)
    batches = next(updates(task, TrainingState()))
    model, optimizer = build(task, device)
    before = {name: w.clone() for name, w in named_weights(model).items()}
    model.output.weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(NotFiniteError, match="the norm of the gradient is"):
        update(task, model, optimizer, batches, 1, "fp32")
    assert all(torch.equal(w, before[name]) for name, w in named_weights(model).items())


def test_a_warm_up_without_end_is_noted(
    configure: Callable[..., Config], caplog: pytest.LogCaptureFixture
) -> None:
    train(configure("training.max_steps=2", "training.warmup_steps=2"))
    assert "the learning rate only grows" in caplog.text


def test_a_vocabulary_of_another_size_than_asked_for_is_noted(
    configure: Callable[..., Config], caplog: pytest.LogCaptureFixture
) -> None:
    run = train(configure("training.max_steps=1", run="first"))
    path = RunDirectory(run.directory).tokenizer
    settings = ("training.max_steps=1", f"tokenizer.path={path}", "tokenizer.vocab_size=500")
    train(configure(*settings, run="second"))
    assert "has 400 pieces; tokenizer.vocab_size (500)" in caplog.text


def test_it_stops_when_validation_no_longer_improves(configure: Callable[..., Config]) -> None:
    config = configure(
        "training.patience=2",
        "training.validate_every=1",
        "training.learning_rate_scale=1e-30",
        "training.best_metric=loss",
    )
    assert train(config).step == 3


@pytest.mark.slow
def test_epochs_end_a_run(configure: Callable[..., Config]) -> None:
    config = configure("training.max_epochs=1", "training.max_steps=1000")
    task = prepare(config)
    expected = len(list(updates(task, TrainingState())))
    assert train(config).step == expected


@pytest.mark.parametrize(
    "until",
    [
        (
            "training.patience=3",
            "training.validate_every=1",
            "training.learning_rate_scale=1e-30",
            "training.best_metric=loss",
        ),
        ("training.max_epochs=1", "training.max_steps=1000"),
    ],
    ids=["patience", "epochs"],
)
@pytest.mark.slow
def test_what_ends_a_run_early_is_not_lost_when_it_is_resumed(
    configure: Callable[..., Config],
    final_bytes: FinalBytes,
    monkeypatch: pytest.MonkeyPatch,
    until: tuple[str, ...],
) -> None:
    whole, stopped = configure(*until, run="whole"), configure(*until, run="stopped")
    expected = train(whole).step

    def interrupts(*args: Any) -> Any:
        if args[3] == 3:
            signal.raise_signal(signal.SIGTERM)
        return update_together(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update_together", interrupts)
        assert train(stopped).step == 3
    assert 3 < train(stopped, resume=True).step == expected
    assert final_bytes(whole) == final_bytes(stopped)


def test_an_epoch_of_few_pairs_of_low_weight(
    configure: Callable[..., Config],
    write_pairs: Callable[[Path, list[tuple[str, str]]], Path],
    tmp_path: Path,
) -> None:
    text = write_pairs(tmp_path / "text.tsv", sample_pairs("train", 300))
    first = train(configure("training.max_steps=1", run="first"))
    few = write_pairs(tmp_path / "few.tsv", sample_pairs("train", 4))
    settings = [f"tokenizer.path={RunDirectory(first.directory).tokenizer}", f"data.val={text}"]
    with pytest.raises(CorpusError, match=r"the 4 pairs add up to 0\.4\. Raise weight"):
        prepare(configure(*settings, f"data.train={{path: {few}, weight: 0.1}}"))
    once = (*settings, "training.max_epochs=1", f"data.train={{path: {few}, weight: 0.25}}")
    for seed in range(6):  # one in three would have none
        config = configure(*once, f"seed={seed}")
        assert len(list(updates(prepare(config), TrainingState()))) == 1
    assert "1 updates are 1.0 epochs" in describe_run(config)


def test_the_gradient_is_the_mean_over_all_tokens_of_the_update(
    configure: Callable[..., Config],
) -> None:
    config = configure(
        "model.dropout=0.0", "training.peak_learning_rate=1e-4", "training.warmup_steps=1"
    )
    task = prepare(config)
    device = torch.device("cpu")
    batches = next(updates(task, TrainingState()))
    assert len(batches) == 2 and batches[0].n_tokens != batches[1].n_tokens
    model, optimizer = build(task, device)
    n_tokens = sum(batch.n_tokens for batch in batches)
    total = torch.zeros(())
    for batch in batches:
        logits = model(batch.src, batch.tgt_in)
        total = total + label_smoothed_cross_entropy(logits, batch.tgt_out, pad_id=0).smoothed
    expected = torch.autograd.grad(total / n_tokens, list(model.parameters()))
    before = {name: w.clone() for name, w in named_weights(model).items()}
    sums = update(task, model, optimizer, batches, 1, "fp32")
    assert sums.n_tokens == n_tokens
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)
    # Adam's first step is the learning rate in the direction of the gradient's sign.
    moved = (model.output.weight - before["tgt_embedding.weight"]).abs().max()
    assert moved.item() == pytest.approx(1e-4, rel=1e-2)


@pytest.mark.parametrize("clip_norm", [1e-3, 1e3])
def test_a_gradient_is_clipped_as_torch_clips_it(
    configure: Callable[..., Config], clip_norm: float
) -> None:
    config = configure("model.dropout=0.0", f"training.clip_norm={clip_norm}")
    task = prepare(config)
    batches = next(updates(task, TrainingState()))
    model, optimizer = build(task, torch.device("cpu"))
    n_tokens = sum(batch.n_tokens for batch in batches)
    for batch in batches:
        logits = model(batch.src, batch.tgt_in)
        loss = label_smoothed_cross_entropy(logits, batch.tgt_out, pad_id=0)
        (loss.smoothed / n_tokens).backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    expected = [parameter.grad for parameter in model.parameters()]
    sums = update(task, model, optimizer, batches, 1, "fp32")
    assert sums.gradient_norm == pytest.approx(norm.item(), rel=1e-4)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-8)


@pytest.mark.slow
def test_bf16_learns_as_fp32_does(configure: Callable[..., Config]) -> None:
    full, half = (
        train(configure(f"training.precision={precision}", run=precision)).metrics["val_nll"]
        for precision in ("fp32", "bf16")
    )
    assert half == pytest.approx(full, rel=0.05) and half != full


def test_same_seed_same_weights_other_seed_other_weights(
    configure: Callable[..., Config], final_bytes: FinalBytes
) -> None:
    a, b = configure(run="a"), configure(run="b")
    c = configure("seed=2", run="c")
    for config in (a, b, c):
        train(config)
    assert final_bytes(a) == final_bytes(b)
    assert final_bytes(a)["weights"] != final_bytes(c)["weights"]


def test_a_dry_run_tells_and_leaves_nothing(configure: Callable[..., Config]) -> None:
    config = configure()
    report = describe_run(config)
    assert not Path(config.run_dir).exists()
    assert "d_model: 16" in report and "weights         " in report
    assert "300 pairs read" in report and "are padding" in report
    assert "time            about" in report and "memory " in report


def test_a_dry_run_times_what_comes_later_too(configure: Callable[..., Config]) -> None:
    later = ("training.consistency=1.0", "training.consistency_start=8")
    report = describe_run(configure(*later))
    assert re.search(r"an update +[\d.]+ s \(.*/s\) and then [\d.]+ s \(", report)


def test_a_dry_run_tells_that_the_loss_is_not_finite(configure: Callable[..., Config]) -> None:
    config = configure(*WILD)
    with pytest.raises(
        TrainingError, match=r"at step \d .*\n.*\nWhat may prevent it: a lower training"
    ) as error:
        describe_run(config)
    assert "--resume" not in str(error.value)


def test_a_dry_run_of_fewer_updates_than_it_times(
    configure: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def noted(*args: Any) -> Any:
        made.append(args[4])
        return update(*args)

    monkeypatch.setattr(dry_run, "update", noted)
    short = ("training.max_steps=3", "training.warmup_steps=3", "training.decay=linear")
    describe_run(configure(*short, "training.consistency=1.0", "training.consistency_start=2"))
    assert made == [1, 2, 2, 2, 2, 3, 3, 3, 3, 3]


HUGE = (
    "model.d_model=16384",
    "model.d_ff=65536",
    "model.n_encoder_layers=48",
    "model.n_decoder_layers=48",
)


def test_a_dry_run_of_a_huge_model_makes_none(configure: Callable[..., Config]) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = describe_run(configure(*HUGE, "training.consistency=1.0"))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 500_000  # kilobytes on Linux
    assert re.search(r"weights +\d{3},\d{3},\d{3},\d{3} ", report)
    assert "an estimate from its" in report and "MB, an estimate: weights, gradients" in report


def test_a_dry_run_estimates_what_would_take_too_long(
    configure: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "just made on a throw-away model" in describe_run(configure())
    monkeypatch.setattr(dry_run, "build", None)  # makes no model
    with monkeypatch.context() as patch:
        patch.setattr(dry_run, "LONGEST_TRIAL", 0.0)
        assert "an estimate from its" in describe_run(configure())
    with monkeypatch.context() as patch:
        patch.setattr(dry_run, "_available", lambda device: 1e5)
        assert "an estimate from its" in describe_run(configure())


def test_operations_are_counted_as_torch_counts_them(configure: Callable[..., Config]) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    config = configure("training.batch_tokens=3000", "model.d_model=64", "model.d_ff=256")
    task = prepare(config)
    batches = next(updates(task, TrainingState()))
    model, optimizer = build(task, torch.device("cpu"))
    with FlopCounterMode(display=False) as counter:
        update(task, model, optimizer, batches, 1, "fp32")
    operations = dry_run._operations(task, model, batches)
    assert operations == pytest.approx(counter.get_total_flops(), rel=0.15)


def test_consistency_begins_when_it_is_told_to(configure: Callable[..., Config]) -> None:
    config = configure("training.consistency=1.0", "training.consistency_start=2")
    task, device = prepare(config), torch.device("cpu")
    batches = next(updates(task, TrainingState()))
    losses = []
    for settings, step in ((configure(), 2), (config, 2), (configure(), 3), (config, 3)):
        model, optimizer = build(task, device)
        other = replace(task, config=settings)
        sums = update(other, model, optimizer, batches, step, "fp32")
        losses.append(sums.smoothed)
    assert losses[0] == losses[1] and losses[2] != losses[3]


def test_bad_text_is_reported_before_anything_is_written(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.tsv"
    bad.write_bytes(b"Hallo\tHello\nohne Tabulator\n")
    config = configure(f"data.train={bad}")
    with pytest.raises(ValueError, match=r"data\.train: .*bad\.tsv:2: "):
        train(config)
    assert not Path(config.run_dir).exists()
