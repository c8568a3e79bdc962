"""Per-seed effects of one claim and of what belongs to it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from fixbench.reports._format import number
from fixbench.reports.figures._axes import axes_at, scale_axis, text_beside
from fixbench.reports.figures._strip import Strip, axis_text, draw_strip, measured_text
from fixbench.reports.figures._style import CHARACTER, WIDTH, Drawing, style, to_svg

__all__ = ["draw_strips", "strips"]

_ROW, _LEFT, _RIGHT = 0.54, 0.15, 1.95


def strips(name: str, items: Sequence[Strip]) -> str:
    """Per-seed effects, their mean and interval: an effect and its controls, an axis each.

    The words of each axis stand below it, and beside it what was measured, what is documented and
    what the dashed line stands for.
    """
    with style(name):
        return to_svg(draw_strips(items))


def draw_strips(items: Sequence[Strip]) -> Drawing:
    """The figure, drawn in the style of the moment."""
    gap, label = 0.42, 0.22
    total = len(items) * (_ROW + gap + label) + 0.02
    figure = Drawing(figsize=(WIDTH, total))
    room = (WIDTH - _LEFT) / (1.07 * CHARACTER)
    for index, item in enumerate(items):
        bottom = total - (index + 1) * (_ROW + label) - index * gap
        axes = axes_at(figure, _LEFT, bottom, WIDTH - _LEFT - _RIGHT, _ROW)
        scale_axis(axes, item.span(seeds=True), item.logarithmic)
        axes.set_ylim(-0.6, 1.05)
        size = 8 * min(1.0, room / len(item.label))
        axes.text(0, 1.04, item.label, transform=axes.transAxes, va="bottom", fontsize=size)
        text = axis_text([item])
        if text:
            # At 7 points, on two lines at most.
            lines = textwrap.wrap(text, int((WIDTH - _LEFT - _RIGHT) / (0.8 * CHARACTER)))
            small = 7 * min(1.0, 2 / len(lines))
            axes.set_xlabel("\n".join(lines), labelpad=1, fontsize=small, linespacing=1.1)
        draw_strip(axes, item, -0.2, half=0.25, seeds=True)
        beside = [measured_text(item.estimate)]
        if item.documented is not None:
            beside.append(f"documented {number(item.documented)}")
        beside.append(f"dashed: {item.null_name}")
        for place, line in enumerate(beside):
            down = 0.5 + 0.3 * (place - (len(beside) - 1) / 2)
            text_beside(axes, line, down, inches=0.15)
    return figure
