"""Per-seed effects of one claim and of what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from fixbench.reports.figures._axes import axes_at, scale_axis, text_beside
from fixbench.reports.figures._strip import Strip, draw_strip, measured_text
from fixbench.reports.figures._style import WIDTH, style, to_svg

__all__ = ["strips"]

_ROW = 0.54


def strips(name: str, items: Sequence[Strip]) -> str:
    """Per-seed effects, their mean and interval: an effect and its controls, an axis each."""
    with style(name):
        gap, label = 0.3, 0.22
        total = len(items) * (_ROW + gap + label) + 0.02
        figure = Figure(figsize=(WIDTH, total))
        for index, item in enumerate(items):
            bottom = total - (index + 1) * (_ROW + label) - index * gap
            axes = axes_at(figure, 0.15, bottom, WIDTH - 0.15 - 1.95, _ROW)
            scale_axis(axes, item.span(seeds=True), item.logarithmic)
            axes.set_ylim(-0.6, 1.05)
            axes.text(0, 1.04, item.label, transform=axes.transAxes, va="bottom", fontsize=8)
            draw_strip(axes, item, -0.2, half=0.25, seeds=True)
            text_beside(axes, measured_text(item.estimate), 0.5, inches=0.15)
        return to_svg(figure)
