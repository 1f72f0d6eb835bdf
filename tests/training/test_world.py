"""Several processes train one model: the same losses, nothing lost, and a death survived."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer import Translator, load_config
from transformer.data.builtin.corpus import sample_pairs
from transformer.errors import UserError
from transformer.runs.checkpoints import TrainingState, newest_checkpoint
from transformer.runs.directory import RunDirectory
from transformer.runs.weights import read_weights
from transformer.training.updating import shares
from transformer.training.world import (
    ALONE,
    LAUNCH,
    GoneError,
    ToldElsewhereError,
    World,
    explained,
    joined_world,
    note_launch,
    was_restarted,
)

T = TypeVar("T")

SETTINGS = [
    *("model.d_model=16", "model.d_ff=32", "model.n_heads=2"),
    *("model.n_encoder_layers=1", "model.n_decoder_layers=1", "model.dropout=0.1"),
    *("training.warmup_steps=6", "training.precision=fp32", "training.device=cpu"),
    *("training.threads=1", "training.tensorboard=false", "training.log_every=1"),
]


# Threads in the place of processes ----------------------------------------------------------------


@dataclass(frozen=True)
class Thread(World):
    """One of several threads that meet at a barrier to exchange what they have."""

    table: list[Any] = field(default_factory=list)
    barrier: threading.Barrier = field(default_factory=lambda: threading.Barrier(1))

    def gather(self, value: T) -> list[T]:
        self.table[self.rank] = value
        self.barrier.wait(10)
        found = list(self.table)
        self.barrier.wait(10)
        return found

    def each(self, number: int) -> list[int]:
        return self.gather(number)

    def wait(self) -> None:
        """Nobody ends these threads."""


def in_threads(n: int, work: Any) -> list[Any]:
    """What `work(world)` gives in each of n threads, by rank; an error in place of a result."""
    table, barrier, results = [None] * n, threading.Barrier(n), [None] * n

    def run(rank: int) -> None:
        try:
            results[rank] = work(Thread(rank, n, rank, table, barrier))
        except UserError as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Numbers:
    """A task whose batches are numbers: epoch and place."""

    def __init__(self, n: int, accumulate: int, epochs: int) -> None:
        given = [f"training.accumulate={accumulate}", f"training.max_epochs={epochs}"]
        self.config, self.n = load_config(None, given), n

    def batches(self, *, epoch: int, skip: int, every: int = 1) -> Iterator[tuple[int, int]]:
        return iter([(epoch, i) for i in range(self.n)][skip::every])

    def deal(self, state: TrainingState, world: World) -> Iterator[tuple[int, int]]:
        return self.batches(
            epoch=state.epoch, skip=state.batches_done + world.rank, every=world.size
        )

    def end_epoch(self, state: TrainingState, world: World) -> None:
        """Nothing to tell."""


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 40),
    accumulate=st.integers(1, 4),
    sizes=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    stop=st.integers(0, 12),
)
def test_each_batch_comes_once_in_an_epoch(
    n: int, accumulate: int, sizes: tuple[int, int], stop: int
) -> None:
    """Whatever the number of processes is, and however it changes when a run is resumed."""
    task: Any = Numbers(n, accumulate, epochs=2)
    seen: list[tuple[int, int]] = []
    at = (0, 0)
    for size, limit in zip(sizes, (stop, 10**6), strict=True):

        def work(world: World, at: tuple[int, int] = at, limit: int = limit) -> Any:
            state = TrainingState(epoch=at[0], batches_done=at[1])
            mine, passes = [], []
            for n_updates, share in enumerate(shares(task, state, world)):
                if n_updates == limit:  # not made: what was dealt out for it does not count
                    break
                mine += share.batches
                passes.append(len(share.batches) + len(share.fillers))
                assert len(share.batches) <= accumulate
                place = (state.epoch, state.batches_done)
            else:
                place = (state.epoch, state.batches_done)
            return mine, passes, at if limit == 0 else place

        found = in_threads(size, work)
        assert all(passes == found[0][1] for _, passes, _ in found)  # or they wait for ever
        assert len({place for _, _, place in found}) == 1
        seen += [batch for mine, _, _ in found for batch in mine]
        at = found[0][2]
    assert sorted(seen) == [(epoch, i) for epoch in range(2) for i in range(n)]


def test_a_world_without_an_address_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(UserError, match="these are not set: RANK, MASTER_ADDR, MASTER_PORT; start"),
        joined_world("cpu"),
    ):
        pass


@pytest.mark.parametrize(
    ("told", "gone"),
    [
        ("[x/gloo.cc:12] Connection closed by peer\nmore", True),
        ("DataLoader worker failed\nOSError: no socket", False),
    ],
)
def test_only_what_torch_says_first_counts(told: str, gone: bool) -> None:
    with pytest.raises(GoneError if gone else RuntimeError) as found, explained():
        raise RuntimeError(told)
    assert isinstance(found.value, GoneError) == gone
    if gone:
        assert "out of reach (Connection closed by peer)" in str(found.value)
        assert isinstance(found.value.__cause__, RuntimeError)


def test_shares_join_in_the_order_of_the_whole() -> None:
    for n in range(12):
        for size in range(1, 6):
            whole = list(range(n))
            for found in in_threads(size, lambda world: world.joined(world.share(whole))):  # noqa: B023
                assert found == whole


def test_what_goes_wrong_in_one_process_ends_all_and_is_told_once() -> None:
    def work(world: World) -> None:
        with world.together():
            if world.rank == 2:
                raise UserError("there is no data")

    first, *others = in_threads(4, work)
    assert str(first) == "process 2 of 4: there is no data"
    assert all(isinstance(other, ToldElsewhereError) for other in others)
    assert in_threads(3, lambda world: world.joined([])) == [[], [], []]


def test_only_the_torchrun_that_made_a_run_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_launch(tmp_path)
    assert not (tmp_path / LAUNCH).exists()  # there is no torchrun
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-7")
    note_launch(tmp_path)
    assert not was_restarted(tmp_path, ALONE)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert not was_restarted(tmp_path, ALONE)  # killed before there were settings: it begins again
    assert RunDirectory(tmp_path).is_empty()
    (tmp_path / "config.yaml").touch()
    assert was_restarted(tmp_path, ALONE)
    with monkeypatch.context() as patch:  # the same name, but another torchrun
        patch.setattr(os, "getppid", lambda: 1)
        assert not was_restarted(tmp_path, ALONE)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-8")
    assert not was_restarted(tmp_path, ALONE)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")
    assert not was_restarted(tmp_path, ALONE)


@pytest.mark.parametrize(
    ("size", "name", "ends"), [("1", "--help", True), ("2", "--help", False), ("2", "x", True)]
)
def test_one_of_several_processes_leaves_without_the_end_of_the_interpreter(
    size: str, name: str, ends: bool
) -> None:
    """If all went well."""
    code = (
        f"import atexit, runpy, sys; sys.argv[1:] = [{name!r}]; "
        "atexit.register(print, 'the end'); runpy.run_module('transformer', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "WORLD_SIZE": size},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == (2 if name == "x" else 0)
    assert "usage: python -m transformer NAME" in done.stderr
    assert ("the end" in done.stdout) == ends


# Real processes -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few pairs: an epoch ends with a batch for some of the processes only."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, n in (("train", 330), ("val", 21)):
        pairs = sample_pairs("train" if name == "train" else "val", n)
        (folder / f"{name}.tsv").write_text("".join(f"{de}\t{en}\n" for de, en in pairs))
    return folder


def command(n: int, run: Path, corpus: Path, *given: str, restarts: int = 0) -> list[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launch += ["--nproc-per-node", str(n), "--max-restarts", str(restarts)]
    config = run.with_suffix(".yaml")
    config.write_text("task: translation\n")
    data = [f"data.train={corpus / 'train.tsv'}", f"data.val={corpus / 'val.tsv'}"]
    plain = [
        *("tokenizer.vocab_size=400", "training.batch_tokens=512", "training.max_steps=12"),
        *("training.validate_every=6", "training.checkpoint_every=3"),
    ]
    train = ["-m", "transformer", "train", "--config", str(config), f"run_dir={run}"]
    return [*launch, *train, *data, *SETTINGS, *plain, *given]


def trained(*args: Any, **kwargs: Any) -> str:
    done = subprocess.run(command(*args, **kwargs), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stderr


def rows(run: Path, name: str) -> list[float]:
    found = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [row[name] for row in found if name in row]


Made = Callable[..., tuple[Path, str]]


@pytest.fixture(scope="module")
def made(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run of n processes and what it told, made once; each update has four batches."""

    @cache
    def make(n: int, parallel: str = "ddp", *given: str) -> tuple[Path, str]:
        run = tmp_path_factory.mktemp("made") / "run"
        settings = [f"training.accumulate={4 // n}", f"training.parallel={parallel}", *given]
        return run, trained(n, run, corpus, *settings)

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "parallel"),
    [(2, "ddp"), pytest.param(4, "ddp", marks=pytest.mark.exhaustive), (2, "fsdp")],
    ids=["two", "four", "shards"],
)
def test_the_losses_do_not_depend_on_the_number_of_processes(
    n: int, parallel: str, made: Made
) -> None:
    (alone, _), (run, told) = made(1), made(n, parallel)
    assert max(rows(run, "epoch")) >= 1  # also where an epoch ends with fewer batches
    for name in ("loss", "gradient_norm", "val_loss", "val_bleu"):
        assert rows(run, name) == pytest.approx(rows(alone, name), rel=2e-5), name
    weights, expected = (
        read_weights(run / "model.safetensors"),
        read_weights(alone / "model.safetensors"),
    )
    for name, weight in expected.items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-3, atol=1e-4)
    moments = newest_checkpoint(RunDirectory(run))
    assert moments is not None
    assert {t.shape for t in moments.optimizer.values()} >= {w.shape for w in weights.values()}
    assert told.count("pairs read") == 1  # the first process alone speaks
    assert isinstance(Translator.load(run).translate("Ein Hund."), str)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [pytest.param("ddp", marks=pytest.mark.exhaustive), "fsdp"])
