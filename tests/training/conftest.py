import json
from collections.abc import Callable
from pathlib import Path

import pytest

from transformer.config import Config
from transformer.runs.directory import RunDirectory


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
