"""A run that streams its corpus: resumed exactly, with other numbers of processes correctly."""

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transformer import Translator, UserError
from transformer.config import Config
from transformer.data.builtin.corpus import sample_pairs
from transformer.runs.directory import RunDirectory
from transformer.training import loop
from transformer.training.dry_run import describe_run
from transformer.training.loop import train
from transformer.training.updating import update_together

Configure = Callable[..., Config]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Four files of 60 pairs each."""
    pairs = sample_pairs("train", 240)
    for shard in range(4):
        lines = [f"{de}\t{en}\n" for de, en in pairs[shard::4]]
        (tmp_path / f"part-{shard}.tsv").write_text("".join(lines))
    return tmp_path


@pytest.fixture
def settings(shards: Path) -> list[str]:
    return [
        *(f"data.train={shards}/part-*.tsv", "data.streaming=true", "data.shuffle_buffer=50"),
        *("training.average_checkpoints=0", "training.max_steps=14"),
    ]


def final(config: Config) -> bytes:
    return RunDirectory(config.run_dir).model.read_bytes()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("step", [5, 11])
def test_a_killed_run_ends_in_the_same_bits(
    configure: Configure,
    settings: list[str],
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    step: int,
) -> None:
    given = [*settings, f"data.streaming_workers={workers}"]
    whole, killed = configure(*given, run="whole"), configure(*given, run="killed")
    train(whole)

    def dies(*args: Any) -> Any:
        if args[3] == step:
            raise KeyboardInterrupt
        return update_together(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update_together", dies)
        with pytest.raises(KeyboardInterrupt):
            train(killed)
    train(killed, resume=True)
    assert final(killed) == final(whole)


def test_an_epoch_is_told_and_begins_anew(
    configure: Configure, settings: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    config = configure(*settings, "training.max_epochs=2", "training.max_steps=1000")
    with caplog.at_level(logging.INFO):
        run = train(config)
    assert caplog.text.count("end of an epoch: 240 pairs read; left out: none") == 2
    assert isinstance(Translator.load(run.directory).translate("Ein Hund."), str)


def test_another_number_of_workers_goes_on(
    configure: Configure, settings: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    once = [*settings, "training.max_epochs=1", "training.max_steps=1000"]
    train(configure(*once, "training.max_steps=6", "data.streaming_workers=2"))
    with caplog.at_level(logging.INFO):
        train(configure(*once, "data.streaming_workers=0"), resume=True)
    assert "end of an epoch: 240 pairs read; left out: none" in caplog.text


def test_shards_that_have_changed_are_noticed(
    configure: Configure, settings: list[str], shards: Path
) -> None:
    config = configure(*settings, "training.max_steps=3")
    train(config)
    (shards / "part-1.tsv").write_text("Ein Hund.\tA dog.\n")
    with pytest.raises(UserError, match=r"is not the one that .* had before"):
        train(config, resume=True)


def test_the_dry_run_says_that_nobody_has_counted(
    configure: Configure, settings: list[str]
) -> None:
    told = describe_run(configure(*settings))
    assert "4 shards, read while the model learns" in told
    assert "an epoch        as long as the stream is" in told


def test_a_pattern_is_for_streams(shards: Path, configure: Configure) -> None:
    with pytest.raises(UserError, match=r"a pattern with \* is for data\.train under"):
        train(configure(f"data.train={shards}/part-*.tsv"))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="/proc")
@pytest.mark.slow
def test_workers_end_when_the_run_is_killed(configure: Configure, settings: list[str]) -> None:
    """Otherwise they would keep memory, and open the pipe that somebody reads the log from."""
    config = configure(*settings, "training.max_steps=100000", "data.streaming_workers=2")
    run = RunDirectory(config.run_dir)
    file = run.path.parent / "settings.yaml"
    file.write_text(config.to_yaml())
    command = [sys.executable, "-m", "transformer", "train", "--config", str(file)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: any(run.checkpoints.glob("step-*")) or process.poll() is not None)
        started = descendants(process.pid)
        process.kill()
    assert len(started) >= 3  # the fork server and two workers
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started), seconds=10)


def wait_until(true: Callable[[], bool], seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, children) for found in (child, *descendants(child))]
