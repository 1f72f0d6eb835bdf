import errno
import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transformer.config import Config, DataConfig, TokenizerConfig
from transformer.data import plain_text
from transformer.data import stream as stream_module
from transformer.data.byte_bpe import END_OF_TEXT, ByteBPETokenizer
from transformer.data.characters import CharacterTokenizer
from transformer.data.corpus import CorpusError
from transformer.data.stream import (
    Blocks,
    TokenStream,
    block_batches,
    encode_stream,
    epoch_length,
    ordered_blocks,
    prepare_streams,
)
from transformer.data.text_tokenizers import TextTokenizer, train_text_tokenizer
from transformer.data.texts import Chunk, Texts, find_texts
from transformer.data.tokenizer import Tokenizer, TokenizerError

TEXT = "Ein Hund läuft.\nA dog runs.\n\nZwei Männer 🚲\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of each test's own; nothing stays behind."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache" / "token-streams"


@pytest.fixture(scope="module")
def bpe(lines: list[str]) -> ByteBPETokenizer:
    pytest.importorskip("tokenizers")
    return ByteBPETokenizer.train(["\n\n".join(lines)], 340)


def found(*chunks: str | tuple[str, bool]) -> Texts:
    """Texts as `find_texts` returns them; a string is a whole text."""
    parts = [Chunk(c, True) if isinstance(c, str) else Chunk(*c) for c in chunks]
    return Texts("data.train", ("test", *map(tuple, parts)), lambda: iter(parts))


def ids_of(tokenizer: TextTokenizer, *chunks: str | tuple[str, bool]) -> list[int]:
    ids: list[int] = encode_stream(found(*chunks), tokenizer).ids.tolist()
    return ids


def load_streams(data: DataConfig, tokenizer: TextTokenizer) -> tuple[TokenStream, TokenStream]:
    train, val = find_texts(data)
    return encode_stream(train, tokenizer), encode_stream(val, tokenizer)


