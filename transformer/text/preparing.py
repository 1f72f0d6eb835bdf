"""From a typed line to the sentences that the model reads, and from its answers to a line."""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from ..config import TextConfig
from ..data.tokenizer import Tokenizer
from ..errors import UserError
from .capitals import is_shouted, shout
from .characters import (
    cut_at_symbols,
    is_unreadable,
    with_apostrophes,
    with_bytes,
    with_plain_marks,
)
from .conventions import language_of
from .detecting import is_already, is_neither
from .english import ENGLISH
from .german import GERMAN, is_german
from .joining import Translation
from .layout import Layout, laid_out
from .markup import Align, Bare, Range, bared, is_markup, marked_up, without
from .quotes import closed, leaves_open
from .rules import NEUTRAL
from .sentences import cut, split_sentences
from .spans import Spans, bring_back, bring_back_anyhow, has_markup, keeps_markup

MAX_PIECES = 4096
"""Of a text that is not cut, unless sources in training were longer. The memory of attention grows
with the square of the length: at this one, eight heads take half a gigabyte in each layer."""

_LINE_END = re.compile(r"(\r?\n|\r)")

_MAY_HAVE_MARKUP = re.compile(r"[<\[*_~]")

Searches = Generator[list[int], list[Translation], list[Translation]]
"""Yields ids to search for, EOS included, as often as need be; is sent what each search finds, best
first; returns the translations."""

# The warnings. The service's page knows their wording: see serving/page/texts.js.
FOREIGN = "it seems to be neither German nor English"


def already_in(language: str) -> str:
    """The warning about what needs no translation."""
    return f"left as it is: {language} already, it seems"


def missing(typed: str) -> str:
    """The warning about what a translation lacks of the text."""
    return f"{typed} is missing or changed"


@dataclass(frozen=True)
class Sentence:
    """What one search translates: a sentence, or a part of one that is too long."""

    ids: list[int]  # what the model reads, EOS at the end
    plain: str  # the same with nothing hidden
    hidden: tuple[str, ...]  # what @1, @2 … stand for, as the target language writes it
    shouted: bool  # it was in capitals
    warnings: tuple[str, ...] = ()  # about the sentence, whatever its translation

    def written(self, translation: Translation) -> Translation:
        """The translation in capitals, if the sentence was, and with the sentence's warnings."""
        text = shout(translation.text) if self.shouted else translation.text
        return replace(translation, text=text, warnings=self.warnings)


@dataclass(frozen=True)
class Line:
    """A line to translate: its sentences, and between them text that stays as it is."""

    parts: list[Sentence | Translation | str]  # what is not to be translated is there already

    @property
    def sentences(self) -> list[Sentence]:
        """Those to search for, in order."""
        return [part for part in self.parts if isinstance(part, Sentence)]

    def filled(self, found: Iterable[list[Translation]]) -> list[list[Translation]]:
        """Returns the choices for each part, given what was found for each sentence."""
        answers = iter(found)
        return [
            next(answers) if isinstance(part, Sentence) else [_as_it_is(part)]
            for part in self.parts
        ]


def _as_it_is(part: Translation | str) -> Translation:
    if isinstance(part, Translation):
        return part
    return Translation(part.framed() if isinstance(part, Layout) else part.strip(" "), 0.0)


