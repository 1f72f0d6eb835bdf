import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

if "PYTEST_XDIST_WORKER" in os.environ:  # several at a time, so each has one thread
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from transformer.config import TokenizerConfig
from transformer.data.tokenizer import Tokenizer, train_tokenizer

LINES = """Ein Hund läuft durch den Schnee.
A dog runs through the snow.
Zwei Männer fahren mit dem Fahrrad durch die Stadt.
Two men ride their bicycles through the town.
Die Pizza kam aus dem Ofen, und sie schmeckte gut.
The pizza came out of the oven, and it tasted good.
Eine Frau liest ein Buch und trinkt Kaffee.
A woman reads a book and drinks coffee.
Der kleine Junge spielt mit seinem Ball im Garten.
The little boy plays with his ball in the garden.
Die Katze schläft auf dem Sofa; draußen regnet es.
The cat sleeps on the sofa; it is raining outside.
Morgen fahren wir mit dem Zug nach Berlin!
Tomorrow we will take the train to Berlin!
Wer hat das Brot und den Käse gekauft?
Who bought the bread and the cheese?
Ich möchte lieber ein Glas Wasser.
I would rather have a glass of water.
Das Mädchen mit dem roten Hut singt ein Lied.
The girl with the red hat sings a song.""".splitlines()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kill-trials", type=int, default=1, help="runs to kill at random moments")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kill_trial" in metafunc.fixturenames:
        metafunc.parametrize("kill_trial", range(metafunc.config.getoption("--kill-trials")))


@pytest.fixture(scope="session")
def script() -> Callable[[str], ModuleType]:
    """Imports one of scripts/ by its name; they import one another."""

    def load(name: str) -> ModuleType:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(Path(__file__).parents[1] / "scripts")
            return importlib.import_module(name)

    return load


@pytest.fixture(scope="session", autouse=True)
def _datasets_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing stays behind in the cache of whoever runs the tests, child processes included."""
    cache = tmp_path_factory.mktemp("datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_DATASETS_CACHE", str(cache))
        if "datasets" in sys.modules:  # it reads the variable once
            patch.setattr("datasets.config.HF_DATASETS_CACHE", cache)
        yield


@pytest.fixture(scope="session", autouse=True)
def _signals() -> None:
    """They end a process even if the tests run where they are ignored, such as under nohup."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _small_model() -> Iterator[None]:
    """The model of configs/quickstart.yaml stands for the one in the package: small, and sure of
    the sentences of the built-in corpus."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transformer.runs.directory.SHIPPED", Path(__file__).parent / "quickstart")
        yield


@pytest.fixture(scope="session")
def lines() -> list[str]:
    """A few sentences in both languages."""
    return LINES


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """Trained on `lines`; a little more than bytes and letters."""
    return train_tokenizer(LINES, TokenizerConfig(vocab_size=360))
