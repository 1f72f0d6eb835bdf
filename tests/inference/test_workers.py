"""Several processes find what one finds, in order, and what goes wrong in them comes out."""

import gc
import itertools
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from transformer.config import DecodingConfig
from transformer.errors import UserError
from transformer.export.ctranslate2 import export_ctranslate2
from transformer.export.trained import Trained
from transformer.inference.engine import Ids
from transformer.inference.translator import Translator
from transformer.inference.workers import Workers
from transformer.search.hypothesis import Hypothesis

linux = pytest.mark.skipif(sys.platform != "linux", reason="starts workers by a fork")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As in the workers: with two, the last bits of a sum may be others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Engine:
    """Gives back the source; the first id of a batch says what else happens."""

    FINE, WRONG, KILLED, INTERRUPTED, ENDLESS, GROUP = range(4, 10)

    def __init__(self, notes: Path | None = None) -> None:
        self.notes = notes

    def search(
        self,
        batch: Sequence[Ids],
        settings: DecodingConfig,
        n_best: int = 1,
        prefixes: Sequence[Ids] | None = None,
    ) -> list[list[Hypothesis]]:
        kind = batch[0][0]
        if kind == self.WRONG:
            raise ValueError("the source is wrong")
        if kind == self.KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == self.INTERRUPTED:
            os.kill(os.getpid(), signal.SIGINT)
        if kind == self.GROUP:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(os.getpid(), number)
        if kind == self.ENDLESS:
            assert self.notes is not None
            (self.notes / str(os.getpid())).touch()
            time.sleep(600)
        return [[Hypothesis(tuple(ids), 0.0, 0.0, True)] for ids in batch]


def search(*kinds: int, workers: int = 2) -> list[int]:
    """The first ids of what is found for batches of these kinds."""
    with Workers(Engine()).searching(DecodingConfig(), 1, workers) as submit:
        results = [submit([[kind]], None) for kind in kinds]
        return [result()[0][0].ids[0] for result in results]


@linux
@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.slow
def test_two_find_what_one_finds_to_the_last_bit(
    shipped: Translator, german: list[str], workers: int
) -> None:
    lines = [*german[:9], "", "🚲", *german[9:15]]
    small = shipped.decoding.model_copy(update={"batch_tokens": 60})
    translator = Translator(shipped.engine, shipped.tokenizer, small)
    expected = translator.translate_batch(lines, n_best=2)
    assert translator.translate_batch(lines, n_best=2, workers=workers) == expected
    for window in (1, 4, 100):
        alone, together = (
            list(translator.translate_stream(iter(lines), workers=n, window=window, first_window=2))
            for n in (1, workers)
        )
        assert together == alone
        assert [best[0].text for best in together] == [best[0].text for best in expected]
    prefixes = ["A"] * len(lines)
    assert translator.translate_batch(
        lines, prefixes=prefixes, workers=workers
    ) == translator.translate_batch(lines, prefixes=prefixes)


