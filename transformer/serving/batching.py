"""Joins the texts of many requests into batches.

While batches are searched, the next one gathers, so that it grows with the load by itself. A text
that could begin at once waits 3 ms for others, and under load up to 36, as long as more keep coming
and do not fill a batch yet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..text.joining import Translation
from .limits import RefusedError

Search = Callable[[list[str], int], list[list[Translation]]]
"""Texts, and how many translations of each → these translations."""

PAUSE, MOST_PAUSES = 0.003, 12
"""Seconds to wait for company, and how often at most: as long as more keep coming."""

BATCH_PIECES = 2048
"""Most pieces that are handed over at a time, so that nobody waits long behind a batch."""

UNEVEN = 4
"""A text waits for the longest of its batch. So one of up to this many times the pieces of the
first, or a fourth of them, may come along; others begin a batch of their own."""


@dataclass(eq=False)
class _Waiting:
    text: str
    n_pieces: int
    n_best: int
    result: asyncio.Future[list[Translation]]


class Batcher:
    """Translates texts in batches, in the order of their arrival. For one event loop.

    Args:
        search: what translates a batch; it is called from other threads.
        n_pieces: tells how long a text is.
        at_once: batches that are searched at the same time.
        most: texts that may wait.
    """

    def __init__(
        self, search: Search, n_pieces: Callable[[str], int], *, at_once: int, most: int
    ) -> None:
        self._search = search
        self._n_pieces = n_pieces
        self._at_once = at_once
        self._most = most
        self._waiting: deque[_Waiting] = deque()
        self._arrived: asyncio.Event
        self._n_running = 0
        self._threads: ThreadPoolExecutor
        self._loops: list[asyncio.Task[None]] = []
        self.on_batch: Callable[[int], None] = lambda size: None

    @property
    def n_waiting(self) -> int:
        """Texts that nobody is translating yet."""
        return len(self._waiting)

    def start(self) -> None:
        """Begins to take batches; called in the event loop."""
        self._arrived = asyncio.Event()
        self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="search")
        self._loops = [asyncio.create_task(self._run()) for _ in range(self._at_once)]

    async def stop(self) -> None:
        """Ends; what still waits is refused."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        while self._waiting:
            result = self._waiting.popleft().result
            if not result.done():
                result.set_exception(RefusedError(503, "the service is shutting down"))
        await asyncio.to_thread(self._threads.shutdown)

    async def translate(self, texts: Sequence[str], n_best: int = 1) -> list[list[Translation]]:
        """The n_best translations of each text.

        A caller that is cancelled gives up the places of its texts.

        Raises:
            RefusedError: with 503, too many texts wait already.
        """
        if len(self._waiting) + len(texts) > self._most:
            raise RefusedError(
                503,
                f"{len(self._waiting):,} texts are waiting, and no more than {self._most:,} may; "
                f"try again in a moment",
                {"Retry-After": "1"},
            )
        loop = asyncio.get_running_loop()
        new = [_Waiting(text, self._n_pieces(text), n_best, loop.create_future()) for text in texts]
        self._waiting.extend(new)
        self._arrived.set()
        try:
            return [await each.result for each in new]
        finally:
            left = [each for each in new if not each.result.done()]
            for each in left:
                each.result.cancel()
            if left:
                self._waiting = deque(each for each in self._waiting if not each.result.done())
            for each in new:  # nobody asks any more why this one failed
                if each.result.done() and not each.result.cancelled():
                    each.result.exception()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = await self._next()
            self._n_running += 1
            try:
                self.on_batch(len(batch))
                texts, n_best = [each.text for each in batch], batch[0].n_best
                found = await loop.run_in_executor(self._threads, self._search, texts, n_best)
            except Exception as error:
                for each in batch:
                    if not each.result.done():
                        each.result.set_exception(error)
            else:
                for each, translations in zip(batch, found, strict=True):
                    if not each.result.done():
                        each.result.set_result(translations)
            finally:
                self._n_running -= 1

    async def _next(self) -> list[_Waiting]:
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            n = 0
            for _ in range(MOST_PAUSES):
                if len(self._waiting) == n or self._enough():
                    break
                n = len(self._waiting)
                await asyncio.sleep(PAUSE)
            if batch := self._take():
                return batch

    def _enough(self) -> bool:
        # For all searches that are free.
        n_free = self._at_once - self._n_running
        return sum(each.n_pieces for each in self._waiting) >= n_free * BATCH_PIECES

    def _take(self) -> list[_Waiting]:
        # The first text, and others behind it that suit it; but some are left for whoever is free.
        batch: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        longest = 0
        most = -(-len(self._waiting) // (self._at_once - self._n_running))
        for each in self._waiting:
            if not batch:
                batch, longest = [each], each.n_pieces
                continue
            first = batch[0]
            suits = (
                each.n_best == first.n_best
                and each.n_pieces <= UNEVEN * first.n_pieces
                and first.n_pieces <= UNEVEN * each.n_pieces
            )
            if (
                suits
                and len(batch) < most
                and max(longest, each.n_pieces) * (len(batch) + 1) <= BATCH_PIECES
            ):
                batch.append(each)
                longest = max(longest, each.n_pieces)
            else:
                left.append(each)
        self._waiting = left
        return batch
