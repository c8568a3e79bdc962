"""Effects of many claims below each other, with intervals and documented values."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from fixbench.reports._format import number
from fixbench.reports.figures._axes import axes_at, scale_axis, text_beside
from fixbench.reports.figures._strip import Strip, axis_text, draw_strip, measured_text
from fixbench.reports.figures._style import PAGE, WIDTH, Drawing, style, to_svg

__all__ = ["axis_groups", "draw_forest", "forest"]

#: Characters in a line of an axis label.
_LABEL = 90


def forest(name: str, items: Sequence[Strip]) -> str:
    """Effects with intervals beside documented values, both printed at the right.

    Effects of one quantity share an axis, but those far from no effect have one of their own: they
    would leave the others no room.
    """
    with style(name):
        return to_svg(draw_forest(items))


def draw_forest(items: Sequence[Strip]) -> Drawing:
    """The figure, drawn in the style of the moment."""
    groups = axis_groups(items)
    row, between, left, right = 0.34, 0.52, 1.9, 2.6
    closer = min(1.0, (PAGE - 0.3) / (row * len(items) + between * len(groups)))
    # Rows that are closer than their text is high cannot be read: very many need more than a page.
    row, between = max(closer * row, 0.13), max(closer * between, 0.3)
    height = 0.3 + row * len(items) + between * len(groups)
    figure = Drawing(figsize=(WIDTH, height))
    top = height - 0.3
    for index, group in enumerate(groups):
        size = row * len(group)
        axes = axes_at(figure, left, top - size, WIDTH - left - right, size)
        values = [value for item in group for value in item.span(seeds=False)]
        scale_axis(axes, values, group[0].logarithmic)
        text = textwrap.fill(axis_text(group), _LABEL)
        axes.set_xlabel(text, labelpad=1, fontsize=7, linespacing=1.1)
        axes.set_ylim(-len(group) + 0.5, 0.5)
        lines = [
            (item.label, number(item.documented), measured_text(item.estimate)) for item in group
        ]
        if index == 0:
            lines.insert(0, ("", "documented", "measured [interval]"))
        for position, texts in enumerate(lines, start=len(group) - len(lines)):
            for text, inches in zip(texts, (-0.08, 0.12, 0.85), strict=True):
                down = (0.5 + position) / len(group)
                text_beside(axes, text, down, inches=inches, height=row if inches < 0 else 0)
        for position, item in enumerate(group):
            draw_strip(axes, item, -position, half=0.34, seeds=False)
        top -= size + between
    return figure


def axis_groups(items: Sequence[Strip]) -> list[list[Strip]]:
    """The strips of a forest that share an axis: ratios first, far from no effect before near."""
    kinds: dict[tuple[str, float], list[Strip]] = {}
    for item in sorted(items, key=lambda item: not item.logarithmic):
        null = 1.0 if item.logarithmic else item.estimate.null
        kinds.setdefault((item.quantity, null), []).append(item)
    groups = []
    for kind in kinds.values():
        reach = [_reach(item) for item in kind]
        far = [4 * distance > max(reach) for distance in reach]
        for wanted in (True, False):
            groups.append(
                [item for item, is_far in zip(kind, far, strict=True) if is_far == wanted]
            )
    return [group for group in groups if group]


def _reach(item: Strip) -> float:
    """How far from 1 (in logs) or from no effect the estimate or an end of its interval lies."""
    estimate = item.estimate
    values = [v for v in (estimate.estimate, estimate.low, estimate.high) if np.isfinite(v)]
    if item.logarithmic:
        return max((abs(float(np.log(value))) for value in values if value > 0), default=0.0)
    return max((abs(value - estimate.null) for value in values), default=0.0)
