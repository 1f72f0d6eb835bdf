"""How much the service takes on, and how it says no."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one client, or all of them together, may ask for."""

    characters: int = 5000
    """Of one request, all of its texts together."""
    texts: int = 100
    """In one list."""
    alternatives: int = 20
    """For one text."""
    body_bytes: int = 1_000_000
    """Of one request, files included."""
    waiting: int = 2000
    """Texts that wait for their translation, of all clients."""
    seconds: float = 60.0
    """For one answer."""
    file_seconds: float = 600.0
    """For one file."""
    upload_seconds: float = 15.0
    """For a request to arrive, its headers and then its body."""


class RefusedError(Exception):
    """A request that is not answered as asked.

    Args:
        status: of HTTP.
        message: a sentence that says what was found and what to do.
        headers: of the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
