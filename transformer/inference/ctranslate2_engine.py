"""Beam search by CTranslate2, over a folder that `transformer-export` has written."""

import json
import math
import os
import re
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..config import DecodingConfig
from ..data.tokenizer import Tokenizer
from ..device import THREADS_PER_CORE
from ..errors import UserError, shown
from ..runs.directory import RunDirectory
from ..runs.errors import CheckpointError
from ..runs.metadata import LONGEST, require_same_run
from ..search.hypothesis import Hypothesis, length_penalty
from .checks import check_number
from .engine import OVERFLOW
from .reverse import ReverseModel

PATIENCE = 2.0
"""CTranslate2 ends a search once this many times beam_size hypotheses are finished, if the settings
name no other patience. It has no rule that waits until no other hypothesis can win."""

EXPONENTS = {"paper": 0.6, "power": 1.0, "none": 0.0}
"""The power of the length that CTranslate2 divides by, in units of alpha. ((5 + n) / 6)^alpha grows
as n^(n / (n + 5) alpha) does: half of alpha at 5 pieces, four fifths at 20."""


class CTranslate2Engine:
    """Searches as `beam_search` does. With the same weights it finds the same, with three limits:

    - Our search ends when no live hypothesis can win any more, CTranslate2's after `PATIENCE` times
      beam_size finished ones. It misses a better one that would come later.
    - CTranslate2 has no penalty `paper`. It ranks by a power of the length that comes close, and
      returns its best beam_size; these are ranked again by our penalty.
    - At the length limit, hypotheses that were cut off may crowd out finished ones.

    Args:
        translator: a `ctranslate2.Translator`.
        tokenizer: the one of the model.
        n_positions: most pieces of a source or a translation.
        longest_src: pieces of the longest source seen in training; None if unknown.
        reverse: has a say in which hypothesis is the best.
    """

    def __init__(
        self,
        translator: Any,
        tokenizer: Tokenizer,
        *,
        n_positions: int,
        longest_src: int | None = None,
        reverse: ReverseModel | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.n_positions = n_positions
        self.longest_src = longest_src
        self.reverse = reverse
        self._translator = translator
        self._process = os.getpid()
        _engines.add(self)
        self._pieces = tokenizer.pieces(range(tokenizer.vocab_size))
        self._ids = {piece: i for i, piece in enumerate(self._pieces)}
        self._forbidden = set(tokenizer.forbidden_ids)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        device: str = "cpu",
        threads: int | None = None,
        compute_type: str = "default",
    ) -> "CTranslate2Engine":
        """Reads a folder written by `transformer-export --format ctranslate2`.

        Args:
            path: the folder.
            device: cpu, cuda, cuda:1, or auto.
            threads: CPU threads; None leaves it to CTranslate2.
            compute_type: arithmetic, such as int8 or bfloat16; default: as the weights are stored.

        Raises:
            CheckpointError: there is no such folder, or it lacks what an export leaves there.
            UserError: ctranslate2 is not installed, or cannot load the folder on this device.
        """
        try:
            import ctranslate2
        except ImportError:
            raise UserError(
                'ctranslate2 is not installed: pip install "attention-transformer[export]"'
            ) from None
        if threads is not None:
            check_number("threads", threads, 1, THREADS_PER_CORE * (os.cpu_count() or 1))
        folder = RunDirectory(path)
        n_positions, longest_src, fingerprint = _read_about(folder)
        tokenizer = Tokenizer.load(folder.tokenizer)
        require_same_run(
            {} if fingerprint is None else {"tokenizer": fingerprint},
            tokenizer,
            weights=folder.path / "model.bin",
            tokenizer_path=folder.tokenizer,
        )
        if not re.fullmatch(r"(cpu|cuda|auto)(:[0-9]{1,4})?", device):
            raise UserError(
                f"CTranslate2 cannot load {path} on {shown(device)}, which is no device; choose "
                f"auto, cpu, cuda or cuda:1"
            )
        kind, _, index = device.partition(":")
        try:
            translator = ctranslate2.Translator(
                str(folder.path),
                device=kind,
                device_index=int(index or 0),
                compute_type=compute_type,
                intra_threads=threads or 0,
            )
        except (RuntimeError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"CTranslate2 cannot load {path} on {device}: {reason}") from None
        return cls(translator, tokenizer, n_positions=n_positions, longest_src=longest_src)

    def search(
        self,
        batch: Sequence[Sequence[int]],
        settings: DecodingConfig,
        n_best: int = 1,
        prefixes: Sequence[Sequence[int]] | None = None,
    ) -> list[list[Hypothesis]]:
        """The best hypotheses of each source, best first.

        An output has at most as many pieces as its source and `max_extra_tokens` more.

        Args:
            batch: ids of the sources, each ending with EOS.
            settings: beam size, length penalty, length limit.
            n_best: hypotheses for each source, at most beam_size.
            prefixes: ids that each translation begins with; their scores count from there on.

        Raises:
            ValueError: n_best outside 1 … beam_size.
            UserError: a source is longer than `n_positions`, or the process was forked after
                loading.
        """
        self._check_process()
        if not 1 <= n_best <= settings.beam_size:
            raise ValueError(
                f"n_best must be between 1 and beam_size ({settings.beam_size}); found {n_best}"
            )
        self._check_length("source", batch)
        if not batch:
            return []
        given = prefixes or [()] * len(batch)
        limits = [
            self._limit(ids, begins, settings) for ids, begins in zip(batch, given, strict=True)
        ]
        results = []
        found = self._search(batch, settings, max(limits), given)
        for ids, begins, limit, hypotheses in zip(batch, given, limits, found, strict=True):
            best = self._allowed(hypotheses, limit)
            # A hypothesis may have grown too long under the limits of other sources: search again
            # under its own. Hide forbidden pieces only if that does not help either, since
            # CTranslate2 gives their share to all other pieces.
            for hide_forbidden in (False, True):
                if len(best) < n_best:
                    [again] = self._search(
                        [ids], settings, limit, [begins], hide_forbidden=hide_forbidden
                    )
                    best = self._allowed(again, limit)
            results.append(best)
        if self.reverse is not None:
            results = self.reverse.reordered(batch, results, settings)
        return [best[:n_best] for best in results]

    def score(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """The log-probability of every token of given translations.

        Args:
            sources: ids, each ending with EOS.
            targets: ids of their translations, each ending with EOS.

        Returns:
            For each translation one natural logarithm per token.

        Raises:
            UserError: a source or target is longer than `n_positions`, a log-probability is not a
                finite number, or the process was forked after loading.
        """
        self._check_process()
        self._check_length("source", sources)
        self._check_length("translation", targets)
        results = self._translator.score_batch(
            [[self._pieces[i] for i in ids] for ids in sources],
            [[self._pieces[i] for i in ids[:-1]] for ids in targets],  # it adds EOS itself
            max_input_length=0,  # no limit
        )
        found = [list(result.log_probs) for result in results]
        if not all(math.isfinite(log_prob) for row in found for log_prob in row):
            raise UserError(OVERFLOW)
        return found

    def _check_process(self) -> None:
        if self._process != os.getpid():  # it would wait for ever for threads that do not exist
            raise UserError(
                "CTranslate2 does not work in a process that was forked after the model was "
                "loaded, as workers are; load it in that process, or take one worker"
            )

    def _check_length(self, what: str, batch: Sequence[Sequence[int]]) -> None:
        longest = max(map(len, batch), default=0)
        if longest > self.n_positions:
            raise UserError(
                f"a {what} has {longest:,} pieces, and the exported model takes "
                f"{self.n_positions:,}; cut it into sentences"
            )

    def _limit(self, ids: Sequence[int], begins: Sequence[int], settings: DecodingConfig) -> int:
        longest = max(len(ids) - 1 + max(1, settings.max_extra_tokens), len(begins) + 1)
        return min(longest, self.n_positions)

    def _search(
        self,
        batch: Sequence[Sequence[int]],
        settings: DecodingConfig,
        limit: int,
        prefixes: Sequence[Sequence[int]],
        *,
        hide_forbidden: bool = False,
    ) -> list[list[Hypothesis]]:
        if settings.relative_threshold is not None or settings.max_per_parent is not None:
            raise UserError(
                "CTranslate2 does not prune its beam; leave out relative_threshold and "
                "max_per_parent"
            )
        # A beam of one is greedy search: there are no lengths to compare.
        kind = settings.length_penalty if settings.beam_size > 1 else "none"
        exponent = EXPONENTS[kind] * settings.alpha
        results = self._translator.translate_batch(
            [[self._pieces[i] for i in ids] for ids in batch],
            target_prefix=[[self._pieces[i] for i in ids] for ids in prefixes]
            if any(prefixes)
            else None,
            beam_size=settings.beam_size,
            num_hypotheses=settings.beam_size,
            patience=settings.patience or PATIENCE,
            length_penalty=exponent,
            no_repeat_ngram_size=settings.no_repeat_ngram_size,
            max_decoding_length=limit,
            min_decoding_length=0,  # the default, 1, gives EOS's share to all other pieces
            max_input_length=0,  # no limit; by default it cuts sources off silently
            return_end_token=True,  # then EOS counts as a piece, as in our search
            return_scores=True,
            suppress_sequences=[[self._pieces[i]] for i in sorted(self._forbidden)]
            if hide_forbidden
            else None,
        )
        found = []
        for result in results:
            hypotheses = []
            if not all(map(math.isfinite, result.scores)):
                raise UserError(OVERFLOW)
            for pieces, score in zip(result.hypotheses, result.scores, strict=True):
                ids = [self._ids[piece] for piece in pieces]
                log_prob = score * len(ids) ** exponent
                penalty = length_penalty(kind, settings.alpha, len(ids))
                finished = ids[-1] == self.tokenizer.eos_id
                ids = ids[:-1] if finished else ids
                hypotheses.append(Hypothesis(tuple(ids), log_prob / penalty, log_prob, finished))
            # Those that were cut off come last.
            found.append(sorted(hypotheses, key=lambda h: (not h.finished, -h.score)))
        return found

    def _allowed(self, hypotheses: list[Hypothesis], limit: int) -> list[Hypothesis]:
        return [
            h
            for h in hypotheses
            if len(h.ids) + h.finished <= limit and self._forbidden.isdisjoint(h.ids)
        ]


_engines: weakref.WeakSet[CTranslate2Engine] = weakref.WeakSet()
_inherited: list[Any] = []


def _keep_inherited() -> None:
    # To let go of one is to wait for its threads, and in a forked process there are none.
    _inherited.extend(engine._translator for engine in _engines)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_inherited)


def _read_about(folder: RunDirectory) -> tuple[int, int | None, str | None]:
    # What our exports write into config.json: n_positions, longest_src, and the fingerprint of the
    # tokenizer, which older exports lack.
    try:
        about = json.loads((folder.path / "config.json").read_text(encoding="utf-8"))
        n_positions, longest_src = about["n_positions"], about["longest_src"]
        fingerprint = about.get("tokenizer")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(
            f"{folder.path} is not a model for CTranslate2; "
            "transformer-export --format ctranslate2 writes one"
        ) from None
    numbers = [("n_positions", n_positions)]
    if longest_src is not None:
        numbers.append(("longest_src", longest_src))
    for name, found in numbers:
        if type(found) is not int or not 2 <= found <= 2 * LONGEST:
            raise CheckpointError(
                f"{folder.path / 'config.json'} is damaged: {name} must be a whole number from 2 "
                f"to {2 * LONGEST:,}; found {str(found)[:40]}"
            )
    return n_positions, longest_src, None if fingerprint is None else str(fingerprint)
