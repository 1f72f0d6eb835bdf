"""`transformer-translate`."""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from .. import __version__
from ..config import MAX_BEAM_SIZE
from ..documents.document import Document
from ..documents.reading import READERS, format_of
from ..errors import UserError
from .command import (
    Options,
    make_parser,
    number,
    refuse_stray,
    require_stdout,
    run_command,
    whole,
)
from .decoding import (
    FILE_WINDOW,
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
from .engines import choose_engine
from .lines import STDIN, decoded, lines_of, standard_input
from .output import Request, digest, input_of, open_output
from .sampling import NAMES as SAMPLING
from .sampling import add_sampling_options, sampling_of

MAX_SAMPLES, MAX_ALTERNATIVES = 1000, 100


def main(argv: Sequence[str] | None = None) -> int:
    """`transformer-translate`."""
    return run_command(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = make_parser(
        "transformer-translate",
        "[options] [text ...]",
        "Translate text, line by line.",
        """
        examples:
          transformer-translate "Die Pizza kam aus dem Ofen"
          transformer-translate --model runs/multi30k_de_en --input test.de --output test.en
          cat test.de | transformer-translate --beam-size 1 > test.en

        Text comes from the arguments, from --input, or from standard input. Every line of input
        gives one line of output. With --n-best above 1 or --alternatives it gives up to that many,
        each written as "number of the line, from 0 ||| translation ||| score".

        Until all is done, what is translated so far lies in OUTPUT.partial. If the command is
        interrupted, repeat it with --resume-output to go on from there.
        """,
    )
    parser.add_argument("text", nargs="*", help="each is a text, in quotes")
    parser.add_argument(
        "--input", metavar="FILE", help="text to translate; .gz is read too, - is standard input"
    )
    parser.add_argument("--output", metavar="FILE", help="where to write; an existing file is kept")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    existing.add_argument(
        "--resume-output", action="store_true", help="go on with an interrupted --output"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one object per line: the source, and its translations with scores",
    )
    add_model_options(Options(parser, "the model", only_for=_ALL))
    instead = parser.add_argument_group("instead of a search").add_mutually_exclusive_group()
    instead.add_argument(
        "--alternatives",
        type=whole(1, MAX_ALTERNATIVES),
        metavar="N",
        help="the N likeliest next pieces after --prefix, each with its best translation",
    )
    instead.add_argument(
        "--score",
        metavar="TRANSLATION",
        help="how likely this translation is, piece by piece; with --input, a file of them",
    )
    instead.add_argument(
        "--sample", action="store_true", help="draw --n-best translations at random"
    )
    groups = _groups(parser)
    args = parser.parse_intermixed_args(argv)
    mode = _mode(args)
    refuse_stray(parser, args, mode, groups)
    if mode in ("--sample", "--score"):  # where nothing is chosen
        args.reverse = "none"
    choose_direction(parser, args)
    if args.text and args.input:
        parser.error("give text or --input, not both")
    if mode == "--score" and args.input is None and len(args.text) != 1:
        parser.error("--score is for one text, or for --input and a file with its translations")
    if mode == "a search" and args.n_best > MAX_BEAM_SIZE:
        parser.error(
            f"--n-best must be at most {MAX_BEAM_SIZE}, the widest beam; found {args.n_best:,}"
        )
    if args.output is None:
        require_stdout()
    choose_engine(args, args.text if mode == "a search" else [])
    return _score(args) if mode == "--score" else _translate(args, mode)


_ALL = {"a search", "--sample", "--alternatives", "--score"}


def _mode(args: argparse.Namespace) -> str:
    if args.score is not None:
        return "--score"
    if args.alternatives:
        return "--alternatives"
    return "--sample" if args.sample else "a search"


def _groups(parser: argparse.ArgumentParser) -> list[Options]:
    result = Options(parser, "what comes out", only_for={"a search", "--sample"})
    result.add(
        "--n-best", type=whole(1, MAX_SAMPLES), default=1, metavar="N", help="translations per line"
    )
    result.add(
        "--min-confidence",
        type=number(0, 1),
        default=0.0,
        metavar="X",
        help="warn of lines whose translation the model is less sure of; 1 is certain (0)",
    )
    begins = Options(parser, "how it begins", only_for=_ALL - {"--score"})
    begins.add("--prefix", default="", metavar="TEXT", help="what translations begin with")
    search = Options(parser, "how it searches", only_for={"a search", "--alternatives"})
    add_search_options(search)
    add_reverse_options(search)
    files = Options(parser, "many lines", only_for={"a search"})
    add_file_options(files)
    files.add(
        "--format",
        choices=("text", *READERS),
        help="a document keeps its structure (by the name of --input, but for --json and --n-best)",
    )
    sampling = Options(parser, "with --sample", only_for={"--sample"})
    add_sampling_options(sampling)
    return [result, begins, search, files, sampling]


def _translate(args: argparse.Namespace, mode: str) -> int:
    interactive = not args.text and args.input in (None, STDIN) and _is_terminal(sys.stdin)
    lines = _input_lines(args, interactive=interactive)
    document = _document(args, lines)
    if document is not None:
        lines = iter(document.texts)
    translator, settings = load_translator(args)
    settings["beam_size"] = max(settings["beam_size"], args.n_best if mode == "a search" else 1)
    several = args.n_best > 1 or mode == "--alternatives"
    numbered = input_of if several and not args.json else None
    about = _about(args, mode, settings) if args.output else {}
    with open_output(_request(args), about, numbered=numbered) as output:
        lines = islice(lines, output.n_done, None)
        sources: list[str] = []  # handed over, not yet translated
        noted = _noted(lines, sources)
        if mode == "--sample":
            sampling = sampling_of(args)
            found = (
                translator.sample(line, args.n_best, prefix=args.prefix, sampling=sampling)
                for line in noted
            )
        elif mode == "--alternatives":
            found = (
                translator.alternatives(line, args.prefix, args.alternatives, **settings)
                for line in noted
            )
        else:
            windows = {"window": 1} if interactive else {}
            if args.input and not interactive:
                windows = {"window": FILE_WINDOW, "first_window": FILE_WINDOW}
            found = translator.translate_stream(
                noted,
                n_best=args.n_best,
                prefix=args.prefix,
                workers=args.workers,
                **windows,
                **settings,
            )
        bar = bool(args.output or args.input) and not _is_terminal(output.file)
        texts: list[str] = []  # of a document, which is written whole
        with progress(bar=bar, n_done=output.n_done) as advance:
            for number, translations in enumerate(found, start=output.n_done):
                source = sources.pop(0)
                if document is not None:
                    texts.append(translations[0].text)
                else:
                    for row in _rows(args, number, source, translations, several=several):
                        print(row, file=output.file)
                for warning in _warnings(translations, args.min_confidence):
                    print(f"warning: line {number + 1}: {warning}", file=sys.stderr)
                if interactive:
                    output.file.flush()
                advance()
        if document is not None:
            print(document.filled(texts), end="", file=output.file)
    return 0


def _document(args: argparse.Namespace, lines: Iterator[str]) -> Document | None:
    # What is read as a document, and not line by line.
    kind = args.format
    if kind is None:
        kind = "text" if _wants_rows(args) else format_of(args.input or "")
    if kind == "text":
        return None
    if _wants_rows(args) or args.resume_output:
        raise UserError(
            f"--format {kind} gives one document: leave out --json, --n-best, --prefix and "
            "--resume-output"
        )
    return READERS[kind]("".join(f"{line}\n" for line in lines))


def _wants_rows(args: argparse.Namespace) -> bool:
    several = args.json or args.n_best > 1 or args.alternatives or args.sample
    return bool(several or args.prefix)


def _warnings(translations: list[Any], min_confidence: float) -> list[str]:
    if not translations:
        return []
    best = translations[0]
    warnings = list(best.warnings)
    if best.confidence < min_confidence:
        warnings.append(f"confidence {best.confidence:.2f}, which is below {min_confidence:g}")
    return warnings


def _rows(
    args: argparse.Namespace, number: int, source: str, translations: list[Any], *, several: bool
) -> Iterator[str]:
    if args.json:
        # Further digits depend on what else was in the batch.
        scored = [
            {
                "text": t.text,
                "score": round(t.score, 4),
                "confidence": round(t.confidence, 4),
                "warnings": t.warnings,
            }
            for t in translations
        ]
        yield json.dumps({"source": source, "translations": scored}, ensure_ascii=False)
    elif several:
        for t in translations:
            yield f"{number} ||| {t.text} ||| {t.score:.4f}"
    else:
        yield translations[0].text


def _score(args: argparse.Namespace) -> int:
    if args.input:
        sources, targets = list(lines_of(args.input)), list(lines_of(args.score))
        if len(sources) != len(targets):
            raise UserError(
                f"{args.input} has {len(sources):,} lines and {args.score} has {len(targets):,}; "
                f"they must be aligned"
            )
    else:
        sources, targets = list(_typed(args.text)), list(_typed([args.score]))
        if len(sources) != 1 or len(targets) != 1:
            raise UserError("--score is for one line and its translation; found line breaks")
    translator, _ = load_translator(args)
    with open_output(_request(args), {"mode": None}) as output:
        for source, target in zip(sources, targets, strict=True):
            score = translator.score(source, target)
            pieces = [
                (piece, round(log_prob, 4))
                for piece, log_prob in zip(score.pieces, score.log_probs, strict=True)
            ]
            if args.json:
                row = {
                    "source": source,
                    "translation": target,
                    "log_prob": round(score.log_prob, 4),
                    "pieces": pieces,
                }
                print(json.dumps(row, ensure_ascii=False), file=output.file)
            else:
                by_piece = " ".join(f"{piece} {log_prob:.2f}" for piece, log_prob in pieces)
                print(f"{score.log_prob:.4f} ||| {by_piece}", file=output.file)
    return 0


# Input and output --------------------------------------------------------------------------------


def _input_lines(args: argparse.Namespace, *, interactive: bool) -> Iterator[str]:
    if args.text:
        return _typed(args.text)
    if args.input not in (None, STDIN):
        return lines_of(args.input)
    if interactive:
        print("one line, one translation; Ctrl-D ends", file=sys.stderr)
    return decoded(standard_input(), "standard input")


def _typed(texts: list[str]) -> Iterator[str]:
    # The bytes that were typed, since Python hides those that are not UTF-8.
    lines = (line for text in texts for line in os.fsencode(text).split(b"\n"))
    return decoded(lines, "the text")


def _noted(lines: Iterable[str], sources: list[str]) -> Iterator[str]:
    for line in lines:
        sources.append(line)
        yield line


def _is_terminal(stream: Any) -> bool:
    return stream is not None and stream.isatty()


def _request(args: argparse.Namespace) -> Request:
    return Request(args.output, overwrite=args.overwrite, resume=args.resume_output)


def _about(args: argparse.Namespace, mode: str, settings: dict[str, Any]) -> dict[str, Any]:
    # Everything that the lines of output depend on.
    from ..runs.directory import RunDirectory

    source: str | None
    if args.text:
        source = hashlib.sha256("\0".join(args.text).encode("utf-8", "replace")).hexdigest()
    else:
        source = digest(args.input) if args.input not in (None, STDIN) else None
    engine = engine_of(args)
    folder = RunDirectory.find(args.model).path
    weights = folder / ("model.bin" if engine == "ctranslate2" else "model.safetensors")
    search = {"mode": mode, **settings, "prefix": args.prefix, "n_best": args.n_best}
    search |= {"json": args.json, "alternatives": args.alternatives}
    search |= {name: getattr(args, name) for name in SAMPLING}
    return {
        "input": source,
        "model": digest(weights),
        "engine": [engine, args.precision, args.shortlist],
        "search": search,
        **about_reverse(args),
        "version": __version__,
    }
