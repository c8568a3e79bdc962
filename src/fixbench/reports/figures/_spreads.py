"""Distributions of many values below each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from fixbench.reports.figures._axes import axes_at, scale_axis, text_beside
from fixbench.reports.figures._style import DOCUMENTED, INK, WIDTH, ZONE, style, to_svg

__all__ = ["Spread", "spreads"]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The distribution of many values, with a line of text above and one beside it."""

    label: str
    values: npt.NDArray[np.float64]
    note: str


def spreads(
    name: str, items: Sequence[Spread], *, logarithmic: bool, null: float, documented: float | None
) -> str:
    """Histograms on one axis, each with its median and the bar that holds its middle 90 %."""
    found = [value for item in items for value in (item.values.min(), item.values.max())]
    found += [null] if documented is None else [null, documented]
    size, above, below = 0.5, 0.24, 0.08
    with style(name):
        height = len(items) * (size + above + below) + 0.22
        figure = Figure(figsize=(WIDTH, height))
        for index, item in enumerate(items):
            bottom = height - (index + 1) * (size + above + below) + below
            axes = axes_at(figure, 0.15, bottom, WIDTH - 0.15 - 1.95, size)
            scale_axis(axes, found, logarithmic)
            axes.set_ylim(-0.35, 1.05)
            axes.text(0, 1.04, item.label, transform=axes.transAxes, va="bottom", fontsize=8)
            text_beside(axes, item.note, 0.5, inches=0.15)
            ends = axes.get_xlim()
            edges = np.geomspace(*ends, 61) if logarithmic else np.linspace(*ends, 61)
            counts, _ = np.histogram(item.values, edges)
            axes.stairs(counts / counts.max(), edges, fill=True, color=ZONE, alpha=0.6, lw=0)
            axes.axvline(null, color=INK, linewidth=0.8, linestyle=(0, (3, 2)))
            low, median, high = np.quantile(item.values, (0.05, 0.5, 0.95))
            axes.plot([low, high], [-0.18, -0.18], color=INK, linewidth=1.8)
            axes.plot([median], [-0.18], "o", color=INK, markersize=5.5, markeredgewidth=0)
            if documented is not None:
                axes.axvline(documented, color=DOCUMENTED, linewidth=1.2)
            if index < len(items) - 1:
                axes.tick_params(labelbottom=False)
        return to_svg(figure)
