"""The console scripts: parse, call, print."""

import argparse
import gzip
import io
import json
import logging
import os
import re
import sys
import textwrap
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from . import __version__
from .config import MAX_ALPHA, describe_settings, load_config
from .errors import UserError

FILE_WINDOW = 4096
"""Lines of a file that are sorted by length together."""

PRECISION: Literal["fp32"] = "fp32"
"""That of matrix products, unless told otherwise."""

N_WARNINGS = 10
"""Lines that are not UTF-8 named at most: in a file of another encoding it may be every one."""


def train_main(argv: Sequence[str] | None = None) -> int:
    """`transformer-train`."""
    write_utf8()
    parser = make_parser(
        "transformer-train",
        "Train a translation model, or a language model.",
        """
        examples:
          transformer-train --config configs/quickstart.yaml
          transformer-train --config configs/quickstart.yaml --dry-run
          transformer-train --config configs/multi30k_de_en.yaml data.train=my/train data.val=my/val
          transformer-train --config runs/quickstart/config.yaml --resume
          transformer-train --config configs/gpt_shakespeare_char_cpu.yaml data.train=input.txt

        Ctrl-C saves and says how to go on. --settings lists everything that can be set.
        """,
    )
    parser.add_argument(
        "--config", metavar="FILE", help="YAML file with what differs from the defaults"
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="section.key=value",
        help="settings that replace the file's, such as training.max_steps=500 or run_dir=runs/a",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--dry-run",
        action="store_true",
        help="print the resolved settings, the model's size, the corpus and an estimate of time "
        "and memory; train nothing",
    )
    instead.add_argument(
        "--profile",
        action="store_true",
        help="print where the time of an update goes, by part of the model and kind of operation; "
        "train nothing",
    )
    parser.add_argument("--settings", action="store_true", help="list every setting and stop")
    args = parser.parse_intermixed_args(argv)
    if args.settings:
        for entry in describe_settings():
            setting, _, meaning = entry.partition("\n")
            print(setting)
            print(textwrap.fill(meaning, 96, initial_indent="    ", subsequent_indent="    "))
        return 0
    if args.config is None:
        parser.error("--config FILE is needed; configs/quickstart.yaml is the one to begin with")
    return run_command(lambda: _train(args))


def translate_main(argv: Sequence[str] | None = None) -> int:
    """`transformer-translate`."""
    write_utf8()
    parser = make_parser(
        "transformer-translate",
        "Translate text, line by line.",
        """
        examples:
          transformer-translate "Die Pizza kam aus dem Ofen"
          transformer-translate --model runs/multi30k_de_en --input test.de --output test.en
          cat test.de | transformer-translate --beam-size 1 > test.en

        Text comes from the arguments, from --input, or from standard input. Every line of input
        gives one line of output; with --n-best above 1 or --alternatives, up to so many, written as
        "number of the line, from 0 ||| translation ||| score".
        """,
    )
    parser.add_argument("text", nargs="*", help="a text each; quote it")
    _add_model_arguments(parser)
    parser.add_argument("--input", metavar="FILE", help="text to translate; .gz is read too")
    parser.add_argument("--output", metavar="FILE", help="where to write; an existing file is kept")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    parser.add_argument(
        "--n-best", type=_positive, default=1, metavar="N", help="translations a line"
    )
    parser.add_argument(
        "--json", action="store_true", help="one object a line: source and translations with scores"
    )
    parser.add_argument("--prefix", default="", metavar="TEXT", help="what translations begin with")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--alternatives",
        type=_positive,
        metavar="N",
        help="after --prefix, the best translation with each of the N likeliest next pieces",
    )
    instead.add_argument(
        "--score",
        metavar="TRANSLATION",
        help="how likely this one is, piece by piece; with --input a file of them, one a line",
    )
    instead.add_argument(
        "--sample", action="store_true", help="draw --n-best translations at random"
    )
    _add_sampling_arguments(parser.add_argument_group("with --sample"))
    args = parser.parse_intermixed_args(argv)
    if args.text and args.input:
        parser.error("give text or --input, not both")
    stray = [
        f"--{name.replace('_', '-')}"
        for name in ("temperature", "top_k", "top_p", "seed")
        if getattr(args, name) is not None and not args.sample
    ]
    if stray:
        parser.error(f"{', '.join(stray)} {'are' if len(stray) > 1 else 'is'} for --sample")
    if args.score is not None and args.input is None and len(args.text) != 1:
        parser.error("--score is for one text, or for --input and a file with its translations")
    for chosen, ignored in (
        ("sample", ("workers",)),
        ("alternatives", ("workers", "n_best")),
        ("score", ("workers", "n_best", "prefix")),
    ):
        changed = [name for name in ignored if getattr(args, name) != parser.get_default(name)]
        if getattr(args, chosen) not in (None, False) and changed:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in changed)
            parser.error(f"--{chosen} takes no {names}; leave it out")
    return run_command(lambda: _translate(args))


