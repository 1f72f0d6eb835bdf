"""What a run reports while it trains: metrics.jsonl, train.log, TensorBoard, a progress bar."""

import json
import logging
import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..config import Config
from ..files import explained, write_atomically
from ..runs.checkpoints import TrainingState
from ..runs.directory import RunDirectory

log = logging.getLogger(__name__)

N_SAMPLES = 3
"""Sentences whose translation the log shows at each validation."""


class Journal:
    """metrics.jsonl, train.log, TensorBoard and the progress bar of one sitting."""

    def __init__(self, run: RunDirectory, config: Config, step: int) -> None:
        self._run, self._config = run, config
        self._forget_after(step)
        with explained(run.log):
            self._handler = _LogFile(run.log, encoding="utf-8", errors="backslashreplace")
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self._board = _Board(run.path, config, step) if config.training.tensorboard else None
        self._bar = tqdm(
            total=config.training.max_steps,
            initial=step,
            unit="step",
            smoothing=0.05,
            disable=None,  # off when the output is not a terminal: the log says the same
            dynamic_ncols=True,
        )
        self._redirect = logging_redirect_tqdm()

    def __enter__(self) -> "Journal":
        logger = logging.getLogger("transformer")
        self._level = logger.level
        logger.setLevel(logging.INFO)
        self._redirect.__enter__()
        logger.addHandler(self._handler)
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.close()
        logger = logging.getLogger("transformer")
        logger.removeHandler(self._handler)
        with suppress(OSError):
            self._handler.close()
        self._redirect.__exit__(*error)
        logger.setLevel(self._level)
        if self._board:
            self._board.close()

    def advance(self, state: TrainingState, lr: float) -> None:
        """Moves the progress bar."""
        window = state.window
        self._bar.set_postfix_str(
            f"loss {window['nll'] / window['n_tokens']:.3f}, "
            f"{window['n_tokens'] / window['seconds']:,.0f} tokens/s, lr {lr:.1e}",
            refresh=False,
        )
        self._bar.update(1)

    def write_training(self, state: TrainingState, lr: float) -> None:
        """A line about the updates since the last line; empties the window."""
        window, state.window = state.window, {}
        nll = window["nll"] / window["n_tokens"]
        row = {
            "step": state.step,
            "epoch": state.epoch,
            "loss": window["smoothed"] / window["n_tokens"],
            "nll": nll,
            "ppl": perplexity(nll),
            "lr": lr,
            "tokens_per_second": window["n_tokens"] / window["seconds"],
            "gradient_norm": window["gradient_norm"] / window["updates"],
            "padding_share": window["padding"] / max(1, window["positions"]),
            "seconds": state.seconds,
        }
        self.write(row)
        left = (self._config.training.max_steps - state.step) * state.seconds / state.step
        log.info(
            "step %d, epoch %d: loss %.3f, ppl %.1f, lr %.2e, %s tokens/s, %.1f min, %.0f min left",
            *(row[key] for key in ("step", "epoch", "loss", "ppl", "lr")),
            f"{row['tokens_per_second']:,.0f}",
            state.seconds / 60,
            left / 60,
        )

    def write_validation(self, state: TrainingState, scores: dict[str, float]) -> None:
        """A line about a validation."""
        self.write({"step": state.step, "epoch": state.epoch, **scores, "seconds": state.seconds})
        log.info("step %d, validation: %s", state.step, format_scores(scores))

    def write_samples(self, src: list[str], translated: list[str], tgt: list[str]) -> None:
        """A few translations, to watch it learn."""
        for i in range(0, len(src), -(-len(src) // N_SAMPLES)):
            log.info("  %s\n    -> %s\n    == %s", src[i], translated[i], tgt[i])

    def write_text(self, text: str) -> None:
        """A text that the model wrote, to watch it learn."""
        log.info("%s", "\n".join(f"  | {line}" for line in text.splitlines()))

    def write(self, row: dict[str, Any]) -> None:
        """Appends to metrics.jsonl and TensorBoard."""
        with explained(self._run.metrics), open(self._run.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self._board:
            self._board.write(row)

    def _forget_after(self, step: int) -> None:
        # A resumed run writes again what came after its last checkpoint, and that it is finished.
        metrics = self._run.metrics
        if metrics.is_file():
            with explained(metrics):
                rows = metrics.read_bytes().splitlines()
            kept = [row for row in rows if _step_of(row) <= step and b'"event"' not in row]
            unreadable = sum(math.isnan(_step_of(row)) for row in rows[:-1])  # the last may be half
            if unreadable:
                log.warning("%d lines of %s cannot be read and are left out", unreadable, metrics)
            write_atomically(metrics, b"".join(row + b"\n" for row in kept))


class SilentJournal:
    """What the other processes of a run report: nothing."""

    def advance(self, state: TrainingState, lr: float) -> None:
        """Nothing to move."""

    def write_training(self, state: TrainingState, lr: float) -> None:
        """Only empties the window."""
        state.window = {}

    def write_validation(self, state: TrainingState, scores: dict[str, float]) -> None:
        """Nothing to write."""

    def write(self, row: dict[str, Any]) -> None:
        """Nothing to write."""


AnyJournal = Journal | SilentJournal


class _LogFile(logging.FileHandler):
    """A log that ends when the disk is full, while the run goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        error = sys.exc_info()[1]
        logger = logging.getLogger("transformer")
        logger.removeHandler(self)
        logger.warning("cannot write %s: %s; the run goes on without", self.baseFilename, error)


class _Board:
    """TensorBoard's events, for as long as they can be written; a run does not depend on them."""

    def __init__(self, path: Path, config: Config, step: int) -> None:
        self._writer: Any = None
        self._hook: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            # Events are on by default, so only somebody who has asked for them misses them.
            if step == 0 and "tensorboard" in config.training.model_fields_set:
                log.warning("no TensorBoard events: pip install tensorboard")
            return
        self._hook = threading.excepthook
        threading.excepthook = self._ignore_writer
        with self._giving_up():
            self._writer = SummaryWriter(str(path), purge_step=step + 1)

    def write(self, row: dict[str, Any]) -> None:
        """Every number of a row but the counts."""
        with self._giving_up():
            for key, value in row.items():
                if isinstance(value, float) and self._writer is not None:
                    self._writer.add_scalar(key, value, row["step"])
            if self._writer is not None:
                self._writer.flush()  # or its errors could come at any later moment

    def close(self) -> None:
        """Writes what is left."""
        with self._giving_up():
            if self._writer is not None:
                self._writer.close()
        if self._hook is not None:
            threading.excepthook = self._hook

    def _ignore_writer(self, error: threading.ExceptHookArgs) -> None:
        # An error that ends its thread comes again at the next call.
        if type(error.thread).__name__ != "_AsyncWriterThread":
            self._hook(error)

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of any kind, from its thread
            log.warning("no more TensorBoard events: %s", error)
            self._writer = None


def _step_of(row: bytes) -> float:
    try:
        return float(json.loads(row)["step"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):  # half a line
        return math.nan


def format_scores(scores: dict[str, float]) -> str:
    return ", ".join(f"{name.removeprefix('val_')} {value:.3f}" for name, value in scores.items())


def perplexity(nll: float) -> float:
    return math.exp(min(nll, 700.0))  # beyond, a float overflows
