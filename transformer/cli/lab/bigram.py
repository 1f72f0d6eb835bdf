"""`transformer-lab bigram`."""

import json
from collections.abc import Sequence
from pathlib import Path

from ...errors import UserError
from ..command import make_parser
from ..pictures import check_output
from .comparing import add_options, run_suite


def run(argv: Sequence[str]) -> int:
    """Trains a table of bigrams, then what makes it a GPT, one part after another."""
    parser = make_parser(
        "transformer-lab bigram",
        "TEXT [options] [section.key=value ...]",
        "From bigrams to the GPT: predict the next character from the last one alone, then add one "
        "part after another, and see what each is worth.",
        """
        examples:
          transformer-lab bigram input.txt
          transformer-lab bigram input.txt --seeds 3 --output steps.png
          transformer-lab bigram input.txt training.max_steps=300

        input.txt can be any text of some 100,000 characters or more. The steps are those of the
        lecture "Let's build GPT", which takes a million characters of Shakespeare, the input.txt of
        char-rnn. The last tenth of the text validates. A step takes up to two minutes.
        """,
    )
    parser.add_argument("text", metavar="TEXT", nargs="?", help="a text file, in UTF-8")
    parser.add_argument(
        "settings", nargs="*", metavar="section.key=value", help="settings of all steps"
    )
    add_options(parser)
    args = parser.parse_intermixed_args(argv)
    check_output(parser, args)
    settings = list(args.settings)
    if args.text is None and not args.list:
        parser.error("give a text to learn from, such as input.txt")
    if args.text is not None:
        if not Path(args.text).is_file():
            raise UserError(f"there is no text {args.text}")
        settings.append(f"data.train={json.dumps(args.text, ensure_ascii=False)}")
    from ...lab.suite import load_suite

    return run_suite(args, load_suite("bigram"), settings)
