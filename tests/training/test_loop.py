"""The loop: it learns, it resumes exactly, and it explains what stops it."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from transformer import Translator, load_config
from transformer.checkpoint import RunDirectory, TrainingState, average_weights, named_weights
from transformer.config import Config
from transformer.data.sample_corpus import sample_pairs
from transformer.training import loop
from transformer.training.dry_run import describe_run
from transformer.training.loop import TrainingError, build, prepare, train, update, updates
from transformer.training.loss import label_smoothed_cross_entropy

TINY = (
    "tokenizer.vocab_size=400",
    "model.d_model=16",
    "model.d_ff=32",
    "model.n_heads=2",
    "model.n_encoder_layers=1",
    "model.n_decoder_layers=1",
    "training.batch_tokens=300",
    "training.accumulate=2",
    "training.max_steps=12",
    "training.warmup_steps=10",
    "training.checkpoint_every=3",
    "training.validate_every=4",
    "training.average_checkpoints=2",
    "training.val_bleu_sentences=5",
    "training.log_every=2",
    "training.tensorboard=false",
    "training.threads=1",
)


def write_pairs(path: Path, pairs: list[tuple[str, str]]) -> Path:
    path.write_text("".join(f"{de}\t{en}\n" for de, en in pairs), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("data")
    train_file = write_pairs(folder / "train.tsv", sample_pairs("train", 300))
    val_file = write_pairs(folder / "val.tsv", sample_pairs("val", 20))
    return [f"data.train={train_file}", f"data.val={val_file}"]


@pytest.fixture
def configure(data: list[str], tmp_path: Path) -> Callable[..., Config]:
    def make(*overrides: str, run: str = "run") -> Config:
        cleaning = "data.cleaning.max_tokens=100"
        return load_config(None, [f"run_dir={tmp_path / run}", *data, cleaning, *TINY, *overrides])

    return make


def final_bytes(config: Config) -> dict[str, bytes]:
    """All that a run's future depends on, and its result."""
    run = RunDirectory(config.run_dir)
    newest = max(run.checkpoints.glob("step-*"))
    state = json.loads((newest / "state.json").read_text())
    for clock in ("seconds", "window"):  # measured times differ
        state.pop(clock)
    return {
        "state": json.dumps(state).encode(),
        "weights": (newest / "model.safetensors").read_bytes(),
        "moments": (newest / "optimizer.safetensors").read_bytes(),
        "result": run.model.read_bytes(),
        "best": run.best.read_bytes(),
    }


def rows(config: Config) -> list[dict[str, Any]]:
    text = RunDirectory(config.run_dir).metrics.read_text()
    return [json.loads(line) for line in text.splitlines()]


class Killed(BaseException):
    """Stands for SIGKILL where the process of the test must live on."""


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*args: Any) -> Any:
        if args[3] == step:
            raise Killed
        return update(*args)

    monkeypatch.setattr(loop, "update", dies)


@pytest.mark.parametrize("step", [2, 5, 9, 12])
@pytest.mark.parametrize(
    "extra",
    [(), ("tokenizer.sampling_alpha=0.3", "training.consistency=0.5")],
    ids=["plain", "sampling and consistency"],
)
def test_a_killed_and_resumed_run_ends_in_the_same_bits(
    configure: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    extra: tuple[str, ...],
) -> None:
    whole, killed = configure(*extra, run="whole"), configure(*extra, run="killed")
    train(whole)
    with monkeypatch.context() as patch:
        kill_at(step, patch)
        with pytest.raises(Killed):
            train(killed)
    train(killed, resume=True)
    assert final_bytes(whole) == final_bytes(killed)
    timeless = ("seconds", "tokens_per_second")
    assert [{k: v for k, v in row.items() if k not in timeless} for row in rows(whole)] == [
        {k: v for k, v in row.items() if k not in timeless} for row in rows(killed)
    ]


