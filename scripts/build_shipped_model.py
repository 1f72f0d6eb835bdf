"""Makes the German-English model of the package, from the corpora to its card.

    python scripts/build_shipped_model.py --input FOLDER

FOLDER holds the corpora, `<source>.tsv.gz`, and `dev.tsv`, which chooses the best weights. What is
there already is used: prepared text in data/everyday, finished runs in --runs; one that was stopped
goes on. The card is scripts/shipped_model_card.md with the numbers and translations of this
model. Which of them are right, a reader has to say in card_sentences.txt; then this sorts them,
when it is run again.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch
from check_examples import PRONOUNS, card_sentences
from peers import processor
from score_builtin import both_right, read, right_pronouns

from transformer import Translator, load_config, train
from transformer.data.tokenizer import Tokenizer
from transformer.files import write_atomically
from transformer.inference.evaluation import evaluate
from transformer.runs.directory import SHIPPED, RunDirectory
from transformer.runs.loading import load_model
from transformer.runs.weights import compress, named_weights, read_metadata, save_weights

HERE = Path(__file__).resolve().parent

STAGES = (Path("configs/de_en_everyday.yaml"), Path("configs/de_en_everyday_2.yaml"))

DEV_FILE = Path("data/everyday/dev.tsv")

DEV = {
    "tatoeba": 900,
    "covost2-dev": 500,
    "bcontrast": 200,
    "mt-geneval": 100,
    "cocoa-mt": 100,
    "mlqe-pe": 200,
}
"""How many lines of dev.tsv are from which source, in their order."""

START = """
import time
started = time.perf_counter()
from transformer import Translator
imported = time.perf_counter()
translator = Translator.load()
loaded = time.perf_counter()
translator.translate("Die Pizza kam aus dem Ofen und schmeckte gut.")
print(imported - started, loaded - imported, time.perf_counter() - loaded)
"""


def main() -> None:
    """Prepares, trains, ships, measures, writes the card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    args = parser.parse_args()

    if not DEV_FILE.is_file():
        program = HERE / "prepare_everyday.py"
        command = [sys.executable, program, "--input", args.input, "--output", DEV_FILE.parent]
        if subprocess.run(command).returncode:  # it has said why
            sys.exit(1)
    runs = [RunDirectory(args.runs / stage.stem) for stage in STAGES]
    for i, (run, stage) in enumerate(zip(runs, STAGES, strict=True)):
        if not is_finished(run):
            start = [f"training.start_from={runs[i - 1].path}"] if i else []
            config = load_config(stage, [f"run_dir={run.path}", *start])
            if train(config, resume=not run.is_empty()).interrupted:
                sys.exit(130)
    ship(runs[-1], STAGES[-1])
    shown = examples()
    numbers = measure(DEV_FILE.read_text(encoding="utf-8").splitlines(), runs) | shown
    template = (HERE / "shipped_model_card.md").read_text(encoding="utf-8")
    for name, value in numbers.items():
        template = template.replace("{" + name + "}", value)
    if left := re.findall(r"\{\w+\}", template):
        sys.exit(f"the card lacks {', '.join(left)}")
    write_atomically(SHIPPED / "MODEL_CARD.md", template.encode())
    print(template)


def is_finished(run: RunDirectory) -> bool:
    """True if the run has made all its updates."""
    return run.metrics.is_file() and '"finished"' in run.metrics.read_text()


def ship(run: RunDirectory, config_file: Path) -> None:
    """Copies what is needed to translate into the package: settings, vocabulary, int8 weights."""
    config = run.load_config()
    tokenizer = Tokenizer.load(run.tokenizer)
    model = load_model(run.model, config, vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id)
    shipped = RunDirectory(SHIPPED)
    SHIPPED.mkdir(parents=True, exist_ok=True)
    save_weights(compress(named_weights(model)), shipped.model, read_metadata(run.model))
    write_atomically(shipped.tokenizer, tokenizer.model)
    # Nothing of the machine it was trained on.
    source = load_config(config_file, ["run_dir=de-en"])
    config = config.model_copy(
        update={
            "run_dir": "de-en",
            "data": source.data,
            "tokenizer": source.tokenizer,
            "training": source.training,
            "decoding": source.decoding,
            "text": source.text,
        }
    )
    write_atomically(shipped.config, config.to_yaml().encode())


