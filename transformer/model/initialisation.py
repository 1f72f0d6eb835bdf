"""The first weights of every module, in one place."""

import math

from torch import nn

from .attention import MultiHeadAttention
from .embedding import Embedding
from .feed_forward import FeedForward
from .layers import Residual


def initialise(model: nn.Module, kind: str = "paper") -> None:
    """Draws the weights of a whole model from torch's global generator.

    ==================  ========================================  =============================
    kind                paper                                     gpt2
    ==================  ========================================  =============================
    embedding           normal, deviation d_model^-½, so that     normal, deviation 0.02, its
                        times √d_model it is 1 (§3.4)             learned positions too
    linear              Glorot uniform, ±√(6 / (fan_in +          normal, deviation 0.02
                        fan_out)), as the paper's own code
    last of a sublayer  the same                                  0.02 / √(number of sublayers),
                                                                  since all of them add up
    biases              0                                         0
    norms               gain 1, bias 0                            the same
    ==================  ========================================  =============================
    """
    if all(weight.is_meta for weight in model.parameters()):
        return  # no storage to fill yet, and for torch drawing nothing takes a second of imports
    n_sublayers = sum(isinstance(module, Residual) for module in model.modules())
    for module in model.modules():
        if isinstance(module, Embedding):
            std = 0.02 if kind == "gpt2" else 1 / math.sqrt(module.weight.size(1))
            nn.init.normal_(module.weight, std=std)
            if module.positions is not None:
                nn.init.normal_(module.positions, std=std)
        elif isinstance(module, nn.Linear):
            if kind == "gpt2":
                nn.init.normal_(module.weight, std=0.02)
            else:
                nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    if kind == "gpt2":
        std = 0.02 / math.sqrt(n_sublayers)
        for module in model.modules():
            if isinstance(module, MultiHeadAttention):
                nn.init.normal_(module.output.weight, std=std)
            elif isinstance(module, FeedForward):
                nn.init.normal_(module.contract.weight, std=std)
