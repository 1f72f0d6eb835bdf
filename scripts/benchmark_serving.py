"""Measures the service: throughput under load, latency when idle, mix-ups, memory, start.

    python scripts/benchmark_serving.py --input data/dev.de

Everything runs on this machine: the service in one process with its workers, the clients in the
threads of another. Each line of the input is one request. Answers are compared with what
`Translator.translate` says of each line alone.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import http.client
import json
import multiprocessing
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROUNDS = 5
MIB = 2**20


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--input", type=Path, required=True, help="German sentences, one a line")
    parser.add_argument("--lines", type=int, default=500, help="lines per round (500)")
    parser.add_argument("--clients", type=int, default=32, help="at the same time (32)")
    parser.add_argument("--requests", type=int, default=10_000, help="of the long run (10,000)")
    parser.add_argument("--workers", type=int, default=2, help="processes that search (2)")
    args = parser.parse_args()
    lines = args.input.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line.strip()][: args.lines]
    starts = []
    for _ in range(ROUNDS):
        with serving("--workers", str(args.workers)) as (_, _, seconds):
            starts.append(seconds)
    print(f"ready after {statistics.median(starts):.1f} s, both models, median of {ROUNDS} starts")
    with serving("--model", "de-en", "--workers", str(args.workers)) as (port, pid, _):
        idle(port, lines)
        throughput(port, lines, args)
        long_run(port, pid, lines, args)


@contextmanager
def serving(*options: str) -> Iterator[tuple[int, int, float]]:
    """A service's port, its process, and how long it took to start."""
    code = "import sys; from transformer.cli import serve_main; sys.exit(serve_main())"
    command = [sys.executable, "-c", code, "--port", "0", *options]
    started = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r":(\d+) \(", line)
        if found is None:
            raise SystemExit(line)
        try:
            yield int(found[1]), process.pid, time.perf_counter() - started
        finally:
            process.terminate()


def ask(connection: http.client.HTTPConnection, line: str) -> str:
    """The translation of one line."""
    body = json.dumps({"q": line, "source": "de", "target": "en"})
    connection.request("POST", "/translate", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer: Any = json.loads(response.read())
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {answer}")
    return str(answer["translatedText"])


def ask_all(port: int, lines: Sequence[str], clients: int) -> list[str | Exception]:
    """Translations by so many clients at once, in order. They run in a process of their own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(int)  # it has started
        return pool.apply(_ask_all, (port, lines, clients))[0]


def timed(port: int, lines: Sequence[str], clients: int) -> float:
    """Seconds for all lines."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(int)
        found, seconds = pool.apply(_ask_all, (port, lines, clients))
    for each in found:
        if isinstance(each, Exception):
            raise each
    return seconds


def _ask_all(port: int, lines: Sequence[str], clients: int) -> tuple[list[str | Exception], float]:
    found: list[str | Exception] = [""] * len(lines)

    def work(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for i in range(first, len(lines), clients):
            try:
                found[i] = ask(connection, lines[i])
            except (OSError, http.client.HTTPException, RuntimeError, ValueError) as error:
                found[i] = error
                connection.close()

    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as threads:
        list(threads.map(work, range(clients)))
    return found, time.perf_counter() - started


def idle(port: int, lines: Sequence[str]) -> None:
    """Latency of single short sentences."""
    short = [line for line in lines if len(line.split()) <= 12][:200]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    ask(connection, short[0])
    seconds = []
    for line in short:
        started = time.perf_counter()
        ask(connection, line)
        seconds.append(time.perf_counter() - started)
    seconds.sort()
    print(
        f"{len(short)} single sentences of up to 12 words: median "
        f"{1000 * statistics.median(seconds):.0f} ms, 95 % under "
        f"{1000 * seconds[int(0.95 * len(seconds))]:.0f} ms"
    )


def throughput(port: int, lines: Sequence[str], args: argparse.Namespace) -> None:
    """Many clients against one, and against the command with a file."""
    rows: list[tuple[float, float, float]] = []
    for n in range(ROUNDS):
        one = len(lines) / timed(port, lines, 1)
        many = len(lines) / timed(port, lines, args.clients)
        file = len(lines) / _file_seconds(lines, args.workers)
        rows.append((one, many, file))
        print(f"round {n + 1}: {one:.0f}, {many:.0f}, {file:.0f} sentences per second", flush=True)
    one, many, file = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"one client {one:.0f}, {args.clients} clients {many:.0f}, a file {file:.0f}")
    ratios = [(b / a, b / c) for a, b, c in rows]
    over_one, over_file = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"{args.clients} clients make {over_one:.1f} of one, {over_file:.2f} of a file (medians)")


def _file_seconds(lines: Sequence[str], workers: int) -> float:
    # Without the start of the command, which a service has only once.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return float(pool.apply(_translate_file, (list(lines), workers)))


def _translate_file(lines: list[str], workers: int) -> float:
    # In a process that may have children, unlike the workers of a pool.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    from transformer.device import set_threads
    from transformer.inference.translator import Translator
    from transformer.memory import keep_compiled_products, keep_freed_memory

    keep_compiled_products()
    keep_freed_memory()
    set_threads(1 if workers > 1 else None)
    translator = Translator.load("de-en")
    translator.translate_batch(lines[:8], workers=workers)
    started = time.perf_counter()
    list(translator.translate_stream(lines, workers=workers, window=4096, first_window=4096))
    return time.perf_counter() - started


def long_run(port: int, pid: int, lines: Sequence[str], args: argparse.Namespace) -> None:
    """Failures, mix-ups and memory in many requests."""
    from transformer.inference.translator import Translator

    translator = Translator.load("de-en")
    alone = [translator.translate(line) for line in lines]
    n_failed = n_wrong = n_near = 0
    memory = []
    for first in range(0, args.requests, 1000):
        n = min(1000, args.requests - first)
        places = [(first + i) % len(lines) for i in range(n)]
        found = ask_all(port, [lines[i] for i in places], args.clients)
        for i, text in zip(places, found, strict=True):
            if isinstance(text, Exception):
                n_failed += 1
            elif text != alone[i]:
                best = {
                    t.text: t.score for t in translator.translate_batch([lines[i]], n_best=3)[0]
                }
                if text in best and abs(best[text] - best[alone[i]]) < 1e-4:
                    n_near += 1
                else:
                    n_wrong += 1
        memory.append(_resident(pid) / MIB)
    print(
        f"{args.requests:,} requests: {n_failed} failed, {n_wrong} other than alone, {n_near} of "
        f"equal score"
    )
    print("MiB after each thousand: " + " ".join(f"{each:.0f}" for each in memory))


def _resident(pid: int) -> float:
    # Of the service and its workers, what they share counted once (proportional set size).
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [child for each in tasks for child in each.read_text(encoding="ascii").split()]
    total = 0.0
    for each in [str(pid), *children]:
        text = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii")
        total += 1024 * int(re.findall(r"^Pss: +(\d+)", text, re.MULTILINE)[0])
    return total


if __name__ == "__main__":
    main()