def test_an_interrupted_run_saves_and_resumes_exactly(
    configure: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = configure(run="whole"), configure(run="stopped")
    train(whole)

    def interrupts(*args: Any) -> Any:
        if args[3] == 7:
            signal.raise_signal(signal.SIGTERM)
        return update(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update", interrupts)
        run = train(stopped)
    assert run.interrupted and run.step == 7
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    train(stopped, resume=True)
    assert final_bytes(whole) == final_bytes(stopped)


def test_a_damaged_newest_checkpoint_costs_only_the_steps_since_the_one_before(
    configure: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = configure(run="whole"), configure(run="killed")
    train(whole)
    with monkeypatch.context() as patch:
        kill_at(11, patch)
        with pytest.raises(Killed):
            train(killed)
    newest = max(RunDirectory(killed.run_dir).checkpoints.glob("step-*"))
    (newest / "model.safetensors").write_bytes(b"damaged")
    train(killed, resume=True)
    assert final_bytes(whole) == final_bytes(killed)


@pytest.mark.slow
def test_sigkill_at_random_moments(data: list[str], tmp_path: Path) -> None:
    """Whole processes, killed for real, mid-epoch, with dropout and accumulation."""
    overrides = [
        *data,
        *TINY,
        "data.cleaning.max_tokens=100",
        "training.max_steps=400",
        "training.checkpoint_every=7",
        "training.validate_every=100",
    ]

    def start(run: str, *more: str) -> subprocess.Popen[bytes]:
        code = "import sys; from transformer.cli import train_main; sys.exit(train_main())"
        settings = tmp_path / "settings.yaml"
        settings.touch()
        command = [sys.executable, "-c", code, "--config", str(settings), *more]
        return subprocess.Popen(
            [*command, *overrides, f"run_dir={tmp_path / run}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    whole = start("whole")
    _, errors = whole.communicate(timeout=300)
    assert whole.returncode == 0, errors.decode()
    generator = random.Random(time.time_ns())
    moments = []
    run = RunDirectory(tmp_path / "killed")
    for n in range(3):
        before = newest_step(run)
        process = start("killed", *(["--resume"] if n else []))
        while newest_step(run) < before + 20 and process.poll() is None:
            time.sleep(0.01)
        time.sleep(generator.random())
        process.kill()
        process.communicate(timeout=60)
        moments.append(newest_step(run))
    last = start("killed", "--resume")
    _, errors = last.communicate(timeout=300)
    assert last.returncode == 0, errors.decode()
    expected = final_bytes(load_config(None, [f"run_dir={tmp_path / 'whole'}"]))
    found = final_bytes(load_config(None, [f"run_dir={tmp_path / 'killed'}"]))
    assert expected == found, f"killed after the checkpoints of steps {moments}"


def newest_step(run: RunDirectory) -> int:
    if not run.checkpoints.exists():
        return 0
    steps = (int(path.name.removeprefix("step-")) for path in run.checkpoints.glob("step-*"))
    return max(steps, default=0)


@pytest.mark.slow
def test_a_small_corpus_is_really_learned(tmp_path: Path) -> None:
    pairs = sample_pairs("train", 200)[:60]
    file = write_pairs(tmp_path / "pairs.tsv", pairs)
    config = load_config(
        None,
        [
            f"run_dir={tmp_path / 'run'}",
            f"data.train={file}",
            f"data.val={file}",
            *TINY,
            "data.cleaning.max_tokens=100",
            "model.d_model=64",
            "model.d_ff=128",
            "model.n_heads=4",
            "training.accumulate=1",
            "training.batch_tokens=1000",
            "training.max_steps=400",
            "training.warmup_steps=60",
            "training.learning_rate_scale=0.5",
            "training.validate_every=400",
            "training.val_bleu_sentences=60",
            "training.checkpoint_every=100",
        ],
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
    text = Translator.load(moved).translate("Die Pizza kam aus dem Ofen.")
    assert isinstance(text, str) and "\n" not in text


def test_metrics_tell_what_happened(configure: Callable[..., Config]) -> None:
    config = configure()
    run = train(config)
    written = rows(config)
    training = [row for row in written if "lr" in row]
    assert [row["step"] for row in training] == [2, 4, 6, 8, 10, 12]
    assert all(0 <= row["padding_share"] < 1 and row["tokens_per_second"] > 0 for row in training)
    assert [row["step"] for row in written if "val_bleu" in row][:3] == [4, 8, 12]
    assert written[-1]["event"] == "finished"
    assert run.step == 12 and run.metrics["val_loss"] > 0


def test_the_result_is_the_last_the_best_or_the_average(configure: Callable[..., Config]) -> None:
    config = configure("training.best_metric=loss", "training.learning_rate_scale=0.5")
    train(config)
    run = RunDirectory(config.run_dir)
    result = load_file(run.model)
    last = run.last_weights(2)
    candidates = [last[0], average_weights(last), load_file(run.best)]
    assert any(all(torch.equal(result[k], c[k]) for k in result) for c in candidates)


def test_a_run_is_never_overwritten(configure: Callable[..., Config]) -> None:
    config = configure()
    Path(config.run_dir).mkdir()
    precious = Path(config.run_dir, "precious.txt")
    precious.write_text("mine")
    with pytest.raises(TrainingError, match=r"not empty.*\n.*--resume\n.*run_dir=.*run-2"):
        train(config)
    assert precious.read_text() == "mine" and len(list(precious.parent.iterdir())) == 1


def test_what_cannot_be_resumed_is_explained(configure: Callable[..., Config]) -> None:
    with pytest.raises(TrainingError, match="there is no run to resume"):
        train(configure(), resume=True)
    train(configure("training.max_steps=2"))
    with pytest.raises(TrainingError, match=r"model\.d_ff: was 32, is 64\n"):
        train(configure("model.d_ff=64"), resume=True)
    assert train(configure("training.max_steps=4"), resume=True).step == 4


def test_a_finished_run_stays_as_it_is_when_resumed(configure: Callable[..., Config]) -> None:
    config = configure()
    train(config)
    before = final_bytes(config)
    train(config, resume=True)
    assert final_bytes(config) == before


def test_a_loss_that_is_not_finite_stops_the_run(configure: Callable[..., Config]) -> None:
    config = configure("training.learning_rate_scale=1e30", "training.warmup_steps=1")
    with pytest.raises(TrainingError, match=r"not finite|the loss is") as error:
        train(config)
    assert "step" in str(error.value) and "learning_rate_scale" in str(error.value)


def test_it_stops_when_validation_no_longer_improves(configure: Callable[..., Config]) -> None:
    config = configure(
        "training.patience=2",
        "training.validate_every=1",
        "training.learning_rate_scale=1e-30",
        "training.best_metric=loss",
    )
    assert train(config).step == 3


def test_epochs_end_a_run(configure: Callable[..., Config]) -> None:
    config = configure("training.max_epochs=1", "training.max_steps=1000")
    data = prepare(config)
    expected = len(list(updates(data, config, TrainingState())))
    assert train(config).step == expected


def test_the_gradient_is_the_mean_over_all_tokens_of_the_update(
    configure: Callable[..., Config],
) -> None:
    config = configure("model.dropout=0.0")
    data = prepare(config)
    device = torch.device("cpu")
    batches = next(updates(data, config, TrainingState()))
    assert len(batches) == 2 and batches[0].n_tokens != batches[1].n_tokens
    model, optimizer = build(config, data.tokenizer, device)
    n_tokens = sum(batch.n_tokens for batch in batches)
    total = torch.zeros(())
    for batch in batches:
        logits = model(batch.src, batch.tgt_in)
        total = total + label_smoothed_cross_entropy(logits, batch.tgt_out, pad_id=0).smoothed
    expected = torch.autograd.grad(total / n_tokens, list(model.parameters()))
    before = {name: w.clone() for name, w in named_weights(model).items()}
    sums = update(model, optimizer, batches, 1, 1e-4, config, device, "fp32")
    assert sums.n_tokens == n_tokens
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)
    # Adam's first step is the learning rate in the direction of the gradient's sign.
    moved = (model.output.weight - before["tgt_embedding.weight"]).abs().max()
    assert moved.item() == pytest.approx(1e-4, rel=1e-2)


def test_bf16_learns_as_fp32_does(configure: Callable[..., Config]) -> None:
    full, half = (
        train(configure(f"training.precision={precision}", run=precision)).metrics["val_nll"]
        for precision in ("fp32", "bf16")
    )
    assert half == pytest.approx(full, rel=0.05) and half != full


def test_same_seed_same_weights_other_seed_other_weights(configure: Callable[..., Config]) -> None:
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


def test_bad_text_is_reported_before_anything_is_written(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.tsv"
    bad.write_bytes(b"Hallo\tHello\nohne Tabulator\n")
    config = configure(f"data.train={bad}")
    with pytest.raises(ValueError, match=r"data\.train: .*bad\.tsv:2: "):
        train(config)
    assert not Path(config.run_dir).exists()
