"""What must not move a model's answer, probed by changing one thing at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from ...model.dropout import Dropout
from ...model.encoder_decoder import Transformer
from ...training.task import Model
from .examples import PADDING, Example, dropouts
from .findings import Finding, judged

LEAKS, DECODING, DROPOUT = "leaks", "decoding", "dropout"

# Logits that differ by less than this share of their deviation are the same. Sums in another order
# make 1e-6 of it.
TOLERANCE = 1e-3

_N_DECODED = 16
_N_DRAWN = 200_000


def moved_by(before: Tensor, after: Tensor, where: Tensor) -> float:
    """The largest change, in deviations of the logits; not finite if they are not."""
    change = (before - after).abs().amax(dim=-1)[where]
    return float(change.max() / before[where].std()) if len(change) else 0.0


def _before(length: int, place: int, real: Tensor) -> Tensor:
    return real & (torch.arange(length) < place)


def check_leaks(model: Model, example: Example) -> Iterator[Finding]:
    """Later tokens, padding and other sentences must not move a logit.

    Args:
        model: without dropout.
        example: several sentences, of different lengths.
    """
    logits = example.logits(model)
    yield judged(
        LEAKS,
        "ok" if bool(logits.isfinite().all()) else "fault",
        f"logits of {len(example.tgt_in)} sentences, "
        + ("finite" if bool(logits.isfinite().all()) else "infinite or not a number"),
        "look for a softmax over nothing, a division by 0, or weights that are not finite",
    )
    if not logits.isfinite().all():
        return
    probes: list[tuple[str, float, str]] = [
        (
            "a later target token",
            _later_token(model, example, logits),
            "the model sees the future: the loss falls and translations are worthless. Mask what "
            "comes later in the decoder's self-attention: causal_mask in "
            "transformer/model/masks.py, target_layout in encoder_decoder.py",
        ),
        (
            "another sentence of the batch",
            _other_sentence(model, example, logits),
            "sentences of a batch are mixed: look for a norm, a mean or a reshape over the batch",
        ),
    ]
    if example.src is not None:
        advice = (
            "padding must be hidden from every attention: padding_mask in "
            "transformer/model/masks.py, source_layout in encoder_decoder.py"
        )
        src = F.pad(example.src, (0, PADDING), value=example.pad_id)
        tgt = F.pad(example.tgt_in, (0, PADDING), value=example.pad_id)
        padded = example.logits(model, tgt=tgt)[:, :-PADDING]
        probes += [
            (
                "more padding after the source",
                moved_by(logits, example.logits(model, src=src), example.real),
                advice,
            ),
            (
                "more padding after the target",
                moved_by(logits, padded, example.real),
                advice,
            ),
        ]
    for what, moved, advice in probes:
        right = moved <= TOLERANCE
        effect = "moves no logit" if right else f"moves logits by {moved:.2g} deviations"
        yield judged(LEAKS, "ok" if right else "fault", f"{what} {effect}", advice)


def _later_token(model: Model, example: Example, logits: Tensor) -> float:
    length = example.tgt_in.size(1)
    moved = 0.0
    for place in sorted({1, length // 2, length - 1} - {0}):
        changed = example.tgt_in.clone()
        changed[:, place:] = example.tgt_out[:, :1]
        after = example.logits(model, tgt=changed)
        moved = max(moved, moved_by(logits, after, _before(length, place, example.real)))
    return moved


def _other_sentence(model: Model, example: Example, logits: Tensor) -> float:
    src, tgt = example.src, example.tgt_in.clone()
    tgt[0] = example.tgt_in[-1].flip(0)
    if src is not None:
        src = src.clone()
        src[0] = src[-1].flip(0)
    others = example.real.clone()
    others[0] = False
    return moved_by(logits, example.logits(model, src, tgt), others)


# Dropout and decoding -----------------------------------------------------------------------------


def check_dropout(model: Model, example: Example) -> Finding:
    """Dropout must act while training, keep the mean, and rest afterwards.

    Args:
        model: new, with its dropout; it ends in evaluation mode.
        example: several sentences, of different lengths.
    """

    def moved(prepare: Callable[[], object]) -> float:
        prepare()
        first = example.logits(model)
        return moved_by(first, example.logits(model), example.real)

    training, evaluating = moved(model.train), moved(model.eval)
    shares = [m.p if isinstance(m, Dropout) else m.dropout for m in dropouts(model)]
    highest = max(shares, default=0.0)
    problem = ""
    if evaluating > 0:
        problem = "two passes in evaluation mode differ: something random goes on"
    elif highest >= 0.01 and training == 0:
        problem = f"dropout {highest:g} changes nothing while training"
    for module in model.modules():
        if isinstance(module, Dropout) and module.p > 0 and not problem:
            mean = float(module.train()(torch.ones(_N_DRAWN)).mean())
            if abs(mean - 1) > 0.02:
                problem = f"dropout {module.p:g} changes the mean of its input to {mean:.2f} of it"
    model.eval()
    return judged(
        DROPOUT,
        "fault" if problem else "ok",
        problem or f"{highest:g} while training, none afterwards, and the mean stays",
        "look at transformer/model/dropout.py, and at self.training wherever something is random",
    )


@torch.no_grad()
def check_decoding(model: Model, example: Example) -> Finding:
    """One token at a time, as a search asks, against all at once, as in training.

    Args:
        model: without dropout.
        example: several sentences, of different lengths.
    """
    logits = example.logits(model)
    n = min(_N_DECODED, example.tgt_in.size(1))
    off = 0.0
    if isinstance(model, Transformer):
        assert example.src is not None
        steps: Iterator[Tensor] = _steps(model.step, model.start(example.src), example.tgt_in)
    else:
        steps = _steps(model.step, model.start(), example.tgt_in)
    for place, found in zip(range(n), steps, strict=False):
        real = example.real[:, place]
        if real.any():
            off = max(off, moved_by(logits[:, place], found, real))
    return judged(
        DECODING,
        "ok" if off <= TOLERANCE else "fault",
        f"{n} tokens one at a time give the logits of training"
        if off <= TOLERANCE
        else f"logits while decoding are {off:.2g} deviations from those of training",
        "the model would be trained for something else than it is used for: look at `step`, "
        "kv_cache.py and the start of positions",
    )


def _steps(
    step: Callable[..., tuple[Tensor, object]], state: object, ids: Tensor
) -> Iterator[Tensor]:
    for place in range(ids.size(1)):
        found, state = step(ids[:, place], state)
        yield found
