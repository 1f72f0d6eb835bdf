"""A prompt in, a text that goes on from it out: the GPT's counterpart of the translator."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..checkpoint import CheckpointError, RunDirectory, load_run, require_same_run
from ..data.text_tokenizers import TextTokenizer, load_tokenizer
from ..device import choose_device
from ..model.gpt import GPT, GenerationState
from ..model.gpt2 import is_gpt2
from ..model.sampling import Sampling
from ..model.stepping import Step
from .precision import Precision, check_precision, convert
from .text import with_bytes


@dataclass(frozen=True)
class Likelihood:
    """How likely a model finds a text, of which something stands before if the model knows what."""

    nll: float  # nats
    n_tokens: int
    n_characters: int

    @property
    def bits_per_character(self) -> float:
        """Compares models of any vocabulary."""
        return self.nll / math.log(2) / max(1, self.n_characters)


class Generator:
    """Goes on writing, with a GPT and its tokenizer.

    Args:
        gpt: trained.
        tokenizer: the one it was trained with.
        step: in place of the model's own; see `CompiledStep`.

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

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        device: str = "cpu",
        precision: Precision = "fp32",
        compile: bool = False,
    ) -> "Generator":
        """The model of a run directory, or a GPT-2 of Hugging Face with its tokenizer.

        Args:
            path: the folder.
            device: cpu, cuda, cuda:1, mps, or auto: a GPU if there is one.
            precision: of the matrix products; see `convert`.
            compile: generate by a `CompiledStep`, in fp32 or bf16 altogether.

        Raises:
            CheckpointError: no such folder, or one without a language model.
            TokenizerError: no tokenizer in it.
            UserError: no such device or precision, int8 where it is not possible, or no C++
                compiler to compile by.
        """
        check_precision(precision)
        chosen = choose_device(device)
        run = RunDirectory(path)
        if is_gpt2(run.path):
            try:
                gpt = GPT.from_huggingface(run.path)
            except ValueError as error:
                raise CheckpointError(str(error)) from None
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
        if compile:
            from .compiled import CompiledStep

            return cls(gpt, tokenizer, CompiledStep(gpt, precision))
        return cls(convert(gpt, precision), tokenizer)

    def generate(
        self,
        prompt: str = "",
        n: int = 1,
        *,
        max_tokens: int = 500,
        sampling: Sampling | None = None,
    ) -> list[str]:
        """The prompt and what follows it, n times; the same seed gives the same texts.

        Args:
            prompt: how the text begins; empty: as any text may.
            n: how many texts, made together.
            max_tokens: tokens at most that follow the prompt.
            sampling: temperature, top-k, top-p and seed.

        Raises:
            ValueError: n or max_tokens below 1.
            TokenizerError: the vocabulary lacks a character of the prompt.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1; found {n}")
        start = self._start(prompt)
        found = self.gpt.generate(
            [start] * n, max_tokens, sampling=sampling, eos_id=self._end(), step=self.step
        )
        return [self._text([*start, *ids]) for ids in found]

    def stream(
        self, prompt: str = "", *, max_tokens: int = 500, sampling: Sampling | None = None
    ) -> Iterator[str]:
        """`generate` of one text, in pieces as they come, the prompt first."""
        ids = self._start(prompt)
        yield self._text(ids)
        # What the next piece depends on, and what of it has been shown.
        last = self._lines(ids)[-1] if self.tokenizer.by_line else []
        given = self.tokenizer.decode(last)
        steps = self.gpt.stream(
            [ids], max_tokens, sampling=sampling, eos_id=self._end(), step=self.step
        )
        for [drawn] in steps:
            if drawn.token == self.tokenizer.eos_id:
                if self.tokenizer.by_line:
                    yield self.tokenizer.decode(last)[len(given) :] + "\n"
                    last, given = [], ""
                continue
            last.append(drawn.token)
            text = self.tokenizer.decode(last)
            if text.endswith("\ufffd"):  # the first bytes of a character are none yet
                continue
            if len(text) > len(given):
                yield text[len(given) :]
            given = text
            if not self.tokenizer.by_line:
                last, given = [], ""
        yield self.tokenizer.decode(last)[len(given) :]

    @torch.inference_mode()
    def score(self, text: str) -> Likelihood:
        """How likely a text is, read in blocks of the model's context.

        Raises:
            ValueError: fewer than two tokens.
        """
        before, found = self._before(), self._encode(text)
        if len(before) + len(found) < 2 or not found:
            raise ValueError(f"a text to score has at least 2 tokens; found {len(found)}")
        # Without anything to stand before it, the first is a character that is given.
        n_characters = len(text) - (not before)
        ids = torch.tensor([*before, *found], device=self.gpt.device)
        nll, context = 0.0, self.gpt.config.context
        for start in range(0, len(ids) - 1, context):
            block = ids[start : start + context + 1]
            log_probs = self.gpt(block[None, :-1])[0].float().log_softmax(dim=-1)
            nll -= float(log_probs.gather(1, block[1:, None]).sum())
        return Likelihood(nll, len(ids) - 1, n_characters)

    def _before(self) -> list[int]:
        # What stands before a text: the end of another, or a line feed.
        eos = self.tokenizer.eos_id
        return self.tokenizer.separator if eos is None else [eos]

    def _start(self, prompt: str) -> list[int]:
        # GPT-2 and characters go on from a prompt as it is; a line begins after the end of another.
        ids = self._encode(prompt)
        if self.tokenizer.by_line or not ids:
            ids = [*self._before(), *ids]
        return ids or [0]

    def _encode(self, text: str) -> list[int]:
        text = with_bytes(text)
        if not self.tokenizer.by_line:
            return self.tokenizer.encode(text)
        eos = self.tokenizer.separator
        lines = [self.tokenizer.encode(line) for line in text.split("\n")]
        return [i for n, line in enumerate(lines) for i in [*(eos if n else []), *line]]

    def _end(self) -> int | None:
        # Lines end with EOS, too, where the tokenizer knows no line feed; texts go on beyond.
        return None if self.tokenizer.by_line else self.tokenizer.eos_id

    def _text(self, ids: Sequence[int]) -> str:
        return "\n".join(self.tokenizer.decode(line) for line in self._lines(ids))

    def _lines(self, ids: Sequence[int]) -> list[list[int]]:
        # Those that EOS divides, where it stands for line feeds; else all in one, without EOS.
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
