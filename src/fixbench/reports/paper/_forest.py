"""The effects of one ablation in a figure of a paper, with their numbers beside them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fixbench.reports._effects import effect_quantity
from fixbench.reports._judging import Verdict
from fixbench.reports._strips import claim_strip, named_zones
from fixbench.reports._views import drawable
from fixbench.reports.figures import Strip
from fixbench.reports.figures._axes import axes_at, scale_axis
from fixbench.reports.figures._forest import axis_groups
from fixbench.reports.figures._strip import draw_strip, measured_text
from fixbench.reports.figures._style import INK, style, to_pdf
from fixbench.reports.paper._judged import JudgedAblation, is_share
from fixbench.reports.paper._marks import MARKS
from fixbench.reports.paper._row import ClaimRow, claim_row

__all__ = ["ForestFigure", "draw_mark", "empty_figure", "forest_figure", "in_parts", "shortened"]

# In inches. A text block is 4.8 to 7 inches wide: at 6 the type stays legible in all.
_WIDTH, _LEFT, _RIGHT = 6.0, 2.3, 2.3
_ROW, _BETWEEN, _TOP = 0.16, 0.36, 0.2
#: A further line of an axis label.
_LINE = 0.11
_SIZE = 6.5
#: Characters in a line of an axis label.
_LABEL = 90
#: The rows of a page: more of them would be too small to read.
_MOST = 30

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class ForestFigure:
    """A figure with the part of its caption that names the marks.

    Attributes:
        pages: how many it has: one, unless the claims are many.
        drawn: the ids of the claims in it.
    """

    pdf: bytes
    pages: int
    marks: str
    drawn: tuple[str, ...]


def forest_figure(judged: JudgedAblation) -> ForestFigure | None:
    """Every effect of a mean with its interval; ``None`` where there is none to draw."""
    strips: list[Strip] = []
    rows: dict[str, ClaimRow] = {}
    for claim, result in judged.claims:
        if claim is None or claim.effect is None or is_share(claim):
            continue
        if result.effect is None or not drawable(result.effect):
            continue
        rows[result.id] = claim_row(judged, claim, result)
        quantity = effect_quantity(claim.effect, judged.ablation)
        strips.append(claim_strip(claim, result, result.id, quantity=quantity))
    if not strips:
        return None
    with style(f"{judged.name}-paper"):
        parts = in_parts(strips, _MOST)
        word = "documented" if judged.ablation.results is None else "claimed"
        pdf = to_pdf(*(_draw(part, rows, word) for part in parts))
    return ForestFigure(pdf=pdf, pages=len(parts), marks=named_zones(strips), drawn=tuple(rows))


def in_parts(items: Sequence[Item], most: int) -> list[Sequence[Item]]:
    """As few parts of at most ``most`` as there can be, of about the same size."""
    count = math.ceil(len(items) / most)
    size = math.ceil(len(items) / count) if count else 0
    return [items[start : start + size] for start in range(0, len(items), size or 1)]


def empty_figure() -> bytes:
    """A page that says that no effect is there to be drawn."""
    with style("empty"):
        figure = Figure(figsize=(_WIDTH, 0.4))
        figure.text(0.5, 0.5, "No effect was measured.", ha="center", va="center", fontsize=_SIZE)
        return to_pdf(figure)


def _draw(strips: Sequence[Strip], rows: Mapping[str, ClaimRow], documented: str) -> Figure:
    groups = axis_groups(strips)
    labels = [textwrap.fill(group[0].quantity, _LABEL) for group in groups]
    below = [_BETWEEN + _LINE * label.count("\n") for label in labels]
    height = _TOP + _ROW * len(strips) + sum(below)
    figure = Figure(figsize=(_WIDTH, height))
    top = height - _TOP
    for index, group in enumerate(groups):
        size = _ROW * len(group)
        axes = axes_at(figure, _LEFT, top - size, _WIDTH - _LEFT - _RIGHT, size)
        scale_axis(axes, [v for item in group for v in item.span(seeds=False)], _is_log(group))
        axes.set_xlabel(labels[index], labelpad=1, fontsize=_SIZE)
        axes.set_ylim(-len(group) + 0.5, 0.5)
        if index == 0:
            for inches, text in ((0.12, documented), (0.78, "measured [interval]")):
                _text(axes, text, -1, len(group), inches, colour="#59626c")
        for place, item in enumerate(group):
            draw_strip(axes, item, -place, half=0.36, seeds=False)
            row = rows[item.label]
            _text(axes, f"{row.id}  {shortened(row.name)}", place, len(group), -_LEFT + 0.16)
            draw_mark(axes, row.verdict, (-_LEFT + 0.07, place), len(group))
            _text(axes, row.documented, place, len(group), 0.12)
            _text(axes, measured_text(item.estimate), place, len(group), 0.78)
        top -= size + below[index]
    return figure


def shortened(name: str, limit: int = 42) -> str:
    """A name that fits into its column: statements stand in for labels, and are longer."""
    return name if len(name) <= limit else f"{name[: limit - 1].rstrip()}…"


def _is_log(group: Sequence[Strip]) -> bool:
    return group[0].logarithmic


def _text(
    axes: Axes, text: str, place: int, rows: int, inches: float, *, colour: str = INK
) -> None:
    """Text in a row, so many inches right of the axes, or right of their left end if negative."""
    axes.text(
        *_position(axes, place, rows, inches),
        text,
        transform=axes.transAxes,
        va="center",
        fontsize=_SIZE,
        color=colour,
    )


def draw_mark(axes: Axes, verdict: Verdict, place: tuple[float, int], rows: int) -> None:
    """The mark of a verdict at so many inches, in a row."""
    mark = MARKS[verdict]
    inches, row = place
    x, y = _position(axes, row, rows, inches)
    axes.plot(
        [x],
        [y],
        mark.shape,
        transform=axes.transAxes,
        clip_on=False,
        markersize=4.2,
        markerfacecolor=mark.fill or "none",
        markeredgecolor=mark.edge,
        markeredgewidth=0.9,
    )


def _position(axes: Axes, place: int, rows: int, inches: float) -> tuple[float, float]:
    width = axes.get_figure(root=True).get_size_inches()[0] * axes.get_position().width  # type: ignore[union-attr]
    return (0 if inches < 0 else 1) + inches / width, 1 - (0.5 + place) / rows
