import io
import os
import random
import unicodedata
from pathlib import Path
from typing import Any, Literal

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer.config import TokenizerConfig
from transformer.data import tokenizer as tokenizer_module
from transformer.data.tokenizer import Tokenizer, TokenizerError, train_tokenizer

# Letters for which sentencepiece's normalisation is NFKC with blanks joined: no combining marks, no
# invisible characters.
LETTERS = st.one_of(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E),
    st.characters(min_codepoint=0xC0, max_codepoint=0x17F),  # Latin
    st.characters(min_codepoint=0x410, max_codepoint=0x44F),  # Cyrillic
    st.characters(min_codepoint=0x4E00, max_codepoint=0x4FFF),  # Chinese
    st.sampled_from("あアÄß€½②ﬁＡ１„“…–\u00a0\u3000\t \n😀🚲🍕🇩🇪𝕏"),
)


def normalised(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


@pytest.fixture(scope="module")
def bpe(lines: list[str]) -> Tokenizer:
    return train_tokenizer(lines, TokenizerConfig(kind="bpe", vocab_size=360, sampling_alpha=0.3))


@pytest.fixture(scope="module")
def unigram(tokenizer: Tokenizer) -> Tokenizer:
    return Tokenizer(tokenizer.model, sampling_alpha=0.2)


@pytest.fixture(params=["unigram", "bpe"])
def either(request: pytest.FixtureRequest) -> Tokenizer:
    found: Tokenizer = request.getfixturevalue(request.param)
    return found


@given(st.text(LETTERS))
@settings(max_examples=200, deadline=None)
def test_text_survives_up_to_normalisation(unigram: Tokenizer, text: str) -> None:
    assert unigram.decode(unigram.encode(text)) == normalised(text)


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_no_character_is_unknown(bpe: Tokenizer, unigram: Tokenizer, text: str) -> None:
    for tokenizer in (unigram, bpe):
        special = {tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.unk_id}
        assert not special & set(tokenizer.encode(text))


@pytest.mark.parametrize(
    "text",
    ["", "   ", "Ein Hund läuft.", "🚲 未知 Ω", "<s> </s> <unk> <0x41>", "3.141,59 €", "a" * 3000],
)
def test_text_survives(either: Tokenizer, text: str) -> None:
    assert either.decode(either.encode(text)) == normalised(text)


def test_a_character_never_seen_is_spelled_in_bytes(either: Tokenizer) -> None:
    assert either.pieces(either.encode("Ω")) == ["▁", "<0xCE>", "<0xA9>"]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_required_characters_have_a_piece(
    kind: Literal["unigram", "bpe"], lines: list[str]
) -> None:
    signs = "€£§ğŠ"
    assert not set(signs) & set("".join(lines))
    config = TokenizerConfig(kind=kind, vocab_size=400, required_characters=signs)
    trained = train_tokenizer(lines, config)
    assert not any(map(trained.spells_in_bytes, signs))
    assert trained.spells_in_bytes("ž")


def test_learned_words_are_short(either: Tokenizer) -> None:
    line = "Ein Hund läuft durch den Schnee."
    assert len(either.encode(line)) < len(line)
    assert "".join(either.pieces(either.encode(line))).replace("▁", " ").strip() == line


def test_special_ids_are_those_the_model_has(either: Tokenizer) -> None:
    assert [either.pad_id, either.unk_id, either.bos_id, either.eos_id] == [0, 1, 2, 3]
    assert either.pieces([0, 1, 2, 3]) == ["<pad>", "<unk>", "<s>", "</s>"]
    assert either.vocab_size == 360


def test_special_tokens_vanish_in_text(either: Tokenizer) -> None:
    ids = either.encode("Ein Hund.")
    framed = [either.bos_id, *ids, either.eos_id, either.pad_id, either.pad_id]
    assert either.decode(framed) == "Ein Hund."
    assert either.decode([]) == ""


def test_batch_is_line_by_line(either: Tokenizer, lines: list[str]) -> None:
    assert either.encode_batch(lines) == [either.encode(line) for line in lines]
    assert either.encode_batch([]) == []


def test_sampling_is_a_function_of_the_seed(either: Tokenizer, lines: list[str]) -> None:
    first = either.sample_batch(lines, seed=5)
    either.sample_batch(lines, seed=6)  # must leave no trace
    assert either.sample_batch(lines, seed=5) == first
    assert either.sample_batch(lines, seed=6) != first
    assert first != either.encode_batch(lines)
    assert [either.decode(ids) for ids in first] == lines


def test_alpha_decides_how_wild_sampling_is(tokenizer: Tokenizer, lines: list[str]) -> None:
    """For unigram alpha smooths: towards 0 every segmentation is as likely as any other."""

    def pieces(alpha: float) -> int:
        wild = Tokenizer(tokenizer.model, sampling_alpha=alpha)
        return sum(map(len, wild.sample_batch(lines, seed=1)))

    assert pieces(0.01) > pieces(0.5) >= sum(map(len, tokenizer.encode_batch(lines)))


def test_model_file_is_read_back(either: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "some.model").write_bytes(either.model)
    loaded = Tokenizer.load(tmp_path / "some.model", sampling_alpha=0.3)
    assert loaded.fingerprint == either.fingerprint
    assert loaded.sampling_alpha == 0.3
    assert loaded.encode("Ein Hund.") == either.encode("Ein Hund.")


def test_a_tilde_is_the_home_directory(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.model").write_bytes(tokenizer.model)
    assert Tokenizer.load("~/x.model").model == tokenizer.model


def test_another_model_has_another_fingerprint(bpe: Tokenizer, unigram: Tokenizer) -> None:
    assert bpe.fingerprint != unigram.fingerprint


def test_training_is_reproducible(lines: list[str], tokenizer: Tokenizer) -> None:
    again = train_tokenizer(iter(lines), TokenizerConfig(vocab_size=360))
    assert again.model == tokenizer.model


def test_drawn_lines_are_a_function_of_the_seed(lines: list[str]) -> None:
    few = TokenizerConfig(vocab_size=312, max_training_sentences=12)

    def train(seed: int) -> str:
        return train_tokenizer(lines, few, seed=seed).fingerprint

    assert train(1) == train(1)
    assert train(1) != train(2)


def test_too_large_a_vocabulary_is_refused(lines: list[str]) -> None:
    with pytest.raises(
        TokenizerError,
        match=r"cannot make 9000 pieces of 20 lines; lower tokenizer\.vocab_size to \d+ or less",
    ):
        train_tokenizer(lines, TokenizerConfig(vocab_size=9000))


def test_too_small_a_vocabulary_is_refused(lines: list[str]) -> None:
    with pytest.raises(TokenizerError, match=r"raise tokenizer\.vocab_size to more than 3\d\d"):
        train_tokenizer(lines, TokenizerConfig(vocab_size=300))


@pytest.mark.parametrize("text", [["Ein Hund"], ["a b"] * 99, ["x" * 20_000], []])
def test_too_small_a_text_is_refused(text: list[str]) -> None:
    """A smaller vocabulary is no remedy where the smallest is too large."""
    for size in (300, 8000):
        with pytest.raises(TokenizerError, match=r"the text is too small, .* add data") as caught:
            train_tokenizer(text, TokenizerConfig(vocab_size=size))
        assert "lower" not in str(caught.value)


@pytest.mark.parametrize("text", [[], ["", "  "]])
def test_no_text_is_refused(text: list[str]) -> None:
    with pytest.raises(TokenizerError, match="add data"):
        train_tokenizer(text, TokenizerConfig(vocab_size=300))


@pytest.mark.parametrize("content", [b"", b"this is no model", b"\x00\xff" * 100])
def test_file_that_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wrong.model"
    path.write_bytes(content)
    with pytest.raises(TokenizerError, match=r"wrong\.model: not a sentencepiece model"):
        Tokenizer.load(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"cannot read the sentencepiece model .*none\.model"):
        Tokenizer.load(tmp_path / "none.model")


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "~nosuchuser/x", "x" * 300])
def test_a_path_that_no_file_can_have(path: str) -> None:
    with pytest.raises(TokenizerError, match=r"no file can|no home directory|name too long"):
        Tokenizer.load(path)


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TokenizerError, match="it is a folder; name the file"):
        Tokenizer.load(tmp_path)
    os.mkfifo(tmp_path / "x.model")
    with pytest.raises(TokenizerError, match="it is a pipe or a device"):
        Tokenizer.load(tmp_path / "x.model")
    monkeypatch.setattr(tokenizer_module, "_LARGEST_MODEL", 9)
    (tmp_path / "y.model").write_bytes(b"0123456789")
    with pytest.raises(TokenizerError, match="cannot be a sentencepiece model: it has 10 bytes"):
        Tokenizer.load(tmp_path / "y.model")


