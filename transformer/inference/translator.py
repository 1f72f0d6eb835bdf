"""Text in, text out: the class that people use."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import groupby, islice
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ..checkpoint import CheckpointError, RunDirectory, load_model, read_metadata
from ..config import DecodingConfig
from ..data.batching import pad_ids, token_budget_batches
from ..data.tokenizer import Tokenizer
from ..model.encoder_decoder import Transformer
from .beam_search import beam_search, length_penalty
from .precision import Precision, convert

FIRST_WINDOW, WINDOW = 32, 1024
"""Lines sorted by length together when a stream is translated: bounded memory, little padding. The
first windows are small and double, so that the first translations come at once."""


@dataclass(frozen=True)
class Translation:
    """One translation of a line and how sure the model is of it."""

    text: str
    score: float  # log-probability after the length penalty; only comparable for the same line


class Translator:
    """Translates with a model and its tokenizer.

    Args:
        model: trained; it is put into evaluation mode.
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
        model: Transformer,
        tokenizer: Tokenizer,
        decoding: DecodingConfig | None = None,
        *,
        longest_src: int | None = None,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.decoding = decoding or DecodingConfig()
        self.longest_src = longest_src

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        device: str = "cpu",
        precision: Precision = "fp32",
    ) -> "Translator":
        """The model of a run directory, or without `path` the one that ships with the package.

        Args:
            path: the run directory.
            device: cpu, cuda, cuda:1 or mps.
            precision: of the matrix products; see `convert`.

        Raises:
            CheckpointError: no run directory, or one without usable weights.
        """
        if path is None:
            path = Path(str(files("transformer"))) / "pretrained"
        run = RunDirectory(path)
        config = run.load_config()
        if not run.tokenizer.is_file():
            raise CheckpointError(f"{run.tokenizer} is missing; was the run stopped at its start?")
        tokenizer = Tokenizer.load(run.tokenizer)
        model = load_model(
            run.model, config, vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id
        )
        longest = read_metadata(run.model).get("longest_src")
        return cls(
            convert(model.to(device), precision),
            tokenizer,
            config.decoding,
            longest_src=int(longest) if longest else None,
        )

    def translate(
        self,
        text: str,
        *,
        beam_size: int | None = None,
        length_penalty: Literal["paper", "power", "none"] | None = None,
        alpha: float | None = None,
    ) -> str:
        """The best translation of one text. What is not given is as in `decoding`."""
        settings = self._settings(beam_size, length_penalty, alpha)
        return self._translate([text], settings, n_best=1)[0][0].text

    def translate_batch(
        self,
        lines: Sequence[str],
        *,
        beam_size: int | None = None,
        n_best: int = 1,
        length_penalty: Literal["paper", "power", "none"] | None = None,
        alpha: float | None = None,
    ) -> list[list[Translation]]:
        """For each line its n_best translations, best first.

        An empty line gives one empty translation. A line that was cut into sentences has as many
        translations as its sentence with the fewest.

        Raises:
            ValueError: n_best above beam_size, or either below 1.
        """
        return self._translate(lines, self._settings(beam_size, length_penalty, alpha), n_best)

    def translate_stream(
        self,
        lines: Iterable[str],
        *,
        beam_size: int | None = None,
        n_best: int = 1,
        length_penalty: Literal["paper", "power", "none"] | None = None,
        alpha: float | None = None,
        window: int = WINDOW,
    ) -> Iterator[list[Translation]]:
        """`translate_batch` for any number of lines, `window` of them in memory, in order."""
        if window < 1:
            raise ValueError(f"window must be at least 1; found {window}")
        settings = self._settings(beam_size, length_penalty, alpha)
        lines = iter(lines)
        size = min(FIRST_WINDOW, window)
        while chunk := list(islice(lines, size)):
            yield from self._translate(chunk, settings, n_best)
            size = min(2 * size, window)

    def _settings(
        self, beam_size: int | None, length_penalty: str | None, alpha: float | None
    ) -> DecodingConfig:
        if beam_size is not None and beam_size < 1:
            raise ValueError(f"beam_size must be at least 1; found {beam_size}")
        given = {"beam_size": beam_size, "length_penalty": length_penalty, "alpha": alpha}
        changed = {name: value for name, value in given.items() if value is not None}
        return DecodingConfig(**{**self.decoding.model_dump(), **changed})

    def _translate(
        self, lines: Sequence[str], settings: DecodingConfig, n_best: int
    ) -> list[list[Translation]]:
        sources: list[list[int]] = []
        plans: list[list[int | str]] = []  # per line: places in sources, and text that stays
        for line in lines:
            line = line.encode("utf-8", "replace").decode()  # half a surrogate pair has no bytes
            plan: list[int | str] = []
            for text, stays in self._runs(line):
                if stays:
                    plan.append(text)
                    continue
                for ids in self._sentences(text, settings):
                    plan.append(len(sources))
                    sources.append(ids)
            plans.append(plan)
        found = self._search(sources, settings, n_best)
        return [_join(plan, found) for plan in plans]

    def _runs(self, line: str) -> list[tuple[str, bool]]:
        # Emoji and other symbols that the vocabulary can only spell in bytes were hardly seen in
        # training and would derail the model. They stay as they are, between what is translated.
        if line.isascii():
            return [(line, False)]
        marks = [_is_symbol(c) and self.tokenizer.spells_in_bytes(c) for c in line]
        runs = groupby(zip(line, marks, strict=True), key=lambda pair: pair[1])
        return [("".join(c for c, _ in run), stays) for stays, run in runs]

    def _sentences(self, text: str, settings: DecodingConfig) -> list[list[int]]:
        ids = self.tokenizer.encode(text)
        if not ids:
            return []
        longest = self.longest_src
        too_long = longest is not None and len(ids) + 1 > longest
        if settings.split == "never" or (settings.split == "long" and not too_long):
            return [ids]
        sentences = [self.tokenizer.encode(sentence) for sentence in split_sentences(text)]
        if longest is None:
            return [ids for ids in sentences if ids]
        return [
            piece for ids in sentences if ids for piece in _cut(ids, longest - 1, self.tokenizer)
        ]

    def _search(
        self, sources: Sequence[list[int]], settings: DecodingConfig, n_best: int
    ) -> list[list[Translation]]:
        lengths = np.array([len(ids) + 1 for ids in sources], dtype=np.int64)
        budget = max([settings.batch_tokens, *lengths.tolist()])
        results: list[list[Translation]] = [[] for _ in sources]
        for indices in token_budget_batches(lengths, lengths, budget):
            batch = [[*sources[i], self.tokenizer.eos_id] for i in indices]
            for i, translations in zip(
                indices, self._beam_search(batch, settings, n_best), strict=True
            ):
                results[i] = translations
        return results

    def _beam_search(
        self, batch: list[list[int]], settings: DecodingConfig, n_best: int
    ) -> list[list[Translation]]:
        tokenizer, device = self.tokenizer, self.model.device
        with torch.inference_mode():
            state = self.model.start(pad_ids(batch, tokenizer.pad_id).to(device))
        # A beam of one is greedy search: there is nothing to compare lengths with.
        kind = settings.length_penalty if settings.beam_size > 1 else "none"
        hypotheses = beam_search(
            self.model.step,
            state,
            [len(ids) - 1 + max(1, settings.max_extra_tokens) for ids in batch],
            bos_id=tokenizer.bos_id,
            eos_id=tokenizer.eos_id,
            forbidden=[i for i in (tokenizer.pad_id, tokenizer.bos_id, tokenizer.unk_id) if i >= 0],
            beam_size=settings.beam_size,
            n_best=n_best,
            penalty=partial(length_penalty, kind, settings.alpha),
            patience=settings.patience,
            device=device,
        )
        return [
            [Translation(_printable(tokenizer.decode(h.ids)), h.score) for h in best]
            for best in hypotheses
        ]


