"""Hugging Face's format for language models: a folder that `transformers.GPT2LMHeadModel` loads."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..config import GPTConfig
from ..model.gpt import GPT
from ..model.gpt2 import ACTIVATIONS, FIXED, LAYER, QUERY_KEY_VALUE
from ..runs.directory import RunDirectory
from ..runs.loading import load_run
from .huggingface import dtype_of
from .trained import ExportError


def export_gpt2(run: RunDirectory, folder: Path, *, quantization: str) -> None:
    """Fills a folder for `GPT2LMHeadModel.from_pretrained`: same logits, same continuations.

    A byte_bpe tokenizer is written as tokenizer.json, which `AutoTokenizer` loads, any other under
    its own name, which only `transformer.Generator` loads.

    Raises:
        ExportError: the model makes a choice that GPT-2 does not have, or there is no such
            quantization.
        CheckpointError, TokenizerError: the run has no usable weights or tokenizer.
    """
    dtype = dtype_of(quantization)
    loaded = load_run(run, "language_modeling")
    tokenizer = loaded.tokenizer
    try:
        settings, weights = gpt2_files(loaded.model, eos_id=tokenizer.eos_id)
    except ValueError as error:
        raise ExportError(f"{error}; GPT2LMHeadModel cannot hold it") from None
    settings["dtype"] = quantization
    settings["tokenizer"] = tokenizer.fingerprint  # Generator.load compares it
    files = {
        "config.json": json.dumps(settings, indent=1).encode(),
        "config.yaml": loaded.config.to_yaml().encode(),
        tokenizer.file_name: tokenizer.model,
    }
    if tokenizer.file_name == "tokenizer.json":
        about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
        files["tokenizer_config.json"] = json.dumps(about, indent=1).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    path = folder / "model.safetensors"
    save_file({n: w.to(dtype) for n, w in weights.items()}, path, metadata={"format": "pt"})
    path.chmod((folder / "config.json").stat().st_mode)  # safetensors hides it from all others


def gpt2_files(gpt: GPT, *, eos_id: int | None = None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """config.json and weights that Hugging Face's `GPT2LMHeadModel` loads: same logits.

    Args:
        gpt: with the choices of `gpt2_config`.
        eos_id: what ends a text.

    Raises:
        ValueError: the model makes a choice that GPT-2 does not have.
    """
    config = gpt.config
    if config.tie == "none":
        raise ValueError("GPT-2 has model.tie=all; this model has none")
    needed = {"positions": "learned", "scale_embedding": False, "norm_first": True}
    for name, value in needed.items():
        if getattr(config, name) != value:
            raise ValueError(
                f"GPT-2 has model.{name}={value}; this model has {getattr(config, name)}"
            )
    if config.activation_dropout:
        raise ValueError("GPT-2 has no model.activation_dropout")
    settings = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": gpt.vocab_size,
        "n_positions": config.context,
        "n_embd": config.d_model,
        "n_layer": config.n_decoder_layers,
        "n_head": config.n_heads,
        "n_inner": config.d_ff,
        "activation_function": {ours: hf for hf, ours in reversed(ACTIVATIONS.items())}[
            config.activation
        ],
        "resid_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "attn_pdrop": config.attention_dropout,
        "bos_token_id": eos_id,
        "eos_token_id": eos_id,
        **FIXED,
    }
    return settings, _to_theirs(dict(gpt.named_parameters()), config)


def _to_theirs(ours: dict[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    theirs = {
        "wte.weight": ours["embedding.weight"],
        "wpe.weight": ours["embedding.positions"],
        "ln_f.weight": ours["decoder.norm.weight"],
        "ln_f.bias": ours["decoder.norm.bias"],
    }
    for i in range(config.n_decoder_layers):
        here, there = f"decoder.layers.{i}", f"h.{i}"
        for name, other in LAYER.items():
            weight = ours[f"{here}.{name}.weight"]
            theirs[f"{there}.{other}.weight"] = weight if weight.dim() == 1 else weight.t()
            theirs[f"{there}.{other}.bias"] = _bias(ours, f"{here}.{name}", weight)
        names = [f"{here}.self_attention.{name}" for name in QUERY_KEY_VALUE]
        weights = [ours[f"{name}.weight"] for name in names]
        biases = [_bias(ours, name, w) for name, w in zip(names, weights, strict=True)]
        theirs[f"{there}.attn.c_attn.weight"] = torch.cat(weights).t()
        theirs[f"{there}.attn.c_attn.bias"] = torch.cat(biases)
    return {f"transformer.{name}": weight.detach().contiguous() for name, weight in theirs.items()}


def _bias(ours: dict[str, Tensor], name: str, weight: Tensor) -> Tensor:
    # Without model.attention_bias there is none, which is the same as 0.
    return ours.get(f"{name}.bias", weight.new_zeros(len(weight)))
