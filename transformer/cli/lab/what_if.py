"""`transformer-lab what-if`."""

from collections.abc import Sequence

from ..command import make_parser
from ..pictures import check_output
from .comparing import add_options, run_suite


def run(argv: Sequence[str]) -> int:
    """Trains small variants of the model and compares them."""
    parser = make_parser(
        "transformer-lab what-if",
        "[--suite NAME | --suite FILE] [options] [section.key=value ...]",
        "Train small variants of the model on the built-in corpus, a minute or two each, and "
        "compare them: another score in place of the dot product, other masks, parts left out.",
        """
        examples:
          transformer-lab what-if --list
          transformer-lab what-if --only "squared dot" --only "inverse dot"
          transformer-lab what-if --seeds 3 --output what-if.png
          transformer-lab what-if --suite table3
          transformer-lab what-if --suite mine.yaml training.max_steps=300

        mine.yaml:
          variants:
            - name: paper
            - name: wide
              settings: [model.d_ff=1024]
            - name: no mask
              changes: [no_look_ahead_mask]
              why: Printed below the table.

        To try a score of your own, write it in transformer/lab/scores.py and name it there.
        docs/what-if.md has the results, and says why.
        """,
    )
    parser.add_argument(
        "--suite",
        metavar="NAME",
        default="what-if",
        help="what-if (all of the questions), table3 (rows of the paper's table 3, in small), or a "
        "YAML file",
    )
    parser.add_argument(
        "settings", nargs="*", metavar="section.key=value", help="settings of all variants"
    )
    add_options(parser)
    args = parser.parse_intermixed_args(argv)
    check_output(parser, args)
    from ...lab.suite import load_suite

    return run_suite(args, load_suite(args.suite), args.settings)
