"""What is hidden from the model comes back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer.text.spans import bring_back, bring_back_anyhow, hide, keeps_numbers


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
def test_hide(text: str, shown: str, hidden: list[str]) -> None:
    assert hide(text) == (shown, tuple(hidden))
    if hidden:
        assert bring_back(shown, tuple(hidden)) == text


def test_bring_back_wants_every_mark_once() -> None:
    assert bring_back("@ 2, not @1", ("a", "b")) == "b, not a"
    for wrong in ("@1", "@1 @1 @2", "@1 @2 @3", "", "@1 @3"):
        assert bring_back(wrong, ("a", "b")) is None


@given(st.text(st.sampled_from("aZ1234567890 .,-/+@():wß")))
@settings(max_examples=300, deadline=None)
def test_whatever_is_hidden_comes_back(text: str) -> None:
    shown, hidden = hide(text)
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
    shown, hidden = hide(text, numbers=True)
    assert shown == "Zimmer @1, @2 Uhr, 3 Gäste, 12,50 Euro, @3"
    assert hidden == ("350", "14:30", "www.a.de/1234")
    assert bring_back(shown, hidden) == text


def test_what_is_lost_comes_at_the_end() -> None:
    assert bring_back_anyhow("Call @2 and @2 now.", ("a", "b")) == "Call b and now. a"
    assert bring_back_anyhow("@1, @2", ("a", "b")) == "a, b"
    assert bring_back_anyhow("", ("a", "b")) == "a b"


def test_an_endless_number_is_not_a_mark() -> None:
    assert bring_back("@1 @" + "1" * 5000, ("a",)) == "a @" + "1" * 5000
