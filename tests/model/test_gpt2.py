"""GPT-2 as Hugging Face has it, with random weights: nothing can be downloaded here."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from transformer.export.gpt2 import gpt2_files
from transformer.model.gpt import GPT
from transformer.model.gpt2 import gpt2_config
from transformer.search.sampling import Sampling

transformers = pytest.importorskip("transformers")

SIZES = {"n_embd": 48, "n_layer": 3, "n_head": 4, "n_positions": 32, "vocab_size": 70}


def random_(model: nn.Module) -> nn.Module:
    """Weights large enough to matter, biases and norms included."""
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(3)
        for name, weight in model.named_parameters():
            weight.copy_(
                torch.randn_like(weight) / 5 + (1 if "ln" in name and "weight" in name else 0)
            )
    return model.eval()


def theirs(folder: Path, **settings: Any) -> Any:
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**{**SIZES, **settings}))
    random_(model).save_pretrained(folder)
    return model


def ids(batch: int = 3, length: int = 20) -> Tensor:
    return torch.randint(0, 70, (batch, length), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("activation", ["gelu_new", "gelu", "relu"])
@pytest.mark.parametrize("n_inner", [None, 80])
@torch.no_grad()
def test_logits_are_theirs(tmp_path: Path, activation: str, n_inner: int | None) -> None:
    model = theirs(tmp_path, activation_function=activation, n_inner=n_inner)
    ours = GPT.from_huggingface(tmp_path)
    torch.testing.assert_close(ours(ids()), model(ids()).logits, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_greedy_continuations_are_theirs(tmp_path: Path) -> None:
    model, prompts = theirs(tmp_path), ids(4, 5)
    ours = GPT.from_huggingface(tmp_path).generate(
        list(prompts), 25, sampling=Sampling(temperature=0)
    )
    found = model.generate(
        prompts, max_new_tokens=25, min_new_tokens=25, do_sample=False, pad_token_id=0
    )
    assert ours == found[:, 5:].tolist()


@torch.no_grad()
def test_what_is_saved_loads_there(tmp_path: Path) -> None:
    config = gpt2_config(d_model=48, n_heads=4, n_decoder_layers=2, context=40)
    gpt = GPT(config, vocab_size=70)
    random_(gpt)
    settings, weights = gpt2_files(gpt, eos_id=7)
    (tmp_path / "config.json").write_text(json.dumps(settings))
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    model = transformers.GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(model(ids()).logits, gpt(ids()), rtol=1e-4, atol=1e-4)
    assert model.config.eos_token_id == 7
    back = GPT.from_huggingface(tmp_path)
    assert back.config == config
    for (name, one), other in zip(gpt.named_parameters(), back.parameters(), strict=True):
        assert torch.equal(one, other), name


@torch.no_grad()
def test_attention_without_biases_has_zeros_there(tmp_path: Path) -> None:
    config = gpt2_config(
        d_model=48, n_heads=4, n_decoder_layers=2, context=40, attention_bias=False
    )
    gpt = GPT(config, vocab_size=70)
    random_(gpt)
    settings, weights = gpt2_files(gpt)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**settings)).eval()
    model.load_state_dict(weights, strict=False)
    torch.testing.assert_close(model(ids()).logits, gpt(ids()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon must be 1e-05; found 1e-06"),
        (
            {"scale_attn_by_inverse_layer_idx": True},
            "scale_attn_by_inverse_layer_idx must be False",
        ),
        ({"activation_function": "tanh"}, "activation_function must be one of gelu_new,"),
        ({"resid_pdrop": 0.2}, "resid_pdrop and embd_pdrop must be equal"),
    ],
)
def test_settings_that_we_do_not_have(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    theirs(tmp_path, **settings)
    with pytest.raises(ValueError, match=message):
        GPT.from_huggingface(tmp_path)


def test_a_folder_that_lacks_something(tmp_path: Path) -> None:
    theirs(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ValueError, match=r"other/config\.json is missing; name a folder of"):
        GPT.from_huggingface(other)
    (other / "config.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        GPT.from_huggingface(other)
    (other / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ValueError, match="model_type 'bert'; only 'gpt2'"):
        GPT.from_huggingface(other)
    shutil.copy(tmp_path / "config.json", other)
    with pytest.raises(ValueError, match=r"model\.safetensors is missing; other formats"):
        GPT.from_huggingface(other)
    (other / "model.safetensors").write_bytes(b"x" * 20)
    with pytest.raises(ValueError, match="is damaged"):
        GPT.from_huggingface(other)
    save_file({"wte.weight": torch.zeros(2, 2)}, other / "model.safetensors")
    with pytest.raises(ValueError, match=r"does not fit its config\.json: 'wpe.weight'"):
        GPT.from_huggingface(other)


@pytest.mark.parametrize(
    "settings",
    [
        {"positions": "sinusoidal"},
        {"scale_embedding": True},
        {"norm_first": False},
        {"tie": "none"},
        {"activation_dropout": 0.1},
    ],
)
def test_choices_that_gpt_2_does_not_have(settings: dict[str, Any]) -> None:
    gpt = GPT(gpt2_config(d_model=8, n_heads=2, n_decoder_layers=1, **settings), vocab_size=9)
    with pytest.raises(ValueError, match=f"GPT-2 has .*{next(iter(settings))}"):
        gpt2_files(gpt)
