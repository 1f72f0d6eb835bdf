"""Who may use the service, and how often."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from ..errors import UserError, shown
from ..files import explained
from .limits import RefusedError

MOST_CLIENTS = 10_000
"""Clients whose requests are counted at a time; the one seen longest ago is forgotten first."""

_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


class Keys:
    """API keys, of which the file holds only hashes: a line for each, `hash  name`.

    A key is 32 random bytes, so that one plain SHA-256 is enough: nobody can guess it.

    Raises:
        UserError: there is no such file, or a line is no hash with a name.
    """

    def __init__(self, path: Path) -> None:
        self._names: dict[str, str] = {}
        if not path.is_file():
            raise UserError(
                f"there is no file of keys {path}; make one by "
                f"`transformer-serve --keys {path} --new-key NAME`"
            )
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            match = _LINE.fullmatch(line.strip())
            if match is None:
                raise UserError(
                    f"{path}:{number}: not a hash and a name; make keys by "
                    f"`transformer-serve --keys {path} --new-key NAME`"
                )
            self._names[match[1]] = match[2]

    def name_of(self, key: str) -> str | None:
        """Whose key this is."""
        return self._names.get(_hash(key))


def add_key(path: Path, name: str) -> str:
    """Makes a key and adds its hash to the file, which only its owner may read.

    Returns:
        The key. It cannot be shown again.

    Raises:
        UserError: the name is empty, has a line break, or has a key already; or the file cannot be
            written.
    """
    if not name.strip() or not name.isprintable():
        raise UserError(f"the name of a key must be one line of text; found {shown(name)}")
    if path.exists() and name.strip() in Keys(path)._names.values():
        raise UserError(f"{name.strip()} has a key already; remove its line from {path} first")
    key = secrets.token_urlsafe(32)
    with explained(path):
        path.touch(mode=0o600)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{_hash(key)}  {name.strip()}\n")
    return key


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


class Rate:
    """Lets each client ask so many times a minute, and that many at once.

    Args:
        per_minute: requests.
        clock: seconds; another one in tests.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_minute / 60
        self._most = float(per_minute)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # requests, at this time

    def count(self, client: str) -> None:
        """Counts a request.

        Raises:
            RefusedError: with 429, the client has none left. It says when it has one again.
        """
        now = self._clock()
        left, since = self._left.pop(client, (self._most, now))
        left = min(self._most, left + (now - since) * self._per_second)
        self._left[client] = (left - 1 if left >= 1 else left), now
        while len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)
        if left < 1:
            seconds = int((1 - left) / self._per_second) + 1
            raise RefusedError(
                429,
                f"more than {self._most:g} requests in a minute; wait {seconds} s",
                {"Retry-After": str(seconds)},
            )
