"""How the variants of a list did: a table, and the picture of their curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from ..figures import COLOURS, new_figure
from .suite import Suite

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = {"val_nll": ("NLL", 3), "val_bleu": ("BLEU", 1), "val_bpc": ("bits per character", 3)}
"""What is compared, by its name in metrics.jsonl: what a table calls it, and its decimals."""

BLACK = "#000000"
OTHERS = [colour for colour in COLOURS if colour != BLACK]
"""Black is the first variant's."""


@dataclass(frozen=True)
class Outcome:
    """How one variant did with one seed."""

    variant: str
    seed: int
    scores: dict[str, float]
    """On the validation set; empty if the run diverged."""
    n_parameters: int
    seconds: float
    curve: list[tuple[int, float]]
    """Updates, and the loss in training: nats per token, without smoothing."""
    example: str
    """The translation of a held-out sentence; of a language model, a text."""

    @property
    def diverged(self) -> bool:
        """Whether its loss was infinite or not a number before the end."""
        return not self.scores


@dataclass(frozen=True)
class Comparison:
    """How all variants did."""

    suite: Suite
    example: str
    """What was translated; empty for a language model."""
    reference: str
    outcomes: dict[str, list[Outcome]]
    """Of each variant, one for each seed."""

    def mean(self, variant: str, score: str) -> tuple[float, float | None] | None:
        """The mean over seeds, and half of its 95 % interval: Student's t.

        Returns:
            The half is None if there is one seed; all is None if a run has diverged.
        """
        outcomes = self.outcomes[variant]
        if any(outcome.diverged for outcome in outcomes):
            return None
        values = [outcome.scores[score] for outcome in outcomes]
        if len(values) == 1:
            return values[0], None
        from scipy.stats import t

        half = t.ppf(0.975, len(values) - 1) * stdev(values) / len(values) ** 0.5
        return fmean(values), float(half)

    def to_dict(self) -> dict[str, object]:
        """All of it, for JSON."""
        return {
            "example": self.example,
            "reference": self.reference,
            "outcomes": [asdict(o) for outcomes in self.outcomes.values() for o in outcomes],
        }

    def __str__(self) -> str:
        head = [f"{self.example}\nmeans: {self.reference}"] if self.example else []
        return "\n\n".join([*head, self.table(), *self._reasons()])

    def table(self) -> str:
        """A table, in Markdown."""
        every = [outcome for outcomes in self.outcomes.values() for outcome in outcomes]
        scores = [name for name in COLUMNS if any(name in outcome.scores for outcome in every)]
        head = ["variant", "weights", *(COLUMNS[score][0] for score in scores), "seconds"]
        rows = [[*head, "it writes"], ["---", *["---:"] * (len(head) - 1), "---"]]
        for variant, outcomes in self.outcomes.items():
            first = outcomes[0]
            cells = [self._cell(variant, score) for score in scores]
            seconds = f"{fmean(outcome.seconds for outcome in outcomes):.0f}"
            written = _in_a_cell(first.example)
            rows.append([variant, f"{first.n_parameters:,}", *cells, seconds, written])
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        return "\n".join(
            f"| {' | '.join(cell.ljust(n) for cell, n in zip(row, widths, strict=False))} "
            f"| {row[-1]} |"
            for row in rows
        )

    def _cell(self, variant: str, score: str) -> str:
        found = self.mean(variant, score)
        if found is None:
            outcomes = self.outcomes[variant]
            return f"{sum(o.diverged for o in outcomes)} of {len(outcomes)} diverged"
        mean, half = found
        digits = COLUMNS[score][1]
        return f"{mean:.{digits}f}" + ("" if half is None else f" ± {half:.{digits}f}")

    def _reasons(self) -> Iterator[str]:
        for variant in self.suite.variants:
            if variant.why:
                yield f"{variant.name}: {' '.join(variant.why.split())}"

    def draw(self) -> Figure:
        """The loss in training, a panel for each group, the first variant in all of them.

        A line is the mean over seeds, and the band around it goes from the lowest to the highest.

        Raises:
            UserError: matplotlib is not installed.
        """
        first, *others = self.suite.variants
        groups = list(dict.fromkeys(variant.group for variant in others)) or [""]
        columns = min(2, len(groups))
        lines = -(-len(groups) // columns)
        figure = new_figure((5.2 * columns, 3.4 * lines))
        grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
        for axes, group in zip(grid.flat, groups, strict=False):
            _plot(axes, first.name, self.outcomes[first.name], BLACK)
            members = [variant.name for variant in others if variant.group == group]
            for i, name in enumerate(members):
                _plot(axes, name, self.outcomes[name], OTHERS[i % len(OTHERS)])
            axes.set_title(group, fontsize=10)
            if any(len(line.get_xdata()) for line in axes.lines):  # else no run came to a log line
                axes.set_yscale("log")
            axes.legend(fontsize=8)
            axes.grid(alpha=0.3)
        for axes in list(grid.flat)[len(groups) :]:
            axes.set_axis_off()
        for axes in grid[-1]:
            axes.set_xlabel("updates")
        for axes in grid[:, 0]:
            axes.set_ylabel("loss in training, nats per token")
        return figure


def _plot(axes: Axes, name: str, outcomes: Sequence[Outcome], colour: str) -> None:
    # A run that diverged ends early, and so does the line.
    steps = [step for step, _ in min((o.curve for o in outcomes), key=len)]
    values = [[outcome.curve[i][1] for outcome in outcomes] for i in range(len(steps))]
    axes.plot(steps, [fmean(row) for row in values], color=colour, label=name, linewidth=1.4)
    lowest, highest = [min(row) for row in values], [max(row) for row in values]
    axes.fill_between(steps, lowest, highest, color=colour, alpha=0.15, linewidth=0)


def _in_a_cell(text: str) -> str:
    text = " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= 80 else f"{text[:79]}…"
