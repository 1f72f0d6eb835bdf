"""Several searches at once, in processes of one thread each.

A search is made of many small operations, and two threads that share each of them often wait for
one another: in int8 they translate 188 sentences of Multi30k a second, two searches side by side
258. These are processes, not threads, since Python lets only one thread at a time say what to
compute next: with two threads it is 211 (beam 5, two cores of an AMD EPYC).
"""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial

import torch

from ..config import DecodingConfig
from ..errors import UserError
from ..memory import keep_freed_memory
from .beam_search import Hypothesis
from .engine import Engine, Ids

Found = list[list[Hypothesis]]
Submit = Callable[[Sequence[Ids], Sequence[Ids] | None], Callable[[], Found]]
"""Batch and prefixes of a search → what waits for its result."""


class Workers:
    """Processes that search for a translator. They are started when first wanted, and kept.

    Args:
        engine: what searches; each worker has it for itself, but on Linux shares its memory.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._n = 0
        self._pool: ProcessPoolExecutor | None = None

    @contextmanager
    def searching(self, settings: DecodingConfig, n_best: int, n: int) -> Iterator[Submit]:
        """Something that takes batches; with one worker each is searched when it is wanted.

        Args:
            settings: of all searches.
            n_best: hypotheses a source.
            n: processes; 1 means this one.

        Raises:
            ValueError: fewer than one worker.
            UserError: a worker has died, most likely for lack of memory.
        """
        if n < 1:
            raise ValueError(f"workers must be at least 1; found {n}")
        if n == 1:
            search = self._engine.search
            yield lambda batch, prefixes: partial(search, batch, settings, n_best, prefixes)
            return
        pool = self._start(n)
        waiting: list[Future[Found]] = []

        def submit(batch: Sequence[Ids], prefixes: Sequence[Ids] | None) -> Callable[[], Found]:
            waiting.append(pool.submit(_search, batch, settings, n_best, prefixes))
            return waiting[-1].result

        try:
            yield submit
        except BrokenProcessPool:
            self._stop()
            raise UserError(
                "a worker process has died, most likely because memory ran out; "
                "try fewer workers or a smaller decoding.batch_tokens"
            ) from None
        finally:
            for future in waiting:
                future.cancel()

    def _start(self, n: int) -> ProcessPoolExecutor:
        if self._pool is None or self._n != n:
            self._stop()
            # A fork needs no import of torch, which takes seconds, and copies no weights.
            kind = "fork" if sys.platform == "linux" else "spawn"
            context = multiprocessing.get_context(kind)
            pool = ProcessPoolExecutor(n, context, initializer=_begin, initargs=(self._engine,))
            weakref.finalize(self, pool.shutdown, wait=False, cancel_futures=True)
            self._n, self._pool = n, pool
        return self._pool

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


_engine: Engine  # of a worker process


def _begin(engine: Engine) -> None:
    global _engine
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that gives the work
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    keep_freed_memory()
    gc.freeze()
    _engine = engine


def _end_with_parent() -> None:
    # Or else a worker would wait for ever for work from a process that was killed.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _search(
    batch: Sequence[Ids], settings: DecodingConfig, n_best: int, prefixes: Sequence[Ids] | None
) -> Found:
    return _engine.search(batch, settings, n_best, prefixes)
