import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer.data.characters import CharacterTokenizer
from transformer.data.tokenizer import TokenizerError


@given(st.text(min_size=1))
def test_any_text_survives(text: str) -> None:
    tokenizer = CharacterTokenizer.train([text])
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert len(ids) == len(text)
    assert set(ids) == set(range(tokenizer.vocab_size))


@given(st.lists(st.text(), min_size=1).filter(any))
def test_the_vocabulary_does_not_depend_on_how_the_text_is_divided(parts: list[str]) -> None:
    whole = "".join(parts)
    assert CharacterTokenizer.train(parts).model == CharacterTokenizer.train([whole]).model
    assert CharacterTokenizer.train(parts).characters == "".join(sorted(set(whole)))


def test_ids_are_places_in_the_sorted_vocabulary() -> None:
    tokenizer = CharacterTokenizer.train(["weiß", "\n🚲 "])
    assert tokenizer.characters == "\n eiwß🚲"
    assert tokenizer.encode("weiß 🚲\n") == [4, 2, 3, 5, 1, 6, 0]
    assert tokenizer.decode([6, 4]) == "🚲w"
    assert (tokenizer.encode(""), tokenizer.decode([])) == ([], "")


def test_arrays_and_batches_hold_the_same_ids() -> None:
    tokenizer = CharacterTokenizer.train(["abc"])
    assert tokenizer.encode_array("cab").dtype == np.int32
    assert tokenizer.encode_array("cab").tolist() == tokenizer.encode("cab") == [2, 0, 1]
    assert tokenizer.encode_batch(["ab", "", "c"]) == [[0, 1], [], [2]]


def test_the_file_is_read_back() -> None:
    tokenizer = CharacterTokenizer.train(['a"\\\n\u2028😀'])
    assert json.loads(tokenizer.model) == {"characters": tokenizer.characters}
    again = CharacterTokenizer(tokenizer.model)
    assert again.characters == tokenizer.characters
    assert again.fingerprint == tokenizer.fingerprint
    assert CharacterTokenizer.train(["ab"]).fingerprint != tokenizer.fingerprint


def test_a_line_feed_divides_texts_if_there_is_one() -> None:
    assert CharacterTokenizer.train(["b\na"]).separator == [0]
    assert CharacterTokenizer.train(["ba"]).separator == []
    assert CharacterTokenizer.train(["b\na"]).eos_id is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("aba\u00df!", r"'ß' \(U\+00DF\)"),  # the first of two; below the largest that is known
        ("a😀", r"'😀' \(U\+1F600\)"),  # above it
        ("\ud83d", r"'\\ud83d' \(U\+D83D\)"),  # half a character
    ],
)
def test_an_unknown_character_is_named(text: str, named: str) -> None:
    tokenizer = CharacterTokenizer.train(["abÿ"])
    with pytest.raises(TokenizerError, match=f"has no character {named}, only the 3 of the text"):
        tokenizer.encode(text)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (b'{"characters": ""}', "is JSON such as"),
        (b'{"characters": ["a"]}', r"found '\{\"characters\": \[\"a\"\]\}'"),
        (b'{"characters": "\\ud800"}', "is JSON such as"),
        (b'["abc"]', "is JSON such as"),
        (b"abc", "found 'abc'"),
        (b"\xff\xfe", "is JSON such as"),
        (b'{"characters": "abca"}', "every character once; found 'a' twice"),
    ],
)
def test_file_that_is_no_vocabulary_is_refused(model: bytes, message: str) -> None:
    with pytest.raises(TokenizerError, match=message):
        CharacterTokenizer(model)


@pytest.mark.parametrize("texts", [[], ["", ""]])
def test_no_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(TokenizerError, match="needs text"):
        CharacterTokenizer.train(texts)
