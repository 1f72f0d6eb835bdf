"""`transformer-lab paper`."""

import json
from collections.abc import Sequence

from ...config import load_config
from ..command import make_parser


def run(argv: Sequence[str]) -> int:
    """Compares a model and its training with each of the paper's choices."""
    parser = make_parser(
        "transformer-lab paper",
        "[--config FILE] [section.key=value ...] | --model DIR",
        "Is it the paper? Compares the paper's choices with what a model and its training do.",
        """
        examples:
          transformer-lab paper
          transformer-lab paper --config configs/wmt14_base.yaml
          transformer-lab paper model.norm_first=true training.adam_beta2=0.999
          transformer-lab paper --model de-en
          transformer-lab paper --model runs/quickstart --json

        Settings are not believed: the model's numbers are looked at, the optimiser is watched
        at an update, the loss by its gradient, the search at work. No text is read.
        docs/paper.md says how.
        """,
    )
    parser.add_argument(
        "--config", metavar="FILE", help="YAML file (the defaults, which are the paper's base)"
    )
    parser.add_argument(
        "settings",
        nargs="*",
        metavar="section.key=value",
        help="settings that override the file's",
    )
    parser.add_argument(
        "--model",
        metavar="DIR",
        help="a trained model: its run directory, those of the lab included, or de-en or en-de",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_intermixed_args(argv)
    if args.model is not None and (args.config is not None or args.settings):
        parser.error("--model has the settings of its run; leave out --config and settings")
    config = load_config(args.config, args.settings) if args.model is None else None
    from ...lab.paper import examine, examine_run

    if config is None:
        report = examine_run(args.model)
    else:
        report = examine(config, name=" ".join([args.config or "the defaults", *args.settings]))
    print(json.dumps(report.to_dict(), ensure_ascii=False) if args.json else report)
    return 0
