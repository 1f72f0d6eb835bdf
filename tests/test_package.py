"""What is installed is what is in the repository, the model included."""

import importlib.metadata
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import transformer.cli
from transformer.runs.directory import packaged

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_wheel_is_complete(tmp_path: Path) -> None:
    copy = tmp_path / "source"
    leave_out = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "dist")
    copy.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "transformer", copy / "transformer", ignore=leave_out)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--quiet", "--wheel-dir", str(tmp_path), str(copy)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("transformer/")}
    files = (path for path in (copy / "transformer").rglob("*") if path.is_file())
    assert packed == {str(path.relative_to(copy)) for path in files}
    for name in packaged():
        assert f"transformer/pretrained/{name}/model.safetensors" in packed
    assert "transformer/py.typed" in packed


def test_every_command_is_there() -> None:
    found = {
        point.name: point.value
        for point in importlib.metadata.entry_points(group="console_scripts")
        if point.name.startswith("transformer-")
    }
    assert found == {
        f"transformer-{name.removesuffix('_main')}": f"transformer.cli:{name}"
        for name in transformer.cli.__all__
    }