@linux
def test_searches_that_are_made_again_are_the_workers_too(
    shipped: Translator, german: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{line} 0171 2345678 um 12:3{i} an eva@b.de" for i, line in enumerate(german[:6])]
    text = shipped.text.model_copy(update={"placeholders": True})
    translator = Translator(shipped.engine, shipped.tokenizer, shipped.decoding, text)
    n_searched = 0
    search = shipped.engine.search

    def counted(batch: Sequence[Ids], *args: Any) -> list[list[Hypothesis]]:
        nonlocal n_searched
        n_searched += len(batch)
        return search(batch, *args)

    monkeypatch.setattr(shipped.engine, "search", counted)
    expected = translator.translate_batch(lines)
    assert n_searched > len(lines)  # some needed more than one
    n_searched = 0
    assert translator.translate_batch(lines, workers=2) == expected
    assert n_searched == 0  # by this process


@linux
def test_results_come_in_order() -> None:
    assert search(*range(10, 40)) == list(range(10, 40))


@linux
def test_a_stream_reads_two_windows_ahead_at_most(shipped: Translator) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "Ein Hund."

    stream = shipped.translate_stream(endless(), workers=2, window=4, first_window=4, beam_size=1)
    for n_given, _ in enumerate(itertools.islice(stream, 20), start=1):
        whole_windows = -(-n_given // 4)
        assert read == 4 * (whole_windows + 1)
    stream.close()


@linux
def test_workers_stay_for_the_next_call_and_end_with_their_translator() -> None:
    before = set(multiprocessing.active_children())
    translator = Translator.load()
    translator.translate_batch(["Guten Morgen!"], workers=2)
    started = set(multiprocessing.active_children()) - before
    translator.translate_batch(["Wo ist der Bahnhof?"] * 20, workers=2)
    assert started and started <= set(multiprocessing.active_children())
    del translator
    gc.collect()
    deadline = time.monotonic() + 60
    pids = [process.pid for process in started if process.pid]
    while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(is_running(pid) for pid in pids)


@linux
def test_the_thread_of_the_workers_has_ended_when_they_have() -> None:
    # A thread that still ends while the interpreter does may print a traceback.
    before = set(threading.enumerate())
    translator = Translator.load()
    translator.translate_batch(["Guten Morgen!"], workers=2)
    assert set(threading.enumerate()) - before
    del translator
    gc.collect()
    assert not set(threading.enumerate()) - before


@linux
def test_an_error_in_a_worker_comes_out(shipped: Translator) -> None:
    with pytest.raises(ValueError, match="the source is wrong"):
        search(Engine.FINE, Engine.WRONG)
    with pytest.raises(ValueError, match=r"n_best must be between 1 and beam_size \(2\); found 3"):
        shipped.translate_batch(["Ein Hund."], beam_size=2, n_best=3, workers=2)
    with pytest.raises(ValueError, match=r"beam_size \(2\); found 3"):
        list(shipped.translate_stream(["Ein Hund."], beam_size=2, n_best=3, workers=2))


@linux
def test_a_killed_worker_is_explained() -> None:
    message = "a worker process has died, most likely because memory ran out; try fewer workers"
    with pytest.raises(UserError, match=message):
        search(Engine.FINE, Engine.KILLED, Engine.FINE)
    # Also when the next batch is handed over only afterwards.
    with (
        pytest.raises(UserError, match=message),
        Workers(Engine()).searching(DecodingConfig(), 1, 2) as submit,
    ):
        submit([[Engine.KILLED]], None)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            submit([[Engine.FINE]], None)
            time.sleep(0.05)


@linux
def test_ctrl_c_is_left_to_the_process_that_gives_the_work() -> None:
    assert search(Engine.INTERRUPTED, Engine.FINE) == [Engine.INTERRUPTED, Engine.FINE]


@linux
def test_what_is_sent_to_the_group_is_left_to_it_as_well() -> None:
    assert search(Engine.GROUP, Engine.FINE, Engine.GROUP) == [
        Engine.GROUP,
        Engine.FINE,
        Engine.GROUP,
    ]


def ids_found(workers: Workers, n: int, *kinds: int) -> list[int]:
    with workers.searching(DecodingConfig(), 1, n) as submit:
        results = [submit([[kind]], None) for kind in kinds]
        return [result()[0][0].ids[0] for result in results]


def exit_code(target: Callable[[], object], *, seconds: float = 60) -> int | None:
    """Of a forked process, which is killed if it does not end."""
    process = multiprocessing.get_context("fork").Process(target=target)
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        return None
    return process.exitcode


@linux
@pytest.mark.parametrize("begun", [True, False], ids=["with workers", "without"])
def test_a_forked_process_has_workers_of_its_own_and_ends(begun: bool) -> None:
    workers = Workers(Engine())
    if begun:
        assert ids_found(workers, 2, 20, 21) == [20, 21]

    def child() -> None:
        assert ids_found(workers, 2, 30, 31) == [30, 31]
        assert ids_found(workers, 2, 32, 33) == [32, 33]

    assert exit_code(child) == 0
    assert ids_found(workers, 2, 22, 23) == [22, 23]


@linux
def test_a_forked_process_translates(shipped: Translator) -> None:
    """Also with several threads, which are not there any more."""
    torch.set_num_threads(2)
    expected = shipped.translate_batch(["Ein Hund läuft durch den Schnee."] * 9)

    def child() -> None:
        found = shipped.translate_batch(["Ein Hund läuft durch den Schnee."] * 9)
        assert [best[0].text for best in found] == [best[0].text for best in expected]

    assert exit_code(child) == 0


@linux
def test_a_stream_does_not_go_on_in_a_forked_process(shipped: Translator) -> None:
    stream = shipped.translate_stream(["Ein Hund."] * 9, workers=2, window=2, first_window=2)
    next(stream)

    def child() -> None:
        with pytest.raises(UserError, match="begun in the process that this one was forked from"):
            list(stream)

    assert exit_code(child) == 0
    assert len(list(stream)) == 8


@linux
def test_a_daemon_starts_no_workers() -> None:
    def child() -> None:
        multiprocessing.current_process()._config["daemon"] = True  # type: ignore[attr-defined]
        with pytest.raises(UserError, match="workers must be 1 in a daemonic process"):
            search(Engine.FINE)

    assert exit_code(child) == 0


@linux
def test_threads_may_want_different_numbers_of_workers() -> None:
    workers = Workers(Engine())
    before = set(multiprocessing.active_children())

    def work(thread: int) -> list[list[int]]:
        kinds = range(20 + 10 * thread, 30 + 10 * thread)
        return [ids_found(workers, 2 + (thread + i) % 2, *kinds) for i in range(4)]

    with ThreadPoolExecutor(4) as threads:
        for thread, found in enumerate(threads.map(work, range(4))):
            assert found == [list(range(20 + 10 * thread, 30 + 10 * thread))] * 4
    # Those of the other number end.
    deadline = time.monotonic() + 60
    while len(set(multiprocessing.active_children()) - before) > 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@linux
def test_another_call_lets_a_stream_go_on(shipped: Translator, german: list[str]) -> None:
    expected = [best[0].text for best in shipped.translate_batch(german)]
    stream = shipped.translate_stream(german, workers=2, window=4, first_window=4)
    found = [next(stream)[0].text]
    assert [best[0].text for best in shipped.translate_batch(german, workers=3)] == expected
    assert [best[0].text for best in shipped.translate_batch(german, workers=2)] == expected
    found += [best[0].text for best in stream]
    assert found == expected


LINES = ["Guten Morgen!", "Wo ist der Bahnhof?", "Ein Hund.", "Eine Katze."]


@pytest.mark.parametrize("kind", ["spawn", pytest.param("fork", marks=linux)])
@pytest.mark.slow
def test_a_pool_of_processes_translates(shipped: Translator, kind: str) -> None:
    with multiprocessing.get_context(kind).Pool(2) as pool:
        found = pool.map_async(shipped.translate, LINES, chunksize=1).get(timeout=120)
    assert found == [shipped.translate(line) for line in LINES]


@linux
def test_ctranslate2_in_other_processes(shipped: Translator, tmp_path: Path) -> None:
    pytest.importorskip("ctranslate2")
    export_ctranslate2(Trained.load(), tmp_path)
    translator = Translator.load_ctranslate2(tmp_path, threads=1)
    expected = [translator.translate(line) for line in LINES]
    again = pickle.loads(pickle.dumps(translator))  # a second one, of which a child lets go
    assert again.translate(LINES[0]) == expected[0]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map_async(translator.translate, LINES, chunksize=1).get(timeout=120)
    assert found == expected
    with pytest.raises(UserError, match="does not work in a process that was forked"):
        translator.translate_batch(LINES, workers=2)
    for best in translator.translate_batch(["20 Euro", "15:30"], n_best=4):
        assert len({t.text for t in best}) == len(best) > 1


def run_for_ever(notes: Path) -> None:
    with Workers(Engine(notes)).searching(DecodingConfig(), 1, 2) as submit:
        for result in [submit([[Engine.ENDLESS]], None) for _ in range(2)]:
            result()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@linux
def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    parent = multiprocessing.get_context("fork").Process(target=run_for_ever, args=(tmp_path,))
    parent.start()
    deadline = time.monotonic() + 60
    while len(workers := [int(p.name) for p in tmp_path.iterdir()]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    parent.kill()
    parent.join()
    while any(is_running(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    left = [pid for pid in workers if is_running(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def test_one_worker_is_this_process() -> None:
    before = multiprocessing.active_children()
    assert search(Engine.FINE, 20, workers=1) == [Engine.FINE, 20]
    assert multiprocessing.active_children() == before


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_than_one_worker_is_an_error(shipped: Translator, workers: int) -> None:
    with pytest.raises(ValueError, match=f"workers must be at least 1; found {workers}"):
        shipped.translate_batch(["Ein Hund."], workers=workers)
    with pytest.raises(ValueError, match=f"workers must be at least 1; found {workers}"):
        list(shipped.translate_stream(["Ein Hund."], workers=workers))
