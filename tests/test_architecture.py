"""Imports point one way: config ◄ model ◄ runs ◄ inference ◄ training ◄ cli."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from transformer.cli import export_main

PACKAGE = Path(__file__).parents[1] / "transformer"

# Each room and the rooms it may import.
ALLOWED = {
    "errors": set[str](),
    "config": {"errors"},
    "memory": set[str](),
    "processes": set[str](),
    "files": {"errors"},
    "figures": {"errors"},
    "device": {"errors"},
    "search": {"errors"},
    "model": {"config", "errors", "search"},
    "data": {"config", "errors", "files", "processes"},
    "text": {"config", "data", "errors"},
    "documents": {"errors"},
    "runs": {"config", "data", "errors", "files", "model"},
    "inspection": {"errors", "figures", "model"},
    "inference": {
        "config",
        "device",
        "errors",
        "files",
        "memory",
        "processes",
        "data",
        "search",
        "model",
        "inspection",
        "runs",
        "text",
    },
    "pronouns": {"data", "errors", "model", "inspection", "inference", "text"},
    "training": {
        "config",
        "device",
        "errors",
        "figures",
        "files",
        "memory",
        "data",
        "model",
        "runs",
        "inference",
    },
    "export": {"config", "errors", "files", "data", "model", "runs"},
    "lab": {
        "config",
        "errors",
        "figures",
        "files",
        "data",
        "search",
        "model",
        "runs",
        "inference",
        "training",
    },
    "serving": {"data", "documents", "errors", "files", "inference", "inspection", "text"},
    "cli": {
        "config",
        "device",
        "errors",
        "figures",
        "files",
        "memory",
        "processes",
        "data",
        "search",
        "model",
        "runs",
        "inspection",
        "inference",
        "pronouns",
        "training",
        "export",
        "lab",
        "text",
        "documents",
        "serving",
        "__init__",
    },
    "__main__": {"cli"},
    "__init__": {"config", "errors", "search", "model", "text", "inference", "training"},
}


def room(path: Path) -> str:
    """`transformer/model/gpt.py` is in `model`, `transformer/files.py` is `files`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """The rooms of ours that a file imports, from anywhere in it."""
    package = ["transformer", *path.relative_to(PACKAGE).parts[:-1]]
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            names += [".".join([*module, alias.name]) for alias in node.names]
    found = set()
    for name in names:
        head, _, rest = name.partition(".")
        if head == "transformer":
            first = rest.split(".")[0]
            is_room = (PACKAGE / first).is_dir() or (PACKAGE / f"{first}.py").is_file()
            found.add(first if first and is_room else "__init__")
    return found - {room(path)}


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    assert imported_rooms(path) <= ALLOWED[room(path)]


def test_the_table_itself_points_one_way() -> None:
    for upper, lowers in ALLOWED.items():
        for lower in lowers - {"__init__"}:
            assert upper not in ALLOWED[lower], f"{upper} and {lower} may import each other"


def test_imports_are_really_seen(tmp_path: Path) -> None:
    assert imported_rooms(PACKAGE / "training" / "translation.py") >= {"data", "inference"}
    assert imported_rooms(PACKAGE / "model" / "encoder_decoder.py") == {"config"}


def test_blocks_take_numbers_and_only_whole_models_take_the_config() -> None:
    takers = {
        path.name for path in (PACKAGE / "model").glob("*.py") if "config" in imported_rooms(path)
    }
    assert takers == {"encoder_decoder.py", "gpt.py", "gpt2.py"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("transformer", {"torch", "datasets", "sacrebleu", "sentencepiece", "numpy"}),
        ("transformer.cli", {"torch", "datasets", "sacrebleu", "sentencepiece", "ctranslate2"}),
        (
            "transformer.inference.translator",
            {"torch", "datasets", "pandas", "sacrebleu", "tensorboard"},
        ),
    ],
)
@pytest.mark.slow
def test_importing_is_quick_because_heavy_packages_wait(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert not heavy & set(done.stdout.split())


@pytest.mark.slow
def test_a_translation_from_the_command_line_imports_little_beside_torch() -> None:
    code = (
        "import sys; from transformer.cli import translate_main; translate_main(['Guten Morgen!'])"
        "; print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    # torch._dynamo takes as long as the rest of torch, and some functions of torch call for it.
    heavy = {"torch._dynamo", "datasets", "pandas", "pyarrow", "sacrebleu", "tensorboard"}
    assert not heavy & set(done.stderr.split())


@pytest.mark.slow
def test_a_translation_by_ctranslate2_imports_no_torch(tmp_path: Path) -> None:
    pytest.importorskip("ctranslate2")
    folder = str(tmp_path / "exported")
    assert export_main(["--format", "ctranslate2", "--output", folder]) == 0
    code = (
        "import sys; from transformer.cli import translate_main; "
        f"translate_main(['--model', {folder!r}, 'Guten Morgen!']); "
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "Good morning!\n"
    assert not {"torch", "datasets", "pandas", "sacrebleu"} & set(done.stderr.split())


def test_no_pickle_anywhere() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text and "torch.load" not in text and "torch.save" not in text
