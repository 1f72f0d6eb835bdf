"""The run directory: what is written comes back, and what is damaged is noticed."""

import hashlib
import json
import logging
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from transformer.checkpoint import (
    Checkpoint,
    CheckpointError,
    RunDirectory,
    TrainingState,
    average_weights,
    compress,
    load_model,
    load_moments,
    load_weights,
    longest_src_of,
    named_weights,
    read_metadata,
    read_weights,
    save_weights,
    setting,
)
from transformer.config import Config, ModelConfig, load_config
from transformer.data.characters import CharacterTokenizer
from transformer.errors import UserError
from transformer.model.encoder_decoder import Transformer

TINY = ModelConfig(d_model=8, d_ff=16, n_heads=2, n_encoder_layers=1, n_decoder_layers=1)


def tiny_model(seed: int = 0) -> Transformer:
    torch.manual_seed(seed)
    return Transformer(TINY, vocab_size=20)


def checkpoint(step: int) -> Checkpoint:
    weights = {name: w + step for name, w in named_weights(tiny_model()).items()}
    moments = {f"exp_avg.{name}": w * 2 for name, w in weights.items()}
    return Checkpoint(weights, moments, TrainingState(step=step, best_score=1 / 3, window={"n": 7}))


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def steps(run: RunDirectory) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in run.checkpoints.iterdir())


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    saved = checkpoint(3)
    run.save_checkpoint(saved, keep=5, every=1)
    loaded = run.newest_checkpoint()
    assert loaded is not None
    assert same(loaded.weights, saved.weights) and same(loaded.optimizer, saved.optimizer)
    assert loaded.state == saved.state


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert RunDirectory(tmp_path).newest_checkpoint() is None


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = RunDirectory(tmp_path)
    for step in (1, 2):
        newest = run.save_checkpoint(checkpoint(step), keep=5, every=1)
    content = bytearray((newest / name).read_bytes())
    if damage == "remove":
        (newest / name).unlink()
    else:
        content[len(content) // 2] ^= 1
        kept = content if damage == "flip" else content[:-1]
        (newest / name).write_bytes(bytes(kept))
    with caplog.at_level(logging.WARNING):
        loaded = run.newest_checkpoint()
    assert loaded is not None and loaded.state.step == 1
    assert "step-00000002" in caplog.text and "damaged" in caplog.text
    assert len(run.last_weights(5)) == 1


def test_damaged_checksums_are_noticed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    path = run.save_checkpoint(checkpoint(1), keep=5, every=1)
    for content in ("", "[]", "{}", "null"):
        (path / "checksums.json").write_text(content)
        assert run.newest_whole_step() == 0
        with pytest.raises(CheckpointError, match=r"none of the checkpoints .* is whole"):
            run.newest_checkpoint()
    assert path.exists()


def test_a_checkpoint_that_cannot_be_read_is_not_taken_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(tmp_path)
    for step in (1, 2):
        run.save_checkpoint(checkpoint(step), keep=5, every=1)

    def refuses(path: Path) -> bytes:
        raise PermissionError(f"not allowed to read {path}")

    monkeypatch.setattr(Path, "read_bytes", refuses)
    for read in (run.newest_checkpoint, run.newest_whole_step, lambda: run.last_weights(2)):
        with pytest.raises(CheckpointError, match=r"cannot read .*step-00000002"):
            read()


def test_other_folders_among_the_checkpoints_are_left_alone(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    mine = [run.checkpoints / name for name in ("step-00000001-copy", "step-best", "notes")]
    for folder in mine:
        folder.mkdir(parents=True)
    for step in (1, 2):
        run.save_checkpoint(checkpoint(step), keep=1, every=1)
    run.drop_newer_than(1)
    assert run.newest_checkpoint() is None and all(folder.exists() for folder in mine)


def test_half_written_checkpoints_do_not_count(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.save_checkpoint(checkpoint(1), keep=5, every=1)
    for name in (".step-00000002.tmp", ".step-00000002.0123.tmp"):
        killed = run.checkpoints / name
        killed.mkdir()
        (killed / "model.safetensors").write_bytes(b"half")
    (tmp_path / ".metrics.jsonl.0123.tmp").write_bytes(b"half")
    loaded = run.newest_checkpoint()
    assert loaded is not None and loaded.state.step == 1
    with run.locked():
        run.save_checkpoint(checkpoint(2), keep=5, every=1)
        assert steps(run) == [1, 2] and not list(tmp_path.glob(".*.tmp"))


def test_a_copy_of_a_checkpoint_is_left_alone(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    copy = shutil.copytree(
        run.save_checkpoint(checkpoint(1), keep=1, every=1),
        run.checkpoints / "step-00000001-copy",
    )
    run.save_checkpoint(checkpoint(2), keep=1, every=1)
    run.drop_newer_than(1)
    assert [path.name for path in run.checkpoints.iterdir()] == [copy.name]
    assert run.newest_checkpoint() is None


def test_the_newest_scheduled_checkpoints_stay(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for step in (10, 20, 30, 40):
        run.save_checkpoint(checkpoint(step), keep=2, every=10)
    assert steps(run) == [30, 40]


def test_an_interruption_does_not_change_what_is_averaged(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for step in (10, 20, 23):
        run.save_checkpoint(checkpoint(step), keep=2, every=10)
    assert steps(run) == [10, 20, 23]
    run.save_checkpoint(checkpoint(30), keep=2, every=10)
    assert steps(run) == [20, 30]


def test_what_was_not_deleted_when_a_run_died_is_deleted_later(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for step in (10, 15, 20):
        run.save_checkpoint(checkpoint(step), keep=9, every=5)
    run.save_checkpoint(checkpoint(20), keep=1, every=10)  # is there, and whole
    assert steps(run) == [20]


def test_the_step_of_the_best_weights_is_read_from_them(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.step_of_best() is None
    save_weights({"w": torch.ones(2)}, run.best, {"step": "7"})
    assert run.step_of_best() == 7
    run.best.write_bytes(run.best.read_bytes()[:20])
    assert run.step_of_best() is None


def test_checkpoints_after_the_one_resumed_from_are_dropped(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for step in (1, 2, 3):
        run.save_checkpoint(checkpoint(step), keep=5, every=1)
    run.drop_newer_than(2)
    assert steps(run) == [1, 2]


def test_the_average_is_the_mean() -> None:
    weights = [{"w": torch.tensor([float(i), 1.0])} for i in (1, 2, 6)]
    assert torch.equal(average_weights(weights)["w"], torch.tensor([3.0, 1.0]))
    with pytest.raises(CheckpointError, match="no checkpoints to average"):
        average_weights([])


def test_shared_weights_are_saved_once_and_the_model_is_the_same(tmp_path: Path) -> None:
    model = tiny_model()
    path = tmp_path / "model.safetensors"
    save_weights(named_weights(model), path, {"longest_src": "17"})
    assert path.stat().st_size < 4 * model.n_parameters() + 5000
    assert read_metadata(path)["longest_src"] == "17"
    loaded = load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)
    assert same(named_weights(loaded), named_weights(model))
    assert loaded.output.weight is loaded.src_embedding.weight
    assert not loaded.training


def test_weights_of_another_model_are_refused() -> None:
    model = tiny_model()
    weights = dict(named_weights(model))
    del weights["encoder.layers.0.self_attention.output.weight"]
    with pytest.raises(CheckpointError, match=r"x does not fit.*self_attention.output.weight"):
        load_weights(model, weights, source="x")
    with pytest.raises(CheckpointError, match=r"extra the model has nothing, the file \(2,\)"):
        load_weights(model, {**named_weights(model), "extra": torch.zeros(2)}, source="x")


def test_a_damaged_or_missing_model_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(CheckpointError, match="does not exist"):
        load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)
    path.write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)


def test_a_flipped_bit_among_the_weights_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(named_weights(tiny_model()), path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match="damaged: its checksum does not match"):
        load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    weights = {name: w.clone() for name, w in named_weights(tiny_model()).items()}
    weights["encoder.layers.0.self_attention.output.weight"][0, 0] = torch.nan
    save_weights(weights, path)
    with pytest.raises(CheckpointError, match=r"self_attention\.output\.weight is not finite"):
        load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)


def test_a_whole_checkpoint_of_the_same_step_stays(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    path = run.save_checkpoint(checkpoint(1), keep=5, every=1)
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    assert run.save_checkpoint(checkpoint(1), keep=5, every=1) == path
    assert {file.name: file.stat().st_mtime_ns for file in path.iterdir()} == before
    (path / "state.json").write_text("damaged")
    run.save_checkpoint(checkpoint(1), keep=5, every=1)
    assert run.newest_checkpoint() is not None


def test_a_checkpoint_of_another_version_is_explained(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    path = run.save_checkpoint(checkpoint(1), keep=5, every=1)
    state = json.loads((path / "state.json").read_text())
    content = json.dumps({**state, "from_the_future": 1}).encode()
    (path / "state.json").write_bytes(content)
    sums = json.loads((path / "checksums.json").read_text())
    sums["state.json"] = hashlib.sha256(content).hexdigest()
    (path / "checksums.json").write_text(json.dumps(sums))
    with pytest.raises(CheckpointError, match=r"written by another version.*from_the_future"):
        run.newest_checkpoint()


def test_state_is_json_that_a_person_can_read(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    path = run.save_checkpoint(checkpoint(3), keep=5, every=1)
    assert json.loads((path / "state.json").read_text())["step"] == 3


def test_what_is_not_a_run_directory_is_explained(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        RunDirectory(tmp_path / "nowhere").load_config()
    with pytest.raises(CheckpointError, match=r"has no config\.yaml"):
        RunDirectory(tmp_path).load_config()
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="file is a file; name the directory"):
        RunDirectory(tmp_path / "file").load_config()


def test_a_tilde_is_the_home_directory() -> None:
    assert RunDirectory("~/runs/a").path == Path.home() / "runs" / "a"


def test_a_free_name_is_found(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "a")
    assert run.is_empty()
    run.path.mkdir()
    assert run.is_empty()
    (tmp_path / "a-2").mkdir()
    (run.path / "x").touch()
    assert not run.is_empty() and run.free_name() == tmp_path / "a-3"
    assert RunDirectory(".").free_name() == Path("run-2")


def test_compressed_weights_come_back_nearly_the_same(tmp_path: Path) -> None:
    model = tiny_model()
    weights = named_weights(model)
    small, path = compress(weights), tmp_path / "model.safetensors"
    assert sum(w.numel() * w.element_size() for w in small.values()) < 0.5 * sum(
        4 * w.numel() for w in weights.values()
    )
    save_weights(small, path, {"step": "3"})
    back = read_weights(path)
    assert back.keys() == weights.keys()
    for name, weight in weights.items():
        if weight.dim() == 2:
            highest = weight.abs().amax(dim=1, keepdim=True)
            assert ((back[name] - weight).abs() <= highest / 254 * 1.001).all(), name
        else:
            assert torch.equal(back[name], weight)
    # What has come back is stored again without another error, but for the last bit.
    again = read_weights_of(compress(back), tmp_path / "again.safetensors")
    assert all(torch.allclose(again[name], back[name], rtol=1e-6, atol=0) for name in back)
    loaded = load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)
    src = torch.randint(1, 20, (2, 5))
    torch.testing.assert_close(loaded(src, src), model.eval()(src, src), rtol=0.1, atol=0.1)


def test_a_row_of_zeros_can_be_compressed(tmp_path: Path) -> None:
    weights = {"w": torch.zeros(2, 3)}
    assert torch.equal(read_weights_of(compress(weights), tmp_path / "w")["w"], weights["w"])


def read_weights_of(weights: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    save_weights(weights, path)
    return read_weights(path)


@pytest.mark.parametrize("shape", [(1,), (8,), (8, 2), (1, 8), (), (9, 1)])
def test_scales_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    small = compress({"w": torch.ones(8, 3)})
    save_weights({**small, "w:scale": torch.ones(shape)}, tmp_path / "w")
    with pytest.raises(CheckpointError, match=r"w is of no use: w has scales of \("):
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
    path = run.save_checkpoint(checkpoint(1), keep=5, every=1)
    for content in (json.dumps({**json.loads((path / "state.json").read_text()), **changes}), "[]"):
        (path / "state.json").write_text(content)
        sums = json.loads((path / "checksums.json").read_text())
        sums["state.json"] = hashlib.sha256(content.encode()).hexdigest()
        (path / "checksums.json").write_text(json.dumps(sums))
        with pytest.raises(CheckpointError, match=r"none of the checkpoints .* is whole"):
            run.newest_checkpoint()


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
