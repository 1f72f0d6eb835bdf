"""CTranslate2's format: an engine in C++ for CPUs and GPUs, with int8 and bf16 arithmetic."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..model.attention import MultiHeadAttention
from ..model.embedding import sinusoidal_positions
from ..model.encoder_decoder import Decoder, Encoder
from ..model.feed_forward import FeedForward
from ..model.layers import DecoderLayer, EncoderLayer
from .trained import INSTALL, ExportError, Trained

QUANTIZATIONS = (
    "float32",
    "float16",
    "bfloat16",
    "int16",
    "int8",
    "int8_float32",
    "int8_float16",
    "int8_bfloat16",
)
"""How weights are stored. CTranslate2 converts them on a machine without such arithmetic."""

ACTIVATIONS = {"relu": "RELU", "gelu": "GELU", "gelu_tanh": "GELUTanh", "silu": "SWISH"}


def export_ctranslate2(trained: Trained, folder: Path, *, quantization: str = "float32") -> None:
    """Fills a folder that `CTranslate2Engine` can load, and so can CTranslate2 without us.

    Beside CTranslate2's own files it holds config.yaml and sentencepiece.model. Three entries of
    config.json are for us: `longest_src`, the pieces of the longest source seen in training, or
    null; `n_positions`, the most pieces that a source or a translation may have; and `tokenizer`,
    the fingerprint of the one that the weights were trained with.

    Raises:
        ExportError: ctranslate2 is not installed, or there is no such quantization.
    """
    if quantization not in QUANTIZATIONS:
        raise ExportError(
            f"--quantization for ctranslate2 must be one of {', '.join(QUANTIZATIONS)}; "
            f"found {quantization!r}"
        )
    spec = build_spec(trained)
    spec.validate()
    spec.optimize(quantization=quantization)  # and stores what is there twice only once
    spec.save(str(folder))
    trained.write_origin(folder)


@torch.no_grad()
def build_spec(trained: Trained) -> Any:
    """The model as CTranslate2 describes one, a `TransformerSpec` with copies of all weights.

    The positions are given as a table, since those that CTranslate2 computes put all sines before
    all cosines. It scales embeddings by √d_model of its own accord.

    Raises:
        ExportError: ctranslate2 is not installed.
    """
    try:
        from ctranslate2 import specs
    except ImportError:
        raise ExportError(f"ctranslate2 is not installed: {INSTALL}") from None
    model, tokenizer, config = trained.model, trained.tokenizer, trained.model.config
    spec = specs.TransformerSpec.from_config(
        (config.n_encoder_layers, config.n_decoder_layers),
        config.n_heads,
        pre_norm=config.norm_first,
        activation=getattr(specs.Activation, ACTIVATIONS[config.activation]),
    )
    spec.encoder.embeddings[0].weight = model.src_embedding.weight.clone()
    spec.decoder.embeddings.weight = model.tgt_embedding.weight.clone()
    spec.decoder.projection.weight = model.output.weight.clone()
    for stack_spec, stack in ((spec.encoder, model.encoder), (spec.decoder, model.decoder)):
        stack_spec.position_encodings.encodings = sinusoidal_positions(
            trained.n_positions, config.d_model
        )
        _set_stack(stack_spec, stack)

    pieces = tokenizer.pieces(range(tokenizer.vocab_size))
    spec.register_source_vocabulary(pieces)
    spec.register_target_vocabulary(pieces)
    spec.config.unk_token = pieces[tokenizer.unk_id]
    spec.config.bos_token = spec.config.decoder_start_token = pieces[tokenizer.bos_id]
    spec.config.eos_token = pieces[tokenizer.eos_id]
    spec.config.layer_norm_epsilon = nn.LayerNorm(config.d_model).eps
    spec.config.add_attribute("longest_src", trained.longest_src)
    spec.config.add_attribute("n_positions", trained.n_positions)
    spec.config.add_attribute("tokenizer", tokenizer.fingerprint)
    return spec


def _set_stack(spec: Any, stack: Encoder | Decoder) -> None:
    # In CTranslate2 a norm belongs to a sublayer, whether it stands before or after it.
    for layer_spec, layer in zip(spec.layer, stack.layers, strict=True):
        assert isinstance(layer, EncoderLayer | DecoderLayer)
        _set_attention(layer_spec.self_attention, layer.self_attention, fused=3)
        _set_norm(layer_spec.self_attention.layer_norm, layer.self_attention_residual.norm)
        if isinstance(layer, DecoderLayer):
            _set_attention(layer_spec.attention, layer.cross_attention, fused=2)
            _set_norm(layer_spec.attention.layer_norm, layer.cross_attention_residual.norm)
        _set_feed_forward(layer_spec.ffn, layer.feed_forward)
        _set_norm(layer_spec.ffn.layer_norm, layer.feed_forward_residual.norm)
    if isinstance(stack.norm, nn.LayerNorm):
        _set_norm(spec.layer_norm, stack.norm)


def _set_attention(spec: Any, attention: MultiHeadAttention, *, fused: int) -> None:
    # Projections of the same input are one matrix: query, key and value (3), or key and value (2).
    projections = [attention.query, attention.key, attention.value]
    groups = [[p] for p in projections[:-fused]] + [projections[-fused:]]
    for linear, group in zip(spec.linear, [*groups, [attention.output]], strict=True):
        _set_linear(linear, *group)


def _set_feed_forward(spec: Any, feed_forward: FeedForward) -> None:
    _set_linear(spec.linear_0, feed_forward.expand)
    _set_linear(spec.linear_1, feed_forward.contract)


def _set_linear(spec: Any, *layers: nn.Linear) -> None:
    spec.weight = torch.cat([layer.weight for layer in layers])
    biases: list[Tensor] = [layer.bias for layer in layers if layer.bias is not None]
    if biases:
        spec.bias = torch.cat(biases)


def _set_norm(spec: Any, norm: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = norm.weight.clone(), norm.bias.clone()
