"""No example shown of the package's model is in its training text, unless it says so."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from transformer.data.builtin.phrases import phrases
from transformer.data.builtin.splits import ANCHORS
from transformer.runs.directory import packaged

ROOT = Path(__file__).parents[1]
PRETRAINED = ROOT / "transformer" / "pretrained"


@pytest.fixture(scope="module")
def examples(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("check_examples")


@pytest.fixture(scope="module")
def known(examples: ModuleType) -> set[str]:
    """What CI has of the training text; `check_examples.py --input` reads the corpora as well."""
    return set(map(examples.normalised, examples.made_here()))


DOCUMENTS = [
    ROOT / "README.md",
    *sorted(PRETRAINED.glob("*/MODEL_CARD.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "configs").glob("*_everyday*.yaml")),
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
@pytest.mark.slow
def test_examples_are_unseen_or_say_that_they_were_seen(
    path: Path, examples: ModuleType, known: set[str]
) -> None:
    assert path in examples.documents()
    unmarked = {example.text for example in examples.shown_in(path) if not example.marked}
    seen = examples.seen(unmarked, known)
    assert not seen, f'say beside these that they were "seen in training": {sorted(seen)}'


def test_the_lists_are_unseen(examples: ModuleType, known: set[str]) -> None:
    listed = [example.text for example in examples.unmarked_lists()]
    assert len(listed) >= 80
    assert not examples.seen(listed, known)


def test_what_is_in_the_training_text_is_found(examples: ModuleType, known: set[str]) -> None:
    trained = {
        "die pizza  kam aus dem Ofen, und schmeckte gut",  # an anchor, typed otherwise
        "WO IST DIE NAECHSTE APOTHEKE",  # of the grammar
        "Der Wasserhahn tropft!",  # fixed
        "Bratkartoffeln mit Speck und Zwiebeln",  # an instance of a pattern
        "Ich habe am 29. Februar einen Termin beim Zahnarzt.",
        "Frau Dr. Nowak kommt heute um 7:05 Uhr.",
    }
    new = {"Bratkartoffeln", "Der Wasserhahn singt.", "Ich habe einen Termin."}
    assert examples.seen(trained | new, known) == trained
    assert examples.seen([german for german, _ in phrases(ANCHORS)], known)


def bash(command: str) -> str:
    return f"```bash\n{command}\n```"


COMMAND = bash('transformer-translate "Ja."')


@pytest.mark.parametrize(
    ("markdown", "german", "marked"),
    [
        (f"Try:\n\n{COMMAND}\n\nWell.", ["Ja."], False),
        (f"{COMMAND}\n\nIt was seen in training.", ["Ja."], True),
        (f"{COMMAND}\n\nIt was not seen in training.", ["Ja."], False),
        (bash('pip install . && transformer-translate "Ja." "Nein."'), ["Ja.", "Nein."], False),
        (bash('transformer-translate --prefix "A" "Ja."  # seen in training'), ["Ja."], True),
        (bash('transformer-translate --model runs/quickstart "Ja."'), [], False),
        (bash('transformer-translate --model runs/de_en_everyday "Ja."'), ["Ja."], False),
        (bash('transformer-explain "Ja." --output a.html'), ["Ja."], False),
        ('```python\ntranslator.score("Ja.", "Yes.")\n```', ["Ja."], False),
        ('```python\ntranslator.translate_batch(["Ja.", "Nein."])\n```', ["Ja.", "Nein."], False),
        ("| German | model |\n|---|---|\n| Ja. | Yes. |", ["Ja."], False),
        ("| German | model | |\n|---|---|---|\n| Ja. | Yes. | seen in training |", ["Ja."], True),
        ("> Ja.\\\n> Yes.\n\nIt was seen in training.", ["Ja."], True),
        ("<!-- example -->\n> Ja, **sie**.\\\n> Yes, she.", ["Ja, sie."], False),
    ],
)
def test_examples_are_found(
    markdown: str, german: list[str], marked: bool, examples: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "a.md"
    path.write_text(markdown, encoding="utf-8")
    found = list(examples.shown_in(path))
    assert [example.text for example in found] == german
    assert all(example.marked == marked for example in found)


@pytest.mark.parametrize("name", packaged())
def test_the_card_shows_every_sentence_of_the_list_as_it_was_judged(
    name: str, examples: ModuleType
) -> None:
    card = (PRETRAINED / name / "MODEL_CARD.md").read_text(encoding="utf-8")
    right, wrong = card.split("## Examples")[1].split("\nWrong, ")
    sentences = examples.card_sentences(examples.CARD_SENTENCES[name])
    assert len(sentences) >= 40
    for source, meaning, good, bad in sentences:
        rows = [f"| {source} | {text} | |" in right for text in good]
        rows += [f"| {source} | {text} | {meaning} |" in wrong for text in bad]
        assert any(rows), source
