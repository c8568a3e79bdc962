"""What the place of an interval means: one picture, the same in every report."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fixbench.reports._judging import Verdict
from fixbench.reports.figures._axes import axes_at
from fixbench.reports.figures._strip import TARGET
from fixbench.reports.figures._style import DOCUMENTED, INK, WIDTH, ZONE, style, to_svg

__all__ = ["DOCUMENTED_SIZE", "EXAMPLES", "MARGIN", "TOLERANCE", "Example", "zones"]

#: The effect of the picture: no effect is 0, and the document says that it is greater.
MARGIN = 0.5
DOCUMENTED_SIZE = 1.6
TOLERANCE = 0.5


@dataclass(frozen=True, kw_only=True)
class Example:
    """An interval, the verdict that it gives to a claim of a difference, and why."""

    verdict: Verdict
    low: float
    high: float
    words: str


#: In the order in which they are drawn.
EXAMPLES = (
    Example(
        verdict="reproduced",
        low=1.2,
        high=1.9,
        words="beyond the margin, inside the tolerance",
    ),
    Example(
        verdict="direction only",
        low=0.2,
        high=1.5,
        words="on the documented side; the size is open",
    ),
    Example(
        verdict="another size",
        low=0.65,
        high=0.95,
        words="wholly outside the tolerance",
    ),
    Example(
        verdict="negligible",
        low=0.12,
        high=0.4,
        words="on the documented side, inside the margin",
    ),
    Example(verdict="absent", low=-0.25, high=0.3, words="inside the margin"),
    Example(
        verdict="inconclusive",
        low=-0.25,
        high=1.0,
        words="no effect, or one that matters: both open",
    ),
    Example(verdict="reversed", low=-0.9, high=-0.3, words="on the other side of no effect"),
)

_LEFT, _RIGHT, _TOP, _BOTTOM, _ROW = 1.15, 2.55, 0.24, 0.3, 0.24


def zones(*, paper: str | None = None) -> str:
    """The null, the margin and the tolerance on an axis, and an example of each verdict.

    Args:
        paper: a colour behind the picture, where it stands alone; none in a report.
    """
    size = _ROW * len(EXAMPLES)
    height = _TOP + size + _BOTTOM
    with style("zones"):
        figure = Figure(figsize=(WIDTH, height))
        if paper is not None:
            page = Rectangle((0, 0), 1, 1, transform=figure.transFigure, color=paper, zorder=-1)
            figure.add_artist(page)
        axes = axes_at(figure, _LEFT, _BOTTOM, WIDTH - _LEFT - _RIGHT, size)
        axes.set_xlim(-1.1, 2.3)
        axes.set_ylim(-len(EXAMPLES) + 0.5, 0.5)
        axes.set_yticks([])
        near = (DOCUMENTED_SIZE - TOLERANCE, DOCUMENTED_SIZE + TOLERANCE)
        for (low, high), color, alpha in (((-MARGIN, MARGIN), ZONE, 0.28), (near, TARGET, 0.25)):
            axes.axvspan(low, high, color=color, alpha=alpha, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.8, linestyle=(0, (3, 2)))
        axes.set_xticks(
            [-MARGIN, 0, MARGIN, near[0], DOCUMENTED_SIZE, near[1]],
            ["−margin", "no effect", "margin", "", "documented", ""],
        )
        for x, text in ((0.0, "too small to matter"), (DOCUMENTED_SIZE, "tolerance")):
            axes.text(x, 0.58, text, ha="center", va="bottom", fontsize=7)
        axes.plot(
            [DOCUMENTED_SIZE],
            [-len(EXAMPLES) + 0.5],
            "D",
            markerfacecolor="none",
            markeredgecolor=DOCUMENTED,
            markeredgewidth=1.5,
            markersize=6,
            clip_on=False,
        )
        for place, example in enumerate(EXAMPLES):
            middle = (example.low + example.high) / 2
            axes.plot([example.low, example.high], [-place, -place], color=INK, linewidth=1.8)
            axes.plot([middle], [-place], "o", color=INK, markersize=5.5, markeredgewidth=0)
            for x, text, side, weight in (
                (-1.18, example.verdict, "right", "bold"),
                (2.42, example.words, "left", "normal"),
            ):
                axes.text(x, -place, text, ha=side, va="center", fontsize=7.5, fontweight=weight)
        return to_svg(figure)
