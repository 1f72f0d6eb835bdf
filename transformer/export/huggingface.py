"""Hugging Face's format: a folder that `transformers.MarianMTModel` loads."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..model.encoder_decoder import Transformer
from .trained import INSTALL, ExportError, Trained

QUANTIZATIONS = ("float32", "float16", "bfloat16")
"""How weights are stored."""

MARIAN_NAMES = {
    "self_attention.query": "self_attn.q_proj",
    "self_attention.key": "self_attn.k_proj",
    "self_attention.value": "self_attn.v_proj",
    "self_attention.output": "self_attn.out_proj",
    "self_attention_residual.norm": "self_attn_layer_norm",
    "cross_attention.query": "encoder_attn.q_proj",
    "cross_attention.key": "encoder_attn.k_proj",
    "cross_attention.value": "encoder_attn.v_proj",
    "cross_attention.output": "encoder_attn.out_proj",
    "cross_attention_residual.norm": "encoder_attn_layer_norm",
    "feed_forward.expand": "fc1",
    "feed_forward.contract": "fc2",
    "feed_forward_residual.norm": "final_layer_norm",
}
"""Our names for the parts of a layer, and Marian's."""


def export_huggingface(trained: Trained, folder: Path, *, quantization: str = "float32") -> None:
    """Fills a folder for `MarianMTModel.from_pretrained`: same logits, same ids, and `generate`.

    The folder also holds the files of `MarianTokenizer`, config.yaml, sentencepiece.model and a
    README that shows how to translate.

    Raises:
        ExportError: transformers is not installed, the model normalises first, or there is no such
            quantization.
    """
    dtype = dtype_of(quantization)
    marian = build_marian(trained)
    marian.to(dtype).save_pretrained(folder)
    _write_tokenizer(trained, folder)
    trained.write_origin(folder)
    readme = folder / "README.md"
    readme.write_text(_readme(trained), encoding="utf-8")
    for weights in folder.glob("*.safetensors"):
        weights.chmod(readme.stat().st_mode)  # safetensors lets only the owner read them


def dtype_of(quantization: str) -> torch.dtype:
    """How weights are stored.

    Raises:
        ExportError: there is no such quantization.
    """
    if quantization not in QUANTIZATIONS:
        raise ExportError(
            f"--quantization for huggingface must be one of {', '.join(QUANTIZATIONS)}; "
            f"found {quantization!r}"
        )
    dtype: torch.dtype = getattr(torch, quantization)
    return dtype


def build_marian(trained: Trained) -> Any:
    """A `MarianMTModel` that computes what our model computes.

    Marian puts all sines of a position before all cosines, and makes this table anew whenever it
    loads. Ours has sine and cosine in turns, so our columns move to where Marian wants them: see
    `marian_weights`. Marian always has biases in attention and on the logits; where we have none,
    they are zero.

    Raises:
        ExportError: transformers is not installed, or the model normalises first.
    """
    try:
        from transformers import GenerationConfig, MarianConfig, MarianMTModel
    except ImportError:
        raise ExportError(f"transformers is not installed: {INSTALL}") from None
    config, tokenizer = trained.model.config, trained.tokenizer
    if config.norm_first:
        raise ExportError(
            "Marian normalises after each sublayer, and this model before it "
            "(model.norm_first=true); export it with --format ctranslate2"
        )
    special: dict[str, Any] = {
        "pad_token_id": tokenizer.pad_id,
        "bos_token_id": tokenizer.bos_id,
        "eos_token_id": tokenizer.eos_id,
        "decoder_start_token_id": tokenizer.bos_id,
    }
    marian = MarianMTModel(
        MarianConfig(
            vocab_size=trained.model.vocab_size,
            d_model=config.d_model,
            encoder_layers=config.n_encoder_layers,
            decoder_layers=config.n_decoder_layers,
            encoder_attention_heads=config.n_heads,
            decoder_attention_heads=config.n_heads,
            encoder_ffn_dim=config.d_ff,
            decoder_ffn_dim=config.d_ff,
            activation_function=config.activation.replace("gelu_tanh", "gelu_new"),
            dropout=config.dropout,
            attention_dropout=config.attention_dropout,
            activation_dropout=config.activation_dropout,
            max_position_embeddings=trained.n_positions,
            scale_embedding=True,
            share_encoder_decoder_embeddings=config.tie == "all",
            tie_word_embeddings=config.tie != "none",
            forced_eos_token_id=None,  # by default Marian's own EOS
            **special,
        )
    ).eval()
    absent, unknown = marian.load_state_dict(marian_weights(trained.model), strict=False)
    assert not unknown, unknown
    assert all(name.endswith(("embed_positions.weight", "logits_bias")) for name in absent), absent
    marian.generation_config = GenerationConfig(**special, **_decoding(trained))
    return marian


