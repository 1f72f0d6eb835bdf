import hashlib
import json
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest

from transformer.config import TokenizerConfig
from transformer.data.byte_bpe import ByteBPETokenizer
from transformer.data.characters import CharacterTokenizer
from transformer.data.text_tokenizers import TextTokenizer, load_tokenizer, train_text_tokenizer
from transformer.data.tokenizer import Tokenizer, TokenizerError, train_tokenizer

KINDS = {
    "unigram": Tokenizer,
    "bpe": Tokenizer,
    "characters": CharacterTokenizer,
    "byte_bpe": ByteBPETokenizer,
}


def settings(kind: str, **other: int) -> TokenizerConfig:
    return TokenizerConfig.model_validate({"kind": kind, "vocab_size": 360, **other})


@pytest.fixture(scope="module")
def text(lines: list[str]) -> str:
    return "\n\n \n".join(lines) + "\n\n"


@pytest.fixture(params=list(KINDS))
def trained(request: pytest.FixtureRequest, text: str) -> TextTokenizer:
    if request.param == "byte_bpe":
        pytest.importorskip("tokenizers")
    return train_text_tokenizer([text], settings(request.param))


def error_of(path: Path | str) -> str:
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(path)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_decides(kind: str, text: str) -> None:
    if kind == "byte_bpe":
        pytest.importorskip("tokenizers")
    assert type(train_text_tokenizer([text], settings(kind))) is KINDS[kind]


def test_a_file_is_known_by_its_content(trained: TextTokenizer, tmp_path: Path) -> None:
    for path in (tmp_path / "anything", tmp_path / trained.file_name):
        path.write_bytes(trained.model)
        loaded = load_tokenizer(path)
        assert type(loaded) is type(trained)
        assert loaded.fingerprint == trained.fingerprint
        assert loaded.encode("Ein Hund.") == trained.encode("Ein Hund.")


def test_a_run_directory_will_do(
    trained: TextTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / trained.file_name).write_bytes(trained.model)
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    for path in (tmp_path, f"~/{tmp_path.name}"):
        assert load_tokenizer(path).fingerprint == trained.fingerprint


def test_what_stands_between_texts(trained: TextTokenizer) -> None:
    ids = trained.encode("Ein Hund.")
    if isinstance(trained, CharacterTokenizer):
        assert (trained.eos_id, trained.separator) == (None, trained.encode("\n"))
    else:
        assert trained.separator == [trained.eos_id]
    assert not set(trained.separator) & set(ids)
    assert trained.decode(ids) == "Ein Hund."
    # Only what knows no line feeds is given single lines.
    assert trained.by_line == (trained.decode(trained.encode("a\n\nb")) != "a\n\nb")


def test_a_folder_of_gpt2(text: str, tmp_path: Path) -> None:
    library = pytest.importorskip("tokenizers")
    other = library.ByteLevelBPETokenizer()
    other.train_from_iterator([text], vocab_size=300, show_progress=False)
    other.save_model(str(tmp_path))
    assert load_tokenizer(tmp_path).encode(text) == other.encode(text).ids
    assert "give the folder that holds it and merges.txt" in error_of(tmp_path / "vocab.json")
    (tmp_path / "merges.txt").write_text("no version\n")
    assert error_of(tmp_path).startswith(f"{tmp_path}: cannot read {tmp_path}/vocab.json and ")
    (tmp_path / "merges.txt").unlink()
    assert error_of(tmp_path).endswith("sentencepiece.model; found there: vocab.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b'{"model"', "not valid JSON: "),
        (b"{}", "nor a vocabulary of characters; its keys are none"),
        (b"[1]", "nor a vocabulary of characters; its keys are none"),
        (b'{"a": {}, "b": 1}', "its keys are 'a', 'b'"),
        (b'{"characters": "aa"}', "found 'a' twice"),
        (b'{"model": {}}', "not a tokenizer.json: "),
        (b"some text", "not a sentencepiece model: "),
        (b"[" * 100_000, "not valid JSON: "),
        (b'{"model": ' * 100_000, "not valid JSON: "),
        (b'{"model": ' + b"9" * 6000, "not valid JSON: "),
    ],
)
def test_other_files_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    if b"model" in content:
        pytest.importorskip("tokenizers")
    path = tmp_path / "x"
    path.write_bytes(content)
    assert error_of(path).startswith(f"{path}: ")
    assert message in error_of(path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    message = f"cannot read the tokenizer {tmp_path}/x: No such file or directory"
    assert error_of(tmp_path / "x") == message
    assert f"no tokenizer in {tmp_path}, which should hold tokenizer.json" in error_of(tmp_path)
    assert error_of(tmp_path).endswith("found there: nothing")


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "~nosuchuser/x", "x" * 300])
def test_a_path_that_no_file_can_have(path: str) -> None:
    assert re.search("no file can|no home directory|name too long", error_of(path))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    assert error_of(tmp_path / "x").endswith("it is a pipe or a device")


