"""Pictures of attention, of the position encoding and of the masks, by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..errors import UserError
from ..figures import new_figure
from .explanation import Map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST = 80
"""Words on an axis that can still be read."""

FORMATS = ("png", "svg")

MOST_PANELS = 96

LONGEST_LABEL = 20
"""Characters of a word beside a row or above a column."""


def draw_map(found: Map, *, log_probs: Sequence[float] | None = None) -> Figure:
    """A heat map with a word on each row and column.

    Raises:
        UserError: more words than can be read, or matplotlib is not installed.
    """
    _require_legible(found)
    n_rows, n_columns = found.values.shape
    rows, columns = _short(found.rows), _short(found.columns)
    longest = [max(map(len, names)) for names in (rows, columns)]
    size = 1.2 + 0.3 * n_columns + 0.08 * longest[0], 1.2 + 0.3 * n_rows + 0.08 * longest[1]
    figure = new_figure((max(3.2, size[0]), max(2.8, size[1])))
    axes = figure.add_subplot()
    image = _show(axes, found)
    axes.set_xticks(range(n_columns), columns, rotation=60, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(n_rows), rows)
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    figure.colorbar(image, ax=axes, shrink=0.8)
    figure.suptitle(found.title, fontsize=10)
    figure.supxlabel(_about_axes(found), fontsize=8)
    return figure


def draw_maps(found: Sequence[Map], *, columns: int) -> Figure:
    """Small multiples: one heat map a head, words on the outer axes.

    Args:
        found: with the same words, row by row.
        columns: pictures side by side.

    Raises:
        UserError: more words or heads than can be read, or matplotlib is not installed.
    """
    if len(found) == 1:
        return draw_map(found[0])
    for each in found:
        _require_legible(each)
    if len(found) > MOST_PANELS:
        raise UserError(
            f"a picture holds at most {MOST_PANELS} heads; found {len(found)}: choose a layer"
        )
    n_rows, n_columns = found[0].values.shape
    lines = math.ceil(len(found) / columns)
    panel = max(1.6, 0.16 * n_columns), max(1.4, 0.16 * n_rows)
    figure = new_figure((1.2 + panel[0] * columns, 1.2 + (0.3 + panel[1]) * lines))
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    for i, axes in enumerate(grid.flat):
        if i >= len(found):
            axes.set_axis_off()
            continue
        _show(axes, found[i])
        axes.set_title(found[i].title.partition(", ")[2] or found[i].title, fontsize=7, pad=3)
        axes.tick_params(length=0, labelsize=6)
        axes.set_yticks(range(n_rows), _short(found[i].rows))
        axes.set_xticks(range(n_columns), _short(found[i].columns), rotation=90)
    figure.suptitle(found[0].title.partition(", ")[0], fontsize=10)
    figure.supxlabel(_about_axes(found[0]), fontsize=8)
    return figure


def draw_positions(table: Tensor) -> Figure:
    """The position encoding: a row for each position, and four of its waves (§3.5).

    Args:
        table: (length, d_model).
    """
    figure = new_figure((8, 6))
    above, below = figure.subplots(2, 1, height_ratios=[2, 1])
    image = above.imshow(table.numpy(), cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    above.set_ylabel("position")
    above.set_xlabel("dimension: sine and cosine of the same wave side by side")
    figure.colorbar(image, ax=above)
    d_model = table.size(1)
    for share in (0, 8, 4, 2):
        dimension = 2 * (d_model // (2 * share)) if share else 0
        below.plot(table[:, dimension].numpy(), label=f"dimension {dimension}")
    below.set_xlabel("position")
    below.set_xlim(0, len(table) - 1)
    below.legend(fontsize=8, ncols=4, loc="lower right", bbox_to_anchor=(1, 1))
    figure.suptitle("sinusoidal positions", fontsize=10)
    return figure


def draw_masks(masks: Sequence[tuple[str, Sequence[str], Sequence[str], Tensor]]) -> Figure:
    """What may attend to what.

    Args:
        masks: title, names of the queries and of the keys, and (queries, keys) bool.
    """
    figure = new_figure((3.4 * len(masks), 4.1))
    for axes, (title, rows, columns, mask) in zip(
        figure.subplots(1, len(masks), squeeze=False)[0], masks, strict=True
    ):
        axes.imshow(mask.numpy(), cmap="Blues", vmin=0, vmax=1.6)
        for i, row in enumerate(mask.tolist()):
            for j, may in enumerate(row):
                axes.text(j, i, "1" if may else "0", ha="center", va="center", fontsize=7)
        axes.set_xticks(
            range(len(columns)), columns, rotation=60, ha="left", rotation_mode="anchor"
        )
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False, labelsize=8)
        axes.set_title(title, fontsize=9)
        axes.set_anchor("N")
    return figure


def draw_heads(title: str, effects: Mapping[str, Tensor]) -> Figure:
    """How much each head matters, a layer × head map for each kind, with the numbers in it.

    Args:
        title: of the picture.
        effects: (layers, heads) by kind.
    """
    most = max(1e-9, *(float(table.abs().max()) for table in effects.values()))
    n_layers = [table.size(0) for table in effects.values()]
    widest = max(table.size(1) for table in effects.values())
    figure = new_figure((max(4.5, 1.8 + 0.75 * widest), 1 + sum(0.75 + 0.32 * n for n in n_layers)))
    stacked = figure.subplots(len(effects), 1, squeeze=False, height_ratios=n_layers)[:, 0]
    for axes, (kind, table) in zip(stacked, effects.items(), strict=True):
        image = axes.imshow(table.numpy(), cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
        for layer, row in enumerate(table.tolist()):
            for head, value in enumerate(row):
                ink = "white" if abs(value) > 0.6 * most else "black"
                text = f"{value:+.2f}".replace("-", "−")
                axes.text(head, layer, text, ha="center", va="center", fontsize=7, color=ink)
        axes.set_xticks(range(table.size(1)), [f"head {i + 1}" for i in range(table.size(1))])
        axes.set_yticks(range(table.size(0)), [f"layer {i + 1}" for i in range(table.size(0))])
        axes.tick_params(length=0, labelsize=7)
        axes.set_title(kind, fontsize=8)
    figure.colorbar(image, ax=list(stacked), shrink=0.6)
    figure.suptitle(title, fontsize=9)
    return figure


def _show(axes: Axes, found: Map) -> Any:
    values = found.values.numpy()
    if found.signed:
        most = max(1e-9, float(abs(values).max()))
        return axes.imshow(values, cmap=_signed(), vmin=-most, vmax=most, aspect="auto")
    most = 1.0 if found.shares else max(1e-9, float(values.max()))
    return axes.imshow(values, cmap="Blues", vmin=0, vmax=most, aspect="auto")


def _about_axes(found: Map) -> str:
    if found.shares:
        return "rows look at columns"
    return "rows depend on columns" if found.signed else "rows are made of columns"


def _signed() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", ["#b3470b", "#ffffff", "#1f5fbf"])


def _short(words: Sequence[str]) -> list[str]:
    most = LONGEST_LABEL
    return [word if len(word) <= most else f"{word[: most - 1]}…" for word in words]


def _require_legible(found: Map) -> None:
    longest = max(found.values.shape)
    if longest > LARGEST:
        raise UserError(
            f"a picture holds at most {LARGEST} rows and columns; found {longest}. Explain one "
            f"sentence, or take .html or --json"
        )
