"""Back-translation and distillation, each against the same training without it.

    python scripts/prepare_everyday.py --input FOLDER --output data/everyday
    python scripts/benchmark_synthesis.py --data data/everyday --output runs/synthesis

Five models of one size, each trained for as many updates: on pairs by people; the other way round,
on the same pairs; on those pairs and, tagged, on what that second model makes of other English;
likewise with what a good model makes of it; and on what a good model makes of the pairs' German.
All but the second are measured on the development set. The output folder keeps every step, and
running it again goes on from there.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

SIZE = [
    *("model.d_model=128", "model.d_ff=512", "model.n_heads=4", "tokenizer.vocab_size=4000"),
    *("model.n_encoder_layers=4", "model.n_decoder_layers=2", "model.norm_first=true"),
    *("training.batch_tokens=2048", "training.warmup_steps=400", "training.decay=linear"),
    *("training.peak_learning_rate=2e-3", "training.val_bleu_sentences=0"),
    *("training.tensorboard=false", "seed=1"),
]
ROWS = ("people", "back", "good", "student")
SEARCH = ["--beam-size", "5", "--length-penalty", "power", "--alpha", "1.0"]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="of prepare_everyday.py")
    parser.add_argument("--output", type=Path, required=True, help="folder for all of it")
    parser.add_argument("--teacher", default="de-en", help="run directory or model (de-en)")
    parser.add_argument("--backwards", default="en-de", help="the good one for English (en-de)")
    parser.add_argument("--pairs", type=int, default=60_000, help="by people (60,000)")
    parser.add_argument("--updates", type=int, default=3000, help="of each model (3,000)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, help="some of the table")
    args = parser.parse_args()
    Synthesis(args).run()


class Synthesis:
    """The steps of the comparison, each skipped if its result is there."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.folder: Path = args.output
        self.folder.mkdir(parents=True, exist_ok=True)
        self.took = self.folder / "seconds.json"
        self.seconds: dict[str, float] = (
            json.loads(self.took.read_text()) if self.took.exists() else {}
        )

    def run(self) -> None:
        """All of it."""
        self.write_texts()
        rows = self.args.rows
        people, back, good, student = (self.folder / f"{name}.tsv" for name in ROWS)
        if "people" in rows:
            self.train("people", [str(people)])
        if "back" in rows:
            self.train("reverse", [str(people)], turned=True)
            self.synthesize("back", "english.txt", back, "reverse", "source", "--tag", "<bt>")
            self.train("back", [str(people), str(back)])
        if "good" in rows:
            given = ("source", "--tag", "<bt>")
            self.synthesize("good", "english.txt", good, self.args.backwards, *given)
            self.train("good", [str(people), str(good)])
        if "student" in rows:
            self.synthesize("student", "german.txt", student, self.args.teacher, "target")
            self.train("student", [str(student)])
        scores = {name: self.score(name) for name in rows}
        for step, seconds in self.seconds.items():
            print(f"{step:16}{seconds / 60:6.1f} min")
        for name in rows:
            path = self.folder / f"{name}.tsv"
            with path.open(encoding="utf-8") as file:
                print(f"{path.name:16}{sum(1 for _ in file):6,} pairs")
        for name, found in scores.items():
            print(f"{name:16}{found}")

    def write_texts(self) -> None:
        """The pairs by people, their German alone, and the English of other pairs alone."""
        lines = (self.args.data / "tatoeba.tsv").read_text(encoding="utf-8").splitlines()
        random.Random(1).shuffle(lines)
        pairs = [line.split("\t")[:2] for line in lines]
        chosen, others = pairs[: self.args.pairs], pairs[self.args.pairs :]
        self.write("people.tsv", ["\t".join(pair) for pair in chosen])
        self.write("german.txt", [german for german, _ in chosen])
        known = {english for _, english in chosen}
        unpaired = dict.fromkeys(english for _, english in others if english not in known)
        self.write("english.txt", list(islice(unpaired, self.args.pairs)))
        dev = (self.args.data / "dev.tsv").read_text(encoding="utf-8").splitlines()
        for column, name in enumerate(("dev.de", "dev.en")):
            self.write(name, [line.split("\t")[column] for line in dev])

    def write(self, name: str, lines: list[str]) -> None:
        """A text file."""
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def train(self, name: str, files: list[str], *, turned: bool = False) -> None:
        """A model of pairs."""
        run, finished = self.folder / "runs" / name, self.folder / f"{name}.trained"
        if finished.exists():
            return
        columns = {"src": 2, "tgt": 1} if turned else {}
        train = [{"path": file, **columns} for file in files]
        dev = {"path": str(self.args.data / "dev.tsv"), **columns}
        data: dict[str, Any] = {"train": train, "val": dev}
        if turned:
            data |= {"src_lang": "en", "tgt_lang": "de"}
        written = self.folder / f"{name}.yaml"
        written.write_text(json.dumps({"data": data}), encoding="utf-8")  # JSON is YAML
        n = self.args.updates
        given = [*SIZE, f"run_dir={run}", f"training.max_steps={n}"]
        given += [f"training.validate_every={max(1, n // 3)}"]
        given += [f"training.checkpoint_every={max(1, n // 15)}"]
        resumed = ["--resume"] if run.exists() else []
        self.call(f"train {name}", "train", "--config", str(written), *resumed, *given)
        finished.touch()

    def synthesize(
        self, name: str, text: str, output: Path, model: str, side: str, *more: str
    ) -> None:
        """Pairs of one side."""
        if output.exists():
            return
        path = self.folder / "runs" / model
        words = ["--model", str(path) if path.exists() else model, "--input"]
        words += [str(self.folder / text), "--output", str(output), "--as", side, *more]
        words += ["--workers", "2", "--resume-output", *SEARCH]
        self.call(f"make {name}", "synthesize", *words)

    def score(self, name: str) -> str:
        """On the development set."""
        kept = self.folder / f"{name}.scores.json"
        if not kept.exists():
            run = self.folder / "runs" / name
            words = ["--model", str(run), "--workers", "2", *SEARCH, "--json"]
            words += ["--input", str(self.folder / "dev.de")]
            words += ["--reference", str(self.folder / "dev.en")]
            kept.write_text(self.call(f"score {name}", "evaluate", *words), encoding="utf-8")
        return ", ".join(
            f"{each['name']} {each['value']:.1f} ± {each['interval']:.1f}"
            for each in json.loads(kept.read_text(encoding="utf-8"))["scores"]
        )

    def call(self, step: str, command: str, *words: str) -> str:
        """One command, timed, with earlier attempts. What it says goes to our standard error."""
        print(f"{step} …", file=sys.stderr, flush=True)
        started = time.perf_counter()
        try:
            done = subprocess.run(
                [sys.executable, "-m", "transformer", command, *words],
                stdout=subprocess.PIPE,
                text=True,
            )
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - started
            self.took.write_text(json.dumps(self.seconds), encoding="utf-8")
        if done.returncode:
            sys.exit(f"{step} failed")
        return done.stdout


if __name__ == "__main__":
    main()
