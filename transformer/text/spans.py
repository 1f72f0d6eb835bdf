"""Spans that nobody translates: hidden behind the marks @1, @2 …, and brought back afterwards.

Addresses come back as they were typed. Numbers come back as the other language writes them:
1.234,56 € as €1,234.56.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from .conventions import Conventions, conventions_of
from .hours import with_hours_as_typed
from .losses import lost
from .names import find_names
from .rendering import in_translation
from .span_patterns import UNIT, Span, pattern_of

_MARK = re.compile(r"(?<![\w.+-])@ ?(\d{1,9})\b")
_MARKUP = re.compile(r"\0?(?:</?[A-Za-z]|!?\[|\]\(|[*_~]+(?:\0|$))")
_GLUE = "\0"
"""At the end of what is hidden: no space was there."""
_ALWAYS = frozenset(["verbatim", "half", "scaled", "price", "mixed", "slashed", "keys", "spoons"])
"""What is hidden even if the model can read it."""
_SHARES_A_WORD = re.compile(r"[\w.+-]")


@dataclass(frozen=True)
class Hidden:
    """A text with marks, and what each of them stands for."""

    shown: str
    typed: tuple[str, ...] = ()
    written: tuple[str, ...] = ()  # in the other language


class Spans:
    """Finds spans in texts of one language, and writes them in another.

    Args:
        src_lang: the language of the texts.
        tgt_lang: that of their translations. If either is unknown, numbers stay as they are.
        unreadable: true of a character that the model has no piece for. Words with such a letter
            are carried over, as names mostly are; and so are those with a letter that the language
            of the texts does not have, which the model has seldom seen.
        rare: true of a word that the model hardly knows. One beside such a name is part of it.
    """

    def __init__(
        self,
        src_lang: str,
        tgt_lang: str,
        unreadable: Callable[[str], bool] = lambda _: False,
        rare: Callable[[str], bool] = lambda _: False,
    ) -> None:
        ours, theirs = conventions_of(src_lang), conventions_of(tgt_lang)
        if ours is None or theirs is None:
            ours = theirs = Conventions()
        self._ours, self._theirs = ours, theirs
        self._unreadable = cache(unreadable)
        self._rare = rare
        self._pattern = pattern_of(ours)

    def find(self, text: str, *, numbers: bool, words: bool = False) -> list[Span]:
        """Returns the spans of a text, in order.

        Args:
            text: a sentence.
            numbers: also those that the model can read: numbers of two digits or more, times.
            words: with them, what may become another word: names, and single digits.
        """
        strange = {c for c in set(text) if self._unreadable(c) or not self._ours.has_letter(c)}
        spans = []
        for match in self._pattern.finditer(text):
            kind, typed = str(match.lastgroup), match.group()
            if kind == "amount" and re.fullmatch(rf"[0-9](?:\s{UNIT})?", typed):
                if not words or typed[0] in "01":  # which is also a, no, or nothing at all
                    continue
                kind = "digit"
            if numbers or kind in _ALWAYS or not strange.isdisjoint(typed):
                written = in_translation(kind, match, self._ours, self._theirs)
                spans.append(Span(*match.span(), kind, typed, written))
        if strange:
            spans += self._strange_spans(text, strange, besides=spans)
        if words:
            spans += self._names(text, besides=spans)
        return sorted(spans)

    def hide(self, text: str, *, numbers: bool = False, words: bool = False) -> Hidden:
        """Puts @1, @2 … in the place of spans.

        A text that already has such marks is left alone, and so is one whose marks would not be
        found again.
        """
        if _MARK.search(text):
            return Hidden(text)
        spans = self.find(text, numbers=numbers, words=words)
        shown: list[str] = []
        typed: list[str] = []
        written: list[str] = []
        end = 0
        for n, span in enumerate(spans, start=1):
            # A mark is a word of its own: spaces set it apart, and vanish when it is brought back.
            touches = n > 1 and span.start == end
            left = (
                _GLUE if touches or _SHARES_A_WORD.match(text[span.start - 1 : span.start]) else ""
            )
            right = _GLUE if re.match(r"\w", text[span.end : span.end + 1]) else ""
            shown += [text[end : span.start], " " * len(left), f"@{n}", " " * len(right)]
            typed.append(left + span.typed + right)
            written.append(left + span.written + right)
            end = span.end
        whole = "".join([*shown, text[end:]])
        if bring_back(whole, typed) != text:
            return Hidden(text)
        return Hidden(whole, tuple(typed), tuple(written))

    def lost(self, text: str, translation: str) -> list[str]:
        """What a translation lacks of a text, in order and as typed.

        That is what must not change, dates, times, signs of currencies, common names, and numbers
        but for 0 and 1. The translation may group digits in another way, use another dash, have a
        word for a single digit, and count hours to 12 instead of 24 or the reverse.
        """
        found = self.find(text, numbers=True, words=True)
        return lost(found, text, translation, self._ours, self._theirs)

    def with_hours_as_typed(self, text: str, translation: str) -> str:
        """See `hours`."""
        return with_hours_as_typed(text, translation, self._ours, self._theirs)

    def _strange_spans(self, text: str, strange: set[str], besides: list[Span]) -> list[Span]:
        # Words and signs with a character that is strange to the model; neighbours are one.
        rest, end = [], 0
        for span in besides:
            rest += [text[end : span.start], "\n" * (span.end - span.start)]
            end = span.end
        tokens = list(_WORD_OR_SIGN.finditer("".join([*rest, text[end:]])))
        carried = {i for i, token in enumerate(tokens) if not strange.isdisjoint(token.group())}
        for i in [*carried]:  # Grzegorz Brzęczyszczykiewicz
            for j in (i - 1, i + 1):
                if 0 <= j < len(tokens) and _are_names(text, tokens[min(i, j)], tokens[max(i, j)]):
                    carried |= {j} if self._rare(tokens[j].group()) else set()
        found: list[list[int]] = []  # [start, end]
        for i in sorted(carried):
            if found and i - 1 in carried and _are_names(text, tokens[i - 1], tokens[i]):
                found[-1][1] = tokens[i].end()
            else:
                found.append([*tokens[i].span()])
        return [Span(start, end, "word", text[start:end], text[start:end]) for start, end in found]

    def _names(self, text: str, besides: Sequence[Span]) -> list[Span]:
        if {self._ours.language, self._theirs.language} != {"de", "en"}:
            return []
        taken = bytearray(len(text))
        for span in besides:
            taken[span.start : span.end] = b"1" * (span.end - span.start)
        found = []
        for start, end in find_names(text, self._rare):
            if not any(taken[start:end]):
                taken[start:end] = b"1" * (end - start)
                found.append(Span(start, end, "name", text[start:end], text[start:end]))
        return found


_WORD_OR_SIGN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")


def _are_names(text: str, first: re.Match[str], second: re.Match[str]) -> bool:
    # Two words with capitals, a space between them.
    return text[first.end() : second.start()] == " " and all(
        token.group()[0].isupper() for token in (first, second)
    )


def has_markup(hidden: Sequence[str]) -> bool:
    """True if there is a tag, a link or a mark of emphasis among these."""
    return any(map(_MARKUP.match, hidden))


def keeps_markup(text: str, translation: str, hidden: Sequence[str]) -> bool:
    """True unless tags and the like change their order, or enclose nothing where they did before.

    Args:
        text: with marks.
        translation: with every one of these marks once.
        hidden: what they stand for.
    """
    order = [int(n) for n in _MARK.findall(translation) if _MARKUP.match(hidden[int(n) - 1])]
    if order != sorted(order):
        return False

    def follows(n: int, in_text: str) -> bool:  # @2 right behind @1
        return re.search(rf"@ ?{n}\s*@ ?{n + 1}\b", in_text) is not None

    return not any(
        follows(n, translation) and not follows(n, text) for n in order if n + 1 in order
    )


def bring_back(translation: str, hidden: Sequence[str]) -> str | None:
    """The reverse of `Spans.hide`; None unless every mark is there exactly once."""
    marks = sorted(int(number) for number in _MARK.findall(translation))
    if marks != list(range(1, len(hidden) + 1)):
        return None
    return _unglued(_MARK.sub(lambda match: hidden[int(match.group(1)) - 1], translation))


def bring_back_anyhow(translation: str, hidden: Sequence[str]) -> str:
    """`bring_back` where marks are lost or doubled: what is lost comes at the end."""
    left = dict(enumerate(hidden, start=1))
    text = _MARK.sub(lambda match: left.pop(int(match.group(1)), ""), translation)
    return _unglued(" ".join([*text.split(), *left.values()]))


def _unglued(text: str) -> str:
    return re.sub(f" ?{_GLUE} ?", "", text)