class Preparer:
    """Prepares what was typed for one model.

    Args:
        tokenizer: the one of the model.
        settings: what to do to a text.
        src_lang: the source language; German has rules of its own.
        tgt_lang: the target language, whose conventions numbers come back in.
        longest_src: pieces of the longest source seen in training, EOS included; None if unknown.
        align: tells where in a translation markup belongs; None: nothing does.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        settings: TextConfig,
        *,
        src_lang: str,
        tgt_lang: str,
        longest_src: int | None,
        align: Align | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._settings = settings
        self._align = align
        self._languages = src_lang, tgt_lang
        others = ENGLISH if language_of(src_lang) == "en" else NEUTRAL
        self._rules = GERMAN if is_german(src_lang) else others
        self._respells = (
            settings.restore_umlauts if self._rules is GERMAN else settings.american_spelling
        )
        self._longest = MAX_PIECES if longest_src is None else longest_src
        self._unreadable = cache(lambda c: is_unreadable(c, tokenizer))
        self._spans = Spans(
            src_lang,
            tgt_lang,
            self._unreadable,
            rare=lambda word: len(word) < 2 * len(tokenizer.encode(word)),
        )

    def prepare(self, line: str) -> Line:
        """Cuts a line into its sentences and what stands between them.

        Raises:
            UserError: the settings forbid cutting it, and the line is too long.
        """
        parts: list[Sentence | Translation | str] = []
        for i, row in enumerate(_LINE_END.split(with_bytes(line))):
            if i % 2:  # the end of a line, which stays
                parts.append(row)
                continue
            for field in laid_out(row) if self._settings.keep_layout else [row]:
                if isinstance(field, Layout):
                    parts.append(field)
                    continue
                for run, stays in cut_at_symbols(field, self._tokenizer):
                    parts += [run] if stays or self._says_nothing(run) else self._sentences(run)
        return Line(parts)

    def _says_nothing(self, text: str) -> bool:
        # Numbers, rulers, time codes, other alphabets: nothing that the model could translate.
        return self._settings.placeholders and bool(text.strip()) and not self._has_letters(text)

    def _has_letters(self, text: str) -> bool:
        return any(c.isalpha() and not self._unreadable(c) for c in text)

    def searches(self, sentence: Sentence) -> Searches:
        """Says what to search for, one search after the other, until a sentence is translated.

        Most sentences need one search. If all its translations have lost a mark, the next search is
        for the sentence with nothing hidden. If the best translation then lacks something that must
        be in it, the next search is for the sentence with a mark in the place of every number. If
        that loses marks, too, what stands between the marks is translated piece by piece. So it is
        at once where the marks stand for tags.

        If there is an aligner, tags are no marks: the sentence is translated without them, and they
        are put in their places afterwards. If one finds none, all goes as if there were no aligner.
        """
        spans = self._markup(sentence.plain) if self._align and sentence.hidden else []
        bare = bared(sentence.plain, spans) if spans else None
        if bare and self._markup(bare.text):  # ~ and ~ are ~~ without the tag between them
            bare = None
        if bare and self._align and self._has_letters(bare.text):
            found = yield from self._around_markup(sentence, bare, self._align)
            if found:
                return found
        return (yield from self._searched(sentence))

    def _searched(self, sentence: Sentence) -> Searches:
        found = [sentence.written(each) for each in (yield sentence.ids)]
        if sentence.hidden:
            shown = self._tokenizer.decode(sentence.ids[:-1])
            whole = _with_all_marks(found, shown, sentence.hidden)
            if not whole and has_markup(sentence.hidden):
                found = [(yield from self._piece_by_piece(sentence))]
                return [self._warned(sentence, each) for each in found]
            if not whole:
                ids = self._ids(sentence.plain)
                if len(ids) <= self._longest:
                    whole = [sentence.written(each) for each in (yield ids)]
                else:
                    whole = [
                        replace(each, text=bring_back_anyhow(each.text, sentence.hidden))
                        for each in found
                    ]
            found = whole
        if not self._settings.placeholders:
            return found
        found = self._faultless_first(sentence, self._with_hours_as_typed(sentence, found))
        lost = self._spans.lost(sentence.plain, found[0].text)
        if not lost:
            return found
        words = any(re.match(r"[2-9](?:\s\w+)?$|[^\W\d]", typed) for typed in lost)
        spans = self._spans.hide(sentence.plain, numbers=True, words=words)
        if spans.typed:
            again = [sentence.written(each) for each in (yield self._ids(spans.shown))]
            whole = _with_all_marks(again, spans.shown, spans.written)
            found = (
                self._faultless_first(sentence, self._with_hours_as_typed(sentence, whole)) or found
            )
        if self._spans.lost(sentence.plain, found[0].text):
            found = [(yield from self._piece_by_piece(sentence))]
        return [self._warned(sentence, each) for each in found]

    def _faultless_first(
        self, sentence: Sentence, found: Sequence[Translation]
    ) -> list[Translation]:
        # The others have lost something, or close no quotation mark.
        def faults(each: Translation) -> tuple[bool, bool]:
            return (
                bool(self._spans.lost(sentence.plain, each.text)),
                leaves_open(sentence.plain, each.text),
            )

        if not found or not any(faults(found[0])):
            return list(found)
        sorted_ = sorted(found, key=faults)  # as found, among equals
        return [replace(each, text=closed(sentence.plain, each.text)) for each in sorted_]

    def _with_hours_as_typed(
        self, sentence: Sentence, found: Sequence[Translation]
    ) -> list[Translation]:
        as_typed = self._spans.with_hours_as_typed
        return [replace(each, text=as_typed(sentence.plain, each.text)) for each in found]

    def _around_markup(self, sentence: Sentence, bare: Bare, align: Align) -> Searches:
        hidden = self._spans.hide(bare.text)
        ids = self._ids(hidden.shown)
        inner = Sentence(ids, bare.text, hidden.written, sentence.shouted, sentence.warnings)
        spans = self._spans.find(bare.text, numbers=True)
        wholes = [((span.start, span.end), span.written) for span in spans]
        found = []
        for rank, each in enumerate((yield from self._searched(inner))):
            said = each.text.lower() if sentence.shouted else each.text
            alignment = align(bare.text, said) if len(said) == len(each.text) else None
            text = alignment and marked_up(bare, each.text, alignment, wholes)
            if text:
                found.append(replace(each, text=text))
            elif rank == 0:
                return []
        return [self._warned(sentence, each) for each in found]

    def _changed(self, text: str, change: Callable[[str], str]) -> str:
        if change(text) == text:
            return text
        parts, end = [], 0
        for span in self._spans.find(text, numbers=False):
            if span.kind == "verbatim":  # such as an address
                # What follows may matter, such as a digit behind "no."
                first = span.typed[0]
                before = change(text[end : span.start] + first)
                if not before.endswith(first):
                    before = change(text[end : span.start]) + first
                parts += [before.removesuffix(first), span.typed]
                end = span.end
        return "".join([*parts, change(text[end:])])

    def _markup(self, text: str) -> list[Range]:
        if not _MAY_HAVE_MARKUP.search(text):
            return []
        spans = self._spans.find(text, numbers=False)
        return [
            (span.start, span.end)
            for span in spans
            if span.kind == "verbatim" and is_markup(span.typed)
        ]

    def _piece_by_piece(
        self, sentence: Sentence
    ) -> Generator[list[int], list[Translation], Translation]:
        text, score, confidence, end = "", 0.0, 1.0, 0
        for span in [*self._spans.find(sentence.plain, numbers=True), None]:
            piece = sentence.plain[end : span.start if span else None]
            words = piece.strip(" ,;:–-")
            if self._has_letters(words):
                best = sentence.written((yield self._ids(words))[0])
                piece = piece.replace(words, _as_part(best.text, words))
                score, confidence = score + best.score, min(confidence, best.confidence)
            text += piece
            if span:
                text, end = text + span.written, span.end
        return Translation(text.strip(), score, confidence)

    def _warned(self, sentence: Sentence, found: Translation) -> Translation:
        lost = self._spans.lost(sentence.plain, found.text)
        changed = tuple(map(missing, lost))
        return replace(found, warnings=(*sentence.warnings, *changed))

    def encoded(self, name: str, text: str) -> list[int]:
        """Returns the ids of a text just as it is, without EOS.

        Raises:
            UserError: it is too long; the message calls it by `name`.
        """
        ids = self._tokenizer.encode(with_bytes(text))
        self._check_length(name, ids)
        return ids

    def _check_length(self, name: str, ids: Sequence[int]) -> None:
        longest = max(MAX_PIECES, self._longest)
        if len(ids) > longest:
            raise UserError(
                f"a {name} that is not cut must have at most {longest:,} pieces; found one of "
                f"{len(ids):,}; cut it into sentences"
            )

    def _ids(self, text: str) -> list[int]:
        return [*self._tokenizer.encode(text), self._tokenizer.eos_id]

    def _sentences(self, text: str) -> Iterator[Sentence | Translation]:
        settings, tokenizer = self._settings, self._tokenizer
        text = with_plain_marks(with_apostrophes(text), tokenizer)
        if settings.restore_umlauts:
            text = self._changed(text, self._rules.without_signs)
        if settings.placeholders:
            text = self._changed(text, self._rules.plainly)
        ids = tokenizer.encode(text)
        if settings.split == "never":
            self._check_length("line", ids)
            whole = True
        else:
            whole = settings.split == "long" and len(ids) < self._longest
        warnings: tuple[str, ...]
        for typed in [text] if whole else split_sentences(text, self._rules):
            words = without(typed, self._markup(typed))
            if settings.keep_target_language and is_already(words, *self._languages):
                warnings = (already_in(self._languages[1]),)
                yield Translation(typed.strip(" "), 0.0, warnings=warnings)
                continue
            below, warnings = settings.foreign_below, ()
            if below is not None and is_neither(words, tokenizer, below):
                warnings = (FOREIGN,)
            # Hidden even if the model is to see them, so that they are not lowered or respelled.
            spans = self._spans.hide(typed)
            shown, hidden = spans.shown, spans.written
            shouted = settings.lower_shouting and is_shouted(shown, self._rules.no_capital)
            if shouted:
                shown = shown.lower()
            if self._respells:
                shown = self._rules.respell(shown, tokenizer)
            plain = bring_back(shown, spans.typed) if hidden else shown
            assert plain is not None  # nothing has touched the marks
            if not settings.placeholders:
                shown, hidden = plain, ()
            ids = tokenizer.encode(shown)
            parts = [ids]
            if not whole and len(ids) >= self._longest:
                parts, hidden = cut(tokenizer.encode(plain), self._longest - 1, tokenizer), ()
            for part in parts:
                if part:
                    if len(parts) > 1:
                        plain = tokenizer.decode(part)
                    yield Sentence([*part, tokenizer.eos_id], plain, hidden, shouted, warnings)
                    warnings = ()  # told once


def _as_part(translation: str, words: str) -> str:
    # Without the full stop and the capital of a sentence, if the words of the text have none.
    if not words.endswith((".", "!", "?", "…")):
        translation = translation.rstrip(".")
    first = translation.split(" ")[0]
    if words[0].islower() and first[1:].islower() and not first.startswith("I'"):
        translation = translation[0].lower() + translation[1:]
    return translation


def _with_all_marks(
    translations: Iterable[Translation], shown: str, hidden: tuple[str, ...]
) -> list[Translation]:
    # Those that have every mark once, with what it stands for in its place.
    texts = [(each, bring_back(each.text, hidden)) for each in translations]
    return [
        replace(each, text=text)
        for each, text in texts
        if text is not None and keeps_markup(shown, each.text, hidden)
    ]
