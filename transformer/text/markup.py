"""Tags, links and emphasis: taken out of a text, and put in their places in its translation.

The model reads the bare text. Where a tag then belongs follows from which words of the translation
look at the words that it encloses.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|!?\[|\]\(.*\)|\*\*|~~|[*_]", re.DOTALL)
_NAME = re.compile(r"</?([A-Za-z][\w-]*)")
_VOID = frozenset(("br", "hr", "img", "input", "wbr"))
"""Tags without a closing one."""

_INSIDE = 0.5
"""A word belongs inside of a tag if more than this share of its attention does."""

Range = tuple[int, int]


@dataclass(frozen=True)
class Alignment:
    """Which words of a text the words of its translation come from.

    Punctuation marks are words as well.
    """

    source: Sequence[Range]  # where the words stand in the text
    target: Sequence[Range]  # and in the translation
    weights: Sequence[Sequence[float]]
    """A row for each word of the translation, which sums to 1 over the words of the text."""


Align = Callable[[str, str], Alignment | None]
"""A text and its translation → how they align; None if that cannot be told."""


def is_markup(typed: str) -> bool:
    """True of a tag, a mark of emphasis, or one end of a link."""
    return _MARKUP.fullmatch(typed) is not None


@dataclass(frozen=True)
class Element:
    """Markup around a part of a text, or at one place of it."""

    start: int  # in the bare text
    end: int
    opening: str  # "" if it begins in another sentence
    closing: str  # "" if it ends in another one, or encloses nothing by its nature


@dataclass(frozen=True)
class Bare:
    """A text without its markup."""

    text: str
    elements: tuple[Element, ...]  # outer ones before those inside of them


def bared(text: str, spans: Sequence[Range]) -> Bare:
    """Takes markup out of a text.

    Args:
        text: a sentence.
        spans: where its markup is, in order.
    """
    bare, end = "", 0
    elements: list[Element] = []
    opened: list[tuple[int, str]] = []  # place in the bare text, markup
    for start, stop in _joined(text, spans):
        bare, end = _with(bare, text[end:start]), stop
        typed = text[start:stop]
        name = _name(typed)
        if name in _VOID or typed.endswith("/>"):
            elements.append(Element(len(bare), len(bare), typed, ""))
            continue
        matching = next(
            (i for i in reversed(range(len(opened))) if _closes(typed, opened[i][1])), None
        )
        if matching is not None:
            for place, other in opened[matching + 1 :]:  # closed in the wrong order, or never
                elements.append(Element(place, len(bare), other, ""))
            place, opening = opened[matching]
            del opened[matching:]
            elements.append(Element(place, len(bare), opening, typed))
        elif typed.startswith(("</", "](")):
            elements.append(Element(0, len(bare), "", typed))
        elif (
            typed[0] in "*~_" and text[start - 1 : start].strip() and not text[stop:][:1].isalnum()
        ):
            word = len(bare) - len(bare.split(" ")[-1])  # a star behind it, for a footnote
            elements.append(Element(word, len(bare), "", typed))
        else:
            opened.append((len(bare), typed))
    bare = _with(bare, text[end:])
    elements += [Element(place, len(bare), opening, "") for place, opening in opened]
    if bare.endswith(" ") and not text.endswith(" "):
        bare = bare[:-1]
    # Of two with the same extent, that which is closed later is the outer one.
    order = sorted(enumerate(elements), key=lambda each: (each[1].start, -each[1].end, -each[0]))
    return Bare(bare, tuple(element for _, element in order))


def _joined(text: str, spans: Sequence[Range]) -> list[Range]:
    # With ** and * beside it as one, since which of them is closed first does not tell.
    found: list[Range] = []
    for start, stop in spans:
        if found and found[-1][1] == start and {*text[found[-1][0] : stop]} <= {*"*_~"}:
            start = found.pop()[0]
        found.append((start, stop))
    return found


def _with(bare: str, more: str) -> str:
    # No two blanks where markup was between them.
    return bare + (more[1:] if more.startswith(" ") and (not bare or bare[-1] == " ") else more)


def _name(typed: str) -> str:
    found = _NAME.match(typed)
    return found[1].lower() if found else ""


def _closes(typed: str, opening: str) -> bool:
    if typed.startswith("</"):
        return opening.startswith("<") and _name(typed) == _name(opening)
    if typed.startswith("]("):
        return opening in ("[", "![")
    return typed == opening and typed[0] in "*~_"


# Back in their places -----------------------------------------------------------------------------


def marked_up(
    bare: Bare, translation: str, alignment: Alignment, wholes: Sequence[str] = ()
) -> str | None:
    """The translation with the markup of the text.

    Args:
        bare: the text and its markup.
        translation: of the bare text.
        alignment: of the two.
        wholes: parts of the translation that nothing divides, such as dates.

    Returns:
        None if an element finds no place.
    """
    n = len(alignment.target)
    real = [not _is_mark(translation, word) for word in alignment.target]
    undivided = _words_of(wholes, translation, alignment.target)
    inserted: list[tuple[int, int, str]] = []  # place, order among those there, markup
    placed: list[tuple[Element, Range]] = []  # with the words of the translation that it encloses
    for number, element in enumerate(bare.elements):
        inside = _words_in(alignment.source, element)
        outer = [words for other, words in placed if _encloses(other, element)]
        first, last = outer[-1] if outer else (0, n)
        if not inside:
            place = _point(element, alignment, translation)
            inserted.append((place, number, element.opening + element.closing))
            continue
        taken = [words for other, words in placed if not _encloses(other, element)]
        gains = [sum(row[i] for i in inside) - _INSIDE for row in alignment.weights]
        # Punctuation begins or ends an element only if it does so in the text.
        ends = [True] * n if any(_is_mark(bare.text, alignment.source[i]) for i in inside) else real
        words = _best_range(gains, ends, (first, last), taken)
        if words is None:
            return None
        for whole in undivided:
            wider = min(words[0], whole[0]), max(words[1], whole[1])
            within = first <= wider[0] and wider[1] <= last
            if _overlap(whole, words) and within and not any(_overlap(wider, t) for t in taken):
                words = wider
        placed.append((element, words))
        start = alignment.target[words[0]][0]
        end = alignment.target[words[1] - 1][1]
        start += _within_word(bare.text, element.start, alignment.source, translation[start:])
        end -= _behind_in_word(bare.text, element.end, alignment.source, translation[:end])
        if not element.opening and element.end == len(bare.text):
            end = len(translation)
        inserted.append((start, number, element.opening))
        inserted.append((end, -number - 1, element.closing))
    text, end = "", 0
    for place, _, markup in sorted(inserted):
        text, end = text + translation[end:place] + markup, place
    return text + translation[end:]


def _overlap(one: Range, other: Range) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _is_mark(text: str, word: Range) -> bool:
    return not any(map(str.isalnum, text[slice(*word)]))


def _encloses(outer: Element, inner: Element) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _within_word(text: str, place: int, words: Sequence[Range], translation: str) -> int:
    # How far into the first word of the translation a place is, if the same word is around it.
    for a, b in words:
        if a < place < b and translation.startswith(text[a:b]):
            return place - a
    return 0


def _behind_in_word(text: str, place: int, words: Sequence[Range], translation: str) -> int:
    # How much of the last word of the translation is behind it, likewise.
    for a, b in words:
        if a < place < b and translation.endswith(text[a:b]):
            return b - place
    return 0


def _words_in(words: Sequence[Range], element: Element) -> list[int]:
    return [i for i, (a, b) in enumerate(words) if a < element.end and b > element.start]


def _words_of(parts: Sequence[str], text: str, words: Sequence[Range]) -> list[Range]:
    # From which to which word each part goes, where it is in the text.
    found = []
    for part in parts:
        start = text.find(part)
        inside = [i for i, (a, b) in enumerate(words) if a < start + len(part) and b > start]
        if start >= 0 and inside:
            found.append((inside[0], inside[-1] + 1))
    return found


def _best_range(
    gains: Sequence[float], ends: Sequence[bool], within: Range, taken: Sequence[Range]
) -> Range | None:
    # The neighbouring words of the translation that look most at what is inside, and least at the
    # rest: those with the greatest sum, the fewest of them, of which the first and last may be so.
    best: tuple[float, int, Range] | None = None
    for start in range(*within):
        total = 0.0
        for end in range(start + 1, within[1] + 1 if ends[start] else start):
            if any(_overlap((start, end), each) for each in taken):
                break
            total += gains[end - 1]
            if ends[end - 1] and (best is None or (total, start - end) > best[:2]):
                best = total, start - end, (start, end)
    return best[2] if best else None


def _point(element: Element, alignment: Alignment, translation: str) -> int:
    # In front of the word that comes from the word behind it.
    behind = [i for i, (a, _) in enumerate(alignment.source) if a >= element.start]
    if not behind or not alignment.target:
        return len(translation)
    rows = range(len(alignment.target))
    return alignment.target[max(rows, key=lambda t: alignment.weights[t][behind[0]])][0]
