"""GPT-2 as Hugging Face stores it, its settings and weights under our names."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..config import GPTConfig
from .gpt import GPT

ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
}

# Other settings of their config.json, each with the only value that our blocks can compute.
FIXED = {
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
}

# Ours → theirs, inside a layer; the norms have a weight and a bias, too.
LAYER = {
    "self_attention_residual.norm": "ln_1",
    "self_attention.output": "attn.c_proj",
    "feed_forward_residual.norm": "ln_2",
    "feed_forward.expand": "mlp.c_fc",
    "feed_forward.contract": "mlp.c_proj",
}
QUERY_KEY_VALUE = ("query", "key", "value")  # three of ours in one of theirs, attn.c_attn


def gpt2_config(**settings: Any) -> GPTConfig:
    """The choices of GPT-2; by default the sizes of its smallest model, 124 million weights.

    Args:
        settings: what differs from GPT-2; d_ff is 4 · d_model unless given.
    """
    d_model = settings.get("d_model", 768)
    return GPTConfig.model_validate(
        {
            "d_model": d_model,
            "d_ff": 4 * d_model,
            "n_heads": 12,
            "n_decoder_layers": 12,
            "context": 1024,
            "positions": "learned",
            "scale_embedding": False,
            "initialisation": "gpt2",
            "norm_first": True,
            "activation": "gelu_tanh",
            "attention_bias": True,
            "dropout": 0.1,
            "attention_dropout": 0.1,
            **settings,
        }
    )


def is_gpt2(folder: Path) -> bool:
    """True of a folder that says it holds Hugging Face's GPT-2."""
    try:
        return bool(_read_json(folder / "config.json").get("model_type") == "gpt2")
    except ValueError:
        return False


def read_gpt2_config(folder: Path) -> tuple[GPTConfig, int]:
    """The settings of the model in such a folder, and its vocab_size.

    Raises:
        ValueError: as `GPT.from_huggingface`.
    """
    path = folder / "config.json"
    settings = _read_json(path)
    if settings.get("model_type") != "gpt2":
        raise ValueError(
            f"{path} is of model_type {settings.get('model_type')!r}; only 'gpt2' can be read"
        )
    missing = [
        name
        for name in ("vocab_size", "n_embd", "n_layer", "n_head", "n_positions")
        if not isinstance(settings.get(name), int)
    ]
    if missing:
        raise ValueError(f"{path} has no {', '.join(missing)}")
    return _our_config(settings, folder), settings["vocab_size"]


def read_gpt2(folder: Path) -> GPT:
    """See `GPT.from_huggingface`."""
    config, vocab_size = read_gpt2_config(folder)
    gpt = GPT(config, vocab_size=vocab_size)
    path = folder / "model.safetensors"
    try:
        theirs = load_file(path)
    except FileNotFoundError:
        raise ValueError(
            f"{path} is missing; other formats are converted by transformers: "
            f"model.save_pretrained(folder)"
        ) from None
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    theirs = {name.removeprefix("transformer."): weight for name, weight in theirs.items()}
    try:
        ours = _to_ours(theirs, gpt.config)
        missing, unknown = gpt.load_state_dict(ours, strict=False)
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{path} does not fit its config.json: {error}") from None
    assert not unknown and set(missing) <= {"output.weight", "output.positions"}, (missing, unknown)
    return gpt.eval()


def _our_config(settings: dict[str, Any], folder: Path) -> GPTConfig:
    for name, value in FIXED.items():
        if settings.get(name, value) != value:
            raise ValueError(
                f"{folder / 'config.json'}: {name} must be {value}; found {settings[name]}"
            )
    activation = settings.get("activation_function", "gelu_new")
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"{folder / 'config.json'}: activation_function must be one of "
            f"{', '.join(ACTIVATIONS)}; found {activation!r}"
        )
    if settings.get("resid_pdrop", 0.1) != settings.get("embd_pdrop", 0.1):
        raise ValueError(f"{folder / 'config.json'}: resid_pdrop and embd_pdrop must be equal")
    d_model = settings["n_embd"]
    return gpt2_config(
        d_model=d_model,
        d_ff=settings.get("n_inner") or 4 * d_model,
        n_heads=settings["n_head"],
        n_decoder_layers=settings["n_layer"],
        context=settings["n_positions"],
        activation=ACTIVATIONS[activation],
        dropout=settings.get("resid_pdrop", 0.1),
        attention_dropout=settings.get("attn_pdrop", 0.1),
    )


def _to_ours(theirs: dict[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    # Their linear layers hold (n_in, n_out), ours (n_out, n_in).
    ours = {
        "embedding.weight": theirs["wte.weight"],
        "embedding.positions": theirs["wpe.weight"],
        "decoder.norm.weight": theirs["ln_f.weight"],
        "decoder.norm.bias": theirs["ln_f.bias"],
    }
    for i in range(config.n_decoder_layers):
        here, there = f"decoder.layers.{i}", f"h.{i}"
        for name, other in LAYER.items():
            weight = theirs[f"{there}.{other}.weight"]
            ours[f"{here}.{name}.weight"] = weight if weight.dim() == 1 else weight.t()
            ours[f"{here}.{name}.bias"] = theirs[f"{there}.{other}.bias"]
        weights = theirs[f"{there}.attn.c_attn.weight"].t().chunk(3)
        biases = theirs[f"{there}.attn.c_attn.bias"].chunk(3)
        for name, weight, bias in zip(QUERY_KEY_VALUE, weights, biases, strict=True):
            ours[f"{here}.self_attention.{name}.weight"] = weight
            ours[f"{here}.self_attention.{name}.bias"] = bias
    return ours


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; name a folder of GPT2LMHeadModel") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold settings")
    return found
