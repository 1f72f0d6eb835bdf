"""The matrix products of a trained model, made for inference: in fp32, bf16 or int8.

On a CPU the weights are laid out once, as oneDNN multiplies by them fastest. A search in fp32 is
then a tenth faster than with torch's own layers (88 instead of 77 sentences of Multi30k per
second). A single sentence takes two thirds of the time (42 ms instead of 67), since a product with
the five hypotheses of one beam does little but read weights.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeVar, cast, get_args

import torch
from torch import Tensor, nn

from ..errors import UserError, shown
from ..model.encoder_decoder import Transformer
from ..model.gpt import GPT
from .joined_attention import Linear, join_projections

log = logging.getLogger(__name__)

Precision = Literal["fp32", "bf16", "int8"]
M = TypeVar("M", Transformer, GPT)


@torch.no_grad()
def convert(model: M, precision: Precision) -> M:
    """Replaces, in place, all linear layers and the output projection; for inference only.

    What flows between the layers stays fp32, and so do normalisation and attention, which are no
    faster in bf16 for the few hypotheses of a sentence. Move the model to its device first.

    Raises:
        UserError: there is no such precision, or int8 is asked for elsewhere than on a CPU.
    """
    check_precision(precision)
    on_cpu = model.device.type == "cpu"
    make: Callable[[Tensor, Tensor | None], Linear]
    if precision == "int8":
        if not on_cpu:
            raise UserError(f"int8 is for the CPU; on {model.device.type} take bf16")
        make = Int8Linear
    elif on_cpu and _onednn_takes_linear_layers() and (precision == "fp32" or _onednn_takes_bf16()):
        make = partial(PackedLinear, dtype=torch.float32 if precision == "fp32" else torch.bfloat16)
    elif precision == "bf16":
        make = BFloat16Linear
    else:
        log.info("linear layers: torch's own, fp32")
        return model
    log.info("linear layers: %s%s", precision, " packed for oneDNN" * isinstance(make, partial))
    join_projections(model, make)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                delattr(module, name)
                setattr(module, name, make(child.weight, child.bias))
    output = Output(make, model.output.weight)
    del model.output
    model.output = cast(Any, output)
    return model.requires_grad_(False)  # so that it also works where gradients are recorded


def check_precision(precision: str) -> None:
    """Raises a UserError that names the choices, unless it is one of them."""
    if precision not in get_args(Precision):
        raise UserError(
            f"precision must be one of {', '.join(get_args(Precision))}; found {shown(precision)}"
        )


def _onednn_takes_linear_layers() -> bool:
    # What torch.compile makes linear layers of on a CPU, where torch was built with oneDNN.
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _onednn_takes_bf16() -> bool:
    # Only where the CPU has instructions for it.
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


# These are not modules: nothing in them is trained, moved or saved, and a module takes longer to
# call, 3 % of a search.


class PackedLinear:
    """A linear layer in fp32 or bf16 whose weights lie as oneDNN wants them, on a CPU.

    Args:
        weight: (n_out, n_in).
        bias: (n_out,) or None.
        dtype: of the numbers multiplied.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().to(dtype))
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.dtype = dtype

    def __call__(self, x: Tensor) -> Tensor:
        """(..., n_in) → (..., n_out), both fp32."""
        if x.dtype != self.dtype:
            x = x.to(self.dtype)
        y = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return y if y.dtype == torch.float32 else y.float()

    def __reduce__(self) -> tuple[Any, ...]:  # for worker processes that are not forked
        return PackedLinear, (self.weight.to_dense(), self.bias, self.dtype)


class BFloat16Linear:
    """A linear layer in bf16, without oneDNN.

    Args: as `PackedLinear`.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight = weight.bfloat16().t()
        self.bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        """(..., n_in) → (..., n_out), both fp32."""
        y = (x.bfloat16() @ self.weight).float()
        return y if self.bias is None else y.add_(self.bias)


class Int8Linear:
    """A linear layer whose product is made of 8-bit integers.

    Every row of the weights has a scale of its own, computed once, and so has every row of the
    input, computed as it comes: absolute maximum / 127 (as in LLM.int8(), Dettmers et al. 2022,
    without its outliers). Products are summed in 32-bit integers, without error.

    Args: as `PackedLinear`.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        integers, scale = to_int8(weight)
        self.weight = integers.t().contiguous()
        self.scale = scale[:, 0].contiguous()
        self.bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        """(..., n_in) → (..., n_out), both fp32."""
        integers, scale = to_int8(x.flatten(0, -2) if x.dim() > 2 else x)
        sums = torch._int_mm(integers, self.weight).float().mul_(self.scale)
        y = sums.mul_(scale) if self.bias is None else torch.addcmul(self.bias, sums, scale)
        return y.view(*x.shape[:-1], -1) if x.dim() > 2 else y


def to_int8(x: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, n) → integers from -127 to 127, and the factors to multiply them by, (rows, 1)."""
    scale = x.abs().amax(dim=1, keepdim=True).clamp_(min=1e-30).mul_(1 / 127)
    return (x / scale).round_().to(torch.int8), scale


class Output:
    """The pre-softmax transformation in another precision, in place of an `Embedding`."""

    def __init__(self, make: Callable[[Tensor, Tensor | None], Linear], weight: Tensor) -> None:
        self.weight = weight
        self.logits = make(weight, None)
        self._make = make

    @torch.no_grad()
    def some_logits(self, ids: Tensor) -> Linear:
        """A function for the logits of these pieces only."""
        return self._make(self.weight[ids], None)
