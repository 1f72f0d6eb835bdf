"""The options of the commands that translate: which model, and how it searches."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from ..config import MAX_THREADS, DecodingConfig
from ..errors import UserError
from .command import Options, number, whole

if TYPE_CHECKING:
    from ..runs.directory import RunDirectory

FILE_WINDOW = 4096
"""Lines of a file that are sorted by length together."""

PRECISION: Literal["fp32"] = "fp32"
"""Of matrix products, by default."""

MAX_WORKERS = 64


def add_search_options(options: Options) -> None:
    """An option for each setting of `DecodingConfig`, with the bounds and the meaning it has there.

    An option that is not given is None: the run's own settings then count.
    """
    for name, field in DecodingConfig.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        meaning = " ".join((field.description or "").replace("`", "").replace("%", "%%").split())
        if get_origin(field.annotation) is Literal:
            options.add(flag, choices=get_args(field.annotation), help=meaning)
        else:
            metavar = "N" if _is_whole(field) else "X"
            options.add(flag, type=_parser_of(field), metavar=metavar, help=meaning)


def _is_whole(field: FieldInfo) -> bool:
    return int in (field.annotation, *get_args(field.annotation))


def _parser_of(field: FieldInfo) -> Callable[[str], float]:
    bounds: dict[str, Any] = {}
    for part in field.metadata:
        bounds |= {kind: getattr(part, kind) for kind in ("ge", "gt", "le") if hasattr(part, kind)}
    if _is_whole(field):
        return whole(bounds["ge"], bounds["le"])
    lowest = bounds["gt"] if "gt" in bounds else bounds["ge"]
    return number(lowest, bounds["le"], above="gt" in bounds)


def add_model_options(options: Options) -> None:
    """Which model, and what computes it."""
    options.add(
        "--model",
        metavar="DIR",
        help="run directory; or de-en or en-de, the models in the package (de-en)",
    )
    options.add(
        "--to", metavar="LANG", help="the language to translate into, en or de: in place of --model"
    )
    add_engine_options(options)


def add_engine_options(options: Options) -> None:
    """What computes a model, and how exactly."""
    options.add(
        "--engine",
        choices=("torch", "ctranslate2", "auto"),
        help="ctranslate2 is for a folder that transformer-export wrote (which the folder shows); "
        "auto takes it for a few texts as well, if it is installed, which then come sooner",
    )
    options.add(
        "--precision",
        choices=("fp32", "bf16", "int8"),
        help="of matrix products; bf16 and int8 are faster on processors with such instructions "
        "(fp32; with ctranslate2, as exported)",
    )
    options.add("--device", default="cpu", help="cpu, cuda, cuda:1, mps, auto (cpu)")
    options.add("--threads", type=whole(1, MAX_THREADS), metavar="N", help="CPU threads")


def choose_direction(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Puts the model in the package that translates into `--to` in the place of `--model`.

    Without either, texts on the command line that are clearly English go to English-German. Ends
    the command if there is no such model, or a model was named as well.
    """
    from ..runs.directory import packaged

    if args.to is None:
        texts = [text for text in vars(args).get("text", ()) if text.strip()]
        if args.model is None and "en-de" in packaged() and texts and _all_english(texts):
            print("note: English, so translated into German (--to de)", file=sys.stderr)
            args.model = "en-de"
        return
    if args.model is not None:
        parser.error("--to chooses a model in the package; leave it out with --model")
    names = {name.split("-")[1]: name for name in packaged()}
    if args.to.lower() not in names:
        into = " and ".join(sorted(names))
        parser.error(f"the models in the package translate into {into}; found --to {args.to!r}")
    args.model = names[args.to.lower()]


def _all_english(texts: list[str]) -> bool:
    from ..text.detecting import clear_language

    return {clear_language(text) for text in texts} == {"en"}


def add_reverse_options(options: Options, usual: str = "auto") -> None:
    """A second opinion."""
    meaning = "the models in the package judge each other" if usual == "auto" else "none"
    options.add(
        "--reverse",
        default=usual,
        metavar="DIR",
        help="a model of the other direction that has a say in which translation is the best: "
        f"fewer words get lost, in two to three times the time; or none, or auto ({meaning})",
    )
    options.add(
        "--reverse-weight",
        type=number(0, 10),
        metavar="X",
        help="how much of a say it has (0.4)",
    )


def reverse_run(args: argparse.Namespace) -> RunDirectory | None:
    """The run whose model has a say in what is the best translation, if any."""
    from ..runs.directory import RunDirectory

    if args.reverse == "auto":
        return RunDirectory.find(args.model).reverse()
    return None if args.reverse == "none" else RunDirectory.find(args.reverse)


def about_reverse(args: argparse.Namespace) -> dict[str, Any]:
    """The part of what translations depend on that is the model of the other direction."""
    run = reverse_run(args)
    if run is None:
        return {"reverse": []}
    from .output import digest

    exported = run.path / "model.bin"
    weights = digest(exported if exported.is_file() else run.model)
    return {"reverse": [weights, args.reverse_weight]}


