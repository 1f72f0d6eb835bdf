"""Speed of translating with this package beside its peers: same weights, sentences and machine.

    python scripts/benchmark_translation.py --model runs/post_norm \\
        --source data/multi30k/test_2016.de.gz --reference data/multi30k/test_2016.en.gz

Takes one run directory of a post-norm model (`model.norm_first=false`) with one embedding for all,
and writes it in the form of every peer. Every contender then translates the same sentences, from
text to text, in a process of its own, batched as its interface allows. They run one after the
other, and again, `--rounds` times; the tables give medians. Loading and a first pass over a few
sentences are not counted. Each peer is installed into a virtual environment of its own under
--work, which needs the network or a local index. To write the model for CTranslate2 and Hugging
Face, this one needs the extra `export`; the row with a shortlist needs one in the run directory,
made by build_shortlist.py.
"""

import argparse
import gzip
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peers import Contender, environment, matmul_rate, processor, run_program

from transformer.data.tokenizer import Tokenizer
from transformer.export.ctranslate2 import export_ctranslate2
from transformer.export.huggingface import export_huggingface
from transformer.export.trained import Trained, new_folder
from transformer.inference.evaluation import evaluate
from transformer.runs.directory import RunDirectory

HERE = Path(__file__).resolve().parent
MAX_EXTRA_TOKENS = 50
"""The longest translation: pieces of the source and these. An engine that takes one limit for all
sentences gets that of the longest."""


def _ours(precision: str, *, workers: bool = False, shortlist: bool = False) -> Contender:
    name = f"this package, {precision}" + ", shortlist" * shortlist + ", workers" * workers
    settings = {"precision": precision, "shortlist": shortlist}
    return Contender(name, "translate_ours.py", "", settings, workers)


def _ctranslate2(precision: str, workers: bool = False) -> Contender:
    name = f"CTranslate2, {precision}" + ", workers" * workers
    settings = {"precision": precision}
    return Contender(name, "translate_ctranslate2.py", "ctranslate2", settings, workers)


def _huggingface(precision: str) -> Contender:
    return Contender(
        f"Hugging Face MarianMTModel, {precision}",
        "translate_huggingface.py",
        "huggingface",
        {"precision": precision},
    )


CONTENDERS = {
    "ours-fp32": _ours("fp32"),
    "ours-bf16": _ours("bf16"),
    "ours-int8": _ours("int8"),
    "ours-fp32-workers": _ours("fp32", workers=True),
    "ours-bf16-workers": _ours("bf16", workers=True),
    "ours-int8-workers": _ours("int8", workers=True),
    "ours-shortlist-workers": _ours("int8", workers=True, shortlist=True),
    "ct2": _ctranslate2("fp32"),
    "ct2-int8": _ctranslate2("int8"),
    "ct2-workers": _ctranslate2("fp32", workers=True),
    "ct2-int8-workers": _ctranslate2("int8", workers=True),
    "hf": _huggingface("fp32"),
    "hf-bf16": _huggingface("bf16"),
    "joeynmt": Contender("Joey NMT, fp32", "translate_joeynmt.py", "joeynmt"),
}

# The fastest of these is what the others are compared with. A shortlist is not among them, since
# CTranslate2 could be given one, too.
OURS = [key for key in CONTENDERS if key.startswith("ours") and "shortlist" not in key]

# By which each engine was quickest on two cores, of half, double and so on: source tokens, but in
# Hugging Face and Joey NMT sentences.
BATCHES = {
    "ours_batch": 2000,
    "ctranslate2_batch": 1024,
    "huggingface_batch": 64,
    "joeynmt_batch": 16,
}

