"""Does bf16 learn what fp32 learns? The same training in both, update by update.

    python scripts/compare_precisions.py --train data/multi30k/train --val data/multi30k/val

Trains the model of `benchmark_training.py` for --updates, the learning rate falling to zero, once
in each precision, with the same seed and so the same batches and dropout masks. Prints the training
loss side by side, and what both reach on the validation set. A quarter of an hour on two cores.
"""

import argparse
import json
from pathlib import Path

from benchmark_training import add_data_arguments, model_settings

from transformer import load_config, train


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_arguments(parser)
    parser.add_argument("--work", type=Path, default=Path("runs/compare_precisions"))
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    curves: dict[str, dict[int, float]] = {}
    scores = {}
    for precision in ("bf16", "fp32"):
        settings = [
            *model_settings(args),
            f"run_dir={args.work / f'{precision}-{args.seed}'}",
            f"seed={args.seed}",
            f"training.precision={precision}",
            f"training.max_steps={args.updates}",
            "training.decay=linear",
            "training.learning_rate_scale=0.8",
            f"training.log_every={max(1, args.updates // 20)}",
            f"training.validate_every={args.updates}",
            f"training.checkpoint_every={args.updates}",
            "training.average_checkpoints=0",
            "training.val_bleu_sentences=1014",
        ]
        run = train(load_config(None, settings))
        lines = (run.directory / "metrics.jsonl").read_text().splitlines()
        entries = [json.loads(line) for line in lines]
        curves[precision] = {e["step"]: e["loss"] for e in entries if "loss" in e}
        scores[precision] = run.metrics

    print("\n| updates | bf16 | fp32 | difference |\n|---|---|---|---|")
    for step, loss in curves["fp32"].items():
        half = curves["bf16"][step]
        print(f"| {step:,} | {half:.4f} | {loss:.4f} | {half / loss - 1:+.2%} |")
    for name in scores["fp32"]:
        half, full = (scores[precision][name] for precision in ("bf16", "fp32"))
        print(f"| {name} | {half:.4f} | {full:.4f} | {half - full:+.4f} |")


if __name__ == "__main__":
    main()
