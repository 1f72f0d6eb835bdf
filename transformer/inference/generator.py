"""A prompt in, a text that goes on from it out: the GPT's counterpart of the translator."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..checkpoint import CheckpointError, RunDirectory, load_gpt
from ..data.tokenizers import TextTokenizer, load_tokenizer
from ..model.gpt import GPT
from ..model.sampling import Sampling
from .precision import Precision, convert


@dataclass(frozen=True)
class Likelihood:
    """How likely a model finds a text."""

    nll: float  # nats, of all tokens but the first
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

    Example::

        generator = Generator.load("runs/gpt_shakespeare_char")
        print(generator.generate("ROMEO:", sampling=Sampling(temperature=0.8)))
    """

    def __init__(self, gpt: GPT, tokenizer: TextTokenizer) -> None:
        self.gpt = gpt.eval()
        self.tokenizer = tokenizer

    @classmethod
    def load(
        cls, path: str | Path, *, device: str = "cpu", precision: Precision = "fp32"
    ) -> "Generator":
        """The model of a run directory, or a GPT-2 of Hugging Face with its tokenizer.

        Args:
            path: the folder.
            device: cpu, cuda, cuda:1 or mps.
            precision: of the matrix products; see `convert`.

        Raises:
            CheckpointError: no such folder, or one without a language model.
            TokenizerError: no tokenizer in it.
        """
        run = RunDirectory(path)
        if not run.config.is_file() and (run.path / "config.json").is_file():
            try:
                gpt = GPT.from_huggingface(run.path)
            except ValueError as error:
                raise CheckpointError(str(error)) from None
            tokenizer = load_tokenizer(run.path)
        else:
            config = run.load_config("language_modeling")
            tokenizer = load_tokenizer(run.tokenizer)
            gpt = load_gpt(run.model.resolve(), config, vocab_size=tokenizer.vocab_size)
        return cls(convert(gpt.to(device), precision), tokenizer)

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
        found = self.gpt.generate([start] * n, max_tokens, sampling=sampling, eos_id=self._end())
        return [self._text([*start, *ids]) for ids in found]

    def stream(
        self, prompt: str = "", *, max_tokens: int = 500, sampling: Sampling | None = None
    ) -> Iterator[str]:
        """`generate` of one text, in pieces as they come, the prompt first."""
        ids = self._start(prompt)
        given = self._text(ids)
        yield given
        steps = self.gpt.stream([ids], max_tokens, sampling=sampling, eos_id=self._end())
        for [drawn] in steps:
            ids = [*ids, drawn.token]
            text = self._text(ids)
            # The first bytes of a character are none yet.
            if text.startswith(given) and not text.endswith("\ufffd"):
                if len(text) > len(given):
                    yield text[len(given) :]
                given = text
        rest = self._text(ids)
        if rest.startswith(given) and len(rest) > len(given):
            yield rest[len(given) :]

    @torch.inference_mode()
    def score(self, text: str) -> Likelihood:
        """How likely a text is, read in blocks of the model's context.

        Raises:
            ValueError: fewer than two tokens.
        """
        ids = torch.tensor(self._start(text), device=self.gpt.device)
        if len(ids) < 2:
            raise ValueError(f"a text to score has at least 2 tokens; found {len(ids)}")
        nll, context = 0.0, self.gpt.config.context
        for start in range(0, len(ids) - 1, context):
            block = ids[start : start + context + 1]
            log_probs = self.gpt(block[None, :-1])[0].float().log_softmax(dim=-1)
            nll -= float(log_probs.gather(1, block[1:, None]).sum())
        return Likelihood(nll, len(ids) - 1, len(text))

    def _start(self, prompt: str) -> list[int]:
        # Where texts end with EOS, one begins after it. Without EOS, a line feed is before most.
        ids = self.tokenizer.encode(prompt)
        eos = self.tokenizer.eos_id
        if eos is not None and (self.tokenizer.by_line or not ids):
            return [eos, *ids]
        return ids or self.tokenizer.separator or [0]

    def _end(self) -> int | None:
        # Lines end with EOS, too, where the tokenizer knows no line feed; texts go on beyond.
        return None if self.tokenizer.by_line else self.tokenizer.eos_id

    def _text(self, ids: Sequence[int]) -> str:
        eos = self.tokenizer.eos_id
        if eos is None:
            return self.tokenizer.decode(ids)
        if not self.tokenizer.by_line:
            return self.tokenizer.decode([i for i in ids if i != eos])
        lines: list[list[int]] = [[]]
        for i in ids[1:]:  # the first is the EOS that it began after
            if i == eos:
                lines.append([])
            else:
                lines[-1].append(i)
        return "\n".join(self.tokenizer.decode(line) for line in lines)
