"""Is each side in the language that it should be in, and does validation look like training?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...data.languages import NAMES, copies, language_of
from .findings import Finding, Level, grade, judged, quoted

LANGUAGE, TEXT = "language", "text"

_WORD = re.compile(r"[^\W\d_]+")

# A mark of a side: a word in this many lines, and so many times more often than on the other side.
_FEWEST_LINES = 5
_TIMES = 3.0

# Words that both sides share, weighted by how often they are said: 0.1 for German and English, 1
# for the same language. With a tenth of all pairs swapped it is 0.2 more.
_ALIKE, _TOO_ALIKE = 0.4, 0.6

Side = Sequence[str]


# Languages ----------------------------------------------------------------------------------------


def check_languages(
    src: Side, tgt: Side, languages: tuple[str, str], where: str
) -> Iterator[Finding]:
    """Copies, sides that are swapped or in one language, and single lines on the wrong side.

    Args:
        src: source sides.
        tgt: target sides.
        languages: of source and target, as the settings name them.
        where: the pairs come from.
    """
    n = max(1, len(src))
    n_copies = copies([_plain(line) for line in src], [_plain(line) for line in tgt])
    level: Level = grade(n_copies / n, 0.02, 0.1) if n_copies >= 5 else "ok"
    example = next((s for s, t in zip(src, tgt, strict=True) if _plain(s) == _plain(t)), "")
    yield judged(
        LANGUAGE,
        level,
        f"{where}: {n_copies:,} of {n:,} targets repeat their source ({n_copies / n:.1%})"
        + (f"\n{quoted(example)}" if level != "ok" else ""),
        "leave these pairs out: the model learns to copy what it should translate",
    )
    if 2 * n_copies > n:
        return
    found = [
        language_of(side) if language in NAMES else None
        for side, language in zip((src, tgt), languages, strict=True)
    ]
    wrong = any(look not in (None, own) for look, own in zip(found, languages, strict=True))
    looks = [
        f"{name} looks like {NAMES[look]}"
        for name, look in zip(("the source", "the target"), found, strict=True)
        if look
    ]
    if wrong and found == list(languages[::-1]):
        advice = "the sides are swapped: exchange src and tgt of this source, or its files"
    else:
        advice = "both sides must be in their languages: check that these are the right files"
    yield judged(
        LANGUAGE,
        "fault" if wrong else "ok",
        f"{where} is {languages[0]} to {languages[1]}; {' and '.join(looks) or 'nothing is clear'}",
        advice,
    )
    if wrong:
        return
    shared = overlap(word_shares(src), word_shares(tgt))
    stray = [*stray_lines(src, tgt), *stray_lines(tgt, src)]
    share = len(stray) / (2 * n)
    alike = grade(shared, _ALIKE, _TOO_ALIKE) if n >= 100 else "ok"
    level = grade(share, 0.01, 0.1) if len(stray) >= 5 else "ok"
    yield judged(
        LANGUAGE,
        max(level, alike, key=("ok", "warning", "fault").index),
        f"{where}: {share:.1%} of the lines read like the other side; the sides share "
        f"{shared:.0%} of their words"
        + "".join(f"\n{quoted(line)}" for line in (stray[:2] if level != "ok" else [])),
        "some pairs are swapped, or were never translated: leave them out, or turn them round",
    )


def word_shares(lines: Iterable[str]) -> dict[str, float]:
    """How often each word is said, as a share of all."""
    counts = Counter(word for line in lines for word in _WORD.findall(line.lower()))
    total = counts.total()
    return {word: count / total for word, count in counts.items()}


def overlap(one: dict[str, float], other: dict[str, float]) -> float:
    """What two distributions have in common: 1 if they are equal, 0 if they share nothing."""
    return sum(min(share, other.get(word, 0.0)) for word, share in one.items())


def stray_lines(lines: Side, others: Side) -> list[str]:
    """Lines of one side with the words of the other, and hardly any of its own."""
    own, foreign = _in_lines(lines), _in_lines(others)
    marks = {
        word: own[word] > foreign[word]
        for word in own | foreign
        if max(own[word], foreign[word]) >= _FEWEST_LINES
        and max(own[word], foreign[word]) >= _TIMES * min(own[word], foreign[word])
    }
    stray = []
    for line in lines:
        found = [marks[word] for word in _WORD.findall(line.lower()) if word in marks]
        n_foreign = found.count(False)
        if n_foreign >= 3 and n_foreign > _TIMES * found.count(True):
            stray.append(line)
    return stray


def _in_lines(lines: Side) -> Counter[str]:
    return Counter(word for line in lines for word in set(_WORD.findall(line.lower())))


def _plain(line: str) -> str:
    return " ".join(_WORD.findall(line.casefold()))  # ß and SS are one


def check_same_sides(
    train: tuple[Side, Side], other: tuple[Side, Side], where: str
) -> Iterator[Finding]:
    """Whether the sides of validation are those of training, whatever the languages."""
    train_src, train_tgt = map(word_shares, train)
    for name, side, own, opposite in (
        ("source", other[0], train_src, train_tgt),
        ("target", other[1], train_tgt, train_src),
    ):
        shares = word_shares(side)
        right, wrong = overlap(shares, own), overlap(shares, opposite)
        yield judged(
            LANGUAGE,
            "fault" if wrong > right + 0.1 else "warning" if right < 0.1 else "ok",
            f"{where}: its {name} shares {right:.0%} of its words with that of training, "
            f"{wrong:.0%} with the other side",
            f"{where} must have the sides of data.train: exchange src and tgt, or its files"
            if wrong > right
            else f"{where} speaks of something else than data.train, or in another language",
        )


# How the text is written --------------------------------------------------------------------------

_DAMAGE = [
    (
        re.compile("Ã[\u0080-\u00bf\u0152-\u0178¤¶¼Ÿ„–œ©]|â€|Â[\u00a0-\u00bf]|ï¿½|\ufffd"),
        "were read in the wrong encoding",
        "read the file anew as what it is (often UTF-8 taken for Latin-1)",
    ),
    (
        re.compile(r"</?[a-zA-Z][^<>]{0,80}>|&(?:amp|quot|apos|lt|gt|nbsp|#\d{1,5});"),
        "hold HTML",
        "remove tags and write entities as characters",
    ),
    (
        re.compile(r"@@( |$)|▁"),
        "are cut into subwords already",
        "give plain text: the tokenizer cuts it",
    ),
    (
        re.compile(r"\w [.,]( |$)"),
        "are tokenised (a blank before a full stop or comma)",
        "give plain text: translations would be written so, and typed text is not",
    ),
]


def check_writing(sides: Mapping[str, Side]) -> Iterator[Finding]:
    """Damage that shows in the characters.

    Args:
        sides: lines, by what messages call them.
    """
    clean = True
    for name, lines in sides.items():
        for pattern, what, advice in _DAMAGE:
            hit = [line for line in lines if pattern.search(line)]
            share = len(hit) / max(1, len(lines))
            # Few lines with HTML may be about HTML; a blank before a comma is a slip.
            level = grade(share, 0.01, 0.05) if len(hit) >= 3 else "ok"
            if level != "ok":
                clean = False
                example = f"\n{quoted(hit[0])}"
                yield Finding(TEXT, level, f"{name}: {share:.1%} {what}{example}", advice)
    if clean:
        yield Finding(TEXT, "ok", f"no damage in {', '.join(sides)}")


def check_same_writing(train: Side, other: Side, where: str) -> Finding:
    """Whether validation is written like training: capitals, and marks at the end.

    Args:
        train: lines of one side of training.
        other: the same side of validation.
        where: what messages call it.
    """
    capitals = _capitals(train), _capitals(other)
    ends = _ends(train), _ends(other)
    problems = []
    if min(capitals) < 0.2 * max(capitals) and max(capitals) > 0.01:
        problems.append(
            f"{capitals[1]:.1%} of its letters are capitals, in training {capitals[0]:.1%}"
        )
    if abs(ends[0] - ends[1]) > 0.5:
        problems.append(f"{ends[1]:.0%} of its lines end in a mark, in training {ends[0]:.0%}")
    return judged(
        TEXT,
        "fault" if problems else "ok",
        f"{where}: " + ("; ".join(problems) or "written like training"),
        "prepare both in the same way: one was lower-cased, or lost its punctuation",
    )


def _capitals(lines: Side) -> float:
    letters = sum(char.isalpha() for line in lines for char in line)
    return sum(char.isupper() for line in lines for char in line) / max(1, letters)


def _ends(lines: Side) -> float:
    return sum(line.rstrip("\"'”“»«)")[-1:] in ".!?…" for line in lines) / max(1, len(lines))
