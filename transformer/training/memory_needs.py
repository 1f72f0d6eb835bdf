"""How much memory an update takes, without making one: shapes are followed, nothing is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

from ..model.embedding import cached_positions
from ..model.encoder_decoder import Transformer
from ..model.kernels import use_kernel
from .loss import CACHED
from .packing import Packed, packed
from .precision import Precision
from .task import AnyTask


@dataclass(frozen=True)
class Memory:
    """Bytes at the highest point of an update."""

    weights: float
    gradients: float
    moments: float
    activations: float  # kept by the forward pass for the backward pass
    logits: float  # with their gradient and what is computed from them

    @property
    def total(self) -> float:
        """All of it. In the first pass gradients come as activations go."""
        return self.weights + self.gradients + self.moments + self.activations + self.logits


def update_memory(
    task: AnyTask, batches: Sequence[Any], precision: Precision, *, gpu: bool, shards: int = 1
) -> Memory:
    """What the largest batch of an update needs on one device.

    Args:
        task: whose model and settings count.
        batches: those of an update.
        precision: of the matrix products.
        gpu: whether it is for a GPU, where residual sums stay fp32, or for a CPU.
        shards: over how many devices each weight, gradient and moment is cut (FSDP).
    """
    with torch.device("meta"):
        n = task.new_model().n_parameters()
    activations, logits = max((_of_batch(task, b, precision, gpu=gpu) for b in batches), key=sum)
    weights = 4.0 * n / shards
    if shards > 1:  # the root's weights, embeddings above all, are whole, and a layer's at a time
        weights += 4.0 * task.tokenizer.vocab_size * task.config.model.d_model
    # Until they are exchanged, with the last batch of an update, FSDP keeps them whole.
    gradients = 4.0 * n / (shards if len(batches) == 1 else 1)
    if len(batches) == 1:  # they come while activations go
        gradients = max(0.0, gradients - activations - logits)
    return Memory(weights, gradients, 8.0 * n / shards, activations, logits)


def _of_batch(task: AnyTask, batch: Any, precision: Precision, *, gpu: bool) -> tuple[float, float]:
    # Bytes of what the forward pass keeps, and of the logits.
    kept: dict[int, Any] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage  # kept alive, so that no other takes its name
        return tensor

    # On "meta" the model does as on a GPU; fake tensors of a CPU do as on a CPU.
    place = torch.device("meta") if gpu else FakeTensorMode(allow_non_fake_inputs=True)
    cached_positions.cache_clear()  # real ones are no use to fake tensors, nor the reverse
    with place, torch.random.fork_rng(devices=[]):
        model: Any = task.new_model()
    use_kernel(model, task.config.training.attention_kernel)
    model.train()
    weights = {p.untyped_storage()._cdata for p in model.parameters()}
    read = _ids(task, model, batch)
    if gpu:
        read = [(ids.to("meta"), _on_meta(layout)) for ids, layout in read]
    with (
        place,
        torch.random.fork_rng(devices=[]),
        saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"),
    ):
        if len(read) == 2:
            (src, source), (tgt_in, target) = read
            memory = model.encode(src, source)
            logits = model.output.logits(model.decode(tgt_in, target, memory))
        else:
            logits = model(read[0][0])
    cached_positions.cache_clear()
    activations = sum(storage.nbytes() for key, storage in kept.items() if key not in weights)
    # With the losses' numbers in fp32: on a CPU of a few rows at a time, on a GPU of all at once.
    # A consistency loss has a gradient of its own.
    twice = bool(task.config.training.consistency)
    at_once = logits.numel() if gpu else min(logits.numel(), CACHED)
    in_fp32 = 4 * at_once * (8 if twice else 3)
    return float(activations), float(logits.nbytes * (1 + twice) + in_fp32)


def _ids(task: AnyTask, model: Any, batch: Any) -> list[tuple[Tensor, Packed | None]]:
    # What the model reads: both sides, or blocks; twice, if each pass is made twice.
    if not isinstance(model, Transformer):
        return [(batch.ids[:, :-1], None)]
    passes = 2 if task.config.training.consistency else 1
    return list(packed(model, batch.src.repeat(passes, 1), batch.tgt_in.repeat(passes, 1)))


def _on_meta(layout: Packed | None) -> Packed | None:
    if layout is None:
        return None
    tensors: dict[str, Any] = {
        name: value.to("meta") for name, value in vars(layout).items() if isinstance(value, Tensor)
    }
    return replace(layout, **tensors)
