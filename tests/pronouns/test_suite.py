"""The suite of pronouns: held out, balanced, and right."""

from collections import Counter

import pytest

from transformer.data.builtin.corpus import DEFAULT_PAIRS, draw_pairs
from transformer.pronouns.suite import DISTANCES, DISTRACTORS, MEANT, TELLS, Item, by_kind, items

OBJECT = {"er": "den", "sie": "die", "es": "das"}


@pytest.fixture(scope="module", params=["de", "en"])
def suite(request: pytest.FixtureRequest) -> list[Item]:
    return items(request.param)


def test_each_kind_has_as_many(suite: list[Item]) -> None:
    kinds = Counter((x.meant, x.tells, x.distance, x.n_distractors) for x in suite)
    assert len(suite) == 2000 and set(kinds.values()) == {125}
    assert len(kinds) == len(MEANT) * len(TELLS) * len(DISTANCES) * len(DISTRACTORS)
    assert sum(len(places) for _, places in by_kind(suite)) == len(suite)
    assert len({x.de.text for x in suite}) == len(suite)


def test_none_is_trained_on(suite: list[Item]) -> None:
    trained = dict(draw_pairs("train", DEFAULT_PAIRS["train"], 1))
    assert not [x for x in suite if x.de.text in trained]
    # Nor what the sentence is about: who does what with which thing, for which reason.
    openings = {german.partition(",")[0] for german in trained}
    near = [x for x in suite if x.distance == "near" and x.n_distractors == 1]
    assert not [x for x in near if x.de.text.partition(",")[0] in openings]


def test_marks_are_where_they_say(suite: list[Item]) -> None:
    for item in suite:
        for side, conjunction in ((item.de, "weil"), (item.en, "because")):
            before = side.text[: side.pronoun[0]]
            assert before.endswith(f" {conjunction} ")
            antecedent, other = (side.text[slice(*s)] for s in (side.antecedent, side.other))
            assert antecedent != other and antecedent in before and other in before
        assert item.en.pronoun_text() == ("it" if item.meant == "thing" else item.en.pronoun_text())


def test_the_pronoun_has_the_gender_of_what_it_means(suite: list[Item]) -> None:
    pronouns = {"m": "er", "f": "sie", "n": "es"}
    for item in suite:
        assert item.de.pronoun_text() == pronouns[item.gender]
        if item.meant == "thing":
            phrase = item.de.text[slice(*item.de.antecedent)]
            assert phrase.startswith(OBJECT[item.de.pronoun_text()])
        else:
            assert item.en.pronoun_text() == {"m": "he", "f": "she"}[item.gender]


def test_from_german_the_other_noun_has_another_gender() -> None:
    for item in items("de", 200):
        thing = item.de.antecedent if item.meant == "thing" else item.de.other
        article = item.de.text[slice(*thing)].split()[0]
        assert (article == "den") == (item.gender == "m") or item.meant == "person"
        if item.meant == "person":
            assert (article == "den") == (item.gender == "f")


def test_exchanged_sentences_differ_in_the_antecedent_only(suite: list[Item]) -> None:
    for item in suite:
        for side, other in zip((item.de, item.en), item.exchanged, strict=True):
            assert other.pronoun_text() == side.pronoun_text()
            ends = [s.text[s.antecedent[1] :] for s in (side, other)]
            assert ends[0] == ends[1]
            assert side.text[: side.antecedent[0]] == other.text[: side.antecedent[0]]
        german = [s.text[slice(*s.antecedent)] for s in (item.de, item.exchanged[0])]
        assert german[0] != german[1]


def test_a_clause_stands_between_far_ones(suite: list[Item]) -> None:
    for item in suite:
        assert (" und " in item.de.text.partition(", weil")[0]) == (item.distance == "far")
        assert (" mit mein" in item.de.text) == (item.n_distractors == 2)


def test_wrong_pronouns_are_wrong(suite: list[Item]) -> None:
    for item in suite:
        for language in ("de", "en"):
            right = item.side(language).pronoun_text()
            wrong = item.wrong(language)
            assert wrong and right not in wrong
            assert set(wrong) <= {"er", "sie", "es", "he", "she", "it"}
    [item, *_] = suite
    changed = item.de.with_pronoun("xyz")
    assert changed.replace("xyz", item.de.pronoun_text()) == item.de.text


def test_the_same_seed_gives_the_same_suite() -> None:
    assert items("de", 80) == items("de", 80) != items("de", 80, seed=2)


@pytest.mark.parametrize(("n", "message"), [(15, "at least 16; found 15"), (80_000, "at most")])
def test_impossible_sizes(n: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        items("de", n)
