"""Compiled layers learn what the others learn, and a run of them is resumed in the same bits."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from transformer import Translator, UserError
from transformer.config import Config
from transformer.training.loop import train


def losses(run: Path) -> list[float]:
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [value for row in rows for name, value in row.items() if name in ("loss", "val_loss")]


@pytest.mark.slow
@pytest.mark.exhaustive
def test_compiled_layers_have_the_same_losses(configure: Callable[..., Config]) -> None:
    given = ["model.dropout=0", "training.precision=fp32"]
    plain = train(configure(*given, run="plain"))
    torch._dynamo.reset()
    given.append("training.compile=true")
    torch._dynamo.utils.counters.clear()
    compiled = train(configure(*given, run="compiled"))
    # One program for the encoder's layer and one for the decoder's, for all shapes.
    assert 0 < torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 4
    assert losses(compiled.directory) == pytest.approx(losses(plain.directory), rel=1e-5)
    assert isinstance(Translator.load(compiled.directory).translate("Ein Hund."), str)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_compiled_run_is_resumed_in_the_same_bits(configure: Callable[..., Config]) -> None:
    given = ["training.compile=true"]
    train(configure(*given, "training.max_steps=5", run="stopped"))
    runs = [
        train(configure(*given, run="stopped"), resume=True),
        train(configure(*given, run="whole")),
    ]
    files = [run.directory / "model.safetensors" for run in runs]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_without_a_compiler_nothing_is_begun(configure: Callable[..., Config]) -> None:
    config = configure("training.compile=true")
    without = torch._inductor.config.patch({"cpp.cxx": (None, "no-such-compiler")})
    with without, pytest.raises(UserError, match=r"torch\.compile needs a C\+\+ compiler"):
        train(config)
    assert not Path(config.run_dir).exists()
