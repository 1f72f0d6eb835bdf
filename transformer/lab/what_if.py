"""Trains the variants of a list, one after the other, and compares them."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import cast

from ..config import Config
from ..data.tokenizer import Tokenizer
from ..errors import UserError
from ..files import explained, write_atomically
from ..inference.generator import Generator
from ..inference.translator import Translator
from ..model.gpt import GPT
from ..runs.directory import RunDirectory
from ..runs.weights import load_weights, read_model
from ..search.sampling import Sampling
from ..training.loop import train
from ..training.starting import prepare
from ..training.task import AnyTask, Change, Model
from .suite import Suite, Variant

OUTCOME = "outcome.json"
"""What a finished run of the lab leaves beside its weights."""

SCORES = ("val_nll", "val_bleu", "val_bpc")
"""What is compared, where the task has it, by its name in metrics.jsonl."""

N_WRITTEN = 60
"""Tokens of text that a language model writes as an example."""


@dataclass(frozen=True)
class Outcome:
    """How one variant did with one seed."""

    variant: str
    seed: int
    scores: dict[str, float]
    n_parameters: int
    seconds: float
    curve: list[tuple[int, float]]
    """Updates, and the loss in training (nats per token, without smoothing)."""
    example: str
    """The translation of a held-out sentence; of a language model, a text."""


@dataclass(frozen=True)
class Comparison:
    """How all variants did."""

    suite: Suite
    example: str  # what was translated; empty for a language model
    reference: str
    outcomes: dict[str, list[Outcome]]  # of each variant, one for each seed

    def mean(self, variant: str, score: str) -> tuple[float, float | None]:
        """The mean over seeds and half of its 95 % interval (Student's t); None of one seed."""
        values = [outcome.scores[score] for outcome in self.outcomes[variant]]
        if len(values) == 1:
            return values[0], None
        from scipy.stats import t

        half = t.ppf(0.975, len(values) - 1) * stdev(values) / len(values) ** 0.5
        return fmean(values), float(half)

    def to_dict(self) -> dict[str, object]:
        """All of it, for JSON."""
        return {
            "example": self.example,
            "reference": self.reference,
            "outcomes": [asdict(o) for outcomes in self.outcomes.values() for o in outcomes],
        }

    def __str__(self) -> str:
        return "\n\n".join([*self._head(), self.table(), *self._reasons()])

    def _head(self) -> Iterator[str]:
        if self.example:
            yield f"held out: {self.example}\n   means: {self.reference}"

    def table(self) -> str:
        """A table, in Markdown."""
        present = self.outcomes[self.suite.variants[0].name][0].scores
        scores = [score for score in SCORES if score in present]
        names = {"val_nll": "NLL", "val_bleu": "BLEU", "val_bpc": "bits per character"}
        head = ["variant", "weights", *(names[score] for score in scores), "seconds", "it writes"]
        rows = [head, ["---", *["---:"] * (len(head) - 2), "---"]]
        for variant, outcomes in self.outcomes.items():
            rows.append(
                [
                    variant,
                    f"{outcomes[0].n_parameters:,}",
                    *(_with_interval(*self.mean(variant, s), score=s) for s in scores),
                    f"{fmean(o.seconds for o in outcomes):.0f}",
                    _in_a_cell(outcomes[0].example),
                ]
            )
        widths = [max(len(row[i]) for row in rows) for i in range(len(head) - 1)]
        return "\n".join(
            "| "
            + " | ".join([*(c.ljust(w) for c, w in zip(row[:-1], widths, strict=True)), row[-1]])
            + " |"
            for row in rows
        )

    def _reasons(self) -> Iterator[str]:
        for variant in self.suite.variants:
            if variant.why:
                yield f"{variant.name}: {' '.join(variant.why.split())}"


def compare(
    suite: Suite,
    folder: Path,
    *,
    n_seeds: int = 1,
    settings: Sequence[str] = (),
    progress: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Trains every variant with every seed, unless that has been done before.

    Args:
        suite: the variants.
        folder: keeps a run directory of each, named after it and a fingerprint of its settings.
            What is finished there is not trained again, and what was interrupted goes on.
        n_seeds: runs of each, with the seeds 1, 2, ….
        settings: `section.key=value` for all of them.
        progress: hears of each run as it begins.

    Raises:
        UserError: a setting is wrong (nothing has been trained), or a run cannot be made.
        KeyboardInterrupt: a run was interrupted, and can go on.
    """
    jobs = [
        (variant, seed, suite.config(variant, [*settings, f"seed={seed}"]))
        for variant in suite.variants
        for seed in range(1, n_seeds + 1)
    ]
    outcomes: dict[str, list[Outcome]] = {variant.name: [] for variant in suite.variants}
    for i, (variant, seed, config) in enumerate(jobs, start=1):
        run_dir = folder / f"{variant.name}-{_fingerprint(config, variant)}-{seed}"
        config = config.model_copy(update={"run_dir": str(run_dir)})
        known = _read_outcome(run_dir)
        what = f"{variant.name}, seed {seed} ({i} of {len(jobs)})"
        progress(f"{what}: known" if known else what)
        outcomes[variant.name].append(known or _run(config, variant, seed))
    example, reference = _held_out(jobs[0][2])
    return Comparison(suite, example, reference, outcomes)


def _fingerprint(config: Config, variant: Variant) -> str:
    content = config.model_dump(exclude={"run_dir"}), variant.changes
    return hashlib.sha256(repr(content).encode()).hexdigest()[:8]


def _read_outcome(run_dir: Path) -> Outcome | None:
    path = run_dir / OUTCOME
    if not path.is_file():
        return None
    try:
        return Outcome(**json.loads(path.read_bytes()))
    except (ValueError, TypeError):
        raise UserError(f"{path} is damaged; delete {run_dir} to train it again") from None


def _run(config: Config, variant: Variant, seed: int) -> Outcome:
    run = RunDirectory(config.run_dir)
    change = variant.change
    with _quietly():
        done = train(config, resume=not run.is_empty(), change=change)
    if done.interrupted:
        raise KeyboardInterrupt
    model, task = trained_model(run, config, change)
    outcome = Outcome(
        variant=variant.name,
        seed=seed,
        scores={name: done.metrics[name] for name in SCORES if name in done.metrics},
        n_parameters=model.n_parameters(),
        seconds=done.seconds,
        curve=_curve(run),
        example=_example(model, task),
    )
    write_atomically(run.path / OUTCOME, json.dumps(asdict(outcome)).encode())
    with explained(run.path):
        shutil.rmtree(run.checkpoints)  # three times the size of the weights
        run.best.unlink(missing_ok=True)
    return outcome


def trained_model(
    run: RunDirectory, config: Config, change: Change | None
) -> tuple[Model, AnyTask]:
    """The model of a run of the lab, changed as it was in training, and its text.

    Raises:
        CheckpointError: there is no such run, or it has another model.
    """
    from ..runs.loading import require_change

    weights, about = read_model(run.model)
    require_change(about, change.name if change else None, source=run.model)
    with _quietly():
        task = prepare(config, run.tokenizer, change)
    model: Model = task.new_model()
    if change:
        change.apply(model)
    load_weights(model, weights, source=run.model)
    return model.eval(), task


def _example(model: Model, task: AnyTask) -> str:
    if isinstance(model, GPT):
        generator = Generator(model, task.tokenizer)
        return generator.generate(max_tokens=N_WRITTEN, sampling=Sampling(seed=1))[0]
    tokenizer = cast(Tokenizer, task.tokenizer)
    translator = Translator(model, tokenizer, task.config.decoding, task.config.text)
    return translator.translate(_held_out(task.config)[0])


def _held_out(config: Config) -> tuple[str, str]:
    # A sentence of the validation set, neither short nor long, and its reference.
    if config.task == "language_modeling":
        return "", ""
    from ..data.corpus import load_corpus

    pairs = load_corpus(config.data, "val").pairs[:50]
    length = {i: len(text.split()) for i, text in enumerate(pairs["src"])}
    chosen = min(length, key=lambda i: abs(length[i] - 9))
    return pairs["src"][chosen], pairs["tgt"][chosen]


def _curve(run: RunDirectory) -> list[tuple[int, float]]:
    rows = [json.loads(line) for line in run.metrics.read_bytes().splitlines()]
    return [(row["step"], row["nll"]) for row in rows if "nll" in row]


@contextmanager
def _quietly() -> Iterator[None]:
    # Warnings are still told. What a run says is in its train.log.
    logger = logging.getLogger("transformer")
    handlers = logging.getLogger().handlers
    before = [handler.level for handler in handlers]
    for handler in handlers:
        handler.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for handler, level in zip(handlers, before, strict=True):
            handler.setLevel(level)
        logger.setLevel(logging.NOTSET)


def _with_interval(mean: float, half: float | None, *, score: str) -> str:
    digits = 1 if score == "val_bleu" else 3
    text = f"{mean:.{digits}f}"
    return text if half is None else f"{text} ± {half:.{digits}f}"


def _in_a_cell(text: str) -> str:
    text = " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= 80 else f"{text[:79]}…"
