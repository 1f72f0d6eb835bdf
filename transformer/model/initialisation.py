"""The first weights of every module, in one place."""

import math

from torch import nn

from .embedding import Embedding


def initialise(model: nn.Module) -> None:
    """Draws the weights of a whole model from torch's global generator.

    ==================  ====================================================================
    embedding           normal, deviation d_model^-½, so that times √d_model it is 1 (§3.4)
    linear              Glorot uniform, ±√(6 / (fan_in + fan_out)), as the paper's own code
    biases              0
    norms               gain 1, bias 0
    ==================  ====================================================================
    """
    if all(weight.is_meta for weight in model.parameters()):
        return  # no storage to fill yet, and for torch drawing nothing takes a second of imports
    for module in model.modules():
        if isinstance(module, Embedding):
            nn.init.normal_(module.weight, std=1 / math.sqrt(module.weight.size(1)))
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
