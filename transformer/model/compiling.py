"""torch.compile: what it needs, and the layers of a model in training."""

import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError
from .layers import layers_of


def compile_layers(model: nn.Module) -> None:
    """Makes every layer run as a compiled program while it is in training mode, in place.

    Layers of one kind share a program, and batches of all shapes do, so that compiling takes a
    minute or two, at the first update. In evaluation mode the layers run as before. Dropout then
    draws other random numbers, of the same share; without dropout, losses are equal to rounding.

    Raises:
        UserError: there is no C++ compiler, which a CPU needs; at the first update, compiling
            failed.
    """
    if any(p.device.type == "cpu" for p in model.parameters()):
        require_compiler()
    for layer in layers_of(model):
        layer.forward = _in_training(layer, layer.forward)


def _in_training(layer: nn.Module, plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    compiled = torch.compile(plain, dynamic=True)

    def forward(*args: Any) -> Tensor:
        if not layer.training:
            return plain(*args)
        with compile_errors():
            return compiled(*args)

    return forward


def require_compiler() -> None:
    """Refuses to compile for a CPU without a C++ compiler.

    Raises:
        UserError: there is none.
    """
    from torch._inductor.config import cpp

    found = cpp.cxx if isinstance(cpp.cxx, (list, tuple)) else (cpp.cxx,)
    names = [shlex.split(name)[0] for name in found if name]
    if not any(shutil.which(name) for name in names):
        raise UserError(
            f"torch.compile needs a C++ compiler ({' or '.join(names)}), and there is none; "
            f"install one or do without compiling"
        )


@contextmanager
def compile_errors() -> Iterator[None]:
    """What torch says when compiling fails, in a sentence.

    Raises:
        UserError: compiling failed.
    """
    try:
        yield
    except torch._dynamo.exc.TorchDynamoException as error:
        raise UserError(
            f"torch.compile failed: {str(error).strip().splitlines()[0]}; on a CPU it needs a C++ "
            f"compiler and Python's headers; without compiling, all works as well"
        ) from error
