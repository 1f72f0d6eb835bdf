"""`transformer-lab doctor`."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence

from ...config import MAX_THREADS, load_config
from ..command import make_parser, whole


def run(argv: Sequence[str]) -> int:
    """Looks at a configuration, its data and its model; 1 if anything is at fault."""
    parser = make_parser(
        "transformer-lab doctor",
        "--config FILE [section.key=value ...] [options]",
        "Is a configuration sound, and its data? Looks before you train.",
        """
        examples:
          transformer-lab doctor --config configs/quickstart.yaml
          transformer-lab doctor --config configs/multi30k_de_en.yaml --test data/test_2016
          transformer-lab doctor --config my.yaml training.max_steps=600 --model de-en
          transformer-lab doctor --config my.yaml --json

        It reads the text, trains the tokenizer as transformer-train would, and tries a throw-away
        model on a few real batches. Nothing is written but the cache of the encoded text.
        Large corpora and models are sampled; each line says on how much it rests.
        The exit status is 0 if there is no fault, warnings or not, and 1 if there is one.
        """,
    )
    parser.add_argument(
        "--config", metavar="FILE", required=True, help="YAML file, as for transformer-train"
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="section.key=value",
        help="settings that override the file's, such as training.max_steps=500",
    )
    parser.add_argument(
        "--test",
        metavar="SOURCE",
        action="append",
        default=[],
        help="test pairs, named as in data.val, which must not be in the training text either; may "
        "be given several times",
    )
    parser.add_argument(
        "--model",
        metavar="DIR",
        help="a trained translator of the same direction, to score training pairs: run directory, "
        "or de-en or en-de, the models in the package",
    )
    parser.add_argument("--threads", type=whole(1, MAX_THREADS), metavar="N", help="CPU threads")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return _examine(parser.parse_intermixed_args(argv))


def _examine(args: argparse.Namespace) -> int:
    # What the libraries would warn of, the checks say better.
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    config = load_config(args.config, args.overrides)

    from ...device import set_threads
    from ...inference.translator import Translator
    from ...lab.doctor.examination import examine

    set_threads(args.threads or config.training.threads)
    translator = Translator.load(args.model) if args.model else None
    report = examine(
        config,
        tests=args.test,
        translator=translator,
        progress=lambda what: print(what, file=sys.stderr),
    )
    if args.json:
        print(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        print(report)
    return 1 if report.count("fault") else 0
