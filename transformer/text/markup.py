"""Tags, links and emphasis: taken out of a text, and put in their places in its translation.

The model reads the bare text. Where a tag then belongs follows from which words of the translation
look at the words that it encloses. Whatever is not plain, such as a tag that is never closed or one
that encloses nothing, is for others: see `Preparer.searches`.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|!?\[|\]\(.*\)|\*{1,3}|~~|_", re.DOTALL)
_NAME = re.compile(r"</?([A-Za-z][\w-]*)")

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


def without(text: str, spans: Sequence[Range]) -> str:
    """A text without its markup.

    Args:
        text: a sentence.
        spans: where its markup is, in order.
    """
    bare, end = "", 0
    for start, stop in [*spans, (len(text), len(text))]:
        bare, end = _with(bare, text[end:start]), stop
    return bare[:-1] if bare.endswith(" ") and not text.endswith(" ") else bare


def _with(bare: str, more: str) -> str:
    # No two blanks where markup was between them.
    return bare + (more[1:] if more.startswith(" ") and (not bare or bare[-1] == " ") else more)


@dataclass(frozen=True)
class Element:
    """Markup around a part of a text."""

    start: int  # in the bare text
    end: int
    opening: str
    closing: str
    spans: Range  # which of the text's markup they are


@dataclass(frozen=True)
class Bare:
    """A text without its markup."""

    text: str
    elements: tuple[Element, ...]  # outer ones before those inside of them
    runs: dict[tuple[int, ...], str]  # markup with nothing but blanks between, and these blanks

    def content(self, element: Element) -> str:
        """What it encloses."""
        return self.text[element.start : element.end]


def bared(text: str, spans: Sequence[Range]) -> Bare | None:
    """Takes markup out of a text.

    Args:
        text: a sentence.
        spans: where its markup is, in order.

    Returns:
        None unless each opening has its closing, in the right order, and words between them.
    """
    elements: list[Element] = []
    opened: list[tuple[int, str, int]] = []  # place in the bare text, markup, which it is
    bare, end = "", 0
    for number, (start, stop) in enumerate(spans):
        bare, end = _with(bare, text[end:start]), stop
        typed = text[start:stop]
        if typed.count('"') % 2 or typed.endswith("/>"):  # an attribute has a >, or it stands alone
            return None
        if opened and _closes(typed, opened[-1][1], bare):
            first, opening, which = opened.pop()
            last = len(bare.rstrip(" "))
            elements.append(Element(first, last, opening, typed, (which, number)))
        elif typed.startswith(("</", "](")) or (typed[0] in "*~_" and text[stop:].startswith(" ")):
            return None
        else:
            opened.append((len(bare), typed, number))
    found = Bare(without(text, spans), tuple(_outer_first(elements)), _runs(text, spans))
    if opened or not all(any(map(str.isalnum, found.content(e))) for e in elements):
        return None
    return found


def _runs(text: str, spans: Sequence[Range]) -> dict[tuple[int, ...], str]:
    runs: dict[tuple[int, ...], str] = {}
    run: tuple[int, ...] = ()
    for number, (_, stop) in enumerate(spans):
        run = (*run, number)
        following = spans[number + 1][0] if number + 1 < len(spans) else len(text)
        if text[stop:following].strip(" ") or following == len(text):
            before, behind = text[: spans[run[0]][0]], text[stop:]
            start = len(before.rstrip(" "))
            runs[run] = text[start : len(text) - len(behind.lstrip(" "))]
            run = ()
    return runs


def _outer_first(elements: Sequence[Element]) -> list[Element]:
    # Of two with the same extent, that which is closed later is the outer one.
    order = sorted(enumerate(elements), key=lambda each: (each[1].start, -each[1].end, -each[0]))
    return [element for _, element in order]


def _name(typed: str) -> str:
    found = _NAME.match(typed)
    return found[1].lower() if found else ""


def _closes(typed: str, opening: str, before: str) -> bool:
    if typed.startswith("</"):
        return opening.startswith("<") and _name(typed) == _name(opening)
    if typed.startswith("]("):
        return opening in ("[", "![")
    return typed == opening and typed[0] in "*~_" and not before.endswith(" ")


_Inserted = tuple[int, int, str, int]
"""A place in the translation, the order among those there, markup, and which it is in the text."""


# Back in their places -----------------------------------------------------------------------------


def marked_up(
    bare: Bare,
    translation: str,
    alignment: Alignment,
    wholes: Sequence[tuple[Range, str]] = (),
) -> str | None:
    """The translation with the markup of the text.

    Args:
        bare: the text and its markup.
        translation: of the bare text.
        alignment: of the two.
        wholes: what nothing divides, such as dates: where it is in the text, and how the other
            language writes it.

    Returns:
        None if an element finds no place that is surely its own.
    """
    pinned: dict[int, Range] = {}  # characters of the translation
    for number, element in enumerate(bare.elements):
        literal = _literal(bare, element, wholes)
        if literal is not None:
            place = _same_place(bare, element, literal, translation)
            if place is None:
                return None
            pinned[number] = place
    words = alignment.target
    undivided = [_words_in(words, translation.find(each), len(each)) for _, each in wholes]
    undivided += [_words_in(words, a, b - a) for a, b in pinned.values()]
    placed: dict[int, Range] = {n: _words_in(words, a, b - a) for n, (a, b) in pinned.items()}
    inserted: list[_Inserted] = []
    for number, element in enumerate(bare.elements):
        if number not in placed:
            found = _place(number, bare, translation, alignment, placed, undivided)
            if found is None:
                return None
            placed[number] = found
        first, last = placed[number]
        start, end = pinned.get(number) or (words[first][0], words[last - 1][1])
        if number not in pinned:
            ends = _within_words(bare, element, alignment.source, translation, (start, end))
            if ends is None:
                return None
            start, end = ends
        inserted.append((start, number, element.opening, element.spans[0]))
        inserted.append((end, -number - 1, element.closing, element.spans[1]))
    return _written(bare, translation, sorted(inserted))


def _written(bare: Bare, translation: str, inserted: Sequence[_Inserted]) -> str:
    # With the blanks that the markup had beside it, where there are any.
    text, end = "", 0
    rest = list(inserted)
    while rest:
        n = 1
        while n < len(rest) and not translation[rest[n - 1][0] : rest[n][0]].strip(" "):
            n += 1
        some, rest = rest[:n], rest[n:]
        first, last = some[0][0], some[-1][0]
        behind = last + len(translation[last:]) - len(translation[last:].lstrip(" "))
        before = translation[end:first]
        run = bare.runs.get(tuple(which for *_, which in some), "")
        beside = before.endswith(" ") or behind > first  # a blank, there or between them
        beside |= first == 0 or last == len(translation)
        if run and beside and run != "".join(markup for _, _, markup, _ in some):
            run = run.lstrip(" ") if first == 0 else run
            run = run.rstrip(" ") if last == len(translation) else run
            text, end = text + before.rstrip(" ") + run, behind
            continue
        for place, _, markup, _ in some:
            text, end = text + translation[end:place] + markup, place
    return text + translation[end:]


def _literal(bare: Bare, element: Element, wholes: Sequence[tuple[Range, str]]) -> str | None:
    # What an element must enclose in any language: a date, an address, a number.
    content = bare.content(element)
    for (start, end), written in wholes:
        if (start, end) == (element.start, element.end):
            return written
    return None if any(map(str.isalpha, content)) else content


def _same_place(bare: Bare, element: Element, literal: str, translation: str) -> Range | None:
    # Of several that are the same, the one with the same number.
    there = _found(bare.content(element), bare.text)
    said = _found(literal, translation)
    if len(there) != len(said) or element.start not in there:
        return None
    start = said[there.index(element.start)]
    return start, start + len(literal)


def _found(part: str, text: str) -> list[int]:
    # Where a part is, but not within a longer word or number.
    pattern = rf"(?<!\w)(?<![0-9][.,:])(?={re.escape(part)}(?!\w|[.,:][0-9]))"
    return [match.start() for match in re.finditer(pattern, text)]


def _place(
    number: int,
    bare: Bare,
    translation: str,
    alignment: Alignment,
    placed: dict[int, Range],
    undivided: Sequence[Range],
) -> Range | None:
    # The words that an element encloses.
    element, source = bare.elements[number], alignment.source
    first, last = 0, len(alignment.target)
    taken, inner = [], []
    for other, words in placed.items():
        if _encloses(bare.elements[other], element) and other < number:
            first, last = max(first, words[0]), min(last, words[1])
        elif _encloses(element, bare.elements[other]):
            inner.append(words)
        else:
            taken.append(words)
    inside = range(*_words_in(source, element.start, element.end - element.start))
    if not inside:
        return None
    gains = [sum(row[i] for i in inside) - _INSIDE for row in alignment.weights]
    for words in inner:
        for t in range(*words):
            gains[t] = 1.0
    real = [not _is_mark(translation, word) for word in alignment.target]
    begins = [True] * len(real) if _is_mark(bare.text, source[inside[0]]) else real
    ends = [True] * len(real) if _is_mark(bare.text, source[inside[-1]]) else real
    found = _best_range(gains, begins, ends, (first, last), taken)
    for whole in undivided if found else ():
        assert found is not None
        wider = min(found[0], whole[0]), max(found[1], whole[1])
        within = first <= wider[0] and wider[1] <= last
        if _overlap(whole, found) and within and not any(_overlap(wider, t) for t in taken):
            found = wider
    if found and any(not (found[0] <= a and b <= found[1]) for a, b in inner):
        return None
    return found


def _within_words(
    bare: Bare, element: Element, source: Sequence[Range], translation: str, place: Range
) -> Range | None:
    # Where an element begins or ends within a word, it does so in the translation, or nowhere.
    start, end = place
    for a, b in source:
        word = bare.text[a:b]
        if a < element.start < b:
            if not translation.startswith(word, start):
                return None
            start += element.start - a
        if a < element.end < b:
            if not translation.endswith(word, 0, end):
                return None
            end -= b - element.end
    return start, end


def _encloses(outer: Element, inner: Element) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _words_in(words: Sequence[Range], start: int, length: int) -> Range:
    # From which to which word a part of a text goes; the two are the same if there is none.
    inside = [i for i, (a, b) in enumerate(words) if 0 <= start < b and a < start + length]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)


def _overlap(one: Range, other: Range) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _is_mark(text: str, word: Range) -> bool:
    return all(unicodedata.category(c)[0] == "P" and c not in "%‰&@#§" for c in text[slice(*word)])


def _best_range(
    gains: Sequence[float],
    begins: Sequence[bool],
    ends: Sequence[bool],
    within: Range,
    taken: Sequence[Range],
) -> Range | None:
    # The neighbouring words of the translation that look at what is inside rather than at the rest:
    # those with the greatest sum, and the fewest of them. None if none do.
    best: tuple[float, int, Range] | None = None
    for start in range(*within):
        total = 0.0
        for end in range(start + 1, within[1] + 1 if begins[start] else start):
            if any(_overlap((start, end), each) for each in taken):
                break
            total += gains[end - 1]
            if ends[end - 1] and (best is None or (total, start - end) > best[:2]):
                best = total, start - end, (start, end)
    return best[2] if best and best[0] > 0 else None
