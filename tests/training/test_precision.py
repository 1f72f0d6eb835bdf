import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from transformer.device import choose_device
from transformer.errors import UserError
from transformer.training import precision as precision_module
from transformer.training.precision import choose_precision

CPU = torch.device("cpu")
CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


@pytest.mark.parametrize(("flags", "chosen"), [("fpu avx2", "fp32"), ("avx512_bf16 fpu", "bf16")])
def test_auto_goes_by_what_the_processor_has(
    flags: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    precision_module._cpu_multiplies_bf16.cache_clear()
    monkeypatch.setattr(Path, "read_text", lambda path: f"flags\t: {flags}\n")
    assert choose_precision("auto", CPU) == chosen
    precision_module._cpu_multiplies_bf16.cache_clear()


def test_what_is_asked_for_is_taken() -> None:
    assert choose_precision("fp32", CPU) == "fp32"
    assert choose_precision("bf16", CPU) == "bf16"


def test_a_device_that_is_not_there_is_explained() -> None:
    with pytest.raises(UserError, match="cannot compute on device 'abacus'; choose auto, cpu"):
        choose_device("abacus")


def in_a_new_process(code: str, **environment: str) -> str:
    """What it prints; set_up changes a process for good, this one's too if a test has called it."""
    lines = f"""
import os, resource, torch
from transformer.config import TrainingConfig
from transformer.training.precision import set_up
{code}
"""
    done = subprocess.run(
        [sys.executable, "-c", lines],
        env=without_cache_capacity() | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.strip()


def without_cache_capacity() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name != CAPACITY}


@pytest.mark.slow
def test_set_up_sets_the_threads_and_keeps_compiled_products() -> None:
    code = (
        "set_up(TrainingConfig(threads=1))\n"
        "print(torch.get_num_threads(), os.environ['ONEDNN_PRIMITIVE_CACHE_CAPACITY'])"
    )
    assert in_a_new_process(code) == "1 2048"
    # Who has set it already keeps what was set.
    assert in_a_new_process(code, ONEDNN_PRIMITIVE_CACHE_CAPACITY="7") == "1 7"
    # A stream brings ever new shapes.
    assert in_a_new_process(code.replace("threads=1)", "threads=1), streaming=True")) == "1 128"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
@pytest.mark.slow
def test_freed_memory_is_kept() -> None:
    code = """
set_up(TrainingConfig())
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.ones(2**24)
before = faults()
for _ in range(10):
    torch.ones(2**24)  # 64 MB, 16,384 pages
print(faults() - before)
"""
    assert int(in_a_new_process(code)) < 1000
