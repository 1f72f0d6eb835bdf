"""The run directory: its names, and what is said of folders that are not one."""

from pathlib import Path
from typing import Any

import pytest
import torch

from transformer.runs.directory import RunDirectory
from transformer.runs.errors import CheckpointError
from transformer.runs.weights import (
    save_weights,
)


def test_the_step_of_the_best_weights_is_read_from_them(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.step_of_best() is None
    save_weights({"w": torch.ones(2)}, run.best, {"step": "7"})
    assert run.step_of_best() == 7
    run.best.write_bytes(run.best.read_bytes()[:20])
    assert run.step_of_best() is None


def test_what_is_not_a_run_directory_is_explained(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        RunDirectory(tmp_path / "nowhere").load_config()
    with pytest.raises(CheckpointError, match=r"has no config\.yaml"):
        RunDirectory(tmp_path).load_config()
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="file is a file; name the directory"):
        RunDirectory(tmp_path / "file").load_config()


@pytest.mark.parametrize("path", [5, None, b"run", ["run"]])
def test_what_is_not_a_path_is_refused(path: Any) -> None:
    with pytest.raises(CheckpointError, match="a run directory must be a str or Path; found"):
        RunDirectory(path)


@pytest.mark.parametrize("path", ["a" * 256, "a/" * 600, "a\0b", "~nobody-has-this-name/run"])
def test_what_no_directory_can_be_called_is_refused(path: str) -> None:
    with pytest.raises(CheckpointError, match="a run directory cannot be called"):
        RunDirectory(path)


def test_a_tilde_is_the_home_directory() -> None:
    assert RunDirectory("~/runs/a").path == Path.home() / "runs" / "a"


def test_a_free_name_is_found(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "a")
    assert run.is_empty()
    run.path.mkdir()
    assert run.is_empty()
    (tmp_path / "a-2").mkdir()
    (run.path / "x").touch()
    assert not run.is_empty() and run.free_name() == tmp_path / "a-3"
    assert RunDirectory(".").free_name() == Path("run-2")
