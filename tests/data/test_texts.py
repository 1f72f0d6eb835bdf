import gzip
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transformer.config import DataConfig
from transformer.data import plain_text
from transformer.data import texts as texts_module
from transformer.data.builtin import corpus as builtin
from transformer.data.corpus import CorpusError
from transformer.data.texts import Chunk, find_texts

ROWS = ["Ein Hund läuft.\nEr bellt.", "  A dog 🚲 \r\n", "x"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of each test's own; nothing stays behind."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def texts(data: DataConfig, split: str) -> Iterator[Chunk]:
    return find_texts(data)[split == "val"].chunks()


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is read so little at a time that what happens to large ones happens to small ones."""
    monkeypatch.setattr(plain_text, "_PIECE", 7)


def config(train: Any, **other: Any) -> DataConfig:
    return DataConfig.model_validate({"train": train, "val": train, **other})


def read(train: Any, **other: Any) -> list[Chunk]:
    return list(texts(config(train, **other), "train"))


def whole(chunks: list[Chunk]) -> list[str]:
    """The texts that the chunks are parts of; the last one may lack its end."""
    found = [""]
    for text, ends in chunks:
        assert text
        found[-1] += text
        if ends:
            found.append("")
    return found if found[-1] else found[:-1]


def error_of(train: Any, **other: Any) -> str:
    with pytest.raises(CorpusError) as caught:
        read(train, **other)
    return str(caught.value)


def write(path: Path, content: bytes | str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


def write_json(path: Path, rows: list[str], column: str = "text") -> str:
    return write(path, "".join(json.dumps({"n": 1, column: row}) + "\n" for row in rows))


def write_parquet(path: Path, rows: list[str], column: str = "text") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"n": [1] * len(rows), column: rows}), path)
    return str(path)


def write_hub(folder: Path, rows: list[str]) -> str:
    write_parquet(folder / "train-00000-of-00001.parquet", rows)
    write_parquet(folder / "validation-00000-of-00001.parquet", rows[:1])
    return f"hub:{folder}"


WRITERS: dict[str, Callable[[Path, list[str]], str]] = {
    "jsonl": lambda folder, rows: write_json(folder / "x.jsonl", rows),
    "jsonl gz": lambda folder, rows: write_json(folder / "x.jsonl.gz", rows),
    "json": lambda folder, rows: write_json(folder / "x.json", rows),
    "parquet": lambda folder, rows: write_parquet(folder / "x.parquet", rows),
    "hub": lambda folder, rows: write_hub(folder / "hub", rows),
}


class TestRows:
    @pytest.mark.parametrize("kind", WRITERS)
    def test_each_row_is_a_text_as_it_is(self, kind: str, tmp_path: Path) -> None:
        assert read(WRITERS[kind](tmp_path, ROWS)) == [Chunk(row, True) for row in ROWS]

    @pytest.mark.parametrize("kind", WRITERS)
    def test_empty_rows_are_passed_over(self, kind: str, tmp_path: Path) -> None:
        source = WRITERS[kind](tmp_path, ["", "a", "", " ", ""])
        assert read(source) == [Chunk("a", True), Chunk(" ", True)]

    def test_named_columns(self, tmp_path: Path) -> None:
        write_parquet(tmp_path / "hub" / "train.parquet", ROWS, "story")
        for source in (
            {"path": write_json(tmp_path / "x.jsonl", ROWS, "story")},
            {"path": write_parquet(tmp_path / "x.parquet", ROWS, "story")},
            {"hub": str(tmp_path / "hub"), "split": "train"},
        ):
            assert whole(read({**source, "src": "story"})) == ROWS

    def test_one_language_of_pairs(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.jsonl", '{"translation": {"de": "Ja.", "en": "Yes."}}')
        assert whole(read({"path": path, "src": "en"})) == ["Yes."]

    @pytest.mark.parametrize("ending", ["", ".gz"])
    def test_a_column_of_tsv_has_a_number(self, ending: str, tmp_path: Path) -> None:
        path = write(tmp_path / f"x.tsv{ending}", " Ja. \tYes.\r\nNein.\tNo.\n\n")
        assert read(path) == [Chunk(" Ja. ", True), Chunk("Nein.", True)]
        path = write(tmp_path / f"x.tsv{ending}", "Ja.\tYes.\r\nNein.\tNo.")
        assert whole(read({"path": path, "src": "2"})) == ["Yes.", "No."]

    def test_a_header_names_the_column_of_a_table(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.csv", 'n,Text\n1,"a, b"\n2,"c\nd"\n')
        assert read(path) == [Chunk("a, b", True), Chunk("c\nd", True)]
        assert whole(read({"path": path, "src": "n"})) == ["1", "2"]
        assert whole(read({"path": path, "src": "2"})) == ["a, b", "c\nd"]

    @pytest.mark.parametrize("language", ["de", "en"])
    def test_the_built_in_corpus(self, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
        given = {"train": [("Ja.", "Yes."), ("Nein.", "No.")], "val": [("Gut.", "Good.")]}
        monkeypatch.setattr(builtin, "sample_pairs", lambda split, **_: given[split])
        other = {"de": "en", "en": "de"}[language]
        data = DataConfig(src_lang=language, tgt_lang=other)
        for split in ("train", "val"):
            expected = [pair[language == "en"] for pair in given[split]]
            assert list(texts(data, split)) == [Chunk(text, True) for text in expected]

    def test_splits_of_a_folder_laid_out_as_on_the_hub(self, tmp_path: Path) -> None:
        data = config(write_hub(tmp_path / "hub", ROWS))
        assert whole(list(texts(data, "train"))) == ROWS
        assert whole(list(texts(data, "val"))) == ROWS[:1]
        assert whole(read({"hub": str(tmp_path / "hub"), "split": "train[1:]"})) == ROWS[1:]


class TestFiles:
    @pytest.mark.parametrize("name", ["x.txt", "x.txt.gz", "x", "x.md", "x.gz"])
    def test_a_file_without_columns_is_one_text(self, name: str, tmp_path: Path) -> None:
        text = "Ein Hund.\n\n\tEr  bellt.\r\n"
        assert read(write(tmp_path / name, text)) == [Chunk(text, True)]

    def test_a_byte_order_mark_is_no_text(self, tmp_path: Path) -> None:
        assert read(write(tmp_path / "x.txt", "\ufeffa\ufeff\n")) == [Chunk("a\ufeff\n", True)]

    @given(text=st.text(st.sampled_from("abä東🚲 .\n\r"), min_size=1) | st.text(min_size=1))
    @settings(
        max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @pytest.mark.usefixtures("small_pieces")
    def test_a_text_in_chunks(self, text: str) -> None:
        text = "^" + text  # a U+FEFF at the start of a file is no text
        with tempfile.TemporaryDirectory() as folder:
            chunks = read(write(Path(folder) / "x.txt", text))
        assert "".join(chunk.text for chunk in chunks) == text
        assert [chunk.ends for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        for before, after in pairwise(chunks):
            cut = before.text[-2:] + "|" + after.text[:2]
            assert re.search(r"\S\n\|\S|\|[ \n]\S", cut)

    @pytest.mark.usefixtures("small_pieces")
    @pytest.mark.parametrize(
        ("text", "chunks"),
        [
            ("a c\nd efg", ["a c\n", "d efg"]),  # after a line feed, if there is one
            ("a c\n\nd efg", ["a c\n", "\nd efg"]),  # before the last one of several
            ("a cdefghi", ["a", " cdefghi"]),
            ("a cdefg", ["a cdefg"]),  # nothing comes after it
            ("abcdefghijklmn opq", ["abcdefghijklmn opq"]),
        ],
    )
    def test_where_it_is_cut(self, text: str, chunks: list[str], tmp_path: Path) -> None:
        assert [chunk.text for chunk in read(write(tmp_path / "x", text))] == chunks

    def test_a_text_without_blanks_is_cut_somewhere(
        self, small_pieces: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(texts_module, "_MOST", 20)
        chunks = read(write(tmp_path / "x", "東" * 100))
        assert whole(chunks) == ["東" * 100]
        assert len(chunks) > 3
        assert max(len(chunk.text) for chunk in chunks) < 20 + 7

    def test_memory_stays_small(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import tracemalloc

        monkeypatch.setattr(plain_text, "_PIECE", 2**14)

        def peak(n: int) -> int:
            path = write(tmp_path / f"{n}.txt", f"{'a' * 99}\n" * n)
            tracemalloc.start()
            for _ in texts(config(path, holdout=0.5), "val"):
                pass
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return most

        peak(10)  # imports
        assert peak(40_000) < peak(10_000) + 500_000


class TestSources:
    def test_one_after_the_other(self, tmp_path: Path) -> None:
        first, second = write(tmp_path / "x.txt", "a\nb\n"), write_json(tmp_path / "x.jsonl", ROWS)
        assert whole(read([first, second, first])) == ["a\nb\n", *ROWS, "a\nb\n"]

    def test_the_key_tells_what_is_read(self, tmp_path: Path) -> None:
        path = write_json(tmp_path / "x.jsonl", ROWS)
        write_json(tmp_path / "y.jsonl", ROWS)
        write(tmp_path / "x", "a")

        def keys(train: Any, **other: Any) -> list[str]:
            return [json.dumps(found.key) for found in find_texts(config(train, **other))]

        assert keys(path) == keys(path)
        assert len(set(keys(path))) == 1
        different = [
            keys(path),
            keys({"path": path, "src": "n"}),
            keys([path, path]),
            keys(str(tmp_path / "y.jsonl")),
            keys(str(tmp_path / "x")),
            keys(path, holdout=0.1),
            keys(path, holdout=0.2),
        ]
        write_json(tmp_path / "x.jsonl", ROWS[:2])
        different.append(keys(path))
        # Seven that differ with equal splits count once, two with holdout twice.
        assert len({key for found in different for key in found}) == 6 + 2 * 2

    def test_a_missing_source_is_found_before_any_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plain_text, "_open", lambda path: pytest.fail(f"{path} is read"))
        source = write(tmp_path / "x.txt", "a")
        with pytest.raises(CorpusError, match=r"^data\.val: no file .*nothing\.txt"):
            find_texts(DataConfig.model_validate({"train": source, "val": f"{source}/nothing.txt"}))
        assert find_texts(config(source))[0].setting == "data.train"


class TestHoldout:
    @given(
        # NULs would make UTF-16 of it.
        rows=st.lists(
            st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
                min_size=1,
                max_size=12,
            ),
            min_size=1,
            max_size=6,
        ).filter(lambda rows: not rows[0].startswith("\ufeff")),
        share=st.sampled_from([0.01, 0.1, 0.25, 0.3, 0.5, 0.9]),
        one_text=st.booleans(),
    )
    @settings(
        max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @pytest.mark.usefixtures("small_pieces")
    def test_the_last_share_of_the_characters(
        self, rows: list[str], share: float, one_text: bool
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            if one_text:
                rows = ["".join(rows)]
                source = write(Path(folder) / "x.txt", rows[0])
            else:
                source = write_json(Path(folder) / "x.jsonl", rows)
            train, val = find_texts(config(source, holdout=share))
            parts = [list(train.chunks()), list(val.chunks())]
        text = "".join(rows)
        cut = int((1 - share) * len(text))
        assert ["".join(chunk.text for chunk in part) for part in parts] == [text[:cut], text[cut:]]
        # A text ends where a row does, and nowhere else: not at the cut, if that is within a row.
        ends, place = [], 0
        for chunk in [*parts[0], *parts[1]]:
            place += len(chunk.text)
            if chunk.ends:
                ends.append(place)
        lengths = [len(row) for row in rows]
        assert ends == [sum(lengths[: i + 1]) for i in range(len(rows))]

    def test_val_is_not_used(self, tmp_path: Path) -> None:
        source = write(tmp_path / "x.txt", "abcdefghij")
        data = DataConfig.model_validate({"train": source, "val": "nothing", "holdout": 0.3})
        assert list(texts(data, "train")) == [Chunk("abcdefg", False)]
        assert list(texts(data, "val")) == [Chunk("hij", True)]

    def test_characters_are_counted_once(self, tmp_path: Path, opened: list[Path]) -> None:
        train, val = find_texts(config(write(tmp_path / "x.txt", "abcd"), holdout=0.5))
        assert not opened
        for part in (train, val, train):
            list(part.chunks())
        assert len(opened) == 1 + 3


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("x.txt", b"", "x.txt: no text in it"),
            ("x.txt", b"\xef\xbb\xbf", "x.txt: no text in it"),
            ("x.jsonl", b'{"text": ""}\n{"text": null}', "x.jsonl: no text in it"),
            ("x.txt", b"a\nb\xe4c\n", "x.txt:2: byte 0xe4 at position 2 is not UTF-8; .*iconv"),
            ("x.txt", b"a\n\xe2\x82", "x.txt:2: byte 0xe2 at position 1 is not UTF-8"),
            ("x.txt.gz", b"\n\n\xff", "x.txt.gz:3: byte 0xff at position 1 is not UTF-8"),
            ("x.tsv", b"a\n\xe4\n", "x.tsv:2: byte 0xe4 at position 1 is not UTF-8"),
            ("x.jsonl", b'{"story": "a"}', "x.jsonl:1: no column 'text'; found story. Set src, as"),
            ("x.jsonl", b'{"story": "a"}', r"as in \{path: FILE, src: COLUMN\};"),
            ("x.jsonl", b'{"text": 1}', "x.jsonl:1: column 'text' must hold text; found 1"),
            ("x.jsonl", b'{"text": "a"}\n{"te', "x.jsonl:2: each line must be a JSON object"),
            ("x.parquet", b"PAR?", "cannot read .*x.parquet: "),
            ("x.parquet.gz", b"PAR1", "x.parquet.gz: Parquet is compressed by itself"),
        ],
    )
    def test_malformed_file(self, name: str, content: bytes, message: str, tmp_path: Path) -> None:
        found = error_of(write(tmp_path / name, content))
        assert re.search(message, found)
        assert found.startswith("data.train: ")

    @given(
        before=st.text(st.sampled_from("a\nä東🚲")),
        bad=st.sampled_from([b"\xff", b"\xe4b", b"\xf0\x9f\x9a", b"\x80"]),
        after=st.sampled_from([b"", b"\n", b"abc\nabcdefghijk"]),
    )
    @settings(
        max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @pytest.mark.usefixtures("small_pieces")
    def test_the_position_of_a_wrong_byte(self, before: str, bad: bytes, after: bytes) -> None:
        start = before.encode()
        number, position = start.count(b"\n") + 1, len(start) - start.rfind(b"\n")
        with tempfile.TemporaryDirectory() as folder:
            found = error_of(write(Path(folder) / "x.txt", start + bad + after))
        place = f"x.txt:{number}: byte {bad[0]:#04x} at position {position} is not UTF-8"
        assert place in found

    def test_broken_gzip(self, tmp_path: Path) -> None:
        (tmp_path / "x.txt.gz").write_bytes(gzip.compress(b"abc\n" * 999)[:-9])
        assert "x.txt.gz after line 0: Compressed file ended" in error_of(f"{tmp_path}/x.txt.gz")

    def test_a_row_without_that_many_columns(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.tsv", "a\tb\nc\n")
        assert "x.tsv:2: the text is in column 2 (setting src); found 1 column" in error_of(
            {"path": path, "src": "2"}
        )

    @pytest.mark.parametrize("column", ["text", "-1", "1.5", "9" * 5000])
    def test_a_column_that_there_is_not(self, column: str, tmp_path: Path) -> None:
        message = error_of({"path": write(tmp_path / "x.tsv", "a\tb\n"), "src": column[:3000]})
        assert f"x.tsv:1: no column {column[:3000]!r}; found a, b in the first line" in message

    @pytest.mark.parametrize("column", ["0", "3"])
    def test_columns_are_numbered_from_1(self, column: str, tmp_path: Path) -> None:
        path = write(tmp_path / "x.csv", "a,b\n")
        message = f"x.csv:1: columns are numbered from 1; src is {column}, and the line has 2 colu"
        assert message in error_of({"path": path, "src": column})

    def test_missing_file(self, tmp_path: Path) -> None:
        write(tmp_path / "shakespear.txt", "a")
        message = error_of(f"{tmp_path}/shakespeare.txt")
        assert message == (
            f"data.train: no file {tmp_path}/shakespeare.txt; found there: shakespear.txt"
        )
        assert error_of(str(tmp_path)).endswith(f"on the Hugging Face hub: hub:{tmp_path}")

    def test_missing_column_of_the_hub(self, tmp_path: Path) -> None:
        write_hub(tmp_path / "hub", ROWS)
        message = error_of({"hub": str(tmp_path / "hub"), "src": "story"})
        assert "(split 'train'), row 1: no column 'story'; found n, text. Set src, as" in message

    def test_what_belongs_to_pairs(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.txt", "a")
        message = error_of({"path": path, "weight": 2.0})
        assert f"reads every text once an epoch; found weight 2 of {path}, so leave" in message
        message = error_of({"hub": "wikitext", "tgt": "en"})
        assert "has no target text; found tgt 'en' of hub:wikitext, so leave it out" in message
        assert f"{path} has no columns, so leave it out" in error_of({"path": path, "src": "1"})
        message = error_of({"builtin": True, "src": "de"})
        assert "the built-in corpus has no columns, so leave it out" in message
        assert "found 'de' and 'fr'" in error_of("builtin", tgt_lang="fr")

    def test_the_built_in_corpus_does_not_validate_another_text(self, tmp_path: Path) -> None:
        data = DataConfig.model_validate({"train": write(tmp_path / "x.txt", "a")})
        with pytest.raises(
            CorpusError, match=r"data\.val: the built-in corpus.*data\.holdout=0\.1"
        ):
            find_texts(data)


def test_importing_texts_does_not_import_datasets() -> None:
    import subprocess
    import sys

    code = "import sys, transformer.data.texts; sys.exit('datasets' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
