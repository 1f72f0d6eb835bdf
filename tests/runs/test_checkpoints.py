"""Checkpoints: what is written comes back, damage is noticed, old ones go."""

import hashlib
import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from transformer.runs.checkpoints import (
    drop_newer_than,
    last_weights,
    newest_checkpoint,
    newest_whole_step,
    save_checkpoint,
)
from transformer.runs.directory import RunDirectory
from transformer.runs.errors import CheckpointError

from .tiny import checkpoint


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def steps(run: RunDirectory) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in run.checkpoints.iterdir())


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    saved = checkpoint(3)
    save_checkpoint(run, saved, keep=5, every=1)
    loaded = newest_checkpoint(run)
    assert loaded is not None
    assert same(loaded.weights, saved.weights) and same(loaded.optimizer, saved.optimizer)
    assert loaded.state == saved.state


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert newest_checkpoint(RunDirectory(tmp_path)) is None


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = RunDirectory(tmp_path)
    for step in (1, 2):
        newest = save_checkpoint(run, checkpoint(step), keep=5, every=1)
    content = bytearray((newest / name).read_bytes())
    if damage == "remove":
        (newest / name).unlink()
    else:
        content[len(content) // 2] ^= 1
        kept = content if damage == "flip" else content[:-1]
        (newest / name).write_bytes(bytes(kept))
    with caplog.at_level(logging.WARNING):
        loaded = newest_checkpoint(run)
    assert loaded is not None and loaded.state.step == 1
    assert "step-00000002" in caplog.text and "damaged" in caplog.text
    assert len(last_weights(run, 5)) == 1


def test_damaged_checksums_are_noticed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    path = save_checkpoint(run, checkpoint(1), keep=5, every=1)
    for content in ("", "[]", "{}", "null"):
        (path / "checksums.json").write_text(content)
        assert newest_whole_step(run) == 0
        with pytest.raises(CheckpointError, match=r"none of the checkpoints .* is whole"):
            newest_checkpoint(run)
    assert path.exists()


def test_a_checkpoint_that_cannot_be_read_is_not_taken_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(tmp_path)
    for step in (1, 2):
        save_checkpoint(run, checkpoint(step), keep=5, every=1)

    def refuses(path: Path) -> bytes:
        raise PermissionError(f"not allowed to read {path}")

    monkeypatch.setattr(Path, "read_bytes", refuses)
    for read in (
        lambda: newest_checkpoint(run),
        lambda: newest_whole_step(run),
        lambda: last_weights(run, 2),
    ):
        with pytest.raises(CheckpointError, match=r"cannot read .*step-00000002"):
            read()


def test_other_folders_among_the_checkpoints_are_left_alone(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    mine = [run.checkpoints / name for name in ("step-00000001-copy", "step-best", "notes")]
    for folder in mine:
        folder.mkdir(parents=True)
    for step in (1, 2):
        save_checkpoint(run, checkpoint(step), keep=1, every=1)
    drop_newer_than(run, 1)
    assert newest_checkpoint(run) is None and all(folder.exists() for folder in mine)


def test_half_written_checkpoints_do_not_count(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    save_checkpoint(run, checkpoint(1), keep=5, every=1)
    for name in (".step-00000002.tmp", ".step-00000002.0123.tmp"):
        killed = run.checkpoints / name
        killed.mkdir()
        (killed / "model.safetensors").write_bytes(b"half")
    (tmp_path / ".metrics.jsonl.0123.tmp").write_bytes(b"half")
    loaded = newest_checkpoint(run)
    assert loaded is not None and loaded.state.step == 1
    with run.locked():
        save_checkpoint(run, checkpoint(2), keep=5, every=1)
        assert steps(run) == [1, 2] and not list(tmp_path.glob(".*.tmp"))


def test_a_copy_of_a_checkpoint_is_left_alone(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    copy = shutil.copytree(
        save_checkpoint(run, checkpoint(1), keep=1, every=1),
        run.checkpoints / "step-00000001-copy",
    )
    save_checkpoint(run, checkpoint(2), keep=1, every=1)
    drop_newer_than(run, 1)
    assert [path.name for path in run.checkpoints.iterdir()] == [copy.name]
    assert newest_checkpoint(run) is None


def test_the_newest_scheduled_checkpoints_stay(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for step in (10, 20, 30, 40):
        save_checkpoint(run, checkpoint(step), keep=2, every=10)
    assert steps(run) == [30, 40]


def test_an_interruption_does_not_change_what_is_averaged(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for step in (10, 20, 23):
        save_checkpoint(run, checkpoint(step), keep=2, every=10)
    assert steps(run) == [10, 20, 23]
    save_checkpoint(run, checkpoint(30), keep=2, every=10)
    assert steps(run) == [20, 30]


def test_what_was_not_deleted_when_a_run_died_is_deleted_later(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for step in (10, 15, 20):
        save_checkpoint(run, checkpoint(step), keep=9, every=5)
    save_checkpoint(run, checkpoint(20), keep=1, every=10)  # is there, and whole
    assert steps(run) == [20]


def test_checkpoints_after_the_one_resumed_from_are_dropped(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for step in (1, 2, 3):
        save_checkpoint(run, checkpoint(step), keep=5, every=1)
    drop_newer_than(run, 2)
    assert steps(run) == [1, 2]


def test_a_whole_checkpoint_of_the_same_step_stays(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    path = save_checkpoint(run, checkpoint(1), keep=5, every=1)
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    assert save_checkpoint(run, checkpoint(1), keep=5, every=1) == path
    assert {file.name: file.stat().st_mtime_ns for file in path.iterdir()} == before
    (path / "state.json").write_text("damaged")
    save_checkpoint(run, checkpoint(1), keep=5, every=1)
    assert newest_checkpoint(run) is not None


def test_a_checkpoint_of_another_version_is_explained(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    path = save_checkpoint(run, checkpoint(1), keep=5, every=1)
    state = json.loads((path / "state.json").read_text())
    content = json.dumps({**state, "from_the_future": 1}).encode()
    (path / "state.json").write_bytes(content)
    sums = json.loads((path / "checksums.json").read_text())
    sums["state.json"] = hashlib.sha256(content).hexdigest()
    (path / "checksums.json").write_text(json.dumps(sums))
    with pytest.raises(CheckpointError, match=r"written by another version.*from_the_future"):
        newest_checkpoint(run)


def test_state_is_json_that_a_person_can_read(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    path = save_checkpoint(run, checkpoint(3), keep=5, every=1)
    assert json.loads((path / "state.json").read_text())["step"] == 3