def damaged(model: bytes, generator: random.Random) -> bytes:
    """Cut off, overwritten, or with bits flipped."""
    content = bytearray(model)
    how = generator.randrange(4)
    if how == 0:
        return bytes(content[: generator.randrange(len(content))])
    for _ in range((1, 30, 200)[how - 1]):
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    if how == 3:
        start = generator.randrange(len(content))
        content[start : start + 50] = bytes(50)
    return bytes(content)


def test_damaged_models_are_refused_or_work(tokenizer: Tokenizer) -> None:
    for seed in range(300):
        content = damaged(tokenizer.model, random.Random(seed))
        try:
            found = Tokenizer(content)
        except TokenizerError:
            continue
        found.decode(found.encode("Ein Hund läuft 🚲."))
        found.decode(list(range(found.vocab_size)))
        found.pieces(list(range(found.vocab_size)))
        assert found.fingerprint != tokenizer.fingerprint  # so others can tell


def train_elsewhere(lines: list[str], **options: Any) -> bytes:
    """A model that somebody else trained, with sentencepiece's own defaults."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=70,
        minloglevel=2,
        **options,
    )
    return model.getvalue()


def test_special_ids_of_a_foreign_model(lines: list[str]) -> None:
    foreign = Tokenizer(train_elsewhere(lines, pad_id=3))
    assert [foreign.unk_id, foreign.bos_id, foreign.eos_id, foreign.pad_id] == [0, 1, 2, 3]


Missing = Literal["pad_id", "bos_id", "eos_id"]


@pytest.mark.parametrize("missing", ["pad_id", "bos_id", "eos_id"])
def test_model_without_a_special_token_is_refused(missing: Missing, lines: list[str]) -> None:
    ids = {"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": 3, missing: -1}
    if missing != "pad_id":
        ids["pad_id"] = ids["unk_id"] + 1 if missing == "bos_id" else 2
    with pytest.raises(TokenizerError, match=f"has no {missing}; train it with --{missing}=N"):
        Tokenizer(train_elsewhere(lines, **ids))
