"""The options of commands that sample."""

import argparse
from typing import Any

from .command import Options, number, whole

NAMES = ("temperature", "top_k", "top_p", "seed")


def add_sampling_options(options: Options) -> None:
    """Temperature, cuts and the seed; see `Sampling`."""
    options.add(
        "--temperature",
        type=number(0, 100),
        metavar="T",
        help="below 1 is safer, 0 always takes the likeliest, above 1 is wilder (1)",
    )
    options.add(
        "--top-k", type=whole(1, 10**6), metavar="K", help="draw from the K likeliest pieces"
    )
    options.add(
        "--top-p",
        type=number(0, 1),
        metavar="P",
        help="draw from the likeliest pieces that add up to this probability",
    )
    options.add(
        "--seed",
        type=whole(0, 2**128 - 1),
        metavar="N",
        help="the same seed gives the same text (1)",
    )


def sampling_of(args: argparse.Namespace) -> Any:
    """The `Sampling` that the options ask for.

    Raises:
        UserError: one of them is out of bounds.
    """
    from ..search.sampling import Sampling

    given = {name: getattr(args, name) for name in NAMES if getattr(args, name) is not None}
    return Sampling(**given)
