"""How the speed of training grows: target tokens per second by width of the model and batch size.

    python scripts/benchmark_training_scaling.py --train data/multi30k/train --val data/multi30k/val

3 + 3 layers, d_ff four times d_model, heads of 64, 8,000 pieces. Every cell is timed once a round,
on a fresh model; the table gives medians, and the useful work as a share of the matrix products
that the machine makes (`benchmark_training.flops_per_token` has the formula).
"""

import argparse
import statistics
import time
from itertools import islice

import torch
from benchmark_training import add_data_arguments, flops_per_token
from peers import matmul_rate, processor

from transformer import load_config
from transformer.runs.checkpoints import TrainingState
from transformer.training.precision import set_up
from transformer.training.starting import prepare
from transformer.training.updating import build, update, updates

WIDTHS = (128, 256, 512)
BUDGETS = (1000, 4000, 16000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_arguments(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=32000, help="padded, timed in every cell")
    args = parser.parse_args()

    cells = [(d_model, budget) for d_model in WIDTHS for budget in BUDGETS]
    speeds: dict[tuple[int, int], list[float]] = {cell: [] for cell in cells}
    peaks = []
    for _ in range(args.rounds):
        peaks.append(matmul_rate("bf16"))
        for cell in cells:
            speeds[cell].append(tokens_per_second(*cell, args))
            print(f"d_model {cell[0]}, {cell[1]:,} tokens: {speeds[cell][-1]:,.0f}/s", flush=True)

    peak = statistics.median(peaks)
    print(
        f"\n{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}; matrix "
        f"products {peak / 1e9:.0f} GFLOP/s in bf16. Medians of {args.rounds} rounds.\n"
    )
    print("| d_model | " + " | ".join(f"{budget:,} tokens" for budget in BUDGETS) + " |")
    print("|---|" + "---|" * len(BUDGETS))
    for d_model in WIDTHS:
        sizes = {"d_model": d_model, "d_ff": 4 * d_model, "n_layers": 3, "vocab_size": 8000}
        medians = [statistics.median(speeds[d_model, budget]) for budget in BUDGETS]
        entries = [f"{s:,.0f}/s, {s * flops_per_token(sizes) / peak:.0%}" for s in medians]
        print(f"| {d_model} | " + " | ".join(entries) + " |")


def tokens_per_second(d_model: int, budget: int, args: argparse.Namespace) -> float:
    """Target tokens a second over a few updates of a new model, the first ones left out."""
    config = load_config(
        None,
        [
            f"data.train={args.train}",
            f"data.val={args.val}",
            "tokenizer.vocab_size=8000",
            f"model.d_model={d_model}",
            f"model.d_ff={4 * d_model}",
            f"model.n_heads={d_model // 64}",
            "model.n_encoder_layers=3",
            "model.n_decoder_layers=3",
            f"training.batch_tokens={budget}",
        ],
    )
    device, precision = set_up(config.training)
    task = prepare(config)
    model, optimizer = build(task, device)
    n_warm_up, n_timed = 2, max(2, args.tokens // budget)
    n_tokens = 0
    upcoming = updates(task, TrainingState())
    for step, batches in enumerate(islice(upcoming, n_warm_up + n_timed), start=1):
        if step == n_warm_up + 1:
            started = time.perf_counter()
        sums = update(task, model, optimizer, batches, step, precision)
        n_tokens += sums.n_tokens if step > n_warm_up else 0
    return n_tokens / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
