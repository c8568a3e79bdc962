"""All claims of a tier on one axis: how many margins each effect lies from no effect.

Effects of different units are compared by what each counts as the smallest that matters. The
documented direction is on the right. Beyond one margin the axis is logarithmic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fixbench.ablation import Claim
from fixbench.reports._effects import null_of
from fixbench.reports._judging import ClaimResult, Verdict
from fixbench.reports._views import drawable
from fixbench.reports.figures._axes import axes_at
from fixbench.reports.figures._style import DOCUMENTED, INK, ZONE, style, to_pdf
from fixbench.reports.paper._forest import in_parts, shortened
from fixbench.reports.paper._judged import JudgedAblation, is_share
from fixbench.reports.paper._marks import MARKS

__all__ = ["LIMIT", "StandardEffect", "placed", "standard_effect", "standard_forest"]

#: The ends of the axis, in margins; what lies beyond is drawn at the end.
LIMIT = 30.0
_ROW, _HEAD, _SIZE = 0.135, 0.2, 5.8
_WIDTH, _LABEL, _GAP, _LEGEND = 7.0, 2.0, 0.12, 0.3
#: The rows of a column.
_MOST = 50


@dataclass(frozen=True, kw_only=True)
class StandardEffect:
    """An effect in margins from no effect; positive in the documented direction."""

    id: str
    name: str
    verdict: Verdict
    value: float
    low: float
    high: float
    documented: float | None


def standard_effect(claim: Claim, result: ClaimResult) -> StandardEffect | None:
    """The effect of a claim, or ``None`` where it has no margin to be measured by."""
    decision, effect, found = claim.decision, claim.effect, result.effect
    if effect is None or found is None or decision.margin is None or is_share(claim):
        return None
    if not drawable(found):
        return None
    logarithmic = effect.reported == "log"
    margin = math.log(decision.margin) if logarithmic else decision.margin
    null = null_of(effect, decision.null)
    sign = -1 if decision.direction == "less" else 1

    def scaled(value: float) -> float:
        if logarithmic:
            value = math.log(value) if value > 0 else -math.inf
            return sign * (value - math.log(null)) / margin
        return sign * (value - null) / margin

    ends = sorted((scaled(found.low), scaled(found.high)))
    return StandardEffect(
        id=result.id,
        name=result.label or result.statement,
        verdict=result.verdict,
        value=scaled(found.estimate),
        low=ends[0],
        high=ends[1],
        documented=None if result.documented_value is None else scaled(result.documented_value),
    )


#: The title of an ablation, and its effects.
Group = tuple[str, list[StandardEffect]]


def placed(value: float) -> float:
    """Where a value lies on the axis, from -1 to 1: one margin is a fifth of the way."""
    if math.isnan(value):
        return value
    size = min(abs(value), LIMIT)
    place = 0.2 * size if size <= 1 else 0.2 + 0.8 * math.log(size) / math.log(LIMIT)
    return math.copysign(place, value)


def standard_forest(judged: Sequence[JudgedAblation]) -> tuple[bytes, int] | None:
    """The figure as PDF, in two columns, and its pages; ``None`` where no claim has a margin."""
    groups = [(item.ablation.title, _effects(item)) for item in judged]
    groups = [(title, effects) for title, effects in groups if effects]
    if not groups:
        return None
    pages = _pages(groups)
    with style("paper"):
        return to_pdf(*map(_page, pages)), len(pages)


def _page(groups: Sequence[Group]) -> Figure:
    columns = _columns(groups)
    rows = max(sum(len(effects) for _, effects in column) for column in columns)
    heads = max(len(column) for column in columns)
    height = _ROW * rows + _HEAD * heads + 0.42 + _LEGEND
    figure = Figure(figsize=(_WIDTH, height))
    width = (_WIDTH - _GAP) / len(columns)
    for index, column in enumerate(columns):
        _draw(figure, column, index * (width + _GAP), height, width)
    occurring = {effect.verdict for _, effects in groups for effect in effects}
    figure.legend(
        handles=[_mark(verdict) for verdict in MARKS if verdict in occurring],
        loc="lower center",
        ncols=6,
        fontsize=_SIZE,
        frameon=False,
        borderpad=0,
        handletextpad=0.1,
        columnspacing=1.2,
    )
    return figure


def _pages(groups: Sequence[Group]) -> list[list[Group]]:
    """The groups on pages that two columns have room for; a group that has more is divided."""
    pages: list[list[Group]] = [[]]
    for title, effects in groups:
        for part in in_parts(effects, _MOST):
            if sum(len(found) for _, found in pages[-1]) + len(part) > 2 * _MOST:
                pages.append([])
            pages[-1].append((title, list(part)))
    return pages


def _mark(verdict: Verdict, x: float = math.nan, y: float = math.nan) -> Line2D:
    """The mark of a verdict, with its name for the legend."""
    mark = MARKS[verdict]
    return Line2D(
        [x],
        [y],
        label=verdict,
        linestyle="none",
        marker=mark.shape,
        markersize=4,
        markerfacecolor=mark.fill or "white",
        markeredgecolor=mark.edge,
        markeredgewidth=0.9,
        clip_on=False,
        zorder=5,
    )


def _effects(judged: JudgedAblation) -> list[StandardEffect]:
    found = (standard_effect(claim, result) for claim, result in judged.claims if claim is not None)
    return [effect for effect in found if effect is not None]


def _columns(groups: Sequence[Group]) -> list[list[Group]]:
    """Whole groups in two columns, in order, as even as they can be."""
    if len(groups) == 1:
        return [list(groups)]
    sizes = [len(effects) + 1.5 for _, effects in groups]
    cut = min(range(1, len(groups)), key=lambda place: max(sum(sizes[:place]), sum(sizes[place:])))
    return [list(groups[:cut]), list(groups[cut:])]


def _draw(
    figure: Figure, column: Sequence[Group], left: float, height: float, width: float
) -> None:
    top = height
    for index, (title, effects) in enumerate(column):
        size = _ROW * len(effects)
        top -= _HEAD
        axes = axes_at(figure, left + _LABEL, top - size, width - _LABEL - 0.08, size)
        axes.set_xlim(-1, 1)
        axes.set_ylim(-len(effects) + 0.5, 0.5)
        axes.set_yticks([])
        last = index == len(column) - 1
        marks = [-LIMIT, -5, -1, 0, 1, 5, LIMIT]
        axes.set_xticks([placed(value) for value in marks])
        axes.set_xticklabels([f"{value:g}".replace("-", "−") if last else "" for value in marks])
        axes.tick_params(labelsize=_SIZE, length=2)
        axes.axvspan(placed(-1), placed(1), color=ZONE, alpha=0.28, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.6, linestyle=(0, (3, 2)))
        if last:
            axes.set_xlabel("distance from no effect, in margins", fontsize=_SIZE, labelpad=1)
        x = -_LABEL / (width - _LABEL - 0.08)
        axes.text(
            x,
            1 + 0.07 / size,
            shortened(title, 62),
            transform=axes.transAxes,
            fontsize=_SIZE + 0.3,
            fontweight="bold",
            va="center",
        )
        for place, effect in enumerate(effects):
            axes.text(
                x,
                1 - (place + 0.5) / len(effects),
                f"{effect.id}  {shortened(effect.name, 40)}",
                transform=axes.transAxes,
                fontsize=_SIZE,
                va="center",
            )
            _draw_effect(axes, effect, -place)
        top -= size


def _draw_effect(axes: Axes, effect: StandardEffect, y: float) -> None:
    mark = MARKS[effect.verdict]
    if not math.isnan(effect.low + effect.high):
        axes.plot([placed(effect.low), placed(effect.high)], [y, y], color=mark.edge, linewidth=1.2)
    if effect.documented is not None:
        axes.plot(
            [placed(effect.documented)],
            [y],
            "|",
            markeredgecolor=DOCUMENTED,
            markeredgewidth=1.3,
            markersize=6.5,
            clip_on=False,
        )
    axes.add_line(_mark(effect.verdict, placed(effect.value), y))