def test_a_run_of_two_that_is_resumed_ends_in_the_same_bits(
    parallel: str, made: Made, corpus: Path, tmp_path: Path
) -> None:
    (whole, _), (half, _) = made(2, parallel), made(2, parallel, "training.max_steps=6")
    run = shutil.copytree(half, tmp_path / "run")
    given = ["training.accumulate=2", f"training.parallel={parallel}"]
    trained(2, run, corpus, *given, "--resume")
    for place in ("model.safetensors", "checkpoints/step-00000012/optimizer.safetensors"):
        assert (run / place).read_bytes() == (whole / place).read_bytes()


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_run_goes_on_with_another_number_of_processes(
    made: Made, corpus: Path, tmp_path: Path
) -> None:
    (alone, _), (half, _) = made(1), made(2, "ddp", "training.max_steps=6")
    shutil.copytree(half, tmp_path / "run")
    # accumulate must stay: an update now has batches of half as many processes.
    told = trained(1, tmp_path / "run", corpus, "training.accumulate=2", "--resume")
    assert "processes is 1, was 2: the run goes on, but not in the same bits" in told
    assert rows(tmp_path / "run", "loss")[:6] == pytest.approx(rows(alone, "loss")[:6], rel=2e-5)
    assert len(rows(tmp_path / "run", "loss")) == 12


