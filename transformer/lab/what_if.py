"""Trains the variants of a list, one after the other."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import cast

from ..config import Config
from ..data.tokenizer import Tokenizer
from ..errors import UserError
from ..files import explained, write_atomically
from ..inference.generator import Generator
from ..inference.translator import Translator
from ..model.encoder_decoder import Transformer
from ..model.gpt import GPT
from ..runs.directory import RunDirectory
from ..runs.metadata import require_change
from ..runs.weights import load_weights, read_model
from ..search.sampling import Sampling
from ..training.loop import train
from ..training.resuming import DivergedError
from ..training.task import Change, Model
from .comparison import COLUMNS, Comparison, Outcome
from .suite import Suite, Variant

HERE = Path(__file__).parent

OUTCOME = "outcome.json"
"""What a finished run of the lab leaves beside its weights."""

CODE = (
    *(HERE / "scores.py", HERE / "changes.py"),
    *sorted(
        path
        for room in ("data", "model", "training")
        for path in (HERE.parent / room).rglob("*")
        if path.suffix in (".py", ".yaml")
    ),
)
"""What decides how a model does, besides its settings: someone may change a line of it."""

N_WRITTEN = 60
"""Tokens of text that a language model writes as an example."""

N_WORDS = 9
"""Of the held-out sentence that is translated as an example: the first that is about as long."""


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
        KeyboardInterrupt: a run was interrupted; called again, it goes on there.
    """
    if n_seeds > 1:
        _require_scipy()
    given = [*suite.settings, *settings, *(s for v in suite.variants for s in v.settings)]
    for setting in given:
        if setting.split("=")[0].strip() in ("seed", "run_dir"):
            raise UserError(
                f"{setting}: seeds and run directories are set by the experiment; leave it out "
                f"(transformer-lab has --seeds and --runs)"
            )
    jobs = [
        (variant, seed, suite.config(variant, [*settings, f"seed={seed}"]))
        for variant in suite.variants
        for seed in range(1, n_seeds + 1)
    ]
    outcomes: dict[str, list[Outcome]] = {variant.name: [] for variant in suite.variants}
    for i, (variant, seed, config) in enumerate(jobs, start=1):
        name = re.sub(r"[^\w.+-]+", "-", f"{variant.name}-{_fingerprint(config, variant)}-{seed}")
        run = RunDirectory(folder / name)
        config = config.model_copy(update={"run_dir": str(run.path)})
        known = _read_outcome(run)
        what = f"{i} of {len(jobs)}: {variant.name}, seed {seed}"
        progress(f"{what} (trained before)" if known else what)
        outcomes[variant.name].append(known or _run(run, config, variant, seed))
    example, reference = _held_out(jobs[0][2])
    return Comparison(suite, example, reference, outcomes)


def _require_scipy() -> None:
    try:
        import scipy.stats  # noqa: F401
    except ImportError:
        raise UserError(
            "intervals over seeds need scipy: pip install 'attention-transformer[lab]'"
        ) from None


def _fingerprint(config: Config, variant: Variant) -> str:
    # Of the settings, the text and the code.
    settings = config.model_dump(exclude={"run_dir", "seed"})
    content = [repr((settings, variant.changes)).encode()]
    for path in _files_named_in(settings["data"]):
        found = path.stat()
        content.append(f"{found.st_size} {found.st_mtime_ns}".encode())
    content += [path.read_bytes() for path in CODE]
    return hashlib.sha256(b"\0".join(content)).hexdigest()[:8]


def _files_named_in(settings: object) -> Iterator[Path]:
    if isinstance(settings, dict | list | tuple):
        for value in settings.values() if isinstance(settings, dict) else settings:
            yield from _files_named_in(value)
    elif isinstance(settings, str | Path) and Path(settings).is_file():
        yield Path(settings)


def _read_outcome(run: RunDirectory) -> Outcome | None:
    path = run.path / OUTCOME
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_bytes())
        return Outcome(**{**found, "curve": [(step, nll) for step, nll in found["curve"]]})
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{path} is damaged; delete {run.path} to train it again") from None


def _run(run: RunDirectory, config: Config, variant: Variant, seed: int) -> Outcome:
    change = variant.change
    scores: dict[str, float] = {}
    seconds, example = 0.0, ""
    with _quietly():
        try:
            done = train(config, resume=not run.is_empty(), change=change)
        except DivergedError:
            model = _new_model(run, config, change)
        else:
            if done.interrupted:
                raise KeyboardInterrupt
            model = trained_model(run, config, change)
            scores = {name: done.metrics[name] for name in COLUMNS if name in done.metrics}
            seconds, example = done.seconds, _example(run, config, model)
    n_parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    outcome = Outcome(variant.name, seed, scores, n_parameters, seconds, _curve(run), example)
    write_atomically(run.path / OUTCOME, json.dumps(asdict(outcome)).encode())
    with explained(run.path):
        shutil.rmtree(run.checkpoints, ignore_errors=True)  # three times the size of the weights
        run.best.unlink(missing_ok=True)
    return outcome


def trained_model(run: RunDirectory, config: Config, change: Change | None) -> Model:
    """The model of a run of the lab, changed as it was in training.

    Raises:
        CheckpointError: there is no such run, or it has another model.
    """
    weights, about = read_model(run.model)
    require_change(about, change.name if change else None, source=run.model)
    model = _new_model(run, config, change)
    load_weights(model, weights, source=run.model)
    return model.eval()


def _new_model(run: RunDirectory, config: Config, change: Change | None) -> Model:
    tokenizer = run.load_tokenizer(config.task)
    n = tokenizer.vocab_size
    model: Model
    if config.task == "translation":
        pad_id = cast(Tokenizer, tokenizer).pad_id
        model = Transformer(config.transformer, vocab_size=n, pad_id=pad_id)
    else:
        model = GPT(config.gpt, vocab_size=n)
    if change:
        change.apply(model)
    return model


def _example(run: RunDirectory, config: Config, model: Model) -> str:
    tokenizer = run.load_tokenizer(config.task)
    if isinstance(model, GPT):
        generator = Generator(model, tokenizer)
        return generator.generate(max_tokens=N_WRITTEN, sampling=Sampling(seed=1))[0]
    translator = Translator(model, cast(Tokenizer, tokenizer), config.decoding, config.text)
    return translator.translate(_held_out(config)[0])


def _held_out(config: Config) -> tuple[str, str]:
    # A sentence of the validation set and its reference; of a language model, nothing.
    if config.task == "language_modeling":
        return "", ""
    from ..data.corpus import load_corpus

    pairs = load_corpus(config.data, "val").pairs[:50]
    length = {i: len(text.split()) for i, text in enumerate(pairs["src"])}
    chosen = min(length, key=lambda i: abs(length[i] - N_WORDS))
    return pairs["src"][chosen], pairs["tgt"][chosen]


def _curve(run: RunDirectory) -> list[tuple[int, float]]:
    if not run.metrics.is_file():  # it diverged at once
        return []
    rows = [json.loads(line) for line in run.metrics.read_bytes().splitlines()]
    return [(row["step"], row["nll"]) for row in rows if "nll" in row]


@contextmanager
def _quietly() -> Iterator[None]:
    # What a run says is in its train.log. Its warnings are shown here as well.
    logger = logging.getLogger("transformer")
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    before, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
