"""A trained model with another vocabulary or more weights, for a run to start from.

    python scripts/grow_model.py --model de-en --tokenizer en-de --encoder-layers 12 --output DIR
    python scripts/grow_model.py --model de-en --d-ff 2048 --output DIR

What is known is kept. A piece that both vocabularies have keeps its embedding; another one begins
with the mean of the pieces that spelled it before. Each new layer follows an old one as its copy,
but with zeros in the two matrices that write to the residual stream: with `model.norm_first` it
changes nothing until it has learned something (as in Net2Net, Chen et al. 2016). New neurons of a
feed-forward network read what random weights make of their input, and write nothing yet.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from transformer.data.tokenizer import Tokenizer
from transformer.files import write_atomically
from transformer.runs.directory import RunDirectory
from transformer.runs.loading import load_run
from transformer.runs.weights import load_weights, named_weights, read_metadata, save_weights

EMBEDDINGS = ("src_embedding.weight", "tgt_embedding.weight", "output_projection.weight")
"""Matrices with a row for each piece."""

WRITING = ("self_attention.output.weight", "feed_forward.contract.weight")
"""What a layer adds to the residual stream, with the bias of the second, goes through these."""


def main() -> None:
    """Reads, grows, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="run directory, or one of the package's")
    parser.add_argument("--tokenizer", help="the same; its vocabulary is taken (default: --model)")
    parser.add_argument("--encoder-layers", type=int, help="how many (default: as before)")
    parser.add_argument("--d-ff", type=int, help="width within feed-forward (default: as before)")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()

    old = load_run(RunDirectory.find(args.model), "translation")
    tokenizer = RunDirectory.find(args.tokenizer or args.model).load_tokenizer("translation")
    grown = RunDirectory(args.output)
    if not grown.is_empty():
        raise SystemExit(f"{args.output} is not empty")
    before = old.config.transformer
    n_layers = args.encoder_layers or before.n_encoder_layers
    d_ff = args.d_ff or before.d_ff
    if not before.norm_first:
        raise SystemExit("a pre-norm model is needed")
    if n_layers < before.n_encoder_layers or d_ff < before.d_ff:
        raise SystemExit(
            f"models grow: {args.model} has {before.n_encoder_layers} encoder layers and d_ff "
            f"{before.d_ff}, which leaves no room for {n_layers} and {d_ff}"
        )

    weights = dict(named_weights(old.model))
    for name in EMBEDDINGS:
        if name in weights:
            weights[name] = exchanged(weights[name], old.tokenizer, tokenizer)
    weights = deepened(weights, before.n_encoder_layers, n_layers)
    weights = widened(weights, before.d_model, d_ff)

    shape = before.model_copy(update={"n_encoder_layers": n_layers, "d_ff": d_ff})
    config = old.config.model_copy(update={"model": shape, "run_dir": str(args.output)})
    model = type(old.model)(shape, vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id)
    load_weights(model, weights, source=args.model)
    about = read_metadata(RunDirectory.find(args.model).model)
    args.output.mkdir(parents=True, exist_ok=True)
    save_weights(named_weights(model), grown.model, about | {"tokenizer": tokenizer.fingerprint})
    write_atomically(grown.tokenizer, tokenizer.model)
    write_atomically(grown.config, config.to_yaml().encode())
    print(f"{args.output}: {model.n_parameters():,} weights")


def exchanged(matrix: Tensor, old: Tokenizer, new: Tokenizer) -> Tensor:
    """Rows for the pieces of another vocabulary.

    Args:
        matrix: (old vocabulary, d).

    Returns:
        (new vocabulary, d).
    """
    known = {piece: i for i, piece in enumerate(old.pieces(range(old.vocab_size)))}
    rows = []
    for piece in new.pieces(range(new.vocab_size)):
        ids = [known[piece]] if piece in known else spelled(piece, old)
        rows.append(matrix[torch.tensor(ids)].mean(dim=0))
    return torch.stack(rows)


def spelled(piece: str, old: Tokenizer) -> list[int]:
    """Ids of the pieces that an unknown piece was written with."""
    space = "▁"
    ids = old.encode(piece.replace(space, " ").strip())
    first = old.pieces(ids[:1])
    if not piece.startswith(space) and first == [space]:  # it stands within a word
        ids = ids[1:]
    return ids or [old.unk_id]


def deepened(weights: Mapping[str, Tensor], before: int, after: int) -> dict[str, Tensor]:
    """The same function with `after` encoder layers, the new ones spread evenly."""
    prefix = "encoder.layers."
    grown = {name: weight for name, weight in weights.items() if not name.startswith(prefix)}
    for layer in range(after):
        source = layer * before // after
        is_new = layer > 0 and (layer - 1) * before // after == source
        for name, weight in weights.items():
            if not name.startswith(f"{prefix}{source}."):
                continue
            rest = name.removeprefix(f"{prefix}{source}.")
            writes = rest in WRITING or rest == "feed_forward.contract.bias"
            zero = is_new and writes
            grown[f"{prefix}{layer}.{rest}"] = torch.zeros_like(weight) if zero else weight.clone()
    return grown


def widened(weights: Mapping[str, Tensor], d_model: int, d_ff: int) -> dict[str, Tensor]:
    """The same function with `d_ff` inner neurons in every feed-forward network.

    New ones get the initialisation of `nn.Linear` where they read, and zeros where they write.
    """
    random = torch.Generator().manual_seed(1)
    grown = dict(weights)
    for name, weight in weights.items():
        if name.endswith("feed_forward.expand.weight"):
            new = weight.new_empty(d_ff - len(weight), d_model)
            bound = d_model**-0.5
            grown[name] = torch.cat([weight, new.uniform_(-bound, bound, generator=random)])
        elif name.endswith("feed_forward.expand.bias"):
            grown[name] = torch.cat([weight, weight.new_zeros(d_ff - len(weight))])
        elif name.endswith("feed_forward.contract.weight"):
            new = weight.new_zeros(d_model, d_ff - weight.shape[1])
            grown[name] = torch.cat([weight, new], dim=1)
    return grown


if __name__ == "__main__":
    main()
