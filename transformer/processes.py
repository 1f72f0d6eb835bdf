"""Processes that work for another one."""

import multiprocessing
import os
import threading


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
