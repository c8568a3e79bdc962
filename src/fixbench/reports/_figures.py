"""Figures as lean SVG text: the same bytes for the same input, on any machine.

Text stays text (selectable, small). Colours of text and axes are the constant `INK`, which the
HTML page replaces by a variable so that figures follow its light and dark mode.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullLocator,
)
from scipy import stats

from fixbench.reports._format import interval, number
from fixbench.statistics import EffectEstimate

__all__ = ["INK", "MAXIMUM_LINES", "MAXIMUM_POINTS", "Strip", "curves", "forest", "strips"]

INK = "#1b1f23"
_DOCUMENTED = "#d55e00"
_ZONE = "#8a8f98"
_TARGET = "#e69f00"
_EXPLAINS = "#0072b2"
#: Okabe and Ito's palette without black (the baseline's) and yellow (invisible on white).
_PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
Dashes = tuple[float, Sequence[float]] | Literal["-"]
_STYLES: tuple[Dashes, ...] = (
    (0, (6, 2)),
    (0, (6, 2, 1, 2)),
    (0, (1, 1.5)),
    (0, (3, 1)),
    (0, (8, 2, 1, 2, 1, 2)),
    "-",
)
#: Arms in one figure, besides the baseline.
ARMS = len(_PALETTE)
#: Points along a curve and per-seed lines of an arm that a figure holds at most.
MAXIMUM_POINTS = 40
MAXIMUM_LINES = 10

_WIDTH = 7.2  # inches: the text width of A4 with narrow margins
_ROW = 0.62


@dataclass(frozen=True, kw_only=True)
class Strip:
    """One effect on one axis.

    Attributes:
        label: a line of text beside or above it.
        documented: the documented value on the effect's scale.
        margin: values that count as no effect; target: values that count as the documented size.
        explains: for a control: the values that explain the documented comparison.
    """

    label: str
    estimate: EffectEstimate
    documented: float | None = None
    margin: tuple[float, float] | None = None
    target: tuple[float, float] | None = None
    explains: tuple[float | None, float | None] = (None, None)

    @property
    def logarithmic(self) -> bool:
        """Drawn on a log axis."""
        return self.estimate.scale == "log"

    def span(self) -> list[float]:
        """Every finite value that the axis has to show."""
        estimate = self.estimate
        values = [estimate.estimate, estimate.low, estimate.high, estimate.null]
        values += [*estimate.per_seed.values(), *(self.margin or ()), *(self.target or ())]
        values += [value for value in (self.documented, *self.explains) if value is not None]
        return [
            value for value in values if np.isfinite(value) and (value > 0 or not self.logarithmic)
        ]


def forest(name: str, items: Sequence[Strip]) -> str:
    """Effects with intervals beside documented values.

    Ratios share one log axis; plain effects, whose units differ, have an axis each.
    """
    ratios = [item for item in items if item.logarithmic]
    plain = [item for item in items if not item.logarithmic]
    row = 0.34
    heights = [row * len(ratios) + 0.1] if ratios else []
    heights += [row * 0.9] * len(plain)
    gap = 0.3
    with _style(name):
        total = sum(heights) + gap * len(heights) + 0.1
        figure = Figure(figsize=(_WIDTH, total))
        top = total - 0.05
        for index, height in enumerate(heights):
            group = ratios if ratios and index == 0 else [plain[index - bool(ratios)]]
            axes = _axes(figure, 1.75, top - height, _WIDTH - 1.75 - 1.95, height)
            _scale(axes, [value for item in group for value in item.span()], group[0].logarithmic)
            axes.set_ylim(-len(group) + 0.5, 0.5)
            for position, item in enumerate(group):
                _draw(axes, item, -position, half=0.34, seeds=False)
                middle = (0.5 + position) / len(group)
                _beside(axes, item.label, middle, left=True)
                _beside(axes, _measured(item.estimate), middle, left=False)
            top -= height + gap
        return _svg(figure)


def strips(name: str, items: Sequence[Strip]) -> str:
    """Per-seed effects, their mean and interval: an effect and its controls, an axis each."""
    with _style(name):
        gap, label = 0.32, 0.22
        total = len(items) * (_ROW + gap + label) + 0.02
        figure = Figure(figsize=(_WIDTH, total))
        for index, item in enumerate(items):
            bottom = total - (index + 1) * (_ROW + label) - index * gap
            axes = _axes(figure, 0.15, bottom, _WIDTH - 0.15 - 1.95, _ROW)
            _scale(axes, item.span(), item.logarithmic)
            axes.set_ylim(-0.6, 1.05)
            axes.text(0, 1.04, item.label, transform=axes.transAxes, va="bottom", fontsize=8)
            _draw(axes, item, -0.2, half=0.25, seeds=True)
            _beside(axes, _measured(item.estimate), 0.5, left=False)
        return _svg(figure)


def curves(
    name: str,
    frame: pd.DataFrame,
    stages: Sequence[str],
    arms: Sequence[str],
    *,
    label: str,
    baseline: str,
    confidence: float = 0.95,
) -> tuple[str, int]:
    """One metric over steps: mean over seeds, t interval of the mean, a thin line a seed.

    Args:
        frame: rows of one metric with status ``ok``.
        stages: a panel each.
        label: the metric and its unit.
        arms: the variants to draw, at most `ARMS` besides ``baseline``.

    Returns:
        The SVG, and the largest number of consecutive steps averaged into one drawn point.
    """
    columns = min(2, len(stages))
    rows = -(-len(stages) // columns)
    others = [arm for arm in arms if arm != baseline]
    looks: dict[str, tuple[str, Dashes, float]] = {
        arm: (_PALETTE[i], _STYLES[i], 1.5) for i, arm in enumerate(others)
    }
    looks[baseline] = (INK, "-", 1.7)
    legend_rows = -(-len(arms) // 3)
    top, bottom, panel, between = 0.22 * legend_rows + 0.32, 0.42, 1.75, 0.72
    height = top + rows * panel + (rows - 1) * between + bottom
    block = 1
    with _style(name):
        figure = Figure(figsize=(_WIDTH, height))
        width = (_WIDTH - 0.6 - 0.1 - (columns - 1) * 0.6) / columns
        for index, stage in enumerate(stages):
            row, column = divmod(index, columns)
            axes = _axes(
                figure,
                0.6 + column * (width + 0.6),
                height - top - row * (panel + between) - panel,
                width,
                panel,
            )
            axes.spines["left"].set_visible(True)
            axes.set_title(stage, fontsize=8, loc="left", pad=4)
            axes.set_xlabel("step", labelpad=1)
            axes.yaxis.set_major_locator(MaxNLocator(5))
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.grid(axis="y", color=_ZONE, alpha=0.25, linewidth=0.5)
            if column == 0:
                axes.set_ylabel(label)
            part = frame[frame["stage"] == stage]
            for arm in arms:
                values = part[part["variant"] == arm]
                if values.empty:
                    continue
                table = values.pivot(index="step", columns="seed", values="value").sort_index()
                size = -(-len(table) // MAXIMUM_POINTS)
                block = max(block, size)
                _curve(axes, _blocks(table, size), looks[arm], confidence)
        handles = [
            Line2D([], [], color=looks[arm][0], linestyle=looks[arm][1], linewidth=1.7, label=arm)
            for arm in arms
        ]
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=min(3, len(handles)),
            frameon=False,
            fontsize=8,
            handlelength=3.2,
        )
        return _svg(figure), block


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
) -> None:
    color, style, width = look
    steps = table.index.to_numpy(dtype=float)
    for seed in list(table.columns)[:MAXIMUM_LINES]:
        axes.plot(steps, table[seed].to_numpy(), color=color, linewidth=0.4, alpha=0.35)
    count = table.count(axis=1).to_numpy()
    mean = table.mean(axis=1).to_numpy()
    if (count > 1).any():
        error = table.std(axis=1).to_numpy() / np.sqrt(count)
        half = error * stats.t.ppf(0.5 + confidence / 2, np.maximum(count - 1, 1))
        axes.fill_between(steps, mean - half, mean + half, color=color, alpha=0.16, linewidth=0)
    axes.plot(steps, mean, color=color, linestyle=style, linewidth=width)


def _draw(axes: Axes, item: Strip, y: float, *, half: float, seeds: bool) -> None:
    """Zones, reference values, interval and mean at height ``y``; the seeds above it."""
    estimate = item.estimate
    left, right = axes.get_xlim()
    bottom, top = (-0.6, 1.05) if seeds else (y - half, y + half)
    for zone, color, alpha in (
        (item.margin, _ZONE, 0.28),
        (item.target, _TARGET, 0.25),
        (_open(item.explains, left, right), _EXPLAINS, 0.14),
    ):
        if zone is not None:
            low, high = max(zone[0], left), min(zone[1], right)
            axes.add_patch(
                Rectangle((low, bottom), high - low, top - bottom, color=color, alpha=alpha, lw=0)
            )
    axes.plot([estimate.null] * 2, [bottom, top], color=INK, linewidth=0.8, linestyle=(0, (3, 2)))
    if seeds:
        points = [estimate.per_seed[seed] for seed in sorted(estimate.per_seed)]
        heights = [0.3 + 0.14 * (index % 5) for index in range(len(points))]
        axes.plot(points, heights, "o", color=INK, markersize=3.2, alpha=0.55, markeredgewidth=0)
    low = estimate.low if np.isfinite(estimate.low) else left
    high = estimate.high if np.isfinite(estimate.high) else right
    if not (np.isnan(estimate.low) or np.isnan(estimate.high)):
        axes.plot([max(low, left), min(high, right)], [y, y], color=INK, linewidth=1.8)
    if np.isfinite(estimate.estimate):
        axes.plot([estimate.estimate], [y], "o", color=INK, markersize=5.5, markeredgewidth=0)
    if item.documented is not None:
        axes.plot(
            [item.documented],
            [y],
            "D",
            markerfacecolor="none",
            markeredgecolor=_DOCUMENTED,
            markeredgewidth=1.5,
            markersize=6,
            clip_on=False,
        )


def _open(
    bounds: tuple[float | None, float | None], left: float, right: float
) -> tuple[float, float] | None:
    if bounds == (None, None):
        return None
    return (
        left if bounds[0] is None else bounds[0],
        right if bounds[1] is None else bounds[1],
    )


def _scale(axes: Axes, values: Iterable[float], logarithmic: bool) -> None:
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


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches, with the bottom line only."""
    total_width, total_height = figure.get_size_inches()
    axes = figure.add_axes(
        (left / total_width, bottom / total_height, width / total_width, height / total_height)
    )
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    return axes


