"""What every contender of `benchmark_translation.py` reports, measured the same way in each.

A contender is a program with one argument, a folder. There it finds `job.json`, the setting,
`source.txt`, one sentence a line, and `sentencepiece.model`. It loads its model, has `measure` call
it, from text to text, and so writes `translations.txt` and `report.json`.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

Translate = Callable[[list[str]], list[str]]


def read_job() -> tuple[SimpleNamespace, Path]:
    """The setting, and the folder named on the command line."""
    folder = Path(sys.argv[1])
    return SimpleNamespace(**json.loads((folder / "job.json").read_text())), folder


def measure(
    job: SimpleNamespace, folder: Path, translate: Translate, notes: str, *, alone: bool = True
) -> None:
    """Times `translate`, on all sentences at once and, with `alone`, on one at a time.

    What went before, since the program was started, is the time to load.
    """
    load_seconds = time.time() - job.started
    lines = (folder / "source.txt").read_text(encoding="utf-8").split("\n")[:-1]
    apart = lines[:: max(1, len(lines) // job.n_latency)][: job.n_latency] if alone else []
    # Every length class once, since kernels are compiled for a shape when it first comes; and
    # one sentence alone.
    translate(sorted(lines, key=len)[:: max(1, len(lines) // job.n_warm_up)])
    translate(lines[:1])

    started = time.perf_counter()
    translations = translate(lines)
    seconds = time.perf_counter() - started
    assert len(translations) == len(lines)
    peak = peak_bytes()
    latencies = []
    for line in apart:
        started = time.perf_counter()
        translate([line])
        latencies.append(time.perf_counter() - started)

    text = "".join(line.replace("\n", " ") + "\n" for line in translations)
    (folder / "translations.txt").write_text(text, encoding="utf-8")
    report = {
        "seconds": seconds,
        "latencies": latencies,
        "load_seconds": load_seconds,
        "peak_bytes": peak,
        "notes": notes,
    }
    (folder / "report.json").write_text(json.dumps(report))


def batches_by_length(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Places of sentences, `size` at a time, the longest first, for engines that sort nothing."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    for start in range(0, len(order), size):
        yield order[start : start + size]


def peak_bytes() -> int:
    """The most memory resident, of this process and of those it has started and that still run.

    Each one's own most is added up, and pages that they share count in each.
    """
    own = _high_water("self")
    if own is None:  # no /proc: this process alone, and never less than the one that started it
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    files = Path("/proc/self/task").glob("*/children")
    started = [process for file in files for process in file.read_text().split()]
    return own + sum(_high_water(process) or 0 for process in started)


def _high_water(process: str) -> int | None:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) * 1024
