"""Pairs made from pairs say the same on both sides."""

import random
import re
from collections.abc import Callable
from types import ModuleType

import pytest

Pair = tuple[str, str]


@pytest.fixture(scope="module")
def augmenting(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("augmenting")


@pytest.fixture
def made(augmenting: ModuleType) -> Callable[[str, str, str], set[Pair]]:
    """What a function makes of a pair, drawn often."""

    def make(name: str, german: str, english: str) -> set[Pair]:
        augment = getattr(augmenting, name)
        return {p for seed in range(300) if (p := augment(german, english, random.Random(seed)))}

    return make


Made = Callable[[str, str, str], set[Pair]]


def test_names_change_on_both_sides_alike(augmenting: ModuleType, made: Made) -> None:
    found = made(
        "rename", "Toms Tomaten mag Maria, sagt Tom.", "Mary likes Tom's tomatoes, Tom says."
    )
    men = f"{augmenting.MEN} {augmenting.MEN_ABROAD}".split()
    women = f"{augmenting.WOMEN} {augmenting.WOMEN_ABROAD}".split()
    for german, english in found:
        parts = re.fullmatch(r"(.+)s Tomaten mag (.+), sagt (.+)\.", german)
        assert parts and parts[1] == parts[3]
        woman = "Mary" if parts[2] == "Maria" else parts[2]
        assert english == f"{woman} likes {parts[1]}'s tomatoes, {parts[1]} says."
        assert parts[1] == "Tom" or parts[1].split()[0] in men
        assert parts[2] == "Maria" or parts[2].split()[0] in women
    assert len(found) > 200
    assert not made("rename", "Er singt.", "He sings.")
    assert not made("rename", "Tom singt.", "He sings.")


def test_hasty_typing_leaves_the_other_side(made: Made) -> None:
    german, english = "Schließ bitte, die Tür!", "Please close the door, won't you!"
    found = made("type_hastily", german, english)
    assert {en for _, en in found} == {english}
    assert {de for de, _ in found} > {
        "schließ bitte, die tür!",
        "Schließ bitte, die Tür",
        "Schliess bitte, die Tuer!",
        "Schließ bitte, die Tur!",
        "Schließ bitte die Tür!",
    }
    found = made("type_english_hastily", german, english)
    assert {de for de, _ in found} == {german}
    assert {"please close the door, won't you!", "Please close the door, wont you!"} < {
        en for _, en in found
    }


def test_a_slip_changes_one_word_by_one_key(augmenting: ModuleType) -> None:
    found = {augmenting.misspell("die Katze", random.Random(seed)) for seed in range(300)}
    assert {"die Kaatze", "die Ktze", "die Kazte", "die Karze", "die Kstze"} <= found
    assert all(text.startswith("die K") and 7 <= len(text) <= 10 for text in found)
    assert augmenting.misspell("die See", random.Random(1)) == "die See"


def test_speech_keeps_its_sentence(made: Made) -> None:
    found = made("quote", "Es ist kalt, komm ins Haus.", "It is cold, come inside.")
    assert (
        "„Es ist kalt“, sagte sie, „komm ins Haus.“",
        '"It is cold," she said, "come inside."',
    ) in found
    assert (
        "„Es ist kalt, komm ins Haus“, sagte er.",
        '"It is cold, come inside," he said.',
    ) in found
    assert not any("fragte" in german for german, _ in found)
    asked = made("quote", "Bist du da?", "Are you there?")
    assert ("„Bist du da?“, fragte sie.", '"Are you there?" she asked.') in asked
    assert not made("quote", "Er sagte: „Ja.“", 'He said, "Yes."')


def test_quotation_marks_vary(made: Made) -> None:
    found = made("set_in_type", "„Ja“ - oder ...", '"Yes" - or ...')
    assert ("»Ja« – oder …", '"Yes" - or ...') in found
    assert not made("set_in_type", "Ja.", "Yes.")


def test_gender_signs_only_where_both_sides_mean_several(made: Made) -> None:
    found = made("gender", "Alle Ärzte warten.", "All doctors are waiting.")
    assert ("Alle Ärzt*innen warten.", "All doctors are waiting.") in found
    assert ("Alle Ärzt:innen warten.", "All doctors are waiting.") in found
    assert not made("gender", "Der Lehrer wartet.", "The teacher is waiting.")


def test_marks_stand_for_what_both_sides_share(made: Made) -> None:
    found = made("mark", "Eva traf Ben um 7.30 Uhr.", "At 7:30 Ben was met by Eva.")
    assert ("@1 traf @2 um @3 Uhr.", "At @3 @2 was met by @1.") in found
    for german, english in found:
        marks = re.findall(r"@\d", german)
        assert marks == [f"@{n}" for n in range(1, len(marks) + 1)]
        assert sorted(re.findall(r"@\d", english)) == marks
    assert not made("mark", "Er singt.", "He sings.")
    assert not made("mark", "Schreib an Eva@web.de", "Write to Eva@web.de")


def test_other_numbers_are_the_same_on_both_sides(augmenting: ModuleType, made: Made) -> None:
    found = made(
        "renumber", "Es kostet 1.250 Dollar, um 10:30 Uhr.", "It costs 1,250 dollars, at 10:30."
    )
    assert len(found) > 100
    for german, english in found:
        assert not augmenting.GERMAN_SPANS.lost(german, english)
    assert not made("renumber", "Es kostet viel.", "It costs a lot.")


def test_words_are_looked_up_with_their_article(script: Callable[[str], ModuleType]) -> None:
    nouns = [
        *(("der Hund", "dog"), ("die Katze", "cat"), ("das Pferd", "horse"), ("die Maus", "mouse")),
        *(("der Wolf", "wolf"), ("die Ziege", "goat"), ("das Huhn", "hen"), ("der Affe", "ape")),
    ]
    verbs = [("schläft", "sleeps"), ("rennt", "runs"), ("frisst", "eats"), ("wartet", "waits")]
    pairs = [
        (f"Heute {verb} {noun} nicht.", f"Today the {animal} {does} not.")
        for noun, animal in nouns
        for verb, does in verbs
    ]
    found = script("word_lexicon").lexicon(pairs)
    assert {("Hund", "dog"), ("der Hund", "the dog"), ("das Pferd", "the horse")} <= set(found)
    assert ("rennt", "runs") in found
    assert all(len(german.split()) == len(english.split()) for german, english in found)