def _beside(axes: Axes, text: str, down: float, *, left: bool) -> None:
    x, alignment = (-0.02, "right") if left else (1.03, "left")
    axes.text(x, 1 - down, text, transform=axes.transAxes, ha=alignment, va="center", fontsize=7.5)


def _measured(estimate: EffectEstimate) -> str:
    return " ".join(interval(estimate.estimate, estimate.low, estimate.high))


@contextmanager
def _style(name: str) -> Iterator[None]:
    """matplotlib's defaults, whatever the user's configuration, with this module's changes."""
    changes: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.family": "DejaVu Sans",
        "font.size": 7.5,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.6,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "path.simplify": False,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(changes)
        yield


def _rounded(attribute: re.Match[str]) -> str:
    """Coordinates to a tenth of a point; the text of labels is no attribute and stays."""
    return re.sub(r"\d+\.\d{2,}", lambda match: f"{float(match[0]):.1f}", attribute[0])


def _svg(figure: Figure) -> str:
    """The figure as one ``<svg>`` element: no prolog, no metadata, no ids but those in use."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = text.replace("<svg ", '<svg stroke-linejoin="round" ', 1)
    text = re.sub(r'<g id="[^"]*"(/?)>', r"<g\1>", text)
    # Sizes and opacities have two decimals at most and stand in "style", which stays.
    text = re.sub(r' (?:d|x|y|transform)="[^"]*"', _rounded, text)
    return re.sub(r"\s*\n\s*", "\n", text)
