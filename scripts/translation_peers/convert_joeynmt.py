"""Writes the model of a run directory as a checkpoint and configuration of Joey NMT.

    python scripts/translation_peers/convert_joeynmt.py runs/multi30k_de_en FOLDER

For the benchmark only. Joey NMT wants its special tokens first, in an order of its own, and has
biases in its attention, which are zero here.
"""

import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from transformer import Translator
from transformer.config import ModelConfig
from transformer.model.embedding import sinusoidal_positions

LONGEST = 5000  # Joey NMT stores its positions up to here
ATTENTION = {"query": "q_layer", "key": "k_layer", "value": "v_layer", "output": "output_layer"}
RESIDUALS = {  # our norms by theirs: encoder, decoder
    "encoder": {"self_attention": "layer_norm", "feed_forward": "feed_forward.layer_norm"},
    "decoder": {
        "self_attention": "x_layer_norm",
        "cross_attention": "dec_layer_norm",
        "feed_forward": "feed_forward.layer_norm",
    },
}
ATTENTIONS = {
    "encoder": {"self_attention": "src_src_att"},
    "decoder": {"self_attention": "trg_trg_att", "cross_attention": "src_trg_att"},
}


def main() -> None:
    run, folder = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    translator = Translator.load(run)
    model, tokenizer = translator.model, translator.tokenizer
    config = model.config
    if config.norm_first or config.tie != "all" or config.attention_bias:
        sys.exit(f"{run}: the conversion is for post-norm, tie: all, no attention_bias")

    special = [tokenizer.unk_id, tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id]
    order = special + [i for i in range(tokenizer.vocab_size) if i not in special]
    state = weights(dict(model.named_parameters()), config, order)
    torch.save({"model_state": state}, folder / "best.ckpt")
    pieces = tokenizer.pieces(order[len(special) :])
    (folder / "vocab.txt").write_text("".join(f"{p}\n" for p in pieces), encoding="utf-8")
    (folder / "sentencepiece.model").write_bytes(tokenizer.model)
    names = [tokenizer.pieces([i])[0] for i in special]
    (folder / "config.yaml").write_text(yaml.safe_dump(configuration(config, folder, names)))


def weights(ours: dict[str, Tensor], config: ModelConfig, order: list[int]) -> dict[str, Tensor]:
    """Our weights by their names in Joey NMT."""
    embedding = ours["tgt_embedding.weight"].detach()[order]
    state = {
        "src_embed.lut.weight": embedding,
        "trg_embed.lut.weight": embedding,
        "decoder.output_layer.weight": embedding,
    }
    no_bias = torch.zeros(config.d_model)
    n_layers = {"encoder": config.n_encoder_layers, "decoder": config.n_decoder_layers}
    for stack, n in n_layers.items():
        state[f"{stack}.pe.pe"] = sinusoidal_positions(LONGEST, config.d_model).unsqueeze(0)
        for layer in (f"{stack}.layers.{i}" for i in range(n)):
            for mine, theirs in ATTENTIONS[stack].items():
                for part, name in ATTENTION.items():
                    state[f"{layer}.{theirs}.{name}.weight"] = ours[f"{layer}.{mine}.{part}.weight"]
                    state[f"{layer}.{theirs}.{name}.bias"] = no_bias
            for kind in ("weight", "bias"):
                for mine, theirs in RESIDUALS[stack].items():
                    norm = ours[f"{layer}.{mine}_residual.norm.{kind}"]
                    state[f"{layer}.{theirs}.{kind}"] = norm
                for mine, theirs in (("expand", "0"), ("contract", "3")):
                    linear = ours[f"{layer}.feed_forward.{mine}.{kind}"]
                    state[f"{layer}.feed_forward.pwff_layer.{theirs}.{kind}"] = linear
    return {name: weight.detach().clone() for name, weight in state.items()}


def configuration(config: ModelConfig, folder: Path, special: list[str]) -> dict[str, Any]:
    """The same model in Joey NMT's terms."""
    folder = folder.resolve()
    side = {
        "level": "bpe",
        "tokenizer_type": "sentencepiece",
        "tokenizer_cfg": {"model_file": str(folder / "sentencepiece.model")},
        "voc_file": str(folder / "vocab.txt"),
    }
    stack = {
        "type": "transformer",
        "num_heads": config.n_heads,
        "embeddings": {"embedding_dim": config.d_model, "scale": True},
        "hidden_size": config.d_model,
        "ff_size": config.d_ff,
        "layer_norm": "post",
        "activation": config.activation,
    }
    unk, pad, bos, eos = special
    return {
        "name": "benchmark",
        "model_dir": str(folder),
        "use_cuda": False,
        "fp16": False,
        "data": {
            "train": "none",
            "dataset_type": "plain",
            "src": {**side, "lang": "src"},
            "trg": {**side, "lang": "tgt"},
            "special_symbols": {
                "unk_token": unk,
                "unk_id": 0,
                "pad_token": pad,
                "pad_id": 1,
                "bos_token": bos,
                "bos_id": 2,
                "eos_token": eos,
                "eos_id": 3,
            },
        },
        "model": {
            "initializer": "xavier_uniform",
            "tied_embeddings": True,
            "tied_softmax": True,
            "encoder": {**stack, "num_layers": config.n_encoder_layers},
            "decoder": {**stack, "num_layers": config.n_decoder_layers},
        },
        "training": {"batch_size": 1},  # asked for even where nothing is trained
        "testing": {},
    }


if __name__ == "__main__":
    main()
