"""Which models the service loads, and which of them judge each other."""

from argparse import Namespace
from typing import Any

import pytest

from transformer.cli import serve, serve_main
from transformer.errors import UserError
from transformer.inference.torch_engine import TorchEngine

OMITTED = "Meine Tochter hat morgen ihren ersten Schultag."
"""A sentence of which one model alone leaves a word out."""


def loaded(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The translators of a service with these arguments, which is not started."""
    given: list[Namespace] = []
    monkeypatch.setattr(serve, "_serve", lambda args: given.append(args) or 0)
    assert serve_main(arguments) == 0
    [args] = given
    args.workers = 1
    translators, _ = serve._load(args)
    return translators


def test_served_models_judge_each_other_without_second_copies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = loaded(["--model", "de-en", "--model", "en-de"], monkeypatch)
    engines = {name: translator.engine for name, translator in both.items()}
    for name, other in (("de-en", "en-de"), ("en-de", "de-en")):
        judge = engines[name].reverse._engine
        assert isinstance(judge, TorchEngine) and judge.model is engines[other].model
    [one] = loaded(["--model", "de-en"], monkeypatch).values()
    [alone] = loaded(["--model", "de-en", "--reverse", "none"], monkeypatch).values()
    assert alone.engine.reverse is None
    assert one.translate(OMITTED) == both["de-en"].translate(OMITTED) != alone.translate(OMITTED)


def test_a_model_is_served_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="de-en is given twice"):
        loaded(["--model", "de-en", "--model", "de-en"], monkeypatch)
