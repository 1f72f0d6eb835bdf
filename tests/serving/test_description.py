"""The OpenAPI description: requests made from it, right and wrong, find no fault."""

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from transformer.inference.translator import Translator
from transformer.serving.app import create_app
from transformer.serving.service import Service

QUICKSTART = Path(__file__).parents[1] / "quickstart"

MODEL = Translator.load(QUICKSTART)
BACK = Translator.load(QUICKSTART)
BACK.src_lang, BACK.tgt_lang = "en", "de"
app = create_app(Service({"de-en": MODEL, "en-de": BACK}))
schema = schemathesis.openapi.from_asgi("/openapi.json", app)
schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.slow
def test_nothing_falls_over(case: schemathesis.Case) -> None:
    # That a file is of another kind than its name says, no description can forbid.
    free = [positive_data_acceptance] if case.path == "/translate_file" else []
    case.call_and_validate(excluded_checks=free)
