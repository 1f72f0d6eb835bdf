"""What the experiments share that train variants and compare them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..command import whole
from ..pictures import kind_of, write_output

if TYPE_CHECKING:
    from ...lab.suite import Suite

MAX_SEEDS = 100


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which variants, how often, and what to do with the result."""
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="only this variant, beside the first; may be given several times",
    )
    parser.add_argument(
        "--seeds",
        type=whole(1, MAX_SEEDS),
        metavar="N",
        default=1,
        help="runs of each, for means and 95 %% intervals (1)",
    )
    parser.add_argument(
        "--runs",
        metavar="DIR",
        default="runs/lab",
        help="where the runs are kept: what is finished there is not trained again (runs/lab)",
    )
    parser.add_argument("--output", metavar="FILE", help="draw the curves: a .png or .svg")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--list", action="store_true", help="list the variants; train nothing")


def run_suite(args: argparse.Namespace, suite: Suite, settings: Sequence[str]) -> int:
    """Trains the variants and prints the comparison.

    Args:
        args: with those of `add_options`.
        suite: the variants.
        settings: `section.key=value` for all of them.
    """
    suite = suite.only(args.only)
    if args.list:
        print(describe(suite))
        return 0
    from ...figures import as_bytes, new_figure
    from ...lab.what_if import compare

    if args.output:
        new_figure((1, 1))  # without matplotlib, better now than after an hour
    try:
        found = compare(
            suite,
            Path(args.runs),
            n_seeds=args.seeds,
            settings=settings,
            progress=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except KeyboardInterrupt:
        print(f"\nwhat is done is kept in {args.runs}; the same command goes on", file=sys.stderr)
        raise
    print(json.dumps(found.to_dict(), ensure_ascii=False) if args.json else found)
    if args.output:
        write_output(args.output, as_bytes(found.draw(), kind_of(args.output)))
    return 0


def describe(suite: Suite) -> str:
    """The variants and what they change, a line each."""
    width = max(len(variant.name) for variant in suite.variants)
    return "\n".join(
        f"{variant.name.ljust(width)}  {' '.join([*variant.changes, *variant.settings])}".rstrip()
        for variant in suite.variants
    )
