"""`transformer-lab`: experiments, a subcommand each, in a file each."""

import sys
from collections.abc import Sequence
from importlib import import_module

from ..command import make_parser, require_stdout, run_command

SUBCOMMANDS = {
    "what-if": "train variants of the model: other scores, other masks, parts left out",
    "bigram": "from bigrams to the GPT, one part after another",
    "digits": "read handwritten digits: a network in numpy, then the encoder's layers",
    "paper": "does a model do what the paper says? Looks at the model, not at its settings",
    "doctor": "is a configuration sound, and its data? Looks before you train",
    "curves": "compare the learning curves of runs: a table, or a picture",
}
"""Each is the module of that name, with a function `run`."""


def main(argv: Sequence[str] | None = None) -> int:
    """`transformer-lab`."""
    return run_command(lambda: _run(sys.argv[1:] if argv is None else argv))


def _run(argv: Sequence[str]) -> int:
    width = max(map(len, SUBCOMMANDS)) + 2
    parser = make_parser(
        "transformer-lab",
        "EXPERIMENT [options]",
        "What if? Experiments that take minutes on a laptop.",
        "experiments:\n"
        + "\n".join(f"  {name.ljust(width)}{what}" for name, what in SUBCOMMANDS.items())
        + "\n\ntransformer-lab EXPERIMENT --help tells more of each. Some need more packages:"
        "\npip install 'attention-transformer[lab]'",
    )
    parser.add_argument("experiment", choices=SUBCOMMANDS, metavar="EXPERIMENT", help="see below")
    args = parser.parse_args(argv[:1])
    require_stdout()
    module = import_module(f".{args.experiment.replace('-', '_')}", __name__)
    status: int = module.run(argv[1:])
    return status
