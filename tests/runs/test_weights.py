"""Weights on disk: what is written comes back, and damage is noticed."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from transformer.config import Config, ModelConfig
from transformer.model.encoder_decoder import Transformer
from transformer.runs.errors import CheckpointError
from transformer.runs.loading import load_model
from transformer.runs.weights import (
    assign_weights,
    average_weights,
    compress,
    load_weights,
    named_weights,
    read_metadata,
    read_weights,
    save_weights,
)

TINY = ModelConfig(d_model=8, d_ff=16, n_heads=2, n_encoder_layers=1, n_decoder_layers=1)


def tiny_model(seed: int = 0) -> Transformer:
    torch.manual_seed(seed)
    return Transformer(TINY, vocab_size=20)


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_average_is_the_mean() -> None:
    weights = [{"w": torch.tensor([float(i), 1.0])} for i in (1, 2, 6)]
    assert torch.equal(average_weights(weights)["w"], torch.tensor([3.0, 1.0]))
    with pytest.raises(CheckpointError, match="no checkpoints to average"):
        average_weights([])


def test_shared_weights_are_saved_once_and_the_model_is_the_same(tmp_path: Path) -> None:
    model = tiny_model()
    path = tmp_path / "model.safetensors"
    save_weights(named_weights(model), path, {"longest_src": "17"})
    assert path.stat().st_size < 4 * model.n_parameters() + 5000
    assert read_metadata(path)["longest_src"] == "17"
    loaded = load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)
    assert same(named_weights(loaded), named_weights(model))
    assert loaded.output.weight is loaded.src_embedding.weight
    assert not loaded.training


def test_what_is_loaded_does_not_change_with_the_file(tmp_path: Path) -> None:
    model, other = tiny_model(), tiny_model(seed=1)
    path, new = tmp_path / "model.safetensors", tmp_path / "new.safetensors"
    save_weights(named_weights(model), path)
    save_weights(named_weights(other), new)
    loaded = load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)
    with path.open("r+b") as file:  # in place, as a copying program may write
        file.write(new.read_bytes())
    assert same(named_weights(loaded), named_weights(model))


def test_weights_are_assigned_to_a_model_without_any() -> None:
    def tied() -> nn.Module:
        model = nn.ModuleDict({"a": nn.Linear(3, 2, bias=False), "b": nn.Linear(3, 2)})
        model["b"].weight = model["a"].weight
        return model

    given = {"a.weight": torch.ones(2, 3), "b.bias": torch.zeros(2)}
    with torch.device("meta"):
        model = tied()
    assign_weights(model, given, source="x")
    assert model["a"].weight is model["b"].weight
    assert same(named_weights(model), given)
    assert all(weight.device.type == "cpu" for weight in model.parameters())
    with pytest.raises(CheckpointError, match=r"x does not fit.*b.bias the model has \(2,\)"):
        assign_weights(model, {"a.weight": torch.ones(2, 3)}, source="x")


def test_weights_of_another_model_are_refused() -> None:
    model = tiny_model()
    weights = dict(named_weights(model))
    del weights["encoder.layers.0.self_attention.output.weight"]
    with pytest.raises(CheckpointError, match=r"x does not fit.*self_attention.output.weight"):
        load_weights(model, weights, source="x")
    with pytest.raises(CheckpointError, match=r"extra the model has nothing, the file \(2,\)"):
        load_weights(model, {**named_weights(model), "extra": torch.zeros(2)}, source="x")


def test_a_damaged_or_missing_model_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(CheckpointError, match="does not exist"):
        load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)
    path.write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)


def test_a_flipped_bit_among_the_weights_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(named_weights(tiny_model()), path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match="damaged: its checksum does not match"):
        load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    weights = {name: w.clone() for name, w in named_weights(tiny_model()).items()}
    weights["encoder.layers.0.self_attention.output.weight"][0, 0] = torch.nan
    save_weights(weights, path)
    with pytest.raises(CheckpointError, match=r"self_attention\.output\.weight is not finite"):
        load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)


def test_compressed_weights_come_back_nearly_the_same(tmp_path: Path) -> None:
    model = tiny_model()
    weights = named_weights(model)
    small, path = compress(weights), tmp_path / "model.safetensors"
    assert sum(w.numel() * w.element_size() for w in small.values()) < 0.5 * sum(
        4 * w.numel() for w in weights.values()
    )
    save_weights(small, path, {"step": "3"})
    back = read_weights(path)
    assert back.keys() == weights.keys()
    for name, weight in weights.items():
        if weight.dim() == 2:
            highest = weight.abs().amax(dim=1, keepdim=True)
            assert ((back[name] - weight).abs() <= highest / 254 * 1.001).all(), name
        else:
            assert torch.equal(back[name], weight)
    # What has come back is stored again without another error, but for the last bit.
    again = read_weights_of(compress(back), tmp_path / "again.safetensors")
    assert all(torch.allclose(again[name], back[name], rtol=1e-6, atol=0) for name in back)
    loaded = load_model(path, Config(model=TINY), vocab_size=20, pad_id=0)
    src = torch.randint(1, 20, (2, 5))
    torch.testing.assert_close(loaded(src, src), model.eval()(src, src), rtol=0.1, atol=0.1)


def test_a_row_of_zeros_can_be_compressed(tmp_path: Path) -> None:
    weights = {"w": torch.zeros(2, 3)}
    assert torch.equal(read_weights_of(compress(weights), tmp_path / "w")["w"], weights["w"])


def read_weights_of(weights: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    save_weights(weights, path)
    return read_weights(path)
