"""Thousands of bad inputs: none may end in a traceback, a hang, or a success with a wrong result.

    python scripts/fuzz.py commands --n 10000      command lines and calls of the API
    python scripts/fuzz.py settings --n 10000      configuration files and overrides
    python scripts/fuzz.py runs --n 1000           damaged run directories

Each case is made of the seed and its number, and runs in a process of its own, in an empty folder,
with limits of time and memory. `--first 2000 --n 1000` goes on where `--n 2000` has ended; `--only
7` repeats case 7 and shows all of it. A line is printed for each failure, and at the end a table. A
case fails if there is a traceback, a signal, a time-out, an exit status without an explanation, a
message of more than 3,000 characters, a file, a folder or a process left behind, a file lost, or
status 0 with another output than there must be.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

# Whatever computes does so with one thread, and asks nobody.
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

from fuzzing import calls, commands, runs, settings
from fuzzing.inputs import Inputs, warm_up
from fuzzing.sandbox import Case, Limits, in_a_child, run_cases

KINDS = ("commands", "settings", "runs")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--n", type=int, default=1000, help="cases (1000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (0)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this case alone, in full")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="cases at a time (cores)")
    parser.add_argument(
        "--seconds", type=int, default=60, help="of the processor; by the clock 5 times as many"
    )
    parser.add_argument("--memory", type=float, default=4.0, help="GB of a case (4)")
    args = parser.parse_args()
    numbers = range(args.first, args.first + args.n)
    if args.only is not None:
        numbers = range(args.only, args.only + 1)
    return fuzz(args, numbers)


def fuzz(args: argparse.Namespace, numbers: range) -> int:
    """Runs the cases and returns the exit status: 1 if any has failed."""
    limits = Limits(args.seconds, int(args.memory * 2**30))
    started, failures = time.perf_counter(), Counter[str]()
    statuses = Counter[int]()
    root = Path(tempfile.mkdtemp(prefix="fuzz-"))  # no TemporaryDirectory, which children delete
    try:
        make = maker(args.kind, args.seed, root)
        (root / "cases").mkdir()
        for ended, fault in run_cases(make, numbers, args.jobs, limits, root / "cases"):
            statuses[ended.status] += 1
            if fault is not None:
                failures[fault.partition(":")[0]] += 1
                print(f"{ended.number}: {fault}\n    {ended.case.shown}"[:2000], flush=True)
            if args.only is not None:
                print(f"{ended.case.shown}\nstatus {ended.status} in {ended.seconds:.1f} s")
                print(
                    f"--- stdout\n{ended.stdout.decode(errors='replace')}--- stderr\n{ended.stderr}"
                )
                print("--- files", *sorted(map(str, ended.folder.rglob("*"))), sep="\n")
    finally:
        shutil.rmtree(root, ignore_errors=True)
    seconds = time.perf_counter() - started
    print(table(args, numbers, statuses, failures, seconds))
    return 1 if failures else 0


def maker(kind: str, seed: int, root: Path) -> Callable[[int, Path], Case]:
    """What makes a case of its number and its folder; prepares what they have in common."""
    if kind == "settings":
        return lambda number, folder: settings.make(dice_of(kind, seed, number), folder)
    warm_up()
    inputs = Inputs(root / "inputs")
    inputs.folder.mkdir()
    in_a_child(inputs.prepare, root / "log")

    def make(number: int, folder: Path) -> Case:
        dice = dice_of(kind, seed, number)
        if kind == "runs":
            return runs.make(inputs, dice, folder)
        return dice.choice([commands.make, commands.make, calls.make])(inputs, dice, folder)

    return make


def dice_of(kind: str, seed: int, number: int) -> random.Random:
    """The random numbers of one case, whatever other cases there are."""
    return random.Random(f"{kind} {seed} {number}")


def table(
    args: argparse.Namespace,
    numbers: range,
    statuses: Counter[int],
    failures: Counter[str],
    seconds: float,
) -> str:
    """A row of the documentation's table, with its head."""
    kinds = ", ".join(f"{n} {kind}" for kind, n in failures.most_common()) or "none"
    n = sum(statuses.values())
    refused = n - statuses[0]
    return (
        "\n| what | seed | cases | numbers | succeeded | refused | failures | seconds |\n"
        "|---|---|---|---|---|---|---|---|\n"
        f"| {args.kind} | {args.seed} | {n:,} | {numbers.start:,} to {numbers.stop - 1:,} | "
        f"{statuses[0]:,} | {refused:,} | {kinds} | {seconds:,.0f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
