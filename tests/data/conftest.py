from pathlib import Path
from typing import Any

import pytest

from transformer.data import plain_text


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files of text that have been opened, one by one."""
    found: list[Path] = []
    original = plain_text._open

    def counted(path: Path) -> Any:
        found.append(path)
        return original(path)

    monkeypatch.setattr(plain_text, "_open", counted)
    return found