def test_the_fingerprint_is_of_the_file_alone(trained: TextTokenizer, tmp_path: Path) -> None:
    """It is stored beside weights, so that other versions of anything must find the same."""
    (tmp_path / trained.file_name).write_bytes(trained.model)
    expected = hashlib.sha256(trained.model).hexdigest()[:16]
    assert trained.fingerprint == expected == load_tokenizer(tmp_path).fingerprint


VALUES: list[Any] = [None, True, -1, 2**31, 2**40, 1e308, "", "x", [], {}, [1], {"a": 1}, [["a"]]]


def damaged(model: bytes, generator: random.Random) -> bytes:
    """With a value of another type in the JSON, or with some bytes changed or missing."""
    if generator.random() < 0.5:
        content = bytearray(model)
        start = generator.randrange(len(content))
        content[start : start + generator.randrange(9)] = generator.randbytes(
            generator.randrange(9)
        )
        return bytes(content)
    tree = json.loads(model)
    place, key = tree, generator.choice(list(tree))
    while isinstance(place[key], dict | list) and place[key] and generator.random() < 0.8:
        place = place[key]
        key = generator.choice(list(place) if isinstance(place, dict) else range(len(place)))
    place[key] = generator.choice(VALUES)
    return json.dumps(tree).encode()


@pytest.mark.parametrize("kind", ["characters", "byte_bpe"])
def test_damaged_files_are_refused_or_work(kind: str, text: str, tmp_path: Path) -> None:
    if kind == "byte_bpe":
        pytest.importorskip("tokenizers")
    model = train_text_tokenizer([text], settings(kind)).model
    n_refused = 0
    for seed in range(300):
        (tmp_path / "x").write_bytes(damaged(model, random.Random(seed)))
        try:
            found = load_tokenizer(tmp_path / "x")
            found.decode(found.encode("Ein Hund"))
        except TokenizerError:
            n_refused += 1
            continue
        assert found.vocab_size <= 2_000_000
    assert n_refused > 100


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_sentencepiece_learns_from_the_lines(kind: str, text: str, lines: list[str]) -> None:
    from_lines = train_tokenizer(lines, settings(kind))
    assert train_text_tokenizer([text], settings(kind)).model == from_lines.model


def test_byte_bpe_learns_the_same_of_a_text_and_of_its_lines(text: str) -> None:
    pytest.importorskip("tokenizers")
    text = text.replace("Hund", "Hund.\r\n\r\n\t").replace("Frau", "\n\n\nFrau") * 3
    whole = ByteBPETokenizer.train([text], 360)
    assert train_text_tokenizer([text], settings("byte_bpe")).model == whole.model
    # Words at whose ends blanks are joined would be others if a line feed were in the wrong part.
    assert "\u010a\u010a" in json.loads(whole.model)["model"]["vocab"]


@pytest.mark.parametrize("kind", ["unigram", "byte_bpe"])
def test_drawn_lines_are_a_function_of_the_seed(kind: str, text: str) -> None:
    if kind == "byte_bpe":
        pytest.importorskip("tokenizers")
    few = settings(kind, vocab_size=312, max_training_sentences=12)

    def train(seed: int) -> str:
        return train_text_tokenizer([text], few, seed=seed).fingerprint

    assert train(1) == train(1)
    assert train(1) != train(2)


def test_characters_takes_all_there_are(text: str) -> None:
    few = settings("characters", max_training_sentences=1)
    assert train_text_tokenizer([text], few).vocab_size == len(set(text))