NOTES = """\
All engines get our weights and our sentencepiece vocabulary. Scores of hypotheses are divided by
their length, by (5 + length) / 6 in Joey NMT, which has nothing nearer. A beam search ends when as
many hypotheses as the beam is wide have ended (ours and CTranslate2: patience 1, Hugging Face:
early_stopping=True); in Joey NMT, when all that are alive have. Repaired in Joey NMT: setuptools
below 81 and importlib_metadata, which it imports and does not ask for; a method of sentencepiece
that is gone; the epsilon of its norms, 1e-5 as in torch instead of 1e-6.
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, type=Path, help="run directory")
    parser.add_argument("--source", required=True, type=Path, help="one sentence a line; or .gz")
    parser.add_argument("--reference", required=True, type=Path, help="their translations")
    parser.add_argument("--work", type=Path, default=Path("runs/benchmark_translation"))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beams", nargs="+", type=int, default=[5, 1], help="1 is greedy")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--sentences", type=int, help="only the first so many")
    parser.add_argument("--latencies", type=int, default=100, help="sentences timed one at a time")
    args = parser.parse_args()

    args.work.mkdir(parents=True, exist_ok=True)
    pythons = {
        name: environment(args.work, name)
        for name in dict.fromkeys(CONTENDERS[key].environment for key in args.contenders)
    }
    sources = read_lines(args.source)[: args.sentences]
    references = read_lines(args.reference)[: args.sentences]
    if len(sources) != len(references):
        sys.exit(f"{args.source} and {args.reference} must have the same number of lines")
    tokenizer = Tokenizer.load(RunDirectory(args.model).tokenizer)
    folder = args.work.resolve() / "translation"
    job = write_data(folder, sources, tokenizer, args)

    results = Results(tokenizer, references)
    peaks: dict[int, list[dict[str, float]]] = {threads: [] for threads in args.threads}
    for number in range(1, args.rounds + 1):
        for threads in args.threads:
            torch.set_num_threads(threads)
            peaks[threads].append({name: matmul_rate(name) for name in ("bf16", "fp32")})
            for beam_size in args.beams:
                for key in args.contenders:
                    contender = CONTENDERS[key]
                    if contender.workers and threads == 1:
                        continue  # the same as without
                    case = {**job, **contender.settings, "threads": threads, "beam_size": beam_size}
                    case["workers"] = threads if contender.workers else 1
                    report = run(contender, pythons[contender.environment], folder, case)
                    result = results.add((threads, beam_size, key), report)
                    print(
                        f"round {number}: {contender.name}, {conditions(threads, beam_size)}: "
                        f"{result.sentences_per_second:,.1f} sentences/s, BLEU {result.bleu:.2f}",
                        flush=True,
                    )
    print(f"\n{processor()}, torch {torch.__version__}; {len(sources):,} sentences.")
    print(f"Medians of {args.rounds} rounds. BLEU: {results.signature}\n\n{NOTES}")
    for threads in args.threads:
        rates = [
            f"{statistics.median(p[name] for p in peaks[threads]) / 1e9:.0f} GFLOP/s in {name}"
            for name in ("bf16", "fp32")
        ]
        for beam_size in args.beams:
            print(f"{conditions(threads, beam_size)}; matrix products: {', '.join(rates)}\n")
            print_table(results, threads, beam_size, args.contenders)


@dataclass(frozen=True)
class Result:
    """One run of one contender."""

    sentences_per_second: float
    tokens_per_second: float
    latencies: list[float]  # seconds
    load_seconds: float
    peak_bytes: int
    bleu: float
    notes: str


class Results:
    """All runs, by threads, beam size and contender, and what it takes to score them."""

    def __init__(self, tokenizer: Tokenizer, references: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.references = references
        self.signature = ""
        self.runs: dict[tuple[int, int, str], list[Result]] = {}

    def speed(self, threads: int, beam_size: int, key: str) -> float:
        """Median sentences a second."""
        runs = self.runs[threads, beam_size, key]
        return statistics.median(run.sentences_per_second for run in runs)

    def add(self, case: tuple[int, int, str], report: dict[str, Any]) -> Result:
        """Scores a run and keeps it."""
        translations = report["translations"]
        score = evaluate(translations, self.references, bootstrap=0)[0]
        self.signature = score.signature
        n_tokens = sum(len(ids) + 1 for ids in self.tokenizer.encode_batch(translations))
        result = Result(
            sentences_per_second=len(translations) / report["seconds"],
            tokens_per_second=n_tokens / report["seconds"],
            latencies=report["latencies"],
            load_seconds=report["load_seconds"],
            peak_bytes=report["peak_bytes"],
            bleu=score.value,
            notes=report["notes"],
        )
        self.runs.setdefault(case, []).append(result)
        return result


def conditions(threads: int, beam_size: int) -> str:
    """What a table holds for, in words."""
    search = f"beam {beam_size}" if beam_size > 1 else "greedy"
    return f"{search}, {threads} thread{'s' * (threads > 1)}"


def read_lines(path: Path) -> list[str]:
    """The lines of a file, plain or .gz."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.decode("utf-8").removesuffix("\n").split("\n")


