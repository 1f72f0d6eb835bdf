"""What the benchmarks share: an environment for each peer, and what the machine itself can do."""

import platform
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

TORCH = f"torch=={torch.__version__.partition('+')[0]}"  # the same in all environments

# What to install for each environment, and what had to be added: Joey NMT imports pkg_resources,
# gone from setuptools 81 on, and importlib_metadata, Eole aiohttp, without asking for them.
PACKAGES = {
    "huggingface": [TORCH, "transformers==5.23.0", "accelerate==1.15.0", "sentencepiece"],
    "eole": [TORCH, "eole==0.6.4", "aiohttp"],
    "joeynmt": [TORCH, "joeynmt==2.3.0", "setuptools<81", "importlib_metadata"],
    "ctranslate2": ["ctranslate2==4.8.5", "sentencepiece"],
}


@dataclass(frozen=True)
class Contender:
    """One row of a table."""

    name: str
    program: str  # under training_peers/ or translation_peers/
    environment: str  # folder under --work; "" is the one the benchmark runs in
    settings: dict[str, Any] = field(default_factory=dict)  # added to the program's job
    workers: bool = False  # one for each thread, instead of threads that share their work


def environment(work: Path, name: str) -> Path:
    """The Python of an environment under `work`, completed if need be; "" is the one we run in."""
    if not name:
        return Path(sys.executable)
    folder = work.resolve() / "environments" / name
    python = folder / "bin" / "python"
    packages = PACKAGES[name]
    done = folder / "installed"
    if not done.is_file() or done.read_text() != "\n".join(packages):
        print(f"installing {', '.join(packages)} into {folder}", flush=True)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
        done.write_text("\n".join(packages))
    return python


def run_program(python: Path, program: Path, arguments: Sequence[str | Path], log: Path) -> None:
    """Runs a program to its end; if it fails, ends this one with the last lines of its log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        status = subprocess.run(
            [python, program, *arguments], stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if status.returncode:
        tail = "".join(log.read_text().splitlines(keepends=True)[-15:])
        sys.exit(f"{program.name} ended with status {status.returncode}; {log} ends:\n{tail}")


def matmul_rate(precision: str) -> float:
    """Multiply-adds ×2 per second of products of 2048 × 2048 matrices, the best of five."""
    dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]
    a, b = torch.randn(2, 2048, 2048).to(dtype)
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        for _ in range(5):
            a @ b
        seconds.append((time.perf_counter() - start) / 5)
    return 2 * 2048**3 / min(seconds[1:])


def processor() -> str:
    """The name of the processor, as the system gives it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
