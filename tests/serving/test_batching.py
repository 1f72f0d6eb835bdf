"""Batches of many clients' texts: who is in them, in which order, and what becomes of the rest."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from transformer.serving.batching import BATCH_PIECES, MOST_PAUSES, PAUSE, Batcher
from transformer.serving.limits import RefusedError
from transformer.text.joining import Translation


class Searching:
    """Stands for a model: translations are the text and its rank. It waits while it is held."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.free = threading.Event()
        self.free.set()

    def __call__(self, texts: list[str], n_best: int) -> list[list[Translation]]:
        self.batches.append(texts)
        assert self.free.wait(10)
        if "bad" in texts:
            raise ValueError("bad")
        return [[Translation(f"{text} {rank}", 0.0) for rank in range(n_best)] for text in texts]


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def batcher(searching: Searching, at_once: int = 1, most: int = 100) -> Batcher:
    made = Batcher(searching, len, at_once=at_once, most=most)
    made.start()
    return made


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_everybody_gets_the_own_answers_in_order() -> None:
    async def work() -> None:
        batches = batcher(Searching(), at_once=3)
        asked = [[f"{i}.{j}" for j in range(i % 4)] for i in range(50)]
        found = await asyncio.gather(*(batches.translate(texts, 2) for texts in asked))
        for texts, translations in zip(asked, found, strict=True):
            assert [[t.text for t in each] for each in translations] == [
                [f"{text} 0", f"{text} 1"] for text in texts
            ]
        await batches.stop()

    run(work())


def test_what_comes_while_a_batch_is_searched_is_the_next_batch() -> None:
    async def work() -> None:
        searching = Searching()
        batches = batcher(searching)
        searching.free.clear()
        first = asyncio.create_task(batches.translate(["first"]))
        await until(lambda: searching.batches)
        rest = [asyncio.create_task(batches.translate([f"rest{i}"])) for i in range(5)]
        await until(lambda: batches.n_waiting == 5)
        searching.free.set()
        await asyncio.gather(first, *rest)
        assert searching.batches == [["first"], [f"rest{i}" for i in range(5)]]
        await batches.stop()

    run(work())


def test_a_search_waits_while_more_keep_coming_but_not_once_there_is_a_batch() -> None:
    async def trickle(batches: Batcher, texts: list[str]) -> None:
        tasks = []
        for text in texts:
            tasks.append(asyncio.create_task(batches.translate([text])))
            await asyncio.sleep(PAUSE / 2)
        await asyncio.gather(*tasks)

    async def work() -> None:
        searching = Searching()
        batches = batcher(searching)
        await trickle(batches, ["a"] * 6)
        assert searching.batches == [["a"] * 6]
        searching.batches.clear()
        half = "x" * (BATCH_PIECES // 2)
        await trickle(batches, [half] * 6)
        assert max(map(len, searching.batches)) == 2
        assert len(searching.batches) == 3
        searching.batches.clear()
        await trickle(batches, ["a"] * (4 * MOST_PAUSES))
        assert len(searching.batches) > 1  # not for ever
        await batches.stop()

    run(work())


def test_texts_of_other_lengths_or_wishes_have_batches_of_their_own() -> None:
    async def work() -> None:
        searching = Searching()
        batches = batcher(searching)
        texts = ["abcd", "x" * 17, "a", "x" * 16, "b"]
        await asyncio.gather(*(batches.translate([text]) for text in texts))
        assert searching.batches == [["abcd", "a", "x" * 16, "b"], ["x" * 17]]
        searching.batches.clear()
        await asyncio.gather(*(batches.translate(["a"], n) for n in (1, 2, 1)))
        assert searching.batches == [["a", "a"], ["a"]]
        searching.batches.clear()
        long = "x" * (BATCH_PIECES // 2)
        await batches.translate([long] * 3)
        assert searching.batches == [[long, long], [long]]
        await batches.stop()

    run(work())


def test_a_caller_that_gives_up_frees_the_places() -> None:
    async def work() -> None:
        searching = Searching()
        batches = batcher(searching, most=3)
        searching.free.clear()
        first = asyncio.create_task(batches.translate(["first"]))
        await until(lambda: searching.batches)
        gone = asyncio.create_task(batches.translate(["gone", "too"]))
        stays = asyncio.create_task(batches.translate(["stays"]))
        await until(lambda: batches.n_waiting == 3)
        with pytest.raises(RefusedError, match="3 texts are waiting") as refused:
            await batches.translate(["more"])
        assert refused.value.status == 503 and refused.value.headers["Retry-After"]
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert batches.n_waiting == 1
        searching.free.set()
        await asyncio.gather(first, stays)
        assert searching.batches == [["first"], ["stays"]]
        await batches.stop()

    run(work())


def test_an_error_is_told_to_those_who_were_in_the_batch_and_to_nobody_else() -> None:
    async def work() -> None:
        batches = batcher(Searching())
        with pytest.raises(ValueError, match="bad"):
            await batches.translate(["good", "bad"])
        [[good]] = await batches.translate(["good"])
        assert good.text == "good 0"
        await batches.stop()

    run(work())


def test_stopping_refuses_what_waits() -> None:
    async def work() -> None:
        searching = Searching()
        batches = batcher(searching)
        searching.free.clear()
        tasks = [asyncio.create_task(batches.translate([text])) for text in "ab"]
        await until(lambda: searching.batches)
        waits = asyncio.create_task(batches.translate(["c" * 9]))
        await until(lambda: batches.n_waiting == 1)
        stopping = asyncio.create_task(batches.stop())
        await asyncio.sleep(0.01)
        searching.free.set()
        await stopping
        [refused] = await asyncio.gather(waits, return_exceptions=True)
        assert isinstance(refused, RefusedError) and refused.status == 503
        for task in tasks:
            task.cancel()

    run(work())
