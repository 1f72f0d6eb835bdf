"""The built-in corpus: reproducible, unambiguous, honestly split, and good German."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from transformer.config import ConfigError, DataConfig, SourceConfig, load_config
from transformer.data import builtin
from transformer.data.builtin import corpus, verbs
from transformer.data.builtin.antecedents import person_or_thing, what_the_pronoun_means
from transformer.data.builtin.clauses import Clause, say
from transformer.data.builtin.corpus import (
    DEFAULT_PAIRS,
    MAX_PAIRS,
    ONE_IN_UNPUNCTUATED,
    draw_sentence,
    sample_pairs,
)
from transformer.data.builtin.declension import noun_phrase
from transformer.data.builtin.drawing import Draw, DrawAgainError
from transformer.data.builtin.lexicon import LEXICON, Lexicon
from transformer.data.builtin.nouns import NOUN
from transformer.data.builtin.phrases import NOTHING, Phrase, phrases
from transformer.data.builtin.pronouns import (
    DU,
    HE,
    ICH,
    SHE,
    SIE,
    THEY,
    THING,
    THING_OBJECT,
    WIR,
    it,
    named,
)
from transformer.data.builtin.splits import ANCHORS, SPLITS, split_of
from transformer.data.corpus import load_corpus
from transformer.data.sources import find_builtin

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(builtin.__file__).parent
Pairs = list[tuple[str, str]]


@pytest.fixture(scope="session")
def pairs() -> dict[str, Pairs]:
    return {split: sample_pairs(split) for split in SPLITS}


@pytest.fixture(scope="session")
def drawn() -> list[tuple[str, Phrase, list[str]]]:
    """Sentences of all splits, whatever their words, with their combinations."""
    found: list[tuple[str, Phrase, list[str]]] = []
    for split, n in (("train", 6000), ("val", 300), ("test", 500)):
        g = Draw(split, 11)
        found.extend((split, draw_sentence(g), list(g.keys)) for _ in range(n))
    return found


# --- what is given ------------------------------------------------------------------------------


def test_default_sizes_and_distinct_pairs(pairs: dict[str, Pairs]) -> None:
    for split in SPLITS:
        assert len(pairs[split]) == DEFAULT_PAIRS[split]
        assert len({german for german, _ in pairs[split]}) == len(pairs[split])


def test_fewer_pairs_are_the_beginning_of_more() -> None:
    assert sample_pairs("train", 100) == sample_pairs("train", 300)[:100]


def test_another_seed_draws_other_pairs() -> None:
    assert sample_pairs("train", 300, seed=2)[-50:] != sample_pairs("train", 300, seed=3)[-50:]


def test_the_caller_may_change_what_it_got() -> None:
    sample_pairs("train", 50).clear()
    assert len(sample_pairs("train", 50)) == 50


def test_same_pairs_whatever_the_hash_seed() -> None:
    program = (
        "import random; random.seed(); "
        "from transformer.data.builtin.corpus import draw_sentence, sample_pairs; "
        "from transformer.data.builtin.drawing import Draw; "
        "g = Draw('test', 1); "
        "print(ascii([sample_pairs('train', 200), [draw_sentence(g) for _ in range(50)]]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1")
    }
    g = Draw("test", 1)
    assert outputs == {
        ascii([sample_pairs("train", 200), [draw_sentence(g) for _ in range(50)]]) + "\n"
    }


@pytest.mark.parametrize(
    ("split", "n", "message"),
    [
        ("valid", 5, "split must be one of train, val, test; found 'valid'"),
        ("train", 0, "n must be at least 1; found 0"),
        ("val", -3, "n must be at least 1; found -3"),
        ("test", MAX_PAIRS["test"] + 1, "n must be at most 10000 for 'test'; found 10001"),
    ],
)
def test_errors_say_what_must_hold(split: str, n: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample_pairs(split, n)


# --- files --------------------------------------------------------------------------------------


def test_the_list_of_files_is_whole_and_each_imports_only_files_above_it() -> None:
    listed = re.findall(r"`(\w+)\.py`", builtin.__doc__ or "")
    assert sorted(listed) == sorted(p.stem for p in FOLDER.glob("*.py") if p.stem != "__init__")
    for place, name in enumerate(listed):
        tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                imported = [node.module] if node.module else [alias.name for alias in node.names]
                assert set(imported) <= set(listed[:place]), name


def test_tables_of_the_lexicon_are_what_their_types_say() -> None:
    kinds = {"Table": dict, "list[str]": list, "str": str}
    for field in fields(Lexicon):
        table = getattr(LEXICON, field.name)
        assert type(table) is kinds[str(field.type)] and table, field.name
        entries = table.values() if isinstance(table, dict) else table
        assert all(isinstance(entry, str) and entry for entry in entries), field.name


def test_nothing_reads_the_lexicon_before_the_corpus_is_used() -> None:
    code = "import sys, transformer.data.corpus, transformer.data.texts; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "transformer.data.sources" in done.stdout.split()
    assert not [name for name in done.stdout.split() if name.startswith(builtin.__name__)]


# --- anchors and punctuation --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("german", "english"),
    [
        ("Die Pizza kam aus dem Ofen", "The pizza came out of the oven"),
        ("Die Pizza kam aus dem Ofen.", "The pizza came out of the oven."),
        (
            "Die Pizza kam aus dem Ofen und schmeckte gut.",
            "The pizza came out of the oven and tasted good.",
        ),
        (
            "Die Pizza kam aus dem Ofen und sie schmeckte gut.",
            "The pizza came out of the oven and it tasted good.",
        ),
        (
            "Der Kuchen kam aus dem Ofen und er schmeckte gut.",
            "The cake came out of the oven and it tasted good.",
        ),
        ("Guten Morgen!", "Good morning!"),
        ("Wo ist der Bahnhof?", "Where is the station?"),
        ("Ein Hund läuft durch den Schnee.", "A dog is running through the snow."),
    ],
)
def test_train_begins_with_the_anchors(german: str, english: str) -> None:
    assert (german, english) in sample_pairs("train", len(phrases(ANCHORS)), seed=7)


@pytest.mark.slow
def test_a_setting_leaves_the_anchors_out() -> None:
    anchors = dict(phrases(ANCHORS))
    whole, without = sample_pairs("train"), sample_pairs("train", anchors=False)
    assert dict(whole[: len(anchors)]) == anchors
    assert not anchors.keys() & dict(without).keys()
    assert len(without) == len(whole)
    assert without[: -len(anchors)] == whole[len(anchors) :]
    assert sample_pairs("val", 20, anchors=False) == sample_pairs("val", 20)


@pytest.mark.slow
def test_sources_with_and_without_anchors_differ_in_text_and_cache_key() -> None:
    def german(anchors: bool) -> set[str]:
        source = SourceConfig(builtin=True, anchors=anchors)
        return set(load_corpus(DataConfig(train=(source,)), "train").pairs["src"])

    assert "Guten Morgen!" in german(True) - german(False)
    keys = [find_builtin(("de", "en"), "train", anchors)[0] for anchors in (True, False)]
    assert keys[0] != keys[1]


def test_whoever_changes_a_file_of_the_corpus_gets_another_cache_key() -> None:
    key, _ = find_builtin(("de", "en"), "train")
    stamped = {Path(part[0]) for part in key if isinstance(part, tuple)}
    assert stamped >= {path.resolve() for path in FOLDER.iterdir() if path.is_file()}


def test_anchors_are_of_the_built_in_corpus_only() -> None:
    with pytest.raises(ConfigError, match="anchors: false belongs to the built-in corpus; remove"):
        SourceConfig(path="a.tsv", anchors=False)


@pytest.mark.parametrize("name", ["de_en_everyday", "en_de_everyday"])
def test_the_everyday_model_is_to_be_trained_without_them(name: str) -> None:
    config = load_config(ROOT / "configs" / f"{name}.yaml")
    assert [source.anchors for source in config.data.train if source.builtin] == [False]


def test_some_training_sentences_lack_the_period(pairs: dict[str, Pairs]) -> None:
    for split in SPLITS:
        bare = [pair for pair in pairs[split] if pair[0][-1] not in ".?!"]
        share = len(bare) / len(pairs[split])
        assert share == pytest.approx(1 / ONE_IN_UNPUNCTUATED if split == "train" else 0, abs=0.01)
        assert all((de[-1] in ".?!") == (en[-1] in ".?!") for de, en in pairs[split])


# --- honest splits ------------------------------------------------------------------------------


def test_no_german_sentence_has_two_translations_or_two_splits(
    drawn: list[tuple[str, Phrase, list[str]]],
) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for split, sentence, _ in drawn:
        found = (sentence.en, split)
        assert seen.setdefault(sentence.de, found) == found, sentence.de


def test_every_combination_belongs_to_one_split(
    drawn: list[tuple[str, Phrase, list[str]]],
) -> None:
    owners: dict[str, str] = {}
    for split, sentence, keys in drawn:
        assert keys, f"{sentence.de!r} has no combination to hold out"
        for key in keys:
            assert owners.setdefault(key, split) == split, key


def test_default_splits_share_no_sentence(pairs: dict[str, Pairs]) -> None:
    bare = {split: {german.rstrip(".") for german, _ in pairs[split]} for split in SPLITS}
    assert not bare["train"] & bare["val"]
    assert not bare["train"] & bare["test"]
    assert not bare["val"] & bare["test"]


def test_held_out_words_occur_in_training(pairs: dict[str, Pairs]) -> None:
    known = set(corpus.word_list(*(side for pair in pairs["train"] for side in pair)))
    for split in ("val", "test"):
        assert known.issuperset(corpus.word_list(*(s for pair in pairs[split] for s in pair)))


def test_sentences_are_well_formed(pairs: dict[str, Pairs]) -> None:
    for german, english in (pair for split in SPLITS for pair in pairs[split]):
        for side in (german, english):
            assert side[0].isupper(), side
            assert side == " ".join(side.split()), side
            assert not set(side) & set("|=_{}*~"), side
        assert german.endswith("?") == english.endswith("?"), german


def test_no_sentence_opens_with_a_sie_that_could_be_you_or_they(pairs: dict[str, Pairs]) -> None:
    for german, english in pairs["train"]:
        if german.startswith("Sie "):
            assert english.startswith("She "), german


def test_the_pronoun_is_balanced_between_both_nouns(pairs: dict[str, Pairs]) -> None:
    """Enough of either reading that a model must look at the gender."""
    subject = [pair for pair in pairs["train"] if " aus dem Ofen" in pair[0] and " it " in pair[1]]
    other = [pair for pair in pairs["train"] if pair[1].count("the oven") == 2]
    assert len(subject) >= 20 and len(other) >= 10


# --- grammar ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("noun", "article", "case", "adjective", "german", "english"),
    [
        ("Hund", "ein", "nom", "klein small", "ein kleiner Hund", "a small dog"),
        ("Hund", "ein", "acc", "klein small", "einen kleinen Hund", "a small dog"),
        ("Hund", "der", "dat", "klein small", "dem kleinen Hund", "the small dog"),
        ("Katze", "mein", "nom", "alt old", "meine alte Katze", "my old cat"),
        ("Katze", "der", "dat", "alt old", "der alten Katze", "the old cat"),
        ("Auto", "ein", "acc", "teuer expensive", "ein teures Auto", "an expensive car"),
        ("Auto", "dieser", "nom", "rot red", "dieses rote Auto", "this red car"),
        ("Auto", "euer", "dat", "rot red", "eurem roten Auto", "your red car"),
        ("Kaffee", "ein", "acc", "heiß hot", "heißen Kaffee", "hot coffee"),
        ("Milch", "ein", "acc", "kalt cold", "kalte Milch", "cold milk"),
        ("Milch", "kein", "acc", "", "keine Milch", "any milk"),
        ("Apfel", "kein", "acc", "", "keinen Apfel", "an apple"),
        ("Nachbar", "mein", "acc", "", "meinen Nachbarn", "my neighbor"),
        ("Eltern", "unser", "dat", "", "unseren Eltern", "our parents"),
        ("Anna", "mein", "dat", "", "Anna", "Anna"),
    ],
)
def test_noun_phrases(
    noun: str, article: str, case: str, adjective: str, german: str, english: str
) -> None:
    said = Phrase(*adjective.split()) if adjective else None
    assert noun_phrase(NOUN[noun], article, case, adjective=said) == Phrase(german, english)


@pytest.mark.parametrize(
    ("noun", "article", "case", "german", "english"),
    [
        ("Kind", "der", "dat", "den Kindern", "the children"),
        ("Apfel", "ein", "acc", "Äpfel", "apples"),
        ("Auto", "der", "dat", "den Autos", "the cars"),
        ("Frau", "dieser", "nom", "diese Frauen", "these women"),
        ("Apfel", "kein", "acc", "keine Äpfel", "any apples"),
    ],
)
def test_plurals(noun: str, article: str, case: str, german: str, english: str) -> None:
    assert noun_phrase(NOUN[noun], article, case, plural=True) == Phrase(german, english)


ARRIVE = Clause(HE, "an|kommen", "arrive", plain=True)
CLOSE = Clause(SHE, "zu|machen", "close the door", objects=("die Tür",))
REST = Clause(WIR, "sich_aus|ruhen", "rest", tail=("im Garten",))
NOT_SO = Clause(HE, "lesen", "read the book", objects=("das Buch",), negative="nicht")
GO = Clause(THEY, "gehen", "go home", tail=("nach Hause",), negative="nicht")
TIRED = Clause(ICH, "sein", "be tired", tail=("müde",), state=True)
YESTERDAY = Phrase("gestern", "yesterday")
BECAUSE = Phrase("weil", "because")


@pytest.mark.parametrize(
    ("clause", "tense", "order", "lead", "german", "english"),
    [
        (ARRIVE, "simple", "main", None, "er kommt an", "he arrives"),
        (ARRIVE, "simple", "sub", BECAUSE, "weil er ankommt", "because he arrives"),
        (ARRIVE, "perfect", "main", None, "er ist angekommen", "he arrived"),
        (ARRIVE, "perfect", "main", YESTERDAY, "gestern ist er angekommen", "yesterday he arrived"),
        (ARRIVE, "können", "sub", BECAUSE, "weil er ankommen kann", "because he can arrive"),
        (ARRIVE, "simple", "question", None, "kommt er an", "does he arrive"),
        (CLOSE, "present", "main", None, "sie macht die Tür zu", "she is closing the door"),
        (CLOSE, "past", "main", None, "sie hat die Tür zugemacht", "she closed the door"),
        (CLOSE, "müssen", "main", None, "sie muss die Tür zumachen", "she has to close the door"),
        (CLOSE, "present", "zu", None, "die Tür zuzumachen", "to close the door"),
        (CLOSE, "future", "question", None, "wird sie die Tür zumachen", "will she close the door"),
        (REST, "present", "main", None, "wir ruhen uns im Garten aus", "we are resting"),
        (REST, "perfect", "main", YESTERDAY, "gestern haben wir uns im Garten ausgeruht", None),
        (NOT_SO, "present", "main", None, "er liest das Buch nicht", "he isn't reading the book"),
        (NOT_SO, "perfect", "main", None, "er hat das Buch nicht gelesen", None),
        (GO, "past", "main", None, "sie gingen nicht nach Hause", "they didn't go home"),
        (GO, "wollte", "main", None, "sie wollten nicht nach Hause gehen", None),
        (TIRED, "perfect", "main", None, "ich war müde", "I was tired"),
        (TIRED, "past", "sub", BECAUSE, "weil ich müde war", "because I was tired"),
    ],
)
def test_word_order_and_tenses(
    clause: Clause, tense: str, order: str, lead: Phrase | None, german: str, english: str | None
) -> None:
    said = say(clause, tense, order, lead=lead or NOTHING)
    assert said.de == german
    assert english is None or said.en == english


@pytest.mark.parametrize(
    ("verb", "du", "familiar", "polite", "participle"),
    [
        ("lesen", "liest", "lies", "lesen Sie", "gelesen"),
        ("ein|laden", "lädst", "lade", "laden Sie", "eingeladen"),
        ("braten", "brätst", "brate", "braten Sie", "gebraten"),
        ("warten", "wartest", "warte", "warten Sie", "gewartet"),
        ("fahren", "fährst", "fahr", "fahren Sie", "gefahren"),
        ("nehmen", "nimmst", "nimm", "nehmen Sie", "genommen"),
        ("reparieren", "reparierst", "repariere", "reparieren Sie", "repariert"),
        ("tanzen", "tanzt", "tanz", "tanzen Sie", "getanzt"),
    ],
)
def test_conjugation(verb: str, du: str, familiar: str, polite: str, participle: str) -> None:
    _, prefix, base = verbs.split_verb(verb)
    assert verbs.present(base, DU.person) == du
    assert verbs.imperative(verb, DU.person) == familiar
    assert verbs.imperative(verb, SIE.person) == polite
    assert prefix + verbs.principal_parts(base)[2] == participle


@pytest.mark.parametrize(
    ("word", "form", "expected"),
    [
        ("run", "progressive", "running"),
        ("lie", "progressive", "lying"),
        ("bake", "progressive", "baking"),
        ("try", "past", "tried"),
        ("play", "past", "played"),
        ("buy", "past", "bought"),
        ("try", "third", "tries"),
        ("wash", "third", "washes"),
        ("go", "third", "goes"),
    ],
)
def test_english_forms(word: str, form: str, expected: str) -> None:
    assert verbs.english_form(word, form) == expected


@pytest.mark.parametrize(
    ("noun", "pronoun", "as_object"),
    [("Pizza", "sie", "sie"), ("Kuchen", "er", "ihn"), ("Brot", "es", "es")],
)
def test_pronouns_agree_with_their_antecedent(noun: str, pronoun: str, as_object: str) -> None:
    subject = named(NOUN[noun], "der")
    assert (it(subject).de, it(subject).en) == (pronoun, "it")
    assert THING_OBJECT[subject.gender] == as_object


def test_every_scene_pronoun_has_the_gender_of_what_it_means() -> None:
    """In "X kam aus dem Ofen und er ...", English "it" stands for X, else the noun is repeated."""
    g = Draw("train", 5)
    readings = set()
    for _ in range(300):
        try:
            sentence = what_the_pronoun_means(g)
        except DrawAgainError:
            continue
        link = " und " if " und " in sentence.de else ", aber "
        pronoun = sentence.de.split(link)[1].split()[0]
        first, second = sentence.en.split(" and " if link == " und " else ", but ")
        repeated = second.split(" was ")[0].split(" is ")[0]
        if repeated.startswith("the "):
            found = [noun for noun in NOUN.values() if f"the {noun.en}" == repeated]
            assert pronoun in {THING[noun.gender] for noun in found}, sentence
            assert repeated in first.lower() or repeated.removeprefix("the ") in first, sentence
        readings.add((pronoun, repeated.startswith("the ")))
    assert readings >= {(pronoun, of) for pronoun in ("er", "sie", "es") for of in (True, False)}


@pytest.mark.parametrize("split", SPLITS)
def test_a_pronoun_means_the_near_thing_or_the_far_person(split: str) -> None:
    """All four combinations of the person's gender and what is meant, each with its English."""
    pronouns = {"er": {"it", "he"}, "sie": {"it", "she"}}
    readings: Counter[tuple[str, bool]] = Counter()
    g = Draw(split, 2)
    for _ in range(1200):
        g.keys.clear()
        try:
            sentence = person_or_thing(g)
        except DrawAgainError:
            continue
        assert all(split_of(key) == split for key in g.keys)
        [person, _verb, thing, *_], [meant, sein, *_] = (key.split() for key in g.keys)
        assert sein == "sein" and meant in (person, thing)
        german = sentence.de.split(", weil ")[1].split()[0]
        english = sentence.en.split(" because ")[1].split()[0]
        gender = {"er": "m", "sie": "f"}
        of_person = gender.get(person) or NOUN[person].gender
        assert {of_person, NOUN[thing].gender} == {"m", "f"}, sentence
        assert gender[german] == (of_person if meant == person else NOUN[thing].gender), sentence
        assert english in pronouns[german] and (english == "it") == (meant == thing), sentence
        readings[of_person, meant == person] += 1
    shares = {(person, far): readings[person, far] for person in "mf" for far in (True, False)}
    assert min(shares.values()) >= 0.05 * sum(shares.values()) > 0, shares


def test_held_out_persons_and_things_are_new_together_but_known_alone() -> None:
    """No clause of a held-out sentence is in training, whose words it shares all the same."""
    deck = (person_or_thing,)
    known = corpus.draw_pairs("train", 4000, 1, deck)
    held_out = corpus.draw_pairs("test", 200, 1, deck)
    for side in (0, 1):
        trained, held = (
            {re.split(", weil | because ", pair[side])[0] for pair in drawn}
            for drawn in (known, held_out)
        )
        assert not trained & held
        assert corpus.training_words().issuperset(corpus.word_list(*(p[side] for p in held_out)))


def test_every_pattern_gives_sentences() -> None:
    for _, pattern in corpus.PATTERNS:
        g, found = Draw("train", 3), 0
        for _ in range(60):
            try:
                found += bool(pattern(g).de)
            except DrawAgainError:
                continue
        assert found >= 3, pattern
