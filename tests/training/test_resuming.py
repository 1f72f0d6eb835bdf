"""Where a run lives, who may train there, and what it says when the disk or somebody stops it."""

import errno
import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transformer import load_config
from transformer.config import Config
from transformer.files import FileError
from transformer.runs.directory import RunDirectory
from transformer.runs.errors import CheckpointError
from transformer.training import loop
from transformer.training.dry_run import describe_run
from transformer.training.loop import train, update_together
from transformer.training.resuming import TrainingError, resume_command, run_dir_of
from transformer.training.signals import stop_signals

FinalBytes = Callable[[Config], dict[str, bytes]]


@pytest.mark.parametrize("lost", ["train.log", "metrics.jsonl", "model.safetensors"])
def test_a_run_lives_where_its_folder_is(
    configure: Callable[..., Config], tmp_path: Path, lost: str
) -> None:
    train(configure("training.max_steps=2"))
    copy = shutil.copytree(tmp_path / "run", tmp_path / "a copy 🎉")
    (copy / lost).unlink()
    assert run_dir_of(copy / "config.yaml") == copy
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    changes = [f"run_dir={json.dumps(str(copy), ensure_ascii=False)}", "training.max_steps=4"]
    assert train(load_config(copy / "config.yaml", changes), resume=True).step == 4
    assert all(path.read_bytes() == content for path, content in before.items())
    assert (copy / lost).exists()


