"""All checks, one after the other, on the task that a configuration names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...config import Config, DataConfig
from ...data.batching import pair_weights
from ...data.corpus import Corpus, lengths, load_corpus
from ...data.plain_text import CorpusError
from ...data.shards import find_text_shards, sample
from ...data.streaming import size_of_text
from ...data.texts import Texts, find_texts, find_val
from ...errors import UserError, cut
from ...runs.weights import load_weights
from ...training.language_modeling import LanguageModelingTask
from ...training.resuming import alone
from ...training.starting import find_start, prepare, take_over
from ...training.streaming import N_LOOKED_AT
from ...training.task import AnyTask, Model
from ...training.translation import TranslationTask
from ...training.updating import build
from . import (
    association,
    batches,
    languages,
    leaks,
    learning,
    overlap,
    pairs,
    settings,
    signal,
    trials,
    vocabulary,
)
from .examples import Example, pad_id_of, real_batches, without_dropout
from .findings import Finding, Report

if TYPE_CHECKING:
    from ...inference.translator import Translator

N_TOKENS = 200
"""Target tokens of each real batch that the model's checks look at."""

N_BATCHES = 4

LARGEST = 150_000_000
"""Weights of a model that is still trained on a batch: four times as many numbers are in memory."""

MOST_LINES = 20_000
"""Of each side that are read for languages and damage."""

ROUND_TRIPS = 500
"""Lines that are encoded and decoded again."""

Checks = list[tuple[str, Callable[[], Iterable[Finding]]]]


