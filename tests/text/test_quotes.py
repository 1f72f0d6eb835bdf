"""A translation that has lost a quotation mark."""

import pytest

from transformer.text.quotes import closed


@pytest.mark.parametrize(
    ("text", "translation", "expected"),
    [
        ('Es heißt "Die Wand".', 'It is called "The Wall.', 'It is called "The Wall".'),
        ('Er rief: "Komm!"', 'He called: "Come!', 'He called: "Come!"'),
        ('"Komm", sagte sie.', 'Come," she said.', '"Come," she said.'),
        ('"Komm", sagte sie, "ja."', '"Come," she said, "yes.', '"Come," she said, "yes."'),
        ("Es heißt „Die Wand“.", "It is called “The Wall.", "It is called “The Wall”."),
        ("It is “The Wall”.", "Es ist „Die Wand.", "Es ist „Die Wand“."),
        ("„Komm“, sagte sie.", "Come,” she said.", "“Come,” she said."),
        # Nothing tells where it was.
        ('Das "Kind" schläft.', 'The "child sleeps.', 'The "child sleeps.'),
        ('Es heißt "Wand".', 'It is called "Wall".', 'It is called "Wall".'),
        ('Der 24" große Schirm', 'The 24" screen', 'The 24" screen'),
        ("Es heißt Wand.", 'It is called "Wall.', 'It is called "Wall.'),
    ],
)
def test_the_other_mark_is_where_the_text_has_it(
    text: str, translation: str, expected: str
) -> None:
    assert closed(text, translation) == expected
