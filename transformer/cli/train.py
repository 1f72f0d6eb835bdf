"""`transformer-train`."""

import argparse
import json
import logging
import os
import shlex
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from ..config import describe_settings, load_config
from .command import make_parser, require_stdout, run_command, whole


def main(argv: Sequence[str] | None = None) -> int:
    """`transformer-train`."""
    return run_command(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = make_parser(
        "transformer-train",
        "--config FILE [options] [section.key=value ...]",
        "Train a translation model, or a language model.",
        """
        examples:
          transformer-train --config configs/quickstart.yaml
          transformer-train --config configs/quickstart.yaml --dry-run
          transformer-train --config configs/multi30k_de_en.yaml data.train=my/train data.val=my/val
          transformer-train --config runs/quickstart/config.yaml --resume
          transformer-train --config configs/gpt_shakespeare_char_cpu.yaml data.train=input.txt

        Ctrl-C saves and says how to go on. --settings lists everything that can be set.
        """,
    )
    parser.add_argument(
        "--config", metavar="FILE", help="YAML file with the settings that differ from the defaults"
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="section.key=value",
        help="settings that override the file's, such as training.max_steps=500 or run_dir=runs/a",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    instead.add_argument(
        "--dry-run",
        action="store_true",
        help="print the resolved settings, the model's size, the corpus and an estimate of time "
        "and memory; train nothing",
    )
    parser.add_argument(
        "--devices",
        type=whole(1, 100_000),
        metavar="N",
        help="with --dry-run: plan the run for so many GPUs, on paper",
    )
    parser.add_argument(
        "--device-kind",
        metavar="KIND",
        help="kind of GPU: a100, h100, h200, l4, l40s or rtx4090 (h100)",
    )
    instead.add_argument(
        "--profile",
        action="store_true",
        help="print where the time of an update goes, by part of the model and kind of operation; "
        "train nothing",
    )
    instead.add_argument("--settings", action="store_true", help="list every setting and stop")
    args = parser.parse_intermixed_args(argv)
    if not args.dry_run and (args.devices or args.device_kind):
        parser.error("--devices and --device-kind are for --dry-run")
    if args.settings or args.dry_run or args.profile:
        require_stdout()
    if args.settings:
        return _list_settings()
    if args.config is None:
        parser.error("--config FILE is needed; configs/quickstart.yaml is the one to begin with")
    return _train(args)


def _list_settings() -> int:
    for entry in describe_settings():
        setting, _, meaning = entry.partition("\n")
        print(setting)
        print(textwrap.fill(meaning, 96, initial_indent="    ", subsequent_indent="    "))
    return 0


def _train(args: argparse.Namespace) -> int:
    overrides = args.overrides
    if args.resume:
        from ..training.resuming import run_dir_of

        # A run that was moved or copied lives in the new folder, whatever its own config.yaml says.
        if folder := run_dir_of(Path(args.config)):
            overrides = [f"run_dir={json.dumps(str(folder), ensure_ascii=False)}", *overrides]
    config = load_config(args.config, overrides)
    # Under torchrun the first process speaks for all.
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    speaks = alone or os.environ.get("RANK", "0") == "0"
    level = logging.INFO if speaks else logging.ERROR
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    for noisy in ("datasets", "httpx", "huggingface_hub", "filelock", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if args.dry_run:
        from ..training.dry_run import Devices, describe_run
        from ..training.planning import find_kind

        planned = None
        if args.devices or args.device_kind:
            planned = Devices(args.devices or 1, find_kind(args.device_kind or "h100"))
        print(describe_run(config, planned))
        return 0
    if args.profile:
        from ..training.profiling import describe_update

        print(describe_update(config))
        return 0
    from ..training.loop import train
    from ..training.world import ToldElsewhereError

    try:
        run = train(config, resume=args.resume)
    except ToldElsewhereError:
        return 1
    if not speaks:
        return 130 if run.interrupted else 0
    if run.interrupted:
        return 130
    command = "translate" if config.task == "translation" else "generate"
    model = shlex.quote(str(run.directory))
    print(f'done: transformer-{command} --model {model} "..."', file=sys.stderr)
    return 0
