"""Joey NMT, by its own `train` and configuration file, on text cut into pieces beforehand."""

from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joeynmt.training
import torch
import torch.nn.functional as F
import yaml
from joeynmt.config import load_config
from meter import Meter, read_job


def main() -> None:
    job, folder = read_job()
    (folder / "joeynmt.yaml").write_text(yaml.safe_dump(configuration(job, folder)))
    (folder / "joeynmt").mkdir()
    meter = Meter(job)
    managers = []

    class Manager(joeynmt.training.TrainManager):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            managers.append(self)

        def _train_step(self, batch: Any) -> Any:
            meter.count(batch.ntokens)
            return super()._train_step(batch)

        def train_and_validate(self, train_data: Any, valid_data: Any) -> None:
            self.val = valid_data
            super().train_and_validate(train_data, valid_data)

    joeynmt.training.TrainManager = Manager
    joeynmt.training.train(0, 1, load_config(folder / "joeynmt.yaml"), skip_test=True)
    (manager,) = managers
    n_weights = sum(p.numel() for p in manager.model.parameters() if p.requires_grad)
    meter.write(folder, validate(manager), n_weights, f"joeynmt {version('joeynmt')}")


def configuration(job: SimpleNamespace, folder: Path) -> dict[str, Any]:
    """The same model, corpus and schedule in Joey NMT's terms."""
    side = {
        "level": "word",  # cut at spaces: the pieces are there already
        "voc_file": str(folder / "joeynmt.vocab"),
        "max_length": 256,
    }
    stack = {
        "type": "transformer",
        "num_layers": job.n_layers,
        "num_heads": job.n_heads,
        "embeddings": {"embedding_dim": job.d_model, "scale": True, "dropout": job.dropout},
        "hidden_size": job.d_model,
        "ff_size": job.d_ff,
        "dropout": job.dropout,
        "layer_norm": "post",
        "activation": "relu",
    }
    return {
        "name": "benchmark",
        "model_dir": str(folder / "joeynmt"),
        "use_cuda": False,
        "fp16": False,
        "random_seed": job.seed,
        "data": {
            "train": str(folder / "train"),
            "dev": str(folder / "val"),
            "dataset_type": "plain",
            "src": {**side, "lang": "src"},
            "trg": {**side, "lang": "tgt"},
            "special_symbols": {
                "unk_token": "<unk>",
                "unk_id": 0,
                "pad_token": "<pad>",
                "pad_id": 1,
                "bos_token": "<s>",
                "bos_id": 2,
                "eos_token": "</s>",
                "eos_id": 3,
            },
        },
        "model": {
            "initializer": "xavier_uniform",
            "embed_initializer": "xavier_uniform",
            "tied_embeddings": True,
            "tied_softmax": True,
            "encoder": stack,
            "decoder": stack,
        },
        "training": {
            "optimizer": "adam",
            "adam_betas": [0.9, 0.98],
            "scheduling": "noam",
            "learning_rate_factor": job.scale,
            "learning_rate_warmup": job.warmup,
            "learning_rate": 1.0e-3,
            "learning_rate_min": 0.0,
            "label_smoothing": job.smoothing,
            "loss": "crossentropy",
            "normalization": "tokens",
            "batch_type": "token",
            "batch_size": job.joeynmt_batch,
            "epochs": 1000,
            "updates": job.warm_up + job.updates,
            "shuffle": True,
            "logging_freq": 50,
            "validation_freq": 10**9,
            "overwrite": True,
        },
        "testing": {"beam_size": 1, "batch_size": 1024, "batch_type": "token"},
    }


@torch.no_grad()
def validate(manager: Any) -> float:
    """Negative log-likelihood in nats a target token, without Joey NMT's label smoothing."""
    model = manager.model
    model.eval()
    nll, n_tokens = 0.0, 0
    batches = manager.val.make_iter(
        batch_size=32,
        eos_index=model.eos_index,
        pad_index=model.pad_index,
        device=manager.device,
    )
    for batch in batches:
        _, log_probs, _, _ = model(return_type="loss", **vars(batch))
        nll += float(
            F.nll_loss(
                log_probs.flatten(0, 1),
                batch.trg.flatten(),
                ignore_index=model.pad_index,
                reduction="sum",
            )
        )
        n_tokens += batch.ntokens
    return nll / n_tokens


if __name__ == "__main__":
    main()
