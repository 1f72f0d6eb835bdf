"""`transformer-explain`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import MAX_THREADS
from ..errors import UserError
from .command import Options, make_parser, refuse_stray, require_stdout, run_command, whole
from .decoding import choose_direction
from .pictures import KINDS, check_output, kind_of, write_output

if TYPE_CHECKING:
    from ..inspection.explanation import Explanation
    from ..runs.directory import RunDirectory

VIEWS = (
    *("cross", "encoder", "decoder"),
    *("rollout", "encoder-rollout", "decoder-rollout"),
    *("saliency",),
)
N_POSITIONS, D_MODEL = 100, 128
MAX_ITEMS = 2000


def main(argv: Sequence[str] | None = None) -> int:
    """`transformer-explain`."""
    return run_command(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = make_parser(
        "transformer-explain",
        "(TEXT | --pronouns | --positions | --masks) [options]",
        "Look inside a model: what attends to what, and whether it matters.",
        """
        examples:
          transformer-explain "Der Zug hielt an, weil die Ampel rot war."
          transformer-explain "Der Zug hielt an, weil die Ampel rot war." --output train.html
          transformer-explain "Guten Morgen" --view encoder --layer 2 --head all --output a.png
          transformer-explain --pronouns --model runs/quickstart
          transformer-explain --masks --output masks.svg

        The .html page shows all layers and heads, and needs nothing but a browser. .png and .svg
        need matplotlib: pip install 'attention-transformer[plot]'.
        """,
    )
    parser.add_argument("text", nargs="*", help="one sentence, in quotes")
    parser.add_argument(
        "--output", metavar="FILE", help="a picture, .png or .svg, or a page, .html"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    model = Options(parser, "the model", only_for={"a text", "--pronouns"})
    model.add(
        "--model",
        metavar="DIR",
        help="run directory, of a language model, too; or de-en or en-de, the models in the "
        "package (de-en)",
    )
    model.add(
        "--to", metavar="LANG", help="the language to translate into, en or de: in place of --model"
    )
    model.add("--threads", type=whole(1, MAX_THREADS), metavar="N", help="CPU threads")
    shown = Options(parser, "a text", only_for={"a text"})
    shown.add("--translation", metavar="TEXT", help="explain this one (the best that is found)")
    shown.add(
        "--view",
        choices=VIEWS,
        help="of a picture: attention to the source, within the source, within the target; rollout "
        "over all layers; gradient x input (cross; of a language model, decoder)",
    )
    shown.add("--layer", metavar="N", help="from 1; mean or all (mean)")
    shown.add("--head", metavar="N", help="from 1; mean or all, small multiples (mean)")
    shown.add("--pieces", action="store_true", help="of a picture: the pieces in place of words")
    instead = parser.add_argument_group("instead of a text").add_mutually_exclusive_group()
    instead.add_argument(
        "--pronouns",
        action="store_true",
        help="does the model know what 'it' is? The rate of right pronouns, and what they hang on",
    )
    instead.add_argument("--positions", action="store_true", help="draw the position encoding")
    instead.add_argument("--masks", action="store_true", help="draw the masks")
    pronouns = Options(parser, "with --pronouns", only_for={"--pronouns"})
    pronouns.add(
        "--items",
        type=whole(16, MAX_ITEMS),
        metavar="N",
        default=MAX_ITEMS,
        help=f"sentences, of {MAX_ITEMS:,} at most ({MAX_ITEMS})",
    )
    pronouns.add(
        "--no-causes",
        action="store_true",
        help="only the rates; the rest takes some minutes",
    )
    args = parser.parse_args(argv)
    mode = next(
        (f"--{name}" for name in ("pronouns", "positions", "masks") if getattr(args, name)),
        "a text",
    )
    if len(args.text) > 1:
        parser.error(f"one text at a time; put it in quotes: {shlex.quote(' '.join(args.text))}")
    args.text = args.text[0] if args.text else None
    refuse_stray(parser, args, mode, [model, shown, pronouns])
    if (args.text is None) == (mode == "a text"):
        parser.error(
            f"{mode} takes no text" if args.text else "give a text to look into, in quotes"
        )
    _check_output(parser, args, mode)
    require_stdout()
    if mode in ("--positions", "--masks"):
        return _draw_basics(args)
    _choose_model(parser, args)
    return _pronouns(args) if mode == "--pronouns" else _explain(parser, args)


def _check_output(parser: argparse.ArgumentParser, args: argparse.Namespace, mode: str) -> None:
    if args.output is None:
        if mode in ("--positions", "--masks"):
            parser.error(f"{mode} draws a picture: give --output NAME.png or NAME.svg")
    elif args.no_causes:
        parser.error("--output draws the heads, which --no-causes leaves out")
    elif mode in ("--positions", "--masks") and args.json:
        parser.error(f"{mode} only draws; leave --json out")
    check_output(parser, args, (".html", *KINDS) if mode == "a text" else KINDS)


def _choose_model(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    # What choose_direction looks at is a list of texts.
    one = argparse.Namespace(model=args.model, to=args.to, text=[args.text] if args.text else [])
    choose_direction(parser, one)
    args.model = one.model


# A text ------------------------------------------------------------------------------------------


def _explain(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    is_picture = args.output is not None and Path(args.output).suffix.lower() != ".html"
    given = [f"--{n}" for n in ("view", "layer", "head") if getattr(args, n) is not None]
    given += ["--pieces"] * args.pieces
    if given and not is_picture:
        parser.error(f"{', '.join(given)}: only for a picture; add --output NAME.png or NAME.svg")
    _require_few_words(args, is_picture)
    explanation = _explanation(args)
    if args.output is not None:
        from ..inspection.page import page

        content = _picture(args, explanation) if is_picture else page(explanation).encode()
        write_output(args.output, content)
    if args.json:
        print(json.dumps(explanation.to_dict(), ensure_ascii=False))
    elif args.output is None:
        print(_table(explanation))
    return 0


def _require_few_words(args: argparse.Namespace, is_picture: bool) -> None:
    # Before the search; pieces and the translation are counted when there are any.
    from ..inspection.page import LONGEST
    from ..inspection.pictures import LARGEST

    if args.view in ("decoder", "decoder-rollout"):  # the target alone, which is not known yet
        return
    n, most = len(args.text.split()), LARGEST if is_picture else LONGEST
    if args.output is not None and n > most:
        kind = "a picture" if is_picture else "a page"
        raise UserError(
            f"{kind} shows at most {most} words a side; found {n}. Explain one sentence, or take "
            f"--json"
        )


def _explanation(args: argparse.Namespace) -> Explanation:
    from ..device import set_threads
    from ..inference.generator import Generator
    from ..inference.translator import Translator
    from ..model.gpt2 import is_gpt2
    from ..runs.directory import RunDirectory

    set_threads(args.threads)
    run = RunDirectory.find(args.model)
    _require_weights(run)
    of_text = is_gpt2(run.path) or (
        run.config.is_file() and run.load_config().task == "language_modeling"
    )
    if not of_text:
        return Translator.load(args.model).explain(args.text, args.translation)
    if args.translation is not None:
        raise UserError(f"{run.path} is a language model; leave --translation out")
    return Generator.load(run.path).explain(args.text)


def _require_weights(run: RunDirectory) -> None:
    if (run.path / "model.bin").is_file() and not run.model.is_file():
        raise UserError(
            f"{run.path} is a folder for CTranslate2, which does not show its attention; name the "
            f"run directory that it was exported from"
        )


def _picture(args: argparse.Namespace, explanation: Explanation) -> bytes:
    from ..figures import as_bytes
    from ..inspection.explanation import RAW
    from ..inspection.pictures import draw_map, draw_maps

    view = args.view or explanation.views[0]
    words = not args.pieces
    layer, head = args.layer or "mean", args.head or "mean"
    if view not in RAW and (args.layer or args.head):
        raise UserError(f"{view} has no layers and heads; leave --layer and --head out")
    kind = kind_of(args.output)
    if "all" not in (layer, head):
        one = explanation.map(view, layer=_which(layer), head=_which(head), words=words)
        return as_bytes(draw_map(one), kind)
    n_layers, n_heads = explanation.shape(view)
    layers = range(1, n_layers + 1) if layer == "all" else [_which(layer)]
    heads = range(1, n_heads + 1) if head == "all" else [_which(head)]
    maps = [explanation.map(view, layer=a, head=b, words=words) for a in layers for b in heads]
    return as_bytes(draw_maps(maps, columns=len(heads) if head == "all" else 4), kind)


def _which(text: str) -> int | None:
    if text == "mean":
        return None
    if not (text.isdecimal() and len(text) < 5):
        raise UserError(f"a layer or head is a number from 1, mean or all; found {text!r}")
    return int(text)


def _table(explanation: Explanation) -> str:
    """For a terminal: each word, its probability, and what it is made of."""
    from ..inspection.page import chances

    found = explanation.map("cross" if explanation.source else "decoder")
    saliency = explanation.map("saliency")
    rows = [("word", "probability", "looked at most", "raised most by")]
    for word, chance, weights, gains in zip(
        found.rows, chances(explanation), found.values, saliency.values, strict=True
    ):
        most = found.columns[int(weights.argmax())]
        helpful = saliency.columns[int(gains.argmax())] if bool((gains > 0).any()) else "-"
        share = f"{most} {float(weights.max() / weights.sum().clamp(min=1e-9)):.0%}"
        rows.append((word, f"{chance:.2f}", share, helpful))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)) for r in rows]
    return "\n".join(line.rstrip() for line in lines)


# Without a model ---------------------------------------------------------------------------------


def _draw_basics(args: argparse.Namespace) -> int:
    import torch

    from ..figures import as_bytes
    from ..inspection.pictures import draw_masks, draw_positions
    from ..model.embedding import sinusoidal_positions
    from ..model.masks import causal_mask, padding_mask

    kind = kind_of(args.output)
    if args.positions:
        figure = draw_positions(sinusoidal_positions(N_POSITIONS, D_MODEL))
    else:
        source = ("Die", "Pizza", "ist", "heiß", "</s>", "<pad>", "<pad>")
        target = ("<s>", "The", "pizza", "is", "hot")
        padding = padding_mask(torch.tensor([[1] * 5 + [0] * 2]), 0)[0, 0]
        look_ahead = causal_mask(len(target))[0, 0]
        figure = draw_masks(
            [
                ("encoder: padding is hidden", source, source, padding.expand(7, 7)),
                ("decoder: what comes later is hidden", target, target, look_ahead),
                ("decoder to encoder: padding is hidden", target, source, padding.expand(5, 7)),
            ]
        )
    write_output(args.output, as_bytes(figure, kind))
    return 0


# Pronouns ----------------------------------------------------------------------------------------


def _pronouns(args: argparse.Namespace) -> int:
    from ..device import set_threads
    from ..inference.translator import Translator
    from ..pronouns.report import examine
    from ..runs.directory import RunDirectory

    set_threads(args.threads)
    _require_weights(RunDirectory.find(args.model))
    report = examine(
        Translator.load(args.model),
        n_items=args.items,
        causes=not args.no_causes,
        progress=lambda what: print(what, file=sys.stderr),
    )
    if args.output is not None and report.causes is not None:
        from ..figures import as_bytes
        from ..inspection.pictures import draw_heads

        kind = kind_of(args.output)
        title = "what the pronoun hangs on: each head as with another antecedent"
        figure = draw_heads(title, {str(k): v for k, v in report.causes.patched_by_head.items()})
        write_output(args.output, as_bytes(figure, kind))
    print(json.dumps(report.to_dict(), ensure_ascii=False) if args.json else report)
    return 0
