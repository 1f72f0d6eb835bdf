"""An export may die at any moment: the same command, given again, leaves a whole one and no half.

`pytest tests/export/test_kill.py --kill-trials 30` kills thirty in a row instead of one.
"""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ctranslate2")

CODE = "import sys; from transformer.cli import export_main; sys.exit(export_main())"


def start(folder: Path) -> "subprocess.Popen[bytes]":
    arguments = ["--format", "ctranslate2", "--output", str(folder), "--overwrite"]
    model = Path(__file__).parents[1] / "quickstart"
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments, "--model", str(model)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    """An export that nothing interrupts, and the seconds it took until the end."""
    folder = tmp_path_factory.mktemp("whole") / "exported"
    started = time.perf_counter()
    process = start(folder)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    return content(folder), time.perf_counter() - started


@pytest.mark.slow
@pytest.mark.parametrize("existing", [False, True])
def test_sigkill_at_a_random_moment(
    tmp_path: Path, whole: tuple[dict[str, bytes], float], existing: bool, kill_trial: int
) -> None:
    expected, seconds = whole
    folder = tmp_path / "exported"
    if existing:
        folder.mkdir()
        for name, file in expected.items():
            (folder / name).write_bytes(file)
    generator = random.Random(time.time_ns())
    for n in range(2):
        process = start(folder)
        if n:
            time.sleep(generator.uniform(0, seconds))
        else:
            wait_until_it_writes(tmp_path, process)
            time.sleep(generator.expovariate(20))
        process.kill()
        process.communicate(timeout=60)
        assert not folder.exists() or content(folder) == expected
    time.sleep(1.1)  # what was killed just now may be taken for alive
    process = start(folder)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    assert content(folder) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]


def wait_until_it_writes(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    while not list(folder.glob(".*.tmp")) and process.poll() is None:
        time.sleep(0.001)


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.slow
def test_two_exports_to_one_folder_at_once(
    tmp_path: Path, whole: tuple[dict[str, bytes], float], overwrite: bool
) -> None:
    folder = tmp_path / "exported"
    model = Path(__file__).parents[1] / "quickstart"
    arguments = ["--format", "ctranslate2", "--output", str(folder), "--model", str(model)]
    command = [sys.executable, "-c", CODE, *arguments, *["--overwrite"] * overwrite]
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[1].decode() for process in processes]
    failed = [error for p, error in zip(processes, told, strict=True) if p.returncode]
    assert not failed if overwrite else len(failed) <= 1
    assert all("exported exists already; choose another name" in error for error in failed)
    assert content(folder) == whole[0]
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]
