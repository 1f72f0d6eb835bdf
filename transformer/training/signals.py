"""SIGINT, SIGTERM and SIGHUP end a run in an orderly way."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any


class Stop:
    """Whether somebody has asked the run to stop."""

    requested = False


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """In this block, the first signal only sets `requested`; a second one acts as usual.

    A signal that is ignored stays ignored: `nohup` asked for that.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before: dict[signal.Signals, Any] = {}

    def request(number: int, frame: FrameType | None) -> None:
        stop.requested = True
        for number_, handler in before.items():
            signal.signal(number_, handler)
        with suppress(OSError):  # the terminal may be gone
            print(
                "\nstopping after this update; once more to stop at once",
                file=sys.stderr,
                flush=True,
            )

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        known = getattr(signal, name, None)  # Windows has no SIGHUP
        if known is not None and signal.getsignal(known) not in (signal.SIG_IGN, None):
            before[known] = signal.signal(known, request)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
