"""Continues a prompt: the GPT's counterpart of the translator."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..data.text_tokenizers import TextTokenizer, load_tokenizer
from ..data.tokenizer import Tokenizer
from ..device import choose_device
from ..errors import UserError
from ..model.gpt import GPT, GenerationState
from ..model.gpt2 import is_gpt2
from ..model.kernels import KernelName, use_kernel
from ..runs.directory import RunDirectory
from ..runs.errors import CheckpointError
from ..runs.loading import load_run
from ..runs.metadata import require_same_run
from ..search.sampling import Sampling
from ..search.stepping import Step
from ..text.characters import with_bytes
from .checks import check_number, check_text
from .engine import OVERFLOW
from .precision import Precision, check_precision, convert
from .sampling import checked

if TYPE_CHECKING:
    from ..inspection.explanation import Explanation

MAX_TEXTS, MAX_TOKENS = 100, 1_000_000
"""The most that one call generates."""


@dataclass(frozen=True)
class Likelihood:
    """How likely a model finds a text."""

    nll: float  # nats
    n_tokens: int
    n_characters: int

    @property
    def bits_per_character(self) -> float:
        """Compares models of any vocabulary."""
        return self.nll / math.log(2) / max(1, self.n_characters)


class Generator:
    """Continues texts with a GPT and its tokenizer.

    Args:
        gpt: trained.
        tokenizer: the one it was trained with.
        step: used in place of the model's own; see `CompiledStep`.

    Example::

        generator = Generator.load("runs/gpt_shakespeare_char")
        print(generator.generate("ROMEO:", sampling=Sampling(temperature=0.8)))
    """

    def __init__(
        self, gpt: GPT, tokenizer: TextTokenizer, step: Step[GenerationState] | None = None
    ) -> None:
        self.gpt = gpt.eval()
        self.tokenizer = tokenizer
        self.step = step
        self._load_model: Callable[[], GPT] | None = None
        self._model: GPT | None = None

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        device: str = "cpu",
        precision: Precision = "fp32",
        attention_kernel: KernelName = "formula",
        compile: bool = False,
    ) -> "Generator":
        """Loads the model of a run directory, or a GPT-2 from Hugging Face with its tokenizer.

        Args:
            path: the folder.
            device: cpu, cuda, cuda:1, mps, or auto: a GPU if there is one.
            precision: of the matrix products; see `convert`.
            attention_kernel: formula, or fused, which is quicker on a GPU; see `use_kernel`.
            compile: generate with a `CompiledStep`, wholly in fp32 or in bf16.

        Raises:
            CheckpointError: no such folder, or one without a language model.
            TokenizerError: no tokenizer in it.
            UserError: no such device or precision, int8 where it is not possible, or no C++
                compiler for `compile`.
        """
        check_precision(precision)
        chosen = choose_device(device)
        run = RunDirectory(path)
        if is_gpt2(run.path):
            gpt = _of_huggingface(run.path)
            tokenizer = load_tokenizer(run.path)
            settings = run.path / "config.json"
            about = json.loads(settings.read_text(encoding="utf-8"))
            if isinstance(fingerprint := about.get("tokenizer"), str):  # our export wrote it
                require_same_run(
                    {"tokenizer": fingerprint},
                    tokenizer,
                    weights=settings,
                    tokenizer_path=run.path,
                )
        else:
            loaded = load_run(run, "language_modeling")
            gpt, tokenizer = loaded.model, loaded.tokenizer
        gpt = gpt.to(chosen)
        use_kernel(gpt, attention_kernel)
        if compile:
            from .compiled import CompiledStep

            return cls(gpt, tokenizer, CompiledStep(gpt, precision))
        generator = cls(convert(gpt, precision), tokenizer)
        again = RunDirectory(run.path.absolute())  # found from another working directory, too
        generator._load_model = partial(_load_again, again)
        return generator

    @property
    def model(self) -> GPT:
        """The model as it was trained, to look into.

        `load` converts it for fast generation, which replaces its layers. So the first call here
        loads it again.
        """
        if self._load_model is not None:
            self._model, self._load_model = self._load_model(), None
        return self._model or self.gpt

    def generate(
        self,
        prompt: str = "",
        n: int = 1,
        *,
        max_tokens: int = 500,
        sampling: Sampling | None = None,
    ) -> list[str]:
        """Returns the prompt with a continuation, n times; the same seed gives the same texts.

        Args:
            prompt: how the text begins; the model begins an empty one itself.
            n: how many texts; they are generated in one batch.
            max_tokens: at most this many tokens follow the prompt.
            sampling: temperature, top-k, top-p and seed.

        Raises:
            UserError: n outside 1 … 100 or max_tokens outside 1 … 1,000,000, or the prompt is not a
                str.
            TokenizerError: the vocabulary lacks a character of the prompt.
        """
        check_number("n", n, 1, MAX_TEXTS)
        check_number("max_tokens", max_tokens, 1, MAX_TOKENS)
        start = self._start(prompt)
        found = self.gpt.generate(
            [start] * n,
            max_tokens,
            sampling=sampling,
            eos_id=self._end(),
            step=checked(self.step or self.gpt.step),
        )
        return [self._text([*start, *ids]) for ids in found]

    def stream(
        self, prompt: str = "", *, max_tokens: int = 500, sampling: Sampling | None = None
    ) -> Iterator[str]:
        """Yields one text piece by piece as it is generated, the prompt first."""
        check_number("max_tokens", max_tokens, 1, MAX_TOKENS)
        return self._stream(self._start(prompt), max_tokens, sampling)

    def _stream(self, ids: list[int], max_tokens: int, sampling: Sampling | None) -> Iterator[str]:
        yield self._text(ids)
        # The ids that the next piece is decoded with, and the part of their text already shown.
        last = self._lines(ids)[-1] if self.tokenizer.by_line else []
        given = self.tokenizer.decode(last)
        steps = self.gpt.stream(
            [ids],
            max_tokens,
            sampling=sampling,
            eos_id=self._end(),
            step=checked(self.step or self.gpt.step),
        )
        for [drawn] in steps:
            if drawn.token == self.tokenizer.eos_id:
                if self.tokenizer.by_line:
                    yield self.tokenizer.decode(last)[len(given) :] + "\n"
                    last, given = [], ""
                continue
            last.append(drawn.token)
            text = self.tokenizer.decode(last)
            if text.endswith("\ufffd"):  # the character's other bytes are still to come
                continue
            if len(text) > len(given):
                yield text[len(given) :]
            given = text
            if not self.tokenizer.by_line:
                last, given = [], ""
        yield self.tokenizer.decode(last)[len(given) :]

    @torch.inference_mode()
    def score(self, text: str) -> Likelihood:
        """Returns how likely a text is, read in blocks of the model's context.

        Raises:
            UserError: fewer than two tokens, or the text is not a str.
        """
        before, found = self._before(), self._encode("text", text)
        if len(before) + len(found) < 2 or not found:
            raise UserError(f"a text to score must have at least 2 tokens; found {len(found)}")
        # If nothing stands before the text, its first character is given and not scored.
        n_characters = len(text) - (not before)
        ids = torch.tensor([*before, *found], device=self.gpt.device)
        nll, context = 0.0, self.gpt.config.context
        for start in range(0, len(ids) - 1, context):
            block = ids[start : start + context + 1]
            log_probs = self.gpt(block[None, :-1])[0].float().log_softmax(dim=-1)
            nll -= float(log_probs.gather(1, block[1:, None]).sum())
        if not math.isfinite(nll):
            raise UserError(OVERFLOW)
        return Likelihood(nll, len(ids) - 1, n_characters)

    def explain(self, text: str) -> "Explanation":
        """Tells what the model looked at, and how sure it was, at each token of a text.

        The pass is in fp32, whatever `precision` the generator has.

        Returns:
            Attention weights, rollout, gradient × input and log-probabilities. In a notebook, it
            shows itself.

        Raises:
            UserError: the text is not a str, or has fewer than two tokens or more than 512 or than
                the model sees at once.
        """
        from ..inspection.explaining import explain_text

        ids = [*self._before(), *self._encode("text", text)]
        return explain_text(self.model, ids, [self._name(i) for i in ids])

    def _name(self, token: int) -> str:
        # What sentencepiece would call it: ▁ for a blank.
        if isinstance(self.tokenizer, Tokenizer):
            return self.tokenizer.pieces([token])[0]
        if token == self.tokenizer.eos_id:
            return "</s>"
        return self.tokenizer.decode([token]).replace(" ", "▁").replace("\n", "⏎")

    def _before(self) -> list[int]:
        # What stands before a text: the end of another text, or a line feed.
        eos = self.tokenizer.eos_id
        return self.tokenizer.separator if eos is None else [eos]

    def _start(self, prompt: str) -> list[int]:
        # GPT-2 and character models continue a prompt as it is; a model of lines has seen each one
        # begin after the end of another.
        ids = self._encode("prompt", prompt)
        if self.tokenizer.by_line or not ids:
            ids = [*self._before(), *ids]
        return ids or [0]

    def _encode(self, name: str, text: str) -> list[int]:
        text = with_bytes(check_text(name, text))
        if not self.tokenizer.by_line:
            return self.tokenizer.encode(text)
        eos = self.tokenizer.separator
        lines = [self.tokenizer.encode(line) for line in text.split("\n")]
        return [i for n, line in enumerate(lines) for i in [*(eos if n else []), *line]]

    def _end(self) -> int | None:
        # Where the tokenizer has no line feed, EOS ends a line and not the text.
        return None if self.tokenizer.by_line else self.tokenizer.eos_id

    def _text(self, ids: Sequence[int]) -> str:
        return "\n".join(self.tokenizer.decode(line) for line in self._lines(ids))

    def _lines(self, ids: Sequence[int]) -> list[list[int]]:
        # Where EOS stands for a line feed, it divides the ids into lines; elsewhere all of them are
        # one line, without EOS.
        eos = self.tokenizer.eos_id
        if not self.tokenizer.by_line:
            return [[i for i in ids if i != eos]]
        lines: list[list[int]] = [[]]
        for i in ids[1:]:  # the first is the EOS that it began after
            if i == eos:
                lines.append([])
            else:
                lines[-1].append(i)
        return lines


def _of_huggingface(folder: Path) -> GPT:
    try:
        return GPT.from_huggingface(folder)
    except ValueError as error:
        raise CheckpointError(str(error)) from None


def _load_again(run: RunDirectory) -> GPT:
    return (
        _of_huggingface(run.path) if is_gpt2(run.path) else load_run(run, "language_modeling").model
    )
