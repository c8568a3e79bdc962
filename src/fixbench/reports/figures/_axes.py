"""Axes at a place in inches, their scale, and text beside them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from fixbench.reports._format import number
from fixbench.reports.figures._style import CHARACTER, WIDTH

__all__ = ["axes_at", "scale_axis", "text_beside"]


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches, with the bottom line only."""
    total_width, total_height = figure.get_size_inches()
    axes = figure.add_axes(
        (left / total_width, bottom / total_height, width / total_width, height / total_height)
    )
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    return axes


def scale_axis(axes: Axes, values: Iterable[float], logarithmic: bool) -> None:
    """Limits that hold ``values`` with a little air, and few, round ticks."""
    found = list(values) or [1.0]
    low, high = min(found), max(found)
    axes.set_yticks([])
    if not logarithmic:
        air = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        axes.set_xlim(low - air, high + air)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: number(round(x, 10), 6)))
        return
    air = max((high / low) ** 0.05, 1.02)
    axes.set_xscale("log")
    axes.set_xlim(low / air, high * air)
    if high / low < 3:
        ticks = MaxNLocator(6).tick_values(low / air, high * air)
        axes.xaxis.set_major_locator(FixedLocator([float(t) for t in ticks if t > 0]))
    else:
        decades = np.log10(high / low)
        subs = (1, 2, 3, 5, 7) if decades < 1 else (1, 2, 5) if decades < 2 else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: number(round(x, 10), 6)))


def text_beside(axes: Axes, text: str, down: float, *, inches: float) -> None:
    """Text right of the axes, or left of them (``inches`` < 0), in smaller type if it is long.

    ``down`` is in heights of the axes, from their top.
    """
    box, left = axes.get_position(), inches < 0
    room = WIDTH * box.x0 + inches if left else WIDTH * (1 - box.x1) - inches
    axes.text(
        (0 if left else 1) + inches / (WIDTH * box.width),
        1 - down,
        text,
        transform=axes.transAxes,
        ha="right" if left else "left",
        va="center",
        fontsize=7.5 * min(1.0, room / (CHARACTER * max(1, len(text)))),
    )
