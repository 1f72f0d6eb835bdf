"""Eole, OpenNMT-py's successor, by its own `train`, on text cut into pieces beforehand."""

from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import eole.train_single
from eole.bin.run.train import train
from eole.config.run import TrainConfig
from meter import Meter, read_job


def main() -> None:
    job, folder = read_job()
    meter = Meter(job)
    built = eole.train_single.build_trainer
    trainers = []

    def build_trainer(*args: Any, **kwargs: Any) -> Any:
        trainer = built(*args, **kwargs)
        trainers.append(trainer)
        accumulated = trainer._accum_batches

        def counted(iterator: Any) -> Any:
            for batches, normalization in accumulated(iterator):
                for batch in batches:
                    target = batch["tgt"][:, 1:]
                    meter.count(int(target.ne(trainer.train_loss.padding_idx).sum()))
                yield batches, normalization

        trainer._accum_batches = counted
        validated = trainer.validate

        def validate(*args: Any, **kwargs: Any) -> Any:
            trainer.stats = validated(*args, **kwargs)
            return trainer.stats

        trainer.validate = validate
        return trainer

    eole.train_single.build_trainer = build_trainer
    train(TrainConfig(**configuration(job, folder)))
    (trainer,) = trainers
    n_weights = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    meter.write(folder, trainer.stats.xent(), n_weights, f"eole {version('eole')}")


def configuration(job: SimpleNamespace, folder: Path) -> dict[str, Any]:
    """The same model, corpus and schedule in Eole's terms."""
    steps = job.warm_up + job.updates
    return {
        "seed": job.seed,
        "share_vocab": True,
        "src_vocab": str(folder / "eole.vocab"),
        "tgt_vocab": str(folder / "eole.vocab"),
        "src_vocab_size": job.vocab_size,
        "tgt_vocab_size": job.vocab_size,
        "overwrite": True,
        "report_every": 50,
        "save_data": str(folder / "eole-data"),
        "data": {
            "corpus": {
                "path_src": str(folder / "train.src"),
                "path_tgt": str(folder / "train.tgt"),
            },
            "valid": {"path_src": str(folder / "val.src"), "path_tgt": str(folder / "val.tgt")},
        },
        "training": {
            "model_path": str(folder / "eole"),
            "world_size": 1,
            "gpu_ranks": [],
            "compute_dtype": "bf16" if job.precision == "bf16" else "fp32",
            "batch_type": "tokens",
            "batch_size": job.eole_batch,
            "valid_batch_size": 32,
            "normalization": "tokens",
            "num_workers": 0,
            "bucket_size": 30000,
            "optim": "adam",
            "adam_beta1": 0.9,
            "adam_beta2": 0.98,
            "adam_eps": 1e-9,
            "learning_rate": job.scale,
            "decay_method": "noam",
            "warmup_steps": job.warmup,
            "max_grad_norm": 0.0,
            "param_init_method": "xavier_uniform",
            "label_smoothing": job.smoothing,
            "dropout": [job.dropout],
            "attention_dropout": [0.0],
            "dropout_steps": [0],
            "train_steps": steps,
            "valid_steps": steps,
            "save_checkpoint_steps": steps,
        },
        "model": {
            "architecture": "transformer",
            "hidden_size": job.d_model,
            "layers": job.n_layers,
            "heads": job.n_heads,
            "transformer_ff": job.d_ff,
            "share_embeddings": True,
            "share_decoder_embeddings": True,
            "add_qkvbias": False,
            "embeddings": {
                "word_vec_size": job.d_model,
                "position_encoding_type": "SinusoidalInterleaved",
            },
        },
    }


if __name__ == "__main__":
    main()
