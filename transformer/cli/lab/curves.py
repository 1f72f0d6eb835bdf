"""`transformer-lab curves`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UserError
from ..command import make_parser
from ..pictures import check_output, kind_of, write_output

if TYPE_CHECKING:
    from ...training.history import History


def run(argv: Sequence[str]) -> int:
    """`transformer-lab curves`."""
    parser = make_parser(
        "transformer-lab curves",
        "RUN [RUN ...] [options]",
        "Compare the learning curves of runs: a table, or a picture with a line for each.",
        """
        examples:
          transformer-lab curves runs/quickstart
          transformer-lab curves runs/a runs/b --output curves.png
          transformer-lab curves runs/a runs/b --metric val_bleu --x minutes --output bleu.svg

        A run can be looked at while it trains. .png and .svg need matplotlib:
        pip install 'attention-transformer[plot]'.
        """,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run directories")
    parser.add_argument(
        "--metric",
        action="append",
        metavar="NAME",
        help="such as nll, val_nll, val_bleu, val_bpc, lr, gradient_norm; may be repeated (the "
        "learning curves: what there is of nll, val_nll, val_bleu and val_bpc)",
    )
    parser.add_argument(
        "--x",
        choices=("updates", "minutes", "tokens"),
        default="updates",
        help="what the curves run over; tokens are millions of target tokens (updates)",
    )
    parser.add_argument("--output", metavar="FILE", help="a picture, .png or .svg")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, with all points"
    )
    args = parser.parse_args(argv)
    check_output(parser, args)
    histories = _read(args.runs)
    metrics = _metrics(histories, args.metric)
    if args.output is not None:
        from ...figures import as_bytes
        from ...training.curves import draw_runs

        picture = draw_runs(histories, metrics, args.x)
        write_output(args.output, as_bytes(picture, kind_of(args.output)))
    if args.json:
        print(json.dumps(_as_dict(histories, metrics, args.x), ensure_ascii=False))
    elif args.output is None:
        print(_table(histories, metrics, args.x))
    return 0


# Runs and metrics --------------------------------------------------------------------------------


def _read(names: Sequence[str]) -> dict[str, History]:
    """The runs, by names that tell them apart."""
    from ...runs.directory import RunDirectory
    from ...training.history import read_history

    found: dict[Path, History] = {}
    for name in names:
        directory = RunDirectory(name)
        place = directory.path.absolute()
        place = Path(os.path.normpath(place))
        if place in found:
            raise UserError(f"{name} is named twice; leave one out")
        _require_metrics(directory.path, directory.metrics)
        history = found[place] = read_history(directory.metrics)
        if history.unreadable:
            numbers = ", ".join(map(str, history.unreadable[:5]))
            more = ", ..." if len(history.unreadable) > 5 else ""
            print(
                f"warning: {directory.metrics} is damaged: without its "
                f"{'line' if len(history.unreadable) == 1 else 'lines'} {numbers}{more}",
                file=sys.stderr,
            )
        if not history.series:
            raise UserError(
                f"{directory.metrics} holds no metrics; a run writes the first after "
                f"training.log_every updates"
            )
    return dict(zip(_short_names(list(found)), found.values(), strict=True))


def _require_metrics(folder: Path, metrics: Path) -> None:
    if metrics.is_file():
        return
    what = "holds no metrics.jsonl" if folder.is_dir() else "is a file"
    if not folder.exists():
        what = "does not exist"
    inside = sorted(path.parent for path in folder.glob("*/metrics.jsonl"))[:1]
    hint = f"; {inside[0]} does" if inside else ""
    raise UserError(
        f"{folder} {what}{hint}. Name directories that transformer-train wrote, such as "
        f"runs/quickstart"
    )


def _short_names(places: Sequence[Path]) -> list[str]:
    """The last part of each path, with as many before it as tell it from the others."""
    names = []
    for place in places:
        n = 1
        while sum(other.parts[-n:] == place.parts[-n:] for other in places) > 1:
            n += 1
        # A name on disk need not be text.
        names.append(os.fsencode(Path(*place.parts[-n:])).decode(errors="replace"))
    return names


def _metrics(histories: Mapping[str, History], asked: Sequence[str] | None) -> list[str]:
    from ...training.history import CURVES, METRICS

    there = {metric for history in histories.values() for metric in history.series}
    if asked is None:
        # Runs without these have others.
        return [metric for metric in CURVES if metric in there] or sorted(there)[:1]
    for metric in asked:
        if metric not in there:
            known = [name for name in METRICS if name in there]
            others = sorted(there - set(known))
            raise UserError(
                f"no run has the metric {metric}; there are {', '.join(known + others)}"
            )
        if without := [name for name, history in histories.items() if metric not in history.series]:
            print(f"warning: without {metric}: {', '.join(without)}", file=sys.stderr)
    return list(dict.fromkeys(asked))


# Output ------------------------------------------------------------------------------------------


def _as_dict(histories: Mapping[str, History], metrics: Sequence[str], x: str) -> dict[str, Any]:
    from ...training.history import X, best

    column = list(X).index(x)
    runs: dict[str, Any] = {}
    for name, history in histories.items():
        found = runs[name] = {}
        for metric in (m for m in metrics if m in history.series):
            series = history.series[metric]
            top = best(series, metric)
            found[metric] = {
                "last": [series[-1, column], series[-1, -1]],
                "best": None if top is None else [top[column], top[-1]],
                "points": series[:, [column, -1]].tolist(),
            }
    return {"x": x, "runs": runs}


def _table(histories: Mapping[str, History], metrics: Sequence[str], x: str) -> str:
    rows = [("run", "metric", x, "last", "best", "at")]
    for name, found in _as_dict(histories, metrics, x)["runs"].items():
        for metric, values in found.items():
            at, last = values["last"]
            best_at, best = values["best"] or (None, None)
            cells = _number(at, x), _number(last), _number(best), _number(best_at, x)
            rows.append((name, metric, *cells))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        words = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(words + numbers).rstrip())
    return "\n".join(lines)


def _number(value: float | None, x: str = "") -> str:
    if value is None:
        return ""
    if x:
        return f"{value:,.0f}" if x == "updates" else f"{value:,.2f}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