@pytest.mark.slow
def test_a_stream_is_read_to_its_end_by_another_number_of_processes(
    corpus: Path, tmp_path: Path
) -> None:
    for shard in range(4):
        lines = (corpus / "train.tsv").read_text().splitlines(keepends=True)[shard::4]
        (tmp_path / f"part-{shard}.tsv").write_text("".join(lines))
    given = [f"data.train={tmp_path}/part-*.tsv", "data.streaming=true", "data.shuffle_buffer=50"]
    given += ["training.max_epochs=1", "training.batch_tokens=256", "training.checkpoint_every=1"]
    run = tmp_path / "run"
    trained(2, run, corpus, *given, "training.max_steps=3")
    told = trained(1, run, corpus, *given, "training.max_steps=1000", "--resume")
    assert "end of an epoch: 330 pairs read; left out: none" in told


def kill_one(process: "subprocess.Popen[str]", run: Path) -> None:
    """Kills the last process that torchrun has started, once there is a checkpoint."""
    ended = time.monotonic() + 120
    while not list(run.glob("checkpoints/step-*")):
        assert time.monotonic() < ended and process.poll() is None
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes in /proc")
@pytest.mark.parametrize("restarts", [0, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_a_killed_process_ends_the_run_or_it_goes_on(
    restarts: int, corpus: Path, tmp_path: Path
) -> None:
    given = ["training.accumulate=2", "training.max_steps=120", "training.validate_every=60"]
    run = tmp_path / "run"
    process = subprocess.Popen(
        command(2, run, corpus, *given, restarts=restarts), stderr=subprocess.PIPE, text=True
    )
    kill_one(process, run)
    _, told = process.communicate(timeout=300)
    # torchrun names it; the other process says how to go on, unless torchrun ends it before it can.
    assert "exitcode: -9" in told and "local_rank: 1" in told
    how_to = "another process of this run has ended" in told and "go on with --resume" in told
    assert how_to or "exitcode  : 143" in told
    if restarts == 0:
        assert process.returncode == 1
        assert newest_checkpoint(RunDirectory(run)) is not None
        return
    assert process.returncode == 0, told
    trained(2, tmp_path / "whole", corpus, *given)
    assert rows(run, "loss") == rows(tmp_path / "whole", "loss")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("run", "whole")]
    assert weights[0] == weights[1]


@pytest.mark.slow
def test_what_cannot_be_is_told_once(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    words = command(2, tmp_path / "run", corpus)
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert done.stderr.count("error: ") == 1
    assert "is not empty, and a run is never overwritten" in done.stderr
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize(
    "streaming",
    [pytest.param(False, marks=pytest.mark.exhaustive), True],
    ids=["stored", "streamed"],
)
def test_a_run_that_is_told_to_end_saves_and_goes_on_in_the_same_bits(
    streaming: bool, corpus: Path, tmp_path: Path
) -> None:
    n = 24 if streaming else 80  # an epoch of a stream starts processes
    given = ["training.accumulate=2", f"training.max_steps={n}", "training.checkpoint_every=100"]
    given += [f"training.validate_every={n // 2}"]
    if streaming:
        for shard in range(4):
            lines = (corpus / "train.tsv").read_text().splitlines(keepends=True)[shard::4]
            (tmp_path / f"part-{shard}.tsv").write_text("".join(lines))
        given += [f"data.train={tmp_path}/part-*.tsv", "data.streaming=true"]
    run = tmp_path / "run"
    process = subprocess.Popen(command(2, run, corpus, *given), stderr=subprocess.PIPE, text=True)
    ended = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists() or len(rows(run, "loss")) < 5:
        assert time.monotonic() < ended and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    stopped = newest_checkpoint(RunDirectory(run))
    assert stopped is not None and 5 <= stopped.state.step < n
    trained(2, run, corpus, *given, "--resume")
    trained(2, tmp_path / "whole", corpus, *given)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("run", "whole")]
    assert weights[0] == weights[1]
