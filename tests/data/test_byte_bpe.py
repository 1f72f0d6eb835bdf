import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transformer.data.byte_bpe import END_OF_TEXT, ByteBPETokenizer
from transformer.data.tokenizer import TokenizerError

tokenizers = pytest.importorskip("tokenizers")

# Where GPT-2 cuts a text: blanks of all kinds, English endings, numbers, letters, other signs.
SIGNS = st.lists(
    st.sampled_from([*"ab \n\r\t19.!Äé東🚲", "\u00a0", "\u2028", "'s", "'LL", "the", END_OF_TEXT])
).map("".join)


@pytest.fixture(scope="module")
def text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n\n\n  two\t tabs\r\n\r\nthe  end's\n"


@pytest.fixture(scope="module")
def bpe(text: str) -> ByteBPETokenizer:
    return ByteBPETokenizer.train([text], 350)


def changed(tokenizer: ByteBPETokenizer, **changes: Any) -> bytes:
    """The tokenizer.json with other values at its top."""
    return json.dumps({**json.loads(tokenizer.model), **changes}).encode()


def with_model(tokenizer: ByteBPETokenizer, **changes: Any) -> bytes:
    """The tokenizer.json with another vocabulary or merges."""
    return changed(tokenizer, model={**json.loads(tokenizer.model)["model"], **changes})


@given(text=st.text() | SIGNS)
@settings(max_examples=200, deadline=None)
def test_any_text_survives(bpe: ByteBPETokenizer, text: str) -> None:
    ids = bpe.encode(text)
    assert bpe.decode(ids) == text
    assert all(0 <= i < bpe.vocab_size for i in ids)


def test_learned_words_are_short(bpe: ByteBPETokenizer, text: str) -> None:
    assert bpe.vocab_size == 350
    assert len(bpe.encode(text)) < len(text) * 0.7


def test_a_batch_is_text_by_text(bpe: ByteBPETokenizer, lines: list[str]) -> None:
    assert bpe.encode_batch(lines) == [bpe.encode(line) for line in lines]
    assert bpe.encode_batch([]) == []


def test_the_end_of_text(bpe: ByteBPETokenizer) -> None:
    assert bpe.eos_id is not None
    assert bpe.separator == [bpe.eos_id]
    assert bpe.decode([bpe.eos_id]) == END_OF_TEXT
    a, b = bpe.encode("a"), bpe.encode("b")
    assert bpe.encode(f"a{END_OF_TEXT}b") == [*a, bpe.eos_id, *b]


def test_the_end_of_text_is_not_learned_as_letters(text: str) -> None:
    with_ends = text.replace("\n", f"\n{END_OF_TEXT}\n")
    learned = json.loads(ByteBPETokenizer.train([with_ends], 350).model)["model"]["vocab"]
    assert END_OF_TEXT in learned
    assert not [piece for piece in learned if "|" in piece and piece not in ("|", END_OF_TEXT)]


def test_training_is_reproducible(bpe: ByteBPETokenizer, text: str) -> None:
    assert ByteBPETokenizer.train(iter([text]), 350).model == bpe.model
    assert ByteBPETokenizer.train([text], 349).fingerprint != bpe.fingerprint


def test_a_small_text_has_fewer_pieces() -> None:
    tiny = ByteBPETokenizer.train(["aa aa"], 1000)
    assert tiny.vocab_size == 257 + 1  # the bytes, the end of text, aa


def test_the_file_is_read_back(bpe: ByteBPETokenizer, text: str) -> None:
    again = ByteBPETokenizer(bpe.model)
    assert again.fingerprint == bpe.fingerprint
    assert again.model == bpe.model
    assert again.encode(text) == bpe.encode(text)


def test_half_a_character(bpe: ByteBPETokenizer) -> None:
    assert bpe.decode(bpe.encode("ß")[:1]) == "\ufffd"
    assert bpe.encode("a\ud83d") == bpe.encode("a?")
    assert bpe.encode_batch(["\ud83d"]) == [bpe.encode("?")]


