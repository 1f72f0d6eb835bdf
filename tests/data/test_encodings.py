import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer.data.encodings import encoding_advice, narrow_encoding, wide_encoding

GERMAN = "Über größere Äpfel läuft Tom „müde“ hin – für 5 €.\n"
PYTHON_NAMES = {"UTF-16": "utf-16", "UTF-16LE": "utf-16-le", "UTF-16BE": "utf-16-be"} | {
    "UTF-32": "utf-32",
    "UTF-32LE": "utf-32-le",
    "UTF-32BE": "utf-32-be",
}


@pytest.mark.parametrize("encoding", PYTHON_NAMES)
@pytest.mark.parametrize("text", ["Hi\n", GERMAN, "Мы видим кошку и собаку.\n" * 5, "A\tB\n" * 999])
def test_wide_encodings_are_named(encoding: str, text: str) -> None:
    assert wide_encoding(text.encode(PYTHON_NAMES[encoding])) == encoding


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_utf8_is_not_wide(text: str) -> None:
    assert wide_encoding(text.encode()) is None
    assert wide_encoding(text.encode("utf-8-sig")) is None


@pytest.mark.parametrize("text", [b"", b"\0", b"a\0b\n", b"Ein\0Hund\0Tier\n", b"ab\0cd\0ef\0gh\n"])
def test_some_nuls_make_no_wide_encoding(text: bytes) -> None:
    assert wide_encoding(text) is None


def first_bad(data: bytes) -> int:
    with pytest.raises(UnicodeDecodeError) as caught:
        data.decode()
    return caught.value.start


@pytest.mark.parametrize("encoding", ["windows-1252", "iso-8859-1"])
@pytest.mark.parametrize("text", ["Müller\n", "Tür zu.", GERMAN, "don’t\n", "„Ja“, sagt er."])
def test_windows_1252_is_recognised(text: str, encoding: str) -> None:
    data = text.encode(encoding, errors="ignore")
    if not data.isascii():
        assert narrow_encoding(data, first_bad(data)) == "WINDOWS-1252"


@pytest.mark.parametrize(
    "data",
    [
        "Größe ".encode() + b"M\xfcller",  # the rest is UTF-8
        "你好世界".encode("gbk"),
        "Tür, Väter".encode("cp850"),
        "Größe 🚲".encode()[:-2],  # cut off within a character
        b"\xff\xfe\xfd" * 40,
    ],
)
def test_what_would_be_spoilt_by_conversion_is_not_converted(data: bytes) -> None:
    assert narrow_encoding(data, first_bad(data)) is None


@pytest.mark.parametrize("name", ["a b's.de", "🎉.txt", "x.tsv.gz", "plain"])
def test_the_command_converts_the_file(name: str, tmp_path: Path) -> None:
    import gzip

    path = tmp_path / name
    data = GERMAN.encode("windows-1252")
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    advice = encoding_advice("WINDOWS-1252", path)
    subprocess.run(advice.split("`")[1], shell=True, check=True)
    [new] = set(tmp_path.iterdir()) - {path}
    assert new.name.endswith(path.suffix)
    content = new.read_bytes()
    assert (gzip.decompress(content) if name.endswith(".gz") else content).decode() == GERMAN


def test_advice_without_a_file_or_an_encoding() -> None:
    assert "`iconv -f UTF-16 -t UTF-8`" in encoding_advice("UTF-16")
    assert "`file 'a b'`" in encoding_advice(None, Path("a b"))
