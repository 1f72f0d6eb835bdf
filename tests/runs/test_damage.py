"""Run directories that are not as they were written: explained, never taken for whole."""

import hashlib
import json
import shlex
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from transformer.config import load_config
from transformer.data.characters import CharacterTokenizer
from transformer.errors import UserError
from transformer.runs.checkpoints import (
    Checkpoint,
    TrainingState,
    load_moments,
    newest_checkpoint,
    save_checkpoint,
)
from transformer.runs.directory import RunDirectory, setting
from transformer.runs.errors import CheckpointError
from transformer.runs.metadata import longest_src_of
from transformer.runs.weights import (
    compress,
    named_weights,
    read_metadata,
    read_weights,
    save_weights,
)

from .tiny import checkpoint, tiny_model


@pytest.mark.parametrize("shape", [(1,), (8,), (8, 2), (1, 8), (), (9, 1)])
def test_scales_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    small = compress({"w": torch.ones(8, 3)})
    save_weights({**small, "w:scale": torch.ones(shape)}, tmp_path / "w")
    with pytest.raises(CheckpointError, match=r"w cannot be used: w has scales of \("):
        read_weights(tmp_path / "w")
    save_weights({"w": small["w"]}, tmp_path / "w")
    with pytest.raises(CheckpointError, match=r"w has no scales; torch\.int8 of \(8, 3\)"):
        read_weights(tmp_path / "w")


def test_weights_that_overflow_are_refused(tmp_path: Path) -> None:
    small = compress({"w": torch.ones(8, 3)})
    for weights in (
        {**small, "w:scale": torch.full((8, 1), 3e38)},
        {"w": torch.full((8, 3), 1e300, dtype=torch.float64)},
    ):
        save_weights(weights, tmp_path / "w")
        with pytest.raises(CheckpointError, match="w is not finite"):
            read_weights(tmp_path / "w")


@pytest.mark.parametrize(
    "about", ["", "[]", "null", "5", "{", '{"step": 5}', '{"a": null}', "[" * 10**5]
)
def test_metadata_that_is_not_a_table_of_texts_is_refused(tmp_path: Path, about: str) -> None:
    path = tmp_path / "w"
    path.write_bytes(save({"w": torch.ones(2)}, metadata={"about": about}))
    for read in (read_weights, read_metadata):
        with pytest.raises(CheckpointError, match="w is damaged: "):
            read(path)
    run = RunDirectory(tmp_path)
    path.rename(run.best)
    assert run.step_of_best() is None


@pytest.mark.parametrize("longest", ["-5", "1", "0", "1e3", "", "9" * 5000, "1000001", "²"])
def test_a_longest_source_that_cannot_be_is_refused(longest: str) -> None:
    with pytest.raises(CheckpointError, match=r"w is damaged: longest_src .* from 2 to 1,000,000"):
        longest_src_of({"longest_src": longest}, source=Path("w"))
    assert longest_src_of({"longest_src": "2"}, source=Path("w")) == 2
    assert longest_src_of({}, source=Path("w")) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"step": -1},
        {"step": "1"},
        {"step": 10**30},
        {"step": 2},
        {"epoch": 1.5},
        {"seconds": "long"},
        {"window": []},
        {"texts": {"train": 5}},
        {"best_score": "high"},
        {"batches_done": None},
        {"tokens_seen": True},
    ],
    ids=str,
)
def test_a_state_of_wrong_types_is_damage(tmp_path: Path, changes: dict[str, object]) -> None:
    run = RunDirectory(tmp_path)
    path = save_checkpoint(run, checkpoint(1), keep=5, every=1)
    for content in (json.dumps({**json.loads((path / "state.json").read_text()), **changes}), "[]"):
        (path / "state.json").write_text(content)
        sums = json.loads((path / "checksums.json").read_text())
        sums["state.json"] = hashlib.sha256(content.encode()).hexdigest()
        (path / "checksums.json").write_text(json.dumps(sums))
        with pytest.raises(CheckpointError, match=r"none of the checkpoints .* is whole"):
            newest_checkpoint(run)


def test_moments_of_another_model_are_refused(tmp_path: Path) -> None:
    model = tiny_model()
    optimizer = torch.optim.AdamW(model.parameters())
    weights = named_weights(model)
    moments = {f"{kind}.{n}": w for kind in ("exp_avg", "exp_avg_sq") for n, w in weights.items()}
    name = "exp_avg.encoder.layers.0.self_attention.output.weight"
    missing = {n: moment for n, moment in moments.items() if n != name}
    for wrong in ({**moments, name: torch.zeros(2)}, missing):
        saved = Checkpoint(weights, wrong, TrainingState(step=1))
        with pytest.raises(CheckpointError, match=rf"for {name} the model has \(8, 8\), the file"):
            load_moments(optimizer, model, saved, source=tmp_path)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "~nosuchuser-x/y"])
def test_a_name_that_no_folder_can_have_is_refused(name: str) -> None:
    with pytest.raises(CheckpointError, match="a run directory cannot be called"):
        RunDirectory(name)


@pytest.mark.parametrize("content", ["[]", "5", "- a\n- b", "null: {", "model: 5", "\0"])
def test_a_config_of_a_run_that_is_not_one_is_explained(tmp_path: Path, content: str) -> None:
    RunDirectory(tmp_path).config.write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml"):
        RunDirectory(tmp_path).load_config()


def test_a_tokenizer_of_another_kind_is_explained(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with pytest.raises(CheckpointError, match=r"sentencepiece\.model is missing"):
        run.load_tokenizer("translation")
    tokenizer = CharacterTokenizer.train(["abc"])
    (tmp_path / "characters.json").write_bytes(tokenizer.model)
    with pytest.raises(UserError, match=r"characters\.json: not a sentencepiece model"):
        run.load_tokenizer("translation")
    assert run.load_tokenizer("language_modeling").fingerprint == tokenizer.fingerprint


def test_a_setting_can_be_typed_in_a_shell() -> None:
    for value in ("runs/a", "runs/a b", "runs/it's", "a: b", "5", "null", "🎉", "#x", '"', "a\nb"):
        [typed] = shlex.split(setting("run_dir", value))
        assert load_config(None, [typed]).run_dir == value
