"""`transformer-generate`."""

import argparse
import os
from collections.abc import Sequence

from ..config import MAX_THREADS
from ..errors import UserError
from .command import Options, make_parser, refuse_stray, require_stdout, run_command, whole
from .decoding import PRECISION
from .sampling import add_sampling_options, sampling_of

MAX_TEXTS, MAX_TOKENS = 100, 1_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """`transformer-generate`."""
    return run_command(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = make_parser(
        "transformer-generate",
        "--model DIR [options] [prompt]",
        "Continue a prompt with a language model.",
        """
        examples:
          transformer-generate --model runs/gpt_shakespeare_char_cpu "ROMEO:"
          transformer-generate --model runs/gpt_german --n 3 --temperature 0.8 "Die Pizza"
          transformer-generate --model folder/of/gpt2 --top-p 0.9 --max-tokens 100 "It was"

        A single text is printed while it is written. When the context is full, the model forgets
        the older half of what it has read.
        """,
    )
    parser.add_argument("prompt", nargs="?", default="", help="how the text begins, in quotes")
    parser.add_argument(
        "--model",
        metavar="DIR",
        required=True,
        help="run directory of a language model, or a folder of Hugging Face's GPT-2",
    )
    parser.add_argument(
        "--score", action="store_true", help="say how likely the prompt is; write nothing"
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16", "int8"),
        default=PRECISION,
        help="of matrix products (fp32)",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps, auto (cpu)")
    parser.add_argument("--threads", type=whole(1, MAX_THREADS), metavar="N", help="CPU threads")
    writing = Options(parser, "what it writes", only_for={"writing"})
    writing.add(
        "--n", type=whole(1, MAX_TEXTS), default=1, metavar="N", help="texts at the same time (1)"
    )
    writing.add(
        "--max-tokens",
        type=whole(1, MAX_TOKENS),
        default=500,
        metavar="N",
        help="tokens per text, at most (500)",
    )
    add_sampling_options(writing)
    writing.add(
        "--compile",
        action="store_true",
        help="compile first, which takes half a minute; with --precision bf16 it is then at least "
        "1.5 times as fast. Needs a C++ compiler",
    )
    args = parser.parse_args(argv)
    refuse_stray(parser, args, "--score" if args.score else "writing", [writing])
    require_stdout()
    return _generate(args)


def _generate(args: argparse.Namespace) -> int:
    from ..memory import keep_compiled_products, keep_freed_memory

    keep_compiled_products()
    keep_freed_memory()
    from ..device import choose_device, set_threads
    from ..inference.generator import Generator

    set_threads(args.threads)
    device = str(choose_device(args.device))
    sampling = sampling_of(args)
    prompt = _utf8(args.prompt)
    generator = Generator.load(
        args.model, device=device, precision=args.precision, compile=args.compile
    )
    if args.score:
        try:
            found = generator.score(prompt)
        except ValueError as error:
            raise UserError(str(error)) from None
        print(
            f"{found.nll:.2f} nats for {found.n_tokens} tokens, "
            f"{found.bits_per_character:.3f} bits per character"
        )
    elif args.n == 1:
        for piece in generator.stream(prompt, max_tokens=args.max_tokens, sampling=sampling):
            print(piece, end="", flush=True)
        print()
    else:
        texts = generator.generate(prompt, args.n, max_tokens=args.max_tokens, sampling=sampling)
        for number, text in enumerate(texts, start=1):
            print(f"--- {number} ---\n{text}")
    return 0


def _utf8(prompt: str) -> str:
    # Python hides bytes of an argument that are not UTF-8 in halves of surrogate pairs.
    try:
        return os.fsencode(prompt).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"the prompt is not UTF-8 ({error.reason} at byte {error.start + 1}); let the terminal "
            f"or the script send UTF-8"
        ) from None
