"""From a line to the sentences that are searched for, and back, without a model."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import transformer
from transformer.config import TextConfig
from transformer.data.tokenizer import Tokenizer
from transformer.text.joining import Translation, best_of
from transformer.text.markup import Alignment
from transformer.text.preparing import Preparer, Sentence


def preparer(tokenizer: Tokenizer, longest_src: int | None = None, **settings: Any) -> Preparer:
    return Preparer(
        tokenizer, TextConfig(**settings), src_lang="de", tgt_lang="en", longest_src=longest_src
    )


def answered(
    tokenizer: Tokenizer, sentence: Sentence, said: dict[str, list[str]], **settings: Any
) -> tuple[list[str], list[Translation]]:
    """What was searched for, and what comes of these answers."""
    searches = preparer(tokenizer, **settings).searches(sentence)
    heard = []
    ids = next(searches)
    try:
        while True:
            heard.append(tokenizer.decode(ids[:-1]))
            found = [Translation(text, -float(i)) for i, text in enumerate(said[heard[-1]])]
            ids = searches.send(found)
    except StopIteration as end:
        return heard, end.value


@given(
    st.lists(
        st.sampled_from(["Ein", "Hund", "läuft.", "Fahrrad", "未知言語未知", "Schnee!"]),
        max_size=40,
    ),
    st.integers(8, 40),
)
@settings(max_examples=50, deadline=None)
def test_no_source_is_longer_than_the_limit(
    tokenizer: Tokenizer, words: list[str], longest: int
) -> None:
    line = " ".join(words)
    sentences = preparer(tokenizer, longest).prepare(line).sentences
    parts = [sentence.ids[:-1] for sentence in sentences]
    assert all(0 < len(part) + 1 <= longest for part in parts)
    # Nothing is lost; a cut falls between words where the limit lets it.
    pieces = "".join(piece for part in parts for piece in tokenizer.pieces(part))
    assert pieces == "".join(tokenizer.pieces(tokenizer.encode(line)))


def test_what_is_translated_already_stays(tokenizer: Tokenizer) -> None:
    line = "Ein Hund. This is the end of it. Eine Katze."
    prepared = preparer(tokenizer, split="always", keep_target_language=True).prepare(line)
    [[_], [kept], [_]] = prepared.filled(
        [[Translation("A dog.", -1.0)], [Translation("A cat.", 0)]]
    )
    assert kept.text == "This is the end of it."
    assert kept.warnings == ("left as it is: en already, it seems",)
    assert len(preparer(tokenizer, split="always").prepare(line).sentences) == 3


def test_what_stays_stands_between_the_sentences(tokenizer: Tokenizer) -> None:
    line = preparer(tokenizer, split="always").prepare("Ein Hund. Ein Ball. 🚲\nEine Katze")
    assert [part if isinstance(part, str) else part.plain for part in line.parts] == [
        *("Ein Hund.", "Ein Ball.", "🚲", "\n", "Eine Katze")
    ]
    answers = [[Translation(text, -1.0)] for text in ("A dog.", "A ball.", "A cat")]
    assert best_of(line.filled(answers), 1) == [Translation("A dog. A ball. 🚲\nA cat", -3.0)]


def test_one_search_is_enough_if_nothing_is_lost(tokenizer: Tokenizer) -> None:
    [sentence] = preparer(tokenizer, placeholders=True).prepare("Hund 25, www.a.de").sentences
    said = {"Hund 25, @1": ["@2, 25", "25: @1, dog", "@1 dog"]}
    heard, found = answered(tokenizer, sentence, said, placeholders=True)
    assert heard == list(said)
    assert found == [Translation("25: www.a.de, dog", -1.0), Translation("www.a.de dog", -2.0)]


def test_a_hypothesis_that_has_lost_nothing_comes_first(tokenizer: Tokenizer) -> None:
    [sentence] = preparer(tokenizer, placeholders=True).prepare("Ein Hund 25").sentences
    said = {"Ein Hund 25": ["A dog 5", 'A "dog 25', "A dog 25", "A dog"]}
    heard, found = answered(tokenizer, sentence, said, placeholders=True)
    assert heard == list(said)
    assert [each.text for each in found] == ["A dog 25", 'A "dog 25', "A dog 5", "A dog"]


def test_a_sentence_that_loses_its_marks_is_translated_piece_by_piece(tokenizer: Tokenizer) -> None:
    line = "Ein Hund 25, und www.a.de 17."
    [sentence] = preparer(tokenizer, placeholders=True).prepare(line).sentences
    said = {
        "Ein Hund 25, und @1 17.": ["A dog"],
        line: ["A dog 5, and www.a.de 17.", "A dog 25, and www.a.de 7."],
        "Ein Hund @1, und @2 @3.": ["A dog @1, and @2.", "@1 @1"],
        "Ein Hund": ["A dog."],
        "und": ["And"],
    }
    heard, found = answered(tokenizer, sentence, said, placeholders=True)
    assert heard == list(said)
    assert [each.text for each in found] == ["A dog 25, and www.a.de 17."]
    assert not found[0].warnings


@pytest.mark.parametrize("placeholders", [True, False])
def test_capitals_come_back_but_addresses_stay(tokenizer: Tokenizer, placeholders: bool) -> None:
    kinds: dict[str, Any] = {"placeholders": placeholders, "lower_shouting": True}
    [sentence] = preparer(tokenizer, **kinds).prepare("DER HUND, www.a.de/Xy").sentences
    mark = "@1" if placeholders else "www.a.de/Xy"
    said = {f"der hund, {mark}": [f"the dog, {mark}"]}
    _, found = answered(tokenizer, sentence, said, **kinds)
    assert [each.text for each in found] == ["THE DOG, www.a.de/Xy"]


def test_a_third_language_is_translated_with_a_warning(tokenizer: Tokenizer) -> None:
    line = "Ein Hund. Ayer quise pescado frescado tarde."
    settings = {"split": "always", "foreign_below": -0.5, "placeholders": True}
    first, second = preparer(tokenizer, **settings).prepare(line).sentences
    assert first.warnings == ()
    assert second.warnings == ("it seems to be neither German nor English",)
    _, [found] = answered(tokenizer, second, {second.plain: ["Yes."]}, **settings)
    assert (found.text, found.warnings) == ("Yes.", second.warnings)
    plain = {**settings, "foreign_below": None}
    assert all(not s.warnings for s in preparer(tokenizer, **plain).prepare(line).sentences)


SHIPPED = Tokenizer.load(
    Path(transformer.__file__).parent / "pretrained" / "de-en" / "sentencepiece.model"
)
MARKS = ["*", "_", "~", "~~", "**", "[", "](u)", "<b>", "</b>", "<code>x</code>", "Hund", "5", " "]
MARKS += [" <b>Hund</b> ", " **Hund 5** ", " [Hund](u)", " Hund ", " Hund "]


@given(st.lists(st.sampled_from(MARKS), min_size=1, max_size=12).map("".join))
@example("<b> Hund </b>")
@example("5[ <b>Hund</b> ](u)")
@example(" [Hund](u)<b> Hund </b> [Hund](u)[")
@example("~<b>~<code>x</code> **Hund 5** _</b>")
@settings(max_examples=200, deadline=None)
def test_any_markup_comes_to_an_end(text: str) -> None:
    """And an echo of it, whose words look at themselves, is what it was."""
    tokenizer = SHIPPED

    def align(text: str, said: str) -> Alignment | None:
        source, target = ([m.span() for m in re.finditer(r"\w+|[^\w\s]", t)] for t in (text, said))
        n = len(source)
        if text != said:
            return None
        return Alignment(source, target, [[float(i == j) for i in range(n)] for j in range(n)])

    prepares = Preparer(
        tokenizer,
        TextConfig(placeholders=True, split="never"),
        src_lang="de",
        tgt_lang="en",
        longest_src=None,
        align=align,
    )
    for sentence in prepares.prepare(text).sentences:
        searches = prepares.searches(sentence)
        ids = next(searches)
        with pytest.raises(StopIteration) as ended:
            for _ in range(20):
                ids = searches.send([Translation(tokenizer.decode(ids[:-1]), -1.0)])
        [found, *_] = ended.value.value
        assert found.text.split() == sentence.plain.split()


def test_what_follows_an_abbreviation_may_be_hidden(tokenizer: Tokenizer) -> None:
    [sentence] = preparer(tokenizer, placeholders=True).prepare("Ein Brief Nr. 2024-1187").sentences
    assert sentence.plain == "Ein Brief Nummer 2024-1187"
