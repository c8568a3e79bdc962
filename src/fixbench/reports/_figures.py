"""Figures as lean SVG text: the same bytes for the same input, on any machine.

Text stays text (selectable, small). Colours of text and axes are the constant `INK`, which the
HTML page replaces by a variable so that figures follow its light and dark mode.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
import numpy as np
import numpy.typing as npt
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
    MultipleLocator,
    NullLocator,
)
from scipy import stats

from fixbench.reports._format import interval, number
from fixbench.statistics import EffectEstimate

__all__ = [
    "ARMS",
    "INK",
    "MAXIMUM_LINES",
    "MAXIMUM_POINTS",
    "Panel",
    "Spread",
    "Strip",
    "curves",
    "forest",
    "levels",
    "spreads",
    "strips",
]

INK = "#1b1f23"
_DOCUMENTED = "#d55e00"
_ZONE = "#8a8f98"
_TARGET = "#e69f00"
_EXPLAINS = "#0072b2"
_REQUIRED = "#009e73"
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
#: Arms in one panel, besides the baseline.
ARMS = len(_PALETTE)
#: Points along a curve and per-seed lines of an arm that a figure holds at most.
MAXIMUM_POINTS = 40
MAXIMUM_LINES = 10
#: A curve of at most so many points shows each.
_FEW_POINTS = 10
#: Means that span a larger factor are drawn on a log axis: the smallest stay apart.
_WIDE_RANGE = 50

_WIDTH = 7.2  # inches: the text width of A4 with narrow margins
_PAGE = 8.6  # inches: what A4 leaves for a figure above its caption
_ROW = 0.54
_CHARACTER = 0.066  # inches, a mean of digits and letters at 7.5 points


@dataclass(frozen=True, kw_only=True)
class Strip:
    """One effect on one axis.

    Attributes:
        label: a line of text beside or above it.
        documented: the documented value on the effect's scale.
        margin: values that count as no effect; target: values that count as the documented size.
        explains: for a control: the values that explain the documented comparison.
        required: for a precondition: the values that meet it.
        quantity: what the axis shows; in a forest, strips of one quantity share an axis.
    """

    label: str
    estimate: EffectEstimate
    documented: float | None = None
    margin: tuple[float, float] | None = None
    target: tuple[float, float] | None = None
    explains: tuple[float | None, float | None] = (None, None)
    required: tuple[float | None, float | None] = (None, None)
    quantity: str = ""

    @property
    def logarithmic(self) -> bool:
        """Drawn on a log axis."""
        return self.estimate.scale == "log"

    def span(self, *, seeds: bool) -> list[float]:
        """Every finite value that the axis has to show."""
        estimate = self.estimate
        values = [estimate.estimate, estimate.low, estimate.high, estimate.null]
        values += [*(self.margin or ()), *(self.target or ())]
        values += estimate.per_seed.values() if seeds else ()
        bounds = (self.documented, *self.explains, *self.required)
        values += [value for value in bounds if value is not None]
        return [
            value for value in values if np.isfinite(value) and (value > 0 or not self.logarithmic)
        ]


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


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The distribution of many values, with a line of text above and one beside it."""

    label: str
    values: npt.NDArray[np.float64]
    note: str


def forest(name: str, items: Sequence[Strip]) -> str:
    """Effects with intervals beside documented values, both printed at the right.

    Effects of one quantity share an axis, but those far from no effect have one of their own: they
    would leave the others no room.
    """
    groups = _groups(items)
    row, between, left, right = 0.34, 0.52, 1.45, 2.6
    closer = min(1.0, (_PAGE - 0.3) / (row * len(items) + between * len(groups)))
    row, between = closer * row, closer * between
    height = 0.3 + row * len(items) + between * len(groups)
    with _style(name):
        figure = Figure(figsize=(_WIDTH, height))
        top = height - 0.3
        for index, group in enumerate(groups):
            size = row * len(group)
            axes = _axes(figure, left, top - size, _WIDTH - left - right, size)
            values = [value for item in group for value in item.span(seeds=False)]
            _scale(axes, values, group[0].logarithmic)
            axes.set_xlabel(group[0].quantity, labelpad=1, fontsize=7)
            axes.set_ylim(-len(group) + 0.5, 0.5)
            lines = [
                (item.label, number(item.documented), _measured(item.estimate)) for item in group
            ]
            if index == 0:
                lines.insert(0, ("", "documented", "measured [interval]"))
            for position, texts in enumerate(lines, start=len(group) - len(lines)):
                for text, inches in zip(texts, (-0.08, 0.12, 0.85), strict=True):
                    _beside(axes, text, (0.5 + position) / len(group), inches=inches)
            for position, item in enumerate(group):
                _draw(axes, item, -position, half=0.34, seeds=False)
            top -= size + between
        return _svg(figure)