class Letters:
    """Letters are their code points. Says how often it was asked."""

    file_name, model, eos_id, separator, by_line = "letters", b"", None, list[int](), False

    def __init__(self, vocab_size: int = 256, fingerprint: str = "letters") -> None:
        self.vocab_size = vocab_size
        self.fingerprint = fingerprint
        self.n_texts = 0

    def encode(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        self.n_texts += len(texts)
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(map(chr, ids))


class TestEncoding:
    def test_characters_with_line_feeds_between_texts(self) -> None:
        tokenizer = CharacterTokenizer.train(["abc\n"])
        stream = encode_stream(found("ab", "c", ("a", False), ("b", True)), tokenizer)
        assert tokenizer.decode(stream.ids.tolist()) == "ab\nc\nab"
        assert stream.n_characters == len(stream) == 7
        without = CharacterTokenizer.train(["abc"])
        assert without.decode(ids_of(without, "ab", "c")) == "abc"

    def test_one_text_of_characters_is_just_that(self) -> None:
        tokenizer = CharacterTokenizer.train([TEXT])
        stream = encode_stream(found(TEXT), tokenizer)
        assert tokenizer.decode(stream.ids.tolist()) == TEXT
        assert stream.n_characters == len(TEXT)

    def test_the_end_of_each_text(self, bpe: ByteBPETokenizer) -> None:
        stream = encode_stream(found("Ein Hund.", ("A ", False), ("dog.\n", True)), bpe)
        ids = stream.ids.tolist()
        assert bpe.decode(ids) == f"Ein Hund.{END_OF_TEXT}A dog.\n{END_OF_TEXT}"
        assert ids.count(bpe.eos_id) == 2
        assert stream.n_characters == len("Ein Hund.") + 1 + len("A dog.\n")

    def test_a_text_that_is_cut_off_has_no_end(
        self, bpe: ByteBPETokenizer, tokenizer: Tokenizer
    ) -> None:
        for either in (bpe, tokenizer):
            assert ids_of(either, ("Ein Hu", False)) == either.encode("Ein Hu")

    def test_lines_are_texts_of_their_own_where_line_feeds_are_unknown(
        self, tokenizer: Tokenizer
    ) -> None:
        eos = tokenizer.eos_id
        lines = [[*tokenizer.encode(line), eos] for line in TEXT.split("\n")[:-1]]
        assert lines[2] == [eos]  # an empty one
        assert ids_of(tokenizer, TEXT) == list(chain(*lines))
        assert ids_of(tokenizer, TEXT[:-1]) == list(chain(*lines))  # whether or not it ends in one
        assert ids_of(tokenizer, TEXT, "Ein Hund.") == [
            *chain(*lines),
            *tokenizer.encode("Ein Hund."),
            eos,
        ]
        # A line feed is a character of the text, an EOS without one is not.
        assert encode_stream(found(TEXT), tokenizer).n_characters == len(TEXT)
        assert encode_stream(found(TEXT[:-1]), tokenizer).n_characters == len(TEXT) - 1

    @given(data=st.data())
    @settings(
        max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_lines_do_not_depend_on_chunks(self, tokenizer: Tokenizer, data: st.DataObject) -> None:
        cuts = sorted(data.draw(st.sets(st.sampled_from([15, 16, 27, 28, 29]))))  # at line feeds
        parts = [TEXT[a:b] for a, b in pairwise([0, *cuts, len(TEXT)])]
        chunks = [(part, i == len(parts) - 1) for i, part in enumerate(parts)]
        assert ids_of(tokenizer, *chunks) == ids_of(tokenizer, TEXT)

    def test_a_line_without_end(self, tokenizer: Tokenizer) -> None:
        chunks = [("Ein", False), (" Hund", False), (" läuft.\nJa.", True)]
        parts = ["Ein", " Hund läuft.", "Ja."]
        ids = [tokenizer.encode(part) for part in parts]
        eos = [tokenizer.eos_id]
        assert ids_of(tokenizer, *chunks) == [*ids[0], *ids[1], *eos, *ids[2], *eos]

    @given(
        text=st.lists(
            st.sampled_from([*"ab\n\n \r\t1.ß\u00a0\u2028\x1c", "'s", "Hund", END_OF_TEXT]),
            min_size=1,
            max_size=60,
        ).map("".join)
    )
    @settings(
        max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_the_chunks_of_a_file_give_the_ids_of_the_whole(
        self, bpe: ByteBPETokenizer, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        monkeypatch.setattr(plain_text, "_PIECE", 7)
        with tempfile.TemporaryDirectory() as folder:
            monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", Path(folder) / "cache")
            path = Path(folder) / "x.txt"
            path.write_bytes(text.encode())
            data = DataConfig.model_validate({"train": str(path), "val": str(path)})
            stream, _ = load_streams(data, bpe)
            assert stream.ids.tolist() == [*bpe.encode(text), bpe.eos_id]
            del stream  # or the folder cannot be deleted everywhere

    def test_many_texts_take_several_batches(
        self, bpe: ByteBPETokenizer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        texts = [f"Text {i}" * (i % 5 + 1) for i in range(50)]
        expected = [[*bpe.encode(text), bpe.eos_id] for text in texts]
        for most in (1, 64 * 7, 2**20):
            monkeypatch.setattr(stream_module, "_AT_ONCE", most)
            texts.append(f"{most}")  # another key
            expected.append([*bpe.encode(texts[-1]), bpe.eos_id])
            assert ids_of(bpe, *texts) == list(chain(*expected))

    @pytest.mark.parametrize(
        ("vocab_size", "dtype"), [(2**16, np.uint16), (2**16 + 1, np.uint32), (2**20, np.uint32)]
    )
    def test_the_smallest_type_that_holds_all_ids(self, vocab_size: int, dtype: type) -> None:
        text = "a" + chr(vocab_size - 1)
        stream = encode_stream(found(text), Letters(vocab_size))
        assert stream.ids.dtype == dtype
        assert stream.ids.tolist() == [97, vocab_size - 1]

    def test_no_token(self) -> None:
        with pytest.raises(CorpusError, match=r"^data\.train: 0 characters give no token"):
            ids_of(Letters())


class TestCache:
    def test_the_ids_are_memory_mapped(self, cache: Path) -> None:
        stream = encode_stream(found(TEXT), Letters(2**20))
        assert isinstance(stream.ids, np.memmap)
        assert not stream.ids.flags.writeable
        assert sorted(path.suffix for path in cache.iterdir()) == [".ids", ".json"]

    def test_a_second_run_neither_reads_nor_encodes_nor_writes(
        self, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "x.txt"
        path.write_text("abcdefghij", encoding="utf-8")
        data = DataConfig.model_validate({"train": str(path), "holdout": 0.3})
        tokenizer = Letters()
        first = load_streams(data, tokenizer)
        assert tokenizer.n_texts == 2
        written = {file.name: file.stat().st_mtime_ns for file in cache.iterdir()}
        assert len(written) == 4
        monkeypatch.setattr(plain_text, "_open", lambda path: pytest.fail(f"{path} is read"))
        second = load_streams(data, tokenizer)
        assert tokenizer.n_texts == 2
        assert {file.name: file.stat().st_mtime_ns for file in cache.iterdir()} == written
        for one, other in zip(first, second, strict=True):
            assert one.ids.tolist() == other.ids.tolist()
            assert (one.n_characters, one.fingerprint) == (other.n_characters, other.fingerprint)

    def test_an_edited_text_or_another_tokenizer_does(self, tmp_path: Path) -> None:
        path = tmp_path / "x.txt"
        for text in ("ab", "abc"):
            path.write_text(text, encoding="utf-8")
            data = DataConfig.model_validate({"train": str(path), "val": str(path)})
            assert load_streams(data, Letters())[0].ids.tolist() == Letters().encode(text)
        other = Letters(fingerprint="other")
        load_streams(data, other)
        assert other.n_texts == 1  # for both splits, since they are the same

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    @pytest.mark.parametrize("n_renamed", [0, 1])
    def test_what_a_killed_run_left_is_not_used(self, n_renamed: int, cache: Path) -> None:
        child = os.fork()
        if child == 0:  # dies when the ids, or the notes on them, are to get their name
            renamed: list[object] = []
            replace = os.replace

            def killed(*paths: Any) -> None:
                if len(renamed) == n_renamed:
                    os._exit(9)
                renamed.append(paths)
                replace(*paths)

            os.replace = killed  # type: ignore[assignment]
            try:
                encode_stream(found(TEXT), Letters(2**20))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 9
        left = [path.suffix for path in cache.iterdir()]
        assert sorted(left) == [".ids", ".tmp"][1 - n_renamed :]
        tokenizer = Letters(2**20)
        assert encode_stream(found(TEXT), tokenizer).ids.tolist() == tokenizer.encode(TEXT)
        assert tokenizer.n_texts == 1

    @pytest.mark.parametrize(
        "damage", ["ids cut", "ids gone", "notes cut", "notes empty", "notes []", "notes {}"]
    )
    def test_half_a_stream_is_not_used(self, damage: str, cache: Path) -> None:
        encode_stream(found(TEXT), Letters(2**20))
        what, how = damage.split()
        [file] = cache.glob("*.ids" if what == "ids" else "*.json")
        if how == "gone":
            file.unlink()
        else:
            rest = {"cut": file.read_bytes()[:-2], "empty": b""}
            file.write_bytes(rest.get(how, how.encode()))
        again = Letters(2**20)
        assert encode_stream(found(TEXT), again).ids.tolist() == again.encode(TEXT)
        assert again.n_texts == 1

    def test_an_error_leaves_nothing_behind(self, cache: Path) -> None:
        with pytest.raises(TokenizerError, match=r"has no character 'b' \(U\+0062\)"):
            ids_of(CharacterTokenizer.train(["a"]), "aab")
        assert list(cache.iterdir()) == []

    def test_a_full_disk_is_explained(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(CorpusError, match=r"cannot store the text in .*cache: No space left"):
            ids_of(Letters(), "a")
        assert list(cache.iterdir()) == []

    def test_the_fingerprint_is_of_the_content(self) -> None:
        def of(*texts: str) -> str:
            return encode_stream(found(*texts), Letters(2**20)).fingerprint

        assert of("ab", "c") == of("a", "bc")
        assert len({of("abc"), of("acb"), of("abcd")}) == 3


def config(source: Any, kind: str = "characters", **sections: Any) -> Config:
    data = {"train": source, "holdout": 0.25, **sections.pop("data", {})}
    tokenizer = {"kind": kind, "vocab_size": 320, **sections.pop("tokenizer", {})}
    model = {"context": 8, **sections.pop("model", {})}
    tree = {"task": "language_modeling", "data": data, "tokenizer": tokenizer, "model": model}
    return Config.model_validate({**tree, **sections})


class TestPreparing:
    @pytest.fixture
    def path(self, tmp_path: Path, lines: list[str]) -> str:
        path = tmp_path / "x.txt"
        path.write_text("\n".join(lines), encoding="utf-8")
        return str(path)

    @pytest.mark.parametrize("kind", ["characters", "byte_bpe", "unigram", "bpe"])
    def test_from_text_to_streams(self, kind: str, path: str, lines: list[str]) -> None:
        if kind == "byte_bpe":
            pytest.importorskip("tokenizers")
        text = "\n".join(lines)
        tokenizer, train, val = prepare_streams(config(path, kind))
        cut = int(0.75 * len(text))
        assert (train.n_characters, val.n_characters) == (cut, len(text) - cut)
        shown = tokenizer.decode(val.ids.tolist()).removesuffix(END_OF_TEXT)
        # sentencepiece knows no line feeds; the EOS at their places is not shown.
        assert shown == (text[cut:].replace("\n", " ").strip() if tokenizer.by_line else text[cut:])

    def test_a_text_of_n_characters_is_cut_where_nanogpt_cuts_it(self, path: str) -> None:
        text = Path(path).read_text(encoding="utf-8")
        tokenizer, train, val = prepare_streams(config(path, data={"holdout": 0.1}))
        n = int(0.9 * len(text))
        ids = tokenizer.encode(text)
        assert train.ids.tolist() == ids[:n]
        assert val.ids.tolist() == ids[n:]

    def test_characters_are_those_of_both_parts(self, tmp_path: Path) -> None:
        (tmp_path / "x.txt").write_text("a" * 30 + "z" * 10, encoding="utf-8")
        tokenizer, train, val = prepare_streams(config(f"{tmp_path}/x.txt"))
        assert isinstance(tokenizer, CharacterTokenizer)
        assert tokenizer.characters == "az"
        assert (set(train.ids.tolist()), set(val.ids.tolist())) == ({0}, {1})

    @pytest.mark.parametrize("kind", ["byte_bpe", "unigram"])
    def test_others_learn_from_the_training_part_only(
        self, kind: str, path: str, lines: list[str]
    ) -> None:
        if kind == "byte_bpe":
            pytest.importorskip("tokenizers")
        text = "\n".join(lines)
        part = text[: int(0.75 * len(text))]
        settings = TokenizerConfig.model_validate({"kind": kind, "vocab_size": 320})
        tokenizer, _, _ = prepare_streams(config(path, kind))
        assert tokenizer.model == train_text_tokenizer([part], settings).model
        assert tokenizer.model != train_text_tokenizer([text], settings).model

    def test_the_seed_draws_the_lines_of_the_tokenizer(self, path: str) -> None:
        few = {"max_training_sentences": 8, "vocab_size": 300}
        pytest.importorskip("tokenizers")

        def train(seed: int) -> str:
            tokenizer, _, _ = prepare_streams(config(path, "byte_bpe", tokenizer=few, seed=seed))
            return tokenizer.fingerprint

        assert train(1) == train(1)
        assert train(1) != train(2)

    def test_an_existing_tokenizer(
        self, path: str, tmp_path: Path, bpe: ByteBPETokenizer, lines: list[str]
    ) -> None:
        letters = CharacterTokenizer.train([*lines, "\nX"])
        for tokenizer in (bpe, letters):
            (tmp_path / tokenizer.file_name).write_bytes(tokenizer.model)
        of_config = config(path, tokenizer={"path": str(tmp_path / "tokenizer.json")})
        found, train, _ = prepare_streams(of_config)
        assert found.fingerprint == bpe.fingerprint
        assert train.ids.tolist() == load_streams(of_config.data, bpe)[0].ids.tolist()
        # That of a run which is resumed has the last word.
        found, _, _ = prepare_streams(of_config, tmp_path / "characters.json")
        assert found.fingerprint == letters.fingerprint

    def test_a_folder_laid_out_as_on_the_hub(self, tmp_path: Path, lines: list[str]) -> None:
        folder = tmp_path / "stories"
        folder.mkdir()
        for name, rows in (("train", lines), ("validation", lines[:3])):
            content = "".join(json.dumps({"text": row}) + "\n" for row in rows)
            (folder / f"{name}.jsonl").write_text(content, encoding="utf-8")
        hub = {"val": f"hub:{folder}", "holdout": 0.0}
        tokenizer, train, val = prepare_streams(config(f"hub:{folder}", data=hub))
        # No text has a line feed, so nothing divides them.
        assert tokenizer.decode(train.ids.tolist()) == "".join(lines)
        assert tokenizer.decode(val.ids.tolist()) == "".join(lines[:3])

    def test_less_than_a_block(self, tmp_path: Path) -> None:
        (tmp_path / "x.txt").write_text("a" * 32, encoding="utf-8")
        path = str(tmp_path / "x.txt")

        def error_of(**settings: Any) -> str:
            with pytest.raises(CorpusError) as caught:
                prepare_streams(config(path, **settings))
            return str(caught.value)

        assert error_of() == (
            "data.holdout (0.25): the val part of data.train has 8 tokens, and one block takes "
            "model.context + 1 = 9; give more text, raise data.holdout or lower model.context"
        )
        assert "the train part of data.train has 8 tokens" in error_of(data={"holdout": 0.75})
        whole = {"holdout": 0.0, "val": path}
        assert error_of(data=whole, model={"context": 32}) == (
            "data.train has 32 tokens, and one block takes model.context + 1 = 33; give more text "
            "or lower model.context"
        )
        _, train, _ = prepare_streams(config(path, data=whole, model={"context": 31}))
        assert len(train) == 32


def numbered(length: int) -> TokenStream:
    """Every token is its own place."""
    return TokenStream(np.arange(length, dtype=np.uint16), length, "numbered")


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int, int]:
    """Length of a stream, context and blocks of a batch."""
    context = draw(st.integers(1, 12))
    return context + draw(st.integers(1, 150)), context, draw(st.integers(1, 6))


def epoch(of: tuple[int, int, int], n: int = 0, *, seed: int = 1, skip: int = 0) -> list[Blocks]:
    length, context, batch_blocks = of
    return list(
        block_batches(
            numbered(length),
            context=context,
            batch_blocks=batch_blocks,
            seed=seed,
            epoch=n,
            skip=skip,
        )
    )


def rows(batches: list[Blocks]) -> list[list[int]]:
    return [row for batch in batches for row in batch.ids.tolist()]


class TestBlocks:
    @given(of=sizes(), n=st.integers(0, 5))
    @settings(deadline=None)
    def test_blocks_of_an_epoch(self, of: tuple[int, int, int], n: int) -> None:
        length, context, batch_blocks = of
        batches = epoch(of, n)
        assert len(batches) == epoch_length(numbered(length), context, batch_blocks) > 0
        for batch in batches:
            assert batch.ids.shape == (batch_blocks, context + 1)
            assert batch.ids.dtype == torch.int64
            assert batch.n_tokens == batch_blocks * context
        found = rows(batches)
        starts = [row[0] for row in found]
        assert all(row == list(range(row[0], row[0] + context + 1)) for row in found)
        assert max(row[-1] for row in found) < length
        # One shift for all, and neighbours share one token: what one predicts last, the other reads
        # first, so that nothing is predicted twice.
        [shift] = {start % context for start in starts}
        n_blocks = (length - 1 - shift) // context
        times = Counter(starts)
        if n_blocks >= batch_blocks and len(batches) * batch_blocks <= n_blocks:
            assert set(times.values()) == {1}
            # No more than what fills no batch, and the block that the largest shift would cost.
            assert n_blocks - len(starts) <= batch_blocks
        else:
            assert len(batches) == 1
            assert max(times.values()) - min(times.values()) <= 1
            assert len(times) == min(n_blocks, batch_blocks)

    @given(of=sizes(), data=st.data())
    @settings(deadline=None)
    def test_a_pure_function_of_seed_and_number(
        self, of: tuple[int, int, int], data: st.DataObject
    ) -> None:
        n, seed = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 2**31 - 1))
        whole = [batch.ids.tolist() for batch in epoch(of, n, seed=seed)]
        skip = data.draw(st.integers(0, len(whole)))
        assert [batch.ids.tolist() for batch in epoch(of, n, seed=seed, skip=skip)] == whole[skip:]

    def test_epochs_and_seeds_differ(self) -> None:
        of = (1000, 10, 4)
        orders = [rows(epoch(of, n, seed=seed)) for n in range(3) for seed in range(3)]
        assert all(a != b for i, a in enumerate(orders) for b in orders[:i])
        # Not only the order: where the stream is cut.
        assert len({min(order)[0] for order in orders}) > 3

    def test_every_token_has_its_turn(self) -> None:
        of = (103, 10, 4)  # an epoch has 8 blocks of 9 or 10
        epochs = [rows(epoch(of, n)) for n in range(200)]
        read = Counter(token for found in epochs for row in found for token in row[:-1])
        predicted = Counter(token for found in epochs for row in found for token in row[1:])
        assert set(predicted) == set(range(1, 103))
        assert set(read) == set(range(102))
        # In the middle equally often, up to chance.
        middle = [predicted[token] for token in range(10, 93)]
        assert min(middle) > 0.7 * 200 * 8 / 9.3 and max(middle) <= 200

    def test_few_blocks_are_repeated(self) -> None:
        [batch] = epoch((10, 3, 8))
        times = Counter(row[0] for row in batch.ids.tolist())
        assert len(batch.ids) == 8
        assert sorted(times.values()) in ([4, 4], [2, 3, 3])

    def test_a_stream_of_one_block(self) -> None:
        for n in range(3):
            [batch] = epoch((5, 4, 1), n)
            assert batch.ids.tolist() == [[0, 1, 2, 3, 4]]

    def test_less_than_a_block_is_refused(self) -> None:
        with pytest.raises(ValueError, match="a block takes 5 tokens; the stream has 4"):
            epoch((4, 4, 1))

    @given(of=sizes())
    @settings(deadline=None)
    def test_validation_predicts_every_token_once(self, of: tuple[int, int, int]) -> None:
        length, context, batch_blocks = of
        batches = list(ordered_blocks(numbered(length), context=context, batch_blocks=batch_blocks))
        found = rows(batches)
        assert [token for row in found for token in row[1:]] == list(range(1, length))
        assert all(row == list(range(row[0], row[-1] + 1)) for row in found)
        assert sum(batch.n_tokens for batch in batches) == length - 1
        *whole, last = batches
        assert all(batch.ids.shape[1] == context + 1 for batch in whole)
        assert all(len(batch.ids) == batch_blocks for batch in whole[:-1])
        assert len(last.ids) == 1 or last.ids.shape[1] == context + 1

    def test_validation_of_less_than_a_block(self) -> None:
        [batch] = ordered_blocks(numbered(3), context=8, batch_blocks=2)
        assert batch.ids.tolist() == [[0, 1, 2]]
        assert list(ordered_blocks(numbered(1), context=8, batch_blocks=2)) == []

    def test_positions_are_never_padding(self) -> None:
        blocks = Blocks(torch.zeros(3, 6, dtype=torch.int64))
        assert blocks.count_positions(0) == (15, 0)
        assert blocks.to(torch.device("cpu")).ids.tolist() == blocks.ids.tolist()
        assert blocks.to(torch.device("meta")).ids.device.type == "meta"
