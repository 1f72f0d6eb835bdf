"""`transformer-serve`."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from .command import Options, make_parser, number, run_command, whole
from .decoding import (
    MAX_WORKERS,
    add_engine_options,
    add_search_options,
    add_shortlist_option,
    engine_of,
    load_translator,
    reverse_run,
)

if TYPE_CHECKING:
    from ..inference.translator import Translator
    from ..serving.limits import Limits

PORT = 5000
"""LibreTranslate's."""

USUAL_WORKERS = 4
"""More are of use only where many clients ask at once."""


def main(argv: Sequence[str] | None = None) -> int:
    """`transformer-serve`."""
    return run_command(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = make_parser(
        "transformer-serve",
        "[options]",
        "Serve the translator: a page for people, and LibreTranslate's protocol for programs.",
        """
        examples:
          transformer-serve
          transformer-serve --model runs/multi30k_de_en --port 8080
          transformer-serve --keys keys.txt --new-key "the wiki"
          transformer-serve --host 0.0.0.0 --keys keys.txt --requests-per-minute 60

        Without --model, both models in the package are served. Only this machine can reach the
        service, unless --host says otherwise: then use --keys, and put a server in front of it
        that speaks HTTPS (docs/serving.md). Ctrl-C or SIGTERM ends it: what it has begun to
        answer is finished.
        """,
    )
    where = Options(parser, "where", only_for=set())
    where.add("--host", default="127.0.0.1", help="address to listen at (127.0.0.1)")
    where.add(
        "--port", type=whole(0, 65535), default=PORT, metavar="N", help="0: any that is free (5000)"
    )
    models = Options(parser, "the models", only_for=set())
    models.add(
        "--model",
        action="append",
        metavar="DIR",
        help="run directory, or de-en or en-de; once for each direction (both in the package)",
    )
    add_engine_options(models)
    add_shortlist_option(models)
    models.add(
        "--workers",
        type=whole(1, MAX_WORKERS),
        metavar="N",
        help="processes that translate side by side, for each model (one per core, up to 4)",
    )
    searching = Options(parser, "how it searches", only_for=set())
    add_search_options(searching)
    searching.add(
        "--reverse",
        choices=("auto", "none"),
        default="auto",
        help="the models in the package have a say in each other's translations: fewer words get "
        "lost, in two to three times the time; or none does (auto)",
    )
    who = Options(parser, "who may use it", only_for=set())
    who.add("--keys", metavar="FILE", help="hashes of API keys; each request then needs a key")
    who.add(
        "--allow-origin",
        type=_origin,
        action="append",
        metavar="ORIGIN",
        help="its pages may use it, as https://wiki.example.org; * is any (only its own page)",
    )
    who.add("--new-key", metavar="NAME", help="make a key, add its hash to --keys, and end")
    who.add(
        "--requests-per-minute",
        type=whole(1, 1_000_000),
        metavar="N",
        help="of each key, or of each address without --keys (any number)",
    )
    add_limits(Options(parser, "limits", only_for=set()))
    args = parser.parse_args(argv)
    if args.new_key is not None:
        if args.keys is None:
            parser.error("--new-key needs --keys, the file for its hash")
        from ..serving.access import add_key

        print(add_key(Path(args.keys), args.new_key))
        return 0
    return _serve(args)


def _origin(text: str) -> str:
    if not re.fullmatch(r"\*|https?://[^\s/?#@*]+", text):
        raise argparse.ArgumentTypeError(
            f"must be such as https://wiki.example.org, without a path, or *; found {text!r}"
        )
    return text


_LIMITS = {
    "characters": (int, 10_000_000, "characters of one request (5,000)"),
    "texts": (int, 100_000, "texts in one list (100)"),
    "body_bytes": (int, 1_000_000_000, "bytes of one request, files included (1,000,000)"),
    "waiting": (int, 10_000_000, "texts that may wait, of all clients (2,000)"),
    "seconds": (float, 86_400, "seconds for one answer (60)"),
    "file_seconds": (float, 86_400, "seconds for one file (600)"),
}


def add_limits(options: Options) -> None:
    """An option for each of `Limits` that one may want to change."""
    for name, (kind, most, meaning) in _LIMITS.items():
        flag = f"--max-{name.replace('_', '-')}"
        parse = whole(1, int(most)) if kind is int else number(0, most, above=True)
        options.add(flag, type=parse, metavar="N", help=meaning)


def _limits(args: argparse.Namespace) -> "Limits":
    from ..serving.limits import Limits

    given = {name: getattr(args, f"max_{name}") for name in _LIMITS}
    return Limits(**{name: value for name, value in given.items() if value is not None})


def _serve(args: argparse.Namespace) -> int:
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import py3langid  # noqa: F401
        import swagger_ui  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"the service needs {error.name}: pip install 'attention-transformer[web]'"
        ) from None
    from ..serving.access import Keys
    from ..serving.detecting import all_languages

    keys = Keys(Path(args.keys)) if args.keys else None
    limits = _limits(args)
    with ThreadPoolExecutor(1) as thread:  # which ends before processes are forked
        detecting = thread.submit(all_languages)  # mostly unpacking, beside the import of torch
        from ..runs.directory import packaged
        from ..serving.app import create_app
        from ..serving.server import serve
        from ..serving.service import Service

        args.model = args.model or packaged()
        args.workers = args.workers or _usual_workers(args)
        translators, cards = _load(args)
        detecting.result()
    service = Service(translators, cards=cards, workers=args.workers, limits=limits)
    app = create_app(
        service, keys=keys, per_minute=args.requests_per_minute, origins=args.allow_origin or ()
    )
    pairs = ", ".join(f"{t.src_lang} to {t.tgt_lang}" for t in translators.values())

    def announce(url: str) -> None:
        print(f"serving {pairs} at {url} (Ctrl-C ends)", file=sys.stderr, flush=True)

    serve(app, args.host, args.port, limits, on_start=announce)
    return 0


def _usual_workers(args: argparse.Namespace) -> int:
    # As many as there are cores, where they are possible.
    if args.threads or args.device != "cpu" or "ctranslate2" in _engines(args):
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, USUAL_WORKERS)


def _engines(args: argparse.Namespace) -> set[str]:
    return {engine_of(_for_one(args, name)) for name in args.model}


def _for_one(args: argparse.Namespace, name: str) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(args), "model": name})


def _load(args: argparse.Namespace) -> "tuple[dict[str, Translator], dict[str, str]]":
    from ..config import DecodingConfig
    from ..runs.directory import RunDirectory

    translators: dict[str, Translator] = {}
    cards: dict[str, str] = {}
    backs = {name: reverse_run(_for_one(args, name)) for name in args.model}
    served = {RunDirectory.find(name).path: name for name in args.model}
    # Models that are both served judge each other, without second copies.
    pairs = {
        name: served[back.path] for name, back in backs.items() if back and back.path in served
    }
    for name in args.model:
        if name in translators:
            raise UserError(f"--model {name} is given twice")
        one = _for_one(args, name)
        if name in pairs:
            one.reverse = "none"
        translators[name], settings = load_translator(one)
        translators[name].decoding = DecodingConfig(**settings)
        card = RunDirectory.find(name).path / "MODEL_CARD.md"
        if card.is_file():
            cards[name] = card.read_text(encoding="utf-8")
    for name, other in pairs.items():
        translators[name].judge_by(translators[other])
    return translators, cards
