"""The GPT's step as one program, made by torch.compile, for long texts or many.

A step of the GPT is some 400 small operations, and calling them costs as much as the products do.
Compiled, they are a few loops over the same numbers, and keys and values can be kept in bf16.
`scripts/benchmark_gpt.py` measures it.
"""

from collections.abc import Sequence
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..model.compiling import compile_errors, require_compiler
from ..model.gpt import GPT, GenerationState
from ..model.kv_cache import KeyValueCache, Storage
from ..model.layout import Padded
from .joined_attention import join_projections
from .precision import Precision, check_precision


class CompiledStep:
    """In place of `GPT.step`: the same result, sooner.

    The first calls take half a minute, since on a CPU a C++ compiler runs. The weights become part
    of the program, so a model that changes needs a new one.

    Args:
        gpt: with torch's own layers; it is changed in place, and then good for inference only.
        precision: fp32, or bf16 for all of the model.

    Raises:
        UserError: the precision is another, or there is no C++ compiler.

    Example::

        gpt.generate([ids] * 32, 200, step=CompiledStep(gpt, "bf16"))
    """

    def __init__(self, gpt: GPT, precision: Precision = "fp32") -> None:
        check_precision(precision)
        if precision == "int8":
            raise UserError("a compiled step is for fp32 and bf16; found int8")
        if gpt.device.type == "cpu":
            require_compiler()
        self.gpt = gpt.eval().requires_grad_(False)
        if precision == "bf16":
            gpt.to(torch.bfloat16)
        join_projections(gpt, _linear)
        # The number of tokens before is a variable: one program serves all of them. torch counts
        # the programs it has made of one piece of code, for any model, and makes no ninth. So each
        # step compiles its own copy of the code.
        code = CompiledStep._logits.__code__.replace()
        logits = MethodType(FunctionType(code, globals()), self)
        compile: Any = partial(torch.compile, logits, dynamic=True, fullgraph=True)
        try:
            self._compiled = compile(options={"guard_filter_fn": _of_arguments})
        except RuntimeError:  # an older torch, which has no such option
            self._compiled = compile()

    def __call__(self, tokens: Tensor, state: GenerationState) -> tuple[Tensor, GenerationState]:
        """See `GPT.step`."""
        storages = [cache.free_storage() for cache in state.past or ()]
        if state.ids is None or state.position < 2 or None in storages:
            logits, state = self.gpt.step(tokens, state)  # which makes room for further tokens
            return logits.float(), state
        room = [(s.keys, s.values) for s in storages if s is not None]
        # Freezing lays out the weights for oneDNN once. It cannot be an argument of torch.compile,
        # since tracing has to know of it, too.
        with compile_errors(), torch._inductor.config.patch(freezing=True):
            logits = self._compiled(tokens, state.position, room)
        past = tuple(cache.extended() for cache in state.past or ())
        return logits, GenerationState(torch.cat((state.ids, tokens.unsqueeze(1)), dim=1), past)

    def _logits(self, tokens: Tensor, before: int, room: list[tuple[Tensor, Tensor]]) -> Tensor:
        # Also writes the keys and values of the tokens behind those before.
        past = tuple(KeyValueCache.within(Storage(*pair, used=before)) for pair in room)
        layout = Padded(1, start=before)
        x, _ = self.gpt.decoder.go_on(self.gpt.embedding(tokens.unsqueeze(1), layout), layout, past)
        return self.gpt.output.logits(x[:, -1]).float()


def _of_arguments(guards: Sequence[Any]) -> list[bool]:
    # Every call checks the shapes of its arguments, but not whether the model is still the same,
    # which would take a twentieth of a step.
    return [not guard.is_global and not guard.name.startswith("L['self']") for guard in guards]


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    linear = nn.Linear(weight.size(1), weight.size(0), bias is not None, device="meta")
    linear.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        linear.bias = nn.Parameter(bias, requires_grad=False)
    return linear
