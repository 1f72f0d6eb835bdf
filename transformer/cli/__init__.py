"""The commands, a file each: parse, call, print."""

from .evaluate import main as evaluate_main
from .explain import main as explain_main
from .export import main as export_main
from .generate import main as generate_main
from .lab import main as lab_main
from .serve import main as serve_main
from .synthesize import main as synthesize_main
from .train import main as train_main
from .translate import main as translate_main

__all__ = [
    "evaluate_main",
    "explain_main",
    "export_main",
    "generate_main",
    "lab_main",
    "serve_main",
    "synthesize_main",
    "train_main",
    "translate_main",
]
