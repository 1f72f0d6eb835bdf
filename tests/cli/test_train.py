"""`transformer-train` as people use it, mistakes included."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from transformer.cli import evaluate_main, train_main, translate_main
from transformer.data.builtin.corpus import sample_pairs


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("main", [train_main, translate_main, evaluate_main])
def test_help_has_examples(main: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])  # type: ignore[operator]
    assert stop.value.code == 0
    assert "examples:" in capsys.readouterr().out


def test_all_settings_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert train_main(["--settings"]) == 0
    text = capsys.readouterr().out
    assert "training.warmup_steps=4000\n" in text and "model.d_model=512\n" in text


def test_training_mistakes_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "a.yaml"
    config.write_text("training: {max_steps: 1}\n")
    assert train_main(["--config", str(config), "trainin.max_steps=1"]) == 1
    assert "did you mean 'training.max_steps'" in capsys.readouterr().err
    assert train_main(["--config", str(tmp_path / "b.yaml")]) == 1
    assert "no configuration file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        train_main([])
    assert "configs/quickstart.yaml" in capsys.readouterr().err


def test_settings_that_are_called_config_are_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "config.yaml"
    mine.write_text(f"run_dir: {tmp_path / 'run'}\n")
    (tmp_path / "precious").touch()
    assert train_main(["--config", str(mine), "--resume"]) == 1
    assert f"there is no run to resume in {tmp_path / 'run'}" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "precious"]


def test_a_run_that_was_moved_is_resumed_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "".join(f"{de}\t{en}\n" for de, en in sample_pairs("train", 200))
    (tmp_path / "pairs.tsv").write_text(text)
    config = tmp_path / "a.yaml"
    config.write_text(
        f"""
        run_dir: {tmp_path / "a"}
        data: {{train: {tmp_path / "pairs.tsv"}, val: {tmp_path / "pairs.tsv"}}}
        tokenizer: {{vocab_size: 400}}
        model: {{d_model: 8, d_ff: 8, n_heads: 1, n_encoder_layers: 1, n_decoder_layers: 1}}
        training: {{batch_tokens: 500, max_steps: 2, val_bleu_sentences: 2, tensorboard: false}}
        """
    )
    assert train_main(["--config", str(config)]) == 0
    moved = (tmp_path / "a").rename(tmp_path / "b")
    more = "training.max_steps=3"
    assert train_main(["--config", str(moved / "config.yaml"), "--resume", more]) == 0
    assert (moved / "checkpoints" / "step-00000003").is_dir() and not (tmp_path / "a").exists()
    assert f"transformer-translate --model {moved}" in capsys.readouterr().err


def test_settings_into_a_pipe_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert train_main(["--settings"]) == 0


@pytest.mark.parametrize("what", ["--settings", "--dry-run", "--profile"])
def test_what_cannot_be_printed_is_an_error(
    what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)  # as Python has it after >&-
    assert train_main(["--config", "configs/quickstart.yaml", what]) == 1
    assert "error: standard output is closed" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["x" * 20_000], ["--config", "x" * 20_000], ["x=" * 9000]])
def test_a_message_repeats_no_endless_argument(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with suppress(SystemExit):
        train_main(arguments)
    assert len(capsys.readouterr().err) < 3000
