from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def threads() -> Iterator[None]:
    """Restored after a command that sets them."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
