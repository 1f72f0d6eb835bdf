"""Training and generation of a GPT beside Hugging Face's GPT2LMHeadModel: same sizes, same machine.

    python scripts/benchmark_gpt.py --config configs/gpt_shakespeare_char.yaml data.train=input.txt

Both have the same weights, are trained on the same blocks by the same optimiser (fused AdamW), and
generate without an end from the same prompt. They take turns; the table gives medians. Needs the
packages of `pip install -e '.[export]'`.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from statistics import median
from typing import Any

from transformer.memory import keep_compiled_products, keep_freed_memory

keep_compiled_products()
keep_freed_memory()

import torch  # noqa: E402
from peers import processor  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from transformer import GPT, Config, Sampling, load_config  # noqa: E402
from transformer.export.gpt2 import gpt2_files  # noqa: E402
from transformer.inference.compiled import CompiledStep  # noqa: E402
from transformer.inference.precision import Precision, convert  # noqa: E402
from transformer.runs.checkpoints import TrainingState  # noqa: E402
from transformer.training.precision import set_up  # noqa: E402
from transformer.training.starting import prepare  # noqa: E402
from transformer.training.updating import build, update, updates  # noqa: E402

BATCHES = (1, 32)
"""Texts generated together."""


def main() -> None:
    """Trains and generates in turns, prints two tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="configs/gpt_shakespeare_char.yaml")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=5, help="timed in each round")
    parser.add_argument("--tokens", type=int, default=200, help="generated in each round")
    parser.add_argument(
        "--parts", nargs="+", choices=("training", "generation"), default=["training", "generation"]
    )
    parser.add_argument("overrides", nargs="*", metavar="section.key=value")
    args = parser.parse_args()
    fixed = ["model.attention_bias=true", "training.device=cpu"]
    config = load_config(args.config, [*args.overrides, *fixed])
    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    if "training" in args.parts:
        benchmark_training(config, args.rounds, args.updates)
    if "generation" in args.parts:
        benchmark_generation(config, args.rounds, args.tokens)


def benchmark_training(config: Config, rounds: int, n_updates: int) -> None:
    """Tokens a second of whole updates."""
    device, _ = set_up(config.training)
    task = prepare(config)
    batches = list(islice(updates(task, TrainingState()), n_updates))
    n_tokens = sum(batch.n_tokens for part in batches for batch in part)
    contenders: dict[str, Callable[[], None]] = {}
    for precision in ("bf16", "fp32"):
        ours, optimizer = build(task, device)

        def train_ours(
            precision: Any = precision, model: Any = ours, optimizer: Any = optimizer
        ) -> None:
            for step, part in enumerate(batches, start=1):
                update(task, model, optimizer, part, step, precision)

        contenders[f"this package, {precision}"] = train_ours
    theirs = build_theirs(build(task, device)[0]).train()
    fused = torch.optim.AdamW(theirs.parameters(), lr=1e-3, betas=(0.9, 0.99), fused=True)

    def train_theirs() -> None:
        for part in batches:
            fused.zero_grad(set_to_none=True)
            for batch in part:
                logits = theirs(input_ids=batch.ids[:, :-1], use_cache=False).logits
                targets = batch.ids[:, 1:].flatten()
                F.cross_entropy(logits.flatten(0, 1), targets).backward()
            if config.training.clip_norm:
                torch.nn.utils.clip_grad_norm_(theirs.parameters(), config.training.clip_norm)
            fused.step()

    contenders["GPT2LMHeadModel, fp32"] = train_theirs
    tabulate("training", contenders, n_tokens, rounds)


def benchmark_generation(config: Config, rounds: int, n: int) -> None:
    """Tokens a second of all texts together, the prompt of one token not counted."""
    vocab_size = 65
    gpt = GPT(config.gpt, vocab_size=vocab_size).eval()
    theirs = build_theirs(gpt).eval()
    n = min(n, config.gpt.context - 1)  # beyond, Hugging Face stops
    for batch in BATCHES:
        ids = torch.zeros(batch, 1, dtype=torch.int64)
        contenders: dict[str, Callable[[], Any]] = {}
        precisions: tuple[Precision, ...] = ("fp32", "bf16")
        for precision in precisions:
            ours = GPT(config.gpt, vocab_size=vocab_size)
            ours.load_state_dict(gpt.state_dict())
            ready = convert(ours.eval(), precision)
            contenders[f"this package, {precision}"] = partial(
                ready.generate, list(ids), n, sampling=Sampling(top_k=50)
            )
        ours = GPT(config.gpt, vocab_size=vocab_size)
        ours.load_state_dict(gpt.state_dict())
        contenders["this package, bf16, compiled"] = partial(
            ours.generate,
            list(ids),
            n,
            sampling=Sampling(top_k=50),
            step=CompiledStep(ours, "bf16"),
        )
        contenders["GPT2LMHeadModel.generate, fp32"] = partial(
            theirs.generate,
            ids,
            max_new_tokens=n,
            min_new_tokens=n,
            do_sample=True,
            top_k=50,
            pad_token_id=0,
        )
        tabulate(f"generation, {batch} text{'s' * (batch > 1)}", contenders, n * batch, rounds)


def build_theirs(gpt: GPT) -> Any:
    """Hugging Face's model with the same weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    settings, weights = gpt2_files(gpt)
    model = GPT2LMHeadModel(GPT2Config(**settings))
    tied: dict[str, Tensor] = {"lm_head.weight": weights["transformer.wte.weight"]}
    model.load_state_dict({**weights, **tied}, strict=True)
    return model


def tabulate(
    name: str, contenders: dict[str, Callable[[], Any]], n_tokens: int, rounds: int
) -> None:
    """One warm-up of each, then all in turn; prints medians."""
    for work in contenders.values():
        work()
    seconds: dict[str, list[float]] = {contender: [] for contender in contenders}
    for _ in range(rounds):
        for contender, work in contenders.items():
            started = time.perf_counter()
            work()
            seconds[contender].append(time.perf_counter() - started)
    last = median(list(seconds.values())[-1])
    print(f"\n| {name} | tokens/s | range | × the last |\n|---|---|---|---|")
    for contender, times in seconds.items():
        low, high = n_tokens / max(times), n_tokens / min(times)
        middle = median(times)
        print(
            f"| {contender} | {n_tokens / middle:,.0f} | {low:,.0f} to {high:,.0f} | "
            f"{last / middle:.2f} |"
        )


if __name__ == "__main__":
    main()
