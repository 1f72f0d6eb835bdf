"""Translated files, kept in memory until they are fetched or forgotten."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

SECONDS = 600
MOST_BYTES = 50_000_000


@dataclass(frozen=True)
class Download:
    """A file."""

    name: str
    content: bytes
    until: float


class Downloads:
    """Files under names that nobody can guess, for ten minutes and 50 MB of them at most.

    Args:
        clock: seconds; another one in tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._files: OrderedDict[str, Download] = OrderedDict()
        self._clock = clock

    def add(self, name: str, content: bytes) -> str:
        """Keeps a file; returns what it can be fetched by."""
        place = secrets.token_urlsafe(24)
        self._files[place] = Download(name, content, self._clock() + SECONDS)
        self._forget()
        return place

    def get(self, place: str) -> Download | None:
        """The file, unless there is none any more."""
        self._forget()
        return self._files.get(place)

    def _forget(self) -> None:
        total = sum(len(file.content) for file in self._files.values())
        while self._files:
            file = next(iter(self._files.values()))
            if file.until > self._clock() and total <= MOST_BYTES:
                return
            total -= len(file.content)
            self._files.popitem(last=False)
