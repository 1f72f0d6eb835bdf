"""How a model is spread over the processes that train it: copied to each, or cut into shards.

ddp     every process has all weights; their gradients are averaged while the backward pass goes
        on (DistributedDataParallel, Li et al. 2020, arXiv 2006.15704)
fsdp    every process keeps its shard of each weight, gradient and moment, and a layer's weights
        are gathered when its turn comes (FSDP2: Rajbhandari et al. 2020, arXiv 1910.02054)
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Generic

import torch
from torch import Tensor, nn

from ..model.kernels import use_kernel
from ..model.layers import layers_of
from ..runs.checkpoints import MOMENTS, Checkpoint, load_moments, named_moments
from ..runs.weights import load_weights, named_weights
from .loss import Loss
from .task import B, M, Task
from .world import ALONE, World


class Spread(Generic[M, B]):
    """A model of one process, and what the others are for its sisters to override."""

    sharded = False
    """Whether a weight of the model is only this process's shard of it."""

    def __init__(self, task: Task[M, B], model: M, world: World = ALONE) -> None:
        self.task, self.model, self.world = task, model, world

    def loss(self, batch: B, step: int, *, last: bool) -> Loss:
        """The loss of a batch of an update; `last`: the gradients are exchanged with it."""
        return self.task.loss(self.model, batch, step)

    def exchanging(self, *, last: bool) -> AbstractContextManager[Any]:
        """The forward and backward pass of a batch belong in this block."""
        return nullcontext()

    def weights(self) -> dict[str, Tensor]:
        """Every weight, whole; all processes must ask for them."""
        return named_weights(self.model)

    def moments(self, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
        """What the optimiser remembers of them, whole; all processes must ask for it."""
        return named_moments(optimizer, self.model)

    def load_moments(
        self, optimizer: torch.optim.Optimizer, checkpoint: Checkpoint, *, source: Path
    ) -> None:
        """Gives an optimiser of this model what it remembered.

        Raises:
            CheckpointError: a moment is missing or of another shape.
        """
        load_moments(optimizer, self.model, checkpoint, source=source)

    def whole(self, weights: Mapping[str, Tensor] | None = None) -> M:
        """A model that translates, with these weights or, by default, those it has now.

        All processes must ask for it.
        """
        if weights is not None:
            load_weights(self.model, weights, source="the weights")
        return self.model


AnySpread = Spread[Any, Any]
"""Of a task of either kind."""


class Copied(Spread[M, B]):
    """DistributedDataParallel."""

    def __init__(self, task: Task[M, B], model: M, world: World) -> None:
        super().__init__(task, model, world)
        device = model.device
        self._module = nn.parallel.DistributedDataParallel(
            _Losses(task, model),
            device_ids=[device] if device.type == "cuda" else None,
            gradient_as_bucket_view=True,
        )

    def loss(self, batch: B, step: int, *, last: bool) -> Loss:
        """The loss of a batch; with the last one, gradients are averaged over the processes."""
        return Loss(*self._module(batch, step))

    def exchanging(self, *, last: bool) -> AbstractContextManager[Any]:
        """Gradients only add up until the last batch."""
        return nullcontext() if last else self._module.no_sync()


class Sharded(Spread[M, B]):
    """FSDP2."""

    sharded = True

    def __init__(self, task: Task[M, B], model: M, world: World) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        super().__init__(task, model, world)
        mesh = init_device_mesh(model.device.type, (world.size,))
        for layer in layers_of(model):
            # Keys and values of the source are computed before the layer's own turn comes.
            if attention := getattr(layer, "cross_attention", None):
                fully_shard([attention.key, attention.value], mesh=mesh)
            fully_shard(layer, mesh=mesh)
        self._module: Any = _Losses(task, model)
        fully_shard(self._module, mesh=mesh)
        self._copy: M | None = None

    def loss(self, batch: B, step: int, *, last: bool) -> Loss:
        """The loss of a batch; with the last one, gradients are averaged over the processes."""
        self._module.set_requires_gradient_sync(last)
        return Loss(*self._module(batch, step))

    def weights(self) -> dict[str, Tensor]:
        """Gathered from all processes."""
        return {name: _whole(weight) for name, weight in named_weights(self.model).items()}

    def moments(self, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
        """Gathered from all processes, for the first one, which saves them."""
        found = named_moments(optimizer, self.model)
        whole = {name: _whole(moment) for name, moment in found.items()}
        return whole if self.world.is_first else {}

    def load_moments(
        self, optimizer: torch.optim.Optimizer, checkpoint: Checkpoint, *, source: Path
    ) -> None:
        """Cuts them as the weights are cut."""
        from torch.distributed.tensor import distribute_tensor

        load_moments(optimizer, self.model, checkpoint, source=source)
        for p in self.model.parameters():
            for kind in MOMENTS:
                if p in optimizer.state:
                    moment = optimizer.state[p][kind]
                    shard: Any = p
                    optimizer.state[p][kind] = distribute_tensor(
                        moment, shard.device_mesh, shard.placements
                    )

    def whole(self, weights: Mapping[str, Tensor] | None = None) -> M:
        """A copy in this process, since a shard translates nothing."""
        weights = self.weights() if weights is None else weights
        if self._copy is None:
            with torch.random.fork_rng(devices=[]):
                self._copy = self.task.new_model()
            use_kernel(self._copy, self.task.config.training.attention_kernel)
            if self.task.change:
                self.task.change.apply(self._copy)
            self._copy.to(self.model.device)
        load_weights(self._copy, weights, source="the weights")
        return self._copy


def spread(task: Task[M, B], model: M, world: World) -> Spread[M, B]:
    """The model over the processes of the world, as `training.parallel` says; all must call it.

    The model must have its first weights already: afterwards a process may hold only a part.
    """
    if world.size == 1:
        return Spread(task, model, world)
    kind = {"ddp": Copied, "fsdp": Sharded}[task.config.training.parallel]
    return kind(task, model, world)


class _Losses(nn.Module):
    """A module whose forward pass is the loss, as both of torch's wrappers want one."""

    def __init__(self, task: Task[Any, Any], model: nn.Module) -> None:
        super().__init__()
        self._task = task
        self.model = model

    def forward(self, batch: Any, step: int) -> tuple[Tensor, Tensor, int]:
        smoothed, nll, n_tokens = self._task.loss(self.model, batch, step)
        return smoothed, nll, n_tokens


def _whole(tensor: Any) -> Tensor:
    # One at a time on its device, all of them on the CPU.
    found: Tensor = tensor.full_tensor().cpu()
    return found