def _is_symbol(character: str) -> bool:
    # Unicode's "other" and "modifier" symbols, private and unassigned signs, and what joins them.
    return character in "\u200d\ufe0e\ufe0f\u20e3" or (
        not character.isascii() and unicodedata.category(character) in {"So", "Sk", "Co", "Cn"}
    )


# A sentence ends at . ! ? … with its closing quotes, before a space and a capital, digit or quote.
_END = re.compile(r"(?<=[.!?…])[\"'»“”’)\]]*\s+(?=[\"'„“»«(\[¿¡]*(\w))")
# What ends in a full stop without ending a sentence: one letter (z. B.), a day (3. Mai), these.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:\w|\d{1,2}|Dr|Prof|Hr|Hrn|Fr|Mr|Mrs|Ms|St|Nr|Abb|Art|Bd|Bsp|Str|Tel|bzw|ca|evtl|"
    r"ggf|inkl|usw|vgl|zzgl|No|vs)\.$"
)


def split_sentences(text: str) -> list[str]:
    """Cuts a text where sentences end; cautious, since a wrong cut costs more than a missed one."""
    sentences, start = [], 0
    for match in _END.finditer(text):
        begins = match.group(1)
        if not (begins.isupper() or begins.isdigit()):
            continue
        if not _ABBREVIATION.search(text[start : match.start()]):
            # What closes a quotation stays with the sentence it closes.
            end = match.start() + len(match.group().rstrip())
            sentences.append(text[start:end].strip())
            start = match.end()
    return [sentence for sentence in [*sentences, text[start:].strip()] if sentence]


def _printable(text: str) -> str:
    # One line without control characters, whatever bytes the model spells.
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _cut(ids: list[int], longest: int, tokenizer: Tokenizer) -> list[list[int]]:
    # A sentence that is itself too long: cut before a word, into parts of about equal length.
    pieces = tokenizer.pieces(ids)
    parts, start = [], 0
    while start < len(ids):
        left = len(ids) - start
        n_parts = -(-left // longest)
        share = start + -(-left // n_parts)  # an equal share of what is left, at most `longest`
        end = share
        while start < end < len(ids) and not pieces[end].startswith("▁"):
            end -= 1
        if end == start:  # one endless word
            end = share
        parts.append(ids[start:end])
        start = end
    return parts


def _join(plan: list[int | str], found: list[list[Translation]]) -> list[Translation]:
    # The n-th best of a line is made of the n-th best of each of its parts.
    n_best = min((len(found[part]) for part in plan if isinstance(part, int)), default=1)
    joined = []
    for rank in range(n_best):
        parts = [
            Translation(part.strip(), 0.0) if isinstance(part, str) else found[part][rank]
            for part in plan
        ]
        text = " ".join(part.text for part in parts if part.text)
        joined.append(Translation(text, sum(part.score for part in parts)))
    return joined
