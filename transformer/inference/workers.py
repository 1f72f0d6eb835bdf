"""Several searches at once, in processes of one thread each.

A search is made of many small operations, and two threads that share each of them wait for one
another a third of the time. Two searches side by side wait for nothing. They are processes, not
threads, since Python lets only one thread at a time say what to compute next.
"""

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
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


@contextmanager
def searching(
    engine: Engine, settings: DecodingConfig, n_best: int, workers: int
) -> Iterator[Submit]:
    """Something that takes batches; with one worker each is searched when its result is wanted.

    Args:
        engine: what searches; each worker has it for itself, but on Linux shares its memory.
        settings: of all searches.
        n_best: hypotheses a source.
        workers: processes; 1 means this one.

    Raises:
        ValueError: fewer than one worker.
        UserError: a worker has died, most likely for lack of memory.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1; found {workers}")
    if workers == 1:
        yield lambda batch, prefixes: partial(engine.search, batch, settings, n_best, prefixes)
        return
    # A fork needs no import of torch, which takes seconds, and copies no weights.
    kind = "fork" if sys.platform == "linux" else "spawn"
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context(kind), initializer=_begin, initargs=(engine,)
    )

    def submit(batch: Sequence[Ids], prefixes: Sequence[Ids] | None) -> Callable[[], Found]:
        return pool.submit(_search, batch, settings, n_best, prefixes).result

    try:
        yield submit
    except BrokenProcessPool:
        raise UserError(
            "a worker process has died, most likely because memory ran out; "
            "try fewer workers or a smaller decoding.batch_tokens"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


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
