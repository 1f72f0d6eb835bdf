"""SIGINT and SIGTERM end a run in good order."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Stop:
    """Whether somebody asked the run to stop."""

    requested = False


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """While this lasts, the first signal only sets `requested`; a second one acts as usual."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before: dict[signal.Signals, Any] = {}

    def request(number: int, frame: FrameType | None) -> None:
        stop.requested = True
        for number_, handler in before.items():
            signal.signal(number_, handler)
        print(
            "\nstopping after this update; once more to stop at once", file=sys.stderr, flush=True
        )

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
