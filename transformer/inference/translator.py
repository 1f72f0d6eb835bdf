"""Text in, text out: the class that people use."""

from __future__ import annotations

import copy
import inspect
import os
import re
import textwrap
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

from ..checkpoint import RunDirectory, load_run
from ..config import DecodingConfig
from ..data.batching import search_batches
from ..data.tokenizer import Tokenizer
from ..device import choose_device
from ..errors import UserError
from ..model.encoder_decoder import Transformer
from ..model.sampling import Sampling
from .checks import check_number, check_text, check_texts
from .engine import Engine, TorchEngine
from .precision import Precision, check_precision, convert
from .shortlist import NAME as SHORTLIST
from .shortlist import Shortlist
from .text import (
    bring_back,
    bring_back_anyhow,
    cut,
    cut_at_symbols,
    hide_verbatim,
    is_shouted,
    keeps_numbers,
    printable,
    restore_umlauts,
    shout,
    split_sentences,
    with_apostrophes,
    with_bytes,
)
from .workers import MAX_WORKERS, Submit, Workers

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .beam_search import Hypothesis

FIRST_WINDOW, WINDOW = 32, 1024
"""Lines sorted by length together when a stream is translated: bounded memory, little padding. The
first windows are small and double, so that the first translations come at once."""


MAX_WINDOW, MAX_SAMPLES, MAX_ALTERNATIVES = 100_000, 1000, 100
"""Of what a call may ask for: far more than is of use, and less than fills the memory."""

MAX_PIECES = 4096
"""Of a text that is not cut, unless sources in training were longer. The memory of attention grows
with the square of the length: at this one, eight heads take half a gigabyte in each layer."""

USUAL_BEAM = 8
"""Up to this many hypotheses a batch holds `batch_tokens`, beyond in proportion fewer, so that it
takes no more memory."""


class SearchSettings(TypedDict, total=False):
    """What a call may set anew: any of `DecodingConfig`."""

    beam_size: int
    length_penalty: Literal["paper", "power", "none"]
    alpha: float
    patience: float | None
    coverage_penalty: float
    no_repeat_ngram_size: int
    max_extra_tokens: int
    batch_tokens: int
    split: Literal["long", "always", "never"]
    placeholders: bool
    restore_umlauts: bool
    lower_shouting: bool


M = TypeVar("M", bound=Callable[..., Any])


def _lists_settings(method: M) -> M:
    # To the docstring, since `help` shows no more of **settings than that there are some.
    fields = DecodingConfig.model_fields.items()
    entries = [
        textwrap.fill(
            " ".join(f"{name}={field.default!r}: {field.description}".split()),
            width=96,
            initial_indent=" " * 4,
            subsequent_indent=" " * 8,
        )
        for name, field in fields
    ]
    method.__doc__ = "\n".join([inspect.cleandoc(method.__doc__ or ""), "", "Settings:", *entries])
    return method


@dataclass(frozen=True)
class Translation:
    """One translation of a line and how sure the model is of it."""

    text: str
    score: float  # log-probability after the length penalty; only comparable for the same line


@dataclass(frozen=True)
class Score:
    """How likely the model finds a translation, piece by piece."""

    pieces: tuple[str, ...]  # as sentencepiece writes them, the end of the sentence last
    log_probs: tuple[float, ...]  # natural logarithms, one a piece

    @property
    def log_prob(self) -> float:
        """Of the whole translation."""
        return sum(self.log_probs)


