"""Is the memory that `--dry-run` counts the memory that an update takes?

    python scripts/check_memory.py --train data/multi30k/train --val data/multi30k/val

For models of five sizes, each in a process of its own: what is counted of the shapes, the most that
torch had allocated during an update, and by how much the process grew, libraries and fragments
included.
"""

import argparse
import json
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from transformer import load_config
from transformer.runs.checkpoints import TrainingState
from transformer.training.memory_needs import update_memory
from transformer.training.precision import set_up
from transformer.training.starting import prepare
from transformer.training.updating import build, update, updates

SIZES = {
    "64, 2 + 2, fp32": (64, 256, 2, 2, 2, 4000, "fp32"),
    "128, 4 + 2, bf16": (128, 512, 4, 4, 2, 6000, "bf16"),
    "256, 3 + 3, bf16": (256, 1024, 4, 3, 3, 3000, "bf16"),
    "256, 12 + 2, fp32": (256, 1024, 4, 12, 2, 3000, "fp32"),
    "512, 6 + 6, bf16": (512, 2048, 8, 6, 6, 4000, "bf16"),
}
N_UPDATES = 5


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True)
    parser.add_argument("--val", required=True)
    parser.add_argument("--size", choices=SIZES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.size:
        print(json.dumps(measure(args)))
        return
    print(f"{'d_model, layers':20}{'counted':>10}{'allocated':>11}{'ratio':>7}{'process':>9}  MB")
    for name in SIZES:
        words = [sys.executable, __file__, "--train", args.train, "--val", args.val]
        done = subprocess.run([*words, "--size", name], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        counted, allocated, grown = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{name:20}{counted:>10,.0f}{allocated:>11,.0f}{counted / allocated:>7.2f}"
            f"{grown:>9,.0f}",
            flush=True,
        )


def measure(args: argparse.Namespace) -> tuple[float, float, float]:
    """Counted, allocated, and growth of the process, in MB."""
    d_model, d_ff, heads, encoder, decoder, tokens, precision = SIZES[args.size]
    settings = [
        *(f"model.d_model={d_model}", f"model.d_ff={d_ff}", f"model.n_heads={heads}"),
        *(f"model.n_encoder_layers={encoder}", f"model.n_decoder_layers={decoder}"),
        *(f"training.batch_tokens={tokens}", f"training.precision={precision}"),
        *(f"data.train={args.train}", f"data.val={args.val}", "tokenizer.vocab_size=4000"),
    ]
    device, chosen = set_up(load_config(None, settings).training)
    task = prepare(load_config(None, settings))
    found = list(islice(updates(task, TrainingState()), N_UPDATES))
    before = resident("VmRSS")
    model, optimizer = build(task, device)
    update(task, model, optimizer, found[0], 1, chosen)  # makes the moments
    fixed = 12.0 * model.n_parameters()
    rows = []
    for step, batches in enumerate(found[1:], start=2):
        told = update_memory(task, batches, chosen, gpu=False)
        activities = [torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
            update(task, model, optimizer, batches, step, chosen)
        rows.append((told.total / 1e6, (fixed + peak(profile)) / 1e6))
    counted, allocated = max(rows)
    return counted, allocated, (resident("VmHWM") - before) / 1e6


def peak(profile: torch.profiler.profile) -> int:
    """The most bytes that were allocated at once."""
    now = highest = 0
    events: Any = profile.profiler.kineto_results.events()  # type: ignore[union-attr]
    for event in events:
        if event.name() == "[memory]":
            now += event.nbytes()
            highest = max(highest, now)
    return highest


def resident(name: str) -> int:
    """Bytes of this process in memory, by Linux's name for the figure."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])


if __name__ == "__main__":
    main()
