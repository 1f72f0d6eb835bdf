"""Several searches at once, in processes of one thread each.

A search is made of many small operations, and two threads that share each operation often wait for
one another. In int8, beam 5, on two cores of an AMD EPYC, they translate 188 sentences of Multi30k
per second; two searches side by side translate 258. The searches run in processes because Python
lets only one thread at a time say what to compute next: two threads reach 211.
"""

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.util import Finalize

from ..config import DecodingConfig
from ..errors import UserError
from ..memory import keep_freed_memory
from ..processes import deaf_children, end_with_parent
from ..search.hypothesis import Hypothesis
from .checks import check_number
from .engine import Engine, Ids

if sys.platform == "linux":
    # A fork needs no import of torch, which takes seconds, and copies no weights.
    from multiprocessing.context import ForkContext as _Context
    from multiprocessing.context import ForkProcess as _Process
else:
    from multiprocessing.context import SpawnContext as _Context
    from multiprocessing.context import SpawnProcess as _Process

MAX_WORKERS = 64
"""Processes at most: each needs memory of its own to search."""

Found = list[list[Hypothesis]]
Submit = Callable[[Sequence[Ids], Sequence[Ids] | None], Callable[[], Found]]
"""Batch and prefixes of a search → what waits for its result."""


class Workers:
    """Processes that search for a translator. They start when they are first needed, and stay.

    Several threads may search at once. A call for another number of workers starts new ones; the
    old ones end when no call uses them any more. A process forked from the owner of the workers
    starts its own.

    Args:
        engine: what searches. Each worker has a copy; on Linux the copies share their memory.

    Attributes:
        niceness: how much more of it processes get that start from now on, 0 to 19: the more, the
            readier they leave a core to others.
    """

    def __init__(self, engine: Engine) -> None:
        self.niceness = 0
        self._engine = engine
        self._pool: _Pool | None = None

    @contextmanager
    def searching(self, settings: DecodingConfig, n_best: int, n: int) -> Iterator[Submit]:
        """Yields a function that takes batches; with one worker, asking for a result searches.

        Args:
            settings: of all searches.
            n_best: hypotheses per source.
            n: processes; 1 means this one.

        Raises:
            UserError: n outside 1 … 64, this process may start none, or a worker has died, most
                likely for lack of memory.
        """
        check_number("workers", n, 1, MAX_WORKERS)
        if n == 1:
            search = self._engine.search
            yield lambda batch, prefixes: partial(search, batch, settings, n_best, prefixes)
            return
        if multiprocessing.current_process().daemon:
            raise UserError(
                "workers must be 1 in a daemonic process, such as those of multiprocessing.Pool, "
                f"which can start no others; found {n}"
            )
        pool = self._enter(n)
        waiting: list[Future[Found]] = []

        def submit(batch: Sequence[Ids], prefixes: Sequence[Ids] | None) -> Callable[[], Found]:
            pool.check_process()
            future = pool.executor.submit(_search, batch, settings, n_best, prefixes)
            waiting.append(future)
            return partial(result, future)

        def result(future: Future[Found]) -> Found:
            pool.check_process()
            return future.result()

        try:
            yield submit
        except BrokenProcessPool:
            self._retire(pool)
            raise UserError(
                "a worker process has died, most likely because memory ran out; "
                "try fewer workers or a smaller decoding.batch_tokens"
            ) from None
        finally:
            for future in waiting:
                future.cancel()
            with _lock:
                pool.n_users -= 1
                old = None if pool is self._pool else pool
            self._retire(old)

    def _enter(self, n: int) -> "_Pool":
        with _lock:
            pool, old = self._pool, None
            if pool is None or pool.n != n or pool.pid != os.getpid():
                pool, old = _Pool(self, self._engine, n), pool
                self._pool = pool
            pool.n_users += 1
        self._retire(old)
        return pool

    def _retire(self, pool: "_Pool | None") -> None:
        # It gets no new users; the last one that is left shuts it down.
        if pool is None:
            return
        with _lock:
            if pool is self._pool:
                self._pool = None
            unused = pool.n_users == 0
        if unused:  # not in the lock, since it waits for a thread that may want the lock
            pool.shut_down()


class _Pool:
    """The worker processes of one parent, and the number of calls that use them."""

    def __init__(self, owner: Workers, engine: Engine, n: int) -> None:
        self.n, self.pid, self.n_users = n, os.getpid(), 0
        self.executor = ProcessPoolExecutor(
            n, _WorkerContext(), initializer=_begin, initargs=(engine, owner.niceness)
        )
        # Also when the owner is gone; but never by a process that was forked from this one.
        self.shut_down = Finalize(owner, self._shut_down)
        # A process that multiprocessing has started waits at its end for its children before it
        # tells them to end. Before that, and before their queue is closed (10):
        Finalize(None, _end_workers, exitpriority=100)

    def _shut_down(self) -> None:
        # If the interpreter ends while the executor's thread does, it writes to that thread's
        # closed pipe. So this waits, unless the garbage collector calls it in that very thread.
        with suppress(RuntimeError):
            self.executor.shutdown(wait=True, cancel_futures=True)
        del self.executor  # while the interpreter has all that its end needs

    def check_process(self) -> None:
        if self.pid != os.getpid():
            raise UserError(
                "a stream with workers was begun in the process that this one was forked from; "
                "begin it here"
            )


class _Worker(_Process):
    """Ignores SIGTERM, so it takes SIGKILL to end it when another worker has died."""

    started_by: int | None = None

    def start(self) -> None:
        self.started_by = os.getpid()
        # filelock refuses a fork during another thread's.
        with _starting, deaf_children(_WorkerContext()):
            super().start()

    def terminate(self) -> None:
        self.kill()


def _end_workers() -> None:
    for process in multiprocessing.active_children():
        if isinstance(process, _Worker) and process.started_by == os.getpid():
            process.kill()


class _WorkerContext(_Context):
    Process = _Worker


# One lock for all owners, since it is held briefly and seldom. It is reentrant because the garbage
# collector may close a generator in the thread that holds it.
_lock = threading.RLock()
_starting = threading.Lock()


def _new_locks() -> None:
    global _lock, _starting
    _lock, _starting = threading.RLock(), threading.Lock()


if hasattr(os, "register_at_fork"):
    # A thread that holds one in the parent does not exist in the child.
    os.register_at_fork(after_in_child=_new_locks)


_engine: Engine  # of a worker process


def _begin(engine: Engine, niceness: int) -> None:
    global _engine
    if niceness and hasattr(os, "nice"):
        os.nice(niceness)
    # What a terminal or a service manager sends to the whole group is for the process that hands
    # out the work: it may want to finish what it has begun.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    end_with_parent()
    import torch

    torch.set_num_threads(1)
    keep_freed_memory()
    gc.freeze()
    _engine = engine


def _search(
    batch: Sequence[Ids], settings: DecodingConfig, n_best: int, prefixes: Sequence[Ids] | None
) -> Found:
    return _engine.search(batch, settings, n_best, prefixes)
