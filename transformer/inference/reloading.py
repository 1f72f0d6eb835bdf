"""What unpickling does where the pickle holds a folder's name in place of its weights."""

import copy
import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")
Arguments = tuple[tuple[str, Any], ...]
"""Names and values, as something that a cache can look up."""


def reloaded(load: Callable[..., T], arguments: Arguments, kept: dict[str, Any]) -> T:
    """Loads what was pickled, with the attributes that may have changed since it was loaded.

    It is loaded once in a process, although Pool.map sends the pickle along with every task.
    """
    loaded = copy.copy(_load(os.getpid(), load, arguments))
    loaded.__dict__.update(kept)
    return loaded


@lru_cache(maxsize=1)
def _load(process: int, load: Callable[..., Any], arguments: Arguments) -> Any:
    return load(**dict(arguments))
