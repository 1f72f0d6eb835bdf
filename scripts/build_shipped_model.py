"""Makes a model of the package, from the corpora to its card.

    python scripts/build_shipped_model.py de-en --input FOLDER --english LINES
    python scripts/build_shipped_model.py en-de --input FOLDER
    python scripts/build_shipped_model.py en-de --input FOLDER --measure

FOLDER holds the corpora, `<source>.tsv.gz`, and `dev.tsv`, which chooses the best weights; LINES
holds English text for back_translate.py, which only de-en learns from. What is
there already is used: prepared text in data/everyday, finished runs in --runs; one that was stopped
goes on. The card is card_de_en.md or card_en_de.md with the numbers and translations of this
model. Which of them are right, a reader has to say in the list of sentences; then this sorts them,
when it is run again. With --measure, the model stays as it is in the package, and so does what its
card says about its training.
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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from check_examples import CARD_SENTENCES, PRONOUNS, card_sentences
from peers import processor
from sacrebleu import sentence_chrf
from score_builtin import both_right, read, right_pronouns

from transformer import Translator, load_config, train
from transformer.data.builtin.corpus import DEFAULT_PAIRS
from transformer.data.tokenizer import Tokenizer
from transformer.files import write_atomically
from transformer.inference.evaluation import evaluate
from transformer.pronouns.report import examine
from transformer.runs.directory import PRETRAINED, RunDirectory
from transformer.runs.loading import load_model
from transformer.runs.weights import compress, named_weights, read_metadata, save_weights
from transformer.text.joining import Translation

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Model:
    """One of the package."""

    name: str
    config: Path
    sides: tuple[int, int]
    """Columns of the source and of the target in the corpora."""
    first: str
    """What a cold start translates."""

    @property
    def folder(self) -> Path:
        """Its run directory in the package."""
        return PRETRAINED / self.name

    @property
    def template(self) -> Path:
        """Of its card."""
        return HERE / f"card_{self.name.replace('-', '_')}.md"


MODELS = {
    "de-en": Model(
        "de-en",
        Path("configs/de_en_everyday.yaml"),
        (0, 1),
        "Die Pizza kam aus dem Ofen und schmeckte gut.",
    ),
    "en-de": Model(
        "en-de",
        Path("configs/en_de_everyday.yaml"),
        (1, 0),
        "The pizza came out of the oven and tasted good.",
    ),
}

BAD_CHRF = 30
"""A translation with a lower chrF counts as bad."""

DEV_FILE = Path("data/everyday/dev.tsv")
BACK_TRANSLATED = DEV_FILE.with_name("back_translated.tsv")

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
translator = Translator.load({name!r})
loaded = time.perf_counter()
translator.translate({text!r})
print(imported - started, loaded - imported, time.perf_counter() - loaded)
"""


