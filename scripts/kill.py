"""SIGKILL at random moments: gone on with, everything ends in the same bits, and nothing is left.

    python scripts/kill.py --n 100

Trains both kinds of models, translates a file and exports, each once undisturbed and then again and
again, killed up to three times before it may end: training goes on by --resume, a translation by
--resume-output where there is something to go on with, an export by the same command. The moments
are spread over the time that the undisturbed one took, imports left out. Prints a line for each
failure and a table at the end.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

from fuzzing.inputs import LANGUAGE_MODEL, QUICKSTART, TINY, warm_up
from fuzzing.sandbox import Case, Limits, start, workplace

from transformer import cli
from transformer.cli import export, translate
from transformer.data.builtin.corpus import sample_pairs
from transformer.runs.directory import RunDirectory

LIMITS = Limits(seconds=300, memory=8 * 2**30)
ABANDONED = 1.1
"""Seconds after which an export takes what lies there for a killed one's."""

Content = dict[str, bytes]


@dataclass(frozen=True)
class Job:
    """Something that takes its time.

    Args:
        name: for the table.
        act: does it, or goes on with it, in the present folder.
        results: what there is of the result: nothing, or all of it.
        pause: seconds before it is gone on with.
    """

    name: str
    act: Callable[[], int]
    results: Callable[[Path], Content]
    pause: float = 0.0


def training(name: str, data: Path, tiny: dict[str, str]) -> Job:
    """A tiny run, with checkpoints at all times."""
    often = {"training.max_steps": "60", "training.checkpoint_every": "7"}
    settings = tiny | often | {"training.validate_every": "20", "run_dir": "run"}
    settings |= {f"data.{split}": str(data / f"{split}.tsv") for split in ("train", "val")}

    def act() -> int:
        Path("none.yaml").touch()
        resume = [] if RunDirectory("run").is_empty() else ["--resume"]
        overrides = [f"{key}={value}" for key, value in settings.items()]
        return cli.train_main(["--config", "none.yaml", *resume, *overrides])

    def results(folder: Path) -> Content:
        rows = [json.loads(row) for row in (folder / "run/metrics.jsonl").read_text().splitlines()]
        for row in rows:
            row.pop("seconds", None)
            row.pop("tokens_per_second", None)
        metrics = json.dumps(rows).encode()
        return {"metrics": metrics, "model": (folder / "run/model.safetensors").read_bytes()}

    return Job(name, act, results)


def translation(data: Path) -> Job:
    """Of a file, a few lines at a time."""
    command = ["--model", str(QUICKSTART), "--input", str(data / "in.txt"), "--output", "out"]

    def act() -> int:
        translate.FILE_WINDOW = 8
        resume = ["--resume-output"] if Path("out.partial").exists() else []
        return cli.translate_main([*command, *resume])

    return Job("translation", act, contents)


def exporting() -> Job:
    """To CTranslate2, in the place of an earlier export if there is one."""
    command = ["--model", str(QUICKSTART), "--format", "ctranslate2", "--output", "out"]
    return Job("export", lambda: export.main([*command, "--overwrite"]), contents, ABANDONED)


def contents(folder: Path) -> Content:
    """All files, by their names."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=100, help="kills (100)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    args = parser.parse_args()
    warm_up()
    root = Path(tempfile.mkdtemp(prefix="kill-"))
    try:
        return kill_all(args.n, random.Random(args.seed), root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def kill_all(n: int, dice: random.Random, root: Path) -> int:
    """Kills n times and returns the exit status: 1 if anything was lost."""
    for split, n_pairs in (("train", 200), ("val", 12)):
        pairs = sample_pairs(split, n_pairs)
        text = "".join(f"{de}\t{en}\n" for de, en in pairs)
        (root / f"{split}.tsv").write_text(text, encoding="utf-8")
    source = "".join(f"{de}\n" for de, _ in sample_pairs("test", 120))
    (root / "in.txt").write_text(source, encoding="utf-8")
    jobs = [
        training("training, translation", root, TINY),
        training("training, language model", root, LANGUAGE_MODEL),
        translation(root),
        exporting(),
    ]
    rows = []
    n_failed = 0
    for number, job in enumerate(jobs):
        share = n // len(jobs) + (number < n % len(jobs))
        seconds, expected = undisturbed(job, root)
        n_killed = n_trials = failures = 0
        while n_killed < share:
            n_trials += 1
            killed, fault = trial(job, expected, seconds, min(3, share - n_killed), dice, root)
            n_killed += killed
            if fault is not None:
                failures += 1
                print(f"{job.name}, trial {n_trials}, killed {killed} times: {fault}", flush=True)
        rows.append(f"| {job.name} | {n_killed} | {n_trials} | {failures} | {seconds:.1f} |")
        n_failed += failures
    print("\n| what | kills | results compared | failures | seconds undisturbed |")
    print("|---|---|---|---|---|", *rows, sep="\n")
    return 1 if n_failed else 0


def undisturbed(job: Job, root: Path) -> tuple[float, Content]:
    """The seconds that a job takes, and its results."""
    folder = new_folder(root)
    started = time.perf_counter()
    if fault := finish(job, folder):
        raise RuntimeError(fault)
    return time.perf_counter() - started, job.results(workplace(folder))


def trial(
    job: Job, expected: Content, seconds: float, most: int, dice: random.Random, root: Path
) -> tuple[int, str | None]:
    """Kills a job up to `most` times, lets it end, and says what is wrong then."""
    folder = new_folder(root)
    n_killed = 0
    for _ in range(dice.randint(1, most)):
        process = start(Case("", job.act), folder, LIMITS)
        time.sleep(dice.uniform(0, seconds))
        os.kill(process, signal.SIGKILL)
        if os.waitpid(process, 0)[1] != signal.SIGKILL:
            break  # it had ended
        n_killed += 1
        whole = workplace(folder) / "out"
        if whole.exists() and not contents(whole.parent).items() >= expected.items():
            return n_killed, "half an output under its name"
    if not (workplace(folder) / "out").is_file():
        time.sleep(job.pause)
        if fault := finish(job, folder):
            return n_killed, fault
    found = job.results(workplace(folder))
    different = sorted(n for n in found.keys() | expected.keys() if found.get(n) != expected.get(n))
    return n_killed, f"not as if undisturbed: {', '.join(different)}" if different else None


def finish(job: Job, folder: Path) -> str | None:
    """Does a job, or goes on with it, and says what has kept it from ending well."""
    status = os.waitpid(start(Case("", job.act), folder, LIMITS), 0)[1]
    return f"status {status}: {(folder / 'stderr').read_text()[-500:]}" if status else None


def new_folder(root: Path) -> Path:
    """For one trial; that of the one before goes."""
    folder = root / "trial"
    shutil.rmtree(folder, ignore_errors=True)
    workplace(folder).mkdir(parents=True)
    (folder / "tmp").mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
