"""What a search gains by encoding no padding: both ways in turn, on one thread.

    python scripts/benchmark_padding.py --input data/dev.de

Every batch size is timed on the same sentences, without what happens to the text. The
translations must be the same.
"""

import argparse
import statistics
import time
from pathlib import Path
from unittest.mock import patch

import torch

from transformer import Translator
from transformer.memory import keep_compiled_products, keep_freed_memory

SIZES = ((1, "in order"), (16, "in order"), (16, "sorted"), (64, "sorted"), (128, "sorted"))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--input", type=Path, required=True, help="sentences, one a line")
    parser.add_argument("--model", default="de-en", help="run directory or model (de-en)")
    parser.add_argument("--lines", type=int, default=192, help="how many of them (192)")
    parser.add_argument("--rounds", type=int, default=5, help="of each way (5)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_compiled_products()
    keep_freed_memory()
    translator = Translator.load(args.model)
    lines = [line for line in args.input.read_text(encoding="utf-8").splitlines() if line.strip()]
    eos = translator.tokenizer.eos_id
    ids = [[*translator.tokenizer.encode(line), eos] for line in lines[: args.lines]]
    print(f"{'sentences in a batch':24}{'padded, s':>12}{'without, s':>12}{'ratio':>8}{'same':>12}")
    for size, order in SIZES:
        sources = sorted(ids, key=len) if order == "sorted" else ids
        times: dict[bool, list[float]] = {True: [], False: []}
        found: dict[bool, list[tuple[int, ...]]] = {}
        for _ in range(args.rounds):
            for padded in times:
                # Nothing is gathered if that would be more than this share of a batch.
                with patch("transformer.model.layout.MOST_GATHERED", 0.0 if padded else 0.9):
                    seconds, found[padded] = search(translator, sources, size)
                times[padded].append(seconds)
        same = sum(a == b for a, b in zip(found[True], found[False], strict=True))
        with_padding, without = (statistics.median(times[padded]) for padded in (True, False))
        ratio = statistics.median(a / b for a, b in zip(times[True], times[False], strict=True))
        print(
            f"{f'{size}, {order}':24}{with_padding:>12.2f}{without:>12.2f}{ratio:>8.2f}"
            f"{f'{same} of {len(ids)}':>12}",
            flush=True,
        )


def search(
    translator: Translator, sources: list[list[int]], size: int
) -> tuple[float, list[tuple[int, ...]]]:
    """Seconds, and the best hypothesis of each source."""
    started = time.perf_counter()
    found = []
    for first in range(0, len(sources), size):
        batch = sources[first : first + size]
        found += translator.engine.search(batch, translator.decoding, 1, None)
    return time.perf_counter() - started, [best[0].ids for best in found]


if __name__ == "__main__":
    main()
