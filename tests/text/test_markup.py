"""Markup: taken out of a text, and back where its words are in the translation."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer.text.markup import Alignment, Bare, Element, bared, is_markup, marked_up

MARKUP = re.compile(r"</?[a-z][^<>]*>|!?\[|\]\([^()]*\)|\*\*|[*_]")
WORD = re.compile(r"\w+|[^\w\s]")


def bare_of(text: str) -> Bare:
    return bared(text, [match.span() for match in MARKUP.finditer(text)])


def words_of(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in WORD.finditer(text)]


def aligned(text: str, translation: str, *sources: int) -> Alignment:
    """Each word of the translation looks at one of the text, given by its number."""
    source, target = words_of(text), words_of(translation)
    assert len(sources) == len(target)
    weights = [[float(i == of) for i in range(len(source))] for of in sources]
    return Alignment(source, target, weights)


def test_what_is_markup() -> None:
    for typed in ("<b>", "</b>", '<a href="x">', "<br/>", "[", "![", '](x "y")', "**", "~~", "_"):
        assert is_markup(typed), typed
    for typed in ("<code>x</code>", "&nbsp;", "{x}", "www.a.de", "12", "<!-- x -->"):
        assert not is_markup(typed), typed


@pytest.mark.parametrize(
    ("text", "bare", "elements"),
    [
        ("Ein <b>Hund</b>.", "Ein Hund.", [(4, 8, "<b>", "</b>")]),
        ("<b>Ein <i>Hund</i></b>", "Ein Hund", [(0, 8, "<b>", "</b>"), (4, 8, "<i>", "</i>")]),
        ("<i><b>Hund</b></i>", "Hund", [(0, 4, "<i>", "</i>"), (0, 4, "<b>", "</b>")]),
        ("**a** [b](c) _d_", "a b d", [(0, 1, "**", "**"), (2, 3, "[", "](c)"), (4, 5, "_", "_")]),
        ("a <b> b </b> c", "a b c", [(2, 4, "<b>", "</b>")]),
        ("Ein <b>Hund", "Ein Hund", [(4, 8, "<b>", "")]),
        ("Ein</b> Hund", "Ein Hund", [(0, 3, "", "</b>")]),
        ("a <wbr>b", "a b", [(2, 2, "<wbr>", "")]),
        ("a ***b***", "a b", [(2, 3, "***", "***")]),
        ("Ein Preis* ohne", "Ein Preis ohne", [(4, 9, "", "*")]),
        ("*ohne Versand", "ohne Versand", [(0, 12, "*", "")]),
        ("<b>a <i>b</b> c</i>", "a b c", [(0, 3, "<b>", "</b>"), (0, 5, "", "</i>")]),
    ],
)
def test_taken_out(text: str, bare: str, elements: list[tuple[int, int, str, str]]) -> None:
    found = bare_of(text)
    assert found.text == bare
    assert set(found.elements) >= {Element(*element) for element in elements}


def test_tags_go_where_their_words_go() -> None:
    bare = bare_of('Ich habe <em>gestern</em> ein <a href="x">neues Fahrrad</a> gekauft.')
    said = "I bought a new bicycle yesterday."
    alignment = aligned(bare.text, said, 0, 6, 3, 4, 5, 2, 7)
    found = 'I bought a <a href="x">new bicycle</a> <em>yesterday</em>.'
    assert marked_up(bare, said, alignment) == found


def test_punctuation_is_inside_only_if_it_was() -> None:
    for text, found in (
        ("<b>Halt</b>!", "<b>Stop</b>!"),
        ("<b>Halt!</b>", "<b>Stop!</b>"),
    ):
        bare = bare_of(text)
        assert marked_up(bare, "Stop!", aligned(bare.text, "Stop!", 0, 1)) == found
    bare = bare_of("Klicken Sie auf <b>Weiter</b>.")  # which nothing but the full stop looks at
    assert marked_up(bare, "Click it.", aligned(bare.text, "Click it.", 0, 1, 3)) in (
        "<b>Click</b> it.",
        "Click <b>it</b>.",
    )


def test_within_a_word() -> None:
    bare = bare_of("Wasser ist H<sub>2</sub>O.")
    said = "H2O is water."
    found = marked_up(bare, said, aligned(bare.text, said, 2, 1, 0, 3))
    assert found == "H<sub>2</sub>O is water."
    bare = bare_of("Das <b>Haus</b>boot")
    assert marked_up(bare, "The boat", aligned(bare.text, "The boat", 0, 1)) == "The <b>boat</b>"


def test_an_element_without_words() -> None:
    bare = bare_of("a <b></b>b")
    assert marked_up(bare, "a b", aligned("a b", "a b", 0, 1)) == "a <b></b>b"


def test_what_is_whole_is_not_divided() -> None:
    bare = bare_of("Am <b>12.</b> Mai")
    alignment = Alignment(
        words_of(bare.text), words_of("On 12 May"), [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    )
    assert marked_up(bare, "On 12 May", alignment, ["12 May"]) == "On <b>12 May</b>"


def test_too_few_words() -> None:
    bare = bare_of("<b>a</b> <i>b</i>")
    assert marked_up(bare, "c", aligned("a b", "c", 0)) is None


def test_what_begins_or_ends_in_another_sentence() -> None:
    bare = bare_of("Ein <b>roter Hund")
    assert marked_up(bare, "A red dog", aligned(bare.text, "A red dog", 0, 1, 2)) == "A <b>red dog"
    bare = bare_of("Ein roter</b> Hund")
    assert marked_up(bare, "A red dog", aligned(bare.text, "A red dog", 0, 1, 2)) == "A red</b> dog"
    bare = bare_of("eins <wbr>zwei")
    assert marked_up(bare, "two, one", aligned(bare.text, "two, one", 1, 0, 0)) == "<wbr>two, one"


TREES = st.recursive(
    st.lists(st.sampled_from(["Hund", "Katze", "x", "7"]), min_size=1, max_size=3).map(" ".join),
    lambda inner: st.tuples(
        st.sampled_from([("<b>", "</b>"), ('<a href="u">', "</a>"), ("<i>", "</i>")]),
        st.lists(inner, min_size=1, max_size=3),
    ).map(lambda each: each[0][0] + " ".join(each[1]) + each[0][1]),
    max_leaves=8,
)


@given(st.lists(TREES, min_size=1, max_size=4).map(" ".join))
def test_out_and_back(text: str) -> None:
    bare = bare_of(text)
    assert bare.text == MARKUP.sub("", text)
    n = len(words_of(bare.text))
    assert marked_up(bare, bare.text, aligned(bare.text, bare.text, *range(n))) == text


@given(
    st.lists(TREES, min_size=1, max_size=3).map(" ".join),
    st.lists(st.sampled_from(["dog", "cat", ",", "."]), min_size=1, max_size=8).map(" ".join),
    st.randoms(use_true_random=False),
)
def test_whatever_the_alignment_all_is_there_and_nested(
    text: str, said: str, draw: random.Random
) -> None:
    bare = bare_of(text)
    source, target = words_of(bare.text), words_of(said)
    weights = [[0.01 + draw.random() ** 4 for _ in source] for _ in target]
    weights = [[x / sum(row) for x in row] for row in weights]
    found = marked_up(bare, said, Alignment(source, target, weights), ["dog cat", ", dog"])
    if found is None:
        return
    assert MARKUP.sub("", found) == said
    assert sorted(MARKUP.findall(found)) == sorted(MARKUP.findall(text))
    opened: list[str] = []
    for tag in MARKUP.findall(found):
        name = re.findall(r"\w+", tag)[0]
        if tag.startswith("</"):
            assert opened.pop() == name
        else:
            opened.append(name)
    assert not opened
