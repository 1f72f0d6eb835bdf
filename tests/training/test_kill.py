"""A run may die at any moment: nothing is lost, and what is resumed ends in the same bits.

`pytest tests/training/test_kill.py -m slow --kill-trials 10` kills ten runs in a row instead of
one, and at each operation on the disk instead of every fifth.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from transformer import load_config
from transformer.config import Config
from transformer.runs.directory import RunDirectory
from transformer.training import loop
from transformer.training.loop import train
from transformer.training.updating import update_together

EXHAUSTIVE = pytest.mark.exhaustive

FinalBytes = Callable[[Config], dict[str, bytes]]


class Killed(BaseException):
    """Stands for SIGKILL where the process of the test must live on."""


@pytest.mark.parametrize("step", [2, 9, *(pytest.param(n, marks=EXHAUSTIVE) for n in (5, 12))])
@pytest.mark.parametrize(
    "extra",
    [
        (),
        (
            "tokenizer.sampling_alpha=0.3",
            "training.consistency=0.5",
            "training.consistency_start=4",
        ),
    ],
    ids=["plain", "sampling and consistency"],
)
@pytest.mark.slow
def test_killed_before_an_update(
    configure: Callable[..., Config],
    final_bytes: FinalBytes,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    extra: tuple[str, ...],
) -> None:
    whole, killed = configure(*extra, run="whole"), configure(*extra, run="killed")
    train(whole)

    def dies(*args: Any) -> Any:
        if args[3] == step:
            raise Killed
        return update_together(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update_together", dies)
        with pytest.raises(Killed):
            train(killed)
    train(killed, resume=True)
    assert final_bytes(whole) == final_bytes(killed)


class Disk:
    """Counts what is done to the disk, and at the n-th time dies in the midst of it or after it.

    Before it is after the one before it.
    """

    def __init__(self, patch: pytest.MonkeyPatch, n: int | None, moment: str) -> None:
        self.n_done = 0
        self._n, self._moment = n, moment
        self._wrap(patch, os, "fsync", lambda file: os.ftruncate(file, os.fstat(file).st_size // 2))
        self._wrap(patch, os, "replace")
        self._wrap(patch, Path, "rename")
        self._wrap(patch, Path, "mkdir")
        self._wrap(patch, shutil, "rmtree", lambda path, **_: min(path.iterdir()).unlink())

    def _wrap(
        self,
        patch: pytest.MonkeyPatch,
        owner: Any,
        name: str,
        by_half: Callable[..., object] | None = None,
    ) -> None:
        do = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            self.n_done += 1
            dies = self.n_done == self._n
            if dies and self._moment == "in the midst of" and by_half:
                with suppress(OSError):  # a folder cannot be cut, nor what is not there be deleted
                    by_half(*args, **kwargs)
            if dies and self._moment != "after":
                raise Killed
            try:
                return do(*args, **kwargs)
            finally:  # also if it has failed, as a rename of what may not be there
                if dies:
                    raise Killed

        patch.setattr(owner, name, watched)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["in the midst of", "after"])
@pytest.mark.parametrize(
    "when",
    [
        ("training.checkpoint_every=1", "training.validate_every=2"),
        # So that the best is saved, and the last is, where no checkpoint is due.
        pytest.param(
            ("training.checkpoint_every=3", "training.validate_every=2"), marks=EXHAUSTIVE
        ),
    ],
    ids=["often", "seldom"],
)
def test_killed_at_operations_on_the_disk(
    configure: Callable[..., Config],
    final_bytes: FinalBytes,
    monkeypatch: pytest.MonkeyPatch,
    when: tuple[str, ...],
    moment: str,
    request: pytest.FixtureRequest,
) -> None:
    short = (
        *when,
        "training.max_steps=4",
        "training.keep_checkpoints=2",
        "training.val_bleu_sentences=0",
        "training.best_metric=loss",
        "model.dropout=0.5",
    )
    whole = configure(*short, run="whole")
    train(whole)
    tokenizer = f"tokenizer.path={RunDirectory(whole.run_dir).tokenizer}"
    expected = configure(*short, tokenizer, run="expected")
    with monkeypatch.context() as patch:
        disk = Disk(patch, None, moment)
        train(expected)
    assert disk.n_done > 50
    every = 5 if request.config.getoption("--kill-trials") == 1 else 1
    for n in range(random.Random(time.time_ns()).randint(1, every), disk.n_done + 1, every):
        killed = configure(*short, tokenizer, run=f"killed {moment} {n}")
        with monkeypatch.context() as patch:
            Disk(patch, n, moment)
            with pytest.raises(Killed):
                train(killed)
        train(killed, resume=not RunDirectory(killed.run_dir).is_empty())
        assert final_bytes(expected) == final_bytes(killed), f"killed {moment} operation {n}"


@dataclass(frozen=True)
class Processes:
    """Runs of the command, as whole processes."""

    folder: Path
    settings: list[str]

    def start(self, run: RunDirectory) -> "subprocess.Popen[bytes]":
        code = "import sys; from transformer.cli import train_main; sys.exit(train_main())"
        command = [sys.executable, "-c", code, "--config", str(self.folder / "settings.yaml")]
        resume = [] if run.is_empty() else ["--resume"]
        return subprocess.Popen(
            [*command, *resume, *self.settings, f"run_dir={run.path}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def finish(self, run: RunDirectory) -> Config:
        process = self.start(run)
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
        return load_config(None, [f"run_dir={run.path}"])


LANGUAGE_MODEL = (
    "task=language_modeling",
    "tokenizer.kind=characters",
    "model.context=16",
    "training.label_smoothing=0.0",
)


@pytest.fixture(
    scope="module",
    params=["translation", pytest.param("language_modeling", marks=EXHAUSTIVE)],
)
def processes(
    tiny: list[str], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Processes:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "settings.yaml").touch()
    longer = ("training.max_steps=120", "training.checkpoint_every=7", "training.validate_every=40")
    changes = LANGUAGE_MODEL if request.param == "language_modeling" else ()
    if request.param == "language_modeling":
        tiny = [setting for setting in tiny if "n_encoder_layers" not in setting]
    return Processes(folder, [*tiny, *longer, *changes])


@pytest.fixture(scope="module")
def whole(processes: Processes) -> tuple[Config, float]:
    """A run that nothing interrupts, and the seconds it took."""
    started = time.perf_counter()
    config = processes.finish(RunDirectory(processes.folder / "whole"))
    return config, time.perf_counter() - started


@pytest.mark.slow
def test_sigkill_at_random_moments(
    processes: Processes, whole: tuple[Config, float], final_bytes: FinalBytes, kill_trial: int
) -> None:
    """Killed for real: twice while it trains, mid-epoch, and twice whenever it happens."""
    expected, seconds = whole
    run = RunDirectory(processes.folder / f"killed {kill_trial}")
    generator = random.Random(time.time_ns())
    moments = []
    for n in range(4):
        process = processes.start(run)
        if n % 2:
            time.sleep(generator.uniform(0, seconds))
        else:
            wait_for_step(run, process, newest_step(run) + 20)
            time.sleep(generator.uniform(0, 0.5))
        process.kill()
        process.communicate(timeout=60)
        moments.append(newest_step(run))
    found = processes.finish(run)
    print("killed after the checkpoints of steps", moments)
    assert final_bytes(expected) == final_bytes(found), f"killed after steps {moments}"


def wait_for_step(run: RunDirectory, process: "subprocess.Popen[bytes]", step: int) -> None:
    while newest_step(run) < step and process.poll() is None:
        time.sleep(0.01)


def newest_step(run: RunDirectory) -> int:
    if not run.checkpoints.exists():
        return 0
    steps = (int(path.name.removeprefix("step-")) for path in run.checkpoints.glob("step-*"))
    return max(steps, default=0)
