"""`python -m transformer train ...`: the commands by one name, as torchrun wants them."""

import os
import sys

from . import cli

COMMANDS = (
    *("train", "translate", "evaluate", "generate", "explain", "export", "lab", "serve"),
    "synthesize",
)


def main() -> int:
    """Runs `transformer-NAME` for the NAME that comes first."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        print(
            f"usage: python -m transformer NAME [options], where NAME is one of "
            f"{', '.join(COMMANDS)}",
            file=sys.stderr,
        )
        return 0 if name in ("-h", "--help") else 2
    command: int = getattr(cli, f"{name}_main")(sys.argv[2:])
    return command


def _leave(status: int) -> None:
    # Threads by which torch's processes talk to one another may still run while the interpreter
    # ends, and have been seen to abort it: torchrun then says that a finished training has failed.
    # One that has failed takes its time, so that torchrun sees first which one was killed.
    if status == 0 and os.environ.get("WORLD_SIZE", "1") != "1":
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    raise SystemExit(status)


if __name__ == "__main__":
    _leave(main())
