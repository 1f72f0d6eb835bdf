import json
from collections.abc import Callable
from pathlib import Path

import pytest

from transformer import load_config
from transformer.config import Config
from transformer.data.builtin.corpus import sample_pairs
from transformer.runs.directory import RunDirectory

TINY = (
    "data.cleaning.max_tokens=100",
    "tokenizer.vocab_size=400",
    "model.d_model=16",
    "model.d_ff=32",
    "model.n_heads=2",
    "model.n_encoder_layers=1",
    "model.n_decoder_layers=1",
    "training.batch_tokens=300",
    "training.accumulate=2",
    "training.max_steps=12",
    "training.warmup_steps=10",
    "training.checkpoint_every=3",
    "training.validate_every=4",
    "training.average_checkpoints=2",
    "training.val_bleu_sentences=5",
    "training.log_every=2",
    "training.tensorboard=false",
    "training.threads=1",
)


def _write(path: Path, pairs: list[tuple[str, str]]) -> Path:
    path.write_text("".join(f"{de}\t{en}\n" for de, en in pairs), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def write_pairs() -> Callable[[Path, list[tuple[str, str]]], Path]:
    """Writes pairs as a TSV file and returns its path."""
    return _write


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The settings of a run of a second: a tiny model and 300 pairs."""
    folder = tmp_path_factory.mktemp("data")
    train_file = _write(folder / "train.tsv", sample_pairs("train", 300))
    val_file = _write(folder / "val.tsv", sample_pairs("val", 20))
    return [f"data.train={train_file}", f"data.val={val_file}", *TINY]


@pytest.fixture
def configure(tiny: list[str], tmp_path: Path) -> Callable[..., Config]:
    """The settings of such a run, with overrides, in the run directory `run`."""

    def make(*overrides: str, run: str = "run") -> Config:
        return load_config(None, [f"run_dir={tmp_path / run}", *tiny, *overrides])

    return make


def _timeless(metrics: Path) -> bytes:
    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    for row in rows:
        for clock in ("seconds", "tokens_per_second"):
            row.pop(clock, None)
    return json.dumps(rows).encode()


@pytest.fixture(scope="session")
def final_bytes() -> Callable[[Config], dict[str, bytes]]:
    """All that a run's future depends on, and its result."""

    def read(config: Config) -> dict[str, bytes]:
        run = RunDirectory(config.run_dir)
        newest = max(run.checkpoints.glob("step-*"))
        state = json.loads((newest / "state.json").read_text())
        for clock in ("seconds", "window"):  # measured times differ
            state.pop(clock)
        return {
            "state": json.dumps(state).encode(),
            "weights": (newest / "model.safetensors").read_bytes(),
            "moments": (newest / "optimizer.safetensors").read_bytes(),
            "result": run.model.read_bytes(),
            "best": run.best.read_bytes(),
            "metrics": _timeless(run.metrics),
        }

    return read
