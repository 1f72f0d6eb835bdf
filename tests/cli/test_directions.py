"""Which of the models in the package translates."""

import pytest

from transformer.cli import translate_main


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


ENGLISH = "The washing machine makes strange noises."
GERMAN = "Meine Großmutter backt jeden Samstag einen Apfelkuchen."
"""Neither is in a training text."""


def test_to_chooses_a_model_in_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate_main(["--to", "de", ENGLISH]) == 0
    assert translate_main(["--model", "en-de", ENGLISH]) == 0
    assert translate_main(["--to", "EN", GERMAN]) == 0
    first, second, third = lines_of(capsys)
    assert first == second == "Die Waschmaschine macht seltsame Geräusche."
    assert third == "My grandmother bakes an apple pie every Saturday."


def test_english_without_a_model_goes_into_german(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate_main(["Where is the station that you told me about?"]) == 0
    out, err = capsys.readouterr()
    assert "Bahnhof" in out and err == "note: English, so translated into German (--to de)\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "fr"], "the models in the package translate into de and en; found --to 'fr'"),
        (["--to", "de", "--model", "en-de"], "--to chooses a model in the package; leave it out"),
    ],
)
def test_a_direction_that_there_is_not(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        translate_main([*options, ENGLISH])
    assert message in capsys.readouterr().err
