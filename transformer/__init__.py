"""A faithful "Attention Is All You Need": train, translate, look inside.

What is named here is imported when it is first used, so that `import transformer` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import Config, GPTConfig, ModelConfig, load_config
    from .errors import UserError
    from .inference.generator import Generator
    from .inference.translator import Translator
    from .model.encoder_decoder import Transformer
    from .model.gpt import GPT
    from .model.gpt2 import gpt2_config
    from .search.sampling import Sampling
    from .text.joining import Translation
    from .training.loop import Run, train

__version__ = "0.1.0"

_HOME = {
    "Config": "config",
    "GPT": "model.gpt",
    "GPTConfig": "config",
    "Generator": "inference.generator",
    "ModelConfig": "config",
    "Run": "training.loop",
    "Sampling": "search.sampling",
    "Transformer": "model.encoder_decoder",
    "Translation": "text.joining",
    "Translator": "inference.translator",
    "UserError": "errors",
    "gpt2_config": "model.gpt2",
    "load_config": "config",
    "train": "training.loop",
}

__all__ = [
    "GPT",
    "Config",
    "GPTConfig",
    "Generator",
    "ModelConfig",
    "Run",
    "Sampling",
    "Transformer",
    "Translation",
    "Translator",
    "UserError",
    "gpt2_config",
    "load_config",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
