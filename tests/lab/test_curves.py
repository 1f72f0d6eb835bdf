"""`transformer-lab curves`: runs compared, by a table or a picture."""

import json
import math
from pathlib import Path

import pytest

from transformer.cli import lab_main
from transformer.cli.lab.curves import run
from transformer.errors import UserError

PNG = b"\x89PNG\r\n\x1a\n"


def write(folder: Path, *, factor: float = 1.0, score: str = "val_bleu") -> str:
    """A run of 200 updates."""
    folder.mkdir(parents=True)
    rows = []
    for step in range(50, 201, 50):
        nll = factor * (2 + 100 / step)
        about = {"step": step, "epoch": 0, "seconds": 1.2 * step}
        rows.append({**about, "nll": nll, "lr": 1e-4 * step, "tokens_per_second": 1e6 / 60})
        if step % 100 == 0:
            rows.append({**about, "val_nll": nll + 0.5, score: 12000 / step})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder)


def test_the_table_has_the_last_and_the_best_of_each_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([write(tmp_path / "a"), write(tmp_path / "long name", factor=2)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "run        metric    updates  last  best   at",
        "a          nll           200   2.5   2.5  200",
        "a          val_nll       200     3     3  200",
        "a          val_bleu      200    60   120  100",
        "long name  nll           200     5     5  200",
        "long name  val_nll       200   5.5   5.5  200",
        "long name  val_bleu      200    60   120  100",
    ]


def test_the_table_counts_in_what_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = write(tmp_path / "a")
    run([a, "--metric", "val_bleu", "--metric", "lr", "--x", "minutes"])
    assert [row.split() for row in capsys.readouterr().out.splitlines()[1:]] == [
        ["a", "val_bleu", "4.00", "60", "120", "2.00"],
        ["a", "lr", "4.00", "0.02"],
    ]
    run([a, "--metric", "val_bleu", "--x", "tokens"])
    assert capsys.readouterr().out.splitlines()[1].split()[2:] == ["4.00", "60", "120", "2.00"]


def test_json_has_all_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run([write(tmp_path / "a"), "--metric", "nll", "--metric", "lr", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["x"] == "updates"
    nll, lr = found["runs"]["a"]["nll"], found["runs"]["a"]["lr"]
    assert [step for step, _ in nll["points"]] == [50, 100, 150, 200]
    assert nll["points"][0] == [50, 4.0] and nll["last"] == nll["best"] == [200, 2.5]
    assert lr["best"] is None and math.isclose(lr["last"][1], 0.02)


def test_names_are_as_short_as_tells_runs_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [write(tmp_path / "x" / "a"), write(tmp_path / "y" / "a"), write(tmp_path / "x" / "b")]
    run([*runs, "--json"])
    names = [str(Path("x", "a")), str(Path("y", "a")), "b"]
    assert list(json.loads(capsys.readouterr().out)["runs"]) == names
    monkeypatch.chdir(runs[0])
    run([".", "--json"])
    assert list(json.loads(capsys.readouterr().out)["runs"]) == ["a"]
    with pytest.raises(UserError, match=r"\.\./a is named twice"):
        run([".", "../a"])


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_is_written_and_replaced_only_if_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    pytest.importorskip("matplotlib")
    output = tmp_path / f"curves.{kind}"
    command = [write(tmp_path / "a"), write(tmp_path / "b", score="val_bpc")]
    command += ["--output", str(output)]
    assert run(command) == 0
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err == f"{output}\n"
    before = output.read_bytes()
    assert before.startswith(PNG if kind == "png" else b"<?xml")
    with pytest.raises(UserError, match="exists already; choose another name or add --overwrite"):
        run([*command, "--metric", "lr"])
    assert output.read_bytes() == before
    run([*command, "--metric", "lr", "--overwrite"])
    assert output.read_bytes() != before


def test_what_is_not_a_run_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere does not exist\. Name directories"):
        run([str(tmp_path / "nowhere")])
    write(tmp_path / "runs" / "a")
    with pytest.raises(UserError, match=r"runs holds no metrics\.jsonl; .*a does\. Name"):
        run([str(tmp_path / "runs")])
    with pytest.raises(UserError, match=r"metrics\.jsonl is a file\. Name directories"):
        run([str(tmp_path / "runs" / "a" / "metrics.jsonl")])
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "metrics.jsonl").touch()
    with pytest.raises(UserError, match=r"holds no metrics; a run writes the first after"):
        run([str(tmp_path / "new")])


def test_an_unknown_metric_is_told_the_known_ones(tmp_path: Path) -> None:
    a = write(tmp_path / "a")
    with pytest.raises(
        UserError,
        match=r"the metric bleu; there are nll, val_nll, val_bleu, lr, tokens_per_second$",
    ):
        run([a, "--metric", "bleu"])


def test_what_a_run_lacks_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = write(tmp_path / "a"), write(tmp_path / "b", score="val_bpc")
    path = Path(a, "metrics.jsonl")
    path.write_text(path.read_text().replace("\n", "\nbroken\n", 1) + '{"step": 250, "nl')
    run([a, b, "--metric", "val_bpc"])
    shown = capsys.readouterr()
    assert (
        shown.err
        == f"warning: {path} is damaged: without its line 2\nwarning: without val_bpc: a\n"
    )
    assert [row.split()[0] for row in shown.out.splitlines()] == ["run", "b"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--output", "a.pdf"], r"--output must end in .png or .svg; found 'a.pdf'"),
        (["--overwrite"], "--overwrite is for --output"),
        (["--x", "hours"], "invalid choice: 'hours'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    with pytest.raises(SystemExit):
        run([write(tmp_path / "a"), *options])
    assert told in capsys.readouterr().err


def test_it_is_a_part_of_the_lab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab_main(["curves", write(tmp_path / "a")]) == 0
    assert capsys.readouterr().out.startswith("run  metric")
    assert lab_main(["curves", str(tmp_path / "none")]) == 1
    assert "error: " in capsys.readouterr().err