def _groups(items: Sequence[Strip]) -> list[list[Strip]]:
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


def strips(name: str, items: Sequence[Strip]) -> str:
    """Per-seed effects, their mean and interval: an effect and its controls, an axis each."""
    with _style(name):
        gap, label = 0.3, 0.22
        total = len(items) * (_ROW + gap + label) + 0.02
        figure = Figure(figsize=(_WIDTH, total))
        for index, item in enumerate(items):
            bottom = total - (index + 1) * (_ROW + label) - index * gap
            axes = _axes(figure, 0.15, bottom, _WIDTH - 0.15 - 1.95, _ROW)
            _scale(axes, item.span(seeds=True), item.logarithmic)
            axes.set_ylim(-0.6, 1.05)
            axes.text(0, 1.04, item.label, transform=axes.transAxes, va="bottom", fontsize=8)
            _draw(axes, item, -0.2, half=0.25, seeds=True)
            _beside(axes, _measured(item.estimate), 0.5, inches=0.15)
        return _svg(figure)


def spreads(
    name: str, items: Sequence[Spread], *, logarithmic: bool, null: float, documented: float | None
) -> str:
    """Histograms on one axis, each with its median and the bar that holds its middle 90 %."""
    found = [value for item in items for value in (item.values.min(), item.values.max())]
    found += [null] if documented is None else [null, documented]
    size, above, below = 0.5, 0.24, 0.08
    with _style(name):
        height = len(items) * (size + above + below) + 0.22
        figure = Figure(figsize=(_WIDTH, height))
        for index, item in enumerate(items):
            bottom = height - (index + 1) * (size + above + below) + below
            axes = _axes(figure, 0.15, bottom, _WIDTH - 0.15 - 1.95, size)
            _scale(axes, found, logarithmic)
            axes.set_ylim(-0.35, 1.05)
            axes.text(0, 1.04, item.label, transform=axes.transAxes, va="bottom", fontsize=8)
            _beside(axes, item.note, 0.5, inches=0.15)
            ends = axes.get_xlim()
            edges = np.geomspace(*ends, 61) if logarithmic else np.linspace(*ends, 61)
            counts, _ = np.histogram(item.values, edges)
            axes.stairs(counts / counts.max(), edges, fill=True, color=_ZONE, alpha=0.6, lw=0)
            axes.axvline(null, color=INK, linewidth=0.8, linestyle=(0, (3, 2)))
            low, median, high = np.quantile(item.values, (0.05, 0.5, 0.95))
            axes.plot([low, high], [-0.18, -0.18], color=INK, linewidth=1.8)
            axes.plot([median], [-0.18], "o", color=INK, markersize=5.5, markeredgewidth=0)
            if documented is not None:
                axes.axvline(documented, color=_DOCUMENTED, linewidth=1.2)
            if index < len(items) - 1:
                axes.tick_params(labelbottom=False)
        return _svg(figure)


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
    rows_of = dict(iter(frame.groupby(["stage", "variant"])))
    shown = [[arm for arm in panel.arms if (panel.stage, arm) in rows_of] for panel in panels]
    columns = min(2, len(panels))
    width = (_WIDTH - 0.6 - 0.1 - (columns - 1) * 0.55) / columns
    # An entry takes 0.4 inches for its line besides its text, which is a little smaller.
    longest = max(len(arm) for arms in shown for arm in arms)
    entries = max(1, min(3, int(width / (0.4 + 0.85 * _CHARACTER * longest))))
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
    with _style(name):
        figure = Figure(figsize=(_WIDTH, height))
        for index, (panel, arms) in enumerate(zip(panels, shown, strict=True)):
            row, column = places[index]
            if row and column == 0:
                top -= heads[row - 1] + size + below
            place = 0.6 + column * (width + 0.55)
            axes = _axes(figure, place, top - heads[row] - size, width, size)
            axes.spines["left"].set_visible(True)
            axes.set_title(panel.title, fontsize=8, loc="left", y=1 + (head[index] - 0.2) / size)
            axes.set_xlabel("step", labelpad=1)
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.grid(axis="y", color=_ZONE, alpha=0.25, linewidth=0.5)
            if column == 0:
                axes.set_ylabel(label)
            looks = _looks(panel.arms, baseline)
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
                    Line2D([], [], color=color, linestyle=style, linewidth=1.7, label=arm)
                    for arm, (color, style, _) in looks.items()
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
        return _svg(figure), block


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
    lines = _looks(names, names[0])
    left, between, size = 0.5, 0.35, 1.75
    legend = 0.5 + _CHARACTER * max(map(len, names))
    width = (_WIDTH - left - legend - between * (len(panels) - 1)) / len(panels)
    with _style(name):
        figure = Figure(figsize=(_WIDTH, size + 0.65))
        for index, (title, found) in enumerate(panels.items()):
            axes = _axes(figure, left + index * (width + between), 0.4, width, size)
            axes.spines["left"].set_visible(True)
            axes.set_title(title, fontsize=8, loc="left")
            axes.set_xlabel(label, labelpad=1)
            sizes = sorted({key for values in found.values() for key in values})
            axes.set_xticks(range(len(sizes)), [f"{key}" for key in sizes])
            axes.set_ylim(*limits)
            axes.yaxis.set_major_locator(MultipleLocator(0.05))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f} %"))
            axes.axhspan(*band, color=_ZONE, alpha=0.2, lw=0)
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
        return _svg(figure)


