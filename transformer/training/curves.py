"""Pictures of one run or several: learning curves, lengths and padding, by matplotlib."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..data.batching import POOL, epoch_order, pair_weights, token_budget_batches
from ..data.corpus import Corpus, lengths
from ..errors import UserError, abridged
from ..figures import COLOURS, as_bytes, new_figure
from ..files import write_atomically
from ..runs.directory import RunDirectory
from .history import METRICS, History, Metric, Series, X, read_history
from .resuming import TrainingError
from .task import AnyTask
from .translation import TranslationTask
from .world import GoneError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

DASHES = ("-", (0, (4, 1.5)))
"""The second time a colour is used, its line is dashed."""

MOST_RUNS = len(COLOURS) * len(DASHES)

FEW = 20
"""Points up to which each one is marked."""

ABOVE: dict[str, Any] = {
    **{"loc": "lower left", "bbox_to_anchor": (0, 1)},
    **{"fontsize": 8, "frameon": False},
}
"""A legend above its panel, where it hides nothing."""

STEPS = (1, 2, 5, 10)
"""Between the numbers on an axis, or ten, a hundred, … times that."""

MOST_POINTS = 2000
"""Points of a line; where there are more, the lowest and highest of each of its parts are drawn."""


def draw_run(history: History, title: str) -> Figure:
    """One run: its losses large, and beside them what explains them.

    Raises:
        UserError: matplotlib is not installed.
    """
    series = history.series
    beside = [m for m in ("val_bleu", "val_bpc", "lr", "gradient_norm") if m in series]
    figure = _spaced_figure((9, 5))
    figure.suptitle(title, parse_math=False, fontsize=10)
    grid = figure.add_gridspec(max(1, len(beside)), 2, width_ratios=[3, 2])
    axes = figure.add_subplot(grid[:, 0])
    if (training := series.get("nll")) is not None:
        # Each point is the mean since the one before.
        every = np.median(np.diff(training[:, 0], prepend=0))
        name = f"training (means over {every:,.0f} updates)"
        _plot(axes, training, "updates", color=COLOURS[5], label=name)
    if (validation := series.get("val_nll")) is not None:
        lowest = validation[validation[:, -1].argmin()]
        name = f"validation (best {lowest[-1]:.3f} at update {lowest[0]:,.0f})"
        _plot(axes, validation, "updates", color=COLOURS[1], label=name)
    _finish(axes, Metric("NLL (nats per token)", log=True), X["updates"])
    if axes.lines:
        axes.legend(**ABOVE)
    for row, metric in enumerate(beside):
        last = row == len(beside) - 1
        axes = figure.add_subplot(grid[row, 1], sharex=axes)
        _plot(axes, series[metric], "updates", color=COLOURS[4])
        _finish(axes, METRICS[metric], X["updates"] if last else "", above=True)
        axes.tick_params(labelbottom=last)
    return figure


def draw_runs(runs: Mapping[str, History], metrics: Sequence[str], x: str = "updates") -> Figure:
    """Several runs, a line each, and a panel for each metric.

    Args:
        runs: by the names that the legend has for them; `MOST_RUNS` at most.
        metrics: by their names in metrics.jsonl.
        x: what the curves run over, a key of `X`.

    Raises:
        UserError: too many runs, or matplotlib is not installed.
    """
    if len(runs) > MOST_RUNS:
        raise UserError(f"a picture holds at most {MOST_RUNS} runs; found {len(runs)}")
    styles: dict[str, dict[str, Any]] = {
        name: {"color": COLOURS[n % len(COLOURS)], "linestyle": DASHES[n // len(COLOURS)]}
        for n, name in enumerate(runs)
    }
    n_columns = 2 if len(metrics) == 4 else min(len(metrics), 3)
    n_rows = math.ceil(len(metrics) / n_columns)
    width = 6.0 if n_columns == 1 else 4.0 * n_columns
    names = [abridged(name, 48) for name in runs]
    legend_columns = max(1, int(width / (0.8 + 0.075 * max(map(len, names)))))
    legend_rows = math.ceil(len(names) / legend_columns)
    figure = _spaced_figure((width, 0.3 + 3.2 * n_rows + 0.17 * legend_rows))
    from matplotlib.lines import Line2D

    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes, metric in zip(grid.flat, metrics, strict=False):
        for name, history in runs.items():
            if metric in history.series:
                _plot(axes, history.series[metric], x, **styles[name])
        _finish(axes, METRICS.get(metric, Metric(metric)), X[x])
    for axes in list(grid.flat)[len(metrics) :]:
        axes.set_axis_off()
    # A name may hold what a legend would take for a formula, or for a line to leave out.
    legend = figure.legend(
        [Line2D([], [], **style) for style in styles.values()],
        [str(number) for number in range(len(styles))],
        loc="outside upper center",
        ncols=legend_columns,
        fontsize=8,
        frameon=False,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
    return figure


def draw_lengths(corpus: Corpus, config: Config) -> Figure:
    """How long the sentences are, and how much of a batch is padding.

    Args:
        corpus: encoded training pairs.
        config: its languages, seed and size of a batch.

    Raises:
        UserError: matplotlib is not installed.
    """
    figure = _spaced_figure((9, 3.6))
    from matplotlib.ticker import FuncFormatter

    pieces, weights = lengths(corpus), pair_weights(corpus)
    left, right = figure.subplots(1, 2)
    sides = ("source", config.data.src_lang), ("target", config.data.tgt_lang)
    for (side, language), column, colour in zip(sides, pieces.T, COLOURS, strict=False):
        counts = np.bincount(column, weights)
        mean = np.average(column, weights=weights)
        name = f"{side} ({language}), mean {mean:.1f}, longest {column.max()}"
        left.stairs(counts, np.arange(len(counts) + 1) - 0.5, color=colour, label=name)
    _finish(left, Metric("pairs per epoch"), "pieces in a sentence")
    left.legend(**ABOVE)
    shares = _padding(pieces, weights, config)
    name = f"{len(shares):,} batches, mean {shares.mean():.1%}"
    right.hist(100 * shares, bins=40, color=COLOURS[2], label=name)
    _finish(right, Metric("batches"), "padding (% of the positions of a batch)")
    right.set_yscale("log")  # a few batches have much more than the others
    right.yaxis.set_major_formatter(FuncFormatter(_number))
    right.legend(**ABOVE)
    return figure


def _padding(
    pieces: NDArray[np.int32], weights: NDArray[np.float32], config: Config
) -> NDArray[np.float64]:
    # The share of padding in each batch of the first epoch, or of its first part.
    order = epoch_order(weights, seed=config.seed, epoch=0)[:POOL]
    tokens = pieces[order].astype(np.int64) + 1  # with EOS
    batches = token_budget_batches(tokens[:, 0], tokens[:, 1], config.training.batch_tokens)
    pairs = [tokens[batch] for batch in batches]
    return np.array([1 - each.sum() / (len(each) * each.max(axis=0).sum()) for each in pairs])


def _spaced_figure(size: tuple[float, float]) -> Figure:
    figure = new_figure(size)
    figure.set_layout_engine("constrained", wspace=0.05, hspace=0.05)
    return figure


def _plot(axes: Axes, series: Series, x: str, **style: Any) -> None:
    xs, ys = _thinned(series[:, list(X).index(x)], series[:, -1])
    if len(xs) <= FEW:
        style |= {"marker": "o", "markersize": 3}
    axes.plot(xs, ys, linewidth=1.2, **style)


def _thinned(xs: Series, ys: Series) -> tuple[Series, Series]:
    # As it looks with all points, at this size: the extremes of each part, in their order.
    if len(xs) <= MOST_POINTS:
        return xs, ys
    parts = np.array_split(np.arange(len(xs)), MOST_POINTS // 2)
    kept = {int(part[at]) for part in parts for at in (ys[part].argmin(), ys[part].argmax())}
    chosen = sorted(kept | {0, len(xs) - 1})
    return xs[chosen], ys[chosen]


def _finish(axes: Axes, metric: Metric, x_label: str, *, above: bool = False) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axes.set_xlabel(x_label, fontsize=9)
    if above:  # beside a low panel, a label would be longer than it
        axes.set_title(metric.label, fontsize=9, loc="left", pad=4)
    else:
        axes.set_ylabel(metric.label, fontsize=9)
    values = np.concatenate([np.asarray(line.get_ydata()) for line in axes.lines] or [np.ones(1)])
    if metric.log and values.min() > 0 and values.max() > 3 * values.min():
        axes.set_yscale("log")
        decades = np.log10(values.max() / values.min())
        subs = (1, 1.5, 2, 3, 4, 6, 8) if decades < 1 else (1, 2, 5) if decades < 2 else (1,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4 if above else 8, steps=STEPS))
    axes.yaxis.set_major_formatter(FuncFormatter(_number))
    if metric.from_zero:
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(FuncFormatter(_number))
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def _number(value: float, position: int | None = None) -> str:
    text = f"{value:.6g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.replace("-", "−")


# While training ----------------------------------------------------------------------------------


@contextmanager
def drawing(run: RunDirectory, task: AnyTask) -> Iterator[None]:
    """Draws curves.png and lengths.png when the block ends, also if the run cannot go on.

    They are a convenience: whatever prevents them is logged, and ends nothing.
    """
    try:
        yield
    except GoneError:
        raise
    except TrainingError:
        _draw(run, task)
        raise
    _draw(run, task)


def _draw(run: RunDirectory, task: AnyTask) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        log.info("no pictures of the run: pip install 'attention-transformer[plot]'")
        return
    try:
        history = read_history(run.metrics) if run.metrics.is_file() else History({}, [])
        if history.series:
            figure = draw_run(history, run.path.absolute().name)
            write_atomically(run.curves, as_bytes(figure, "png"))
        if isinstance(task, TranslationTask) and not run.lengths.exists():  # it stays as it is
            figure = draw_lengths(task.train, task.config)
            write_atomically(run.lengths, as_bytes(figure, "png"))
    except Exception as error:  # of any kind, from any package
        log.warning("the pictures of the run cannot be drawn: %s", error)