def measure(lines: list[str], runs: list[RunDirectory]) -> dict[str, str]:
    """The numbers of the card, and the translations printed."""
    pairs = [tuple(line.split("\t")) for line in lines]
    if len(pairs) != sum(DEV.values()):
        sys.exit(f"dev.tsv has {len(pairs)} lines instead of {sum(DEV.values())}")
    src, ref = ([pair[side] for pair in pairs] for side in (0, 1))
    translator = Translator.load()
    translator.translate_batch(src[:32])
    started = time.perf_counter()
    found = [best[0].text for best in translator.translate_batch(src)]
    seconds = time.perf_counter() - started

    free = translator.translate_batch(src, no_repeat_ngram_size=0)

    rows, start = [], 0
    for source, n in [*DEV.items(), ("all", len(pairs))]:
        span = slice(0, None) if source == "all" else slice(start, start + n)
        bleu, chrf = evaluate(found[span], ref[span])
        rows.append(
            f"| {source} | {n:,} | {bleu.value:.1f} ± {bleu.interval:.1f} | "
            f"{chrf.value:.1f} ± {chrf.interval:.1f} |"
        )
        start += n
    signatures = "; ".join(f"{s.name} `{s.signature}`" for s in (bleu, chrf))
    ratios = [len(out.split()) / len(line.split()) for line, out in zip(src, found, strict=True)]
    within = sum(0.5 <= ratio <= 2 for ratio in ratios) / len(ratios)
    size = sum(path.stat().st_size for path in SHIPPED.iterdir() if path.suffix != ".md")
    states = [
        json.loads((max(run.checkpoints.glob("step-*")) / "state.json").read_text()) for run in runs
    ]
    starts = [cold_start() for _ in range(5)]
    wheel_size, install_time = wheel()
    imported, loaded, first = (statistics.median(times) for times in zip(*starts, strict=True))
    return {
        "weights": f"{translator.model.n_parameters():,}",
        "megabytes": f"{size / 1e6:.1f}",
        "steps": " + ".join(f"{state['step']:,}" for state in states),
        "epochs": f"{states[0]['epoch']}",
        "tokens": f"{sum(state['tokens_seen'] for state in states) / 1e6:.0f}",
        "hours": f"{sum(state['seconds'] for state in states) / 3600:.1f}",
        "hardware": f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "scores": "\n".join(rows),
        "signatures": signatures,
        "loops": str(sum(loops(text) for text in found)),
        "free_loops": str(sum(loops(best[0].text) for best in free)),
        "within": f"{within:.1%}",
        "speed": f"{len(src) / seconds:.0f}",
        "wheel": f"{wheel_size:.1f}",
        "install": f"{install_time:.1f}",
        "import": f"{imported:.2f}",
        "load": f"{loaded:.2f}",
        "first": f"{first * 1e3:.0f}",
    }


def examples() -> dict[str, str]:
    """The tables of examples on the card, how many are in each, and the pronouns that are right."""
    translator, sentences = Translator.load(), card_sentences()
    found = translator.translate_batch([sentence.german for sentence in sentences])
    rows: dict[str, list[str]] = {"right": [], "wrong": []}
    unjudged = []
    for sentence, [best, *_] in zip(sentences, found, strict=True):
        if best.text in sentence.right:
            rows["right"].append(f"| {sentence.german} | {best.text} | |")
        elif best.text in sentence.wrong:
            rows["wrong"].append(f"| {sentence.german} | {best.text} | {sentence.english} |")
        else:
            unjudged.append(f"{sentence.german}\n= {sentence.english}\n? {best.text}")
    if unjudged:
        print(*unjudged, sep="\n\n")
        sys.exit("judge these translations in card_sentences.txt, then run this again")
    counts = {"n_examples": str(len(sentences))}
    counts |= {f"n_{name}": str(len(table)) for name, table in rows.items()}
    pairs = read(PRONOUNS)
    translations = translator.translate_batch([german for german, _ in pairs])
    right = right_pronouns([best[0].text for best in translations], pairs)
    counts |= {"pairs": str(len(pairs) // 2), "pairs_right": str(both_right(right))}
    return counts | {name: "\n".join(table) for name, table in rows.items()}


def loops(text: str) -> bool:
    """True if some three words come four times or more."""
    words = re.findall(r"\w+", text.lower())
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    return max(triples.values(), default=0) >= 4


def cold_start() -> list[float]:
    """Seconds to import, to load and to translate first, in a new process."""
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
    return [float(seconds) for seconds in done.stdout.split()]


def wheel() -> tuple[float, float]:
    """Megabytes of the package's wheel, and the seconds that pip takes to install it alone."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, HERE.parent], check=True)
        [path] = Path(folder).glob("*.whl")
        started = time.perf_counter()
        target = Path(folder) / "installed"
        subprocess.run([*pip, "install", "--no-deps", "--target", target, path], check=True)
        return path.stat().st_size / 1e6, time.perf_counter() - started


if __name__ == "__main__":
    main()
