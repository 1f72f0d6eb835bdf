"""Is it the paper? A report of its choices, for a configuration, a run, or anyone's model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from ..config import Config
from ..data.tokenizer import Tokenizer
from ..errors import UserError
from ..model.encoder_decoder import Transformer
from ..runs.directory import RunDirectory
from ..runs.metadata import require_same_run
from ..runs.weights import load_weights, read_model
from ..training.starting import find_start, take_over
from ..training.task import Change
from ..training.translation import TranslationTask
from ..training.updating import build
from . import recipe
from .changes import change
from .choices import Finding, Size, of_model, sizes_of
from .choices_of_training import of_search, of_training
from .subjects import Subject, subject_of


@dataclass(frozen=True)
class Report:
    """All findings about a model."""

    name: str
    findings: tuple[Finding, ...]
    sizes: tuple[Size, ...]

    @property
    def departures(self) -> list[Finding]:
        """What is not as in the paper."""
        return [finding for finding in self.findings if not finding.agrees]

    def to_dict(self) -> dict[str, object]:
        """All of it, for JSON."""
        n = len(self.findings)
        return {**asdict(self), "n_choices": n, "n_agree": n - len(self.departures)}

    def __str__(self) -> str:
        return "\n".join([self.name, *self._lines()])

    def _lines(self) -> Iterator[str]:
        about = None
        for finding in self.findings:
            if finding.about != about:
                about = finding.about
                yield f"\n{about}".ljust(44) + "the paper".ljust(40) + "found"
            verdict = "agrees" if finding.agrees else "DEPARTS"
            head = f"  {verdict:8} {finding.section:7} {finding.choice}"
            yield f"{head:42} {finding.paper:39} {finding.found}"
        yield "\nsizes".ljust(44) + "base".ljust(20) + "big".ljust(20) + "here"
        for size in self.sizes:
            yield f"{'':19}{size.name:24}{size.base:20}{size.big:20}{size.here}"
        yield f"\n{len(self.findings) - len(self.departures)} of {len(self.findings)} choices agree"
        if self.departures:
            yield "departs: " + ", ".join(finding.choice for finding in self.departures)


def side_by_side(reports: Mapping[str, Report]) -> str:
    """A table in Markdown: each choice, and where the models depart from it.

    Args:
        reports: by what to call them.
    """
    rows = [["", "", "the paper", *reports], ["---"] * (3 + len(reports))]
    first = {f.choice: f for report in reports.values() for f in reversed(report.findings)}
    for choice in dict.fromkeys(f.choice for r in reports.values() for f in r.findings):
        row = [first[choice].section, choice, first[choice].paper]
        for report in reports.values():
            found = [f for f in report.findings if f.choice == choice]
            row.append(_verdict(found[0]) if found else "–")
        rows.append(row)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _verdict(finding: Finding) -> str:
    return "agrees" if finding.agrees else f"**{finding.found}**"


# Whom to ask --------------------------------------------------------------------------------------


def examine(config: Config, change: Change | None = None, *, name: str = "the settings") -> Report:
    """A model and its training as the settings make them, without reading any text.

    Args:
        config: every setting. Without a tokenizer, the vocabulary is as large as it says.
        change: what an experiment does to the model.
        name: of the report.

    Raises:
        UserError: it is a language model, or what `training.start_from` names cannot be used.
    """
    _require_translation(config, name)
    config, _ = take_over(config)
    start = find_start(config)
    path = start.tokenizer if start else config.tokenizer.path
    vocabulary = Tokenizer.load(path) if path else recipe.Vocabulary(config.tokenizer.vocab_size)
    task = recipe.task_without_text(config, vocabulary, change)
    with torch.random.fork_rng(devices=[]):
        model, _optimizer = build(task, recipe.CPU)
    if start:
        load_weights(model, start.weights(), source=start.path)
    return _report(name, model, task, fresh=start is None)


def examine_run(name: str | Path) -> Report:
    """A trained model, and the training and search that its run was set to.

    Args:
        name: a run directory, those of the lab included; or a model in the package.

    Raises:
        UserError: there is no such run, it is of a language model, or it is damaged.
    """
    run = RunDirectory.find(name)
    config = run.load_config()
    _require_translation(config, str(run.path))
    tokenizer = run.load_tokenizer("translation")
    path = run.model.resolve()
    weights, about = read_model(path)
    require_same_run(about, tokenizer, weights=path, tokenizer_path=run.tokenizer)
    done = change(about["change"].split(" + ")) if "change" in about else None
    task = recipe.task_without_text(config, tokenizer, done)
    with torch.random.fork_rng(devices=[]):
        model = task.new_model()
    if done:
        done.apply(model)
    load_weights(model, weights, source=path)
    return _report(str(run.path), model, task, fresh=False)


def examine_model(model: nn.Module | Subject, *, fresh: bool = False) -> Report:
    """Anybody's model; only what its parts show.

    Args:
        model: one that `subject_of` knows, or a `Subject`, which says where the parts are.
        fresh: it has its first weights, so that these can be looked at as well.

    Raises:
        UserError: no way into this model is known.
    """
    subject = model if isinstance(model, Subject) else subject_of(model)
    with torch.random.fork_rng(devices=[]):
        findings = tuple(of_model(subject, fresh=fresh))
        sizes = tuple(sizes_of(subject, findings))
    return Report(type(subject.model).__name__, findings, sizes)


def _require_translation(config: Config, what: str) -> None:
    if config.task != "translation":
        raise UserError(
            f"{what}: the paper's model translates, and this is a language model; name one of "
            "task: translation"
        )


def _report(name: str, model: Transformer, task: TranslationTask, *, fresh: bool) -> Report:
    seen = examine_model(model, fresh=fresh)
    with torch.random.fork_rng(devices=[]):
        findings = (*seen.findings, *of_training(task, model), *of_search(task.config))
    return Report(name, findings, seen.sizes)
