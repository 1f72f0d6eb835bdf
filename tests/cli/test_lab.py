import json
from pathlib import Path

import pytest

from transformer.cli import lab_main
from transformer.cli.lab import SUBCOMMANDS

TINY = (
    *("tokenizer.vocab_size=400", "model.d_model=16", "model.d_ff=32", "model.n_heads=2"),
    *("model.n_encoder_layers=1", "model.n_decoder_layers=1", "training.batch_tokens=300"),
    *("training.max_steps=4", "training.warmup_steps=2", "training.val_bleu_sentences=5"),
    *("training.log_every=1", "training.threads=1"),
)


def usage_error(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as stop:
        lab_main(argv)
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_the_help_names_every_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        lab_main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    for name, what in SUBCOMMANDS.items():
        assert f"  {name} " in out
        assert what in out


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_experiment_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        lab_main([name, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: transformer-lab {name} ")
    assert "examples:" in out
    assert max(map(len, out.splitlines())) <= 100


def test_an_unknown_experiment_and_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert "invalid choice: 'whatif' (choose from " in usage_error(capsys, "whatif")
    assert "EXPERIMENT" in usage_error(capsys)


def test_a_list_is_shown_without_training(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lab_main(["what-if", "--list", "--only", "squared dot"]) == 0
    assert capsys.readouterr().out.split() == ["paper", "squared", "dot", "squared_dot"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["what-if", "--output", "a.pdf"], "--output must end in .png or .svg; found 'a.pdf'"),
        (["what-if", "--overwrite"], "--overwrite is for --output"),
        (["what-if", "--seeds", "0"], "must be a whole number from 1 to 100; found '0'"),
        (["bigram"], "give a text to learn from, such as input.txt"),
    ],
)
def test_wrong_options_are_refused(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in usage_error(capsys, *argv)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["what-if", "--suite", "table4"], "there is no list 'table4'; name a YAML file, or one"),
        (["what-if", "--only", "squared"], "there is no variant 'squared' in this list; there are"),
        (["what-if", "--output", "no/a.png"], "no/a.png: there is no such folder; make it first"),
        (["what-if", "model.d_mdel=8"], "d_mdel"),
        (["bigram", "no.txt"], "there is no text no.txt"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_trained(
    argv: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lab_main(argv) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_variants_are_compared_and_drawn(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    argv = ["what-if", "--only", "cosine", "--only", "no residuals", *TINY]
    assert lab_main([*argv, "--output", "curves.png"]) == 0
    printed = capsys.readouterr()
    rows = [line.split("|")[1].strip() for line in printed.out.splitlines() if "|" in line]
    assert rows == ["variant", "---", "paper", "cosine", "no residuals"]
    assert "3 of 3: no residuals, seed 1" in printed.err
    assert "step 1," not in printed.err
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert lab_main([*argv, "--output", "curves.png"]) == 1
    assert "exists already; choose another name or add --overwrite" in capsys.readouterr().err
    assert lab_main([*argv, "--json"]) == 0
    outcomes = json.loads(capsys.readouterr().out)["outcomes"]
    assert [outcome["variant"] for outcome in outcomes] == ["paper", "cosine", "no residuals"]


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_the_steps_from_bigrams_to_the_gpt_are_trained_on_a_text(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a text.txt").write_text("To be, or not to be: that is the question.\n" * 400)
    settings = ["training.max_steps=2", "training.warmup_steps=1", "training.validate_every=2"]
    assert lab_main(["bigram", "a text.txt", "--json", *settings, "training.threads=1"]) == 0
    outcomes = json.loads(capsys.readouterr().out)["outcomes"]
    weights = [outcome["n_parameters"] for outcome in outcomes]
    assert weights[0] < weights[1] == weights[2] < weights[3] == weights[4] < weights[5]
    assert weights[5] < weights[6] == weights[7]
    assert all(len(outcome["example"]) >= 60 for outcome in outcomes)
