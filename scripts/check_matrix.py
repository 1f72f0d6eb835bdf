"""Which versions of Python and torch the package works with: each in a new virtual environment.

    python scripts/check_matrix.py
    python scripts/check_matrix.py --python 3.13

For each Python found under ~/.pyenv or on the PATH, installs a copy of the package with what its
tests need, runs the README's first command and a quick part of the tests, and prints a table.
Once more with the lowest torch that setup.cfg admits, on Python 3.11 or lower. Needs the network or
a local index, a few minutes for each, and some gigabytes in the folder of temporary files.
"""

import argparse
import configparser
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
NEWEST_FOR_LOWEST_TORCH = (3, 11)
"""A Python that was current when that torch was."""

LEFT_BEHIND = (".*", "build", "dist", "data", "runs", "venv", "*.egg-info")
"""What is not copied of the project's folder: all that is made from the rest."""

COMMAND = ("transformer-translate", "Die Pizza kam aus dem Ofen")
ANSWER = "The pizza came out of the oven."
TESTS = ("tests/model", "tests/data", "tests/inference")


class StepError(Exception):
    """A step that failed; the message is what it printed."""


@dataclass(frozen=True)
class Row:
    """One environment and what came of it."""

    python: str
    torch: str
    seconds: float
    result: str  # "passed", or which step failed


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--python",
        action="append",
        choices=PYTHONS,
        help="only this version, without the row of the lowest torch; may be given several times",
    )
    parser.add_argument("--torch", metavar="VERSION", help="this torch in place of the newest")
    args = parser.parse_args()
    rows = [check(version, torch) for version, torch in _wanted(args.python, args.torch)]
    print("\n| Python | torch | seconds | result |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.python} | {row.torch} | {row.seconds:.0f} | {row.result} |")
    return int(any(row.result != "passed" for row in rows))


def lowest_torch() -> str:
    """What setup.cfg admits: "2.6" of `torch>=2.6,<2.14`."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    found = re.search(r"^torch>=([\d.]+)", setup["options"]["install_requires"], re.MULTILINE)
    if found is None:
        raise SystemExit("setup.cfg must ask for torch>=VERSION; found no such line")
    return found[1]


def find_python(version: str) -> Path | None:
    """The interpreter of a version such as 3.12; those of pyenv first, whose shims may refuse."""
    homes = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    if homes:
        return homes[-1]
    found = shutil.which(f"python{version}")
    return Path(found) if found else None


def _wanted(pythons: list[str] | None, torch: str | None) -> Iterator[tuple[str, str | None]]:
    # Versions of Python and torch, None for the newest.
    for version in pythons or PYTHONS:
        yield version, torch
    if pythons is None and torch is None:
        old = [v for v in PYTHONS if _numbers(v) <= NEWEST_FOR_LOWEST_TORCH and find_python(v)]
        if old:
            yield old[-1], lowest_torch()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def check(version: str, torch: str | None) -> Row:
    """Installs the package into a new environment and tries it."""
    python = find_python(version)
    if python is None:
        return Row(version, "", 0.0, "not installed here")
    started, found = time.monotonic(), torch or "newest"
    print(f"== Python {version}, torch {found}", flush=True)
    result = "passed"
    with _copy() as source:
        folder = source.parent / "venv"
        programs = folder / ("Scripts" if os.name == "nt" else "bin")
        new = str(programs / "python")
        constraint = [f"torch=={torch}.*"] if torch else []
        steps = {
            "venv": [str(python), "-m", "venv", str(folder)],
            "install": [new, "-m", "pip", "install", "-q", f"{source}[test]", *constraint],
            "torch": [new, "-c", "import torch; print(torch.__version__)"],
            "first command": [str(programs / COMMAND[0]), *COMMAND[1:]],
            # Not `python -m pytest`, which would import the package from this folder.
            "tests": [str(programs / "pytest"), "-q", "-x", *TESTS],
        }
        for step, command in steps.items():
            try:
                output = _run(command, source if step == "tests" else source.parent)
                if step == "first command" and output.strip() != ANSWER:
                    raise StepError(f"the answer must be {ANSWER!r}; found {output.strip()!r}")
            except StepError as error:
                print(f"{step} failed\n{error}", file=sys.stderr, flush=True)
                result = f"{step} failed"
                break
            if step == "torch":
                found = output.strip()
            if step == "tests":
                print(output.strip().splitlines()[-1], flush=True)
    return Row(version, found, time.monotonic() - started, result)


@contextmanager
def _copy() -> Iterator[Path]:
    # Of the whole project, since building a package writes into its folder.
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        source = Path(folder) / "source"
        shutil.copytree(ROOT, source, ignore=_left_behind)
        yield source


def _left_behind(folder: str, names: list[str]) -> set[str]:
    # Deeper down such a name is the package's own: transformer/runs.
    patterns = LEFT_BEHIND if Path(folder) == ROOT else ("__pycache__",)
    return shutil.ignore_patterns(*patterns)(folder, names)


def _run(command: list[str], folder: Path) -> str:
    # Without what a virtual environment that this runs in would lend.
    lent = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    environment = {name: value for name, value in os.environ.items() if name not in lent}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise StepError((done.stdout + done.stderr)[-4000:])
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
