"""Text in, text out: the class that people use."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

from ..checkpoint import CheckpointError, RunDirectory, load_model, read_metadata
from ..config import DecodingConfig
from ..data.batching import search_batches
from ..data.tokenizer import Tokenizer
from ..errors import UserError
from ..model.encoder_decoder import Transformer
from ..model.sampling import Sampling
from .engine import Engine, TorchEngine
from .precision import Precision, convert
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
from .workers import Submit, Workers

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .beam_search import Hypothesis

FIRST_WINDOW, WINDOW = 32, 1024
"""Lines sorted by length together when a stream is translated: bounded memory, little padding. The
first windows are small and double, so that the first translations come at once."""


class SearchSettings(TypedDict, total=False):
    """Settings of `DecodingConfig` that a call may change; the others are the translator's."""

    beam_size: int
    length_penalty: Literal["paper", "power", "none"]
    alpha: float
    patience: float | None
    coverage_penalty: float
    no_repeat_ngram_size: int


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
            sentences (see `DecodingConfig.split`). None: there is no such limit.

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
        self.engine = TorchEngine(model, tokenizer) if isinstance(model, Transformer) else model
        self._workers = Workers(self.engine)
        self.tokenizer = tokenizer
        self.decoding = decoding or DecodingConfig()
        self.longest_src = longest_src
        self._load_model: Callable[[], Transformer] | None = None
        self._model: Transformer | None = None

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
            device: cpu, cuda, cuda:1 or mps.
            precision: of the matrix products; see `convert`.
            shortlist: use the run's vocabulary shortlist, made by scripts/build_shortlist.py.

        Raises:
            CheckpointError: no run directory, or one without usable weights or shortlist.
        """
        run = RunDirectory.shipped() if path is None else RunDirectory(path)
        config = run.load_config("translation")
        if not run.tokenizer.is_file():
            raise CheckpointError(f"{run.tokenizer} is missing; was the run stopped at its start?")
        tokenizer = Tokenizer.load(run.tokenizer)
        load = partial(
            load_model,
            run.model.resolve(),
            config,
            vocab_size=tokenizer.vocab_size,
            pad_id=tokenizer.pad_id,
        )
        model = convert(load().to(device), precision)
        longest = read_metadata(run.model).get("longest_src")
        pieces = None
        if shortlist:
            pieces = Shortlist.load(run.path / SHORTLIST, vocab_size=tokenizer.vocab_size)
        translator = cls(
            TorchEngine(model, tokenizer, pieces),
            tokenizer,
            config.decoding,
            longest_src=int(longest) if longest else None,
        )
        translator._load_model = load
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
        return cls(engine, engine.tokenizer, decoding, longest_src=engine.longest_src)

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

    def translate(self, text: str, *, prefix: str = "", **settings: Unpack[SearchSettings]) -> str:
        """The best translation of one text.

        Args:
            text: to translate.
            prefix: what the translation begins with.
            settings: what is not as in `decoding`.
        """
        return self.translate_batch([text], prefixes=[prefix], **settings)[0][0].text

    def translate_batch(
        self,
        lines: Sequence[str],
        *,
        n_best: int = 1,
        prefixes: Sequence[str] | None = None,
        workers: int = 1,
        **settings: Unpack[SearchSettings],
    ) -> list[list[Translation]]:
        """For each line its n_best translations, best first.

        An empty line gives one empty translation. A line that was cut into sentences has as many
        translations as its sentence with the fewest; one whose addresses were hidden, only those
        that have all of them.

        Args:
            lines: to translate.
            n_best: translations a line, at most beam_size.
            prefixes: for each line, what its translations begin with.
            workers: processes that search at the same time; they stay for later calls, with the
                model as it is at the first.
            settings: what is not as in `decoding`.

        Raises:
            ValueError: n_best above beam_size, either or workers below 1, or another number of
                prefixes than of lines.
        """
        if prefixes is not None and len(prefixes) != len(lines):
            raise ValueError(f"{len(lines)} lines have {len(prefixes)} prefixes")
        chosen = self._settings(settings)
        with self._workers.searching(chosen, n_best, workers) as submit:
            return self._begin(lines, chosen, submit, prefixes)()

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
        """
        if window < 1 or first_window < 1:
            raise ValueError(f"window must be at least 1; found {min(window, first_window)}")
        chosen = self._settings(settings)
        lines = iter(lines)
        size = min(first_window, window)
        begun: deque[Callable[[], list[list[Translation]]]] = deque()
        with self._workers.searching(chosen, n_best, workers) as submit:
            while chunk := list(islice(lines, size)):
                begun.append(self._begin(chunk, chosen, submit, [prefix] * len(chunk)))
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
            ValueError: n below 1.
            UserError: the engine cannot sample.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1; found {n}")
        engine = self._torch_engine("sample")
        # Drawn at random, a translation may lose a mark: nothing is hidden.
        settings = self.decoding.model_copy(update={"placeholders": False})
        plans, sources, given = self._plan([text], settings, [prefix])
        found: list[list[Translation]] = [[] for _ in sources]
        for i, (source, begins) in enumerate(zip(sources, given, strict=True)):
            drawn = engine.sample(
                [source.ids] * n,
                self.decoding,
                sampling or Sampling(),
                [begins] * n,
                [rank * len(sources) + i for rank in range(n)],
            )
            found[i] = [self._translation(hypothesis, source) for hypothesis in drawn]
        return _join(plans[0], found) * (1 if sources else n)

    def score(self, text: str, translation: str) -> Score:
        """How likely the model finds this translation of a text.

        Both as they are: nothing is cut into sentences, hidden, or spelled anew.

        Raises:
            UserError: the engine cannot score.
        """
        engine = self._torch_engine("score")
        eos = self.tokenizer.eos_id
        target = [*self._encode(translation), eos]
        [log_probs] = engine.score([[*self._encode(text), eos]], [target])
        return Score(tuple(self.tokenizer.pieces(target)), tuple(log_probs))

    def alternatives(
        self, text: str, prefix: str = "", n: int = 5, **settings: Unpack[SearchSettings]
    ) -> list[Translation]:
        """What else could follow a prefix of the translation.

        Args:
            text: to translate, as one sentence, just as it is.
            prefix: how the translation begins.
            n: how many of the likeliest next pieces to follow.
            settings: what is not as in `decoding`.

        Returns:
            For each such piece, the likeliest first, the best translation that goes on with it;
            none for an empty text.

        Raises:
            UserError: the engine cannot tell.
        """
        engine = self._torch_engine("alternatives")
        source = [*self._encode(text), self.tokenizer.eos_id]
        if len(source) == 1:
            return []
        begins = self._encode(prefix)
        # One more, since the end of the sentence is among them and goes on with nothing.
        tokens = [token for token, _ in engine.next_tokens(source, begins, n + 1)]
        tokens = [token for token in tokens if token != self.tokenizer.eos_id][:n]
        prefixes = [[*begins, token] for token in tokens]
        found = engine.search([source] * len(tokens), self._settings(settings), 1, prefixes)
        return [self._translation(best[0]) for best in found]

    def _torch_engine(self, method: str) -> TorchEngine:
        if not isinstance(self.engine, TorchEngine):
            raise UserError(f"{method} needs a run directory; this engine only translates")
        return self.engine

    def _settings(self, changes: SearchSettings) -> DecodingConfig:
        if (beam_size := changes.get("beam_size", 1)) < 1:
            raise ValueError(f"beam_size must be at least 1; found {beam_size}")
        return DecodingConfig(**{**self.decoding.model_dump(), **changes})

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
            begins = self._encode(prefixes[number]) if prefixes else []
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
    ) -> Callable[[], list[list[Translation]]]:
        # Hands over the searches of some lines and returns what waits for their translations.
        plans, sources, given = self._plan(lines, settings, prefixes)
        batches = search_batches([len(source.ids) for source in sources], settings.batch_tokens)
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
            return [_join(plan, found) for plan in plans]

        return finish

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(with_bytes(text))

    def _sources(self, text: str, settings: DecodingConfig) -> Iterator[_Source]:
        # One for each sentence, or for each part of one that is too long.
        longest = self.longest_src
        text = with_apostrophes(text)
        n = len(self.tokenizer.encode(text))
        whole = settings.split == "never" or (
            settings.split == "long" and (longest is None or n + 1 <= longest)
        )
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
            if longest is not None and not whole and len(ids) + 1 > longest:
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
            if self.longest_src is not None and len(ids) > self.longest_src:
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


def _join(plan: list[int | str], found: list[list[Translation]]) -> list[Translation]:
    # The n-th best of a line is made of the n-th best of each of its parts.
    n_best = min((len(found[part]) for part in plan if isinstance(part, int)), default=1)
    joined = []
    for rank in range(n_best):
        parts = [
            Translation(part.strip(" "), 0.0) if isinstance(part, str) else found[part][rank]
            for part in plan
        ]
        text = re.sub(" ?\n ?", "\n", " ".join(part.text for part in parts if part.text))
        joined.append(Translation(text, sum(part.score for part in parts)))
    return joined
