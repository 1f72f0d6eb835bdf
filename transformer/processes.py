"""Processes that work for another one."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext

_ENDING = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}
"""What a terminal, a service manager or torchrun sends to a whole group of processes."""


@contextmanager
def deaf_children(context: BaseContext) -> Iterator[None]:
    """Processes that `context` starts in this block do not hear what ends their group.

    They would hear it while they still import, and be dead before the one that started them has
    finished, with their help, what it does. This process hears it when the block has ended.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows has no such groups
        yield
        return
    if context.get_start_method() != "fork":
        resource_tracker.ensure_running()  # when it starts, it lets the signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_group() -> None:
    """This process, begun among `deaf_children`, forms a group of its own, and hears again."""
    if not hasattr(signal, "pthread_sigmask"):
        return
    os.setsid()
    while missed := signal.sigpending() & _ENDING:
        signal.sigwait(missed)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def end_with_parent() -> None:
    """From now on, this process of `multiprocessing` ends as soon as the one that started it does.

    Otherwise it would wait for ever for work, or for room to put its work, when that one is killed.
    """
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    # Another process may hold open the pipe that reports the parent's end, so its number is looked
    # up too.
    parent = multiprocessing.parent_process()
    assert parent is not None and parent.pid is not None
    while parent.is_alive() and _exists(parent.pid):
        parent.join(timeout=1)
    os._exit(1)


def _exists(pid: int) -> bool:
    if os.name != "posix":  # where the parent's end cannot be missed
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
