"""Which encoding a text is in that is not UTF-8, and the command that converts it."""

from __future__ import annotations

import codecs
import re
import shlex
from pathlib import Path

_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark begins alike
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}

# Places of the bytes of a character, of which the upper two are 0 in nearly all text.
_UTF32 = {"UTF-32LE": (3, 2, 0), "UTF-32BE": (0, 1, 3)}

# Bytes of which these judge. More would not change the judgement.
_SAMPLE = 4096

_LETTER = re.compile(rb"[A-Za-z]")
_HIGH = re.compile(rb"[\x80-\xff]")
_MULTI_BYTE = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
# Windows-1252 has no characters there.
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


def wide_encoding(start: bytes) -> str | None:
    """UTF-16 or UTF-32, as iconv calls it, if that is what a text begins with; otherwise None.

    Without a byte order mark, English in UTF-16 is valid UTF-8: letters with NULs between them.
    Text that merely holds NULs has them at odd and at even places.

    Args:
        start: the first bytes of the text, or its first line.
    """
    start = start[:_SAMPLE]
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    # NULs at the places 0 to 3 of every four bytes.
    nuls = [start[place::4].count(0) for place in range(4)]
    whole = len(start) // 4
    for encoding, (top, next_to_top, low) in _UTF32.items():
        if nuls[top] >= whole > 0 and nuls[next_to_top] >= 0.9 * whole >= 18 * nuls[low]:
            return encoding
    even, odd = nuls[0] + nuls[2], nuls[1] + nuls[3]
    if _pattern(odd, even, len(start) // 2):
        return "UTF-16LE"
    if _pattern(even, odd, len(start) // 2):
        return "UTF-16BE"
    return None


def _pattern(nuls: int, others: int, whole: int) -> bool:
    # Latin letters have a NUL each, of other scripts only blanks and punctuation have.
    often = nuls >= 2 and nuls >= 0.4 * whole
    return (often or (nuls >= 8 and nuls >= 0.05 * whole)) and 20 * others <= nuls


def narrow_encoding(text: bytes, position: int) -> str | None:
    """WINDOWS-1252, of which ISO-8859-1 is a part, if a text that is not UTF-8 looks like it.

    None of text that is UTF-8 elsewhere: converting that would spoil what is right.

    Args:
        text: as much as is at hand of the text around the byte.
        position: of the byte that is not UTF-8.
    """
    begin = max(0, position - _SAMPLE // 2)
    around = text[begin : begin + _SAMPLE]
    here = position - begin
    if _MULTI_BYTE.search(around) or _UNDEFINED.search(around):
        return None
    if len(_HIGH.findall(around)) > 0.5 * len(_LETTER.findall(around)) + 1:
        return None  # as in Chinese, of which nearly every byte is one
    beside = [around[max(0, here - 1) : here].isalpha(), around[here + 1 : here + 2].isalpha()]
    byte = around[here]
    # Letters such as ü are in or beside words. Quotes, dashes and € are not within them, but for ’.
    likely = any(beside) if byte >= 0xC0 else byte == 0x92 or not all(beside)
    return "WINDOWS-1252" if likely else None


def encoding_advice(encoding: str | None, file: Path | None = None) -> str:
    """What to do about a text that is not UTF-8: a clause to end a message with.

    Args:
        encoding: as these functions name it; None if it is not known.
        file: where the text comes from.
    """
    name = shlex.quote(str(file)) if file else "FILE"
    if encoding is None:
        return (
            f"find out its encoding (`file {name}` guesses it) and convert it with `iconv -f "
            "ENCODING -t UTF-8`, or mend the line"
        )
    convert = f"iconv -f {encoding} -t UTF-8"
    if file is None:
        return f"convert it with `{convert}`"
    # The ending stays the last part: it tells the language or the format.
    packed = file.suffix == ".gz"
    ending = Path(file.name.removesuffix(".gz")).suffix
    stem = file.name.removesuffix(".gz").removesuffix(ending)
    new = shlex.quote(str(file.with_name(f"{stem}.utf8{ending}{'.gz' if packed else ''}")))
    if packed:
        return f"convert it: `zcat {name} | {convert} | gzip > {new}`"
    return f"convert it: `{convert} {name} > {new}`"
