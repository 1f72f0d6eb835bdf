"""Starting from another run: its settings come along unless told otherwise."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from transformer import Translator, load_config
from transformer.config import Config, ConfigError
from transformer.runs.directory import RunDirectory
from transformer.runs.errors import CheckpointError
from transformer.runs.weights import read_model, save_weights
from transformer.training.dry_run import describe_run
from transformer.training.loop import train
from transformer.training.resuming import TrainingError
from transformer.training.starting import take_over


@pytest.fixture
def tune(tiny: list[str], tmp_path: Path) -> Callable[..., Config]:
    """The settings of a run that says nothing about its model or about decoding."""
    own = [setting for setting in tiny if not setting.startswith(("model.", "tokenizer."))]

    def make(*overrides: str, run: str = "tuned") -> Config:
        return load_config(None, [f"run_dir={tmp_path / run}", *own, *overrides])

    return make


SHIPPED = ("training.start_from=shipped", "training.max_steps=2", "training.validate_every=2")


def test_the_model_in_the_package_brings_its_settings(
    tune: Callable[..., Config], caplog: pytest.LogCaptureFixture
) -> None:
    config = tune(*SHIPPED, "training.peak_learning_rate=1e-9", "decoding.beam_size=2")
    theirs = RunDirectory.find().load_config()
    run = train(config)
    found = RunDirectory(run.directory).load_config()
    assert found.model == theirs.model
    assert found.decoding == theirs.decoding.model_copy(update={"beam_size": 2})
    told = RunDirectory(run.directory).log.read_text()
    assert "taken over from " in told and f"model.d_ff={theirs.model.d_ff}" in told
    assert "tokenizer.vocab_size (" not in caplog.text  # nobody asked for another size
    line = "Die Pizza kam aus dem Ofen."
    assert Translator.load(run.directory).translate(line) == Translator.load().translate(line)


def test_what_was_set_stays_and_what_contradicts_is_an_error(tune: Callable[..., Config]) -> None:
    theirs = RunDirectory.find().load_config()
    taken, notes = take_over(tune(*SHIPPED, "model.dropout=0.25", "decoding.alpha=0.9"))
    assert taken.model == theirs.model.model_copy(update={"dropout": 0.25})
    assert taken.decoding == theirs.decoding.model_copy(update={"alpha": 0.9})
    assert "dropout" not in notes[0] and "alpha" not in notes[0]
    with pytest.raises(TrainingError, match=r"another model\. .*\n  model\.n_heads="):
        take_over(tune(*SHIPPED, "model.n_heads=1"))
    nothing = tune()
    assert take_over(nothing) == (nothing, [])


def test_what_is_taken_over_must_go_with_the_rest(tune: Callable[..., Config]) -> None:
    of_lm = ("task=language_modeling", "model.context=2000", "training.batch_tokens=2000")
    first = RunDirectory(tune(*of_lm, run="first").run_dir)
    first.path.mkdir()
    first.config.write_text(tune(*of_lm).to_yaml())
    few = ("task=language_modeling", "training.batch_tokens=1500")
    with pytest.raises(ConfigError, match=r"with the settings of .*first: .*context \(2000\)"):
        take_over(tune(f"training.start_from={first.path}", *few))


def test_another_language_is_noted(
    tune: Callable[..., Config], caplog: pytest.LogCaptureFixture
) -> None:
    changed = ("data.src_lang=en", "data.tgt_lang=de")
    _, notes = take_over(tune(*SHIPPED, *changed))
    assert any("translates de to en, and this run translates en to de" in note for note in notes)
    _, notes = take_over(tune(*SHIPPED))
    assert not any("translates" in note for note in notes)


@pytest.mark.parametrize("by", ["original settings", "own config.yaml"])
@pytest.mark.slow
def test_a_run_that_has_taken_settings_over_is_resumed_without_their_source(
    configure: Callable[..., Config],
    tune: Callable[..., Config],
    final_bytes: Callable[[Config], dict[str, bytes]],
    tmp_path: Path,
    by: str,
) -> None:
    train(configure("training.max_steps=4", "decoding.beam_size=3", run="first"))
    start = (f"training.start_from={tmp_path / 'first'}", "training.max_steps=6")
    whole, stopped = tune(*start, run="whole"), tune(*start, run="stopped")
    train(whole)
    train(whole.model_copy(update={"run_dir": stopped.run_dir}))
    newest = max(RunDirectory(stopped.run_dir).checkpoints.glob("step-*"))
    shutil.rmtree(newest)
    shutil.rmtree(tmp_path / "first")
    if by == "own config.yaml":
        stopped = RunDirectory(stopped.run_dir).load_config()
    train(stopped, resume=True)
    assert final_bytes(whole) == final_bytes(stopped)
    assert RunDirectory(stopped.run_dir).load_config().decoding.beam_size == 3


def test_a_dry_run_shows_what_is_taken_over(
    tune: Callable[..., Config], caplog: pytest.LogCaptureFixture
) -> None:
    theirs = RunDirectory.find().load_config()
    with caplog.at_level(logging.INFO):
        report = describe_run(tune(*SHIPPED, "training.batch_tokens=200"))
    assert f"d_ff: {theirs.model.d_ff}" in report and "taken over from" in caplog.text


def test_weights_and_tokenizer_must_be_of_the_same_run(
    configure: Callable[..., Config], tune: Callable[..., Config], tmp_path: Path
) -> None:
    one = train(configure("training.max_steps=1", run="one")).directory
    other = train(configure("training.max_steps=1", "tokenizer.kind=bpe", run="other")).directory
    shutil.copy(RunDirectory(other).tokenizer, RunDirectory(one).tokenizer)
    message = r"sentencepiece\.model and .*model\.safetensors are not of the same run"
    with pytest.raises(CheckpointError, match=message):
        Translator.load(one)
    with pytest.raises(CheckpointError, match=message):
        train(tune(f"training.start_from={one}"))
    with pytest.raises(CheckpointError, match=message):
        train(configure("training.max_steps=2", run="one"), resume=True)
    # Weights from before they said so are taken as they are.
    weights, _ = read_model(RunDirectory(one).model)
    save_weights(weights, RunDirectory(one).model)
    Translator.load(one)


def test_what_is_done_to_a_text_is_taken_over(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    before = configure("text.split=always", "text.placeholders=true", run="before")
    folder = tmp_path / "before"
    folder.mkdir()
    (folder / "config.yaml").write_text(before.to_yaml(), encoding="utf-8")
    start = f"training.start_from={folder}"
    taken, [note] = take_over(configure(start, "text.placeholders=false"))
    assert (taken.text.split, taken.text.placeholders) == ("always", False)
    assert note == f"taken over from {folder}: text.split=always"
