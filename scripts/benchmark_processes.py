"""Training by several processes: speed, the same losses, and what kills do to it.

    python scripts/benchmark_processes.py speed --train data/multi30k/train --val data/multi30k/val
    python scripts/benchmark_processes.py losses --train data/multi30k/train --val data/multi30k/val
    python scripts/benchmark_processes.py kills --train data/multi30k/train --val data/multi30k/val

speed: one process of two threads and two processes of one thread each in turn, the same tokens in
an update; medians of the log's tokens per second, without the first lines. losses: 200 updates by
one process, by two, and by two with FSDP2, dropout and all; the largest difference of a loss.
kills: torchrun with --max-restarts, one of its processes killed at a random moment; the weights
must be those of a run that nobody has disturbed.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE = [
    *("model.d_model=256", "model.d_ff=1024", "model.n_heads=4"),
    *("model.n_encoder_layers=3", "model.n_decoder_layers=3", "tokenizer.vocab_size=4000"),
]
"""Of configs/multi30k_de_en.yaml, about."""

SMALL = [
    *("model.d_model=64", "model.d_ff=128", "model.n_heads=2"),
    *("model.n_encoder_layers=1", "model.n_decoder_layers=1", "tokenizer.vocab_size=2000"),
]


def main() -> None:
    """Prints what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "losses", "kills"))
    parser.add_argument("--train", required=True)
    parser.add_argument("--val", required=True)
    parser.add_argument("--rounds", type=int, default=3, help="of speed (3)")
    parser.add_argument("--tokens", type=int, default=2048, help="padded, of an update (2048)")
    parser.add_argument("--kills", type=int, default=10, help="how many (10)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = [f"data.train={args.train}", f"data.val={args.val}"]
        {"speed": speed, "losses": losses, "kills": kills}[args.what](folder, data, args)


def command(run: Path, n: int, given: list[str], *launch: str) -> list[str]:
    """torchrun with n processes."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    config = run.with_suffix(".yaml")
    config.write_text("task: translation\n")
    train = ["-m", "transformer", "train", "--config", str(config), f"run_dir={run}"]
    usual = ["training.tensorboard=false", "training.val_bleu_sentences=0", "seed=1"]
    return [*torchrun, "--nproc-per-node", str(n), *launch, *train, *usual, *given]


def trained(run: Path, n: int, given: list[str]) -> list[dict[str, float]]:
    """What the log says of each update."""
    shutil.rmtree(run, ignore_errors=True)
    done = subprocess.run(command(run, n, given), capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [row for row in rows if "tokens_per_second" in row]


def speed(folder: Path, data: list[str], args: argparse.Namespace) -> None:
    """One process of two threads beside two processes of one."""
    given = [*data, *SIZE, "training.max_steps=70", "training.log_every=10"]
    given += ["training.validate_every=1000", "training.warmup_steps=60"]
    whole, half = (f"training.batch_tokens={args.tokens // n}" for n in (1, 2))
    kinds = {
        "1 process, 2 threads": (1, [whole, "training.threads=2"]),
        "2 processes, 1 thread each": (2, [half, "training.threads=1"]),
        "the same with FSDP2": (2, [half, "training.threads=1", "training.parallel=fsdp"]),
    }
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(args.rounds):
        for kind, (n, more) in kinds.items():
            rows = trained(folder / "run", n, [*given, *more])
            rates = [row["tokens_per_second"] for row in rows[2:]]
            found[kind].append(statistics.median(rates))
            print(f"  {kind}: {found[kind][-1]:,.0f} tokens/s", flush=True)
    first = statistics.median(found["1 process, 2 threads"])
    print(f"{'':30}{'target tokens/s':>16}{'ratio':>8}")
    for kind, rates in found.items():
        middle = statistics.median(rates)
        print(f"{kind:30}{middle:>16,.0f}{middle / first:>8.2f}")


def losses(folder: Path, data: list[str], args: argparse.Namespace) -> None:
    """The same losses from one process and from two."""
    given = [*data, *SMALL, "training.max_steps=200", "training.log_every=1"]
    given += ["training.validate_every=1000", "training.precision=fp32", "training.threads=1"]
    given += ["training.batch_tokens=1024", "training.warmup_steps=100", "model.dropout=0.1"]
    alone = trained(folder / "run", 1, [*given, "training.accumulate=2"])
    print(f"{'':20}{'loss 200':>10}{'largest difference':>20}")
    print(f"{'1 process':20}{alone[-1]['loss']:>10.5f}")
    for name, more in (("2, DDP", []), ("2, FSDP2", ["training.parallel=fsdp"])):
        rows = trained(folder / "run", 2, [*given, *more])
        most = max(abs(a["loss"] - b["loss"]) for a, b in zip(alone, rows, strict=True))
        print(f"{name:20}{rows[-1]['loss']:>10.5f}{most:>20.1e}", flush=True)


def kills(folder: Path, data: list[str], args: argparse.Namespace) -> None:
    """Runs in which a process is killed, beside one in which none is."""
    given = [*data, *SMALL, "training.max_steps=150", "training.checkpoint_every=20"]
    given += ["training.validate_every=150", "training.threads=1", "training.batch_tokens=512"]
    trained(folder / "whole", 2, given)
    whole = (folder / "whole" / "model.safetensors").read_bytes()
    n_right = n_killed = 0
    for number in range(args.kills):
        run = folder / "killed"
        shutil.rmtree(run, ignore_errors=True)
        words = command(run, 2, given, "--max-restarts", "1")
        with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
            draw = random.Random(number)
            while process.poll() is None and not list(run.glob("checkpoints/step-*")):
                time.sleep(0.02)
            time.sleep(draw.random() * 2)
            path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            children = path.read_text().split() if path.exists() else []
            victim = draw.randrange(2)
            killed = process.poll() is None and len(children) > victim
            if killed:
                os.kill(int(children[victim]), signal.SIGKILL)
            status = process.wait()
        model = run / "model.safetensors"
        right = status == 0 and model.is_file() and model.read_bytes() == whole
        n_killed += killed
        n_right += right and killed
        how = f"process {victim} killed" if killed else "done before the kill"
        print(f"{number + 1}: {how}, {'the same bits' if right else 'NOT THE SAME'}", flush=True)
    print(f"{n_right} of {n_killed} killed runs ended in the same bits")


if __name__ == "__main__":
    main()