def write_data(
    folder: Path, sources: Sequence[str], tokenizer: Tokenizer, args: argparse.Namespace
) -> dict[str, Any]:
    """The sentences and the model in every form a contender reads, and the setting they share."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "shared").mkdir(parents=True)
    text = "".join(f"{line}\n" for line in sources)
    (folder / "shared" / "source.txt").write_text(text, encoding="utf-8")
    (folder / "shared" / "sentencepiece.model").write_bytes(tokenizer.model)
    needed = {CONTENDERS[key].environment for key in args.contenders}
    exports = {"ctranslate2": export_ctranslate2, "huggingface": export_huggingface}
    for peer in needed & exports.keys():
        with new_folder(folder / peer) as place:
            exports[peer](Trained.load(args.model), place)
    if "joeynmt" in needed:
        convert = HERE / "translation_peers" / "convert_joeynmt.py"
        subprocess.run([sys.executable, convert, args.model, folder / "joeynmt"], check=True)
    longest = max(len(ids) for ids in tokenizer.encode_batch(sources))
    return {
        "model": str(args.model.resolve()),
        **{peer: str(folder / peer) for peer in ("ctranslate2", "huggingface", "joeynmt")},
        **BATCHES,
        "max_extra_tokens": MAX_EXTRA_TOKENS,
        "max_length": longest + MAX_EXTRA_TOKENS,
        "n_warm_up": 32,
        "n_latency": args.latencies,
    }


def run(contender: Contender, python: Path, folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """One pass over the sentences, in a process and a folder of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        for file in (folder / "shared").iterdir():
            (place / file.name).symlink_to(file)
        (place / "job.json").write_text(json.dumps({**job, "started": time.time()}))
        log = folder.parent / "logs" / f"translation, {contender.name}.log"
        run_program(python, HERE / "translation_peers" / contender.program, [place], log)
        report: dict[str, Any] = json.loads((place / "report.json").read_text())
        report["translations"] = read_lines(place / "translations.txt")
        return report


def print_table(results: Results, threads: int, beam_size: int, contenders: Sequence[str]) -> None:
    """Medians over the rounds, as Markdown."""
    ours = [key for key in contenders if key in OURS and (threads, beam_size, key) in results.runs]
    first = max(
        ours or contenders[:1],
        key=lambda key: results.speed(threads, beam_size, key),
    )
    print(
        f"| | sentences/s | range | target tokens/s | {CONTENDERS[first].name} is | "
        f"one sentence, median | 95 % below | peak memory | loading | BLEU |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for key in contenders:
        runs = results.runs.get((threads, beam_size, key))
        if not runs:
            continue
        speeds = [r.sentences_per_second for r in runs]
        # Ratios within a round: what else the machine did, it did to both.
        ratios = [
            ours.sentences_per_second / theirs.sentences_per_second
            for ours, theirs in zip(results.runs[threads, beam_size, first], runs, strict=True)
        ]
        latencies = sorted(seconds for r in runs for seconds in r.latencies)
        alone = "– | –"
        if latencies:
            late = latencies[int(0.95 * (len(latencies) - 1))]
            alone = f"{statistics.median(latencies) * 1000:.1f} ms | {late * 1000:.1f} ms"
        print(
            f"| {CONTENDERS[key].name} ({runs[0].notes}) "
            f"| {statistics.median(speeds):,.1f} "
            f"| {min(speeds):,.1f} to {max(speeds):,.1f} "
            f"| {statistics.median(r.tokens_per_second for r in runs):,.0f} "
            f"| {statistics.median(ratios):.2f} × "
            f"| {alone} "
            f"| {statistics.median(r.peak_bytes for r in runs) / 2**20:,.0f} MiB "
            f"| {statistics.median(r.load_seconds for r in runs):.1f} s "
            f"| {statistics.median(r.bleu for r in runs):.2f} |"
        )
    print()


if __name__ == "__main__":
    main()
