"""`transformer-explain` as people use it, mistakes included."""

import json
from pathlib import Path
from typing import get_args

import pytest

from transformer.cli import explain_main
from transformer.cli.explain import VIEWS
from transformer.inspection.explanation import View

TEXT = "Der Mann las das Buch, weil es spannend war."

pytestmark = pytest.mark.usefixtures("threads")


def test_a_terminal_gets_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain_main([TEXT]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "word"
    words = [row.split()[0] for row in rows]
    assert words[:2] == ["The", "man"] and words[-1] == "</s>"
    assert all(0 <= float(row.split()[1]) <= 1 for row in rows)


def test_a_given_translation_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain_main([TEXT, "--translation", "A dog.", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [word["text"] for word in found["target"]["words"]] == ["A", "dog", ".", "</s>"]


@pytest.mark.parametrize(
    ("name", "options", "begins"),
    [
        ("a.html", [], b"<!doctype html>"),
        ("a.png", [], b"\x89PNG"),
        ("a.SVG", ["--view", "encoder", "--layer", "2", "--head", "all"], b"<?xml"),
        ("a.svg", ["--view", "saliency", "--pieces"], b"<?xml"),
        ("b.svg", ["--layer", "all", "--head", "all"], b"<?xml"),
        ("c.svg", ["--layer", "all"], b"<?xml"),
    ],
)
def test_pictures_and_pages(
    name: str, options: list[str], begins: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    assert explain_main([TEXT, "--output", str(path), *options]) == 0
    assert path.read_bytes().startswith(begins)
    assert capsys.readouterr().err.strip() == str(path)


@pytest.mark.parametrize("mode", ["--positions", "--masks"])
def test_what_a_lecture_draws_first(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    assert explain_main([mode, "--output", str(path)]) == 0
    assert path.read_bytes().startswith(b"<?xml")


def test_pronouns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "heads.svg"
    assert explain_main(["--pronouns", "--items", "16", "--output", str(path)]) == 0
    assert "16 sentences, de to en" in capsys.readouterr().out
    assert path.read_bytes().startswith(b"<?xml")
    assert explain_main(["--pronouns", "--items", "16", "--no-causes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["causes"] is None


def test_an_output_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.html"
    path.write_text("mine")
    assert explain_main([TEXT, "--output", str(path)]) == 1
    assert "exists already; choose another name or add --overwrite" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert explain_main([TEXT, "--output", str(path), "--overwrite"]) == 0
    assert path.read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "give a text to look into, in quotes"),
        ([TEXT, "--masks"], 2, "--masks takes no text"),
        (["--masks"], 2, "--masks draws a picture: give --output NAME.png or NAME.svg"),
        (["--masks", "--output", "a.html"], 2, "--output must end in .png or .svg; found 'a.html'"),
        (["--masks", "--layer", "1"], 2, "--masks takes no --layer; leave it out"),
        (["--pronouns", "--view", "cross"], 2, "--pronouns takes no --view; leave it out"),
        ([TEXT, "--items", "16"], 2, "--items is for --pronouns"),
        ([TEXT, "--output", "a.pdf"], 2, "must end in .html, .png or .svg; found 'a.pdf'"),
        (
            [TEXT, "--layer", "1"],
            2,
            "--layer: only for a picture; add --output NAME.png or NAME.svg",
        ),
        (["Der", "Zug", "kam"], 2, "one text at a time; put it in quotes: 'Der Zug kam'"),
        ([TEXT, "--translation", " "], 1, "nothing to explain in an empty translation"),
        ([TEXT, "--overwrite"], 2, "--overwrite is for --output"),
        ([TEXT, "--model", "nowhere"], 1, "nowhere"),
        ([TEXT, "--output", "a.png", "--layer", "9"], 1, "layer must be between 1 and 2; found 9"),
        ([TEXT, "--output", "a.png", "--head", "x"], 1, "is a number from 1, mean or all"),
        ([TEXT, "--output", "a.png", "--view", "rollout", "--head", "1"], 1, "has no layers"),
        (["Hund " * 100, "--output", "a.png"], 1, "a picture shows at most 80 words a side"),
        (["Hund " * 200, "--output", "a.html"], 1, "a page shows at most 120 words a side"),
        (["--pronouns", "--no-causes", "--output", "a.png"], 2, "which --no-causes leaves out"),
        ([TEXT, "--output", "nowhere/a.png"], 1, "nowhere/a.png: there is no such folder"),
        (["", "--json"], 1, "there is nothing to explain in an empty text"),
    ],
)
def test_mistakes(
    arguments: list[str],
    status: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if status == 2:
        with pytest.raises(SystemExit) as stopped:
            explain_main(arguments)
        assert stopped.value.code == 2
    else:
        assert explain_main(arguments) == status
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_for_ctranslate2_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    for what in (TEXT, "--pronouns"):
        assert explain_main([what, "--model", str(tmp_path)]) == 1
        told = capsys.readouterr().err
        assert "is a folder for CTranslate2, which does not show its attention" in told


def test_the_views_of_the_command_are_those_of_an_explanation() -> None:
    assert get_args(View) == VIEWS
