"""Training speed of this package beside its peers: same corpus, model size and machine, in turn.

    python scripts/benchmark_training.py --train data/multi30k/train --val data/multi30k/val

Every contender trains the same 3 + 3 layers (d_model 256, 4 heads, d_ff 1024, 8,000 shared pieces)
by its own loop, for the same number of updates of about the same number of target tokens. They run
one after the other, and again, `--rounds` times; the table gives medians. Each peer is installed
into a virtual environment of its own under --work, which needs the network or a local index.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from peers import Contender, environment, matmul_rate, processor, run_program

from transformer import load_config
from transformer.data.batching import epoch_batches, ordered_batches
from transformer.training.translation import TranslationTask

HERE = Path(__file__).resolve().parent


CONTENDERS = {
    "ours": Contender("this package, bf16", "run_ours.py", "", {"precision": "bf16"}),
    "ours-fp32": Contender("this package, fp32", "run_ours.py", "", {"precision": "fp32"}),
    "hf": Contender(
        "Hugging Face MarianMTModel, bare loop, fp32",
        "run_huggingface.py",
        "huggingface",
        {"loop": "bare", "precision": "fp32"},
    ),
    "hf-bf16": Contender(
        "Hugging Face MarianMTModel, bare loop, bf16",
        "run_huggingface.py",
        "huggingface",
        {"loop": "bare", "precision": "bf16"},
    ),
    "hf-trainer": Contender(
        "Hugging Face MarianMTModel, Trainer, fp32",
        "run_huggingface.py",
        "huggingface",
        {"loop": "trainer", "precision": "fp32"},
    ),
    "hf-trainer-bf16": Contender(
        "Hugging Face MarianMTModel, Trainer, bf16",
        "run_huggingface.py",
        "huggingface",
        {"loop": "trainer", "precision": "bf16"},
    ),
    "eole": Contender("Eole, fp32", "run_eole.py", "eole", {"precision": "fp32"}),
    "joeynmt": Contender("Joey NMT, fp32", "run_joeynmt.py", "joeynmt", {"precision": "fp32"}),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_arguments(parser)
    parser.add_argument("--work", type=Path, default=Path("runs/benchmark_training"))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=40, help="timed, after --warm-up others")
    parser.add_argument("--warm-up", type=int, default=20)
    parser.add_argument("--batch-tokens", type=int, default=2048, help="training.batch_tokens")
    args = parser.parse_args()

    args.work.mkdir(parents=True, exist_ok=True)
    pythons = {
        name: environment(args.work, name)
        for name in dict.fromkeys(CONTENDERS[key].environment for key in args.contenders)
    }
    data = args.work.resolve() / "data"
    job = write_data(data, args)
    reports: dict[str, list[dict[str, Any]]] = {key: [] for key in args.contenders}
    peaks: list[dict[str, float]] = []
    for number in range(1, args.rounds + 1):
        for key in args.contenders:
            peaks.append({name: matmul_rate(name) for name in ("bf16", "fp32")})
            contender = CONTENDERS[key]
            report = run(contender, pythons[contender.environment], data, job)
            reports[key].append(report)
            print(
                f"round {number}: {contender.name}: {report['tokens_per_second']:,.0f} target "
                f"tokens/s, {report['tokens_per_update']:,.0f} an update",
                flush=True,
            )
    print_table(reports, peaks, job)


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the text is, the same for all benchmarks of training."""
    parser.add_argument("--train", required=True, help="as data.train, e.g. data/multi30k/train")
    parser.add_argument("--val", required=True, help="as data.val")


def model_settings(args: argparse.Namespace) -> list[str]:
    """The model that is compared, and its text, as overrides of our settings."""
    return [
        f"data.train={args.train}",
        f"data.val={args.val}",
        "tokenizer.vocab_size=8000",
        "model.d_model=256",
        "model.n_heads=4",
        "model.d_ff=1024",
        "model.n_encoder_layers=3",
        "model.n_decoder_layers=3",
        "model.dropout=0.1",
        "training.batch_tokens=2048",
        "training.warmup_steps=400",
    ]


