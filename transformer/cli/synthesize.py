"""`transformer-synthesize`."""

import argparse
import hashlib
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import UserError
from ..files import write_atomically
from .command import Options, make_parser, number, refuse_stray, run_command
from .decoding import (
    FILE_WINDOW,
    add_file_options,
    add_model_options,
    add_search_options,
    choose_direction,
    load_translator,
    progress,
)
from .lines import lines_of
from .output import Request, digest, open_output
from .sampling import add_sampling_options, sampling_of

SHORTEST, LONGEST = 1 / 3, 3.0
"""A translation with less than the first or more than the second of its text's characters, both
beyond `FEW`, has lost something or goes round in circles."""

FEW = 20


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
        default=-3.0,
        metavar="X",
        help="leave out what is less likely by --check, as mean log-probability of a piece (-3)",
    )
    parser.add_argument("--sample", action="store_true", help="draw translations at random")
    groups = [Options(parser, "the model", only_for={"a search", "--sample"})]
    add_model_options(groups[0])
    groups.append(Options(parser, "how it searches", only_for={"a search"}))
    add_search_options(groups[-1])
    groups.append(Options(parser, "many lines", only_for={"a search"}))
    add_file_options(groups[-1])
    groups.append(Options(parser, "with --sample", only_for={"--sample"}))
    add_sampling_options(groups[-1])
    args = parser.parse_args(argv)
    refuse_stray(parser, args, "--sample" if args.sample else "a search", groups)
    choose_direction(parser, args)
    if args.tag and args.side == "target":
        parser.error("--tag marks sources that were translated; leave it out with --as target")
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
    begun = any(path.exists() for path in (translated, _partial(translated)))
    if output.exists() and not args.overwrite and not (args.resume_output and begun):
        raise UserError(f"{output} exists already; choose another name or add --overwrite")
    if args.overwrite:
        _remove(translated, checked)
    check = _weights(args.check) if args.check else None
    if args.check and check is None:  # before hours of work
        raise UserError(f"--check {args.check}: no run directory, nor a model in the package")
    _stage(args, translated, _about(args), lambda n: _translations(args, n))
    if args.check:
        about = {"input": digest(translated), "check": check, "model": args.check}
        _stage(args, checked, about, lambda n: _checks(args, translated, n))
    pairs, left_out = _kept(args, checked if args.check else translated)
    rows = "".join(f"{source}\t{target}\n" for source, target in pairs)
    write_atomically(output, rows.encode())
    _remove(translated, checked)
    reasons = ", ".join(f"{n:,} {why}" for why, n in left_out.most_common()) or "none"
    print(f"{output}: {len(pairs):,} pairs; left out: {reasons}", file=sys.stderr)
    return 0


def _about(args: argparse.Namespace) -> dict[str, Any]:
    # Everything that the translations depend on.
    settings = {name: value for name, value in vars(args).items() if name not in _NOT_OF_THEM}
    return {
        "input": digest(args.input),
        "weights": _weights(args.model),
        "settings": settings,
        "version": __version__,
    }


_NOT_OF_THEM = {
    *("input", "output", "overwrite", "resume_output", "side", "tag", "min_confidence", "check"),
    *("min_agreement", "workers", "threads"),
}


def _weights(model: str | None) -> str | None:
    from ..runs.directory import RunDirectory

    folder = RunDirectory.find(model).path
    names = ("model.safetensors", "model.bin")
    return next((found for name in names if (found := digest(folder / name))), None)


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


def _translations(args: argparse.Namespace, n_done: int) -> Iterator[dict[str, Any]]:
    translator, settings = load_translator(args)
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
        windows = {"window": FILE_WINDOW, "first_window": FILE_WINDOW}
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


def _checks(args: argparse.Namespace, translated: Path, n_done: int) -> Iterator[dict[str, Any]]:
    from ..inference.translator import Translator

    other = Translator.load(args.check, device=args.device, precision=args.precision or "fp32")
    for row in islice(_rows(translated), n_done, None):
        agreement = None
        if row["text"].strip() and row["translation"].strip():
            with suppress(UserError):  # one side has thousands of pieces
                score = other.score(row["translation"], row["text"])
                agreement = round(score.log_prob / len(score.log_probs), 4)
        yield row | {"agreement": agreement}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _kept(args: argparse.Namespace, path: Path) -> tuple[list[tuple[str, str]], Counter[str]]:
    pairs: list[tuple[str, str]] = []
    left_out: Counter[str] = Counter()
    for row in _rows(path):
        text, translation = row["text"].strip(), row["translation"].strip()
        why = _fault(args, row, text, translation)
        if why:
            left_out[why] += 1
        elif args.side == "target":
            pairs.append((text, translation))
        else:
            pairs.append((f"{args.tag} {translation}" if args.tag else translation, text))
    return pairs, left_out


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
        return "too long to check"
    if args.check and row["agreement"] < args.min_agreement:
        return "in disagreement"
    return ""
