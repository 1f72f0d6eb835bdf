"""`--engine auto`: CTranslate2 where it answers sooner, with files that it can read."""

import argparse
import hashlib
import os
import re
import shutil
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from .. import __version__
from ..errors import UserError
from .decoding import engine_of, reverse_run

KEPT = "attention-transformer/ctranslate2"
"""Where exports are kept, under the user's folder for caches."""

_MARKUP = re.compile(r"[<*_~\[]")
"""What tags, emphasis and links begin with."""


def choose_engine(args: argparse.Namespace, texts: list[str]) -> None:
    """Puts the engine that answers sooner in the place of `--engine auto`.

    For a few texts that is CTranslate2, which starts without torch. It gets an export of the model,
    made at the first time and kept; and so does the one of the other direction that has a say. It
    must be installed, and able to search as is asked for. The start counts little for files, which
    are left to our own engine and its workers.

    Args:
        args: of a command with the options of `add_model_options`; may get another engine and
            model.
        texts: all that there is to translate; none if it comes from a file.
    """
    if args.engine != "auto":
        return
    args.engine = engine_of(args)
    # Tags and links find their places by attention, which CTranslate2 does not show.
    is_for_both = args.engine == "torch" and texts and not any(map(_MARKUP.search, texts))
    if is_for_both and find_spec("ctranslate2") and _searches_alike(args):
        folder, back = _exported(args.model), reverse_run(args)
        other = _exported(str(back.path)) if folder and back else None
        if folder and (other or not back):
            args.engine, args.model = "ctranslate2", str(folder)
            args.reverse = str(other or "none")


def _searches_alike(args: argparse.Namespace) -> bool:
    # Whether CTranslate2 can do what is asked for. A run's own pruning is only for speed.
    asked = args.relative_threshold, args.max_per_parent, args.shortlist
    if any(asked) or args.workers > 1:
        return False
    if args.device != "cpu" or args.precision not in (None, "fp32"):
        return False
    if args.patience is not None:
        return True
    from ..runs.directory import RunDirectory

    with suppress(UserError):  # which is explained when the model is loaded
        return RunDirectory.find(args.model).load_config().decoding.patience is not None
    return False


def _exported(model: str | None) -> Path | None:
    # The model in CTranslate2's format; None if there is no place to keep it. One export is kept
    # for each run directory, the last.
    from .. import files
    from ..runs.directory import RunDirectory

    run = RunDirectory.find(model)
    of_run = hashlib.sha256(os.fsencode(run.path.absolute())).hexdigest()[:12]
    with suppress(OSError, UserError, RuntimeError):  # the last one without a home
        caches = Path(os.environ.get("XDG_CACHE_HOME", ""))
        kept = (caches if caches.is_absolute() else Path("~/.cache").expanduser()) / KEPT
        content = hashlib.sha256(__version__.encode())
        for path in (run.model, run.tokenizer, run.config):
            content.update(path.read_bytes())
        folder = kept / f"{of_run}-{content.hexdigest()[:12]}"
        if not (folder / "model.bin").is_file():
            from ..export.ctranslate2 import export_ctranslate2
            from ..export.trained import Trained

            kept.mkdir(parents=True, exist_ok=True)
            with files.new_folder(folder, replace=True) as new:
                export_ctranslate2(Trained.load(model), new)
            for old in kept.glob(f"{of_run}-*"):
                if old != folder:
                    shutil.rmtree(old, ignore_errors=True)
        return folder
    return None
