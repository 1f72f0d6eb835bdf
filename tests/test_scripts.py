"""What the scripts do to text before a model is trained on it."""

import gzip
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture(scope="module")
def everyday(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("prepare_everyday")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Ein \u00a0Hund. ", "Ein Hund."),
        ("Oft als „ Anna “ bezeichnet", "Oft als „Anna“ bezeichnet"),
        ("„Gut“ und „ schlecht ”", "„Gut“ und „schlecht“"),
        ('"Eine ""dame school"" ist so."', 'Eine "dame school" ist so.'),
        ('Er sagte: ""Gut.""', 'Er sagte: "Gut."'),
        ("Caesar ' s Palace", "Caesar's Palace"),
        ("Mu\u0308ller", "Müller"),
        ("»A« bis »B«", "»A« bis »B«"),
    ],
)
def test_normalise(everyday: ModuleType, text: str, expected: str) -> None:
    assert everyday.normalise(text, "") == (expected, "")


@pytest.mark.parametrize(
    ("german", "english", "expected"),
    [
        ("Ich weiß.", "i know", "I know."),
        ("Wirklich?", "really,", "Really?"),
        ("Gut.", "Fine.", "Fine."),
        ("und dann", "and then", "and then"),
        ("Ja!", 'He said "yes"', 'He said "yes"'),
    ],
)
def test_complete(everyday: ModuleType, german: str, english: str, expected: str) -> None:
    assert everyday.complete(german, english) == (german, expected)


def test_the_same_input_gives_the_same_output(
    everyday: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    shown = "Die Pizza kam aus dem Ofen und schmeckte gut!\tUnlike it.\n"
    shown += "So.\tthis is ALREADY english!\n"
    rows = 'Tom mag Maria.\tTom likes Mary.\n„Halb\t"Half\nSchön.\tNice.\n' + shown
    with gzip.open(source / "tatoeba.tsv.gz", "wt", encoding="utf-8") as file:
        file.write(rows)
    outputs = []
    for name in ("one", "two"):
        command = ["prepare", "--input", str(source), "--output", str(tmp_path / name)]
        monkeypatch.setattr(sys, "argv", command)
        everyday.main()
        outputs.append({path.name: path.read_text() for path in (tmp_path / name).iterdir()})
    assert outputs[0] == outputs[1]
    assert outputs[0]["tatoeba.tsv"] == "Tom mag Maria.\tTom likes Mary.\nSchön.\tNice.\n"
    assert set(outputs[0]) == {
        *("tatoeba.tsv", "words.tsv", "phrases.tsv", "sayings.tsv"),
        *(f"{name}.tsv" for name in everyday.AUGMENTATIONS),
    }
    assert len(outputs[0]["phrases.tsv"].splitlines()) == everyday.N_PHRASES
    assert "Bis morgen!\tSee you tomorrow!\n" in outputs[0]["sayings.tsv"]


def test_a_line_of_three_columns_is_named(everyday: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a.tsv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("a\tb\na\tb\tc\n")
    with pytest.raises(SystemExit, match=r"a\.tsv\.gz, line 2: 2 columns expected, found 3"):
        list(everyday.read(path))


@pytest.fixture(scope="module")
def phrases(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("everyday_phrases")


def test_phrases_are_whole_and_the_same_for_the_same_seed(phrases: ModuleType) -> None:
    found = phrases.phrases(1000, 1)
    assert found == phrases.phrases(1000, 1) != phrases.phrases(1000, 2)
    assert len(dict(found)) == len(found) == 1000
    assert len(dict(phrases.FIXED)) == len(phrases.FIXED)
    found += phrases.FIXED
    for german, english in found:
        assert german and english and not set("{}=\t") & set(german + english)


def test_both_sides_of_a_pattern_have_the_same_slots(phrases: ModuleType) -> None:
    for german, english in phrases.PATTERNS:
        slots = set(re.findall(r"{(\w+)}", german))
        assert slots == set(re.findall(r"{(\w+)}", english)) and slots <= phrases.SLOTS.keys()


def test_numbers_times_and_names_of_phrases_agree(phrases: ModuleType) -> None:
    for draw in map(random.Random, range(300)):
        german, english = phrases.when(draw)
        if half := re.fullmatch("um halb (.+)", german):
            hour = phrases.SECTIONS["hour"]
            hours = dict(zip(("zwölf", *(de for de, _ in hour)), range(12), strict=False))
            names = ["twelve", *(en for _, en in hour)]
            assert english == f"at half past {names[(hours[half[1]] - 1) % 12]}"
        elif digits := re.search(r"\d+:\d\d", german):
            assert english == f"at {digits[0]}"
        n, same = phrases.number(draw)
        assert n == same.replace(",", ".") and 10 <= int(n.replace(".", "")) <= 9999
        day, month = phrases.date(draw)[0].split(". ")
        assert int(day) <= {"Februar": 28, "April": 30, "Juni": 30}.get(month, 31)
        euros, in_english = phrases.price(draw)
        assert re.fullmatch(r"\d+,\d\d", euros) and in_english == euros.replace(",", ".")
        de, en = phrases.formal(draw)
        assert de.startswith("geehrter Herr") == en.startswith("Mr.") or " Dr. " in de
        assert de.split()[-1] == en.split()[-1]


def test_pronouns_are_counted_one_by_one_and_in_pairs(
    script: Callable[[str], ModuleType],
) -> None:
    score = script("score_builtin")
    pairs = score.read(SCRIPTS / "person_or_thing.txt")
    assert len(pairs) % 2 == 0 and len(pairs) >= 40
    assert {score.pronoun(english) for _, english in pairs} == {"it", "he", "she", "they"}
    found = [english for _, english in pairs]
    found[1] = found[1].replace("because she", "because it")
    found[4] = found[4].partition(" because ")[0]
    right = score.right_pronouns(found, pairs)
    assert [i for i, fine in enumerate(right) if not fine] == [1, 4]
    assert score.both_right(right) == len(pairs) // 2 - 2
