"""A trained model with another vocabulary and a deeper encoder, for a run to start from.

    python scripts/grow_model.py --model de-en --tokenizer en-de --encoder-layers 12 --output DIR

What is known is kept. A piece that both vocabularies have keeps its embedding; another one begins
with the mean of the pieces that spelled it before. Each new layer follows an old one as its copy,
but with zeros in the two matrices that write to the residual stream: with `model.norm_first` it
changes nothing until it has learned something (as in Net2Net, Chen et al. 2016).
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
    parser.add_argument("--tokenizer", required=True, help="the same, whose vocabulary is taken")
    parser.add_argument("--encoder-layers", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()

    old = load_run(RunDirectory.find(args.model), "translation")
    tokenizer = RunDirectory.find(args.tokenizer).load_tokenizer("translation")
    grown = RunDirectory(args.output)
    if not grown.is_empty():
        raise SystemExit(f"{args.output} is not empty")
    n_before = old.config.transformer.n_encoder_layers
    if not old.config.transformer.norm_first or args.encoder_layers < n_before:
        raise SystemExit(f"a pre-norm model of at most {args.encoder_layers} layers is needed")

    weights = dict(named_weights(old.model))
    for name in EMBEDDINGS:
        if name in weights:
            weights[name] = exchanged(weights[name], old.tokenizer, tokenizer)
    weights = deepened(weights, n_before, args.encoder_layers)

    shape = old.config.transformer.model_copy(update={"n_encoder_layers": args.encoder_layers})
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


if __name__ == "__main__":
    main()
