"""Weights on disk: safetensors with metadata and a checksum, compressed or not."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..files import write_atomically
from .errors import CheckpointError, DamagedError

SCALE = ":scale"
"""The scales of a compressed matrix are stored under its name and this ending."""


def named_weights(model: nn.Module) -> dict[str, Tensor]:
    """Every trained weight once, shared ones under their first name."""
    return {name: p.detach() for name, p in model.named_parameters()}


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], *, source: Path | str) -> None:
    """Copies weights into a model.

    Raises:
        CheckpointError: a weight is missing, unknown to the model, or of another shape.
    """
    own = named_weights(model)
    _require_same_shapes(own, weights, source)
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(weights[name])


def assign_weights(model: nn.Module, weights: Mapping[str, Tensor], *, source: Path | str) -> None:
    """Makes weights those of a model on the "meta" device, which has none. Nothing is copied.

    Raises:
        CheckpointError: as `load_weights`.
    """
    _require_same_shapes(named_weights(model), weights, source)
    assigned: dict[nn.Parameter, nn.Parameter] = {}
    for name, module in list(model.named_modules()):
        for own, old in list(module.named_parameters(recurse=False)):
            if old not in assigned:  # a shared one has its first name
                assigned[old] = nn.Parameter(weights[f"{name}.{own}" if name else own])
            module.register_parameter(own, assigned[old])


def _require_same_shapes(
    own: Mapping[str, Tensor], weights: Mapping[str, Tensor], source: Path | str
) -> None:
    for name in sorted(own.keys() | weights.keys()):
        found = tuple(weights[name].shape) if name in weights else "nothing"
        wanted = tuple(own[name].shape) if name in own else "nothing"
        if found != wanted:
            raise CheckpointError(
                f"{source} does not fit the model of config.yaml: for {name} the model has "
                f"{wanted}, the file {found}"
            )


def require_finite(weights: Mapping[str, Tensor], *, source: Path | str) -> None:
    """Raises CheckpointError if a weight is infinite or not a number."""
    for name, weight in weights.items():
        if not bool(weight.isfinite().all()):
            raise CheckpointError(f"{source} cannot be used: {name} is not finite")


def average_weights(checkpoints: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each weight over several checkpoints, §6.1; summed in fp64."""
    total: dict[str, Tensor] = {}
    n = 0
    for weights in checkpoints:
        n += 1
        for name, weight in weights.items():
            total[name] = total[name] + weight.double() if name in total else weight.double()
    if n == 0:
        raise CheckpointError("no checkpoints to average")
    return {name: (weight / n).float() for name, weight in total.items()}


# Writing -----------------------------------------------------------------------------------------


def save_weights(
    weights: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes weights as safetensors, atomically, with a checksum among the metadata."""
    write_atomically(path, as_bytes(weights, metadata))


def as_bytes(weights: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """What `save_weights` writes. The same weights and metadata give the same bytes."""
    weights = portable(weights)
    about = {**(metadata or {}), "sha256": _checksum(weights)}
    # A single entry, since safetensors writes several in any order.
    return save(weights, metadata={"about": json.dumps(about, sort_keys=True)})


def compress(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every matrix as 8-bit integers, each row with its own scale: a quarter of the size.

    `read_weights` expands it again, with an error of at most half a scale: absolute maximum / 254.
    """
    small: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if weight.dim() == 2:
            scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-30) / 127
            small[name], small[name + SCALE] = (weight / scale).round().to(torch.int8), scale
        else:
            small[name] = weight
    return small


def portable(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights as safetensors can write them: contiguous, on the CPU."""
    return {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}


# Reading -----------------------------------------------------------------------------------------


def read_weights(path: Path) -> dict[str, Tensor]:
    """What `save_weights` wrote, compressed or not.

    Raises:
        CheckpointError: the file is missing or damaged, or a weight is not finite.
    """
    return read_model(path)[0]


def read_model(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights as `read_weights` gives them, and the metadata that were saved with them."""
    if not path.is_file():
        raise CheckpointError(
            f"{path} does not exist: the run has not validated yet. Let it train on, or resume it"
        )
    with damage_explained(path), safe_open(path, framework="pt") as file:
        about = _metadata(file, path)
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if "sha256" in about and about["sha256"] != _checksum(weights):
        raise DamagedError(f"{path} is damaged: its checksum does not match")
    weights = _expand(weights, path)
    require_finite(weights, source=path)
    return weights, about


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata that `save_weights` was given.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    with damage_explained(path), safe_open(path, framework="pt") as file:
        return _metadata(file, path)


@contextmanager
def damage_explained(path: Path) -> Iterator[None]:
    """Errors while a file of a run is read name it.

    Raises:
        DamagedError: the file is missing, or its content is not what was written.
        CheckpointError: it cannot be read, and may well be whole.
    """
    try:
        yield
    except CheckpointError:
        raise
    except (
        *(FileNotFoundError, IsADirectoryError, NotADirectoryError),
        *(SafetensorError, ValueError, RecursionError),
    ) as error:
        raise DamagedError(f"{path} is damaged: {error}") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from None


def _metadata(file: Any, path: Path) -> dict[str, str]:
    about = json.loads((file.metadata() or {}).get("about", "{}"))
    if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()):
        raise DamagedError(f"{path} is damaged: its metadata must be strings with names")
    return about


def _expand(weights: Mapping[str, Tensor], source: Path) -> dict[str, Tensor]:
    whole = {}
    for name, weight in weights.items():
        scale = weights.get(name + SCALE)
        if scale is None and weight.is_floating_point():
            # A copy, since what was read may still lie in the file, and that may change.
            whole[name] = weight.to(torch.float32, copy=True)
        elif scale is not None and weight.dim() == 2 and scale.shape == (len(weight), 1):
            whole[name] = weight * scale.float()
        else:
            found = "no scales" if scale is None else f"scales of {tuple(scale.shape)}"
            raise CheckpointError(
                f"{source} cannot be used: {name} has {found}; {weight.dtype} of "
                f"{tuple(weight.shape)} needs one per row"
            )
    return {name: weight for name, weight in whole.items() if not name.endswith(SCALE)}


def _checksum(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        weight = weights[name]
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        digest.update(weight.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
