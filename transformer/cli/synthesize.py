"""`transformer-synthesize`."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import UserError
from ..files import TakenError, explained, locked, new_file, write_atomically
from .command import Options, make_parser, number, refuse_stray, run_command
from .decoding import (
    FILE_WINDOW,
    PRECISION,
    about_reverse,
    add_file_options,
    add_model_options,
    add_reverse_options,
    add_search_options,
    choose_direction,
    engine_of,
    load_translator,
    progress,
)
from .lines import lines_of
from .output import Request, digest, open_output
from .sampling import NAMES, add_sampling_options, sampling_of

if TYPE_CHECKING:
    from ..inference.score import Score
    from ..inference.translator import Translator

SHORTEST, LONGEST = 1 / 3, 3.0
"""A translation with less than the first or more than the second of its text's characters, both
beyond `FEW`, has lost something or goes round in circles."""

FEW = 20

CHECKED_AT_ONCE = 512
"""Pairs that are sorted by length together."""

AGREEMENT = -3.0
"""Mean log-probability of a piece; below it, the two models disagree."""


def main(argv: Sequence[str] | None = None) -> int:
    """`transformer-synthesize`."""
    return run_command(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = make_parser(
        "transformer-synthesize",
        "--input FILE --output FILE --as source|target [options]",
        "Make sentence pairs to train on, of text in one language.",
        """
        examples:
          transformer-synthesize --model en-de --input mono.en --output bt.tsv --as source
          transformer-synthesize --model runs/teacher --input train.de --output student.tsv \\
              --as target --beam-size 5

        The first is back-translation (Sennrich et al. 2016): the machine's German is what a
        de-en model reads, and people's English is what it learns to write. --tag marks the lines
        (Caswell et al. 2019), --sample draws them at random (Edunov et al. 2018). The second makes
        the corpus of a student that learns from its teacher (Kim and Rush 2016).

        The output is for data.train: source, tab, target. What was left out is counted, and why.
        If the command is interrupted, repeat it with --resume-output to go on from there.
        """,
    )
    parser.add_argument(
        "--input", metavar="FILE", required=True, help="one text per line; .gz is read too"
    )
    parser.add_argument("--output", metavar="FILE", required=True, help="the pairs, a .tsv file")
    parser.add_argument(
        "--as",
        dest="side",
        choices=("source", "target"),
        required=True,
        help="which side of the pairs the translations are",
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    existing.add_argument(
        "--resume-output", action="store_true", help="go on with an interrupted --output"
    )
    pairs = parser.add_argument_group("which pairs, and how they are written")
    pairs.add_argument(
        "--tag",
        default="",
        metavar="TAG",
        help="what every translated source begins with, such as <bt>, followed by a space",
    )
    pairs.add_argument(
        "--min-confidence",
        type=number(0, 1),
        default=0.0,
        metavar="X",
        help="leave out what the model is less sure of; 1 is certain (0)",
    )
    pairs.add_argument(
        "--check",
        metavar="MODEL",
        help="a model of the other direction, which says how likely the text is, given its "
        "translation",
    )
    pairs.add_argument(
        "--min-agreement",
        type=number(-100, 0),
        metavar="X",
        help=f"leave out what is less likely by --check, as mean log-probability of a piece "
        f"({AGREEMENT:g})",
    )
    parser.add_argument("--sample", action="store_true", help="draw translations at random")
    groups = [Options(parser, "the model", only_for={"a search", "--sample"})]
    add_model_options(groups[0])
    groups.append(Options(parser, "how it searches", only_for={"a search"}))
    add_search_options(groups[-1])
    add_reverse_options(groups[-1], usual="none")
    groups.append(Options(parser, "many lines", only_for={"a search"}))
    add_file_options(groups[-1])
    groups.append(Options(parser, "with --sample", only_for={"--sample"}))
    add_sampling_options(groups[-1])
    args = parser.parse_args(argv)
    refuse_stray(parser, args, "--sample" if args.sample else "a search", groups)
    choose_direction(parser, args)
    if args.tag and args.side == "target":
        parser.error("--tag marks sources that were translated; leave it out with --as target")
    if args.min_agreement is not None and args.check is None:
        parser.error("--min-agreement is for --check; name a model of the other direction")
    args.min_agreement = AGREEMENT if args.min_agreement is None else args.min_agreement
    if "\t" in args.tag or "\n" in args.tag:
        parser.error("--tag must hold no tab and no line feed")
    if not Path(args.input).is_file():
        found = "a pipe or a folder" if Path(args.input).exists() else "none of that name"
        parser.error(
            f"--input is read more than once, so it must be a file: {args.input} ({found})"
        )
    return _synthesize(args)


def _synthesize(args: argparse.Namespace) -> int:
    output = Path(args.output)
    translated, checked = (
        output.with_name(f"{output.name}.{n}") for n in ("translated", "checked")
    )
    with _alone(output):
        begun = any(path.exists() for path in (translated, _partial(translated)))
        if output.exists() and not args.overwrite and not (args.resume_output and begun):
            raise UserError(f"{output} exists already; choose another name or add --overwrite")
        if args.overwrite:
            _remove(translated, checked)
        translator, settings = load_translator(args)
        check = _checker(args, translator) if args.check else None  # before hours of work
        about = _about(args, settings)
        _stage(args, translated, about, lambda n: _translations(args, translator, settings, n))
        if check:
            about = {
                "input": digest(translated),
                "check": _weights(args.check, "model.safetensors"),
                "precision": args.precision or PRECISION,
            }
            _stage(args, checked, about, lambda n: _checks(check, translated, n))
        n_pairs, left_out = 0, Counter[str]()
        with new_file(output) as file:
            for source, target in _kept(args, checked if check else translated, left_out):
                file.write(f"{source}\t{target}\n".encode())
                n_pairs += 1
        _remove(translated, checked)
    reasons = ", ".join(f"{n:,} {why}" for why, n in left_out.most_common()) or "none"
    print(f"{output}: {n_pairs:,} pairs; left out: {reasons}", file=sys.stderr)
    return 0


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    # No other command makes the same output.
    if not output.parent.is_dir():
        raise UserError(f"cannot write {output}: there is no folder {output.parent}; make it first")
    folder = output.with_name(f"{output.name}.making")
    try:
        with explained(output):
            folder.mkdir(exist_ok=True)
        with locked(folder):
            try:
                yield
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except TakenError:
        raise UserError(
            f"another process is making {output}; wait for it, or choose another name"
        ) from None


def _checker(args: argparse.Namespace, translator: Translator) -> Translator:
    from ..inference.translator import Translator

    other = Translator.load(args.check, device=args.device, precision=args.precision or PRECISION)
    ours, theirs = ((each.src_lang, each.tgt_lang) for each in (translator, other))
    if theirs != ours[::-1]:
        raise UserError(
            f"--check {args.check} translates {theirs[0]} to {theirs[1]}; it must go the other way "
            f"than the model, {ours[1]} to {ours[0]}"
        )
    return other


def _about(args: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    # Everything that the translations depend on.
    engine = engine_of(args)
    name = "model.bin" if engine == "ctranslate2" else "model.safetensors"
    precision = args.precision or (PRECISION if engine == "torch" else None)
    return {
        "input": digest(args.input),
        "model": _weights(args.model, name),
        "engine": [engine, precision, args.shortlist],
        "search": settings,
        **about_reverse(args),
        "sample": args.sample and {name: getattr(args, name) for name in NAMES},
        "version": __version__,
    }


def _weights(model: str | None, name: str) -> str | None:
    from ..runs.directory import RunDirectory

    return digest(RunDirectory.find(model).path / name)


def _about_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def _remove(*stages: Path) -> None:
    for path in stages:
        path.unlink(missing_ok=True)
        _about_file(path).unlink(missing_ok=True)
        shutil.rmtree(_partial(path), ignore_errors=True)


def _stage(args: argparse.Namespace, path: Path, about: dict[str, Any], rows: Any) -> None:
    # Writes one JSON object for each line of input, whole or resumed.
    if path.exists():  # of a command that was interrupted later
        if not args.resume_output:
            raise UserError(
                f"{path} holds what an interrupted command has translated. Go on with "
                f"--resume-output, or replace it with --overwrite"
            )
        if not _about_file(path).exists() or json.loads(_about_file(path).read_text()) != about:
            raise UserError(
                f"{path} was made of another input, or with another model or other settings; "
                f"repeat the command as it was, or start over with --overwrite"
            )
        return
    resume = args.resume_output and _partial(path).is_dir()
    request = Request(str(path), overwrite=args.overwrite, resume=resume)
    with (
        open_output(request, about) as output,
        progress(bar=True, n_done=output.n_done) as advance,
    ):
        write_atomically(_about_file(path), json.dumps(about).encode())
        for row in rows(output.n_done):
            print(json.dumps(row, ensure_ascii=False), file=output.file)
            advance()


def _translations(
    args: argparse.Namespace, translator: Translator, settings: dict[str, Any], n_done: int
) -> Iterator[dict[str, Any]]:
    found: Iterator[Any]
    lines, again = (islice(lines_of(args.input), n_done, None) for _ in range(2))
    if args.sample:
        sampling = sampling_of(args)
        found = (
            translator.sample(
                line, 1, sampling=replace(sampling, seed=_seed(sampling.seed, number))
            )
            for number, line in enumerate(lines, start=n_done)
        )
    else:
        windows: dict[str, Any] = {"window": FILE_WINDOW, "first_window": FILE_WINDOW}
        found = translator.translate_stream(lines, workers=args.workers, **windows, **settings)
    for line, [best, *_] in zip(again, found, strict=True):
        yield {
            "text": line,
            "translation": best.text,
            "confidence": round(best.confidence, 4),
            "warnings": best.warnings,
        }


def _seed(seed: int, number: int) -> int:
    # Each line is drawn with other random numbers.
    content = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(content, "little")


def _checks(other: Translator, translated: Path, n_done: int) -> Iterator[dict[str, Any]]:
    rows = islice(_rows(translated), n_done, None)
    while some := list(islice(rows, CHECKED_AT_ONCE)):
        pairs = [(row["translation"], row["text"]) for row in some]
        for row, score in zip(some, _scores(other, pairs), strict=True):
            agreement = score and round(score.log_prob / len(score.log_probs), 4)
            yield row | {"agreement": agreement}


def _scores(other: Translator, pairs: list[tuple[str, str]]) -> list[Score | None]:
    # None where a side is empty or has thousands of pieces, or the model computes no number.
    found: list[Score | None] = [None] * len(pairs)
    full = [i for i, pair in enumerate(pairs) if all(side.strip() for side in pair)]
    try:
        scores = other.score_batch([pairs[i] for i in full])
    except UserError:
        if len(pairs) == 1:
            return found
        return [score for pair in pairs for score in _scores(other, [pair])]
    for i, score in zip(full, scores, strict=True):
        found[i] = score
    return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _kept(
    args: argparse.Namespace, path: Path, left_out: Counter[str]
) -> Iterator[tuple[str, str]]:
    # Counts the others.
    for row in _rows(path):
        text, translation = row["text"].strip(), row["translation"].strip()
        why = _fault(args, row, text, translation)
        if why:
            left_out[why] += 1
        elif args.side == "target":
            yield text, translation
        else:
            yield (f"{args.tag} {translation}" if args.tag else translation), text


def _fault(args: argparse.Namespace, row: dict[str, Any], text: str, translation: str) -> str:
    if not text or not translation:
        return "empty"
    if "\t" in text + translation:
        return "with a tab"
    if row["warnings"]:
        return "with a warning"
    if max(len(text), len(translation)) > FEW:
        ratio = len(translation) / len(text)
        if not SHORTEST <= ratio <= LONGEST:
            return "of another length"
    if row["confidence"] < args.min_confidence:
        return "unsure"
    if args.check and row["agreement"] is None:
        return "not checked"
    if args.check and row["agreement"] < args.min_agreement:
        return "in disagreement"
    return ""
