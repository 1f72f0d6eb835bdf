"""Which pairs are left out of training, one judgement for each pair (see `CleaningConfig`)."""

from __future__ import annotations

import hashlib
import unicodedata
from functools import lru_cache

from ..config import CleaningConfig

FAULTS = ("no fault", "empty", "wrong script", "length ratio")

# Pairs without a side longer than this are not judged by their length ratio (see CleaningConfig).
_SHORT_CHARACTERS = 20


def judge(batch: dict[str, list[str]], cleaning: CleaningConfig) -> dict[str, list[int]]:
    """For a batch of pairs, columns `src` and `tgt`: `fault`, a place in FAULTS, and `key`.

    Equal pairs have equal keys.
    """
    pairs = list(zip(batch["src"], batch["tgt"], strict=True))
    return {
        "fault": [FAULTS.index(_fault(src, tgt, cleaning)) for src, tgt in pairs],
        "key": [_key(src, tgt) for src, tgt in pairs],
    }


def _fault(src: str, tgt: str, cleaning: CleaningConfig) -> str:
    if not src or not tgt:
        return "empty"
    if cleaning.script and not all(_in_script(side, cleaning.script) for side in (src, tgt)):
        return "wrong script"
    shorter, longer = sorted((len(src), len(tgt)))
    ratio = cleaning.max_length_ratio
    if ratio is not None and longer > _SHORT_CHARACTERS and longer > ratio * shorter:
        return "length ratio"
    return "no fault"


def _in_script(text: str, script: str) -> bool:
    """Whether most letters are of the script; true of a text without letters."""
    marks = text.translate(_letter_marks(script))
    return not marks or 2 * marks.count("1") > len(marks)


@lru_cache
def _letter_marks(script: str) -> _LetterMarks:
    return _LetterMarks(script)


class _LetterMarks(dict[int, str]):
    """For `str.translate`: letters of a script become 1, other letters 0, all else vanishes."""

    def __init__(self, script: str) -> None:
        super().__init__()
        self.script = script.upper()

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        known = unicodedata.name(letter, "").startswith(self.script)
        self[code] = "" if not letter.isalpha() else "1" if known else "0"
        return self[code]


def _key(src: str, tgt: str) -> int:
    """A 64-bit hash of the pair, so that finding duplicates needs 8 bytes a pair, not the text.

    Among 100 million pairs the odds that any two share a hash by chance are 1 in 3,700.
    """
    text = f"{len(src)}:{src}{tgt}"  # with the length, "a" + "bc" is not "ab" + "c"
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
