"""Hugging Face's format for language models: a folder that `transformers.GPT2LMHeadModel` loads."""

import json
from pathlib import Path

from safetensors.torch import save_file

from ..model.gpt2 import gpt2_files
from ..runs.directory import RunDirectory
from ..runs.loading import load_run
from .huggingface import dtype_of
from .trained import ExportError


def export_gpt2(run: RunDirectory, folder: Path, *, quantization: str) -> None:
    """Fills a folder for `GPT2LMHeadModel.from_pretrained`: same logits, same continuations.

    A byte_bpe tokenizer lies beside it as tokenizer.json, which `AutoTokenizer` loads; any other
    under its own name, for `transformer.Generator` only.

    Raises:
        ExportError: the model makes a choice that GPT-2 does not have, or there is no such
            quantization.
        CheckpointError, TokenizerError: the run has no usable weights or tokenizer.
    """
    dtype = dtype_of(quantization)
    loaded = load_run(run, "language_modeling")
    tokenizer = loaded.tokenizer
    try:
        settings, weights = gpt2_files(loaded.model, eos_id=tokenizer.eos_id)
    except ValueError as error:
        raise ExportError(f"{error}; GPT2LMHeadModel cannot hold it") from None
    settings["dtype"] = quantization
    settings["tokenizer"] = tokenizer.fingerprint  # Generator.load compares it
    files = {
        "config.json": json.dumps(settings, indent=1).encode(),
        "config.yaml": loaded.config.to_yaml().encode(),
        tokenizer.file_name: tokenizer.model,
    }
    if tokenizer.file_name == "tokenizer.json":
        about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
        files["tokenizer_config.json"] = json.dumps(about, indent=1).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    path = folder / "model.safetensors"
    save_file({n: w.to(dtype) for n, w in weights.items()}, path, metadata={"format": "pt"})
    path.chmod((folder / "config.json").stat().st_mode)  # safetensors hides it from all others
