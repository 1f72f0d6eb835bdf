"""What happens to a text before and after the search."""

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer.data.tokenizer import Tokenizer
from transformer.errors import UserError
from transformer.inference.text import (
    bring_back,
    bring_back_anyhow,
    cut,
    cut_at_symbols,
    hide_verbatim,
    is_shouted,
    keeps_numbers,
    printable,
    restore_umlauts,
    shout,
    split_sentences,
    with_apostrophes,
)

PRETRAINED = Path(__file__).parents[2] / "transformer" / "pretrained" / "de-en"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Ein Hund. Eine Katze.", ["Ein Hund.", "Eine Katze."]),
        ("Wer ist da? Ich! Gut.", ["Wer ist da?", "Ich!", "Gut."]),
        ("Ein Satz ohne Ende", ["Ein Satz ohne Ende"]),
        ("  Ein Hund.   Eine Katze.  ", ["Ein Hund.", "Eine Katze."]),
        ("", []),
        (" \t ", []),
        ("Sie mag Obst, z. B. Äpfel. Er nicht.", ["Sie mag Obst, z. B. Äpfel.", "Er nicht."]),
        ("Dr. Müller kommt. Prof. Weiß geht.", ["Dr. Müller kommt.", "Prof. Weiß geht."]),
        ("Am 3. Mai regnet es. Am 4. nicht.", ["Am 3. Mai regnet es.", "Am 4. nicht."]),
        ("Mr. Smith met Mrs. Jones. They left.", ["Mr. Smith met Mrs. Jones.", "They left."]),
        ("Es kostet 3.5 Euro. Das ist viel.", ["Es kostet 3.5 Euro.", "Das ist viel."]),
        ("Er sagte: „Gut.“ Dann ging er.", ["Er sagte: „Gut.“", "Dann ging er."]),
        ("He said: “Fine.” Then he left.", ["He said: “Fine.”", "Then he left."]),
        ('He said: "Fine." Then he left.', ['He said: "Fine."', "Then he left."]),
        ("Er ging. „Gut“, sagte sie.", ["Er ging.", "„Gut“, sagte sie."]),
        ("Er ging. »Gut«, sagte sie.", ["Er ging.", "»Gut«, sagte sie."]),
        ("Na ja... Das war es.", ["Na ja...", "Das war es."]),
        ("Na ja … Das war es.", ["Na ja …", "Das war es."]),
        ("Na ja... das war es.", ["Na ja... das war es."]),
        ("Sie kam (spät). Er auch.", ["Sie kam (spät).", "Er auch."]),
        ("Sie kam. (Er auch.) Gut.", ["Sie kam.", "(Er auch.)", "Gut."]),
        ("Was?! Wirklich?", ["Was?!", "Wirklich?"]),
        ("Er kam. 20 Leute warteten.", ["Er kam.", "20 Leute warteten."]),
        ("Er kam. Österreich gewann.", ["Er kam.", "Österreich gewann."]),
        ("www.example.com ist da.", ["www.example.com ist da."]),
        ("Das ist z.B. Unsinn. Ja.", ["Das ist z.B. Unsinn.", "Ja."]),
        ("„Dr. Müller kommt.“ Gut.", ["„Dr. Müller kommt.“", "Gut."]),
        ("Mo.-Fr. 9-17 Uhr. Tel. 12", ["Mo.-Fr. 9-17 Uhr.", "Tel. 12"]),
        ("Zum 100. Geburtstag. Am 24.12. Fest.", ["Zum 100. Geburtstag.", "Am 24.12. Fest."]),
        ("Bahnhofstr. 5. Stock?", ["Bahnhofstr. 5. Stock?"]),
        ("Es war 1990. Er kam.", ["Es war 1990.", "Er kam."]),
        ("Art. 5 gilt. So ist die Art. Gut.", ["Art. 5 gilt.", "So ist die Art.", "Gut."]),
        ("5 Mio. Euro, max. 5 Leute.", ["5 Mio. Euro, max. 5 Leute."]),
    ],
)
def test_split_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(st.text(st.sampled_from('aBÄ1 .!?…"„“)(\n')))
@settings(max_examples=200, deadline=None)
def test_splitting_keeps_every_character(text: str) -> None:
    sentences = split_sentences(text)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    assert all(sentence and sentence == sentence.strip() for sentence in sentences)


