"""`transformer-lab digits`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..command import make_parser, whole

if TYPE_CHECKING:
    from ...lab.digits import Digits, Progress

COSTS = ("cross-entropy", "quadratic")
MAX_EPOCHS, MAX_SEED = 10_000, 2**32 - 1
MOST_CONFUSIONS = 3


def run(argv: Sequence[str]) -> int:
    """`transformer-lab digits`."""
    parser = make_parser(
        "transformer-lab digits",
        "[options]",
        "Read handwritten digits: with a network in numpy, then with the Transformer's encoder.",
        """
        examples:
          transformer-lab digits
          transformer-lab digits --only network --cost quadratic
          transformer-lab digits --mnist data/mnist --epochs 3

        The 1,797 small digits come with scikit-learn: pip install 'attention-transformer[lab]'.
        Both models are short to read: transformer/lab/network.py has backpropagation by hand, and
        transformer/lab/digit_reader.py takes each row of pixels for a word.
        """,
    )
    parser.add_argument(
        "--mnist",
        metavar="FOLDER",
        help="read MNIST's four idx files there, plain or .gz, in place of scikit-learn's digits",
    )
    parser.add_argument("--only", choices=("network", "encoder"), help="one of the two (both)")
    parser.add_argument("--cost", choices=COSTS, help=f"of the network ({COSTS[0]})")
    parser.add_argument(
        "--epochs",
        type=whole(1, MAX_EPOCHS),
        metavar="N",
        default=30,
        help="how often each digit is seen (30)",
    )
    parser.add_argument(
        "--seed",
        type=whole(0, MAX_SEED),
        metavar="N",
        default=1,
        help="for first weights and order (1); the split is always the same",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object; the epochs go to stderr"
    )
    args = parser.parse_args(argv)
    if args.cost and args.only == "encoder":
        parser.error("--cost is for the network, which --only encoder leaves out")
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    from ...lab.digits import mnist_digits, size, small_digits

    digits = small_digits() if args.mnist is None else mnist_digits(Path(args.mnist))
    n_train, n_test = len(digits.train_labels), len(digits.test_labels)
    _tell(
        args,
        f"{n_train + n_test:,} digits of {size(digits.train_images)} pixels, from {digits.source}: "
        f"{n_train:,} to train, {n_test:,} to test",
    )
    found: dict[str, object] = {
        "source": digits.source,
        "n_train": n_train,
        "n_test": n_test,
        "size": digits.train_images.shape[1:],
        "seed": args.seed,
    }
    if args.only != "encoder":
        found["network"] = _network(args, digits)
    if args.only != "network":
        found["encoder"] = _encoder(args, digits)
    if args.json:
        print(json.dumps(found, ensure_ascii=False))
    return 0


def _network(args: argparse.Namespace, digits: Digits) -> dict[str, object]:
    from ...lab.digits import train_network

    cost = args.cost or COSTS[0]
    _tell(args, f"\nnetwork in numpy, {cost} cost")
    network, progress = train_network(
        digits,
        epochs=args.epochs,
        seed=args.seed,
        cost=cost,
        after_epoch=lambda progress: _tell_epoch(args, progress),
    )
    n_weights = sum(each.size for each in [*network.weights, *network.biases])
    return {"cost": cost, **_summary(args, digits, progress, n_weights)}


def _encoder(args: argparse.Namespace, digits: Digits) -> dict[str, object]:
    from ...lab.digit_reader import SMALL, train_reader

    _tell(
        args,
        f"\nthe Transformer's encoder, {SMALL.n_encoder_layers} layers; every row of "
        f"{digits.train_images.shape[2]} pixels is a token",
    )
    model, progress = train_reader(
        digits,
        epochs=args.epochs,
        seed=args.seed,
        after_epoch=lambda progress: _tell_epoch(args, progress),
    )
    n_weights = sum(weight.numel() for weight in model.parameters())
    return _summary(args, digits, progress, n_weights)


def _summary(
    args: argparse.Namespace, digits: Digits, progress: Progress, n_weights: int
) -> dict[str, object]:
    from ...lab.digits import confusions, draw_misread

    wrong = confusions(digits.test_labels.tolist(), progress.read)
    n_wrong, n_test = sum(n for *_, n in wrong), len(progress.read)
    most = ", ".join(f"{a} read as {b} ({n}×)" for a, b, n in wrong[:MOST_CONFUSIONS])
    _tell(
        args,
        f"{n_weights:,} weights read {n_test - n_wrong:,} of {n_test:,} test digits right, "
        f"{progress.accuracies[-1]:.1%}" + (f"; most often wrong: {most}" if most else ""),
    )
    if wrong:
        _tell(args, f"\n{draw_misread(digits, progress.read)}")
    return {
        "n_weights": n_weights,
        "losses": progress.losses,
        "accuracies": progress.accuracies,
        "confusions": [{"is": a, "read_as": b, "times": n} for a, b, n in wrong],
    }


def _tell_epoch(args: argparse.Namespace, progress: Progress) -> None:
    _tell(
        args,
        f"epoch {len(progress.losses):2}  loss {progress.losses[-1]:.4f}  "
        f"right {progress.accuracies[-1]:.1%}",
    )


def _tell(args: argparse.Namespace, text: str) -> None:
    print(text, file=sys.stderr if args.json else sys.stdout, flush=True)
