"""A streamed corpus of millions of pairs: does memory stay flat, and does a run resume exactly?

    python scripts/benchmark_streaming.py --pairs 10000000

The pairs are drawn from 40,000 of the built-in corpus and lie in JSON lines, a hundred thousand to
a file. A very small model trains on all of them, once; the table shows the memory of the process
that trains and of the one that makes batches. Then a run that was killed in the middle
is resumed, and compared with one that was not. With --language-model a GPT learns from the German
sides.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from transformer.data.builtin.corpus import sample_pairs

PER_FILE = 100_000
MODEL = [
    *("model.d_model=16", "model.d_ff=32", "model.n_heads=2", "training.threads=1"),
    *("model.n_decoder_layers=1", "tokenizer.vocab_size=1000"),
]


def main() -> None:
    """Writes the pairs, trains on them, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--language-model", action="store_true", help="a GPT, of the German sides")
    parser.add_argument("--folder", type=Path, help="for pairs and runs (a temporary one)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        size = write(folder, args.pairs)
        n_files = -(-args.pairs // PER_FILE)
        print(f"{args.pairs:,} pairs in {n_files} files, {size / 1e9:.2f} GB", flush=True)
        config = folder / "config.yaml"
        config.write_text(
            f"task: {'language_modeling' if args.language_model else 'translation'}\n"
        )
        settings = language_model(folder) if args.language_model else translation(folder)
        settings = ["--config", str(config), *settings]
        watch(folder, settings, args.pairs)
        resume(folder, settings)


def write(folder: Path, n: int) -> int:
    """The files; their bytes."""
    sentences = sample_pairs("train", 40_000)
    draw = random.Random(1)
    total = 0
    for first in range(0, n, PER_FILE):
        rows = []
        for _ in range(min(PER_FILE, n - first)):
            german, english = draw.choice(sentences)
            rows.append(json.dumps({"de": german, "en": english}))
        path = folder / f"part-{first // PER_FILE:04}.jsonl"
        path.write_text("\n".join([*rows, ""]))
        total += path.stat().st_size
    return total


def translation(folder: Path) -> list[str]:
    """What a translation model is trained with."""
    return [
        *(f"data.train={folder}/part-*.jsonl", "data.val=builtin"),
        *("data.cleaning.drop_duplicates=false", "model.n_encoder_layers=1"),
        *("training.batch_tokens=16000", "training.val_bleu_sentences=0"),
    ]


def language_model(folder: Path) -> list[str]:
    """What a GPT is trained with."""
    val = folder / "val.txt"
    val.write_text("\n".join(german for german, _ in sample_pairs("val", 500)))
    return [
        *(f"data.val={val}", "model.context=64"),
        f"data.train=[{{path: '{folder}/part-*.jsonl', src: de}}]",
        *("training.batch_tokens=16384", "training.label_smoothing=0"),
    ]


def command(settings: list[str], run: Path, *given: str) -> list[str]:
    """Training on all files."""
    return [
        *(sys.executable, "-m", "transformer", "train", *settings, f"run_dir={run}"),
        *("data.streaming=true", "training.validate_every=1000000"),
        *("tokenizer.max_training_sentences=50000", "training.tensorboard=false"),
        *("training.log_every=20", "training.checkpoint_every=100", *MODEL, *given),
    ]


def watch(folder: Path, settings: list[str], n: int) -> None:
    """Trains for an epoch, and prints memory on the way."""
    run = folder / "whole"
    more = ("training.max_epochs=1", "training.max_steps=1000000")
    words = command(settings, run, *more)
    print(f"{'read':>12}{'minutes':>9}{'trains, MiB':>13}{'makes batches, MiB':>20}")
    started, told = time.monotonic(), 0
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            n_read = pairs_read(run)
            if n_read >= told + n // 10:
                told = n_read
                pids = [str(process.pid), *descendants(str(process.pid))]
                sizes = [resident(pid) for pid in pids]
                minutes = (time.monotonic() - started) / 60
                print(
                    f"{n_read:>12,}{minutes:>9.1f}{sizes[0]:>13,.0f}{max(sizes[1:]):>20,.0f}",
                    flush=True,
                )
            if "end of an epoch" in line:
                print(line.strip(), flush=True)
    if process.returncode:
        sys.exit("the training failed")


def pairs_read(run: Path) -> int:
    """As the newest checkpoint says."""
    states = sorted(run.glob("checkpoints/step-*/state.json"))
    if not states:
        return 0
    try:
        lanes = json.loads(states[-1].read_text())["stream"]
    except (OSError, ValueError):  # just being deleted
        return 0
    return sum(lane["counts"].get("read", 0) for part in lanes for lane in part)


def descendants(pid: str) -> list[str]:
    """The processes that one has started, and those that these have."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return []
    return [found for child in children for found in (child, *descendants(child))]


def resident(pid: str) -> float:
    """MiB of a process in memory."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20
    except OSError:
        return 0.0


def resume(folder: Path, settings: list[str]) -> None:
    """A run of 300 updates that is killed after 150 or so, beside one that is not."""
    given = ["training.max_steps=300", "training.checkpoint_every=20"]
    given += [f"tokenizer.path={folder}/whole/sentencepiece.model"]
    subprocess.run(command(settings, folder / "a", *given), check=True, capture_output=True)
    with subprocess.Popen(
        command(settings, folder / "b", *given), stderr=subprocess.DEVNULL
    ) as process:
        while not (folder / "b" / "checkpoints" / "step-00000140").exists():
            if process.poll() is not None:
                sys.exit("the run ended before it was killed")
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    again = [*command(settings, folder / "b", *given), "--resume"]
    subprocess.run(again, check=True, capture_output=True)
    a, b = ((folder / name / "model.safetensors").read_bytes() for name in "ab")
    print(f"killed and resumed: {'the same bits' if a == b else 'NOT the same bits'}")
    shutil.rmtree(folder / "a")


if __name__ == "__main__":
    main()
