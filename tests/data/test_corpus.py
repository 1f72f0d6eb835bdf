import csv
import errno
import gzip
import io
import json
import logging
import os
import random
import re
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.arrow_writer import ArrowWriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transformer.config import CleaningConfig, DataConfig
from transformer.data import columns, formats, plain_text
from transformer.data import corpus as corpus_module
from transformer.data.builtin import corpus as builtin
from transformer.data.corpus import (
    Corpus,
    CorpusError,
    encode_corpus,
    fingerprint,
    lengths,
    load_corpus,
    longest_pair,
    statistics,
)

Pairs = list[tuple[str, str]]
PAIRS: Pairs = [
    ("Ein Hund läuft.", "A dog runs."),
    ("Eine Frau lacht.", "A woman laughs."),
    ("Zwei Männer 🚲", "Two men 🚲"),
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of each test's own; nothing stays behind."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def config(val: Any, **other: Any) -> DataConfig:
    return DataConfig.model_validate({"val": val, **other})


def read(val: Any, **other: Any) -> Pairs:
    """The pairs of a source as they come: validation pairs are not cleaned."""
    return texts(load_corpus(config(val, **other), "val"))


def texts(corpus: Corpus) -> Pairs:
    return list(zip(corpus.pairs["src"], corpus.pairs["tgt"], strict=True))


def error_of(val: Any, **other: Any) -> str:
    with pytest.raises(CorpusError) as caught:
        read(val, **other)
    return str(caught.value)


# One writer for each format; each returns what data.val is to be set to.


def write_bytes(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        content = gzip.compress(content)
    path.write_bytes(content)
    return path


def write_text(path: Path, text: str) -> Path:
    return write_bytes(path, text.encode())


def write_aligned(folder: Path, pairs: Pairs, ending: str = "") -> str:
    for language, side in zip(("de", "en"), zip(*pairs, strict=True), strict=True):
        write_text(folder / f"x.{language}{ending}", "".join(f"{line}\n" for line in side))
    return str(folder / "x")


def write_tsv(folder: Path, pairs: Pairs, ending: str = "") -> str:
    lines = "".join(f"{src}\t{tgt}\n" for src, tgt in pairs)
    return str(write_text(folder / f"x.tsv{ending}", lines))


def write_json(folder: Path, pairs: Pairs, name: str = "x.jsonl", nested: bool = False) -> str:
    rows: list[object] = [{"de": src, "en": tgt} for src, tgt in pairs]
    rows = [{"translation": row} for row in rows] if nested else rows
    return str(write_text(folder / name, "".join(json.dumps(row) + "\n" for row in rows)))


def write_parquet(folder: Path, pairs: Pairs, name: str = "x.parquet", nested: bool = False) -> str:
    rows: list[dict[str, Any]] = [{"de": src, "en": tgt} for src, tgt in pairs]
    rows = [{"translation": row} for row in rows] if nested else rows
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / name)
    return str(folder / name)


def write_csv(
    folder: Path, pairs: Pairs, ending: str = "", header: bool = True, delimiter: str = ","
) -> str:
    text = io.StringIO()
    rows = csv.writer(text, delimiter=delimiter)
    rows.writerows([*([("de", "en")] if header else []), *pairs])
    return str(write_text(folder / f"x.csv{ending}", text.getvalue()))


WRITERS: dict[str, Callable[[Path, Pairs], Any]] = {
    "aligned": write_aligned,
    "aligned gz": lambda folder, pairs: write_aligned(folder, pairs, ".gz"),
    "tsv": write_tsv,
    "tsv gz": lambda folder, pairs: write_tsv(folder, pairs, ".gz"),
    "csv": write_csv,
    "csv gz": lambda folder, pairs: write_csv(folder, pairs, ".gz"),
    "csv of Germany": lambda folder, pairs: write_csv(folder, pairs, delimiter=";"),
    "csv without a header": lambda folder, pairs: write_csv(folder, pairs, header=False),
    "jsonl": write_json,
    "jsonl gz": lambda folder, pairs: write_json(folder, pairs, "x.jsonl.gz"),
    "json": lambda folder, pairs: write_json(folder, pairs, "x.json"),
    "jsonl nested": lambda folder, pairs: write_json(folder, pairs, nested=True),
    "parquet": write_parquet,
    "parquet nested": lambda folder, pairs: write_parquet(folder, pairs, nested=True),
}

# A line of text may hold anything but what ends a line or, in a TSV, a column.
line = st.text(st.characters(exclude_characters="\n\t", exclude_categories=["Cs"]), max_size=30)


class CountingEncoder:
    """A piece for each character. Counts the lines it is given, and cannot be pickled."""

    def __init__(self, fingerprint: str = "characters") -> None:
        self.fingerprint = fingerprint
        self.n_lines = 0
        self.lock = threading.Lock()

    def encode_batch(self, lines: list[str]) -> list[list[int]]:
        self.n_lines += len(lines)
        return [[ord(character) for character in line] for line in lines]


class TestFormats:
    @pytest.mark.parametrize("kind", WRITERS)
    def test_every_format_gives_the_same_pairs(self, kind: str, tmp_path: Path) -> None:
        assert read(WRITERS[kind](tmp_path, PAIRS)) == PAIRS

    @given(pairs=st.lists(st.tuples(line, line), min_size=1, max_size=5), data=st.data())
    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_what_is_written_is_read(self, pairs: Pairs, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(list(WRITERS)))
        # A U+FEFF at the start of a file is a byte order mark, not text.
        tables = ("tsv", "csv without a header")
        pairs = [("^" + src, tgt) for src, tgt in pairs] if kind.startswith(tables) else pairs
        pairs = [(src.lstrip("\ufeff"), tgt.lstrip("\ufeff")) for src, tgt in pairs]
        with tempfile.TemporaryDirectory() as folder:
            source = WRITERS[kind](Path(folder), pairs)
            assert read(source) == [(src.strip(), tgt.strip()) for src, tgt in pairs]

    def test_windows_files(self, tmp_path: Path) -> None:
        mark = b"\xef\xbb\xbf"
        write_bytes(tmp_path / "x.de", mark + b"Ja.\r\nNein.\r\n")
        write_bytes(tmp_path / "x.en", mark + b"Yes.\r\nNo.")
        assert read(str(tmp_path / "x")) == [("Ja.", "Yes."), ("Nein.", "No.")]
        tsv = write_bytes(tmp_path / "x.tsv", mark + b"Ja.\tYes.\r\nNein.\tNo.\r\n")
        assert read(str(tsv)) == [("Ja.", "Yes."), ("Nein.", "No.")]

    @pytest.mark.parametrize("end", ["\u2028", "\x0c", "\x85", "\x1e", "\r"])
    def test_only_a_line_feed_ends_a_line(self, end: str, tmp_path: Path) -> None:
        pairs = [(f"a{end}b", "a b"), ("c", "c")]
        assert read(write_aligned(tmp_path, pairs)) == pairs

    def test_an_empty_line_keeps_its_place(self, tmp_path: Path) -> None:
        pairs = [("", "a"), ("b", "b"), ("c", "")]
        assert read(write_aligned(tmp_path, pairs)) == pairs

    def test_languages_choose_files_and_columns(self, tmp_path: Path) -> None:
        swapped = [(tgt, src) for src, tgt in PAIRS]
        for write in (write_aligned, write_json, write_parquet):
            assert read(write(tmp_path, PAIRS), src_lang="en", tgt_lang="de") == swapped

    def test_named_columns(self, tmp_path: Path) -> None:
        path = write_text(tmp_path / "x.jsonl", '{"text": "Ja.", "translation": "Yes.", "n": 1}\n')
        assert read({"path": str(path), "src": "text", "tgt": "translation"}) == [("Ja.", "Yes.")]

    def test_null_is_empty_text(self, tmp_path: Path) -> None:
        path = write_text(tmp_path / "x.jsonl", '{"de": null, "en": "Yes."}\n\n')
        assert read(str(path)) == [("", "Yes.")]

    @pytest.mark.parametrize("languages", [("de", "en"), ("en", "de")])
    def test_the_built_in_corpus(
        self, languages: tuple[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = {"train": PAIRS[:2], "val": PAIRS[2:]}
        monkeypatch.setattr(builtin, "sample_pairs", lambda split, **_: given[split])
        data = DataConfig(src_lang=languages[0], tgt_lang=languages[1])
        found = texts(load_corpus(data, "train")), texts(load_corpus(data, "val"))
        if languages == ("en", "de"):
            given = {split: [(en, de) for de, en in pairs] for split, pairs in given.items()}
        assert found == (given["train"], given["val"])

    def test_the_built_in_corpus_has_two_languages(self) -> None:
        message = "must be de and en, in either order; found 'de' and 'fr'"
        assert message in error_of("builtin", tgt_lang="fr")


ROWS = {"de": "Ein Hund läuft.", "en": "A dog runs.", "n": "7"}


def write_columns(folder: Path, kind: str, names: list[str]) -> str:
    """A file with a row or two, and columns of these names in this order."""
    rows = [{name: ROWS[name] for name in names}, {name: f"{ROWS[name]}!" for name in names}]
    if kind == "jsonl":
        lines = [json.dumps(row) for row in rows]
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "x.parquet")
        return str(folder / "x.parquet")
    else:
        sign = {"tsv": "\t", "csv": ","}[kind]
        lines = [sign.join(names), *(sign.join(row.values()) for row in rows)]
    return str(write_text(folder / f"x.{kind}", "\n".join(lines)))


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
class TestColumns:
    EXPECTED = (("Ein Hund läuft.", "A dog runs."), ("Ein Hund läuft.!", "A dog runs.!"))

    @pytest.mark.parametrize("names", [["de", "en"], ["en", "de"], ["n", "en", "de"]])
    def test_languages_choose_the_columns(
        self, kind: str, names: list[str], tmp_path: Path
    ) -> None:
        path = write_columns(tmp_path, kind, names)
        assert read(path) == list(self.EXPECTED)
        swapped = [(tgt, src) for src, tgt in self.EXPECTED]
        assert read(path, src_lang="en", tgt_lang="de") == swapped

    def test_by_name_and_by_number(self, kind: str, tmp_path: Path) -> None:
        path = write_columns(tmp_path, kind, ["n", "en", "de"])
        for src, tgt in (("de", "en"), (3, 2), ("3", "en"), (3, None), (None, "en")):
            assert read({"path": path, "src": src, "tgt": tgt}) == list(self.EXPECTED)
        assert read({"path": path, "src": "en", "tgt": "n"})[0] == ("A dog runs.", "7")

    def test_a_column_that_there_is_not(self, kind: str, tmp_path: Path) -> None:
        path = write_columns(tmp_path, kind, ["de", "en", "n"])
        message = error_of({"path": path, "src": "fr", "tgt": "en"})
        assert "no column 'fr'; found de, en, n" in message
        assert "Set src and tgt, as in {path: FILE, src: COLUMN, tgt: COLUMN}" in message
        for number in ("9", "9" * 2000):
            assert re.search(
                "no column|columns are numbered", error_of({"path": path, "src": number})
            )


class TestTables:
    @pytest.mark.parametrize("ending", ["tsv", "csv"])
    @pytest.mark.parametrize(
        "header",
        [
            "source\ttarget",
            "src\ttgt",
            "German\tEnglish",
            "DE\tEN",
            "deutsch\tenglisch",
            " de\ten ",
        ],
    )
    def test_a_header_is_not_a_pair(self, header: str, ending: str, tmp_path: Path) -> None:
        sign = {"tsv": "\t", "csv": ","}[ending]
        text = f"{header}\nJa.\tYes.\n".replace("\t", sign)
        path = str(write_text(tmp_path / f"x.{ending}", text))
        assert read(path) == [("Ja.", "Yes.")]
        assert read({"path": path, "src": 2, "tgt": 1}) == [("Yes.", "Ja.")]

    @pytest.mark.parametrize("first", ["Quelle\tSource", "Ziel\ttarget", "de\tof", "source\ten"])
    def test_words_that_might_name_a_column_are_text(self, first: str, tmp_path: Path) -> None:
        path = write_text(tmp_path / "x.tsv", f"{first}\nJa.\tYes.\n")
        assert read(str(path)) == [tuple(first.split("\t")), ("Ja.", "Yes.")]

    def test_columns_by_number_where_nothing_names_them(self, tmp_path: Path) -> None:
        path = write_tsv(tmp_path, PAIRS)
        assert read({"path": path, "src": 2, "tgt": 1}) == [(tgt, src) for src, tgt in PAIRS]
        write_text(tmp_path / "x.tsv", "1\tJa.\t0.5\tYes.\n2\tNein.\t0.9\tNo.\n")
        found = read({"path": path, "src": 2, "tgt": 4})
        assert found == [("Ja.", "Yes."), ("Nein.", "No.")]
        assert "Of more than two, choose with src and tgt" in error_of(path)

    def test_the_two_columns_differ(self, tmp_path: Path) -> None:
        path = write_tsv(tmp_path, PAIRS)
        message = error_of({"path": path, "src": 2})
        assert "x.tsv:1: src and tgt must be two columns; both are column 2" in message

    def test_a_line_with_a_column_too_many_is_refused(self, tmp_path: Path) -> None:
        path = write_text(tmp_path / "x.tsv", "de\ten\nJa.\tYes.\nNe\tin.\tNo.\n")
        message = "x.tsv:3: every line must have the 2 columns of the first one; found 3 columns"
        assert message in error_of(str(path))

    def test_csv_is_quoted(self, tmp_path: Path) -> None:
        path = write_text(tmp_path / "x.csv", '"Ja, \t""gut"".","a\nb"\r\n\r\nNein.,No.\r\n')
        assert read(str(path)) == [('Ja, \t"gut".', "a\nb"), ("Nein.", "No.")]

    @pytest.mark.parametrize("text", ['a,b\n"c" d,e\n', 'a,b\nc,"d\n', 'a,b\nc,"d' + "x" * 200_000])
    def test_csv_quoted_wrongly_is_refused(self, text: str, tmp_path: Path) -> None:
        path = write_text(tmp_path / "x.csv", text)
        assert re.search(r"x\.csv:[23]: .*must be quoted, and quota", error_of(str(path)))

    def test_how_the_columns_are_named_is_one_way_for_both(self, tmp_path: Path) -> None:
        """`source` may be the website that a pair was found on."""
        path = write_text(tmp_path / "x.jsonl", '{"source": "web", "deu": "Ja.", "en": "Yes."}\n')
        assert "no column 'de'; found source, deu, en" in error_of(str(path))


GERMAN = ["Der Hund ist nicht hier.", "Wir sind mit dem Zug nach Köln gefahren.", "Das ist gut."]
ENGLISH = ["The dog is not here.", "We went to Cologne by train.", "That is good."]
GERMAN_ENGLISH: Pairs = list(zip(GERMAN, ENGLISH, strict=True)) * 5


class TestLanguages:
    """Sides in evidently other languages than the settings say are warned about."""

    @pytest.fixture
    def warnings_of(self, caplog: pytest.LogCaptureFixture) -> Callable[..., str]:
        def warnings_of(source: Any, split: Literal["train", "val"] = "val", **other: Any) -> str:
            caplog.clear()
            with caplog.at_level(logging.WARNING, logger="transformer"):
                load_corpus(config(source, **{"train": source, **other}), split)
            return caplog.text

        return warnings_of

    @pytest.mark.parametrize("kind", WRITERS)
    def test_good_data_is_silent(
        self, kind: str, warnings_of: Callable[..., str], tmp_path: Path
    ) -> None:
        assert warnings_of(WRITERS[kind](tmp_path, GERMAN_ENGLISH)) == ""

    @pytest.mark.parametrize("split", ["train", "val"])
    def test_a_table_the_other_way_round(
        self, split: str, warnings_of: Callable[..., str], tmp_path: Path
    ) -> None:
        path = write_tsv(tmp_path, GERMAN_ENGLISH)
        for _ in range(2):  # the second time, the text comes from the cache
            message = warnings_of(path, split, src_lang="en", tgt_lang="de")
            assert f"data.{split}: {path}: column 1 looks like German and column 2" in message
            assert "column 2 looks like English, but data.src_lang is en and data.tgt" in message
            assert "set src: 2 and tgt: 1 of this source, or data.src_lang=de and data." in message
        # Both remedies work.
        source = {"path": path, "src": 2, "tgt": 1}
        assert warnings_of(source, split, src_lang="en", tgt_lang="de") == ""
        assert warnings_of(path, split) == ""

    def test_other_sources_the_other_way_round(
        self, warnings_of: Callable[..., str], tmp_path: Path
    ) -> None:
        swapped = [(tgt, src) for src, tgt in GERMAN_ENGLISH]
        message = warnings_of(write_json(tmp_path, swapped))
        assert "column de looks like English and column en looks like German" in message
        assert message.strip().endswith("set src: en and tgt: de of this source")
        assert warnings_of({"path": f"{tmp_path}/x.jsonl", "src": "en", "tgt": "de"}) == ""
        message = warnings_of(write_aligned(tmp_path, swapped))
        assert "the source side looks like English and the target" in message
        assert "swap the names of the files" in message

    def test_one_language_on_both_sides(
        self, warnings_of: Callable[..., str], tmp_path: Path
    ) -> None:
        pairs = list(zip(GERMAN, GERMAN[::-1], strict=True)) * 5
        message = warnings_of(write_csv(tmp_path, pairs[:1] + pairs[2:] * 1))
        assert "column de looks like German and column en looks like German, but" in message
        assert "check that both columns or files are the right ones" in message

    def test_the_same_text_on_both_sides(
        self, warnings_of: Callable[..., str], tmp_path: Path
    ) -> None:
        pairs = [(line, line) for line in GERMAN] * 5
        message = warnings_of(write_tsv(tmp_path, pairs), src_lang="cs", tgt_lang="sk")
        assert "of the first 15 pairs 15 have the same text on both sides" in message

    def test_only_german_and_english_are_known(
        self, warnings_of: Callable[..., str], tmp_path: Path
    ) -> None:
        path = write_tsv(tmp_path, GERMAN_ENGLISH)
        assert warnings_of(path, src_lang="cs", tgt_lang="sk") == ""
        assert "column 2 looks like English, but" in warnings_of(path, src_lang="cs", tgt_lang="de")

    def test_little_text_proves_nothing(
        self, warnings_of: Callable[..., str], tmp_path: Path
    ) -> None:
        assert warnings_of(write_tsv(tmp_path, PAIRS), src_lang="en", tgt_lang="de") == ""


class TestHub:
    @pytest.fixture(params=["jsonl", "jsonl nested", "parquet", "parquet nested"])
    def folder(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        """Laid out as bentrevett/multi30k or as wmt14 are."""
        kind, _, nested = request.param.partition(" ")
        write = write_json if kind == "jsonl" else write_parquet
        for name, pairs in (("train", PAIRS), ("val", PAIRS[:1]), ("test", PAIRS[1:])):
            write(tmp_path / "hub", pairs, f"{name}.{kind}", nested=bool(nested))
        return tmp_path / "hub"

    def test_a_local_folder(self, folder: Path) -> None:
        data = DataConfig.model_validate({"train": f"hub:{folder}", "val": f"hub:{folder}"})
        assert texts(load_corpus(data, "train")) == PAIRS
        assert texts(load_corpus(data, "val")) == PAIRS[:1]
        assert read({"hub": str(folder), "split": "test"}) == PAIRS[1:]
        assert read({"hub": str(folder), "split": "train[1:]"}) == PAIRS[1:]
        assert read(f"hub:{folder}", src_lang="en", tgt_lang="de") == [PAIRS[0][::-1]]

    def test_laid_out_as_iwslt2017(self, tmp_path: Path) -> None:
        """The hub's conversion of a loading script: a folder for each subset."""
        for subset, pairs in (("iwslt2017-de-en", PAIRS), ("iwslt2017-ar-en", PAIRS[:1])):
            for split in ("train", "validation", "test"):
                folder = tmp_path / "hub" / subset / split
                folder.mkdir(parents=True)
                write_parquet(folder, pairs, "0000.parquet", nested=True)
        source = {"hub": str(tmp_path / "hub"), "folder": "iwslt2017-de-en"}
        assert read(source) == PAIRS
        assert read({**source, "folder": "iwslt2017-ar-en", "split": "test"}) == PAIRS[:1]

    def test_laid_out_as_opus_books(self, tmp_path: Path) -> None:
        """A subset for each pair of languages, named in the card, and nothing but a train split."""
        for subset, pairs in (("de-en", PAIRS), ("de-fr", PAIRS[:1])):
            folder = tmp_path / "hub" / subset
            folder.mkdir(parents=True)
            write_parquet(folder, pairs, "train-00000-of-00001.parquet", nested=True)
        card = "configs:\n" + "".join(
            f"- config_name: {subset}\n  data_files: [{{split: train, path: {subset}/train-*}}]\n"
            for subset in ("de-en", "de-fr")
        )
        write_text(tmp_path / "hub" / "README.md", f"---\n{card}---\n")
        source = {"hub": str(tmp_path / "hub"), "subset": "de-en"}
        data = DataConfig.model_validate(
            {"train": {**source, "split": "train[1:]"}, "val": {**source, "split": "train[:1]"}}
        )
        assert texts(load_corpus(data, "train")) == PAIRS[1:]
        assert texts(load_corpus(data, "val")) == PAIRS[:1]

    def test_the_part_of_the_hub_that_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def offline(name: str, subset: str | None, **arguments: Any) -> None:
            raise ConnectionError(f"{name}, {subset}, {arguments}")

        monkeypatch.setattr(datasets, "load_dataset", offline)
        message = error_of({"hub": "IWSLT/iwslt2017", "folder": "a", "revision": "refs/b"})
        assert "(folder 'a', revision 'refs/b', split 'validation')" in message
        assert "'data_dir': 'a'" in message and "'revision': 'refs/b'" in message

    def test_an_edited_folder_is_read_anew(self, tmp_path: Path) -> None:
        source = f"hub:{tmp_path / 'hub'}"
        for pairs in (PAIRS[:1], PAIRS):
            write_json(tmp_path / "hub", pairs, "val.jsonl")
            assert read(source) == pairs

    def test_what_is_wrong_with_a_file_is_told(self, tmp_path: Path) -> None:
        write_text(tmp_path / "hub" / "val.jsonl", '{"de": "a", "en": "b"}\n{"de"\n')
        message = error_of(f"hub:{tmp_path / 'hub'}")
        assert "JSON parse error" in message

    def test_missing_split(self, folder: Path) -> None:
        message = error_of({"hub": str(folder), "split": "dev"})
        assert "cannot load hub dataset" in message
        assert "Unknown split \"dev\". Should be one of ['train', 'validation', 'test']" in message
        assert "split: 'train[:1000]'" in message

    def test_missing_column(self, folder: Path) -> None:
        message = error_of(f"hub:{folder}", src_lang="fr")
        assert "(split 'validation'), row 1: no column 'fr'; found " in message
        assert "de, en" in message

    def test_a_missing_folder_is_not_looked_for_on_the_hub(self, tmp_path: Path) -> None:
        message = f"no folder {tmp_path}/nothing, which hub:{tmp_path}/nothing asks for"
        assert error_of(f"hub:{tmp_path}/nothing") == f"data.val: {message}"
        assert "no folder nothing" in error_of("hub:./nothing")

    def test_no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def offline(name: str, subset: str, split: str, **_: Any) -> None:
            assert (name, subset, split) == ("wmt14", "de-en", "validation")
            raise ConnectionError("Couldn't reach 'wmt14' on the Hub (OfflineModeIsEnabled)")

        monkeypatch.setattr(datasets, "load_dataset", offline)
        message = error_of("hub:wmt14:de-en")
        assert "data.val: cannot load hub dataset 'wmt14' (subset 'de-en', split 'vali" in message
        assert "Couldn't reach 'wmt14' on the Hub" in message
        assert (
            "give a file (data.val=PATH) or a folder laid out as on the hub (data.val=hub:FOLDER)"
            in message
        )


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("x.tsv", b"a\tb\nc d\n", "x.tsv:2: a line must be source, tab, target"),
            ("x.tsv", b"a\tb\tc\n", "x.tsv:1: .*found 3 columns"),
            ("x.tsv", b"a\tb\n\xe4\tc\n", "x.tsv:2: byte 0xe4 at position 1 is not UTF-8; .*iconv"),
            ("x.tsv", b"", "x.tsv: no pairs in it"),
            (
                "x.jsonl",
                b'{"de": "a", "en": "b"}\n{"de": "a", \n',
                "x.jsonl:2: each line must be a JS",
            ),
            (
                "x.jsonl",
                b'{"de": "a", "anglais": "b"}',
                "x.jsonl:1: no column 'en'; found de, angl",
            ),
            ("x.jsonl", b'{"translation": {"de": "a"}}', "no column 'en'; found translation, de"),
            ("x.jsonl", b'{"de": "a", "en": ["b"]}', r"'en' must hold text; found \['b'\]"),
            ("x.jsonl", b'{"de": "a", "en": "\\ud800"}', "x.jsonl:1: column 'en' is not valid Uni"),
            ("x.jsonl", b'["a"]', r"x.jsonl:1: .* object \(found \['a'\]\); .*jq -c"),
            ("x.json", b'[\n{"de": "a", "en": "b"}]', "x.json:1: .*Expecting value at column 2"),
            ("x.parquet", b"PAR?", "cannot read .*x.parquet: "),
            ("x.parquet.gz", b"PAR1", "x.parquet.gz: Parquet is compressed by itself"),
        ],
    )
    def test_malformed_file(self, name: str, content: bytes, message: str, tmp_path: Path) -> None:
        path = write_bytes(tmp_path / name, content)
        for _ in range(2):  # no half-built cache serves the second time
            found = error_of(str(path))
            assert re.search(message, found)
            assert found.startswith("data.val: ")

    @pytest.mark.parametrize(
        ("row", "problem"),
        [
            ("[" * 100_000, "it is nested too deeply"),
            ('{"de": ' * 100_000, "it is nested too deeply"),
            (f'{{"de": {"9" * 6000}, "en": "b"}}', "it holds a number of too many digits"),
            ("[" * 600 + "]" * 600, r"found \[\[\[\[\[\["),
        ],
    )
    def test_json_that_python_cannot_read(self, row: str, problem: str, tmp_path: Path) -> None:
        path = write_text(tmp_path / "x.jsonl", '{"de": "a", "en": "b"}\n' + row + "\n")
        found = error_of(str(path))
        assert re.search(rf"x.jsonl:2: each line must be a JSON object \({problem}", found)
        assert len(found) < 500

    @pytest.mark.parametrize(
        "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
    )
    @pytest.mark.parametrize("name", ["x.tsv", "x.csv", "x.jsonl", "x.tsv.gz", "x.de"])
    def test_wide_encodings_are_named(self, name: str, encoding: str, tmp_path: Path) -> None:
        """Without a mark, English in UTF-16 is valid UTF-8, with a NUL after each letter."""
        write_text(tmp_path / "x.en", "A dog.\n")
        path = write_bytes(tmp_path / name, "Ein Hund.\tA dog.\n".encode(encoding))
        found = error_of(str(tmp_path / "x") if name == "x.de" else str(path))
        iconv = encoding.upper().replace("-LE", "LE").replace("-BE", "BE")
        assert f"{path} is {iconv}, and text must be UTF-8; convert it: `" in found
        assert f"iconv -f {iconv} -t UTF-8" in found

    def test_windows_1252_is_named(self, tmp_path: Path) -> None:
        path = write_bytes(tmp_path / "a b.tsv", "Ja.\tYes.\nMüller läuft.\tx\n".encode("cp1252"))
        found = error_of(str(path))
        assert f"{path}:2: byte 0xfc at position 2 is not UTF-8; the text looks like" in found
        assert f"`iconv -f WINDOWS-1252 -t UTF-8 '{path}' > '{tmp_path}/a b.utf8.tsv'`" in found

    def test_utf8_that_is_broken_somewhere_is_not_to_be_converted(self, tmp_path: Path) -> None:
        path = write_bytes(tmp_path / "x.tsv", "Tür\tdoor\n".encode() + b"M\xfcller\tx\n")
        found = error_of(str(path))
        assert "byte 0xfc at position 2 is not UTF-8; find out its encoding" in found

    def test_a_giant_line_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(plain_text, "_LONGEST_LINE", 99)
        path = write_text(tmp_path / "x.tsv", "a\tb\n" + "a\tb" * 99)
        assert "x.tsv:2: the line is longer than 99 bytes" in error_of(str(path))
        assert read(str(write_text(path, "a\t" + "b" * 96 + "\n"))) == [("a", "b" * 96)]

    def test_a_giant_side_is_refused(self, tmp_path: Path) -> None:
        path = write_tsv(tmp_path, [PAIRS[0], ("a", "b" * 1_000_001)])
        assert "x.tsv, pair 2: a side has 1,000,001 characters, and may have" in error_of(path)

    @pytest.mark.parametrize("name", ["x.tsv", "x.de"])
    def test_a_pipe_is_not_waited_for(self, name: str, tmp_path: Path) -> None:
        write_text(tmp_path / "x.en", "a\n")
        os.mkfifo(tmp_path / name)
        found = error_of(str(tmp_path / name).removesuffix(".de"))
        assert f"{tmp_path / name} is a pipe or a device, which can be read only once" in found

    @pytest.mark.parametrize("name", ["x.tsv", "x.de"])
    def test_a_folder_is_no_file(self, name: str, tmp_path: Path) -> None:
        write_text(tmp_path / "x.en", "a\n")
        (tmp_path / name).mkdir()
        found = error_of(str(tmp_path / name).removesuffix(".de"))
        assert f"no file {tmp_path / name}; it is a folder; if it is" in found

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (FileNotFoundError(errno.ENOENT, "No such file"), "No such file; it was there before"),
            (PermissionError(errno.EACCES, "Permission denied"), "denied; allow it, .*`chmod u.r"),
            (OSError(errno.EIO, "Input/output error"), "after line 0: Input/output error$"),
        ],
    )
    def test_a_file_that_cannot_be_read(
        self, error: OSError, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(path: Path) -> None:
            raise error

        path = write_tsv(tmp_path, PAIRS)
        monkeypatch.setattr(plain_text, "_open", fail)
        found = error_of(path)
        assert re.search(message, found)
        assert found.startswith(f"data.val: cannot read {path} after line 0: ")

    @pytest.mark.parametrize("source", ["~nosuchuser/x.tsv", "~nosuchuser/x", "hub:~nosuchuser/x"])
    def test_a_user_that_there_is_not(self, source: str) -> None:
        assert re.match("data.val: .*no home directory for ~nosuchuser", error_of(source))

    @pytest.mark.parametrize("name", ["x.tsv", "x"])
    def test_a_folder_that_must_not_be_looked_into(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stat(path: Path, **_: Any) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(Path, "stat", stat)
        assert f"data.val: cannot look for {tmp_path / name}" in error_of(f"{tmp_path}/{name}")

    def test_broken_gzip(self, tmp_path: Path) -> None:
        whole = gzip.compress("".join(f"Satz {i}\tsentence {i}\n" for i in range(999)).encode())
        (tmp_path / "x.tsv.gz").write_bytes(whole[:-200])
        message = error_of(f"{tmp_path}/x.tsv.gz")
        assert re.search(r"cannot read .*x.tsv.gz after line \d+: Compressed file ended", message)
        (tmp_path / "x.tsv.gz").write_bytes(b"a\tb\n")
        assert "after line 0: Not a gzipped file" in error_of(f"{tmp_path}/x.tsv.gz")

    def test_sides_of_unlike_length(self, tmp_path: Path) -> None:
        write_text(tmp_path / "x.de", "a\nb\nc\n")
        write_text(tmp_path / "x.en", "a\nb\nc\nd\ne")
        assert re.search(r"x\.de has 3 lines and \S*x\.en has 5;", error_of(f"{tmp_path}/x"))
        write_text(tmp_path / "x.en", "a\n")
        assert re.search(r"x\.de has 3 lines and \S*x\.en has 1;", error_of(f"{tmp_path}/x"))

    def test_missing_file(self, tmp_path: Path) -> None:
        write_aligned(tmp_path, PAIRS, ".gz")
        message = error_of(f"{tmp_path}/y")
        assert re.search(r"no file \S*/y\.de or \S*/y\.de\.gz; found there: x\.de\.gz, x", message)
        write_text(tmp_path / "trian.tsv", "")
        assert error_of(f"{tmp_path}/train.tsv").endswith("/train.tsv; found there: trian.tsv")
        assert error_of(f"{tmp_path}/x.de.gz").endswith(f"that both share: {tmp_path}/x")
        assert error_of(f"{tmp_path}/x.de").endswith(f"that both share: {tmp_path}/x")
        assert f"is a folder; if it is laid out as on the Hugging Face hub: hub:{tmp_path}" in (
            error_of(str(tmp_path))
        )
        write_text(tmp_path / "x.xls", "")
        assert "its ending is none of .tsv, .csv, .jsonl" in error_of(f"{tmp_path}/x.xls")
        assert "there is no folder bentrevett (a Hugging Face dataset is written hub:NAME)" in (
            error_of("bentrevett/multi30k")
        )

    def test_a_missing_source_is_found_before_any_is_read(
        self, tmp_path: Path, cache: Path
    ) -> None:
        assert "no file" in error_of([write_tsv(tmp_path, PAIRS), f"{tmp_path}/nothing.tsv"])
        assert not cache.exists()

    def test_aligned_files_have_no_columns(self, tmp_path: Path) -> None:
        message = error_of({"path": write_aligned(tmp_path, PAIRS), "src": "german"})
        assert "src and tgt are columns of .tsv, .csv, JSON lines, Parquet and hub" in message
        assert "has none, so leave them out" in message


def mutated(content: bytes, generator: random.Random) -> bytes:
    """Some bytes replaced, removed, repeated or cut off."""
    for _ in range(generator.randint(1, 4)):
        i, j = sorted(generator.randrange(len(content) + 1) for _ in range(2))
        signs = [b"\t", b"\n", b'"', b",", b"\0", b"\r", b"{", b"[", b"\\ud800", b"\xff", b"\xc3"]
        new = [content[:i] + generator.choice(signs) + content[i:], content[:i] + content[j:]]
        new += [content[:j] + content[i:], content[:i] + generator.randbytes(3) + content[i + 3 :]]
        content = generator.choice(new)
    return content


@pytest.mark.parametrize("name", ["x.tsv", "x.csv", "x.jsonl", "x.parquet", "x.tsv.gz", "x.de"])
def test_mutated_files_are_read_or_refused(name: str, tmp_path: Path) -> None:
    """Nothing comes out of a reader but text and a `CorpusError`."""
    writers: dict[str, Callable[[Path, Pairs], str]] = {
        "x.tsv": write_tsv,
        "x.csv": write_csv,
        "x.jsonl": write_json,
    }
    write = writers.get(name, write_parquet if name == "x.parquet" else write_aligned)
    if name == "x.tsv.gz":
        write_tsv(tmp_path, PAIRS, ".gz")
    else:
        write(tmp_path, PAIRS)
    path = tmp_path / name
    whole = path.read_bytes()
    wanted = columns.pair_columns(None, None, ("de", "en"))
    n_refused = 0
    for seed in range(150):
        path.write_bytes(mutated(whole, random.Random(seed)))
        try:
            if name == "x.de":
                rows = list(map(list, plain_text.read_aligned(path, tmp_path / "x.en")))
            else:
                rows = list(formats.READERS[formats.kind(path)](path, wanted).cells)
        except CorpusError as error:
            assert str(path) in str(error)
            n_refused += 1
        else:
            assert all(len(row) == 2 and "".join(row).encode() is not None for row in rows)
    assert n_refused > 20


class TestSources:
    def test_weights_and_order(self, tmp_path: Path) -> None:
        first = {"path": write_tsv(tmp_path, PAIRS[:1]), "weight": 0.5}
        corpus = load_corpus(config([first, write_json(tmp_path, PAIRS[1:])]), "val")
        assert texts(corpus) == PAIRS
        assert list(corpus.pairs["weight"]) == [0.5, 1.0, 1.0]
        assert corpus.pairs.features["weight"].dtype == "float32"
        assert corpus.n_read == 3

    def test_validation_pairs_all_count(self, tmp_path: Path) -> None:
        pairs = [*PAIRS, *PAIRS, ("", "Yes."), ("это", "это")]
        corpus = load_corpus(config(write_tsv(tmp_path, pairs)), "val")
        assert texts(corpus) == pairs
        assert corpus.summary() == "8 pairs read, 8 kept"

    def test_unchanged_files_are_read_once_and_edited_ones_anew(
        self, tmp_path: Path, opened: list[Path]
    ) -> None:
        source = write_aligned(tmp_path, PAIRS)
        for _ in range(2):
            assert read(source) == PAIRS
        assert len(opened) == 2
        write_aligned(tmp_path, PAIRS[:2])
        assert read(source) == PAIRS[:2]
        assert len(opened) == 4

    def test_no_progress_bars(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        train = load_corpus(config("builtin", train=write_tsv(tmp_path, PAIRS)), "train")
        encode_corpus(train, CountingEncoder())
        assert capfd.readouterr() == ("", "")
        assert not datasets.are_progress_bars_disabled()


class TestCleaning:
    def clean(self, folder: Path, pairs: Pairs, **cleaning: Any) -> Corpus:
        data = {"train": write_json(folder, pairs), "cleaning": cleaning}
        return load_corpus(DataConfig.model_validate(data), "train")

    def test_each_pair_counts_once_under_its_first_fault(self, tmp_path: Path) -> None:
        pairs = [
            ("Ja.", "Yes."),
            (" ", "Это слишком длинно и на другом языке"),  # empty before anything else
            ("Нет", "No, this is rather long, and in another script at that."),
            ("Nein.", "No, that is not so at all."),
            ("Ja.", "Yes."),
            ("Ja.", "Yeah."),
            ("Ja.", "Yes. "),
            ("", ""),
        ]
        corpus = self.clean(tmp_path, pairs)
        assert texts(corpus) == [("Ja.", "Yes."), ("Ja.", "Yeah.")]
        assert corpus.dropped == {
            "empty": 2,
            "wrong script": 1,
            "length ratio": 1,
            "duplicate": 2,
        }
        assert corpus.summary() == (
            "8 pairs read, 2 kept; left out: 2 empty, 1 wrong script, 1 length ratio, 2 duplicate"
        )

    @given(
        pairs=st.lists(st.tuples(*[st.text(st.sampled_from("ab я1"), max_size=30)] * 2), max_size=9)
    )
    @settings(
        max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_counts_add_up_and_kept_pairs_are_sound(self, pairs: Pairs) -> None:
        with tempfile.TemporaryDirectory() as folder:
            corpus = self.clean(Path(folder), [("Ja.", "Yes."), *pairs])
            kept = texts(corpus)
        assert corpus.n_read == 1 + len(pairs) == len(kept) + sum(corpus.dropped.values())
        assert len(set(kept)) == len(kept)
        assert all(src and tgt for src, tgt in kept)
        stripped = [("Ja.", "Yes."), *((src.strip(), tgt.strip()) for src, tgt in pairs)]
        firsts = list(dict.fromkeys(stripped))
        assert kept == [pair for pair in firsts if pair in kept]

    def test_duplicates_are_found_across_sources_and_the_first_is_kept(
        self, tmp_path: Path
    ) -> None:
        sources = [
            {"path": write_tsv(tmp_path, [PAIRS[1], PAIRS[0]]), "weight": 2.0},
            write_json(tmp_path, PAIRS),
        ]
        corpus = load_corpus(DataConfig.model_validate({"train": sources}), "train")
        assert texts(corpus) == [PAIRS[1], PAIRS[0], PAIRS[2]]
        assert list(corpus.pairs["weight"]) == [2.0, 2.0, 1.0]
        assert corpus.dropped == {"duplicate": 2}

    def test_equal_joined_text_is_no_duplicate(self, tmp_path: Path) -> None:
        pairs = [("ab", "c"), ("a", "bc"), ("a", "b c")]
        assert texts(self.clean(tmp_path, pairs)) == pairs

    @pytest.mark.parametrize(
        ("script", "text", "kept"),
        [
            ("LATIN", "Straße, Ærø 東", True),
            ("LATIN", "ab яю", False),  # most means more than half
            ("LATIN", "abc яю", True),
            ("LATIN", "12:30 -- 🚲!", True),  # no letters, nothing to say against it
            ("cyrillic", "Это ok", True),
            ("GREEK", "abc", False),
            (None, "это 東京", True),
        ],
    )
    def test_script(self, script: str | None, text: str, kept: bool, tmp_path: Path) -> None:
        pairs = [("1", "1"), (text, text)]
        corpus = self.clean(tmp_path, pairs, script=script)
        assert texts(corpus) == (pairs if kept else pairs[:1])

    @pytest.mark.parametrize(
        ("n_src", "n_tgt", "ratio", "kept"),
        [
            (5, 20, 3.0, True),
            (5, 21, 3.0, False),
            (7, 21, 3.0, True),
            (21, 6, 3.0, False),
            (1, 500, None, True),
        ],
    )
    def test_length_ratio(
        self, n_src: int, n_tgt: int, ratio: float | None, kept: bool, tmp_path: Path
    ) -> None:
        pairs = [("Ja.", "Yes."), ("a" * n_src, "b" * n_tgt)]
        corpus = self.clean(tmp_path, pairs, max_length_ratio=ratio)
        assert texts(corpus) == (pairs if kept else pairs[:1])

    def test_all_settings_off_keeps_all_but_empty_pairs(self, tmp_path: Path) -> None:
        off = CleaningConfig(max_length_ratio=None, drop_duplicates=False, script=None)
        corpus = self.clean(tmp_path, [*PAIRS, *PAIRS, ("", "a")], **off.model_dump())
        assert texts(corpus) == [*PAIRS, *PAIRS]
        assert corpus.dropped == {"empty": 1}

    def test_changed_settings_are_not_served_from_the_cache(self, tmp_path: Path) -> None:
        pairs = [*PAIRS, ("это", "this")]
        assert len(self.clean(tmp_path, pairs).pairs) == 3
        assert len(self.clean(tmp_path, pairs, script=None).pairs) == 4
        assert len(self.clean(tmp_path, pairs).pairs) == 3

    def test_nothing_left(self, tmp_path: Path) -> None:
        with pytest.raises(CorpusError) as caught:
            self.clean(tmp_path, [*PAIRS, ("", "")], script="LATN")
        assert "data.train: none of the 4 pairs read is left (1 empty, 3 wrong script); check" in (
            str(caught.value)
        )


def test_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_tsv(tmp_path, PAIRS)
    data = config(source, train=source)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    message = "cannot store the text in .*cache: No space left on device. Make room there"
    finalize = ArrowWriter.finalize
    monkeypatch.setattr(ArrowWriter, "finalize", full)  # when the text is read ...
    with pytest.raises(CorpusError, match=message):
        load_corpus(data, "val")
    monkeypatch.setattr(ArrowWriter, "finalize", finalize)
    corpus = load_corpus(data, "val")
    assert texts(corpus) == PAIRS
    monkeypatch.setattr(ArrowWriter, "finalize", full)  # ... cleaned and encoded
    with pytest.raises(CorpusError, match=message):
        load_corpus(data, "train")
    with pytest.raises(CorpusError, match=message):
        encode_corpus(corpus, CountingEncoder())


class TestEncoding:
    @pytest.fixture
    def corpus(self, tmp_path: Path) -> Callable[[], Corpus]:
        sources = [write_tsv(tmp_path, PAIRS[:2]), write_json(tmp_path, [PAIRS[0], PAIRS[2]])]
        data = DataConfig.model_validate({"train": sources})
        return lambda: load_corpus(data, "train")

    def test_ids_beside_their_text(self, corpus: Callable[[], Corpus]) -> None:
        encoded = encode_corpus(corpus(), CountingEncoder())
        assert texts(encoded) == PAIRS
        for row in encoded.pairs:
            assert row["src_ids"] == [ord(character) for character in row["src"]]
            assert row["tgt_ids"] == [ord(character) for character in row["tgt"]]
            assert row["weight"] == 1.0
        assert encoded.pairs.data.schema.field("src_ids").type == pa.list_(pa.int32())
        assert encoded.pairs.data.schema.field("tgt_ids").type == pa.list_(pa.int32())

    @pytest.mark.parametrize("split", ["train", "val"])
    @pytest.mark.parametrize("n_sources", [1, 2, 3])
    def test_a_second_run_neither_cleans_nor_tokenises(
        self,
        split: Literal["train", "val"],
        n_sources: int,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        judged: list[object] = []
        original = corpus_module.judge

        def counted(batch: Any, cleaning: CleaningConfig) -> Any:
            judged.append(batch)
            return original(batch, cleaning)

        monkeypatch.setattr(corpus_module, "judge", counted)
        write_json(tmp_path / "hub", PAIRS[2:], "train.jsonl")
        sources = [
            write_tsv(tmp_path, PAIRS[:1]),
            write_json(tmp_path, PAIRS[1:2]),
            {"hub": str(tmp_path / "hub"), "split": "train"},
        ][:n_sources]
        data = config(sources, train=sources)
        for expected in (2 * n_sources, 0):
            encoder = CountingEncoder()
            encoded = encode_corpus(load_corpus(data, split), encoder, max_tokens=100)
            assert texts(encoded) == PAIRS[:n_sources]
            assert encoder.n_lines == expected
            assert len(judged) == (split == "train")

    def test_another_tokenizer_or_limit_does(self, corpus: Callable[[], Corpus]) -> None:
        encode_corpus(corpus(), CountingEncoder())
        for arguments in ((CountingEncoder("other"), None), (CountingEncoder(), 50)):
            encode_corpus(corpus(), *arguments)
            assert arguments[0].n_lines == 6

    def test_too_long(self, corpus: Callable[[], Corpus]) -> None:
        # 16 + 1 pieces in the longest source, 15 + 1 in the longest target
        assert len(encode_corpus(corpus(), CountingEncoder(), max_tokens=17).pairs) == 3
        encoded = encode_corpus(corpus(), CountingEncoder(), max_tokens=16)
        assert texts(encoded) == [PAIRS[0], PAIRS[2]]
        assert encoded.dropped == {"duplicate": 1, "too long": 1}
        assert encoded.n_read == len(encoded.pairs) + sum(encoded.dropped.values())
        message = r"none of the 4 pairs read is left \(1 duplicate, 3 too long\)"
        with pytest.raises(CorpusError, match=message):
            encode_corpus(corpus(), CountingEncoder(), max_tokens=5)

    def test_too_long_from_the_first_batch_on(self, tmp_path: Path) -> None:
        """A batch of which nothing is left tells `datasets` no types."""
        source = write_tsv(tmp_path, [("a" * 50, "b")] * 1500 + PAIRS)
        encoded = encode_corpus(load_corpus(config(source), "val"), CountingEncoder(), 20)
        assert texts(encoded) == PAIRS

    def test_the_fingerprint_is_of_the_content(self, tmp_path: Path) -> None:
        def of(pairs: Pairs, name: str, weight: float = 1.0) -> str:
            (tmp_path / name).mkdir()
            source = {"path": write_tsv(tmp_path / name, pairs), "weight": weight}
            data = DataConfig.model_validate({"train": source, "val": source})
            return fingerprint(encode_corpus(load_corpus(data, "val"), CountingEncoder()))

        assert of(PAIRS, "a") == of(PAIRS, "b")
        others = [PAIRS[:-1], PAIRS[::-1], [(tgt, src) for src, tgt in PAIRS]]
        # One letter: the same lengths, other ids.
        others.append([(PAIRS[0][0].replace("u", "o"), PAIRS[0][1]), *PAIRS[1:]])
        found = {of(pairs, f"other {n}") for n, pairs in enumerate(others)}
        assert len({of(PAIRS, "c"), of(PAIRS, "d", 2.0), *found}) == 2 + len(others)

    def test_lengths_and_statistics(self, corpus: Callable[[], Corpus]) -> None:
        encoded = encode_corpus(corpus(), CountingEncoder())
        expected = [[len(src), len(tgt)] for src, tgt in PAIRS]
        assert lengths(encoded).tolist() == expected == [[15, 11], [16, 15], [13, 9]]
        assert lengths(encoded).dtype == np.int32
        picked = Corpus(encoded.pairs.select([2, 0]), 2, {})
        assert lengths(picked).tolist() == [[13, 9], [15, 11]]
        assert statistics(encoded) == {
            "pairs": 3,
            "src_pieces_mean": pytest.approx(44 / 3),
            "src_pieces_max": 16,
            "tgt_pieces_mean": pytest.approx(35 / 3),
            "tgt_pieces_max": 15,
            "tgt_tokens": 38,
        }


@pytest.mark.parametrize("content", [b"", b"half", bytes(5000)])
def test_a_damaged_cache_is_made_anew_on_request(
    content: bytes, tmp_path: Path, cache: Path
) -> None:
    def work() -> int:
        train = load_corpus(config("builtin", train=source), "train")
        return len(encode_corpus(train, CountingEncoder()).pairs)

    source = write_tsv(tmp_path, PAIRS)
    assert work() == 3
    stored = [path for path in cache.rglob("*") if path.suffix in (".arrow", ".json")]
    assert len(stored) == 4
    for path in stored:
        whole = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(CorpusError, match=f"in {cache} is damaged .* `rm -rf {cache}/gen"):
            work()
        path.write_bytes(whole)
        assert work() == 3


class TestLongestPair:
    LONG = "Ein sehr langer Satz von vielen Worten, der nicht zu Ende geht, ehe er beginnt."

    def encoded(self, source: Any, split: Literal["train", "val"]) -> Corpus:
        return encode_corpus(load_corpus(config(source, train=source), split), CountingEncoder())

    def test_validation_names_the_source(self, tmp_path: Path) -> None:
        first = write_tsv(tmp_path, PAIRS)
        second = write_json(tmp_path, [*PAIRS, ("Ja.", self.LONG), ("Ja.", self.LONG[:-1])])
        found = longest_pair(self.encoded([first, second], "val"))
        assert found.name == f"{second}, pair 4"
        assert (found.n_src, found.n_tgt) == (3, len(self.LONG))
        assert found.text == "Ein sehr langer Satz von vielen Worten, der nicht zu ..."
        assert longest_pair(self.encoded([first], "val")).name == f"{first}, pair 2"

    def test_numbers_after_cleaning_are_those_of_what_is_left(self, tmp_path: Path) -> None:
        path = write_tsv(tmp_path, [PAIRS[0], PAIRS[0], (self.LONG, self.LONG), PAIRS[1]])
        found = longest_pair(self.encoded(path, "train"))
        assert found.name == "pair 2 of the 3 kept"
        assert found.n_src == found.n_tgt == len(self.LONG)


def test_importing_the_corpus_does_not_import_datasets() -> None:
    import subprocess
    import sys

    code = "import sys, transformer.data.corpus; sys.exit('datasets' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.slow
def test_memory_stays_small(tmp_path: Path) -> None:
    """A file is never in memory as a whole: reading a large one takes no more than a small one."""
    import tracemalloc

    def peak(n: int) -> int:
        path = write_text(tmp_path / f"{n}.tsv", "".join(f"{i}{'a' * 500}\tb\n" for i in range(n)))
        tracemalloc.start()
        load_corpus(config(str(path)), "val")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)  # imports
    assert peak(8_000) < peak(2_000) + 1_000_000
