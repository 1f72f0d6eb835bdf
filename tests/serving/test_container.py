"""The commands of the Dockerfile and of the unit in docs/serving.md."""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def block(language: str) -> str:
    text = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    [found] = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.mark.slow
def test_the_commands_of_the_image(tmp_path: Path) -> None:
    """In a new virtual environment, which borrows the packages that it depends on."""
    app, place = tmp_path / "app", tmp_path / "venv"
    shutil.copytree(ROOT / "transformer", app / "transformer")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, app)
    venv.create(place, with_pip=True)
    [site] = place.glob("lib/python*/site-packages")
    for old in site.glob("setuptools*"):  # in the way of the newer one
        shutil.rmtree(old)
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {"PATH": f"{place / 'bin'}:{env['PATH']}", "VIRTUAL_ENV": str(place)}
    env |= {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1"}
    lines = block("dockerfile").splitlines()
    [install] = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN pip ")]
    done = subprocess.run(shlex.split(install), cwd=app, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [start] = [json.loads(line.removeprefix("CMD ")) for line in lines if line.startswith("CMD ")]
    assert start[-2:] == ["--port", "5000"]
    with subprocess.Popen(
        [*start[:-1], "0"], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True
    ) as service:
        try:
            assert service.stderr is not None
            told = service.stderr.readline()
            port = re.findall(r"at http://0\.0\.0\.0:(\d+) ", told)[0]
            [check] = [re.split(" CMD ", line)[1] for line in lines if line.startswith("HEALTH")]
            command = [each.replace(":5000", f":{port}") for each in json.loads(check)]
            subprocess.run(command, cwd=tmp_path, env=env, check=True, timeout=60)
        finally:
            service.terminate()
    assert service.returncode == 143


def test_the_unit_is_well_formed() -> None:
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(block("ini"))
    command = shlex.split(unit["Service"]["ExecStart"])
    assert command[0].endswith("/transformer-serve")
    help_ = subprocess.run(
        [sys.executable, "-c", "from transformer.cli import serve_main; serve_main(['--help'])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(option in help_ for option in command if option.startswith("--"))
    assert unit["Service"]["SuccessExitStatus"] == "143"
