import pytest

from transformer.data.builtin.corpus import sample_pairs
from transformer.export.trained import Trained
from transformer.inference.torch_engine import TorchEngine
from transformer.inference.translator import Translator


@pytest.fixture(scope="session")
def shipped() -> Translator:
    """The model of the package."""
    return Translator.load()


@pytest.fixture(scope="session")
def exact() -> TorchEngine:
    """The same model in fp64, so that no rounding decides between two hypotheses."""
    trained = Trained.load()
    return TorchEngine(trained.model.double(), trained.tokenizer)


@pytest.fixture(scope="session")
def german() -> list[str]:
    """Lines that it was not trained on."""
    return [de for de, _ in sample_pairs("val", 40)]
