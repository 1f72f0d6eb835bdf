"""Sentences in capitals."""

import pytest

from transformer.text.capitals import is_shouted, shout


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
    assert is_shouted(text, "ß") == shouted


def test_shouting_leaves_addresses_alone() -> None:
    assert (
        shout("See www.a.de/Xy, or mail eva@b.de now!") == "SEE www.a.de/Xy, OR MAIL eva@b.de NOW!"
    )


def test_a_small_letter_counts_unless_its_language_has_no_capital_of_it() -> None:
    assert not is_shouted("DIE STRAßE IST GESPERRT")