@alone()
def examine(
    config: Config,
    *,
    tests: Sequence[str] = (),
    translator: Translator | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Report:
    """Looks at settings, data and model. Nothing is written but the cache of the encoded text.

    Args:
        config: every setting.
        tests: sources of test pairs, as `data.val` takes them.
        translator: scores training pairs.
        progress: hears of each part as it begins.

    Raises:
        UserError: a setting contradicts what the run starts from, a test source cannot be read, or
            the translator is of another direction.
    """
    _require_direction(config, translator)
    config, notes = take_over(config)
    progress("reading the text")
    held_out = _held_out_pairs(config, tests)
    try:
        task = prepare(config)
    except UserError as error:
        # Without a text nothing else can be looked at.
        advice = "mend the data or the setting that the message names, and ask again"
        return Report((Finding("text", "fault", cut(str(error), 1000), advice),))
    findings = [
        Finding("settings", "warning", note, "set data.src_lang and data.tgt_lang, or start anew")
        for note in notes
        if not note.startswith("taken over")
    ]
    for part, checks_of in (
        ("data", lambda: _checks_of_data(task, held_out, translator)),
        ("model", lambda: _checks_of_model(task)),
    ):
        with _told(part, findings):
            for what, check in checks_of():
                progress(what)
                with _told(what, findings):
                    findings += check()
    return Report(tuple(findings))


@contextmanager
def _told(what: str, findings: list[Finding]) -> Iterator[None]:
    """What stops a check becomes a finding."""
    try:
        yield
    except UserError as error:
        findings.append(Finding(what, "fault", cut(str(error), 1000), "mend what it names"))
    except MemoryError:
        raise
    except Exception as error:  # a model that is broken may raise anything
        found = f"stopped by {type(error).__name__}: {cut(str(error), 500)}"
        advice = "the code of the model or of its task cannot do what training asks of it"
        findings.append(Finding(what, "fault", found, advice))


def _require_direction(config: Config, translator: Translator | None) -> None:
    if translator is None:
        return
    if config.task != "translation":
        raise UserError("--model scores translations; leave it out for a language model")
    theirs = translator.src_lang, translator.tgt_lang
    if theirs != (config.data.src_lang, config.data.tgt_lang):
        raise UserError(
            f"--model translates {theirs[0]} to {theirs[1]}, and the pairs are "
            f"{config.data.src_lang} to {config.data.tgt_lang}; name a model of this direction"
        )


def _held_out_pairs(config: Config, tests: Sequence[str]) -> dict[str, Corpus]:
    if tests and config.task != "translation":
        raise UserError("--test is for translation; a language model has data.val or data.holdout")
    found = {}
    for test in tests:
        data = DataConfig.model_validate({**config.data.model_dump(), "val": test})
        try:
            found[f"test set {test.rsplit('/')[-1]}"] = load_corpus(data, "val")
        except CorpusError as error:
            raise CorpusError(str(error).replace("data.val", "--test", 1)) from None
    return found


# Data ---------------------------------------------------------------------------------------------


def _checks_of_data(
    task: AnyTask, tests: dict[str, Corpus], translator: Translator | None
) -> Checks:
    config = task.config
    epoch_steps = _epoch_steps(task)
    n_steps = config.training.max_steps
    if config.training.max_epochs is not None and epoch_steps is not None:
        n_steps = min(n_steps, epoch_steps * config.training.max_epochs)
    checks: Checks = [
        ("settings", lambda: settings.check_settings(config, n_steps)),
        ("schedule", lambda: settings.check_schedule(config, n_steps, epoch_steps)),
    ]
    if isinstance(task, LanguageModelingTask):
        return [*checks, *_checks_of_text(task)]
    assert isinstance(task, TranslationTask)
    rows = pairs.read_rows(config.data)
    held_out = {"validation": task.val, **tests}
    checks += [
        (
            "left out",
            lambda: vocabulary.check_left_out(
                task.train, len(task.val.pairs), drops=config.data.cleaning.drop_duplicates
            ),
        ),
        ("vocabulary", lambda: _vocabulary_of_pairs(task)),
        ("language", lambda: _languages(config, rows, held_out)),
        ("alignment", lambda: _alignment(rows)),
        ("overlap", lambda: _overlap(task.train, held_out)),
    ]
    if translator is not None:
        checks.append(("scores", lambda: [pairs.check_scores(rows, translator)]))
    return checks


def _epoch_steps(task: AnyTask) -> int | None:
    if task.config.data.streaming:
        return None
    # Without padding, and for pairs without building a batch, which takes minutes for millions.
    if isinstance(task, TranslationTask):
        longest = lengths(task.train).max(axis=1) + 1
        n_tokens = float((longest * pair_weights(task.train)).sum(dtype=np.float64))
        n_batches = max(1, round(n_tokens / task.config.training.batch_tokens))
    else:
        n_batches = task.measure_epoch()[0]
    return -(-n_batches // task.config.training.accumulate)


def _vocabulary_of_pairs(task: TranslationTask) -> Iterator[Finding]:
    size = task.tokenizer.vocab_size
    yield from vocabulary.check_size(task.config.tokenizer, size)
    train, val = (vocabulary.count_pieces(corpus, size) for corpus in (task.train, task.val))
    # Words are counted in a part of the text.
    n, seen = len(task.train.pairs), task.train.pairs[:MOST_LINES]
    n_words = vocabulary.count_words(chain(seen["src"], seen["tgt"])) * n // len(seen["src"])
    yield from vocabulary.check_vocabulary(task.tokenizer, train, val, n_words)
    some = task.val.pairs[:ROUND_TRIPS]
    lines = [*seen["src"], *seen["tgt"]][:: -(-2 * len(seen["src"]) // ROUND_TRIPS)]
    yield vocabulary.check_round_trip(task.tokenizer, [*lines, *some["src"], *some["tgt"]])


def _languages(
    config: Config, rows: list[pairs.Rows], held_out: dict[str, Corpus]
) -> Iterator[Finding]:
    expected = config.data.src_lang, config.data.tgt_lang
    train: tuple[list[str], list[str]] = ([], [])
    sources = list(dict.fromkeys(window.source for window in rows))
    most = max(1000, MOST_LINES // len(sources))
    for source in sources:
        own = [window for window in rows if window.source == source]
        own = own[:: -(-len(own) * pairs.WINDOW // most)]
        src, tgt = ([line for w in own for line in getattr(w, side)] for side in ("src", "tgt"))
        yield from languages.check_languages(src, tgt, expected, f"training, {source}")
        train[0].extend(src)
        train[1].extend(tgt)
    sides = {"the training source": train[0], "the training target": train[1]}
    for where, corpus in held_out.items():
        found = corpus.pairs[:MOST_LINES]
        src, tgt = found["src"], found["tgt"]
        yield from languages.check_languages(src, tgt, expected, where)
        yield from languages.check_same_sides(train, (src, tgt), where)
        yield languages.check_same_writing(train[0], src, f"the source of {where}")
        yield languages.check_same_writing(train[1], tgt, f"the target of {where}")
        sides |= {f"the source of {where}": src, f"the target of {where}": tgt}
    yield from languages.check_writing(sides)


def _alignment(rows: list[pairs.Rows]) -> Iterator[Finding]:
    yield from pairs.check_alignment(rows)
    yield from pairs.check_single_pairs(rows)
    yield from association.check_association(
        [pair for window in rows for pair in zip(window.src, window.tgt, strict=True)],
        [
            f"{window.source}, row {number:,}{window.not_counted}: "
            for window in rows
            for number in window.numbers
        ],
    )


def _overlap(train: Corpus, held_out: dict[str, Corpus]) -> Iterator[Finding]:
    for where, corpus in held_out.items():
        yield from overlap.check_overlap(
            vocabulary.all_pairs(train), list(vocabulary.all_pairs(corpus)), where
        )


def _checks_of_text(task: LanguageModelingTask) -> Checks:
    train, val = _texts_of(task.config.data)
    size = task.tokenizer.vocab_size

    def lines(text: Iterable[str]) -> list[str]:
        return list(islice((line for part in text for line in part.split("\n")), MOST_LINES))

    def writing() -> Iterator[Finding]:
        known, new = (lines(part()) for part in (train, val))
        yield languages.check_same_writing(known, new, "the validation text")
        yield from languages.check_writing({"training": known, "validation": new})

    def counts() -> Iterator[Finding]:
        counted = [vocabulary.count_tokens(part, size) for part in (task.train, task.val)]
        yield from vocabulary.check_vocabulary(task.tokenizer, counted[0], counted[1], 0)
        some = [line for line in lines(val()) if line.strip()]
        yield vocabulary.check_round_trip(task.tokenizer, some[:ROUND_TRIPS])

    return [
        ("vocabulary", counts),
        ("text", writing),
        (
            "overlap",
            lambda: [overlap.check_text_overlap(train(), val(), "validation")],
        ),
    ]


# The model ----------------------------------------------------------------------------------------


def _checks_of_model(task: AnyTask) -> Checks:
    with torch.device("meta"):
        n_weights = task.new_model().n_parameters()
    if n_weights > LARGEST:
        finding = Finding(
            "model",
            "warning",
            f"not looked at: it has {n_weights:,} weights, and at most {LARGEST:,} are tried",
            "run the doctor with fewer layers (model.n_encoder_layers=1 model.n_decoder_layers=1)",
        )
        return [("model", lambda: [finding])]
    new: Model
    new, _ = build(task, torch.device("cpu"))
    real = real_batches(task, N_BATCHES, N_TOKENS)
    mixed = batches.uneven(real, pad_id_of(task))
    example = Example.of(mixed, pad_id_of(task))
    start = find_start(task.config)

    def model() -> Model:
        return without_dropout(deepcopy(new)).eval()

    def first_loss() -> Iterator[Finding]:
        tried = model()
        if start is not None:
            load_weights(tried, start.weights(), source=start.path)
        yield learning.check_first_loss(task, tried, real)

    return [
        ("batches", lambda: batches.check_batches(task)),
        ("dropout", lambda: [leaks.check_dropout(deepcopy(new), example)]),
        ("loss", lambda: [batches.check_loss(task, model(), mixed)]),
        ("leaks", lambda: leaks.check_leaks(model(), example)),
        ("signal", lambda: signal.check_signal(model(), example)),
        ("decoding", lambda: [leaks.check_decoding(model(), example)]),
        ("first loss", first_loss),
        ("first weights", lambda: learning.check_weights(new)),
        ("gradients", lambda: learning.check_gradients(task, model(), mixed)),
        ("accumulation", lambda: [trials.check_accumulation(task, mixed)]),
        ("overfit", lambda: [trials.check_overfit(task, real[0])]),
    ]


def _texts_of(data: DataConfig) -> tuple[Callable[[], Iterable[str]], Callable[[], Iterable[str]]]:
    """What reads the training text and the validation text; of a stream, its beginnings."""

    def beginnings() -> Iterator[str]:
        shards = find_text_shards(data)
        for _, chunks in sample(shards, N_LOOKED_AT, size_of_text):
            yield from (chunk.text for chunk in chunks)

    def reader(texts: Texts) -> Callable[[], Iterable[str]]:
        return lambda: (chunk.text for chunk in texts.chunks())

    if data.streaming:
        return beginnings, reader(find_val(data))
    train, val = find_texts(data)
    return reader(train), reader(val)