def add_shortlist_option(options: Options) -> None:
    """Fewer pieces to choose from."""
    options.add(
        "--shortlist",
        action="store_true",
        help="consider only the pieces that a source may need, by the run's shortlist.safetensors",
    )


def add_file_options(options: Options) -> None:
    """What makes many lines fast."""
    add_shortlist_option(options)
    options.add(
        "--workers",
        type=whole(1, MAX_WORKERS),
        default=1,
        metavar="N",
        help="processes that translate side by side, for files; one per core is best (1)",
    )


def engine_of(args: argparse.Namespace) -> str:
    """The engine that is asked for, or the one that the folder was written for."""
    if args.engine not in (None, "auto"):
        return str(args.engine)
    from ..runs.directory import RunDirectory

    # A name that cannot be is explained when the model is loaded.
    with suppress(OSError, UserError):
        if (RunDirectory.find(args.model).path / "model.bin").is_file():
            return "ctranslate2"
    return "torch"


def load_translator(args: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The translator that the options ask for, and the settings of its searches.

    Raises:
        UserError: options contradict each other, or the model cannot be used.
    """
    import gc

    from ..memory import keep_freed_memory

    keep_freed_memory()
    if args.workers > 1 and args.threads:
        raise UserError("give --workers or --threads, not both: a worker has one thread")
    load = _load_exported if engine_of(args) == "ctranslate2" else _load_run
    translator = load(args)
    gc.freeze()  # what is loaded stays: the collector need not search it
    settings = translator.decoding.model_dump()
    given = {name: getattr(args, name) for name in settings if getattr(args, name) is not None}
    return translator, settings | given


def _load_run(args: argparse.Namespace) -> Any:
    from ..memory import keep_compiled_products

    keep_compiled_products()
    from ..device import choose_device, set_threads
    from ..inference.translator import Translator

    set_threads(1 if args.workers > 1 else args.threads)
    device = str(choose_device(args.device))
    if args.workers > 1 and not device.startswith("cpu"):
        raise UserError(f"--workers is for the CPU; leave it out with --device {args.device}")
    return Translator.load(
        args.model,
        device=device,
        precision=args.precision or PRECISION,
        shortlist=args.shortlist,
        **_reverse(args),
    )


def _load_exported(args: argparse.Namespace) -> Any:
    # Without torch, whose import takes longer than all the rest.
    from ..inference.translator import Translator

    if args.model is None:
        raise UserError("--engine ctranslate2 needs --model, a folder of transformer-export")
    if args.workers > 1:
        raise UserError("--workers is for --engine torch; ctranslate2 takes --threads")
    if args.shortlist:
        raise UserError("--shortlist is for --engine torch; leave it out")
    kinds = {None: "default", "fp32": "float32", "bf16": "bfloat16", "int8": "int8"}
    return Translator.load_ctranslate2(
        args.model,
        device=args.device,
        threads=args.threads,
        compute_type=kinds[args.precision],
        **_reverse(args),
    )


def _reverse(args: argparse.Namespace) -> dict[str, Any]:
    run = reverse_run(args)
    weight = getattr(args, "reverse_weight", None)  # a service leaves it as it is
    return {"reverse": run and run.path, "reverse_weight": weight}


# Progress ----------------------------------------------------------------------------------------

SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def progress(
    *, bar: bool, total: int | None = None, n_done: int = 0
) -> Iterator[Callable[[], object]]:
    """Shows on standard error how far a long translation is: a bar on a terminal, lines elsewhere.

    Args:
        bar: True if a bar disturbs nothing, since the translations do not go to the terminal.
        total: how many lines there are; None if unknown.
        n_done: how many are done already.
    """
    if not sys.stderr.isatty():
        with _told_in_lines(total, n_done) as advance:
            yield advance
    elif not bar:
        yield lambda: None
    else:
        from tqdm import tqdm

        with tqdm(total=total, initial=n_done, unit="line", dynamic_ncols=True, delay=1.0) as shown:
            yield shown.update


@contextmanager
def _told_in_lines(total: int | None, n_done: int) -> Iterator[Callable[[], object]]:
    # From a thread, since lines come in bursts, a window at a time.
    started = time.monotonic()
    n = n_done
    finished = threading.Event()

    def tell() -> None:
        of = f" of {total:,}" if total else ""
        seconds = time.monotonic() - started
        rate = (n - n_done) / seconds
        print(f"{n:,}{of} lines in {seconds:,.0f} s, {rate:.1f} lines/s", file=sys.stderr)

    def tell_now_and_then() -> None:
        while not finished.wait(SECONDS_BETWEEN_LINES):
            tell()

    def advance() -> None:
        nonlocal n
        n += 1

    threading.Thread(target=tell_now_and_then, daemon=True).start()
    try:
        yield advance
    finally:
        finished.set()
    if time.monotonic() - started > SECONDS_BETWEEN_LINES:  # a short one has nothing to sum up
        tell()
