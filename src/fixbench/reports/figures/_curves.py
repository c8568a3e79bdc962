"""One metric over steps, by variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from scipy import stats

from fixbench.reports._format import number
from fixbench.reports.figures._axes import axes_at
from fixbench.reports.figures._lines import Dashes, line_looks
from fixbench.reports.figures._style import CHARACTER, WIDTH, ZONE, Drawing, style, to_svg

__all__ = ["MAXIMUM_LINES", "MAXIMUM_POINTS", "Panel", "curves", "draw_curves"]

#: Points along a curve and per-seed lines of an arm that a figure holds at most.
MAXIMUM_POINTS = 30
MAXIMUM_LINES = 5
#: A curve of at most so many points shows each.
_FEW_POINTS = 10
#: Means that span a larger factor are drawn on a log axis: the smallest stay apart.
_WIDE_RANGE = 50


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Curves of some arms in one stage.

    Attributes:
        arms: at most `ARMS` besides the baseline; those without rows are left out, but keep their
            colour, so that an arm looks the same in every figure with the same panels.
        family: panels of one stage and family have the same limits.
    """

    title: str
    stage: str
    arms: Sequence[str]
    family: int = 0


def curves(
    name: str,
    frame: pd.DataFrame,
    panels: Sequence[Panel],
    *,
    label: str,
    baseline: str,
    confidence: float = 0.95,
) -> tuple[str, int]:
    """One metric over steps: mean over seeds, t interval of the mean, a thin line a seed.

    Args:
        frame: rows of one metric with status ``ok``, some in every panel.
        label: the metric and its unit.

    Returns:
        The SVG, and the largest number of consecutive steps averaged into one drawn point.
    """
    with style(name):
        figure, block = draw_curves(
            frame, panels, label=label, baseline=baseline, confidence=confidence
        )
        return to_svg(figure), block


def draw_curves(
    frame: pd.DataFrame,
    panels: Sequence[Panel],
    *,
    label: str,
    baseline: str,
    confidence: float = 0.95,
) -> tuple[Drawing, int]:
    """The figure, drawn in the style of the moment; with the same arguments and block."""
    rows_of = dict(iter(frame.groupby(["stage", "variant"])))
    shown = [[arm for arm in panel.arms if (panel.stage, arm) in rows_of] for panel in panels]
    columns = min(2, len(panels))
    width = (WIDTH - 0.6 - 0.1 - (columns - 1) * 0.55) / columns
    # An entry takes 0.4 inches for its line besides its text, which is a little smaller.
    longest = max(len(arm) for arms in shown for arm in arms)
    entries = max(1, min(3, int(width / (0.4 + 0.85 * CHARACTER * longest))))
    size, below = 1.6, 0.5
    head = [0.26 + 0.15 * -(-len(arms) // entries) for arms in shown]
    places: list[tuple[int, int]] = []
    heads: list[float] = []
    for index, panel in enumerate(panels):
        follows = index > 0 and panel.stage == panels[index - 1].stage
        if follows and places[-1][1] + 1 < columns:
            places.append((places[-1][0], places[-1][1] + 1))
            heads[-1] = max(heads[-1], head[index])
        else:
            places.append((len(heads), 0))
            heads.append(head[index])
    height = sum(heads) + len(heads) * (size + below)
    drawn: dict[tuple[str, int], list[Axes]] = {}
    extents: dict[tuple[str, int], list[tuple[float, float]]] = {}
    block, top = 1, height
    figure = Drawing(figsize=(WIDTH, height))
    for index, (panel, arms) in enumerate(zip(panels, shown, strict=True)):
        row, column = places[index]
        if row and column == 0:
            top -= heads[row - 1] + size + below
        place = 0.6 + column * (width + 0.55)
        axes = axes_at(figure, place, top - heads[row] - size, width, size)
        axes.spines["left"].set_visible(True)
        axes.set_title(panel.title, fontsize=8, loc="left", y=1 + (head[index] - 0.2) / size)
        axes.set_xlabel("step", labelpad=1)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(axis="y", color=ZONE, alpha=0.25, linewidth=0.5)
        if column == 0:
            axes.set_ylabel(label)
        looks = line_looks(panel.arms, baseline)
        key = (panel.stage, panel.family)
        drawn.setdefault(key, []).append(axes)
        for arm in arms:
            values = rows_of[panel.stage, arm]
            table = values.pivot(index="step", columns="seed", values="value").sort_index()
            step = -(-len(table) // MAXIMUM_POINTS)
            block = max(block, step)
            extent = _curve(axes, _blocks(table, step), looks[arm], confidence)
            extents.setdefault(key, []).append(extent)
        axes.legend(
            handles=[
                Line2D([], [], color=color, linestyle=dashes, linewidth=1.7, label=arm)
                for arm, (color, dashes, _) in looks.items()
                if arm in arms
            ],
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=entries,
            borderaxespad=0.2,
            labelspacing=0.25,
            columnspacing=1.0,
            frameon=False,
            fontsize=7,
            handlelength=2.8,
        )
    for key, family in drawn.items():
        _same_limits(family, extents[key])
    return figure, block


def _same_limits(family: Sequence[Axes], extents: Sequence[tuple[float, float]]) -> None:
    """One vertical scale for several panels; logarithmic where the curves span a wide range."""
    low, high = min(low for low, _ in extents), max(high for _, high in extents)
    logarithmic = 0 < low < high / _WIDE_RANGE
    air = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    for axes in family:
        if logarithmic:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: number(y, 3)))
            axes.set_ylim(low / 1.2, high * 1.2)
            axes.yaxis.set_minor_locator(NullLocator())
        else:
            axes.set_ylim(low - air, high + air)
            axes.yaxis.set_major_locator(MaxNLocator(5))


def _blocks(table: pd.DataFrame, size: int) -> pd.DataFrame:
    """Means of ``size`` consecutive steps, at the mean step of each block."""
    group = np.arange(len(table)) // size
    means = table.groupby(group).mean()
    means.index = pd.Index(pd.Series(table.index).groupby(group).mean())
    return means


def _curve(
    axes: Axes,
    table: pd.DataFrame,
    look: tuple[str, Dashes, float],
    confidence: float,
) -> tuple[float, float]:
    """Draw one arm; the range of its mean and of its band, as far as there are seeds."""
    color, style, width = look
    steps = table.index.to_numpy(dtype=float)
    # One path for all: a break, which no value has, stands between two seeds.
    seeds = table[list(table.columns)[:MAXIMUM_LINES]].to_numpy().T
    gap = np.full((len(seeds), 1), np.nan)
    axes.plot(
        np.tile([*steps, np.nan], len(seeds)),
        np.hstack([seeds, gap]).ravel(),
        color=color,
        linewidth=0.4,
        alpha=0.25,
    )
    count = table.count(axis=1).to_numpy()
    mean = table.mean(axis=1).to_numpy()
    low, high = float(mean.min()), float(mean.max())
    if (count > 1).any():
        error = table.std(axis=1).to_numpy() / np.sqrt(count)
        half = error * stats.t.ppf(0.5 + confidence / 2, np.maximum(count - 1, 1))
        axes.fill_between(steps, mean - half, mean + half, color=color, alpha=0.16, linewidth=0)
        low = max(float(np.nanmin(mean - half)), float(np.nanmin(table)))
        high = min(float(np.nanmax(mean + half)), float(np.nanmax(table)))
    marker = "o" if len(steps) <= _FEW_POINTS else ""
    axes.plot(
        steps, mean, color=color, linestyle=style, linewidth=width, marker=marker, markersize=3.2
    )
    return low, high
