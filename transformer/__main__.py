"""`python -m transformer train ...`: the commands by one name, as torchrun wants them."""

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


if __name__ == "__main__":
    raise SystemExit(main())
