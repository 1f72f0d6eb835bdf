"""The model in the package: it loads, knows what is easy, and keeps what must be kept."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file

from transformer import Translator
from transformer.inference.evaluation import bleu
from transformer.runs.directory import RunDirectory

FOLDER = Path(__file__).parents[1] / "transformer" / "pretrained" / "de-en"


@pytest.fixture(scope="module")
def translator() -> Iterator[Translator]:
    yield Translator.load(FOLDER)


@pytest.mark.parametrize(
    ("german", "english"),
    [
        ("Die Pizza kam aus dem Ofen", "The pizza came out of the oven"),
        (
            "Die Pizza kam aus dem Ofen und schmeckte gut.",
            "The pizza came out of the oven and tasted good.",
        ),
        (
            "Die Pizza kam aus dem Ofen und sie schmeckte gut.",
            "The pizza came out of the oven and it tasted good.",
        ),
        ("Wo ist der Bahnhof?", "Where's the station?"),
        ("Guten Morgen!", "Good morning!"),
        ("Ich habe meinen Schlüssel verloren.", "I lost my key"),
        ("Mein Zug hat zwanzig Minuten Verspätung.", "My train is twenty minutes late."),
    ],
)
def test_what_it_has_seen_in_training_and_what_people_type_next(
    translator: Translator, german: str, english: str
) -> None:
    found = translator.translate(german)
    assert found.replace("Where is", "Where's").startswith(english)


# All of them are unseen: scripts/check_examples.py finds none in its training text.
@pytest.mark.parametrize(
    ("german", "english"),
    [
        (
            "Meine Mutter kaufte den Mantel nicht, weil er zu teuer war.",
            "My mother didn't buy the coat because it was too expensive.",
        ),
        (
            "Meine Mutter kaufte den Mantel nicht, weil sie kein Geld hatte.",
            "My mother didn't buy the coat because she had no money.",
        ),
        ("Die Kellnerin brachte uns die falsche Rechnung.", "The waitress brought us the wrong"),
        ("Kannst du mir sagen, wie viel das Brot kostet?", "Can you tell me how much the bread"),
    ],
)
def test_what_it_has_not_seen(translator: Translator, german: str, english: str) -> None:
    assert translator.translate(german).startswith(english)


def test_its_size(translator: Translator) -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 40e6
    stored = load_file(FOLDER / "model.safetensors")
    assert {str(w.dtype) for name, w in stored.items() if w.dim() == 2 and ":" not in name} == {
        "torch.int8"
    }


def test_addresses_numbers_and_line_breaks_stay(translator: Translator) -> None:
    text = "Ruf mich an: 0171 2345678.\n\nMehr unter https://www.example.org/a?b=1 oder eva@b.de."
    first, empty, last = translator.translate(text).split("\n")
    assert "0171 2345678" in first and empty == ""
    assert "https://www.example.org/a?b=1" in last and "eva@b.de" in last


def test_shouting_missing_marks_and_umlauts(translator: Translator) -> None:
    assert re.fullmatch("WHERE('S| IS) THE STATION\\?", translator.translate("WO IST DER BAHNHOF?"))
    assert translator.translate("wo ist der bahnhof").lower().startswith("where")
    assert "key" in translator.translate("Ich habe meinen Schluessel verloren.")


def test_a_paragraph_keeps_all_its_sentences(translator: Translator) -> None:
    text = "Hallo Anna. Danke für deine Nachricht. Ich kann nicht kommen. Bis Sonntag!"
    assert len(re.findall(r"[.!]", translator.translate(text))) >= 4


def test_the_card_says_what_the_model_says(translator: Translator) -> None:
    card = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (.+?) \| ?(.*?) ?\|$", card.split("## Examples")[1], re.M)
    pairs = [(de, en) for de, en, _ in rows if de not in ("German", "---")]
    assert len(pairs) >= 20
    found = [best[0].text for best in translator.translate_batch([de for de, _ in pairs])]
    # Rounding differs between machines, and may decide between two hypotheses.
    assert bleu(found, [en for _, en in pairs]) > 90
    assert not re.findall(r"\{\w+\}", card)


def test_its_settings_name_no_machine() -> None:
    config = RunDirectory(FOLDER).load_config()
    assert config.run_dir == "de-en" and config.tokenizer.path is None
    assert all(str(source.path or "data/").startswith("data/") for source in config.data.train)
