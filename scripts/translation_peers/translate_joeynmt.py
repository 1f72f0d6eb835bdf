"""Joey NMT by its own `predict`, on sentences sorted by length. It decodes without a cache."""

from importlib.metadata import version
from pathlib import Path

import torch
from joeynmt.config import load_config, parse_global_args
from joeynmt.prediction import predict, prepare
from joeynmt.tokenizers import BasicTokenizer, SentencePieceTokenizer
from stopwatch import measure, read_job


def main() -> None:
    job, folder = read_job()
    torch.set_num_threads(job.threads)
    config = load_config(Path(job.joeynmt) / "config.yaml")
    config["testing"] = {
        "beam_size": job.beam_size,
        "beam_alpha": 1.0,  # of ((5 + n) / 6)^alpha; there is no n^alpha
        "batch_size": job.joeynmt_batch,
        "batch_type": "sentence",
        "max_output_length": job.max_length,
        "generate_unk": False,
    }
    # Its own also restricts sentencepiece to the vocabulary, by a method that sentencepiece has no
    # longer; there is nothing to restrict.
    SentencePieceTokenizer.set_vocab = BasicTokenizer.set_vocab
    args = parse_global_args(config, rank=0, mode="translate")
    model, _, _, data = prepare(args, rank=0, mode="translate")
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = 1e-5  # 1e-6 is fixed in its source

    def translate(lines: list[str]) -> list[str]:
        order = sorted(range(len(lines)), key=lambda i: -len(lines[i]))
        data.reset_cache()
        for i in order:
            data.set_item(lines[i])
        _, _, texts, _, _, _ = predict(
            model=model,
            data=data,
            device=args.device,
            n_gpu=0,
            normalization="none",
            args=args.test,
            autocast=args.autocast,
        )
        found = dict(zip(order, texts, strict=True))
        return [found[i] for i in range(len(lines))]

    measure(job, folder, translate, f"joeynmt {version('joeynmt')}, no cache")


if __name__ == "__main__":
    main()
