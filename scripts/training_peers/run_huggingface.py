"""Hugging Face's MarianMTModel: in a bare loop, or by its Trainer; fp32 or bf16 autocast."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
import transformers
from meter import Meter, learning_rate, read_job
from torch import Tensor
from transformers import MarianConfig, MarianMTModel, Trainer, TrainingArguments


def main() -> None:
    job, folder = read_job()
    data = torch.load(folder / "batches.pt", weights_only=True)
    model = build(job)
    meter = Meter(job)
    if job.loop == "trainer":
        train_with_trainer(model, data["train"], job, meter, folder)
    else:
        train(model, data["train"], job, meter)
    n_weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
    attention = model.config._attn_implementation
    meter.write(
        folder,
        validate(model, data["val"], job),
        n_weights,
        f"transformers {transformers.__version__}, {attention}",
    )


def build(job: SimpleNamespace) -> MarianMTModel:
    """The same model: 3 + 3 layers post-norm, sinusoidal positions, one embedding for all."""
    return MarianMTModel(
        MarianConfig(
            vocab_size=job.vocab_size,
            d_model=job.d_model,
            encoder_layers=job.n_layers,
            decoder_layers=job.n_layers,
            encoder_attention_heads=job.n_heads,
            decoder_attention_heads=job.n_heads,
            encoder_ffn_dim=job.d_ff,
            decoder_ffn_dim=job.d_ff,
            activation_function="relu",
            dropout=job.dropout,
            attention_dropout=0.0,
            activation_dropout=0.0,
            scale_embedding=True,
            max_position_embeddings=512,
            pad_token_id=job.pad_id,
            eos_token_id=job.eos_id,
            decoder_start_token_id=job.bos_id,
            forced_eos_token_id=None,
            use_cache=False,
        )
    )


def autocast(job: SimpleNamespace) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=job.precision == "bf16")


def forward(model: MarianMTModel, src: Tensor, tgt_in: Tensor, pad_id: int) -> Tensor:
    return model(
        input_ids=src, attention_mask=(src != pad_id).long(), decoder_input_ids=tgt_in
    ).logits


def train(model: MarianMTModel, batches: Any, job: SimpleNamespace, meter: Meter) -> None:
    """The bare loop: nothing but forward, backward and a fused AdamW."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9, weight_decay=0.0, fused=True
    )
    model.train()
    for step, (src, tgt_in, tgt_out) in enumerate(islice(endless(batches), total(job)), start=1):
        meter.count(int((tgt_out != job.pad_id).sum()))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, job)
        with autocast(job):
            logits = forward(model, src, tgt_in, job.pad_id)
            loss = F.cross_entropy(
                logits.flatten(0, 1),
                tgt_out.flatten(),
                ignore_index=job.pad_id,
                label_smoothing=job.smoothing,
            )
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def train_with_trainer(
    model: MarianMTModel, batches: Any, job: SimpleNamespace, meter: Meter, folder: Path
) -> None:
    """The Trainer, with its own label smoothing and optimiser, over the same batches."""

    class OverBatches(Trainer):
        def get_train_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(Examples(batches, job, meter), batch_size=None)

    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9, weight_decay=0.0, fused=True
    )
    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        max_steps=total(job),
        use_cpu=True,
        bf16=job.precision == "bf16",
        label_smoothing_factor=job.smoothing,
        max_grad_norm=0.0,
        save_strategy="no",
        report_to=[],
        logging_steps=50,
        seed=job.seed,
    )
    trainer = OverBatches(
        model,
        arguments,
        optimizers=(
            optimizer,
            torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: learning_rate(n + 1, job)),
        ),
    )
    trainer.train()


class Examples(torch.utils.data.IterableDataset):  # type: ignore[type-arg]
    """Batches as MarianMTModel's arguments."""

    def __init__(self, batches: Any, job: SimpleNamespace, meter: Meter) -> None:
        self.batches, self.job, self.meter = batches, job, meter

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        for src, tgt_in, tgt_out in endless(self.batches):
            self.meter.count(int((tgt_out != self.job.pad_id).sum()))
            yield {
                "input_ids": src,
                "attention_mask": (src != self.job.pad_id).long(),
                "decoder_input_ids": tgt_in,
                "labels": tgt_out.masked_fill(tgt_out == self.job.pad_id, -100),
            }


def endless(batches: Any) -> Iterator[Any]:
    while True:
        yield from batches


def total(job: SimpleNamespace) -> int:
    return job.warm_up + job.updates


@torch.no_grad()
def validate(model: MarianMTModel, batches: Any, job: SimpleNamespace) -> float:
    """Negative log-likelihood in nats a target token."""
    model.eval()
    nll, n_tokens = 0.0, 0
    for src, tgt_in, tgt_out in batches:
        logits = forward(model, src, tgt_in, job.pad_id)
        nll += float(
            F.cross_entropy(
                logits.flatten(0, 1), tgt_out.flatten(), ignore_index=job.pad_id, reduction="sum"
            )
        )
        n_tokens += int((tgt_out != job.pad_id).sum())
    return nll / n_tokens


if __name__ == "__main__":
    main()
