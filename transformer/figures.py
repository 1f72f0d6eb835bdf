"""Empty pictures, and pictures as files, by matplotlib."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from .errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
"""Told apart by colour-blind readers, too: Okabe and Ito's, but for the yellow, which is faint on
white."""


def new_figure(size: tuple[float, float]) -> Figure:
    """An empty picture.

    Args:
        size: in inches, across and down.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError(
            "pictures need matplotlib: pip install 'attention-transformer[plot]'"
        ) from None
    return Figure(figsize=size, layout="constrained")


def as_bytes(figure: Figure, kind: str) -> bytes:
    """The picture as a file; the same picture gives the same bytes.

    Args:
        kind: png or svg.
    """
    import matplotlib

    buffer = io.BytesIO()
    metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
    settings: Any = {"svg.hashsalt": "attention", "svg.fonttype": "path"}
    with warnings.catch_warnings(), matplotlib.rc_context(settings):
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # drawn as an empty box
        figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()