@pytest.mark.parametrize(
    ("text", "shown", "hidden"),
    [
        ("Siehe https://a.de/b_c?d=1.", "Siehe @1.", ["https://a.de/b_c?d=1"]),
        ("(www.a.de) und http://b.org/", "(@1) und @2", ["www.a.de", "http://b.org/"]),
        ("Mail an eva.l+x@post.example.com!", "Mail an @1!", ["eva.l+x@post.example.com"]),
        ("Ruf +49 30 901820 an.", "Ruf @1 an.", ["+49 30 901820"]),
        ("Tel. 0171/2345678, bitte", "Tel. @1, bitte", ["0171/2345678"]),
        ("Bestellung 4711081", "Bestellung @1", ["4711081"]),
        ("1.500.000 Euro am 12.03.2024", "1.500.000 Euro am 12.03.2024", []),
        ("1,234567 und 3 500 Euro, um 12:30", "1,234567 und 3 500 Euro, um 12:30", []),
        ("Zimmer 12345, 10 von 20", "Zimmer 12345, 10 von 20", []),
        ("Ein Brief an @1 von www.a.de", "Ein Brief an @1 von www.a.de", []),
        ("Mail an x@163.com, info@1und1.de", "Mail an @1, @2", ["x@163.com", "info@1und1.de"]),
        ("z. B. u.a. usw.", "z. B. u.a. usw.", []),
        ("Rechnung RE-2024001, 150000km", "Rechnung RE-2024001, 150000km", []),
        ("Mehr Infos...https://a.de", "Mehr Infos...https://a.de", []),
        ("Www.a.de oder HTTPS://B.DE/x", "@1 oder @2", ["Www.a.de", "HTTPS://B.DE/x"]),
        ("Im Jahr 2023 250000 Leute", "Im Jahr 2023 @1 Leute", ["250000"]),
        ("von 8-12 13-17 Uhr", "von 8-12 13-17 Uhr", []),
        ("+49 (0)30 901820, (030) 123456.", "@1, @2.", ["+49 (0)30 901820", "(030) 123456"]),
        ("0171 - 2345678", "@1", ["0171 - 2345678"]),
    ],
)
def test_hide_verbatim(text: str, shown: str, hidden: list[str]) -> None:
    assert hide_verbatim(text) == (shown, tuple(hidden))
    if hidden:
        assert bring_back(shown, tuple(hidden)) == text


def test_bring_back_wants_every_mark_once() -> None:
    assert bring_back("@ 2, not @1", ("a", "b")) == "b, not a"
    for wrong in ("@1", "@1 @1 @2", "@1 @2 @3", "", "@1 @3"):
        assert bring_back(wrong, ("a", "b")) is None


@given(st.text(st.sampled_from("aZ1234567890 .,-/+@():wß")))
@settings(max_examples=300, deadline=None)
def test_whatever_is_hidden_comes_back(text: str) -> None:
    shown, hidden = hide_verbatim(text)
    assert (bring_back(shown, hidden) if hidden else shown) == text


@pytest.mark.parametrize(
    ("text", "translation", "kept"),
    [
        ("Es kostet 2500 Euro.", "It costs 2,500 euros.", True),
        ("Es kostet 2500 Euro.", "It costs 250 euros.", False),
        ("Um 14:30 Uhr.", "At 2:30 p.m.", True),
        ("Um 14:30 Uhr.", "At 14:30.", True),
        ("Um 14:30 Uhr.", "At 7:30 p.m.", False),
        ("Um 20 Uhr.", "At 8 p.m.", True),
        ("Um 8:15 Uhr abends.", "At 20:15.", True),
        ("12 oder 12?", "12 or twelve?", False),
        ("3 Äpfel", "three apples", True),
        ("12,50 Euro, 3.000.000, A380, 2010-2015", "much", True),
        ("Nichts", "77", True),
        ("", "", True),
    ],
)
def test_numbers_that_a_translation_keeps(text: str, translation: str, kept: bool) -> None:
    assert keeps_numbers(text, translation) == kept


def test_numbers_are_hidden_with_the_rest() -> None:
    text = "Zimmer 350, 14:30 Uhr, 3 Gäste, 12,50 Euro, www.a.de/1234"
    shown, hidden = hide_verbatim(text, numbers=True)
    assert shown == "Zimmer @1, @2 Uhr, 3 Gäste, 12,50 Euro, @3"
    assert hidden == ("350", "14:30", "www.a.de/1234")
    assert bring_back(shown, hidden) == text


def test_what_is_lost_comes_at_the_end() -> None:
    assert bring_back_anyhow("Call @2 and @2 now.", ("a", "b")) == "Call b and now. a"
    assert bring_back_anyhow("@1, @2", ("a", "b")) == "a, b"
    assert bring_back_anyhow("", ("a", "b")) == "a b"