def _looks(arms: Sequence[str], baseline: str) -> dict[str, tuple[str, Dashes, float]]:
    """Arm → colour, dashes and width; the baseline is a plain line in the colour of the text."""
    others = iter(zip(_PALETTE, _STYLES, strict=True))
    return {arm: (INK, "-", 1.7) if arm == baseline else (*next(others), 1.5) for arm in arms}


def _same_limits(family: Sequence[Axes], extents: Sequence[tuple[float, float]]) -> None:
    """One vertical scale for several panels; logarithmic where the curves span a wide range."""
    low, high = min(low for low, _ in extents), max(high for _, high in extents)
    logarithmic = 0 < low < high / _WIDE_RANGE
    air = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    for axes in family:
        if logarithmic:
            axes.set_yscale("log")
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
    for seed in list(table.columns)[:MAXIMUM_LINES]:
        axes.plot(steps, table[seed].to_numpy(), color=color, linewidth=0.4, alpha=0.25)
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


def _draw(axes: Axes, item: Strip, y: float, *, half: float, seeds: bool) -> None:
    """Zones, reference values, interval and mean at height ``y``; the seeds above it."""
    estimate = item.estimate
    left, right = axes.get_xlim()
    bottom, top = (-0.6, 1.05) if seeds else (y - half, y + half)
    for zone, color, alpha in (
        (item.margin, _ZONE, 0.28),
        (item.target, _TARGET, 0.25),
        (_open(item.explains, left, right), _EXPLAINS, 0.14),
        (_open(item.required, left, right), _REQUIRED, 0.16),
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


def _beside(axes: Axes, text: str, down: float, *, inches: float) -> None:
    """Text right of the axes, or left of them (``inches`` < 0), in smaller type if it is long.

    ``down`` is in heights of the axes, from their top.
    """
    box, left = axes.get_position(), inches < 0
    room = _WIDTH * box.x0 + inches if left else _WIDTH * (1 - box.x1) - inches
    axes.text(
        (0 if left else 1) + inches / (_WIDTH * box.width),
        1 - down,
        text,
        transform=axes.transAxes,
        ha="right" if left else "left",
        va="center",
        fontsize=7.5 * min(1.0, room / (_CHARACTER * max(1, len(text)))),
    )


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
