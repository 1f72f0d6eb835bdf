"""`transformer-evaluate`."""

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..errors import UserError
from ..files import new_file
from .command import Options, make_parser, refuse_stray, require_stdout, run_command, whole
from .decoding import (
    FILE_WINDOW,
    PRECISION,
    add_file_options,
    add_model_options,
    add_reverse_options,
    add_search_options,
    choose_direction,
    engine_of,
    load_translator,
    progress,
    reverse_run,
)
from .lines import lines_of

MAX_RESAMPLES = 100_000


def main(argv: Sequence[str] | None = None) -> int:
    """`transformer-evaluate`."""
    return run_command(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = make_parser(
        "transformer-evaluate",
        "(--input FILE | --hypotheses FILE) --reference FILE [options]",
        "Translate and score against a reference: sacreBLEU and chrF, cased and detokenised.",
        """
        examples:
          transformer-evaluate --model runs/multi30k_de_en --input test.de --reference test.en
          transformer-evaluate --hypotheses my_output.en --reference test.en --json

        Quote a score together with its signature and the decoding settings.
        """,
    )
    translating = Options(parser, "translating", only_for={"--input"})
    parser.add_argument(
        "--input", metavar="FILE", help="source text; .gz is read too, - is standard input"
    )
    parser.add_argument("--hypotheses", metavar="FILE", help="score this translation instead")
    parser.add_argument(
        "--reference", metavar="FILE", required=True, help="a translation by a person"
    )
    add_model_options(translating)
    add_search_options(translating)
    add_reverse_options(translating)
    add_file_options(translating)
    translating.add("--output", metavar="FILE", help="also write the translations here")
    translating.add("--overwrite", action="store_true", help="replace an existing --output")
    parser.add_argument(
        "--bootstrap",
        type=whole(2, MAX_RESAMPLES, besides=0),
        default=1000,
        metavar="N",
        help="resamples for the confidence interval, 0 for none (1000)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    if (args.input is None) == (args.hypotheses is None):
        parser.error("give either --input, to translate it, or --hypotheses, to score it as it is")
    refuse_stray(parser, args, "--hypotheses" if args.input is None else "--input", [translating])
    choose_direction(parser, args)
    require_stdout()
    return _evaluate(args)


def _evaluate(args: argparse.Namespace) -> int:
    from ..inference.evaluation import evaluate, looks_tokenized

    references = list(lines_of(args.reference))
    report: dict[str, Any] = {}
    if args.hypotheses:
        hypotheses = list(lines_of(args.hypotheses))
    else:
        hypotheses, report = _translated(args, n_references=len(references))
    if looks_tokenized(references):
        print(
            f'warning: {args.reference} looks tokenised (" ." at the ends of sentences). Scores '
            f"are comparable with others only against raw, detokenised references.",
            file=sys.stderr,
        )
    scores = evaluate(hypotheses, references, bootstrap=args.bootstrap)
    if args.json:
        print(json.dumps({"scores": [vars(s) for s in scores], "lines": len(references), **report}))
        return 0
    for score in scores:
        print(score)
    if report:
        print(_recipe(report, len(references)))
    return 0


def _translated(args: argparse.Namespace, *, n_references: int) -> tuple[list[str], dict[str, Any]]:
    # The translations of the input, and how they were made.
    sources = list(lines_of(args.input))
    if len(sources) != n_references:
        raise UserError(
            f"{args.input} has {len(sources):,} lines and {args.reference} has {n_references:,}; "
            f"they must be aligned"
        )
    hypotheses: list[str] = []
    with _output(args.output, overwrite=args.overwrite) as out:
        translator, settings = load_translator(args)
        started = time.perf_counter()
        with progress(bar=True, total=len(sources)) as advance:
            for translations in translator.translate_stream(
                sources,
                workers=args.workers,
                window=FILE_WINDOW,
                first_window=FILE_WINDOW,
                **settings,
            ):
                hypotheses.append(translations[0].text)
                print(translations[0].text, file=out)
                advance()
        seconds = time.perf_counter() - started
    engine = engine_of(args)
    precision = args.precision or (PRECISION if engine == "torch" else "as exported")
    n_tokens = sum(len(ids) + 1 for ids in translator.tokenizer.encode_batch(hypotheses))
    return hypotheses, {
        "decoding": _with(settings, translator.decoding.model_dump()),
        "text": _with(settings, translator.text.model_dump()),
        "seconds": round(seconds, 2),
        "sentences_per_second": round(len(sources) / seconds, 1),
        "tokens_per_second": round(n_tokens / seconds, 1),
        "engine": f"{engine}, {precision}" + ", shortlist" * args.shortlist + _reverse(args),
        "workers": args.workers,
        "hardware": hardware(),
    }


def _reverse(args: argparse.Namespace) -> str:
    run = reverse_run(args)
    if run is None:
        return ""
    weight = "" if args.reverse_weight is None else f" of weight {args.reverse_weight:g}"
    return f", reverse {run.path.name}{weight}"


def _with(changes: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: changes.get(name, value) for name, value in settings.items()}


@contextmanager
def _output(path: str | None, *, overwrite: bool) -> Iterator[IO[str]]:
    if path is None:
        with open(os.devnull, "w", encoding="utf-8") as file:
            yield file
        return
    if Path(path).is_dir():
        raise UserError(f"{path} is a folder; name a file")
    final = Path(path).resolve()  # through a link, which stays
    if final.exists() and final.is_file() and not overwrite:
        raise UserError(f"{path} exists already; choose another name or add --overwrite")
    if final.exists() and not final.is_file():  # /dev/null, a pipe
        with open(final, "w", encoding="utf-8", newline="\n") as file:
            yield file
        return
    with new_file(final) as raw:
        file = io.TextIOWrapper(raw, encoding="utf-8", newline="\n")
        yield file
        file.flush()
        file.detach()


def _recipe(report: dict[str, Any], n_lines: int) -> str:
    settings = report["decoding"]
    search = f"beam {settings['beam_size']}, length penalty {settings['length_penalty']}"
    if settings["length_penalty"] != "none":
        search += f" {settings['alpha']}"
    if settings["patience"]:
        search += f", patience {settings['patience']:g}"
    if settings["relative_threshold"]:
        search += f", threshold {settings['relative_threshold']:g}"
    if settings["max_per_parent"]:
        search += f", {settings['max_per_parent']} per parent"
    if settings["no_repeat_ngram_size"]:
        search += f", no {settings['no_repeat_ngram_size']} pieces twice"
    workers = f"; {report['workers']} workers" if report["workers"] > 1 else ""
    return (
        f"{n_lines:,} lines in {report['seconds']} s: "
        f"{report['sentences_per_second']} sentences/s, "
        f"{report['tokens_per_second']} target tokens/s; "
        f"{'greedy' if settings['beam_size'] == 1 else search}; {report['engine']}; "
        f"{report['hardware']}{workers}"
    )


def hardware() -> str:
    """Processor, threads and torch, to go with a measured number."""
    import platform

    import torch

    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"