def test_accents_as_apostrophes() -> None:
    typed = "Wie geht´s dir? Ich komm´ gleich, um 5´"
    assert with_apostrophes(typed) == typed.replace("´", "'")
    assert with_apostrophes("`a` ´b") == "`a' ´b"


@pytest.mark.parametrize(
    ("text", "shouted"),
    [
        ("DAS IST NEU!", True),
        ("DIE STRAßE IST GESPERRT", True),
        ("RUF DIE 110 AN", True),
        ("NEIN DANKE", True),
        ("CDU/CSU", False),
        ("BMW X5 GTI", False),
        ("ACHTUNG!", False),  # or an abbreviation: NATO
        ("USA", False),
        ("Die NATO tagt", False),
        ("A B C", False),
        ("1 2 3", False),
        ("你好 世界", False),
        ("", False),
    ],
)
def test_is_shouted(text: str, shouted: bool) -> None:
    assert is_shouted(text) == shouted


def test_shouting_leaves_addresses_alone() -> None:
    assert (
        shout("See www.a.de/Xy, or mail eva@b.de now!") == "SEE www.a.de/Xy, OR MAIL eva@b.de NOW!"
    )


PATTERNS = [
    *("z. B. ", "1. ", "Str. ", "Nr. 1 ", ". ", '."', "„“", " ", "1", "1-", "12:30 ", "0 ", "(0"),
    *("@1", "a@b.", "www.)", "ae", "ss ", "AB ", "🐕a"),
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_megabyte_of_anything_takes_seconds(pattern: str) -> None:
    """Each takes about a second, in which something quadratic gets through a hundredth."""
    tokenizer = Tokenizer.load(PRETRAINED / "sentencepiece.model")
    text = pattern * (1_000_000 // len(pattern.encode())) + "é x"
    for work in (
        split_sentences,
        hide_verbatim,
        lambda text: hide_verbatim(text, numbers=True),
        lambda text: cut_at_symbols(text, tokenizer),
        lambda text: restore_umlauts(text, tokenizer),
        lambda text: cut(tokenizer.encode(text), 100, tokenizer),
        lambda text: keeps_numbers(text, text),
        lambda text: bring_back_anyhow(text, ("a",)),
        with_apostrophes,
        is_shouted,
        shout,
        printable,
    ):
        started = time.process_time()
        work(text)
        assert time.process_time() - started < 10


@pytest.mark.parametrize("longest", [0, -5])
def test_parts_have_a_piece_at_least(longest: int) -> None:
    tokenizer = Tokenizer.load(PRETRAINED / "sentencepiece.model")
    with pytest.raises(UserError, match=f"longest must be at least 1; found {longest}"):
        cut([5, 6, 7], longest, tokenizer)
    assert cut([5, 6, 7], 1, tokenizer) == [[5], [6], [7]]


def test_an_endless_number_is_not_a_mark() -> None:
    assert bring_back("@1 @" + "1" * 5000, ("a",)) == "a @" + "1" * 5000


class Words:
    """A vocabulary of whole words; all others are spelled letter by letter."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def encode(self, text: str) -> list[int]:
        return [0] if text in self.words else [0] * (len(text) + 1)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Der Schluessel ist weiss.", "Der Schlüssel ist weiß."),
        ("Neue Frauen, aktuell", "Neue Frauen, aktuell"),
        ("Ich muss dass Wasser", "Ich muss dass Wasser"),
        ("Ueber die Strasse", "Über die Straße"),
        ("Goethe aß", "Goethe aß"),
        ("gruesse", "grüße"),
        ("Die Straßen und die Strasse", "Die Straßen und die Strasse"),
        ("Der Schluessel für die Tuer", "Der Schluessel für die Tuer"),
        ("www.schluessel.de, schluessel.de, a@strasse.de", None),
        ("", ""),
    ],
)
def test_umlauts_come_back_where_the_vocabulary_knows_them(
    typed: str, expected: str | None
) -> None:
    known: Any = Words(
        *("Schlüssel", "weiß", "Neue", "Frauen", "aktuell", "muss", "dass", "Wasser"),
        *("Über", "Straße", "Goethe", "grüße"),
    )
    assert restore_umlauts(typed, known) == (typed if expected is None else expected)


@pytest.mark.parametrize(
    "text", ["Eine Massage im Wasser", "Diskussion, Verbesserung, russische Adresse", "Lissabon"]
)
def test_double_s_stays_where_it_belongs(text: str) -> None:
    """With the vocabulary in the package, in which ß is one piece and ss two."""
    tokenizer = Tokenizer.load(PRETRAINED / "sentencepiece.model")
    assert restore_umlauts(text, tokenizer) == text
