"""`--output` of the commands that draw."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from ..files import write_atomically

KINDS = (".png", ".svg")


def check_output(
    parser: argparse.ArgumentParser, args: argparse.Namespace, kinds: Sequence[str] = KINDS
) -> None:
    """Ends the command, before it computes anything, if --output cannot be written.

    Args:
        parser: prints the errors of usage.
        args: with `output` and `overwrite`.
        kinds: the endings that it may have.
    """
    if args.output is None:
        if args.overwrite:
            parser.error("--overwrite is for --output")
        return
    path = Path(args.output)
    if path.suffix.lower() not in kinds:
        *others, last = kinds
        parser.error(f"--output must end in {', '.join(others)} or {last}; found {args.output!r}")
    if not path.absolute().parent.is_dir():
        raise UserError(f"{path}: there is no such folder; make it first")
    if path.exists() and not args.overwrite:
        raise UserError(f"{path} exists already; choose another name or add --overwrite")


def kind_of(output: str) -> str:
    """The ending of --output without its dot, in small letters."""
    return Path(output).suffix.lower().removeprefix(".")


def write_output(output: str, content: bytes) -> None:
    """Writes --output whole, and says so on standard error."""
    write_atomically(Path(output), content)
    print(output, file=sys.stderr)
