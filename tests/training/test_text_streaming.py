"""A language model whose text is streamed: resumed exactly, and told what it cannot have."""

import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transformer import Generator, UserError, load_config
from transformer.config import Config
from transformer.data.builtin.corpus import sample_pairs
from transformer.training import loop
from transformer.training.dry_run import describe_run
from transformer.training.loop import train
from transformer.training.updating import update_together

Configure = Callable[..., Config]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Four files of running text, and one to validate."""
    lines = [english for _, english in sample_pairs("train", 400)]
    for shard in range(4):
        (tmp_path / f"part-{shard}.txt").write_text("\n".join(lines[shard::4]))
    (tmp_path / "val.txt").write_text("\n".join(en for _, en in sample_pairs("val", 20)))
    return tmp_path


@pytest.fixture
def given(shards: Path) -> list[str]:
    return [
        *("task=language_modeling", f"data.train={shards}/part-*.txt", "data.streaming=true"),
        *(f"data.val={shards}/val.txt", "data.shuffle_buffer=3", "tokenizer.vocab_size=400"),
        *("model.context=16", "model.d_model=16", "model.d_ff=16", "model.n_heads=1"),
        *("model.n_decoder_layers=1", "training.batch_tokens=64", "training.label_smoothing=0.0"),
        *("training.checkpoint_every=4", "training.validate_every=8", "training.warmup_steps=4"),
    ]


@pytest.fixture
def configured(given: list[str], tmp_path: Path) -> Configure:
    def configure(*more: str, run: str = "run") -> Config:
        return load_config(None, [*given, *more, f"run_dir={tmp_path / run}"])

    return configure


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_ends_in_the_same_bits(
    configured: Configure,
    final_bytes: Callable[[Config], dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
) -> None:
    more = ("training.max_steps=24", f"data.streaming_workers={workers}")
    whole, killed = configured(*more, run="whole"), configured(*more, run="killed")
    train(whole)

    def dies(*args: Any) -> Any:
        if args[3] == 19:
            raise KeyboardInterrupt
        return update_together(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update_together", dies)
        with pytest.raises(KeyboardInterrupt):
            train(killed)
    train(killed, resume=True)
    assert final_bytes(killed) == final_bytes(whole)


def test_it_learns_and_tells_what_it_has_read(
    configured: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    config = configured("training.max_epochs=2", "training.max_steps=10000")
    with caplog.at_level(logging.INFO):
        run = train(config)
    told = [line for line in caplog.text.splitlines() if "end of an epoch" in line]
    assert len(told) == 2 and all("tokens read; left out:" in line for line in told)
    assert "4 shards, read while the model learns" in caplog.text
    rows = map(json.loads, (run.directory / "metrics.jsonl").read_text().splitlines())
    losses = [row["val_loss"] for row in rows if "val_loss" in row]
    assert losses[-1] < losses[0] < math.log(400) + 0.5
    assert isinstance(Generator.load(run.directory).generate("The", max_tokens=5)[0], str)


def test_the_dry_run_says_that_nobody_has_counted(configured: Configure) -> None:
    told = describe_run(configured())
    assert "4 shards, read while the model learns; of those that were looked at" in told
    assert "an epoch        as long as the stream is" in told


def test_a_buffer_without_a_block_is_explained(configured: Configure, shards: Path) -> None:
    lines = [json.dumps({"text": english}) for _, english in sample_pairs("train", 400)]
    (shards / "short.jsonl").write_text("\n".join(lines))
    path = f"data.train={shards}/short.jsonl"
    with pytest.raises(UserError, match=r"no buffer holds a block; raise data\.shuffle_buffer"):
        train(configured(path, "data.shuffle_buffer=1", "model.context=60"))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("data.holdout=0.1", r"data\.holdout takes the end .* give data\.val instead"),
        ("tokenizer.kind=characters", r"must have seen every character.*byte_bpe"),
        ("data.val=builtin", r"name a text \(data\.val=PATH\)$"),
        ("model.context=60", r"data\.val has .* tokens, and one block takes"),
    ],
)
def test_what_a_stream_cannot_have_is_refused(
    configured: Configure, setting: str, message: str, shards: Path
) -> None:
    (shards / "val.txt").write_text("A dog.")
    with pytest.raises(UserError, match=message):
        train(configured(setting))
