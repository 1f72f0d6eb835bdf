"""Markup: taken out of a text, and back where its words are in the translation."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer.text.markup import Alignment, Bare, bared, is_markup, marked_up

MARKUP = re.compile(r"</?[a-z][^<>]*>|!?\[|\]\([^()]*\)|\*\*|[*_]")
WORD = re.compile(r"\w+|[^\w\s]")


def bare_of(text: str) -> Bare | None:
    return bared(text, [match.span() for match in MARKUP.finditer(text)])


def plain(text: str) -> Bare:
    found = bare_of(text)
    assert found is not None
    return found


def words_of(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in WORD.finditer(text)]


def aligned(text: str, translation: str, *sources: int) -> Alignment:
    """Each word of the translation looks at one of the text, given by its number."""
    source, target = words_of(text), words_of(translation)
    assert len(sources) == len(target)
    weights = [[float(i == of) for i in range(len(source))] for of in sources]
    return Alignment(source, target, weights)


def test_what_is_markup() -> None:
    for typed in (
        "<b>",
        "</b>",
        '<a href="x">',
        "<br/>",
        "[",
        "![",
        '](x "y")',
        "**",
        "***",
        "~~",
        "_",
    ):
        assert is_markup(typed), typed
    for typed in ("<code>x</code>", "&nbsp;", "{x}", "www.a.de", "12", "<!-- x -->"):
        assert not is_markup(typed), typed


@pytest.mark.parametrize(
    ("text", "bare", "elements"),
    [
        ("Ein <b>Hund</b>.", "Ein Hund.", [(4, 8, "<b>", "</b>")]),
        ("<b>Ein <i>Hund</i></b>", "Ein Hund", [(0, 8, "<b>", "</b>"), (4, 8, "<i>", "</i>")]),
        ("a <i><b>Hund</b></i>", "a Hund", [(2, 6, "<i>", "</i>"), (2, 6, "<b>", "</b>")]),
        ("**a** [b](c) _d_", "a b d", [(0, 1, "**", "**"), (2, 3, "[", "](c)"), (4, 5, "_", "_")]),
        ("a <b> b </b> c", "a b c", [(2, 3, "<b>", "</b>")]),
        ("a **b** **c**", "a b c", [(2, 3, "**", "**"), (4, 5, "**", "**")]),
    ],
)
def test_taken_out(text: str, bare: str, elements: list[tuple[int, int, str, str]]) -> None:
    found = bare_of(text)
    assert found is not None
    assert found.text == bare
    assert [(e.start, e.end, e.opening, e.closing) for e in found.elements] == elements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("das <b> rote </b> Haus", "the <b> red </b> house"),
        ("das<b> rote</b> Haus", "the<b> red</b> house"),
        ("das [ <b>rote</b> ](u) Haus", "the [ <b>red</b> ](u) house"),
        ("das <b>rote </b>Haus", "the <b>red </b>house"),
        ("<b> das</b> rote Haus", "<b> the</b> red house"),
    ],
)
def test_blanks_beside_markup_stay_where_they_are(text: str, expected: str) -> None:
    found = plain(text)
    translation = "the red house"
    alignment = aligned(found.text, translation, 0, 1, 2)
    assert marked_up(found, translation, alignment) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("Ein <b>Hund", "Ein</b> Hund", "<b>a <i>b</b> c</i>", "a <br>b", "a<br/>b", "a <b></b>b"),
        *("*a und *b", "Preis* ohne", "*ohne", "a * b * c", '<a href="x" t="a > b">c</a>'),
        *("<b>, </b>", "<i class='icon'></i> a", "<a href='x'><img src='y'></a>"),
    ],
)
def test_what_is_not_plain_is_left_to_others(text: str) -> None:
    assert bare_of(text) is None


def test_tags_go_where_their_words_go() -> None:
    bare = plain('Ich habe <em>gestern</em> ein <a href="x">neues Fahrrad</a> gekauft.')
    said = "I bought a new bicycle yesterday."
    alignment = aligned(bare.text, said, 0, 6, 3, 4, 5, 2, 7)
    found = 'I bought a <a href="x">new bicycle</a> <em>yesterday</em>.'
    assert marked_up(bare, said, alignment) == found


def test_punctuation_is_inside_only_if_it_was() -> None:
    for text, found in (
        ("<b>Halt</b>!", "<b>Stop</b>!"),
        ("<b>Halt!</b>", "<b>Stop!</b>"),
    ):
        bare = plain(text)
        assert marked_up(bare, "Stop!", aligned(bare.text, "Stop!", 0, 1)) == found
    bare = plain("Klicken Sie auf <b>Weiter</b>.")  # which nothing but the full stop looks at
    assert marked_up(bare, "Click it.", aligned(bare.text, "Click it.", 0, 1, 3)) is None


def test_numbers_and_what_is_whole_are_found_by_themselves() -> None:
    def tried(text: str, said: str, *wholes: tuple[str, str]) -> str | None:
        bare = plain(text)
        source, target = words_of(bare.text), words_of(said)
        blind = [[1 / len(source)] * len(source)] * len(target)
        places = [
            ((bare.text.index(typed), bare.text.index(typed) + len(typed)), written)
            for typed, written in wholes
        ]
        return marked_up(bare, said, Alignment(source, target, blind), places)

    assert tried("Zimmer <b>7</b>, <i>9</i>", "Room 7, 9") == "Room <b>7</b>, <i>9</i>"
    assert tried("Gleis <b>5</b>", "platform") is None
    assert tried("<b>5</b> von 5", "5 of 5") == "<b>5</b> of 5"
    assert tried("5 von <b>5</b>", "5 of 5") == "5 of <b>5</b>"
    assert tried("<b>5</b> von 5", "5") is None
    assert tried("<b>5</b>", "15 and 5,000") is None
    day = ("12.03.2024", "12 March 2024")
    assert tried("am <b>12.03.2024</b>", "on 12 March 2024", day) == "on <b>12 March 2024</b>"
    assert tried("am <b>12.03.2024</b>", "on 13 March 2024", day) is None
    euro = ("20 €", "€20")
    assert tried("<del>20 €</del> jetzt", "now €20", euro) == "now <del>€20</del>"


def test_a_date_is_not_divided() -> None:
    bare = plain("Der <b>12. Mai</b> ist da")
    said = "12 May has come"
    alignment = aligned(bare.text, said, 5, 3, 4, 5)  # nothing looks at the 12
    assert marked_up(bare, said, alignment, [((4, 11), "12 May")]) == "<b>12 May</b> has come"


def test_too_few_words() -> None:
    bare = plain("<b>a</b> <i>b</i>")
    assert marked_up(bare, "c", aligned("a b", "c", 0)) is None


def test_within_a_word() -> None:
    bare = plain("Wasser ist H<sub>2</sub>O.")
    said = "H2O is water."
    assert marked_up(bare, said, aligned(bare.text, said, 2, 1, 0, 3)) is None  # no 2 by itself
    bare = plain("Das ist <b>Max</b>s Hund")
    said = "It is Maxs dog"
    assert marked_up(bare, said, aligned(bare.text, said, 0, 1, 2, 3)) == "It is <b>Max</b>s dog"
    bare = plain("Das <b>Haus</b>boot")
    assert marked_up(bare, "The boat", aligned(bare.text, "The boat", 0, 1)) is None


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
    bare = plain(text)
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
    bare = plain(text)
    source, target = words_of(bare.text), words_of(said)
    weights = [[0.01 + draw.random() ** 4 for _ in source] for _ in target]
    weights = [[x / sum(row) for x in row] for row in weights]
    found = marked_up(
        bare, said, Alignment(source, target, weights), [((0, 3), "dog cat"), ((0, 1), ", dog")]
    )
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
