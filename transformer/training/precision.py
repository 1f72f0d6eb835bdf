"""Where to compute and with which numbers."""

import gc
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch

from ..config import TrainingConfig
from ..device import choose_device, set_threads
from ..memory import (
    PRODUCTS,
    PRODUCTS_OF_A_STREAM,
    keep_compiled_products,
    keep_freed_memory,
)

Precision = Literal["fp32", "bf16"]


def set_up(
    settings: TrainingConfig, local_rank: int | None = None, *, streaming: bool = False
) -> tuple[torch.device, Precision]:
    """Makes the process ready to train; call it before computing anything.

    Args:
        settings: of the run.
        local_rank: which of several processes on this machine; on GPUs each takes its own.
        streaming: the text is never read twice in the same batches.

    Returns:
        The device and the precision to compute with.

    Raises:
        UserError: the device cannot be used, or there are too many threads.
    """
    keep_compiled_products(PRODUCTS_OF_A_STREAM if streaming else PRODUCTS)
    keep_freed_memory()
    device = choose_device(settings.device)
    if device.type == "cuda" and local_rank is not None:
        device = choose_device(f"cuda:{local_rank}")
        torch.cuda.set_device(device)
    set_threads(settings.threads)
    # Python's collector need not look at the 200,000 objects of imported modules again and again:
    # 1 % of an update of the Multi30k model.
    gc.collect()
    gc.freeze()
    return device, choose_precision(settings.precision, device)


def choose_precision(setting: Literal["auto", "fp32", "bf16"], device: torch.device) -> Precision:
    """`auto` is bf16 where the device multiplies it in hardware, fp32 elsewhere.

    On a CPU without such instructions bf16 is a hundred times slower than fp32, and less exact
    (measured: 1.1 and 115 GFLOP/s on two AVX2 cores).
    """
    if setting != "auto":
        return setting
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device.type == "cpu" and _cpu_multiplies_bf16() else "fp32"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """Matrix products in this precision; weights, softmax and the loss stay fp32.

    With bf16, what flows between the layers, residual sums included, is bf16 on a CPU (see
    `Embedding`) and fp32 on a GPU.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")


@lru_cache
def _cpu_multiplies_bf16() -> bool:
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:  # not Linux: fp32 is always right
        return False
    return bool(flags & {"avx512_bf16", "amx_bf16"})