class Translator:
    """Translates with a model and its tokenizer.

    Args:
        model: trained, and then put into evaluation mode; or another engine.
        tokenizer: the one it was trained with.
        decoding: beam size, length penalty and so on; the paper's by default.
        longest_src: pieces of the longest source seen in training; longer lines are cut into
            sentences (see `DecodingConfig.split`). None: it is unknown, and only lines of more than
            4,096 pieces are.

    One that was loaded from a folder can be pickled; what unpickles it loads it again. So
    `multiprocessing.Pool().map(translator.translate, lines)` works.

    Raises:
        UserError: longest_src below 2.

    Example::

        translator = Translator.load()
        translator.translate("Die Pizza kam aus dem Ofen und schmeckte gut.")
    """

    def __init__(
        self,
        model: Transformer | Engine,
        tokenizer: Tokenizer,
        decoding: DecodingConfig | None = None,
        *,
        longest_src: int | None = None,
    ) -> None:
        if longest_src is not None:
            check_number("longest_src", longest_src, 2)
        self.engine = TorchEngine(model, tokenizer) if isinstance(model, Transformer) else model
        self._workers = Workers(self.engine)
        self.tokenizer = tokenizer
        self.decoding = decoding or DecodingConfig()
        self.longest_src = longest_src
        self._load_model: Callable[[], Transformer] | None = None
        self._model: Transformer | None = None
        # The class method that loaded it, and its arguments.
        self._source: tuple[str, dict[str, Any]] | None = None

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        device: str = "cpu",
        precision: Precision = "fp32",
        shortlist: bool = False,
    ) -> Translator:
        """The model of a run directory, or without `path` the one that ships with the package.

        Args:
            path: the run directory.
            device: cpu, cuda, cuda:1, mps, or auto: a GPU if there is one.
            precision: of the matrix products; see `convert`.
            shortlist: use the run's vocabulary shortlist, made by scripts/build_shortlist.py.

        Raises:
            CheckpointError: no run directory, or one without usable weights or shortlist.
            UserError: no such device or precision, or int8 where it is not possible.
        """
        check_precision(precision)
        chosen = choose_device(device)
        run = RunDirectory.shipped() if path is None else RunDirectory(path)
        loaded = load_run(run, "translation")
        pieces = None
        if shortlist:
            n = loaded.tokenizer.vocab_size
            pieces = Shortlist.load(run.path / SHORTLIST, vocab_size=n)
        translator = cls(
            TorchEngine(convert(loaded.model.to(chosen), precision), loaded.tokenizer, pieces),
            loaded.tokenizer,
            loaded.config.decoding,
            longest_src=loaded.longest_src,
        )
        again = RunDirectory(run.path.absolute())  # found from another working directory, too
        translator._load_model = lambda: load_run(again, "translation").model
        translator._source = (
            "load",
            {
                "path": str(run.path),
                "device": device,
                "precision": precision,
                "shortlist": shortlist,
            },
        )
        return translator

    @classmethod
    def load_ctranslate2(
        cls,
        path: str | Path,
        *,
        device: str = "cpu",
        threads: int | None = None,
        compute_type: str = "default",
    ) -> Translator:
        """A folder that `transformer-export --format ctranslate2` wrote, run by CTranslate2.

        Args and errors: see `CTranslate2Engine.load`.
        """
        from .ctranslate2_engine import CTranslate2Engine

        engine = CTranslate2Engine.load(
            path, device=device, threads=threads, compute_type=compute_type
        )
        decoding = RunDirectory(path).load_config().decoding
        translator = cls(engine, engine.tokenizer, decoding, longest_src=engine.longest_src)
        translator._source = (
            "load_ctranslate2",
            {
                "path": str(RunDirectory(path).path.absolute()),
                "device": device,
                "threads": threads,
                "compute_type": compute_type,
            },
        )
        return translator

    def __reduce__(self) -> tuple[Any, ...]:
        if self._source is None:
            raise UserError(
                "only a translator that was loaded from a folder can be pickled; this one was made "
                "of a model"
            )
        method, arguments = self._source
        return _reloaded, (method, tuple(arguments.items()), self.decoding, self.longest_src)

    # Copies are of what is there; only a pickle loads it again.

    def __copy__(self) -> Translator:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Translator:
        other = copy.copy(self)
        other.engine = copy.deepcopy(self.engine, memo)
        other._model = copy.deepcopy(self._model, memo)
        other._workers = Workers(other.engine)
        return other

    @property
    def model(self) -> Transformer:
        """The model as it was trained, to look into.

        What `load` has made ready to search fast no longer has its layers, so it is loaded again
        when it is first asked for.

        Raises:
            UserError: another engine has none.
        """
        if self._load_model is not None:
            self._model, self._load_model = self._load_model(), None
        return self._model or self._torch_engine("model").model

    @_lists_settings
    def translate(self, text: str, *, prefix: str = "", **settings: Unpack[SearchSettings]) -> str:
        """The best translation of one text.

        Args:
            text: to translate.
            prefix: what the translation begins with.
            settings: what is not as in `decoding`; see below.

        Raises:
            UserError: text or prefix is not a str, or a setting is unknown or impossible.
        """
        check_text("text", text)
        check_text("prefix", prefix)
        return self.translate_batch([text], prefixes=[prefix], **settings)[0][0].text

    @_lists_settings
    def translate_batch(
        self,
        lines: Iterable[str],
        *,
        n_best: int = 1,
        prefixes: Iterable[str] | None = None,
        workers: int = 1,
        **settings: Unpack[SearchSettings],
    ) -> list[list[Translation]]:
        """For each line its n_best translations, best first.

        Those of a line are distinct: what the search finds twice, spelled with other pieces, comes
        once, so that there may be fewer. Of a line that was cut into sentences they are the
        combinations with the best sums of scores; of one whose addresses were hidden, only those
        that have all of them. An empty line gives one empty translation.

        Args:
            lines: to translate.
            n_best: translations a line at most, no more than beam_size.
            prefixes: for each line, what its translations begin with.
            workers: processes that search at the same time; they stay for later calls, with the
                model as it is at the first.
            settings: what is not as in `decoding`; see below.

        Raises:
            UserError: one text in place of several, a line or prefix that is not a str, n_best
                above beam_size, either or workers below 1, a setting that is unknown or impossible,
                or another number of prefixes than of lines.
        """
        lines = list(check_texts("line", lines))
        if prefixes is not None:
            prefixes = list(check_texts("prefix", prefixes))
            if len(prefixes) != len(lines):
                raise UserError(f"{len(lines)} lines have {len(prefixes)} prefixes")
        chosen = self._settings(settings, n_best)
        with self._workers.searching(chosen, n_best, workers) as submit:
            return self._begin(lines, chosen, submit, prefixes, n_best)()

    @_lists_settings
    def translate_stream(
        self,
        lines: Iterable[str],
        *,
        n_best: int = 1,
        prefix: str = "",
        workers: int = 1,
        window: int = WINDOW,
        first_window: int = FIRST_WINDOW,
        **settings: Unpack[SearchSettings],
    ) -> Iterator[list[Translation]]:
        """`translate_batch` for any number of lines, in order.

        Args:
            lines: to translate; with one worker `window` of them are in memory at a time, with more
                twice as many.
            n_best, workers, settings: as in `translate_batch`.
            prefix: what every translation begins with.
            window: lines sorted by length together.
            first_window: lines translated first, so that the first come soon; twice as many next.

        Raises:
            UserError: as `translate_batch`, and a window below 1.
        """
        lines = check_texts("line", lines)
        check_text("prefix", prefix)
        check_number("window", window, 1, MAX_WINDOW)
        check_number("first_window", first_window, 1, MAX_WINDOW)
        check_number("workers", workers, 1, MAX_WORKERS)
        chosen = self._settings(settings, n_best)
        return self._stream(lines, chosen, n_best, prefix, workers, window, first_window)

    def _stream(
        self,
        lines: Iterator[str],
        chosen: DecodingConfig,
        n_best: int,
        prefix: str,
        workers: int,
        window: int,
        first_window: int,
    ) -> Iterator[list[Translation]]:
        size = min(first_window, window)
        begun: deque[Callable[[], list[list[Translation]]]] = deque()
        with self._workers.searching(chosen, n_best, workers) as submit:
            while chunk := list(islice(lines, size)):
                begun.append(self._begin(chunk, chosen, submit, [prefix] * len(chunk), n_best))
                # Workers go on with the next window while the last of this one are still at it.
                if workers == 1 or len(begun) > 1:
                    yield from begun.popleft()()
                size = min(2 * size, window)
            while begun:
                yield from begun.popleft()()

    def sample(
        self, text: str, n: int = 1, *, prefix: str = "", sampling: Sampling | None = None
    ) -> list[Translation]:
        """n translations drawn at random, in no order; the same seed gives the same ones.

        Raises:
            UserError: n outside 1 … 1,000, text or prefix is not a str, or the engine cannot
                sample.
        """
        check_number("n", n, 1, MAX_SAMPLES)
        engine = self._torch_engine("sample")
        # Drawn at random, a translation may lose a mark: nothing is hidden.
        settings = self.decoding.model_copy(update={"placeholders": False})
        texts = [check_text("text", text)]
        [plan], sources, given = self._plan(texts, settings, [check_text("prefix", prefix)])
        found: list[list[Translation]] = [[] for _ in sources]
        for i, (source, begins) in enumerate(zip(sources, given, strict=True)):
            # As many rows as a search with the usual beam has of such a source.
            length = max(len(source.ids), len(begins))
            size = max(1, USUAL_BEAM * settings.batch_tokens // length)
            for ranks in (range(n)[first : first + size] for first in range(0, n, size)):
                drawn = engine.sample(
                    [source.ids] * len(ranks),
                    self.decoding,
                    sampling or Sampling(),
                    [begins] * len(ranks),
                    [rank * len(sources) + i for rank in ranks],
                )
                found[i] += [self._translation(hypothesis, source) for hypothesis in drawn]
        parts = [part * n if len(part) == 1 else part for part in _parts(plan, found)]
        return [_joined(part[rank] for part in parts) for rank in range(n)]

    def score(self, text: str, translation: str) -> Score:
        """How likely the model finds this translation of a text.

        Both as they are: nothing is cut into sentences, hidden, or spelled anew.

        Raises:
            UserError: either is not a str or has more than 4,096 pieces, or the engine cannot
                score.
        """
        engine = self._torch_engine("score")
        eos = self.tokenizer.eos_id
        source = [*self._encode("text", text), eos]
        target = [*self._encode("translation", translation), eos]
        [log_probs] = engine.score([source], [target])
        return Score(tuple(self.tokenizer.pieces(target)), tuple(log_probs))

    @_lists_settings
    def alternatives(
        self, text: str, prefix: str = "", n: int = 5, **settings: Unpack[SearchSettings]
    ) -> list[Translation]:
        """What else could follow a prefix of the translation.

        Args:
            text: to translate, as one sentence, just as it is.
            prefix: how the translation begins.
            n: how many of the likeliest next pieces to follow.
            settings: what is not as in `decoding`; see below.

        Returns:
            For each such piece, the likeliest first, the best translation that goes on with it, but
            each text once; none for an empty text.

        Raises:
            UserError: n outside 1 … 100, text or prefix is not a str or has more than 4,096 pieces,
                a setting is unknown or impossible, or the engine cannot tell.
        """
        check_number("n", n, 1, MAX_ALTERNATIVES)
        chosen = self._settings(settings)
        engine = self._torch_engine("alternatives")
        source = [*self._encode("text", text), self.tokenizer.eos_id]
        begins = self._encode("prefix", prefix)
        if len(source) == 1:
            return []
        # One more, since the end of the sentence is among them and goes on with nothing.
        tokens = [token for token, _ in engine.next_tokens(source, begins, n + 1)]
        tokens = [token for token in tokens if token != self.tokenizer.eos_id][:n]
        prefixes = [[*begins, token] for token in tokens]
        found: list[list[Hypothesis]] = []
        for places in _batches([source] * len(tokens), prefixes, chosen):
            some = [prefixes[i] for i in places]
            found += engine.search([source] * len(some), chosen, 1, some)
        return _distinct(self._translation(best[0]) for best in found)

    def _torch_engine(self, method: str) -> TorchEngine:
        if not isinstance(self.engine, TorchEngine):
            raise UserError(f"{method} needs a run directory; this engine only translates")
        return self.engine

    def _settings(self, changes: SearchSettings, n_best: int = 1) -> DecodingConfig:
        chosen = DecodingConfig(**{**self.decoding.model_dump(), **changes})
        if check_number("n_best", n_best, 1) > chosen.beam_size:
            raise UserError(
                f"n_best must be between 1 and beam_size ({chosen.beam_size}); found {n_best}"
            )
        return chosen

    def _plan(
        self, lines: Sequence[str], settings: DecodingConfig, prefixes: Sequence[str] | None
    ) -> tuple[list[list[int | str]], list[_Source], list[list[int]]]:
        # For each line its parts: places among the sources, and text that stays. Then the sources,
        # and what their translations begin with.
        plans: list[list[int | str]] = []
        sources: list[_Source] = []
        given: list[list[int]] = []
        for number, line in enumerate(lines):
            plan: list[int | str] = []
            begins = self._encode("prefix", prefixes[number]) if prefixes else []
            for i, part in enumerate(with_bytes(line).split("\n")):
                plan += ["\n"] * (i > 0)
                for text, stays in cut_at_symbols(part, self.tokenizer):
                    if stays:
                        plan.append(text)
                        continue
                    for source in self._sources(text, settings):
                        plan.append(len(sources))
                        sources.append(source)
                        given.append(begins)
                        begins = []  # only the first sentence begins so
            plans.append(plan)
        return plans, sources, given

    def _begin(
        self,
        lines: Sequence[str],
        settings: DecodingConfig,
        submit: Submit,
        prefixes: Sequence[str] | None,
        n_best: int,
    ) -> Callable[[], list[list[Translation]]]:
        # Hands over the searches of some lines and returns what waits for their translations.
        plans, sources, given = self._plan(lines, settings, prefixes)
        batches = _batches([source.ids for source in sources], given, settings)
        waiting = [
            (
                indices,
                submit(
                    [sources[i].ids for i in indices],
                    [given[i] for i in indices] if any(given) else None,
                ),
            )
            for indices in batches
        ]

        def finish() -> list[list[Translation]]:
            found: list[list[Translation]] = [[] for _ in sources]
            for indices, result in waiting:
                for i, hypotheses in zip(indices, result(), strict=True):
                    found[i] = self._translations(hypotheses, sources[i], given[i], settings)
            return [_best(_parts(plan, found), n_best) for plan in plans]

        return finish

    def _encode(self, name: str, text: str) -> list[int]:
        ids = self.tokenizer.encode(with_bytes(check_text(name, text)))
        self._check_length(name, ids)
        return ids

    def _check_length(self, name: str, ids: Sequence[int]) -> None:
        longest = max(MAX_PIECES, self._longest)
        if len(ids) > longest:
            raise UserError(
                f"a {name} that is not cut must have at most {longest:,} pieces; found one of "
                f"{len(ids):,}; cut it into sentences"
            )

    @property
    def _longest(self) -> int:
        # Pieces of a source, EOS included; longer ones are cut.
        return MAX_PIECES if self.longest_src is None else self.longest_src

    def _sources(self, text: str, settings: DecodingConfig) -> Iterator[_Source]:
        # One for each sentence, or for each part of one that is too long.
        longest = self._longest
        text = with_apostrophes(text)
        ids = self.tokenizer.encode(text)
        whole = settings.split == "never" or (settings.split == "long" and len(ids) + 1 <= longest)
        if settings.split == "never":
            self._check_length("line", ids)
        for sentence in [text] if whole else split_sentences(text):
            shown, hidden = hide_verbatim(sentence)
            shouted = settings.lower_shouting and is_shouted(shown)
            if shouted:
                shown = shown.lower()
            if settings.restore_umlauts:
                shown = restore_umlauts(shown, self.tokenizer)
            plain = bring_back(shown, hidden) if hidden else shown
            assert plain is not None  # nothing has touched the marks
            if not settings.placeholders:
                shown, hidden = plain, ()
            ids = self.tokenizer.encode(shown)
            parts = [ids]
            if not whole and len(ids) + 1 > longest:
                parts, hidden = cut(self.tokenizer.encode(plain), longest - 1, self.tokenizer), ()
            for part in parts:
                if part:
                    if len(parts) > 1:
                        plain = self.tokenizer.decode(part)
                    yield _Source([*part, self.tokenizer.eos_id], plain, hidden, shouted)

    def _translations(
        self,
        hypotheses: Sequence[Hypothesis],
        source: _Source,
        begins: list[int],
        settings: DecodingConfig,
    ) -> list[Translation]:
        found = self._whole(hypotheses, source, begins, settings)
        if not settings.placeholders or keeps_numbers(source.plain, found[0].text):
            return found
        # A digit was lost or exchanged: with a mark for every number, if none of these is lost.
        shown, hidden = hide_verbatim(source.plain, numbers=True)
        if not hidden:
            return found
        ids = [*self.tokenizer.encode(shown), self.tokenizer.eos_id]
        [hypotheses] = self.engine.search([ids], settings, len(hypotheses), [begins])
        return self._with_all_marks(hypotheses, replace(source, hidden=hidden)) or found

    def _with_all_marks(
        self, hypotheses: Sequence[Hypothesis], source: _Source
    ) -> list[Translation]:
        texts = [bring_back(self._text(h, source), source.hidden) for h in hypotheses]
        return [
            Translation(text, h.score)
            for text, h in zip(texts, hypotheses, strict=True)
            if text is not None
        ]

    def _whole(
        self,
        hypotheses: Sequence[Hypothesis],
        source: _Source,
        begins: list[int],
        settings: DecodingConfig,
    ) -> list[Translation]:
        # What was hidden is there again.
        if source.hidden:
            whole = self._with_all_marks(hypotheses, source)
            if whole:
                return whole
            # All have lost one of them: without hiding, then.
            ids = [*self.tokenizer.encode(source.plain), self.tokenizer.eos_id]
            if len(ids) > self._longest:
                return [
                    Translation(bring_back_anyhow(self._text(h, source), source.hidden), h.score)
                    for h in hypotheses
                ]
            [hypotheses] = self.engine.search([ids], settings, len(hypotheses), [begins])
        return [self._translation(hypothesis, source) for hypothesis in hypotheses]

    def _translation(self, hypothesis: Hypothesis, source: _Source | None = None) -> Translation:
        return Translation(self._text(hypothesis, source), hypothesis.score)

    def _text(self, hypothesis: Hypothesis, source: _Source | None) -> str:
        text = printable(self.tokenizer.decode(hypothesis.ids))
        return shout(text) if source is not None and source.shouted else text


@dataclass(frozen=True)
class _Source:
    """What is translated at once: a sentence, or a part of one."""

    ids: list[int]  # EOS at the end
    plain: str  # the same with nothing hidden
    hidden: tuple[str, ...]  # what @1, @2 … stand for
    shouted: bool  # it was in capitals


def _batches(
    sources: Sequence[Sequence[int]], prefixes: Sequence[Sequence[int]], settings: DecodingConfig
) -> list[list[int]]:
    # Places of sources that are searched together.
    lengths = [max(map(len, pair)) for pair in zip(sources, prefixes, strict=True)]
    wide = max(settings.beam_size, USUAL_BEAM)
    return search_batches(lengths, settings.batch_tokens * USUAL_BEAM // wide)


def _parts(plan: list[int | str], found: list[list[Translation]]) -> list[list[Translation]]:
    return [
        found[part] if isinstance(part, int) else [Translation(part.strip(" "), 0.0)]
        for part in plan
    ]


def _best(parts: list[list[Translation]], n: int) -> list[Translation]:
    """The n combinations of one translation of each part that have the best sums of scores.

    A translation that was cut off stands behind those that have ended, though its score may be
    better: it counts as much as the one before it.
    """
    best: list[tuple[float, Any]] = [(0.0, None)]  # sum, and a chain of what was chosen so far
    for part in parts:
        choices = _distinct(part)
        counted = list(accumulate((choice.score for choice in choices), min))
        # Pair (i, j) is no better than the (i + 1) · (j + 1) - 1 others up to i and up to j.
        pairs = [
            (-(total + counted[j]), i, j)
            for i, (total, _) in enumerate(best)
            for j in range(min(len(choices), n // (i + 1)))
        ]
        best = [(-loss, (best[i][1], choices[j])) for loss, i, j in sorted(pairs)[:n]]
    return _distinct(_joined(_unchained(chain)) for _, chain in best)


def _unchained(chain: Any) -> list[Translation]:
    chosen = []
    while chain is not None:
        chain, last = chain
        chosen.append(last)
    return chosen[::-1]


def _joined(parts: Iterable[Translation]) -> Translation:
    parts = list(parts)
    text = re.sub(" ?\n ?", "\n", " ".join(part.text for part in parts if part.text))
    return Translation(text, sum(part.score for part in parts))


def _distinct(translations: Iterable[Translation]) -> list[Translation]:
    # The first of each text.
    found: dict[str, Translation] = {}
    for translation in translations:
        found.setdefault(translation.text, translation)
    return list(found.values())


def _reloaded(
    method: str,
    arguments: tuple[tuple[str, Any], ...],
    decoding: DecodingConfig,
    longest_src: int | None,
) -> Translator:
    # Of a pickle: it is loaded once in a process, though Pool.map sends it along with every task.
    translator = copy.copy(_loaded(os.getpid(), method, arguments))
    translator.decoding, translator.longest_src = decoding, longest_src
    return translator


@lru_cache(maxsize=1)
def _loaded(process: int, method: str, arguments: tuple[tuple[str, Any], ...]) -> Translator:
    translator: Translator = getattr(Translator, method)(**dict(arguments))
    return translator
