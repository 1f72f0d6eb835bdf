"""Pairs made by a model: marked, filtered, counted, and none lost or doubled by a kill."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from transformer import Translator
from transformer.cli import synthesize, synthesize_main
from transformer.data.builtin.corpus import sample_pairs

LINES = [de for de, _ in sample_pairs("val", 12)]
QUICKSTART = Path(__file__).parents[1] / "quickstart"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "mono.de"
    path.parent.mkdir()
    path.write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    return path


@pytest.fixture
def make(source: Path, tmp_path: Path, threads: None) -> Callable[..., int]:
    def run(*options: str, name: str = "pairs.tsv") -> int:
        given = ["--input", str(source), "--output", str(tmp_path / name), *options]
        return synthesize_main(given)

    return run


def pairs(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def test_translations_become_either_side(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [best[0].text for best in Translator.load().translate_batch(LINES)]
    assert make("--as", "target") == 0
    assert pairs(tmp_path / "pairs.tsv") == [[*both] for both in zip(LINES, found, strict=True)]
    assert make("--as", "source", "--tag", "<bt>", name="back.tsv") == 0
    tagged = [[f"<bt> {text}", line] for text, line in zip(found, LINES, strict=True)]
    assert pairs(tmp_path / "back.tsv") == tagged
    assert "12 pairs; left out: none" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back.tsv", "in", "pairs.tsv"]


def test_workers_change_nothing(make: Callable[..., int], tmp_path: Path) -> None:
    assert make("--as", "target") == 0
    assert make("--as", "target", "--workers", "2", name="two.tsv") == 0
    assert (tmp_path / "two.tsv").read_bytes() == (tmp_path / "pairs.tsv").read_bytes()


def test_samples_are_drawn_anew_with_another_seed(make: Callable[..., int], tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        drawn = ["--sample", "--temperature", "1.3", "--seed", seed]
        assert make("--as", "source", *drawn, name=name) == 0
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again != other


def row(text: str, translation: str, confidence: float = 0.9, *warnings: str) -> dict[str, Any]:
    return {
        "text": text,
        "translation": translation,
        "confidence": confidence,
        "warnings": list(warnings),
    }


def test_what_is_left_out_is_counted(
    make: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [
        row("Ein Hund.", "A dog."),
        row("", ""),
        row("Ein Ball.", "A ball.", 0.2),
        row("Nr. 5", "No. 6", 0.9, "5 is missing or changed"),
        row("Der Hund läuft.", "the " * 30),
        row("Hund\tKatze", "dog\tcat"),
    ]
    monkeypatch.setattr(synthesize, "_translations", lambda *given: iter(rows[given[-1] :]))
    assert make("--as", "target", "--min-confidence", "0.5") == 0
    assert pairs(tmp_path / "pairs.tsv") == [["Ein Hund.", "A dog."]]
    told = capsys.readouterr().err
    assert "1 pairs; left out: " in told
    for why in ("empty", "unsure", "with a warning", "of another length", "with a tab"):
        assert f"1 {why}" in told


def test_another_model_can_disagree(
    make: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Judged by a German-English model: what is English here is its German.
    german, english = zip(*sample_pairs("val", 6), strict=True)
    rows = [row(en, de) for de, en in zip(german, english, strict=True)]
    rows[2]["translation"] = rows[3]["translation"]  # of another text
    monkeypatch.setattr(synthesize, "_translations", lambda *given: iter(rows[given[-1] :]))
    options = ["--model", "en-de", "--check", str(QUICKSTART), "--min-agreement", "-1"]
    assert make("--as", "source", *options) == 0
    assert "5 pairs; left out: 1 in disagreement" in capsys.readouterr().err
    assert [text for _, text in pairs(tmp_path / "pairs.tsv")] == [*english[:2], *english[3:]]


@pytest.mark.parametrize("stage", ["_translations", "_checks"])
@pytest.mark.parametrize("after", [0, 5])
def test_an_interrupted_command_goes_on(
    stage: str,
    after: int,
    make: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--as", "source", "--check", "en-de", "--min-agreement", "-100"]
    assert make(*options, name="whole.tsv") == 0
    work = getattr(synthesize, stage)

    def dies(*args: Any) -> Iterator[Any]:
        yield from islice(work(*args), after)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(synthesize, stage, dies)
        assert make(*options) == 130
    assert not (tmp_path / "pairs.tsv").exists()
    if after or stage == "_checks":
        assert make(*options) == 1
        assert "Go on with --resume-output" in capsys.readouterr().err
        assert make(*options, "--resume-output", "--beam-size", "1") == 1
        assert "start over with --overwrite" in capsys.readouterr().err
    assert make(*options, "--resume-output") == 0
    assert (tmp_path / "pairs.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "pairs.tsv", "whole.tsv"]


def test_a_check_must_go_the_other_way(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make("--as", "source", "--check", str(QUICKSTART)) == 1
    assert "translates de to en; it must go the other way than the model, en to de" in (
        capsys.readouterr().err
    )
    with pytest.raises(SystemExit):
        make("--as", "source", "--min-agreement", "-1")
    assert "--min-agreement is for --check" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_one_output_is_made_by_one_command(
    make: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work = synthesize._translations

    def meanwhile(*args: Any) -> Iterator[Any]:
        assert make("--as", "source", "--overwrite") == 1
        assert "another process is making" in capsys.readouterr().err
        yield from work(*args)

    monkeypatch.setattr(synthesize, "_translations", meanwhile)
    assert make("--as", "source") == 0
    assert len(pairs(tmp_path / "pairs.tsv")) == len(LINES)


def test_a_check_that_is_not_there_is_told_before_the_work(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make("--as", "source", "--check", str(tmp_path / "none")) == 1
    assert "none" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_samples_differ_from_line_to_line(make: Callable[..., int], source: Path) -> None:
    source.write_text("Ein Hund läuft.\n" * 20)
    assert make("--as", "source", "--sample", "--temperature", "1.3") == 0
    assert len({text for text, _ in pairs(source.parents[1] / "pairs.tsv")}) > 5


def test_another_model_under_the_same_name_is_noticed(
    make: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def dies(*args: Any) -> Iterator[Any]:
        yield row("Ein Hund.", "A dog.")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(synthesize, "_translations", dies)
        assert make("--as", "source") == 130
    digest = synthesize.digest

    def of_others(path: Any) -> str | None:
        return "others" if str(path).endswith("model.safetensors") else digest(path)

    monkeypatch.setattr(synthesize, "digest", of_others)
    assert make("--as", "source", "--resume-output") == 1
    assert "was written with another model" in capsys.readouterr().err


def test_what_replaces_an_output_can_be_resumed(
    make: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pairs.tsv").write_text("old\n")
    work = synthesize._translations

    def dies(*args: Any) -> Iterator[Any]:
        yield from islice(work(*args), 3)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(synthesize, "_translations", dies)
        assert make("--as", "source", "--overwrite") == 130
    assert (tmp_path / "pairs.tsv").read_text() == "old\n"
    assert make("--as", "source", "--resume-output") == 0
    assert len(pairs(tmp_path / "pairs.tsv")) == len(LINES)


def test_what_is_there_is_not_lost(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pairs.tsv").write_text("mine\n")
    assert make("--as", "source") == 1
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "pairs.tsv").read_text() == "mine\n"
    assert make("--as", "source", "--overwrite") == 0
    assert len(pairs(tmp_path / "pairs.tsv")) == len(LINES)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "--as"),
        (["--as", "target", "--tag", "<bt>"], "leave it out with --as target"),
        (["--as", "source", "--seed", "2"], "--seed is for --sample"),
        (["--as", "source", "--tag", "a\tb"], "must hold no tab"),
        (["--as", "source", "--sample", "--workers", "2"], "--sample takes no --workers"),
        (["--as", "source", "--input", "-"], "is read more than once"),
    ],
    ids=["side", "tag", "seed", "tab", "workers", "input"],
)
def test_mistakes_are_told(
    options: list[str], told: str, make: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        make(*options)
    assert told in capsys.readouterr().err
