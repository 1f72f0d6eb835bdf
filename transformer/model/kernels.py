"""Which kernel computes attention: the formula written out, or a fused one of torch."""

import logging
from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import UserError, shown
from .attention import AttentionKernel, MultiHeadAttention, scaled_dot_product_attention
from .masks import as_summand

log = logging.getLogger(__name__)

KernelName = Literal["formula", "fused"]


def fused_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, dropout: float = 0.0
) -> Tensor:
    """`scaled_dot_product_attention` in one kernel of torch, which never stores the scores.

    On a GPU that saves most of the time and memory. On a CPU it is slower than the formula: in
    training its backward pass in bf16, in a search its forward pass for the few hypotheses of a
    beam.
    """
    if mask is not None:
        mask = as_summand(mask, query.dtype)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)


_KERNELS: dict[KernelName, AttentionKernel] = {
    "formula": scaled_dot_product_attention,
    "fused": fused_attention,
}


def use_kernel(model: nn.Module, name: KernelName) -> None:
    """Makes every attention of a model compute with this kernel, in place.

    Raises:
        UserError: there is no kernel of that name.
    """
    if name not in get_args(KernelName):
        names = " or ".join(get_args(KernelName))
        raise UserError(f"the attention kernel must be {names}; found {shown(name)}")
    for module in model.modules():
        if isinstance(module, MultiHeadAttention):
            module.kernel = _KERNELS[name]
    log.info("attention kernel: %s", name)
