"""Shares by a small number of sizes, for the page about the calibration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MultipleLocator

from fixbench.reports.figures._axes import axes_at
from fixbench.reports.figures._lines import line_looks
from fixbench.reports.figures._style import CHARACTER, WIDTH, ZONE, style, to_svg

__all__ = ["levels"]


def levels(
    name: str,
    panels: Mapping[str, Mapping[str, Mapping[int, float]]],
    *,
    label: str,
    limits: tuple[float, float],
    band: tuple[float, float],
) -> str:
    """Shares by a small number of sizes, which stand side by side at equal distances.

    Args:
        panels: title → line → size → share; at most `ARMS` lines besides the first, and the same
            ones in every panel.
        label: what the sizes are.
        band: shares that are as good as the nominal one.
    """
    names = list(next(iter(panels.values())))
    lines = line_looks(names, names[0])
    left, between, size = 0.5, 0.35, 1.75
    legend = 0.5 + CHARACTER * max(map(len, names))
    width = (WIDTH - left - legend - between * (len(panels) - 1)) / len(panels)
    with style(name):
        figure = Figure(figsize=(WIDTH, size + 0.65))
        for index, (title, found) in enumerate(panels.items()):
            axes = axes_at(figure, left + index * (width + between), 0.4, width, size)
            axes.spines["left"].set_visible(True)
            axes.set_title(title, fontsize=8, loc="left")
            axes.set_xlabel(label, labelpad=1)
            sizes = sorted({key for values in found.values() for key in values})
            axes.set_xticks(range(len(sizes)), [f"{key}" for key in sizes])
            axes.set_ylim(*limits)
            axes.yaxis.set_major_locator(MultipleLocator(0.05))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f} %"))
            axes.axhspan(*band, color=ZONE, alpha=0.2, lw=0)
            for key, (color, dashes, thickness) in lines.items():
                heights = [found[key].get(n, np.nan) for n in sizes]
                axes.plot(heights, color=color, ls=dashes, lw=thickness, marker="o", ms=3)
        handles = [
            Line2D([], [], color=color, linestyle=dashes, linewidth=thickness, label=key)
            for key, (color, dashes, thickness) in lines.items()
        ]
        figure.legend(
            handles=handles, loc="center right", frameon=False, fontsize=7, handlelength=2.8
        )
        return to_svg(figure)
