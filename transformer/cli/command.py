"""What all commands share: parsers, streams, signals and exit statuses."""

import argparse
import io
import os
import re
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from .. import __version__
from ..errors import UserError, abridged
from ..files import reason


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: unwinds like Ctrl-C, so that nothing half-written stays."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def run_command(work: Callable[[], int]) -> int:
    """Runs a command and returns its exit status.

    Errors that a caller can cause are explained in plain words. Any other is a bug, and raised.
    """
    _prepare_streams()
    try:
        with _termination_unwinds():
            try:
                return work()
            finally:
                # Here a full disk is an error, but the end of `| head` is not.
                if sys.stdout is not None:
                    sys.stdout.flush()
    except BrokenPipeError:  # ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Terminated as stop:
        return 128 + stop.number
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except UserError as error:
        print(f"error: {abridged(str(error))}", file=sys.stderr)
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {abridged(place + reason(error))}", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        # torch has an error class for a GPU that is full, but none for the CPU.
        full = re.search(
            "out of memory|(can't|unable to) allocate|not enough memory|can't start new thread",
            str(error),
            re.I,
        )
        if not (full or isinstance(error, MemoryError)):
            raise
        told = f": {error}" if str(error) else ""
        print(
            f"error: out of memory{told}\nTry fewer tokens per batch (training.batch_tokens, with "
            f"more training.accumulate), a smaller beam, fewer workers, or a smaller model.",
            file=sys.stderr,
        )
        return 1


def _prepare_streams() -> None:
    # Text is UTF-8 even where the locale says ASCII. Input is read as bytes.
    if sys.stderr is None:  # closed: print would write to standard output instead
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=stream.errors)


def require_stdout() -> None:
    """Raises UserError where standard output is closed: what is printed would be lost."""
    if sys.stdout is None:
        raise UserError(
            "standard output is closed, so what is printed would be lost; open it, or send it to a "
            "file"
        )


@contextmanager
def _termination_unwinds() -> Iterator[None]:
    # A signal that is ignored already stays ignored: `nohup` asked for that.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated(number)

    before: dict[int, Any] = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, terminate)
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(ValueError):
                signal.signal(number, handler)


# Parsers -----------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(abridged(message))


def make_parser(name: str, usage: str, purpose: str, epilog: str) -> argparse.ArgumentParser:
    """A parser with --version, whose help ends with the epilog as it is written.

    Args:
        name: of the command.
        usage: what follows the name, in short; every error repeats it.
        purpose: what the command is for.
        epilog: mostly examples.
    """
    parser = _Parser(
        prog=name,
        usage=f"{name} {usage}",
        description=textwrap.fill(purpose, 96),
        epilog=textwrap.dedent(epilog).strip("\n"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


class Options:
    """A group of options that only some ways of using a command accept.

    Args:
        parser: where they are added.
        title: what the help calls the group.
        only_for: the modes that accept them; all others refuse them.
    """

    def __init__(self, parser: argparse.ArgumentParser, title: str, *, only_for: set[str]) -> None:
        self.only_for = only_for
        self._group = parser.add_argument_group(title)
        self._actions: list[argparse.Action] = []

    def add(self, *names: str, **how: Any) -> None:
        """See `argparse.ArgumentParser.add_argument`."""
        self._actions.append(self._group.add_argument(*names, **how))

    def given(self, args: argparse.Namespace) -> list[str]:
        """The options of the group that were given."""
        return [
            action.option_strings[-1]
            for action in self._actions
            if getattr(args, action.dest) != action.default
        ]


def refuse_stray(
    parser: argparse.ArgumentParser, args: argparse.Namespace, mode: str, groups: list[Options]
) -> None:
    """Ends the command if an option was given that the mode would ignore.

    Args:
        parser: prints the error.
        args: what was parsed.
        mode: how the command is used, by the option that says so: `--score`.
        groups: all groups that some modes do not accept.
    """
    for group in groups:
        stray = group.given(args) if mode not in group.only_for else []
        if stray and mode.startswith("--"):
            them = "it" if len(stray) == 1 else "them"
            parser.error(f"{mode} takes no {', '.join(stray)}; leave {them} out")
        if stray:
            verb = "is" if len(stray) == 1 else "are"
            parser.error(f"{', '.join(stray)} {verb} for {' and '.join(sorted(group.only_for))}")


# Numbers ------------------------------------------------------------------------------------------


def whole(lowest: int, highest: int, *, besides: int | None = None) -> Callable[[str], int]:
    """Parses a whole number between two bounds.

    Args:
        lowest: the smallest.
        highest: the largest.
        besides: one more number that is allowed.
    """
    allowed = f"a whole number from {lowest:,} to {highest:,}"
    if besides is not None:
        allowed = f"{besides:,} or {allowed}"

    def parse(text: str) -> int:
        # Python refuses to read numbers of more than 4,300 digits.
        value = int(text) if text.isdecimal() and len(text) <= 40 else -1
        if not (lowest <= value <= highest or value == besides):
            raise argparse.ArgumentTypeError(f"must be {allowed}; found {shortened(text)}")
        return value

    return parse


def number(lowest: float, highest: float, *, above: bool = False) -> Callable[[str], float]:
    """Parses a number between two bounds.

    Args:
        lowest: the smallest.
        highest: the largest.
        above: True if the smallest itself is not allowed.
    """
    allowed = (
        f"above {lowest:g} and at most {highest:g}" if above else f"from {lowest:g} to {highest:g}"
    )

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not lowest <= value <= highest or (above and value == lowest):
            raise argparse.ArgumentTypeError(f"must be a number {allowed}; found {shortened(text)}")
        return value

    return parse


def shortened(text: str) -> str:
    """A text in quotes, for a message."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
