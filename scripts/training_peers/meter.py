"""What every contender of `benchmark_training.py` reports, measured the same way in each.

A contender is a program with one argument, a folder. There it finds `job.json`, the setting, and
the data in two forms: `train.src` and the like, pieces parted by spaces, and `batches.pt`, ids in
batches. It trains, and writes `report.json`.
"""

import json
import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook


def read_job() -> tuple[SimpleNamespace, Path]:
    """The setting, and the folder named on the command line."""
    folder = Path(sys.argv[1])
    job = SimpleNamespace(**json.loads((folder / "job.json").read_text()))
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    return job, folder


def learning_rate(step: int, job: SimpleNamespace) -> float:
    """The paper's schedule, §5.3; `step` counts from 1."""
    return job.scale * job.d_model**-0.5 * min(step**-0.5, step * job.warmup**-1.5)


class Meter:
    """Looks at the clock after every step of any optimiser."""

    def __init__(self, job: SimpleNamespace) -> None:
        self.job = job
        self.n_tokens = 0
        self.marks: list[tuple[float, int]] = []  # after each update: seconds, target tokens so far
        register_optimizer_step_post_hook(self._after_step)

    def count(self, n_tokens: int) -> None:
        """Target tokens of the batch that comes next, EOS counted, padding not."""
        self.n_tokens += n_tokens

    def _after_step(self, *_: Any) -> None:
        if not self.marks or self.n_tokens > self.marks[-1][1]:  # wrapped optimisers call twice
            self.marks.append((time.perf_counter(), self.n_tokens))

    def write(self, folder: Path, val_nll: float, n_weights: int, notes: str = "") -> None:
        """The report. The updates before the first `warm_up` marks are left out of the speed."""
        marks = self.marks[self.job.warm_up - 1 : self.job.warm_up + self.job.updates]
        assert len(marks) == self.job.updates + 1, f"{len(self.marks)} updates were made"
        (start, tokens_before), (end, tokens_after) = marks[0], marks[-1]
        report = {
            "tokens_per_second": (tokens_after - tokens_before) / (end - start),
            "tokens_per_update": (tokens_after - tokens_before) / self.job.updates,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "val_nll": val_nll,
            "n_weights": n_weights,
            "torch": torch.__version__,
            "notes": notes,
        }
        (folder / "report.json").write_text(json.dumps(report))
