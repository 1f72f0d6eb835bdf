import importlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

if "PYTEST_XDIST_WORKER" in os.environ:  # several at a time, so each has one thread
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from transformer import load_config
from transformer.config import Config, TokenizerConfig
from transformer.data.builtin.corpus import sample_pairs
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


TINY = (
    "data.cleaning.max_tokens=100",
    "tokenizer.vocab_size=400",
    "model.d_model=16",
    "model.d_ff=32",
    "model.n_heads=2",
    "model.n_encoder_layers=1",
    "model.n_decoder_layers=1",
    "training.batch_tokens=300",
    "training.accumulate=2",
    "training.max_steps=12",
    "training.warmup_steps=10",
    "training.checkpoint_every=3",
    "training.validate_every=4",
    "training.average_checkpoints=2",
    "training.val_bleu_sentences=5",
    "training.log_every=2",
    "training.tensorboard=false",
    "training.threads=1",
)


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


@pytest.fixture(autouse=True)
def _no_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the tests of the pictures of a run wait for them."""
    if request.path.name != "test_curves.py" and "transformer.training.curves" in sys.modules:
        monkeypatch.setattr("transformer.training.curves._draw", lambda run, task: None)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser without a window, which keeps what it logs and every request it makes."""
    names = ("chromium", "chromium-browser", "google-chrome")
    binary = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("needs Chromium and ChromeDriver (Debian: chromium, chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        *("headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-dev-shm-usage"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        *(f"user-data-dir={tmp_path_factory.mktemp('profile')}", "window-size=1280,1000"),
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(executable_path=driver)
    )
    try:
        yield browser
    finally:
        browser.quit()


@pytest.fixture(scope="session")
def lines() -> list[str]:
    """A few sentences in both languages."""
    return LINES


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """Trained on `lines`; a little more than bytes and letters."""
    return train_tokenizer(LINES, TokenizerConfig(vocab_size=360))


def _write(path: Path, pairs: list[tuple[str, str]]) -> Path:
    path.write_text("".join(f"{de}\t{en}\n" for de, en in pairs), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def write_pairs() -> Callable[[Path, list[tuple[str, str]]], Path]:
    """Writes pairs as a TSV file and returns its path."""
    return _write


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The settings of a run of a second: a tiny model and 300 pairs."""
    folder = tmp_path_factory.mktemp("data")
    train_file = _write(folder / "train.tsv", sample_pairs("train", 300))
    val_file = _write(folder / "val.tsv", sample_pairs("val", 20))
    return [f"data.train={train_file}", f"data.val={val_file}", *TINY]


@pytest.fixture
def configure(tiny: list[str], tmp_path: Path) -> Callable[..., Config]:
    """The settings of such a run, with overrides, in the run directory `run`."""

    def make(*overrides: str, run: str = "run") -> Config:
        return load_config(None, [f"run_dir={tmp_path / run}", *tiny, *overrides])

    return make
