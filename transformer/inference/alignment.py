"""Which words a translation comes from, by the attention with which the model would write it."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from ..data.tokenizer import Tokenizer
from ..inspection.words import by_word, mean_of_rows, spans_of_words, written
from ..model.attention import MultiHeadAttention, attention_weights
from ..model.encoder_decoder import Transformer
from ..model.kv_cache import Memory
from ..model.layers import DecoderLayer
from ..model.layout import Padded
from ..text.markup import Alignment, Range

LONGEST = 1024
"""Pieces of either side: all weights of a pass are kept, which grow with the square."""


def align(
    model: Transformer, tokenizer: Tokenizer, text: str, translation: str
) -> Alignment | None:
    """Aligns the words of a text and its translation.

    Returns:
        None if either is empty or too long, or its pieces are not found in it.
    """
    source, target = tokenizer.encode(text), tokenizer.encode(translation)
    if not 0 < len(source) <= LONGEST or not 0 < len(target) <= LONGEST:
        return None
    pieces = tokenizer.pieces(source), tokenizer.pieces(target)
    words = [spans_of_words(each) for each in pieces]
    found = [
        _places(text_, [written(each[span.start : span.stop]) for span in spans])
        for text_, each, spans in zip((text, translation), pieces, words, strict=True)
    ]
    if found[0] is None or found[1] is None:
        return None
    src = torch.tensor([[*source, tokenizer.eos_id]], device=model.device)
    tgt_in = torch.tensor([[tokenizer.bos_id, *target[:-1]]], device=model.device)
    weights = cross_attention(model, src, tgt_in).mean(dim=(0, 2))[0]
    weights = by_word(weights[:, : len(source)].float().cpu(), words[1], words[0], mean_of_rows)
    weights /= weights.sum(dim=-1, keepdim=True).clamp(min=1e-9)
    return Alignment(found[0], found[1], weights.tolist())


@torch.inference_mode()
def cross_attention(model: Transformer, src: Tensor, tgt_in: Tensor) -> Tensor:
    """What each target token looks at in the source while the next one is written.

    Args:
        model: in evaluation mode.
        src: (batch, src_len) ids.
        tgt_in: (batch, tgt_len) ids that start with BOS.

    Returns:
        (layers, batch, n_heads, tgt_len, src_len)
    """
    memories = model.encode(src, model.source_layout(src))
    layout = model.target_layout(tgt_in)
    x = model.tgt_embedding(tgt_in, layout)
    seen: list[Tensor] = []
    for each, memory in zip(model.decoder.layers, memories, strict=True):
        layer = cast(DecoderLayer, each)
        x = layer.self_attention_residual(x, lambda x, layer=layer: layer.self_attention(x, layout))
        watched = _Watched(layer.cross_attention, memory, layout, seen)
        x = layer.cross_attention_residual(x, watched)
        x = layer.feed_forward_residual(x, layer.feed_forward)
    return torch.stack(seen)


class _Watched:
    # A cross-attention that also tells its weights. Kernels stay as they are, since another thread
    # may be using them.
    def __init__(
        self, attention: MultiHeadAttention, memory: Memory, layout: Padded, seen: list[Tensor]
    ) -> None:
        self._attention, self._memory, self._layout = attention, memory, layout
        self._seen = seen

    def __call__(self, x: Tensor) -> Tensor:
        queries = self._attention.queries(x, self._layout)
        cache, mask = self._memory.cache, self._memory.mask
        self._seen.append(attention_weights(queries, cache.keys, mask))
        return self._attention.attend(queries, cache, mask, self._layout)


def _places(text: str, words: Sequence[str]) -> list[Range] | None:
    # Where the words stand in the text, one behind the other.
    places, end = [], 0
    for word in words:
        start = text.find(word, end)
        if start < 0 or not word:
            return None
        end = start + len(word)
        places.append((start, end))
    return places