def evaluate_main(argv: Sequence[str] | None = None) -> int:
    """`transformer-evaluate`."""
    write_utf8()
    parser = make_parser(
        "transformer-evaluate",
        "Translate and score against a reference: sacreBLEU and chrF, cased and detokenised.",
        """
        examples:
          transformer-evaluate --model runs/multi30k_de_en --input test.de --reference test.en
          transformer-evaluate --hypotheses my_output.en --reference test.en --json

        Quote a score together with its signature and the decoding settings.
        """,
    )
    _add_model_arguments(parser)
    parser.add_argument("--input", metavar="FILE", help="source text; .gz is read too")
    parser.add_argument("--hypotheses", metavar="FILE", help="score this translation instead")
    parser.add_argument("--reference", metavar="FILE", required=True, help="what a person wrote")
    parser.add_argument("--output", metavar="FILE", help="also write the translations here")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    parser.add_argument(
        "--bootstrap",
        type=_resamples,
        default=1000,
        metavar="N",
        help="resamples for the confidence interval; 0: no interval (1000)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    if (args.input is None) == (args.hypotheses is None):
        parser.error(
            "give either --input, to be translated, or --hypotheses, to be scored as it is"
        )
    of_translating = (
        *("model", "engine", "precision", "shortlist", "device", "threads", "workers"),
        *("beam_size", "length_penalty", "alpha", "patience"),
        *("coverage_penalty", "no_repeat_ngram_size"),
    )
    stray = [
        f"--{name.replace('_', '-')}"
        for name in (*of_translating, "output", "overwrite")
        if getattr(args, name) != parser.get_default(name)
    ]
    if args.hypotheses is not None and stray:
        parser.error(
            f"--hypotheses is scored as it is, and nothing translated; leave out {', '.join(stray)}"
        )
    return run_command(lambda: _evaluate(args))


def generate_main(argv: Sequence[str] | None = None) -> int:
    """`transformer-generate`."""
    write_utf8()
    parser = make_parser(
        "transformer-generate",
        "Go on writing from a prompt, with a language model.",
        """
        examples:
          transformer-generate --model runs/gpt_shakespeare_char_cpu "ROMEO:"
          transformer-generate --model runs/gpt_german --n 3 --temperature 0.8 "Die Pizza"
          transformer-generate --model folder/of/gpt2 --top-p 0.9 --max-tokens 100 "It was"

        A single text comes as it is written. Beyond its context the model forgets the older half of
        what it has read, as often as need be.
        """,
    )
    parser.add_argument("prompt", nargs="?", default="", help="how the text begins; quote it")
    parser.add_argument(
        "--model",
        metavar="DIR",
        required=True,
        help="run directory of a language model, or a folder of Hugging Face's GPT-2",
    )
    parser.add_argument("--n", type=_positive, default=1, metavar="N", help="texts, made together")
    parser.add_argument(
        "--max-tokens", type=_positive, default=500, metavar="N", help="tokens a text (500)"
    )
    _add_sampling_arguments(parser)
    parser.add_argument(
        "--score", action="store_true", help="how likely the text given is; write nothing"
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16", "int8"),
        default=PRECISION,
        help="of matrix products (fp32)",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="make one program of a step first: half a minute, then 1.5 times as fast or more with "
        "--precision bf16; needs a C++ compiler",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps, auto (cpu)")
    parser.add_argument("--threads", type=_positive, metavar="N", help="CPU threads")
    args = parser.parse_args(argv)
    of_writing = ("n", "max_tokens", "temperature", "top_k", "top_p", "seed", "compile")
    stray = [
        f"--{name.replace('_', '-')}"
        for name in of_writing
        if getattr(args, name) != parser.get_default(name)
    ]
    if args.score and stray:
        parser.error(f"--score takes no {', '.join(stray)}; leave it out")
    return run_command(lambda: _generate(args))


def _train(args: argparse.Namespace) -> int:
    overrides = args.overrides
    written = Path(args.config)
    if args.resume and written.name == "config.yaml" and (written.parent / "train.log").is_file():
        # The one that a run wrote for itself stays with it when its folder is moved.
        overrides = [f"run_dir={json.dumps(str(Path(args.config).parent))}", *overrides]
    config = load_config(args.config, overrides)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("datasets", "httpx", "huggingface_hub", "filelock"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if args.dry_run:
        from .training.dry_run import describe_run

        print(describe_run(config))
        return 0
    if args.profile:
        from .training.profiling import describe_update

        print(describe_update(config))
        return 0
    from .training.loop import train

    run = train(config, resume=args.resume)
    if run.interrupted:
        return 130
    command = "translate" if config.task == "translation" else "generate"
    print(f'done: transformer-{command} --model {run.directory} "..."', file=sys.stderr)
    return 0


def _translate(args: argparse.Namespace) -> int:
    translator, settings = _load_translator(args)
    if args.n_best > settings["beam_size"]:
        settings["beam_size"] = args.n_best
    if args.score is not None:
        return _score(args, translator)
    interactive = False
    if args.text:
        # As the bytes that were typed, since Python hides those that are not UTF-8.
        typed = (line for text in args.text for line in os.fsencode(text).split(b"\n"))
        lines: Iterable[str] = _decoded(typed, "the text")
    elif args.input:
        lines = _lines(args.input)
    elif sys.stdin is None:  # closed, as for some services
        raise UserError("there is no standard input; give text or --input")
    else:
        interactive = sys.stdin.isatty()
        if interactive:
            print("one line, one translation; Ctrl-D ends", file=sys.stderr)
        lines = _decoded(sys.stdin.buffer, "standard input")
    sources: list[str] = []  # handed over, not yet translated
    noted = _noted(lines, sources)
    with _output(args.output, overwrite=args.overwrite) as out, _progress(args) as advance:
        if args.sample:
            found = _samples(args, translator, noted)
        elif args.alternatives:
            found = (
                translator.alternatives(line, args.prefix, args.alternatives, **settings)
                for line in noted
            )
        else:
            if interactive:
                settings["window"] = 1
            elif args.input:
                settings["first_window"] = settings["window"] = FILE_WINDOW
            found = translator.translate_stream(
                noted, n_best=args.n_best, prefix=args.prefix, workers=args.workers, **settings
            )
        several = args.n_best > 1 or args.alternatives
        for number, translations in enumerate(found):
            source = sources.pop(0)
            if args.json:
                row = {
                    "source": source,
                    # Digits beyond depend on what else was in the batch.
                    "translations": [
                        {"text": t.text, "score": round(t.score, 4)} for t in translations
                    ],
                }
                print(json.dumps(row, ensure_ascii=False), file=out)
            elif several:
                for t in translations:
                    print(f"{number} ||| {t.text} ||| {t.score:.4f}", file=out)
            else:
                print(translations[0].text, file=out)
            if interactive:
                out.flush()
            advance()
    return 0


def _samples(
    args: argparse.Namespace, translator: Any, lines: Iterable[str]
) -> Iterator[list[Any]]:
    sampling = _sampling(args)
    for line in lines:
        yield translator.sample(line, args.n_best, prefix=args.prefix, sampling=sampling)


def _sampling(args: argparse.Namespace) -> Any:
    from .model.sampling import Sampling

    given = {name: getattr(args, name) for name in ("temperature", "top_k", "top_p", "seed")}
    try:
        return Sampling(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise UserError(str(error)) from None


def _generate(args: argparse.Namespace) -> int:
    from .memory import keep_compiled_products, keep_freed_memory

    keep_compiled_products()
    keep_freed_memory()
    import torch

    from .device import choose_device
    from .inference.generator import Generator

    if args.threads:
        torch.set_num_threads(args.threads)
    device = str(choose_device(args.device))
    generator = Generator.load(
        args.model, device=device, precision=args.precision, compile=args.compile
    )
    sampling = _sampling(args)
    if args.score:
        try:
            found = generator.score(args.prompt)
        except ValueError as error:
            raise UserError(str(error)) from None
        print(
            f"{found.nll:.2f} nats for {found.n_tokens} tokens, "
            f"{found.bits_per_character:.3f} bits a character"
        )
    elif args.n == 1:
        for piece in generator.stream(args.prompt, max_tokens=args.max_tokens, sampling=sampling):
            print(piece, end="", flush=True)
        print()
    else:
        texts = generator.generate(
            args.prompt, args.n, max_tokens=args.max_tokens, sampling=sampling
        )
        for number, text in enumerate(texts, start=1):
            print(f"--- {number} ---\n{text}")
    return 0


def _score(args: argparse.Namespace, translator: Any) -> int:
    if args.input:
        sources, targets = list(_lines(args.input)), list(_lines(args.score))
        if len(sources) != len(targets):
            raise UserError(
                f"{args.input} has {len(sources):,} lines and {args.score} {len(targets):,}; "
                f"they must be aligned"
            )
    else:
        # As the bytes that were typed; see `_translate`.
        sources, targets = (
            list(_decoded([os.fsencode(text)], "the text")) for text in (args.text[0], args.score)
        )
    with _output(args.output, overwrite=args.overwrite) as out:
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
                }
                print(json.dumps({**row, "pieces": pieces}, ensure_ascii=False), file=out)
            else:
                by_piece = " ".join(f"{piece} {log_prob:.2f}" for piece, log_prob in pieces)
                print(f"{score.log_prob:.4f} ||| {by_piece}", file=out)
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from .inference.evaluation import evaluate, looks_tokenized

    references = list(_lines(args.reference))
    report: dict[str, Any] = {}
    if args.hypotheses:
        hypotheses = list(_lines(args.hypotheses))
    else:
        sources = list(_lines(args.input))
        if len(sources) != len(references):
            raise UserError(
                f"{args.input} has {len(sources):,} lines and {args.reference} "
                f"{len(references):,}; they must be aligned"
            )
        translator, settings = _load_translator(args)
        hypotheses = []
        started = time.perf_counter()
        with (
            _output(args.output, overwrite=args.overwrite) if args.output else _nowhere() as out,
            _progress(args, total=len(sources)) as advance,
        ):
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
        precision = args.precision or (PRECISION if args.engine == "torch" else "as exported")
        n_tokens = sum(len(ids) + 1 for ids in translator.tokenizer.encode_batch(hypotheses))
        report = {
            "decoding": {**translator.decoding.model_dump(), **settings},
            "seconds": round(seconds, 2),
            "sentences_per_second": round(len(sources) / seconds, 1),
            "tokens_per_second": round(n_tokens / seconds, 1),
            "engine": f"{args.engine}, {precision}" + ", shortlist" * args.shortlist,
            "workers": args.workers,
            "hardware": hardware(),
        }
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
        settings = report["decoding"]
        search = f"beam {settings['beam_size']}, length penalty {settings['length_penalty']}"
        if settings["length_penalty"] != "none":
            search += f" {settings['alpha']}"
        if settings["patience"]:
            search += f", patience {settings['patience']:g}"
        if settings["coverage_penalty"]:
            search += f", coverage penalty {settings['coverage_penalty']:g}"
        if settings["no_repeat_ngram_size"]:
            search += f", no {settings['no_repeat_ngram_size']} pieces twice"
        workers = f"; {args.workers} workers" if args.workers > 1 else ""
        print(
            f"{len(references):,} lines in {report['seconds']} s: "
            f"{report['sentences_per_second']} sentences/s, "
            f"{report['tokens_per_second']} target tokens/s; "
            f"{'greedy' if settings['beam_size'] == 1 else search}; {report['engine']}; "
            f"{report['hardware']}{workers}"
        )
    return 0


def write_utf8() -> None:
    """Translations are UTF-8 even where the locale says ASCII. Input is read as bytes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=stream.errors)


def make_parser(name: str, purpose: str, epilog: str) -> argparse.ArgumentParser:
    """A parser that knows --version and prints the epilog, examples mostly, as it stands."""
    parser = argparse.ArgumentParser(
        prog=name,
        description=purpose,
        epilog=textwrap.dedent(epilog).strip("\n"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", metavar="DIR", help="run directory; without it, the model in the package"
    )
    parser.add_argument(
        "--beam-size", type=_positive, metavar="K", help="live hypotheses; 1 is greedy"
    )
    parser.add_argument(
        "--length-penalty",
        choices=("paper", "power", "none"),
        help="paper: ((5 + n) / 6)^alpha; power: n^alpha, as in fairseq and Marian; none",
    )
    parser.add_argument(
        "--alpha", type=_number(0, MAX_ALPHA), metavar="A", help="its exponent (paper: 0.6)"
    )
    parser.add_argument(
        "--patience",
        type=_number(0.01, 1000),
        metavar="P",
        help="stop once P times the beam size hypotheses have ended; 1 is fast (paper: when no "
        "other can win)",
    )
    parser.add_argument(
        "--coverage-penalty",
        type=_number(0, MAX_ALPHA),
        metavar="B",
        help="against leaving out parts of the source: beta of Wu et al. 2016 (paper: 0)",
    )
    parser.add_argument(
        "--no-repeat-ngram-size",
        type=_count,
        metavar="N",
        help="against loops: no N pieces in a row come twice (paper: 0, they may)",
    )
    parser.add_argument(
        "--engine",
        choices=("torch", "ctranslate2"),
        default="torch",
        help="ctranslate2 takes a folder that transformer-export wrote (torch)",
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16", "int8"),
        help="of matrix products: bf16 and int8 are faster where the processor has them (fp32; "
        "with --engine ctranslate2 as exported)",
    )
    parser.add_argument(
        "--shortlist",
        action="store_true",
        help="only pieces that the source may need, by the run's shortlist.safetensors: faster",
    )
    parser.add_argument(
        "--workers",
        type=_positive,
        default=1,
        metavar="N",
        help="processes that translate side by side, for files; best one for each core (1)",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps, auto (cpu)")
    parser.add_argument("--threads", type=_positive, metavar="N", help="CPU threads")


def _add_sampling_arguments(group: Any) -> None:
    group.add_argument(
        "--temperature",
        type=_number(0, 100),
        metavar="T",
        help="1; below: safer, 0: always the likeliest; above: wilder",
    )
    group.add_argument("--top-k", type=_positive, metavar="K", help="from the K likeliest pieces")
    group.add_argument(
        "--top-p", type=_number(0, 1), metavar="P", help="from the likeliest with this share"
    )
    group.add_argument("--seed", type=_count, metavar="N", help="the same seed, the same text (1)")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1; found {text!r}")
    return int(text)


def _resamples(text: str) -> int:
    if not text.isdecimal() or int(text) == 1:
        raise argparse.ArgumentTypeError(
            f"must be 0 or a whole number of at least 2; found {text!r}"
        )
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0; found {text!r}")
    return int(text)


def _number(lowest: float, highest: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(
                f"must be a number between {lowest:g} and {highest:g}; found {text!r}"
            )
        return value

    return parse


def _load_translator(args: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    import gc

    from .memory import keep_compiled_products, keep_freed_memory

    keep_compiled_products()
    keep_freed_memory()
    import torch

    from .device import choose_device
    from .inference.translator import Translator

    if args.workers > 1 and args.threads:
        raise UserError("give --workers or --threads, not both: a worker has one thread")
    if args.workers > 1:
        torch.set_num_threads(1)
    elif args.threads:
        torch.set_num_threads(args.threads)
    device = str(choose_device(args.device))
    if args.workers > 1 and not device.startswith("cpu"):
        raise UserError(f"--workers is for the CPU; leave it out with --device {args.device}")
    if args.engine == "ctranslate2":
        if args.model is None:
            raise UserError("--engine ctranslate2 needs --model, a folder of transformer-export")
        if args.workers > 1:
            raise UserError("--workers is for --engine torch; ctranslate2 takes --threads")
        if args.shortlist:
            raise UserError("--shortlist is for --engine torch; leave it out")
        kinds = {None: "default", "fp32": "float32", "bf16": "bfloat16", "int8": "int8"}
        translator = Translator.load_ctranslate2(
            args.model, device=device, threads=args.threads, compute_type=kinds[args.precision]
        )
    else:
        translator = Translator.load(
            args.model,
            device=device,
            precision=args.precision or PRECISION,
            shortlist=args.shortlist,
        )
    gc.freeze()  # what is loaded stays, and need not be looked through for garbage
    default = translator.decoding
    settings = {
        "beam_size": args.beam_size or default.beam_size,
        "length_penalty": args.length_penalty or default.length_penalty,
        "alpha": default.alpha if args.alpha is None else args.alpha,
        "patience": args.patience or default.patience,
        "coverage_penalty": (
            default.coverage_penalty if args.coverage_penalty is None else args.coverage_penalty
        ),
        "no_repeat_ngram_size": (
            default.no_repeat_ngram_size
            if args.no_repeat_ngram_size is None
            else args.no_repeat_ngram_size
        ),
    }
    return translator, settings


def _lines(path: str) -> Iterator[str]:
    try:
        with gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb") as file:
            yield from _decoded(file, path)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"cannot read {path}: {error}") from None


def _decoded(file: Iterable[bytes], name: str) -> Iterator[str]:
    # One line in, one line out: only a line feed ends a line, and a bad byte costs a character,
    # not the translation of a whole file.
    n_bad = 0
    for number, line in enumerate(file, start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            n_bad += 1
            if n_bad <= N_WARNINGS:
                more = "; there may be more such lines" if n_bad == N_WARNINGS else ""
                warning = f"warning: {name}, line {number} is not UTF-8: {error.reason}{more}"
                print(warning, file=sys.stderr)
            text = line.decode("utf-8", errors="replace")
        yield text.removeprefix("\ufeff").rstrip("\r\n") if number == 1 else text.rstrip("\r\n")


def _noted(lines: Iterable[str], sources: list[str]) -> Iterator[str]:
    for line in lines:
        sources.append(line)
        yield line


@contextmanager
def _output(path: str | None, *, overwrite: bool) -> Iterator[IO[str]]:
    # The file appears when it is complete; until then it has a temporary name.
    if path is None:
        yield sys.stdout
        return
    if Path(path).is_dir():
        raise UserError(f"{path} is a folder; name a file")
    if Path(path).exists() and not Path(path).is_file():  # /dev/null, a pipe
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            yield file
        return
    final = Path(path).resolve()  # through a link, which stays
    if final.exists() and not overwrite:
        raise UserError(f"{path} exists already; choose another name or add --overwrite")
    temporary = final.with_name(f".{final.name}.tmp")
    try:
        temporary.touch()
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            yield file
        os.replace(temporary, final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _nowhere() -> Iterator[IO[str]]:
    with open(os.devnull, "w", encoding="utf-8") as file:
        yield file


@contextmanager
def _progress(args: argparse.Namespace, total: int | None = None) -> Iterator[Callable[[], object]]:
    # A bar only where it disturbs nothing: translations do not go to the terminal themselves.
    if not (args.output or total) or not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="line", dynamic_ncols=True) as bar:
        yield lambda: bar.update(1)


def hardware() -> str:
    """Processor, threads and torch, to stand beside a measured number."""
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


def run_command(work: Callable[[], int]) -> int:
    """The exit status of a command.

    What a caller can cause is explained in plain words; anything else is a bug and shows itself.
    """
    try:
        code = work()
        print(end="", flush=True)  # here a full disk is an error, and the end of `| head` is none
        return code
    except BrokenPipeError:  # ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        # torch has a class of its own for the memory of a GPU, and none for the CPU's.
        full = re.search(
            "out of memory|(can't|unable to) allocate|not enough memory", str(error), re.I
        )
        if not (full or isinstance(error, MemoryError)):
            raise
        print(
            f"error: out of memory: {error}\nTry fewer tokens a batch (training.batch_tokens, with "
            f"more training.accumulate), a smaller beam, or a smaller model.",
            file=sys.stderr,
        )
        return 1