@torch.no_grad()
def marian_weights(model: Transformer) -> dict[str, Tensor]:
    """Our weights under Marian's names, with the columns of the residual stream in Marian's order.

    All sublayers read from that stream and write to it. The order of its d_model columns does not
    matter, as long as all keep to the same one: embeddings, norms, the rows of matrices that write,
    the columns of those that read.
    """
    # Column 2i, a sine, becomes column i; 2i + 1, its cosine, becomes column d_model / 2 + i.
    order = torch.arange(model.config.d_model).view(-1, 2).t().flatten()
    weights = {
        "model.encoder.embed_tokens.weight": model.src_embedding.weight[:, order],
        "model.decoder.embed_tokens.weight": model.tgt_embedding.weight[:, order],
        "lm_head.weight": model.output.weight[:, order],
    }
    if model.config.tie == "all":
        weights["model.shared.weight"] = weights["lm_head.weight"]
    for stack in ("encoder", "decoder"):
        for name, weight in model.get_submodule(stack).named_parameters():
            _, number, sublayer, module, kind = name.split(".")  # layers.0.feed_forward.expand.bias
            theirs = f"model.{stack}.layers.{number}.{MARIAN_NAMES[f'{sublayer}.{module}']}"
            if "attention." in name and not model.config.attention_bias:
                weights[f"{theirs}.bias"] = torch.zeros_like(weight[0])
            if module in ("query", "key", "value", "expand"):  # these read
                weights[f"{theirs}.{kind}"] = weight[:, order] if kind == "weight" else weight
            else:
                weights[f"{theirs}.{kind}"] = weight[order]
    return weights


def _decoding(trained: Trained) -> dict[str, Any]:
    decoding = trained.config.decoding
    settings: dict[str, Any] = {
        "num_beams": decoding.beam_size,
        "max_new_tokens": min(
            trained.n_positions, trained.n_positions // 2 + decoding.max_extra_tokens
        ),
        "suppress_tokens": trained.tokenizer.forbidden_ids,
    }
    if decoding.beam_size > 1:
        # Hugging Face has n^alpha only. At 20 pieces, ((5 + n) / 6)^alpha grows as n^(0.8 alpha).
        exponents = {"paper": 0.8 * decoding.alpha, "power": decoding.alpha, "none": 0.0}
        settings["length_penalty"] = exponents[decoding.length_penalty]
        settings["early_stopping"] = "never"  # it stops when no other can win, as we do
    return settings


def _write_tokenizer(trained: Trained, folder: Path) -> None:
    tokenizer, data = trained.tokenizer, trained.config.data
    pieces = tokenizer.pieces(range(tokenizer.vocab_size))
    about = {
        "tokenizer_class": "MarianTokenizer",
        "source_lang": data.src_lang,
        "target_lang": data.tgt_lang,
        "unk_token": pieces[tokenizer.unk_id],
        "eos_token": pieces[tokenizer.eos_id],
        "pad_token": pieces[tokenizer.pad_id],
        "model_max_length": trained.n_positions,
        "clean_up_tokenization_spaces": False,
        "separate_vocabs": False,
    }
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    for name, content in (("tokenizer_config.json", about), ("vocab.json", vocabulary)):
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (folder / name).write_text(text, encoding="utf-8")
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(tokenizer.model)


def _readme(trained: Trained) -> str:
    data, decoding = trained.config.data, trained.config.decoding
    return f"""# {data.src_lang} → {data.tgt_lang}, as a Marian model

Written by `transformer-export --format huggingface`.

```python
from transformers import MarianMTModel, MarianTokenizer

folder = "."  # where this file lies
tokenizer = MarianTokenizer.from_pretrained(folder)
model = MarianMTModel.from_pretrained(folder)
texts = ["Guten Morgen!"]  # sentences in the language {data.src_lang}
batch = tokenizer(texts, padding=True, return_tensors="pt")
longest = batch["input_ids"].size(1) + {decoding.max_extra_tokens}
ids = model.generate(**batch, max_new_tokens=longest)
print(tokenizer.batch_decode(ids, skip_special_tokens=True))
```

- The logits are those of the exported model; only the order of its columns differs.
- The tokenizer gives the ids of `sentencepiece.model`, but in a text it takes `</s>`, `<pad>`,
  `<unk>` and, at the start, `>>words<<` for special tokens.
- `generation_config.json` holds beam, length limit and penalty. Hugging Face divides by n^alpha,
  the paper by ((5 + n) / 6)^alpha; the exponent makes both grow alike near 20 pieces.
- A source may have at most {trained.n_positions} pieces. Cut paragraphs into sentences first: the
  model was trained on sentences.
"""
