"""Our weights by the names of torch's own layers."""

import torch
from torch import Tensor, nn


def torch_weights(layer: nn.Module) -> dict[str, Tensor]:
    """The weights of one of our layers, named as in torch.nn's."""
    ours, theirs = layer.state_dict(), {}
    sublayers = [name for name, _ in layer.named_children() if not name.endswith("_residual")]
    for number, name in enumerate(sublayers, start=1):
        for kind in ("weight", "bias"):
            theirs[f"norm{number}.{kind}"] = ours[f"{name}_residual.norm.{kind}"]
            if name == "feed_forward":
                theirs[f"linear1.{kind}"] = ours[f"{name}.expand.{kind}"]
                theirs[f"linear2.{kind}"] = ours[f"{name}.contract.{kind}"]
            else:
                attention = "self_attn" if name == "self_attention" else "multihead_attn"
                parts = [ours[f"{name}.{part}.{kind}"] for part in ("query", "key", "value")]
                theirs[f"{attention}.in_proj_{kind}"] = torch.cat(parts)
                theirs[f"{attention}.out_proj.{kind}"] = ours[f"{name}.output.{kind}"]
    return theirs
