"""Text in, text out: the class that people use.

Torch is imported where our own engine is asked for: with CTranslate2, a command starts without it.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Config, DecodingConfig, TextConfig
from ..data.tokenizer import Tokenizer
from ..errors import UserError, shown
from ..runs.directory import RunDirectory
from ..text.characters import printable
from ..text.joining import Translation, distinct, joined
from ..text.markup import Alignment
from ..text.preparing import Preparer
from .call_settings import CallSettings, SearchSettings, lists_settings
from .checks import check_number, check_real, check_text, check_texts
from .engine import Engine
from .reloading import reloaded
from .rounds import Rounds, batches, draw, search_batches, windows
from .score import Score
from .workers import MAX_WORKERS, Workers

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..inspection.explanation import Explanation
    from ..model.encoder_decoder import Transformer
    from ..model.kernels import KernelName
    from ..search.hypothesis import Hypothesis
    from ..search.sampling import Sampling
    from .precision import Precision
    from .torch_engine import TorchEngine

FIRST_WINDOW, WINDOW = 32, 1024
"""Lines of a stream that are sorted by length together: bounded memory, little padding. The first
window is small and each one doubles, so that the first translations come at once."""

AUTO = "auto"
"""As the model of the other direction: that in the package, for one that is there, too."""

MAX_WINDOW, MAX_SAMPLES, MAX_ALTERNATIVES = 100_000, 1000, 100
"""Most that a call may ask for: far more than is of use, and less than fills the memory."""


class Translator:
    """Translates with a model and its tokenizer.

    Args:
        model: trained, and then put into evaluation mode; or another engine.
        tokenizer: the one it was trained with.
        decoding: beam size, length penalty and so on; the paper's by default.
        text: what is done to a typed text before and after the search; nothing by default.
        src_lang: the source language, as in `data.src_lang`; German has rules of its own.
        tgt_lang: the target language, as in `data.tgt_lang`; numbers are written as it does.
        longest_src: pieces of the longest source seen in training. Longer lines are cut into
            sentences (see `TextConfig.split`). None: it is unknown, and only lines of more than
            4,096 pieces are cut.

    A translator that was loaded from a folder can be pickled, and is loaded again when it is
    unpickled. So `multiprocessing.Pool().map(translator.translate, lines)` works.

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
        text: TextConfig | None = None,
        *,
        src_lang: str = "de",
        tgt_lang: str = "en",
        longest_src: int | None = None,
    ) -> None:
        if longest_src is not None:
            check_number("longest_src", longest_src, 2)
        self.engine = model if isinstance(model, Engine) else _torch_engine_of(model, tokenizer)
        self._workers = Workers(self.engine)
        self.tokenizer = tokenizer
        self.decoding = decoding or DecodingConfig()
        self.text = text or TextConfig()
        self.src_lang = src_lang
        self.tgt_lang = tgt_lang
        self.longest_src = longest_src
        self._load_model: Callable[[], Transformer] | None = None
        self._model: Transformer | None = None
        # The class method that loaded it, and its arguments.
        self._source: tuple[Callable[..., Translator], dict[str, Any]] | None = None

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        device: str = "cpu",
        precision: Precision = "fp32",
        attention_kernel: KernelName = "formula",
        shortlist: bool = False,
        reverse: str | Path | None = AUTO,
        reverse_weight: float | None = None,
    ) -> Translator:
        """Loads the model of a run directory, or one in the package.

        Args:
            path: the run directory; or `de-en` or `en-de`, the models in the package
                (`./de-en` is a folder of that name). None: `de-en`.
            device: cpu, cuda, cuda:1, mps, or auto: a GPU if there is one.
            precision: of the matrix products; see `convert`.
            attention_kernel: formula, or fused, which is quicker on a GPU; see `use_kernel`.
            shortlist: use the run's vocabulary shortlist, made by scripts/build_shortlist.py.
            reverse: a model of the other direction, named as `path`, which has a say in which
                hypothesis is the best: fewer words get lost, in two to three times the time. None:
                there is no such model. auto: for a model in the package the other one, else none.
            reverse_weight: of its judgement, 0 to 10; None: 0.4. See `ReverseModel`.

        Raises:
            CheckpointError: this is not a run directory, or its weights or shortlist are unusable.
            UserError: there is no such device or precision, int8 is not possible there, or the
                reverse model is not of the other direction.
        """
        from ..device import choose_device
        from ..model.kernels import use_kernel
        from ..runs.loading import load_run
        from .precision import check_precision, convert
        from .shortlist import NAME, Shortlist
        from .torch_engine import TorchEngine

        check_precision(precision)
        chosen = choose_device(device)
        run = RunDirectory.find(path)
        loaded = load_run(run, "translation")
        pieces = None
        if shortlist:
            n = loaded.tokenizer.vocab_size
            pieces = Shortlist.load(run.path / NAME, vocab_size=n)

        def ready(model: Transformer) -> Transformer:
            model = model.to(chosen)
            use_kernel(model, attention_kernel)
            return convert(model, precision)

        engine = TorchEngine(ready(loaded.model), loaded.tokenizer, pieces)
        translator = cls._of_run(engine, loaded.tokenizer, loaded.config, loaded.longest_src)
        again = RunDirectory(run.path.absolute())  # found from another working directory, too
        translator._load_model = lambda: load_run(again, "translation").model
        arguments: dict[str, Any] = {
            "device": device,
            "precision": precision,
            "attention_kernel": attention_kernel,
        }
        translator._source = (
            cls.load,
            {"path": str(again.path), "shortlist": shortlist, "reverse": None, **arguments},
        )
        back = _reverse_of(run, reverse, reverse_weight)
        if back is not None:
            other = cls.load(back.path, reverse=None, **arguments)
            translator.judge_by(other, reverse_weight)
        return translator

    @classmethod
    def load_ctranslate2(
        cls,
        path: str | Path,
        *,
        device: str = "cpu",
        threads: int | None = None,
        compute_type: str = "default",
        reverse: str | Path | None = None,
        reverse_weight: float | None = None,
    ) -> Translator:
        """Loads a folder that `transformer-export --format ctranslate2` wrote, for CTranslate2.

        Args:
            path, device, threads, compute_type: see `CTranslate2Engine.load`.
            reverse: another such folder, for the other direction; see `load`.
            reverse_weight: see `load`.

        Raises:
            CheckpointError, UserError: see `CTranslate2Engine.load` and `load`.
        """
        from .ctranslate2_engine import CTranslate2Engine

        arguments: dict[str, Any] = {
            "device": device,
            "threads": threads,
            "compute_type": compute_type,
        }
        engine = CTranslate2Engine.load(path, **arguments)
        run = RunDirectory(path)
        translator = cls._of_run(engine, engine.tokenizer, run.load_config(), engine.longest_src)
        # CTranslate2 does not prune; a run's own pruning is for speed.
        unpruned = {"relative_threshold": None, "max_per_parent": None}
        translator.decoding = translator.decoding.model_copy(update=unpruned)
        translator._source = cls.load_ctranslate2, {"path": str(run.path.absolute()), **arguments}
        back = _reverse_of(run, reverse, reverse_weight)
        if back is not None:
            other = cls.load_ctranslate2(back.path, **arguments)
            translator.judge_by(other, reverse_weight)
        return translator

    @classmethod
    def _of_run(
        cls, engine: Engine, tokenizer: Tokenizer, config: Config, longest_src: int | None
    ) -> Translator:
        return cls(
            engine,
            tokenizer,
            config.decoding,
            config.text,
            src_lang=config.data.src_lang,
            tgt_lang=config.data.tgt_lang,
            longest_src=longest_src,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        if self._source is None:
            raise UserError(
                "only a translator that was loaded from a folder can be pickled; this one was made "
                "from a model"
            )
        load, arguments = self._source
        kept = {"decoding": self.decoding, "text": self.text, "longest_src": self.longest_src}
        return reloaded, (load, tuple(arguments.items()), kept)

    # A copy is made from what is in memory; only a pickle is loaded again.

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

        `load` converts it for fast search, which replaces its layers. So the first call here loads
        it again.

        Raises:
            UserError: the engine is another one, which has no such model.
        """
        if self._load_model is not None:
            self._model, self._load_model = self._load_model(), None
        return self._model or self._torch_engine("model").model

    def judge_by(self, other: Translator, weight: float | None = None) -> None:
        """Gives the model of another translator a say in which hypothesis is the best.

        Workers that have started already are not told.

        Args:
            other: it translates in the other direction.
            weight: of its judgement, 0 to 10; None: 0.4. See `ReverseModel`.

        Raises:
            UserError: it translates in another direction, its engine cannot score, or a weight is
                impossible.
        """
        from .reverse import WEIGHT, ReverseModel, Scorer

        own, back = (self.src_lang, self.tgt_lang), (other.src_lang, other.tgt_lang)
        if own != back[::-1]:
            raise UserError(
                f"the reverse of a model from {own[0]} to {own[1]} goes from {own[1]} to {own[0]}; "
                f"{other._name()} goes from {back[0]} to {back[1]}"
            )
        engine, judge = self.engine, copy.copy(other.engine)
        if not isinstance(engine, Scorer) or not isinstance(judge, Scorer):
            raise UserError("judge_by is for our own engine and CTranslate2's")
        judge.reverse = None  # it is asked for nothing but scores
        engine.reverse = ReverseModel(
            judge,
            self.tokenizer,
            weight=WEIGHT if weight is None else check_real("reverse_weight", weight, 0, 10),
        )
        if self._source and other._source:
            load, arguments = self._source
            its = {"reverse": other._source[1]["path"], "reverse_weight": weight}
            self._source = load, {**arguments, **its}
        else:
            self._source = None

    def _name(self) -> str:
        return str(self._source[1]["path"]) if self._source else "the other one"

    def set_niceness(self, niceness: int) -> None:
        """Lets workers that start from now on leave the cores to other processes, such as this one.

        Args:
            niceness: 0, as nice as this process, to 19.

        Raises:
            UserError: it is outside of that.
        """
        self._workers.niceness = check_number("niceness", niceness, 0, 19)

    @lists_settings
    def translate(self, text: str, *, prefix: str = "", **settings: Unpack[SearchSettings]) -> str:
        """Returns the best translation of one text.

        Args:
            text: to translate.
            prefix: what the translation begins with.
            settings: replace those of `decoding` and `text`; see below.

        Raises:
            UserError: text or prefix is not a str, or a setting is unknown or impossible.
        """
        check_text("text", text)
        check_text("prefix", prefix)
        return self.translate_batch([text], prefixes=[prefix], **settings)[0][0].text

    @lists_settings
    def translate_batch(
        self,
        lines: Iterable[str],
        *,
        n_best: int = 1,
        prefixes: Iterable[str] | None = None,
        workers: int = 1,
        **settings: Unpack[SearchSettings],
    ) -> list[list[Translation]]:
        """Returns the n_best translations of each line, best first.

        The translations of a line are distinct. The search may find one twice, spelled with other
        pieces, so there may be fewer. If a line was cut into sentences, its translations are the
        combinations with the best sums of scores. If its addresses were hidden, only translations
        with all of them count. An empty line gives one empty translation.

        Args:
            lines: to translate.
            n_best: most translations per line, at most beam_size.
            prefixes: for each line, what its translations begin with.
            workers: processes that search at the same time. They stay for later calls, with the
                model as it was at the first one.
            settings: replace those of `decoding` and `text`; see below.

        Raises:
            UserError: there is one text in place of several, a line or prefix is not a str, n_best
                is above beam_size, n_best or workers is below 1, a setting is unknown or
                impossible, or there are not as many prefixes as lines.
        """
        lines = list(check_texts("line", lines))
        if prefixes is not None:
            prefixes = list(check_texts("prefix", prefixes))
            if len(prefixes) != len(lines):
                raise UserError(f"{len(lines)} lines have {len(prefixes)} prefixes")
        chosen = self._settings(settings, n_best)
        with self._searching(chosen, n_best, workers) as rounds:
            return rounds.begin(lines, [""] * len(lines) if prefixes is None else prefixes)()

    @lists_settings
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
        """Does what `translate_batch` does, for any number of lines, in order.

        Args:
            lines: to translate. `window` of them are in memory at a time, or twice as many if there
                are several workers.
            n_best, workers, settings: as in `translate_batch`.
            prefix: what every translation begins with.
            window: lines that are sorted by length together.
            first_window: lines of the first window, few so that it ends soon. Each window after it
                is twice as large, up to `window`.

        Raises:
            UserError: as in `translate_batch`, or a window is below 1.
        """
        lines = check_texts("line", lines)
        check_text("prefix", prefix)
        check_number("window", window, 1, MAX_WINDOW)
        check_number("first_window", first_window, 1, MAX_WINDOW)
        check_number("workers", workers, 1, MAX_WORKERS)
        chosen = self._settings(settings, n_best)

        def results() -> Iterator[list[Translation]]:
            begun: deque[Callable[[], list[list[Translation]]]] = deque()
            with self._searching(chosen, n_best, workers) as rounds:
                for chunk in windows(lines, first_window, window):
                    begun.append(rounds.begin(chunk, [prefix] * len(chunk)))
                    # Workers go on with the next window while this one's last searches still run.
                    if workers == 1 or len(begun) > 1:
                        yield from begun.popleft()()
                while begun:
                    yield from begun.popleft()()

        return results()

    def sample(
        self, text: str, n: int = 1, *, prefix: str = "", sampling: Sampling | None = None
    ) -> list[Translation]:
        """Draws n translations at random, in no order; the same seed gives the same ones.

        Raises:
            UserError: n is outside 1 … 1,000, text or prefix is not a str, or the engine cannot
                sample.
        """
        from ..search.sampling import Sampling

        check_number("n", n, 1, MAX_SAMPLES)
        engine = self._torch_engine("sample")
        # A translation that is drawn at random may lose a mark, so nothing is hidden.
        preparer = self._preparer(self.text.model_copy(update={"placeholders": False}))
        begins = self._encoded("prefix", prefix)
        line = preparer.prepare(check_text("text", text))
        found: list[list[Translation]] = []
        for i, sentence in enumerate(line.sentences):
            drawn = draw(
                engine,
                sentence.ids,
                [] if i else begins,
                range(i, n * len(line.sentences), len(line.sentences)),
                self.decoding,
                sampling or Sampling(),
            )
            found.append([sentence.written(self._translation(each)) for each in drawn])
        parts = [part * n if len(part) == 1 else part for part in line.filled(found)]
        return [joined(part[rank] for part in parts) for rank in range(n)]

    def score(self, text: str, translation: str) -> Score:
        """Tells how likely the model finds this translation of a text.

        Both are taken as they are: nothing is cut into sentences, hidden or respelled.

        Raises:
            UserError: either is not a str or has more than 4,096 pieces, or the engine cannot
                score.
        """
        [score] = self.score_batch([(text, translation)])
        return score

    def score_batch(self, pairs: Sequence[tuple[str, str]]) -> list[Score]:
        """`score` of many texts and translations, in batches, which is much faster than one by one.

        Raises:
            UserError: as `score`, for any of them.
        """
        engine = self._torch_engine("score")
        eos = self.tokenizer.eos_id
        sources = [[*self._encoded("text", text), eos] for text, _ in pairs]
        targets = [[*self._encoded("translation", found), eos] for _, found in pairs]
        lengths = [max(map(len, both)) for both in zip(sources, targets, strict=True)]
        scores: dict[int, Score] = {}
        for places in search_batches(lengths, self.decoding.batch_tokens):
            chosen = [targets[i] for i in places]
            found = engine.score([sources[i] for i in places], chosen)
            for i, target, log_probs in zip(places, chosen, found, strict=True):
                scores[i] = Score(tuple(self.tokenizer.pieces(target)), tuple(log_probs))
        return [scores[i] for i in range(len(pairs))]

    @lists_settings
    def explain(
        self, text: str, translation: str | None = None, **settings: Unpack[SearchSettings]
    ) -> Explanation:
        """Tells what the model looked at, and how sure it was, while it wrote a translation.

        Both are taken as they are: nothing is cut into sentences, hidden or respelled. The pass is
        in fp32, whatever `precision` the translator has.

        Args:
            text: to translate, one sentence.
            translation: of it; None: the best that the search finds.
            settings: replace those of `decoding` and `text`; see below. Those of `text` have no
                effect, since nothing is done to the text.

        Returns:
            Attention weights, rollout, gradient × input and log-probabilities. In a notebook, it
            shows itself.

        Raises:
            UserError: either is not a str, is empty or has more than 512 pieces, a setting is
                unknown or impossible, or the engine has nothing to look into.
        """
        from ..inspection.explaining import LONGEST, explain_translation

        chosen = self._settings(settings)
        engine = self._torch_engine("explain")
        bos, eos = self.tokenizer.bos_id, self.tokenizer.eos_id
        source = [*self._encoded("text", text), eos]
        if len(source) == 1:
            raise UserError("there is nothing to explain in an empty text")
        if translation is not None:
            target = [*self._encoded("translation", translation), eos]
            if len(target) == 1:
                raise UserError("there is nothing to explain in an empty translation")
        elif len(source) > LONGEST:
            target = []  # refused below, before a long search
        else:
            [[best, *_]] = engine.search([source], chosen, 1, [[]])
            target = [*best.ids, *([eos] if best.finished else [])]
        pieces = self.tokenizer.pieces
        [begin] = pieces([bos])
        names = pieces(source), pieces(target)
        return explain_translation(self.model, source, target, names, begin=(bos, begin))

    @lists_settings
    def alternatives(
        self, text: str, prefix: str = "", n: int = 5, **settings: Unpack[SearchSettings]
    ) -> list[Translation]:
        """Shows what else could follow a prefix of the translation.

        Args:
            text: to translate, as one sentence, just as it is.
            prefix: how the translation begins.
            n: how many of the likeliest next pieces to follow.
            settings: replace those of `decoding` and `text`; see below.

        Returns:
            For each of these pieces, the likeliest first, the best translation that goes on with
            it, but each text only once. An empty text has none.

        Raises:
            UserError: n is outside 1 … 100, text or prefix is not a str or has more than 4,096
                pieces, a setting is unknown or impossible, or the engine cannot tell.
        """
        check_number("n", n, 1, MAX_ALTERNATIVES)
        chosen = self._settings(settings)
        engine = self._torch_engine("alternatives")
        source = [*self._encoded("text", text), self.tokenizer.eos_id]
        begins = self._encoded("prefix", prefix)
        if len(source) == 1:
            return []
        # One more than n, since the end of the sentence may be among them, and nothing follows it.
        tokens = [token for token, _ in engine.next_tokens(source, begins, n + 1)]
        tokens = [token for token in tokens if token != self.tokenizer.eos_id][:n]
        prefixes = [[*begins, token] for token in tokens]
        found: list[list[Hypothesis]] = []
        for places in batches([source] * len(tokens), prefixes, chosen):
            some = [prefixes[i] for i in places]
            found += engine.search([source] * len(some), chosen, 1, some)
        return distinct(self._translation(best[0]) for best in found)

    def _torch_engine(self, method: str) -> TorchEngine:
        from .torch_engine import TorchEngine

        if not isinstance(self.engine, TorchEngine):
            raise UserError(f"{method} needs a run directory; this engine only translates")
        return self.engine

    def _settings(self, changes: SearchSettings, n_best: int = 1) -> CallSettings:
        own = {**self.decoding.model_dump(), **self.text.model_dump()}
        chosen = CallSettings(**{**own, **changes})
        if check_number("n_best", n_best, 1) > chosen.beam_size:
            raise UserError(
                f"n_best must be between 1 and beam_size ({chosen.beam_size}); "
                f"found {shown(n_best)}"
            )
        return chosen

    def _preparer(self, settings: TextConfig) -> Preparer:
        return Preparer(
            self.tokenizer,
            settings,
            src_lang=self.src_lang,
            tgt_lang=self.tgt_lang,
            longest_src=self.longest_src,
            align=self._align if getattr(self.engine, "shows_attention", False) else None,
        )

    def _align(self, text: str, translation: str) -> Alignment | None:
        from .alignment import align

        return align(self._torch_engine("align").model, self.tokenizer, text, translation)

    @contextmanager
    def _searching(self, settings: CallSettings, n_best: int, workers: int) -> Iterator[Rounds]:
        # Where all are judged, the others cost nothing; they may keep what the best one has lost.
        judged = getattr(self.engine, "reverse", None) is not None and settings.placeholders
        asked = settings.beam_size if judged else n_best
        with self._workers.searching(settings, asked, workers) as submit:
            yield Rounds(self._preparer(settings), submit, self._translation, settings, n_best)

    def _encoded(self, name: str, text: str) -> list[int]:
        return self._preparer(self.text).encoded(name, check_text(name, text))

    def _translation(self, hypothesis: Hypothesis) -> Translation:
        n_pieces = max(1, len(hypothesis.ids) + hypothesis.finished)
        return Translation(
            printable(self.tokenizer.decode(hypothesis.ids)),
            hypothesis.score,
            min(1.0, math.exp(hypothesis.log_prob / n_pieces)),
        )


def _torch_engine_of(model: Transformer, tokenizer: Tokenizer) -> Engine:
    from .torch_engine import TorchEngine

    return TorchEngine(model, tokenizer)


def _reverse_of(
    run: RunDirectory, reverse: str | Path | None, weight: float | None
) -> RunDirectory | None:
    # The run whose model is to have a say, if any.
    if reverse == AUTO:
        found = run.reverse()
    else:
        found = None if reverse is None else RunDirectory.find(reverse)
    if weight is not None:
        check_real("reverse_weight", weight, 0, 10)
        if found is None:
            raise UserError("reverse_weight needs reverse, the model that it is the weight of")
    return found