def main() -> None:
    """Prepares, trains, ships, measures, writes the card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--english", type=Path, help="for de-en")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--measure", action="store_true", help="only make a new card")
    args = parser.parse_args()
    model = MODELS[args.model]

    if not DEV_FILE.is_file():
        program = HERE / "prepare_everyday.py"
        command = [sys.executable, program, "--input", args.input, "--output", DEV_FILE.parent]
        if subprocess.run(command).returncode:  # it has said why
            sys.exit(1)
    if args.measure:
        card(model, recorded(model))
        return
    if model.name == "de-en" and not BACK_TRANSLATED.is_file():
        if args.english is None:
            parser.error(f"give --english, or make {BACK_TRANSLATED} with back_translate.py")
        program = HERE / "back_translate.py"
        command = [sys.executable, program, "--input", args.english, "--output", BACK_TRANSLATED]
        if subprocess.run(command).returncode:
            sys.exit(1)
    run = RunDirectory(args.runs / model.config.stem)
    if not is_finished(run):
        config = load_config(model.config, [f"run_dir={run.path}"])
        if train(config, resume=not run.is_empty()).interrupted:
            sys.exit(130)
    ship(run, model)
    card(model, trained(run))


def card(model: Model, training: dict[str, str]) -> None:
    """Writes the card: what training gave, examples and measurements."""
    shown = examples(model)
    lines = DEV_FILE.read_text(encoding="utf-8").splitlines()
    numbers = training | shown | measure(model, lines)
    template = model.template.read_text(encoding="utf-8")
    for name, value in numbers.items():
        template = template.replace("{" + name + "}", value)
    if left := re.findall(r"\{\w+\}", template):
        sys.exit(f"the card lacks {', '.join(left)}")
    write_atomically(model.folder / "MODEL_CARD.md", template.encode())
    print(template)


def is_finished(run: RunDirectory) -> bool:
    """True if the run has made all its updates."""
    return run.metrics.is_file() and '"finished"' in run.metrics.read_text()


def ship(run: RunDirectory, model: Model) -> None:
    """Copies what is needed to translate into the package: settings, vocabulary, int8 weights."""
    config = run.load_config()
    tokenizer = Tokenizer.load(run.tokenizer)
    trained = load_model(
        run.model, config, vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id
    )
    shipped = RunDirectory(model.folder)
    model.folder.mkdir(parents=True, exist_ok=True)
    save_weights(compress(named_weights(trained)), shipped.model, read_metadata(run.model))
    write_atomically(shipped.tokenizer, tokenizer.model)
    # Nothing of the machine it was trained on.
    source = load_config(model.config, [f"run_dir={model.name}"])
    config = config.model_copy(
        update={
            "run_dir": model.name,
            "data": source.data,
            "tokenizer": source.tokenizer,
            "training": source.training,
            "decoding": source.decoding,
            "text": source.text,
        }
    )
    write_atomically(shipped.config, config.to_yaml().encode())


def trained(run: RunDirectory) -> dict[str, str]:
    """What the card says about training."""
    state = json.loads((max(run.checkpoints.glob("step-*")) / "state.json").read_text())
    return {
        "data": data_table(run),
        "steps": f"{state['step']:,}",
        "tokens": f"{state['tokens_seen'] / 1e6:.0f}",
        "hours": f"{state['seconds'] / 3600:.1f}",
        "hardware": f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
    }


def recorded(model: Model) -> dict[str, str]:
    """The same, as the card in the package has it."""
    card = (model.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    lines = model.template.read_text(encoding="utf-8").splitlines()
    found: dict[str, str] = {}
    for first in ("| training |", "{data}"):
        [at] = [i for i, line in enumerate(lines) if line.startswith(first)]
        # A table ends before an empty line.
        known = "\n".join([*lines[at - 1 : at + 1], "" if lines[at + 1] else "\n"])
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(known))
        match = re.search(pattern, card, flags=re.DOTALL)
        if match is None:
            sys.exit(f"the card of {model.name} has no line such as {lines[at]}")
        found |= match.groupdict()
    return found


def measure(model: Model, lines: list[str]) -> dict[str, str]:
    """The numbers of the card that are measured with the model in the package."""
    pairs = [tuple(line.split("\t")) for line in lines]
    if len(pairs) != sum(DEV.values()):
        sys.exit(f"dev.tsv has {len(pairs)} lines instead of {sum(DEV.values())}")
    src, ref = ([pair[side] for pair in pairs] for side in model.sides)
    translator = Translator.load(model.name)
    best, seconds = timed(translator, src)
    alone, seconds_alone = timed(Translator.load(model.name, reverse=None), src)
    own = evaluate([translation.text for translation in alone], ref)
    found = [translation.text for translation in best]

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
    size = sum(path.stat().st_size for path in model.folder.iterdir() if path.suffix != ".md")
    starts = [cold_start(model) for _ in range(5)]
    wheel_size, install_time = wheel()
    imported, loaded, first = (statistics.median(times) for times in zip(*starts, strict=True))
    return {
        "weights": f"{translator.model.n_parameters():,}",
        "megabytes": f"{size / 1e6:.1f}",
        "cores": f"{torch.get_num_threads()} cores of {processor()} with "
        f"{torch.backends.cpu.get_cpu_capability()}",
        "bleu_alone": f"{own[0].value:.1f}",
        "chrf_alone": f"{own[1].value:.1f}",
        "speed_alone": f"{len(src) / seconds_alone:.0f}",
        "scores": "\n".join(rows),
        "signatures": signatures,
        "confidence": confidence_table(best, ref),
        "pronouns": pronoun_table(translator),
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


def timed(translator: Translator, src: Sequence[str]) -> tuple[list[Translation], float]:
    """The best translation of each line, and the seconds of all."""
    translator.translate_batch(src[:32])
    started = time.perf_counter()
    best = [translations[0] for translations in translator.translate_batch(src)]
    return best, time.perf_counter() - started


N_BANDS = 5


def confidence_table(found: Sequence[Translation], references: Sequence[str]) -> str:
    """What the confidence tells: in fifths of the set, how many translations are bad."""
    ranked = sorted(
        (translation.confidence, sentence_chrf(translation.text, [reference]).score < BAD_CHRF)
        for translation, reference in zip(found, references, strict=True)
    )
    n_bad = sum(bad for _, bad in ranked)
    # Pairs of a bad and a good one in which the bad one is the less certain.
    above, right = n_bad, 0
    for _, bad in reversed(ranked):
        above -= bad
        right += 0 if bad else above
    area = right / (n_bad * (len(ranked) - n_bad))
    rows = []
    for i in range(N_BANDS):
        band = ranked[i * len(ranked) // N_BANDS : (i + 1) * len(ranked) // N_BANDS]
        share = sum(bad for _, bad in band) / len(band)
        rows.append(f"| {band[0][0]:.2f} to {band[-1][0]:.2f} | {share:.0%} |")
    rows.append("")
    rows.append(f"Area under the ROC curve: {area:.2f}.")
    return "\n".join(rows)


def pronoun_table(translator: Translator) -> str:
    """How often a pronoun stands for the right noun, in the suite of transformer/pronouns."""
    rows = []
    for row in examine(translator, causes=False).rows:
        others = row.n_distractors or "all"
        kind = f"| {row.meant} | {row.tells} | {row.distance} | {others} | {row.translated.n:,} "
        rows.append(f"{kind}| {row.translated} | {row.forced} |")
    return "\n".join(rows)


def data_table(run: RunDirectory) -> str:
    """A row for each source of the training text."""
    rows = []
    known = {
        name: rest
        for line in (HERE / "sources.txt").read_text(encoding="utf-8").splitlines()
        if " | " in line
        for name, *rest in [line.split(" | ")]
    }
    for source in run.load_config().data.train:
        name = Path(source.path).stem if source.path else "builtin"
        n_pairs = DEFAULT_PAIRS["train"]
        if source.path:
            n_pairs = len(Path(source.path).read_text(encoding="utf-8").splitlines())
        title, what, licence = known[name]
        rows.append(f"| {title} | {n_pairs:,} | {source.weight:g} | {what} | {licence} |")
    return "\n".join(rows)


def examples(model: Model) -> dict[str, str]:
    """The tables of examples on the card, how many are in each, and the pronouns that are right."""
    listed = CARD_SENTENCES[model.name]
    translator, sentences = Translator.load(model.name), card_sentences(listed)
    found = translator.translate_batch([sentence.source for sentence in sentences])
    rows: dict[str, list[str]] = {"right": [], "wrong": []}
    unjudged = []
    for sentence, [best, *_] in zip(sentences, found, strict=True):
        if best.text in sentence.right:
            rows["right"].append(f"| {sentence.source} | {best.text} | |")
        elif best.text in sentence.wrong:
            rows["wrong"].append(f"| {sentence.source} | {best.text} | {sentence.meaning} |")
        else:
            unjudged.append(f"{sentence.source}\n= {sentence.meaning}\n? {best.text}")
    if unjudged:
        print(*unjudged, sep="\n\n")
        sys.exit(f"judge these translations in {listed.name}, then run this again")
    counts = {"n_examples": str(len(sentences))}
    counts |= {f"n_{name}": str(len(table)) for name, table in rows.items()}
    if model.name == "de-en":
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


def cold_start(model: Model) -> list[float]:
    """Seconds to import, to load and to translate first, in a new process."""
    command = [sys.executable, "-c", START.format(name=model.name, text=model.first)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
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
