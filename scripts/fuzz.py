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
from dataclasses import dataclass, field
from pathlib import Path

# Whatever computes does so with one thread, and asks nobody.
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

from fuzzing import calls, commands, runs, settings
from fuzzing.inputs import Inputs, warm_up
from fuzzing.sandbox import Case, Ended, Limits, in_a_child, run_cases

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


@dataclass
class Tally:
    """What came of the cases."""

    succeeded: int = 0
    refused: int = 0
    failures: Counter[str] = field(default_factory=Counter)  # by kind
    slowest: float = 0.0  # seconds

    def add(self, ended: Ended, fault: str | None) -> None:
        """Counts one more."""
        self.slowest = max(self.slowest, ended.seconds)
        if fault is not None:
            self.failures[fault.partition(":")[0]] += 1
        elif ended.status == 0:
            self.succeeded += 1
        else:
            self.refused += 1


def fuzz(args: argparse.Namespace, numbers: range) -> int:
    """Runs the cases and returns the exit status: 1 if any has failed."""
    limits = Limits(args.seconds, int(args.memory * 2**30))
    started, tally = time.perf_counter(), Tally()
    root = Path(tempfile.mkdtemp(prefix="fuzz-"))  # no TemporaryDirectory, which children delete
    try:
        make = maker(args.kind, args.seed, root)
        (root / "cases").mkdir()
        for ended, fault in run_cases(make, numbers, args.jobs, limits, root / "cases"):
            tally.add(ended, fault)
            if fault is not None:
                print(f"{ended.number}: {fault}\n    {ended.case.shown}"[:2000], flush=True)
            if args.only is not None:
                show(ended)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print_table(args, numbers, tally, time.perf_counter() - started)
    return 1 if tally.failures else 0


def show(ended: Ended) -> None:
    """Everything about one case."""
    print(f"{ended.case.shown}\nstatus {ended.status} in {ended.seconds:.1f} s")
    print("--- files", *sorted(map(ascii, ended.folder.rglob("*"))), sep="\n")
    print(f"--- stdout\n{ended.stdout.decode(errors='replace')}\n--- stderr\n{ended.stderr}")


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


def print_table(args: argparse.Namespace, numbers: range, tally: Tally, seconds: float) -> None:
    """A row of the documentation's table, with its head."""
    kinds = ", ".join(f"{n} {kind}" for kind, n in tally.failures.most_common()) or "none"
    row = {
        "what": args.kind,
        "seed": args.seed,
        "cases": f"{len(numbers):,}",
        "numbers": f"{numbers.start} to {numbers.stop - 1}",
        "succeeded": f"{tally.succeeded:,}",
        "refused": f"{tally.refused:,}",
        "failures": kinds,
        "seconds": f"{seconds:,.0f}",
        "slowest": f"{tally.slowest:.0f}",
    }
    print(f"\n| {' | '.join(row)} |")
    print(f"|{'---|' * len(row)}")
    print(f"| {' | '.join(map(str, row.values()))} |")


if __name__ == "__main__":
    sys.exit(main())