class TestGPT2:
    @pytest.fixture(scope="class")
    def folder(self, text: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Laid out as openai-community/gpt2 is, the end of text last."""
        folder: Path = tmp_path_factory.mktemp("gpt2")
        trained = tokenizers.ByteLevelBPETokenizer()
        trained.train_from_iterator([text], vocab_size=350, show_progress=False)
        trained.save_model(str(folder))
        vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        vocabulary[END_OF_TEXT] = len(vocabulary)
        (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
        return folder

    @pytest.fixture(scope="class")
    def ours(self, folder: Path) -> ByteBPETokenizer:
        return ByteBPETokenizer.of_gpt2(folder / "vocab.json", folder / "merges.txt")

    @pytest.fixture(scope="class")
    def theirs(self, folder: Path) -> Any:
        transformers = pytest.importorskip("transformers")
        return transformers.GPT2Tokenizer.from_pretrained(folder)

    @given(text=st.text() | SIGNS)
    @settings(
        max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_the_same_ids_as_transformers(
        self, ours: ByteBPETokenizer, theirs: Any, text: str
    ) -> None:
        ids = theirs.encode(text)
        assert ours.encode(text) == ids
        assert ours.encode_batch([text]) == [ids]
        assert ours.decode(ids) == theirs.decode(ids, clean_up_tokenization_spaces=False)

    def test_the_same_special_id(self, ours: ByteBPETokenizer, theirs: Any) -> None:
        assert ours.eos_id == theirs.eos_token_id == 350
        assert ours.vocab_size == len(theirs) == 351

    def test_files_that_cannot_be_read_are_named(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "vocab.json").write_text("{")
        with pytest.raises(TokenizerError, match=r"cannot read \S*vocab.json and \S*merges.txt: "):
            ByteBPETokenizer.of_gpt2(tmp_path / "vocab.json", folder / "merges.txt")


class TestForeignFiles:
    def test_what_is_encoded_is_neither_cut_nor_filled_up(
        self, bpe: ByteBPETokenizer, lines: list[str]
    ) -> None:
        library = tokenizers.Tokenizer.from_str(bpe.model.decode())
        library.enable_truncation(5)
        library.enable_padding(pad_token="!")
        greedy = ByteBPETokenizer(library.to_str().encode())
        assert greedy.encode_batch(lines) == bpe.encode_batch(lines)

    def test_nothing_is_put_before_a_text(self, bpe: ByteBPETokenizer) -> None:
        library = tokenizers.Tokenizer.from_str(bpe.model.decode())
        library.post_processor = tokenizers.processors.TemplateProcessing(
            single=f"{END_OF_TEXT} $A", special_tokens=[(END_OF_TEXT, bpe.eos_id)]
        )
        assert bpe.eos_id in library.encode("a").ids
        foreign = ByteBPETokenizer(library.to_str().encode())
        assert foreign.encode("a") == bpe.encode("a")
        assert foreign.encode_batch(["a"]) == bpe.encode_batch(["a"])

    def test_without_an_end_of_text(self, bpe: ByteBPETokenizer) -> None:
        vocabulary = json.loads(bpe.model)["model"]["vocab"]
        del vocabulary[END_OF_TEXT]
        foreign = ByteBPETokenizer(
            changed(
                bpe,
                added_tokens=[],
                model={**json.loads(bpe.model)["model"], "vocab": vocabulary},
            )
        )
        assert foreign.eos_id is None
        assert foreign.separator == []
        # Ids start at 1 now; a model needs a place for each of them nevertheless.
        assert foreign.vocab_size == bpe.vocab_size

    def test_a_vocabulary_without_all_bytes_is_refused(self, bpe: ByteBPETokenizer) -> None:
        vocabulary = json.loads(bpe.model)["model"]["vocab"]
        vocabulary = {piece: i for piece, i in vocabulary.items() if piece not in ("!", "#")}
        with pytest.raises(TokenizerError, match="lacks 2 of the 256 bytes"):
            ByteBPETokenizer(with_model(bpe, vocab=vocabulary))

    def test_other_kinds_are_refused(self, bpe: ByteBPETokenizer) -> None:
        words = tokenizers.Tokenizer(tokenizers.models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
        with pytest.raises(TokenizerError, match="found the model WordPiece with the decoder none"):
            ByteBPETokenizer(words.to_str().encode())
        fuse = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}
        with pytest.raises(TokenizerError, match="BPE with the decoder ByteFallback, Fuse, Seq"):
            ByteBPETokenizer(changed(bpe, decoder=fuse))
        alike = {"type": "Sequence", "decoders": [json.loads(bpe.model)["decoder"]]}
        assert ByteBPETokenizer(changed(bpe, decoder=alike)).decode(bpe.encode("ß")) == "ß"

    @pytest.mark.parametrize("model", [b"", b"{}", b"\xff", b'{"model": {"type": "BPE"}}'])
    def test_file_that_is_none_is_refused(self, model: bytes) -> None:
        with pytest.raises(TokenizerError, match=r"not a tokenizer\.json: "):
            ByteBPETokenizer(model)


def test_a_missing_package_is_named(bpe: ByteBPETokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)  # as if it were not installed
    with pytest.raises(TokenizerError, match=r'pip install "attention-transformer\[gpt\]"'):
        ByteBPETokenizer(bpe.model)
    with pytest.raises(TokenizerError, match=r"needs the package tokenizers, which is not"):
        ByteBPETokenizer.train(["a"], 300)


def test_a_word_without_end_is_learned_from_in_time() -> None:
    """By the library alone, ten times as many letters take a hundred times as long."""
    begin = time.perf_counter()
    trained = ByteBPETokenizer.train(["Ein Hund " + "xy" * 250_000], 300)
    assert time.perf_counter() - begin < 20
    assert trained.decode(trained.encode("xyxyz")) == "xyxyz"
    assert len(trained.encode("xy" * 500)) < 20
