"""`transformer-lab doctor`: the whole examination, its table, its JSON and its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from transformer.config import Config, load_config
from transformer.data.builtin.corpus import sample_pairs
from transformer.errors import UserError
from transformer.inference.translator import Translator
from transformer.lab.doctor import Finding, Report, examination, examine
from transformer.lab.doctor.findings import grade

SMALL = (
    "data.cleaning.max_tokens=100",
    "tokenizer.vocab_size=600",
    "model.d_model=32",
    "model.d_ff=64",
    "model.n_heads=2",
    "model.n_encoder_layers=1",
    "model.n_decoder_layers=1",
    "training.batch_tokens=600",
    "training.max_steps=600",
    "training.warmup_steps=100",
    "training.peak_learning_rate=5e-3",
    "training.decay=linear",
    "training.validate_every=300",
    "training.threads=1",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, n in (("train", 1200), ("val", 120)):
        pairs = sample_pairs(name, n)
        for side, language in enumerate(("de", "en")):
            text = "".join(f"{pair[side]}\n" for pair in pairs)
            (folder / f"{name}.{language}").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def configure(folder: Path, tmp_path: Path) -> Callable[..., Config]:
    def make(*overrides: str) -> Config:
        data = [f"data.{name}={folder / name}" for name in ("train", "val")]
        return load_config(None, [f"run_dir={tmp_path / 'run'}", *data, *SMALL, *overrides])

    return make


def _wrong(report: Report) -> list[tuple[str, str]]:
    return [(f.check, f.level) for f in report.findings if f.level != "ok"]


@pytest.mark.slow
def test_a_sound_configuration_is_told_so_and_leaves_nothing_behind(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    told: list[str] = []
    report = examine(configure(), progress=told.append)
    assert _wrong(report) == []
    assert not (tmp_path / "run").exists()
    checks = {finding.check for finding in report.findings}
    assert checks == {
        *("settings", "schedule", "left out", "vocabulary", "language", "text", "alignment"),
        *("overlap", "batches", "dropout", "loss", "leaks", "signal", "decoding"),
        *("first loss", "first weights", "gradients", "accumulation", "overfit"),
    }
    assert told[0] == "reading the text" and told[-1] == "overfit"


@pytest.mark.slow
def test_faults_of_data_files_are_found_in_a_whole_examination(
    configure: Callable[..., Config], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "_checks_of_model", lambda task: [])
    german = (folder / "train.de").read_text(encoding="utf-8").splitlines()
    english = (folder / "train.en").read_text(encoding="utf-8").splitlines()
    shifted = tmp_path / "shifted"
    Path(f"{shifted}.de").write_text("\n".join(german) + "\n", encoding="utf-8")
    Path(f"{shifted}.en").write_text("\n".join(english[1:] + english[:1]) + "\n", encoding="utf-8")
    copied = tmp_path / "copied"
    Path(f"{copied}.de").write_text("\n".join(german[:150]).upper() + "\n", encoding="utf-8")
    Path(f"{copied}.en").write_text("\n".join(english[:150]).upper() + "\n", encoding="utf-8")

    report = examine(configure(f"data.train=[{folder / 'train'}, {shifted}]"))
    found = [f.found for f in report.findings if (f.check, f.level) == ("alignment", "fault")]
    assert f"rows are off by -1 in rows 1 to 1,200 of {shifted}" in found[0]

    report = examine(configure(f"data.val={copied}"))
    assert ("overlap", "fault") in _wrong(report)

    report = examine(configure(), tests=[str(copied)])
    assert ("overlap", "fault") in _wrong(report)
    assert any("test set copied: 150 of 150 pairs" in finding.found for finding in report.findings)
    with pytest.raises(UserError, match="--test: no file"):
        examine(configure(), tests=[str(tmp_path / "missing")])


@pytest.mark.slow
@pytest.mark.parametrize("task", ["translation", "language_modeling"])
def test_of_a_stream_the_beginnings_are_looked_at(
    configure: Callable[..., Config],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    task: str,
) -> None:
    monkeypatch.setattr(examination, "_checks_of_model", lambda task: [])
    german = (folder / "train.de").read_text(encoding="utf-8").splitlines()
    english = (folder / "train.en").read_text(encoding="utf-8").splitlines()
    if task == "language_modeling":
        (tmp_path / "a.txt").write_text("\n".join(german), encoding="utf-8")
        own = tuple(s for s in SMALL if not s.startswith(("data.clean", "model.n_enc")))
        given = [f"task={task}", *own, "model.context=32", f"data.train={tmp_path}/*.txt"]
        sound, broken = (
            load_config(None, [*given, "data.streaming=true", f"data.val={val}"])
            for val in (folder / "val.de", tmp_path / "a.txt")
        )
        fault = ("overlap", "fault")
    else:
        shifted = english[1:] + english[:1]
        for name, side in (("a", english), ("b", shifted)):
            pairs = zip(german, side, strict=True)
            text = "".join(f"{de}\t{en}\n" for de, en in pairs)
            (tmp_path / f"{name}.tsv").write_text(text, encoding="utf-8")
        sound, broken = (
            configure("data.streaming=true", f"data.train={tmp_path}/{name}.tsv")
            for name in ("[a]", "*")
        )
        fault = ("alignment", "fault")
    report = examine(sound)
    assert _wrong(report) == []
    assert not any("per epoch" in finding.found for finding in report.findings)
    assert fault in _wrong(examine(broken))


def test_a_translator_of_another_direction_is_refused(configure: Callable[..., Config]) -> None:
    translator = Translator.load()
    backwards = configure("data.src_lang=en", "data.tgt_lang=de")
    with pytest.raises(UserError, match="--model translates de to en, and the pairs are en to de"):
        examine(backwards, translator=translator)
    with pytest.raises(UserError, match="leave it out for a language model"):
        examine(load_config(None, ["task=language_modeling"]), translator=translator)


@pytest.mark.slow
def test_a_language_model_is_examined_too(folder: Path, tmp_path: Path) -> None:
    for name in ("train", "val"):
        (tmp_path / f"{name}.txt").write_bytes((folder / f"{name}.de").read_bytes())
    of_pairs = ("data.cleaning", "model.n_encoder_layers")
    settings = [
        "task=language_modeling",
        *(setting for setting in SMALL if not setting.startswith(of_pairs)),
        "model.context=32",
        f"data.train={tmp_path / 'train.txt'}",
    ]
    report = examine(load_config(None, [*settings, f"data.val={tmp_path / 'val.txt'}"]))
    assert _wrong(report) == []
    report = examine(load_config(None, [*settings, f"data.val={tmp_path / 'train.txt'}"]))
    assert _wrong(report) == [("overlap", "fault")]


@pytest.mark.slow
def test_a_text_that_cannot_be_read_is_the_one_finding(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    report = examine(configure(f"data.train={tmp_path / 'nothing'}"))
    [finding] = report.findings
    assert finding.level == "fault" and "data.train: no file" in finding.found


@pytest.mark.slow
def test_a_model_that_cannot_run_is_a_fault_and_the_other_checks_go_on(
    configure: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr("transformer.model.feed_forward.FeedForward.forward", broken)
    report = examine(configure())
    found = [f.found for f in report.findings if f.level == "fault"]
    assert "stopped by RuntimeError: mat1 and mat2 shapes cannot be multiplied" in found
    assert {"schedule", "overlap", "batches"} <= {
        finding.check for finding in report.findings if finding.level == "ok"
    }


@pytest.mark.slow
def test_the_command_tells_what_to_do_and_its_status(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformer.cli.lab import main

    config = tmp_path / "small.yaml"
    config.write_text("", encoding="utf-8")
    data = [f"data.{name}={folder / name}" for name in ("train", "val")]
    command = ["doctor", "--config", str(config), *data, *SMALL]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["faults"] == 0 and found["findings"][0]["check"] == "settings"

    assert main([*command, "training.peak_learning_rate=1.0"]) == 1
    table = capsys.readouterr().out
    assert "FAULT" in table and "What to do:" in table
    assert "lower training.peak_learning_rate" in table
    assert main(["doctor", "--config", str(tmp_path / "none.yaml")]) == 1
    assert "no configuration file" in capsys.readouterr().err


def test_the_table_has_faults_first_in_what_to_do_and_counts_them() -> None:
    report = Report(
        (
            Finding("first", "ok", "all well"),
            Finding("second", "warning", "a " * 80 + "\nan example", "do this"),
            Finding("third", "fault", "wrong", "do that"),
        )
    )
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1] == "first   ok       all well"
    assert lines[-4:-2] == ["  third: do that", "  second: do this"]
    assert lines[-1] == "1 fault, 1 warning"
    assert str(Report(())).splitlines()[-1] == "0 faults, 0 warnings"


def test_what_is_not_a_number_is_graded_a_fault() -> None:
    assert [grade(value, 1, 2) for value in (0.5, 1, 2, float("nan"))] == [
        *("ok", "warning", "fault", "fault")
    ]
