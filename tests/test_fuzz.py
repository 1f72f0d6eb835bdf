"""A small part of what `scripts/fuzz.py` and `scripts/kill.py` do at length."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


def run(*command: str) -> str:
    # A process of its own: cases are forked from it, with nothing computed before.
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / command[0]), *command[1:]],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


CASES = [
    *(("commands", 6), ("settings", 50), ("runs", 2)),
    *(
        pytest.param(*more, marks=pytest.mark.exhaustive)
        for more in (("commands", 20), ("settings", 100), ("runs", 10))
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "n"), CASES)
def test_bad_input_is_explained(kind: str, n: int) -> None:
    table = run("fuzz.py", kind, "--n", str(n), "--jobs", "2")
    assert f"| {kind} | 1 | {n} | 0 to {n - 1} |" in table and "| none |" in table


@pytest.mark.slow
def test_what_is_killed_is_gone_on_with() -> None:
    assert run("kill.py", "--n", "4").count("| 1 |") >= 4
