"""Which device to compute on, and with how many threads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .errors import UserError, cut, shown

if TYPE_CHECKING:
    import torch

THREADS_PER_CORE = 8
"""More threads per core than this only wait for one another, and thousands crash OpenMP."""


def choose_device(setting: str) -> torch.device:
    """`auto` is a GPU if there is one.

    Raises:
        UserError: a device that torch does not know or this machine does not have.
    """
    import torch

    if setting != "auto":
        try:
            device = torch.device(setting)
            torch.ones(1, device=device).item()  # the device meta has no numbers
        except (RuntimeError, AssertionError, TypeError, ValueError, NotImplementedError) as error:
            reason = cut(str(error).splitlines()[0], 300)
            raise UserError(
                f"cannot compute on device {shown(setting)}; choose auto, cpu, cuda or mps "
                f"({reason})"
            ) from None
        return device
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def set_threads(n: int | None) -> None:
    """Sets the CPU threads of every operation from now on; None leaves them to torch.

    Raises:
        UserError: more than this machine can use.
    """
    if n is None:
        return
    cores = os.cpu_count() or 1
    if not 1 <= n <= THREADS_PER_CORE * cores:
        raise UserError(
            f"threads must be between 1 and {THREADS_PER_CORE * cores}, {THREADS_PER_CORE} for "
            f"each of the {cores} cores of this machine; found {n:,}"
        )
    import torch

    torch.set_num_threads(n)
