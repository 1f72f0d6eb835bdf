"""What the service can do, whatever asks for it: translators, a detector, batches."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ..data.tokenizer import Tokenizer
from ..documents.reading import READERS
from ..errors import UserError, shown
from ..inference.score import Score
from ..inference.translator import Translator
from ..text.conventions import language_of
from ..text.joining import Translation
from .batching import Batcher
from .detecting import Detector
from .limits import Limits, RefusedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..inspection.explanation import Explanation

T = TypeVar("T")

AUTO = "auto"
"""As the source language: find out which."""

FILE_TEXTS = 64
"""Texts of a file that are handed over at a time, so that a file does not hold up everyone else."""

DETECTED = 5000
"""Characters of a document that tell its language."""

NICENESS = 5
"""Of workers: they leave a core to the process that reads requests, or the next batches would be
small. With 32 clients on two cores, this and the longer pauses of `batching` make 1.23 times as
many sentences."""

MOST_LOOKS = 16
"""Requests that may wait to look inside a model; these run one at a time."""


@dataclass(frozen=True)
class Detected:
    """The language of a text."""

    language: str
    confidence: float  # 0 to 1


@dataclass(frozen=True)
class Answer:
    """A text's translations, best first, and its language if that was asked for."""

    translations: list[Translation]
    detected: Detected | None = None


@dataclass(frozen=True)
class _Direction:
    translator: Translator
    batches: Batcher
    name: str
    card: str


