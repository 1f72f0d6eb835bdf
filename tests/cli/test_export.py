"""`transformer-export` as people use it, mistakes included."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from transformer.cli.export import main
from transformer.config import DecodingConfig
from transformer.export import ctranslate2, huggingface
from transformer.export.trained import ExportError, new_folder
from transformer.inference.ctranslate2_engine import CTranslate2Engine

for package in ("ctranslate2", "transformers"):
    pytest.importorskip(package)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


FORMATS = {"ctranslate2": "model.bin", "huggingface": "model.safetensors"}


@pytest.mark.parametrize(("name", "weights"), FORMATS.items())
@pytest.mark.slow
def test_the_shipped_model_is_exported(
    name: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / name
    assert main(["--format", name, "--output", str(folder)]) == 0
    assert {weights, "config.json", "config.yaml", "sentencepiece.model"} <= names(folder)
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1
    assert f"{folder}: " in capsys.readouterr().err
    assert names(folder.parent) == {name}


@pytest.mark.slow
def test_end_to_end(tmp_path: Path) -> None:
    """From the command to a translation, in another process and without a network."""
    folder = tmp_path / "int8"
    code = "import sys; from transformer.cli import export_main as main; sys.exit(main())"
    arguments = ["--format", "ctranslate2", "--quantization", "int8", "--output", str(folder)]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=300)
    engine = CTranslate2Engine.load(folder, threads=1)
    tokenizer = engine.tokenizer
    source = [*tokenizer.encode("Die Pizza kam aus dem Ofen"), tokenizer.eos_id]
    [[best]] = engine.search([source], DecodingConfig())
    assert tokenizer.decode(best.ids).rstrip(".") == "The pizza came out of the oven"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nowhere"], "nowhere does not exist; name the directory that transformer-tr"),
        (["--quantization", "int4"], "--quantization for ctranslate2 must be one of float32"),
        (["--output", "file"], "file exists already; choose another name or add --overwrite"),
        (["--output", "full"], "full exists already; choose another name or add --overwrite"),
        (["--output", "full", "--overwrite"], "full is not an earlier export"),
        (["--output", "file", "--overwrite"], "file is not an earlier export"),
        (["--output", "file/inside"], "cannot write file/inside: "),
    ],
)
def test_mistakes_are_explained_and_change_nothing(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("full").mkdir()
    for name in ("file", "full/thesis.tex"):
        Path(name).write_text("mine")
    assert main(["--format", "ctranslate2", "--output", "new", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert sorted(map(str, Path().rglob("*"))) == ["file", "full", "full/thesis.tex"]
    assert Path("file").read_text() == Path("full/thesis.tex").read_text() == "mine"


def test_overwrite_replaces_an_export(tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    assert main(["--format", "ctranslate2", "--output", str(folder)]) == 0
    assert main(["--format", "huggingface", "--output", str(folder)]) == 1
    assert (folder / "model.bin").exists()
    assert main(["--format", "huggingface", "--output", str(folder), "--overwrite"]) == 0
    assert not (folder / "model.bin").exists() and (folder / "model.safetensors").exists()
    assert names(tmp_path) == {"exported"}


@pytest.mark.parametrize("module", [ctranslate2, huggingface])
@pytest.mark.parametrize("existing", [False, True])
def test_interrupted_it_leaves_what_was_there(
    module: Any, existing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes when the weights are on disk and the rest is not."""
    name = module.__name__.rpartition(".")[2]
    command = ["--format", name, "--output", str(tmp_path / "exported"), "--overwrite"]
    if existing:
        assert main(command) == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("transformer.export.trained.Trained.write_origin", interrupt)
    assert main(command) == 130
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
    assert names(tmp_path) == ({"exported"} if existing else set())


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    full = pytest.raises(ExportError, match=r"cannot write .*new: No space left")
    with full, new_folder(tmp_path / "new") as folder:
        (folder / "half").write_text("half")
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == set()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "new")
    with new_folder(tmp_path / "link") as folder:
        (folder / "whole").write_text("whole")
    assert (tmp_path / "link").is_symlink() and names(tmp_path / "new") == {"whole"}


@pytest.mark.parametrize(
    ("name", "package"), [("ctranslate2", "ctranslate2"), ("huggingface", "transformers")]
)
def test_without_the_package_it_says_what_to_install(
    name: str,
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["--format", name, "--output", str(tmp_path / "new")]) == 1
    error = capsys.readouterr().err
    assert error == (
        f'error: {package} is not installed: pip install "attention-transformer[export]"\n'
    )
    assert names(tmp_path) == set()


def test_no_format_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--output", "new"])
    assert "--format" in capsys.readouterr().err