def test_a_configuration_elsewhere_belongs_to_no_run(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    assert run_dir_of(tmp_path / "config.yaml") is None
    (tmp_path / "checkpoints").mkdir()
    assert run_dir_of(tmp_path / "config.yaml") == tmp_path
    assert run_dir_of(tmp_path / "other.yaml") is None
    assert run_dir_of(Path("configs/quickstart.yaml")) is None


def test_a_configuration_of_a_copy_starts_nothing_in_the_original(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    train(configure("training.max_steps=1"))
    copy = shutil.copytree(tmp_path / "run", tmp_path / "copy")
    with pytest.raises(TrainingError, match=r"run is not empty, and a run is never overwritten"):
        train(load_config(copy / "config.yaml"))


def test_a_trained_model_without_checkpoints_is_not_begun_anew(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    config = configure("training.max_steps=1")
    train(config)
    run = RunDirectory(config.run_dir)
    shutil.rmtree(run.checkpoints)
    run.metrics.unlink()
    before = run.model.read_bytes()
    told = r"no checkpoint to go on from.*\n.*training\.start_from=.*run run_dir=.*run-2$"
    with pytest.raises(TrainingError, match=told):
        train(config, resume=True)
    assert run.model.read_bytes() == before


@pytest.mark.parametrize("name", ["runs/a b", "runs/🎉", "runs/it's", "runs/a: b", "runs/5"])
def test_commands_can_be_pasted_into_a_shell(
    configure: Callable[..., Config], tmp_path: Path, name: str
) -> None:
    folder = f"{tmp_path / name}"
    config = configure("training.max_steps=1").model_copy(update={"run_dir": folder})
    train(config)
    with pytest.raises(TrainingError) as error:
        train(config)
    _, go_on, start = str(error.value).splitlines()
    command = shlex.split(go_on.partition("  ")[2])
    assert command == ["transformer-train", "--config", f"{folder}/config.yaml", "--resume"]
    [setting] = shlex.split(start.partition("add ")[2])
    assert load_config(None, [setting]).run_dir == f"{folder}-2"


def test_what_cannot_be_changed_can_be_begun_from(configure: Callable[..., Config]) -> None:
    train(configure("training.max_steps=1"))
    told = r"was 1\.0, is 0\.5\n.*\n.*training\.start_from=.*run run_dir=.*run-2$"
    with pytest.raises(TrainingError, match=told):
        train(configure("training.max_steps=1", "training.learning_rate_scale=0.5"), resume=True)


@pytest.mark.slow
def test_two_trainings_in_threads_are_refused(
    configure: Callable[..., Config],
    final_bytes: FinalBytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone, beside = configure(run="alone"), configure(run="beside")
    train(alone)
    errors: list[Exception] = []

    def try_others() -> None:
        for other in (train, describe_run):
            try:
                other(configure(run="third"))
            except TrainingError as error:
                errors.append(error)

    def meanwhile(*args: Any) -> Any:
        if args[3] == 3:
            thread = threading.Thread(target=try_others)
            thread.start()
            thread.join()
        return update_together(*args)

    monkeypatch.setattr(loop, "update_together", meanwhile)
    train(beside)
    assert [str(error).partition(";")[0] for error in errors] == 2 * [
        "another thread of this process is training, and both would draw from the same random "
        "numbers"
    ]
    assert final_bytes(alone) == final_bytes(beside)


# The disk ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_full_disk_is_explained_and_the_run_goes_on_from_there(
    configure: Callable[..., Config], final_bytes: FinalBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = configure(run="whole"), configure(run="a b")
    train(whole)
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if "step-00000006" in str(path) and path.name == "optimizer.safetensors":
            write(path, content[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(TrainingError, match="step-00000006: No space left on dev") as told:
            train(stopped)
    run = RunDirectory(stopped.run_dir)
    assert str(told.value).endswith(resume_command(run)) and "'" in resume_command(run)
    assert not list(run.path.rglob(".*.tmp"))
    train(stopped, resume=True)
    assert final_bytes(whole) == final_bytes(stopped)


def test_a_log_that_cannot_be_written_ends_with_a_warning(
    configure: Callable[..., Config], caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    config = configure("training.max_steps=4")
    run = RunDirectory(config.run_dir)
    train(config)
    run.log.unlink()
    run.log.symlink_to("/dev/full")
    assert train(configure("training.max_steps=6"), resume=True).step == 6
    [told] = [r.message for r in caplog.records if "train.log" in r.message]
    assert "No space left on device" in told and "Traceback" not in capfd.readouterr().err


def test_tensorboard_on_a_full_disk_does_not_end_the_run(
    configure: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: Any,
) -> None:
    writer = pytest.importorskip("tensorboard.summary.writer.record_writer")

    def full(self: object, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    hook = threading.excepthook
    monkeypatch.setattr(writer.RecordWriter, "write", full)
    assert train(configure("training.tensorboard=true")).step == 12
    [told] = [r.message for r in caplog.records if "TensorBoard" in r.message]
    assert "No space left" in told and "Traceback" not in capfd.readouterr().err
    assert threading.excepthook is hook


@pytest.mark.parametrize("asked", [True, False])
def test_missing_tensorboard_is_told_once_to_those_who_asked_for_it(
    configure: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    asked: bool,
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    config = configure("training.max_steps=3", "training.tensorboard=true")
    if not asked:
        training = config.training.model_copy()
        training.model_fields_set.discard("tensorboard")
        config = config.model_copy(update={"training": training})
    train(config)
    train(config, resume=True)
    assert caplog.text.count("no TensorBoard events") == asked


def test_a_run_that_is_deleted_under_way_is_not_made_again(
    configure: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure()

    def deletes(*args: Any) -> Any:
        if args[3] == 3:
            shutil.rmtree(config.run_dir)
        return update_together(*args)

    monkeypatch.setattr(loop, "update_together", deletes)
    with pytest.raises((FileError, CheckpointError), match=r"run\b.* moved or deleted"):
        train(config)
    assert not Path(config.run_dir).exists()


def test_metrics_that_are_not_text_are_left_out(
    configure: Callable[..., Config], caplog: pytest.LogCaptureFixture
) -> None:
    config = configure("training.max_steps=4")
    train(config)
    run = RunDirectory(config.run_dir)
    whole = run.metrics.read_bytes()
    kept = [row for row in whole.splitlines() if b"event" not in row]
    run.metrics.write_bytes(b"\xff\xfe\n[[[\n" + b'{"step": "x"}\n' + whole)
    train(config, resume=True)
    assert run.metrics.read_bytes().splitlines()[: len(kept)] == kept
    assert "3 lines of" in caplog.text


@pytest.mark.parametrize("name", ["checkpoints", "train.log", "metrics.jsonl", "config.yaml"])
def test_a_file_in_the_place_of_a_folder_and_the_reverse(
    configure: Callable[..., Config], name: str
) -> None:
    config = configure("training.max_steps=3")
    train(config)
    path = Path(config.run_dir, name)
    if path.is_dir():
        shutil.rmtree(path)
        path.touch()
    else:
        path.unlink()
        path.mkdir()
    with pytest.raises((TrainingError, CheckpointError, FileError), match=str(path.name)):
        train(config, resume=True)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "~nosuchuser-x/run", "n" * 300])
def test_names_that_no_folder_can_have_are_refused_at_once(
    configure: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(loop, "prepare_together", None)  # no text is read
    config = configure().model_copy(update={"run_dir": name})
    with pytest.raises((CheckpointError, FileError), match="cannot"):
        train(config)


# Signals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_each_signal_stops_in_good_order(name: str) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with stop_signals() as stop:
        assert not stop.requested
        signal.raise_signal(number)
        assert stop.requested
    assert signal.getsignal(number) == before


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    code = (
        "import signal; from transformer.training.signals import stop_signals\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with stop_signals() as stop:\n"
        "    signal.raise_signal(signal.SIGHUP); assert not stop.requested\n"
        "    signal.raise_signal(signal.SIGTERM); assert stop.requested\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


# Validation ----------------------------------------------------------------------------------


def test_a_validation_line_of_thousands_of_words_is_refused_at_the_start(
    configure: Callable[..., Config], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    val = tmp_path / "val.tsv"
    val.write_text("Guten Tag!\tHello!\n" + "Ein Hund läuft. " * 800 + "\tA dog runs.\n")
    told = r"data\.val: .*pair 2 has [\d,]+ pieces.*may have 1,024.*'Ein Hund läuft\. Ein"
    with pytest.raises(ValueError, match=told):
        train(configure(f"data.val={val}"))
    with caplog.at_level(logging.WARNING), pytest.raises(ValueError, match=told):
        describe_run(configure(f"data.val={val}"))
    val.write_text("Guten Tag!\tHello!\n" + "Ein Hund läuft. " * 40 + "\tA dog runs.\n")
    train(configure(f"data.val={val}", "training.max_steps=1"))