class Service:
    """Translates for many clients at once, in one direction or several.

    Args:
        translators: name of each model, such as `de-en`, and its translator.
        cards: the model cards, in Markdown, by these names.
        workers: processes that search for each translator, nicer than this one; 1 means this one.
        limits: what clients may ask for.

    Raises:
        UserError: two models have the same direction, or a language is unknown to the detector.
    """

    def __init__(
        self,
        translators: dict[str, Translator],
        *,
        cards: dict[str, str] | None = None,
        workers: int = 1,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._directions: dict[tuple[str, str], _Direction] = {}
        for name, translator in translators.items():
            pair = _code(translator.src_lang), _code(translator.tgt_lang)
            if pair in self._directions:
                raise UserError(
                    f"{self._directions[pair].name} and {name} both translate from {pair[0]} to "
                    f"{pair[1]}; serve one of them"
                )
            translator.set_niceness(NICENESS)
            search = _search(translator, workers)
            search(["Hallo."], 1)  # begins the workers before there are threads
            batches = Batcher(
                search,
                partial(_n_pieces, translator.tokenizer),
                at_once=workers,
                most=self.limits.waiting,
            )
            card = (cards or {}).get(name, "")
            self._directions[pair] = _Direction(translator, batches, name, card)
        self._detector = Detector(self.languages)
        self._looking: ThreadPoolExecutor
        self._n_looking = 0

    @property
    def languages(self) -> list[str]:
        """All that are translated from or to."""
        return sorted({language for pair in self._directions for language in pair})

    @property
    def n_waiting(self) -> int:
        """Texts that nobody is translating yet."""
        return sum(direction.batches.n_waiting for direction in self._directions.values())

    @property
    def first(self) -> tuple[str, str]:
        """The direction that a page shows at first."""
        return next(iter(self._directions))

    def targets(self, source: str) -> list[str]:
        """The languages that one is translated into."""
        return [target for src, target in self._directions if src == source]

    def on_batch(self, call: Callable[[int], None]) -> None:
        """Calls this with the size of each batch."""
        for direction in self._directions.values():
            direction.batches.on_batch = call

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Translates while this is open; at its end, what still waits is refused."""
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="look")
        for direction in self._directions.values():
            direction.batches.start()
        try:
            yield
        finally:
            for direction in self._directions.values():
                await direction.batches.stop()
            await asyncio.to_thread(self._looking.shutdown)

    def detect(self, text: str) -> list[Detected]:
        """The served languages, the likeliest first."""
        return [Detected(*found) for found in self._detector.detect(text)]

    def card(self, source: str, target: str) -> tuple[str, str]:
        """The name of a model and its card in Markdown."""
        direction = self._direction(source, target)
        return direction.name, direction.card

    async def translate(
        self, texts: Sequence[str], source: str, target: str, *, n_best: int = 1
    ) -> list[Answer]:
        """Translates texts; what is in the target language already stays as it is.

        Args:
            texts: to translate; line breaks stay.
            source: their language, or `auto`.
            target: the language to translate them into.
            n_best: most translations of each.

        Raises:
            RefusedError: a language is not served (400), or too much is waiting (503).
        """
        found = [self._detect_for(text, target) if source == AUTO else None for text in texts]
        sources = [each.language if each else source for each in found]
        for language in (*([source] if source != AUTO else ()), target):
            self._require(language)
        batches: dict[str, list[int]] = {}
        for i, language in enumerate(sources):
            if language != target:
                self._direction(language, target)
                batches.setdefault(language, []).append(i)
        answers = [
            Answer([Translation(text, 0.0)], each) for text, each in zip(texts, found, strict=True)
        ]
        for language, places in batches.items():
            direction = self._direction(language, target)
            chosen = [texts[i] for i in places]
            done = await direction.batches.translate(chosen, self._most(direction, n_best))
            for i, translations in zip(places, done, strict=True):
                answers[i] = Answer(translations[:n_best], found[i])
        return answers

    async def translate_document(
        self, content: str, kind: str, source: str, target: str, *, n_best: int = 1
    ) -> list[Answer]:
        """Translates a document and keeps its structure.

        Args:
            content: of the document.
            kind: html, markdown, srt, tsv, or text, line by line.
            source, target: as in `translate`. What `auto` finds goes for the whole document.
            n_best: most versions of it. The n-th has the n-th translation of each of its texts, or
                the last that there is.

        Returns:
            One answer whose translations are whole documents.

        Raises:
            RefusedError: as in `translate`, or this is no such document (400).
        """
        pieces, fill = await asyncio.to_thread(_read, content, kind)
        sample = " ".join(pieces)[:DETECTED]
        detected = self._detect_for(sample, target) if source == AUTO else None
        found: list[list[Translation]] = []
        for first in range(0, len(pieces), FILE_TEXTS):
            some = pieces[first : first + FILE_TEXTS]
            language = detected.language if detected else source
            answers = await self.translate(some, language, target, n_best=n_best)
            found += [answer.translations for answer in answers]
        if not found:
            await self.translate([], source if source != AUTO else target, target)  # the languages
        versions: dict[str, Translation] = {}
        for rank in range(max(1, max(map(len, found), default=1))):
            chosen = [each[min(rank, len(each) - 1)] for each in found]
            text = await asyncio.to_thread(fill, [each.text for each in chosen])
            score = sum(each.score for each in chosen)
            confidence = min((each.confidence for each in chosen), default=1.0)
            warnings = tuple(
                f"text {number}: {warning}"
                for number, each in enumerate(chosen, start=1)
                for warning in each.warnings
            )
            versions.setdefault(text, Translation(text, score, confidence, warnings))
        return [Answer(list(versions.values()), detected)]

    async def explain(
        self, text: str, source: str, target: str, translation: str | None
    ) -> Explanation:
        """See `Translator.explain`.

        Raises:
            RefusedError: a language is not served, or the text cannot be explained (400); too many
                ask at the same time (503).
        """
        translator = self._direction(source, target).translator
        return await self._look(lambda: translator.explain(text, translation))

    async def alternatives(
        self, text: str, source: str, target: str, prefix: str, n: int
    ) -> list[Translation]:
        """See `Translator.alternatives`; errors as in `explain`."""
        translator = self._direction(source, target).translator
        return await self._look(lambda: translator.alternatives(text, prefix, n))

    async def score(self, text: str, source: str, target: str, translation: str) -> Score:
        """See `Translator.score`; errors as in `explain`."""
        translator = self._direction(source, target).translator
        return await self._look(lambda: translator.score(text, translation))

    async def _look(self, work: Callable[[], T]) -> T:
        if self._n_looking >= MOST_LOOKS:
            raise RefusedError(
                503, "too many ask at the same time; try again in a moment", {"Retry-After": "1"}
            )
        self._n_looking += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._looking, work)
        except UserError as error:
            raise RefusedError(400, str(error)) from None
        finally:
            self._n_looking -= 1

    def _detect_for(self, text: str, target: str) -> Detected:
        # Where the text says nothing, a language that can be translated.
        best = self.detect(text)
        likely = [each for each in best if each.confidence == best[0].confidence]
        into = (each for each in likely if target in self.targets(each.language))
        return next(into, best[0])

    def _most(self, direction: _Direction, n_best: int) -> int:
        return min(n_best, direction.translator.decoding.beam_size)

    def _require(self, language: str) -> None:
        if language not in self.languages:
            names = ", ".join(self.languages)
            raise RefusedError(400, f"{shown(language)} is not a language served here ({names})")

    def _direction(self, source: str, target: str) -> _Direction:
        if source == AUTO:
            raise RefusedError(400, "source must be a language here, not auto")
        for language in (source, target):
            self._require(language)
        direction = self._directions.get((source, target))
        if direction is None:
            pairs = ", ".join(f"{src} to {tgt}" for src, tgt in self._directions)
            raise RefusedError(
                400, f"no model here translates {source} to {target}; there is {pairs}"
            )
        return direction


def _code(language: str) -> str:
    return language_of(language) or language


def _n_pieces(tokenizer: Tokenizer, text: str) -> int:
    return len(tokenizer.encode(text)) + 1


def _read(content: str, kind: str) -> tuple[list[str], Callable[[Sequence[str]], str]]:
    # What is to be translated, and what puts translations in its place.
    if kind == "text":
        lines = re.split(r"(\r?\n)", content)  # each with its end behind it
        ends = [*lines[1::2], ""]
        return lines[::2], lambda found: "".join(map(str.__add__, found, ends))
    try:
        document = READERS[kind](content)
    except UserError as error:
        raise RefusedError(400, str(error)) from None
    return document.texts, document.filled


def _search(
    translator: Translator, workers: int
) -> Callable[[list[str], int], list[list[Translation]]]:
    def search(texts: list[str], n_best: int) -> list[list[Translation]]:
        return translator.translate_batch(texts, n_best=n_best, workers=workers)

    return search
