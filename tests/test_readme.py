"""What the README tells people to type works, and what it shows is there."""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from transformer.data.builtin.corpus import sample_pairs

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# A run of a few steps stands for one of minutes or hours: these go behind every training command.
SHORT = ["training.max_steps=4", "training.validate_every=2", "training.val_bleu_sentences=2"]
SMALL = ["tokenizer.vocab_size=600", "model.d_model=16", "model.d_ff=16"]


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, "" for those that name none."""
    found = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)
    return [text for name, text in found if name == language]


def commands() -> list[str]:
    """Every command of the README in order, `a && b` as two."""
    lines = (line for block in blocks("bash") for line in block.strip().splitlines())
    return [command.strip() for line in lines for command in line.split("&&")]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the configs and, under data/, text laid out as the README has it."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "configs").symlink_to(ROOT / "configs")
    data = folder / "data" / "multi30k"
    data.mkdir(parents=True)
    for name, split, n in (("train", "train", 2000), ("val", "val", 10), ("test", "test", 10)):
        pairs = sample_pairs(split, n)
        for column, language in enumerate(("de", "en")):
            text = "".join(f"{pair[column]}\n" for pair in pairs)
            (data / f"{name}.{language}").write_text(text, encoding="utf-8")
    plays = folder / "data" / "shakespeare"
    plays.mkdir()
    text = "".join(f"ROMEO:\n{en}\n\n" for _, en in sample_pairs("train", 500))
    (plays / "input.txt").write_text(text, encoding="utf-8")
    return folder


def run(command: list[str], folder: Path) -> str:
    # The console scripts stand beside the interpreter, whether or not they are on the PATH.
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_commands_work_in_the_order_given(workplace: Path) -> None:
    ran = []
    for command in commands():
        words = shlex.split(command)
        if words[0] in ("pip", "pytest"):  # how these tests came to run
            continue
        if words[0] == "transformer-train" and "--dry-run" not in words:
            gpt = "configs/gpt_" in command
            words += SHORT[:2] if gpt else [*SHORT, *([] if "quickstart" in command else SMALL)]
        assert words[0].startswith("transformer-"), f"the README has an unknown command: {command}"
        output = run(words, workplace)
        ran.append(words[0])
        if command.endswith('transformer-translate "Die Pizza kam aus dem Ofen"'):
            assert output == "The pizza came out of the oven.\n"
    assert set(ran) == {
        "transformer-train",
        "transformer-translate",
        "transformer-evaluate",
        "transformer-export",
        "transformer-generate",
    }
    assert len((workplace / "translated.en").read_text().splitlines()) == 10


@pytest.mark.slow
def test_the_python_works(workplace: Path) -> None:
    for block in blocks("python"):
        run([sys.executable, "-c", block], workplace)


def test_the_two_commands_stand_first() -> None:
    first, second = blocks("bash")[:2]
    assert first.startswith("pip install -e . && transformer-translate ")
    assert second == "pip install -e '.[test]' && pytest -q\n"


def test_the_tree_names_files_that_exist() -> None:
    (tree,) = (block for block in blocks("") if block.startswith("transformer/"))
    folder = ROOT / "transformer"
    named = set()
    for line in tree.splitlines()[1:]:
        depth = len(line) - len(line.lstrip())
        entry = line.strip().split("  ")[0]
        if depth == 0:  # configs, scripts, tests
            continue
        if re.fullmatch(r"\w+/", entry):
            folder = ROOT / "transformer" / entry
            assert folder.is_dir(), entry
            continue
        for name in re.findall(r"\w+\.py", entry):
            path = (folder if depth > 2 else ROOT / "transformer") / name
            assert path.is_file(), f"the README's tree names {name}, which is not in {path.parent}"
            named.add(path)
    there = {p for p in (ROOT / "transformer").rglob("*.py") if p.name != "__init__.py"}
    assert not there - named, f"not in the README's tree: {sorted(p.name for p in there - named)}"


def test_files_that_are_linked_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.findall(r"\b[A-Z]+_(?:LINE|TABLE)\b|TODO|FIXME", README)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_config_opens_with_a_command_that_uses_it(path: Path) -> None:
    header = re.match(r"(?:#.*\n)+", path.read_text(encoding="utf-8"))
    assert header and f"transformer-train --config configs/{path.name}" in header.group()