def write_data(data: Path, args: argparse.Namespace) -> dict[str, Any]:
    """The corpus in every form a contender reads, and the setting they share."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    total = args.warm_up + args.updates
    settings = [
        *model_settings(args),
        f"run_dir={data / 'ours'}",
        f"training.batch_tokens={args.batch_tokens}",
        f"training.max_steps={total}",
        "training.learning_rate_scale=0.3",
        f"training.validate_every={total}",
        f"training.checkpoint_every={total}",
        "training.average_checkpoints=0",
        "training.best_metric=loss",
        "training.val_bleu_sentences=0",
    ]
    config = load_config(None, settings)
    prepared = TranslationTask.prepare(config)
    tokenizer = prepared.tokenizer
    (data / "sentencepiece.model").write_bytes(tokenizer.model)
    settings.append(f"tokenizer.path={data / 'sentencepiece.model'}")
    (data / "ours.json").write_text(json.dumps(settings))

    for split, corpus in (("train", prepared.train), ("val", prepared.val)):
        for side in ("src", "tgt"):
            lines = [" ".join(tokenizer.pieces(ids)) for ids in corpus.pairs[f"{side}_ids"]]
            (data / f"{split}.{side}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    special = {tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id}
    pieces = tokenizer.pieces([i for i in range(tokenizer.vocab_size) if i not in special])
    (data / "joeynmt.vocab").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    (data / "eole.vocab").write_text("".join(f"{p}\t1\n" for p in pieces), encoding="utf-8")
    torch.save(batches(prepared, args.batch_tokens, total), data / "batches.pt")
    return {
        "seed": 1,
        "threads": torch.get_num_threads(),
        "warm_up": args.warm_up,
        "updates": args.updates,
        "vocab_size": tokenizer.vocab_size,
        "pad_id": tokenizer.pad_id,
        "bos_id": tokenizer.bos_id,
        "eos_id": tokenizer.eos_id,
        "d_model": 256,
        "d_ff": 1024,
        "n_heads": 4,
        "n_layers": 3,
        "dropout": 0.1,
        "smoothing": 0.1,
        "scale": 0.3,
        "warmup": 400,
        "joeynmt_batch": 3900,
        "eole_batch": args.batch_tokens,
    }


def batches(prepared: TranslationTask, batch_tokens: int, n_updates: int) -> dict[str, list[Any]]:
    """The very batches that `train` makes, for peers that take them: (src, tgt_in, tgt_out)."""
    trained = epoch_batches(
        prepared.train,
        prepared.tokenizer,
        batch_tokens=batch_tokens,
        max_tokens=256,
        seed=1,
        epoch=0,
    )
    validated = ordered_batches(prepared.val, prepared.tokenizer, batch_tokens=batch_tokens)
    return {
        "train": [(b.src, b.tgt_in, b.tgt_out) for b in islice(trained, n_updates)],
        "val": [(b.src, b.tgt_in, b.tgt_out) for b in validated],
    }


def run(contender: Contender, python: Path, data: Path, job: dict[str, Any]) -> dict[str, Any]:
    """One training from the start, in a process and a folder of its own."""
    with tempfile.TemporaryDirectory(dir=data) as name:
        folder = Path(name)
        for file in data.iterdir():
            if file.is_file():
                (folder / file.name).symlink_to(file)
        (folder / "job.json").write_text(json.dumps({**job, **contender.settings}))
        log = data.parent / "logs" / f"{contender.name}.log"
        run_program(python, HERE / "training_peers" / contender.program, [folder], log)
        report: dict[str, Any] = json.loads((folder / "report.json").read_text())
        return report


def flops_per_token(job: dict[str, Any]) -> float:
    """6 × (weights that multiply: of the layers, and the output projection), the usual count."""
    d, ff = job["d_model"], job["d_ff"]
    encoder_layer, decoder_layer = 4 * d * d + 2 * d * ff, 8 * d * d + 2 * d * ff
    return 6 * (job["n_layers"] * (encoder_layer + decoder_layer) + d * job["vocab_size"])


def print_table(
    reports: dict[str, list[dict[str, Any]]], peaks: list[dict[str, float]], job: dict[str, Any]
) -> None:
    """Medians over the rounds, as Markdown."""
    peak = {name: statistics.median(p[name] for p in peaks) for name in ("bf16", "fp32")}
    flops = flops_per_token(job)
    print(
        f"\n{processor()}, {job['threads']} threads, torch {torch.__version__}; matrix products: "
        f"{peak['bf16'] / 1e9:.0f} GFLOP/s in bf16, {peak['fp32'] / 1e9:.0f} in fp32. One target "
        f"token: {flops / 1e6:.1f} MFLOP. Medians of {len(next(iter(reports.values())))} runs of "
        f"{job['updates']} updates after {job['warm_up']}.\n"
    )
    first = next(iter(reports))
    print(
        f"| | target tokens/s | range | {CONTENDERS[first].name} is | of the bf16 products | "
        f"tokens an update | peak memory | validation NLL after {job['warm_up'] + job['updates']} |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for key, runs in reports.items():
        speeds = [r["tokens_per_second"] for r in runs]
        # Ratios within a round: what else the machine did, it did to both.
        ratios = [
            ours["tokens_per_second"] / theirs["tokens_per_second"]
            for ours, theirs in zip(reports[first], runs, strict=True)
        ]
        speed = statistics.median(speeds)
        print(
            f"| {CONTENDERS[key].name} ({runs[0]['notes']}) | {speed:,.0f} "
            f"| {min(speeds):,.0f} to {max(speeds):,.0f} "
            f"| {statistics.median(ratios):.2f} × "
            f"| {speed * flops / peak['bf16']:.0%} "
            f"| {statistics.median(r['tokens_per_update'] for r in runs):,.0f} "
            f"| {statistics.median(r['peak_bytes'] for r in runs) / 2**30:.2f} GiB "
            f"| {statistics.median(r['val_nll'] for r in runs):.2f} |"
        )


if __name__ == "__main__":
    main()
