"""Axes at a place in inches, their scale, and text beside them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from fixbench.reports._format import number
from fixbench.reports.figures._style import CHARACTER, WIDTH

__all__ = ["axes_at", "scale_axis", "text_beside"]

#: Sizes of type beside axes, in points, and the distance of lines in them.
_SIZES = (7.5, 7.0, 6.5, 6.0)
_SPACING = 1.15
#: Inches from one tick to the next at least: the number beside a tick is that wide.
_TICK = 0.45


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
    """Limits that hold ``values`` with a little air, and few, round ticks that do not touch."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    width = axes.get_position().width * figure.get_size_inches()[0]
    most = max(2, min(6, int(width / _TICK)))
    found = list(values) or [1.0]
    low, high = min(found), max(found)
    axes.set_yticks([])
    if not logarithmic:
        air = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        axes.set_xlim(low - air, high + air)
        axes.xaxis.set_major_locator(MaxNLocator(most))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: number(round(x, 10), 6)))
        return
    air = max((high / low) ** 0.05, 1.02)
    axes.set_xscale("log")
    axes.set_xlim(low / air, high * air)
    if high / low < 3:
        ticks = MaxNLocator(most).tick_values(low / air, high * air)
        axes.xaxis.set_major_locator(FixedLocator([float(t) for t in ticks if t > 0]))
    else:
        decades = np.log10(high / low)
        subs = (1, 2, 3, 5, 7) if decades < 1 else (1, 2, 5) if decades < 2 else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: number(round(x, 10), 6)))


def text_beside(axes: Axes, text: str, down: float, *, inches: float, height: float = 0.0) -> None:
    """Text right of the axes, or left of them (``inches`` < 0), in smaller type if it is long.

    ``down`` is in heights of the axes, from their top. Where ``height``, in inches, has room for
    several lines, the text takes them first.
    """
    box, left = axes.get_position(), inches < 0
    room = WIDTH * box.x0 + inches if left else WIDTH * (1 - box.x1) - inches
    lines, size = _fitted(text, room, height)
    axes.text(
        (0 if left else 1) + inches / (WIDTH * box.width),
        1 - down,
        lines,
        transform=axes.transAxes,
        ha="right" if left else "left",
        va="center",
        fontsize=size,
        linespacing=_SPACING,
    )


def _fitted(text: str, room: float, height: float) -> tuple[str, float]:
    """Lines in the largest type in which they fit, and its size; one line if none is large."""
    for size in _SIZES:
        most = math.floor(height / (size * _SPACING / 72))
        lines = textwrap.wrap(text, max(1, int(room / (CHARACTER * size / _SIZES[0]))))
        if most > 1 and len(lines) <= most:
            return "\n".join(lines), size
    return text, _SIZES[0] * min(1.0, room / (CHARACTER * max(1, len(text))))
