"""What must move a model's answer, and the parts that carry it: embedding, attention, residuals."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from ...model.attention import MultiHeadAttention
from ...model.encoder_decoder import Transformer
from ...model.feed_forward import FeedForward
from ...model.layers import Residual
from ...model.layout import Padded
from ...training.task import Model
from .examples import Example
from .findings import Finding, judged
from .leaks import TOLERANCE, moved_by

SIGNAL = "signal"


def check_signal(model: Model, example: Example) -> Iterator[Finding]:
    """The source, earlier tokens and their order must move logits; every layer passes its input on.

    Args:
        model: without dropout.
        example: several sentences, of different lengths.
    """
    logits = example.logits(model)
    length = example.tgt_in.size(1)
    probes: list[tuple[str, Tensor | None, Tensor | None, str]] = []
    if example.src is not None:
        look = "look at cross_attention in transformer/model/layers.py and encoder_decoder.py"
        probes.append(("another source", example.src.roll(1, 0), None, look))
        probes.append(
            ("the order of the source", _swapped(example.src, example.pad_id), None, _ORDER)
        )
    if length > 3:
        first = _exchanged(example.tgt_in, example.pad_id)
        look = "look at self_attention of the decoder and at its mask"
        probes.append(("an earlier target token", None, first, look))
        probes.append(
            ("the order of the target", None, _swapped(example.tgt_in, example.pad_id), _ORDER)
        )
    for what, src, tgt, advice in probes:
        after = example.logits(model, src, tgt)
        # A changed token itself is read at its place; what comes of it shows later.
        where = example.real & (torch.arange(length) >= (0 if tgt is None else 3))
        moved = moved_by(logits, after, where) if where.any() else float("inf")
        right = moved > TOLERANCE
        effect = f"moves logits by {moved:.2g} deviations" if right else "makes no difference"
        yield judged(SIGNAL, "ok" if right else "fault", f"{what} {effect}", advice)
    if isinstance(model, Transformer) and example.src is not None:
        yield check_encoder(model, example.src, example.pad_id)
    yield check_embedding(model)
    yield check_residuals(model)
    yield check_feed_forward(model)
    yield check_attention(model)


_ORDER = (
    "nothing says where a token stands: look at the positions in transformer/model/embedding.py"
)


def _exchanged(ids: Tensor, pad_id: int) -> Tensor:
    # Another token of the batch in every second place: not that of another row, since all rows may
    # begin alike.
    known = ids[ids != pad_id].unique()
    own = ids[:, 1].contiguous()
    others = known[(torch.searchsorted(known, own) + 1) % len(known)]
    changed = ids.clone()
    changed[:, 1] = own.where(own == pad_id, others)
    return changed


def _swapped(ids: Tensor, pad_id: int) -> Tensor:
    # The second and third token, where the fourth can tell; BOS and EOS stay.
    changed = ids.clone()
    if ids.size(1) > 3:
        enough = ids[:, 3] != pad_id
        changed[enough, 1], changed[enough, 2] = ids[enough, 2], ids[enough, 1]
    return changed


@torch.no_grad()
def check_encoder(model: Transformer, src: Tensor, pad_id: int) -> Finding:
    """Every source token must see those after it: nothing is hidden in an encoder but padding."""
    changed = _exchanged(src, pad_id)
    seen = [model.encode(ids, model.source_layout(ids))[0].cache.keys for ids in (src, changed)]
    deaf = torch.allclose(seen[0][:, :, 0], seen[1][:, :, 0])
    return judged(
        SIGNAL,
        "fault" if deaf else "ok",
        "a source token sees " + ("nothing of the next one" if deaf else "the next one"),
        "the encoder needs no look-ahead mask: look at source_layout in "
        "transformer/model/encoder_decoder.py and at the encoder's self-attention",
    )


@torch.no_grad()
def check_embedding(model: Model) -> Finding:
    """Neither what a token is nor where it stands may drown the other, §3.4 and §3.5."""
    embedding = model.tgt_embedding if isinstance(model, Transformer) else model.embedding
    n = min(32, model.vocab_size, getattr(model.config, "context", 32))
    ids = torch.randint(model.vocab_size, (n, 1)).expand(n, n)  # a token per row, everywhere
    vectors = embedding(ids, Padded(n, None))
    # The deviation from row to row, and from column to column.
    tokens, positions = (float(vectors.var(dim=i, correction=0).mean()) ** 0.5 for i in (0, 1))
    ratio = tokens / max(positions, 1e-12)
    if positions < 1e-6:
        advice = _ORDER
    elif ratio > 1:
        advice = "tokens drown the positions: embeddings of deviation d_model^-0.5 are small enough"
    else:
        advice = (
            "positions drown the tokens: multiply embeddings by √d_model, §3.4 "
            "(model.scale_embedding of a GPT); see transformer/model/embedding.py"
        )
    return judged(
        SIGNAL,
        "fault" if ratio > 20 else "warning" if ratio < 0.6 else "ok",
        f"embedded tokens vary {tokens:.2g} from each other, positions {positions:.2g}",
        advice,
    )


@torch.no_grad()
def check_residuals(model: Model) -> Finding:
    """A sublayer that says nothing must leave its input visible, §3.1."""
    lost = []
    for name, module in model.named_modules():
        if isinstance(module, Residual):
            weight = next(module.parameters(), torch.zeros(model.config.d_model))
            one, other = torch.randn(2, 3, weight.size(-1))
            if torch.allclose(module(one, torch.zeros_like), module(other, torch.zeros_like)):
                lost.append(name)
    return judged(
        SIGNAL,
        "fault" if lost else "ok",
        f"what comes into {lost[0]} is lost ({len(lost)} such sublayers)"
        if lost
        else "every sublayer adds to its input",
        "add the input of a sublayer to its output: Residual in transformer/model/layers.py",
    )


@torch.no_grad()
def check_feed_forward(model: Model) -> Finding:
    """Between its two layers something must bend, or both are one, §3.3."""
    straight = []
    for name, module in model.named_modules():
        if isinstance(module, FeedForward):
            one, other = torch.randn(2, 8, module.expand.in_features)
            bend = module(one) + module(other) - module(one + other) - module(0 * one)
            if float(bend.std()) <= 1e-4 * float(module(one).std()):
                straight.append(name)
    return judged(
        SIGNAL,
        "fault" if straight else "ok",
        f"{straight[0]} is linear ({len(straight)} such sublayers)"
        if straight
        else "every feed-forward network bends",
        "its activation is lost, or all of its units are dead: look at "
        "transformer/model/feed_forward.py",
    )


@torch.no_grad()
def check_attention(model: Model) -> Finding:
    """The kernels against torch's own softmax(Q Kᵀ / √d_head) V, equation 1."""
    off = 0.0
    for module in model.modules():
        if isinstance(module, MultiHeadAttention):
            d_head = module.query.out_features // module.n_heads
            query, key, value = 2 * torch.randn(3, 2, module.n_heads, 6, d_head)
            mask = torch.ones(6, 6, dtype=torch.bool).tril()
            found = module.kernel(query, key, value, mask, 0.0)
            right = F.scaled_dot_product_attention(query, key, value, mask)
            difference = float((found - right).abs().max())
            off = max(off, difference) if difference == difference else float("nan")
    return judged(
        SIGNAL,
        "ok" if off <= 1e-3 else "fault",
        "attention is softmax(QKᵀ/√d_head)V"
        if off <= 1e-3
        else f"attention is not softmax(QKᵀ/√d_head)V with True = may attend (off by {off:.2g})",
        "compare with attention_weights in transformer/model/attention.py: the scale 1/√d_head, "
        "the polarity of the mask, softmax over the keys",
    )
