"""A service with the quickstart's model, without a network."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from transformer.inference.translator import Translator
from transformer.serving.app import create_app
from transformer.serving.limits import Limits
from transformer.serving.service import Service

QUICKSTART = Path(__file__).parents[1] / "quickstart"


@pytest.fixture(scope="session")
def translator() -> Translator:
    return Translator.load(QUICKSTART)


@pytest.fixture(scope="session")
def backwards() -> Translator:
    """From English: what it says is nonsense, but it says the same every time."""
    translator = Translator.load(QUICKSTART)
    translator.src_lang, translator.tgt_lang = "en", "de"
    return translator


@pytest.fixture(scope="session")
def serve(translator: Translator, backwards: Translator) -> Callable[..., TestClient]:
    """Makes a client of a service with other limits, keys and so on."""

    def make(**options: object) -> TestClient:
        own = {name: options.pop(name) for name in ("limits", "cards") if name in options}
        service = Service({"de-en": translator, "en-de": backwards}, **own)  # type: ignore[arg-type]
        app = create_app(service, **options)  # type: ignore[arg-type]
        return TestClient(app, raise_server_exceptions=False)

    return make


@pytest.fixture(scope="module")
def client(serve: Callable[..., TestClient]) -> Iterator[TestClient]:
    with serve(limits=Limits(), cards={"de-en": "# Card\n\n<script>x</script>"}) as client:
        yield client
