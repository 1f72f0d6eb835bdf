"""`transformer-export`."""

import argparse
import sys
from collections.abc import Sequence

from .command import make_parser, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """`transformer-export`."""
    return run_command(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = make_parser(
        "transformer-export",
        "--format FORMAT --output DIR [options]",
        "Write a trained model in the format of another engine.",
        """
        examples:
          transformer-export --format ctranslate2 --output exported/ct2 --quantization int8
          transformer-export --model runs/quickstart --format huggingface --output exported/hf

        ctranslate2 is for speed. huggingface is for tools that load a MarianMTModel or, from a
        language model, a GPT2LMHeadModel. The folder holds all that it takes to translate, and
        appears when it is complete.
        """,
    )
    parser.add_argument(
        "--model", metavar="DIR", help="run directory; without it, the model in the package"
    )
    parser.add_argument("--format", required=True, choices=("ctranslate2", "huggingface"))
    parser.add_argument("--output", required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an earlier export at --output"
    )
    parser.add_argument(
        "--quantization",
        default="float32",
        metavar="TYPE",
        help="how weights are stored: float32 (default), float16, bfloat16; for ctranslate2 also "
        "int16, int8, int8_float32, int8_float16, int8_bfloat16",
    )
    return _export(parser.parse_args(argv))


def _export(args: argparse.Namespace) -> int:
    from ..export.ctranslate2 import export_ctranslate2
    from ..export.gpt2 import export_gpt2
    from ..export.huggingface import export_huggingface
    from ..export.trained import ExportError, Trained, new_folder
    from ..runs.directory import RunDirectory

    run = RunDirectory.find(args.model)
    config = run.load_config()
    of_gpt = config.task == "language_modeling"
    if of_gpt and args.format != "huggingface":
        raise ExportError(
            f"{run.path} holds a language model, and only huggingface has a format for it"
        )
    export = {"ctranslate2": export_ctranslate2, "huggingface": export_huggingface}[args.format]
    with new_folder(args.output, overwrite=args.overwrite) as folder:
        if of_gpt:
            export_gpt2(run, folder, quantization=args.quantization)
        else:
            export(Trained.load(args.model), folder, quantization=args.quantization)
        n_bytes = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{args.output}: {n_bytes / 1e6:.1f} MB for {args.format}", file=sys.stderr)
    return 0
