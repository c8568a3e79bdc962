"""One effect on one axis: what it shows and how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from fixbench.reports._format import MISSING, interval
from fixbench.reports._judging import EffectEstimate
from fixbench.reports.figures._style import DOCUMENTED, INK, ZONE

__all__ = ["TARGET", "Strip", "axis_text", "draw_strip", "measured_text"]

TARGET = "#e69f00"
_EXPLAINS = "#0072b2"
_REQUIRED = "#009e73"


@dataclass(frozen=True, kw_only=True)
class Strip:
    """One effect on one axis.

    Attributes:
        label: a line of text beside or above it.
        documented: the documented value on the effect's scale.
        margin: values that count as no effect; target: values that count as the documented size.
        explains: for a control: the values that explain the documented comparison.
        required: for a precondition: the values that meet it.
        prediction: where the effect of one more run lies.
        quantity: what the axis shows; in a forest, strips of one quantity share an axis.
        null_name: what the dashed line stands for.
        better: the side of the axis on which the first variant does better, if there is one.
    """

    label: str
    estimate: EffectEstimate
    documented: float | None = None
    margin: tuple[float, float] | None = None
    target: tuple[float, float] | None = None
    explains: tuple[float | None, float | None] = (None, None)
    required: tuple[float | None, float | None] = (None, None)
    prediction: tuple[float, float] | None = None
    quantity: str = ""
    null_name: str = "no effect"
    better: str = ""

    @property
    def logarithmic(self) -> bool:
        """Drawn on a log axis."""
        return self.estimate.scale == "log"

    def span(self, *, seeds: bool) -> list[float]:
        """Every finite value that the axis has to show."""
        estimate = self.estimate
        values = [estimate.estimate, estimate.low, estimate.high, estimate.null]
        values += [*(self.margin or ()), *(self.target or ()), *(self.prediction or ())]
        values += estimate.per_seed.values() if seeds else ()
        bounds = (self.documented, *self.explains, *self.required)
        values += [value for value in bounds if value is not None]
        return [
            value for value in values if np.isfinite(value) and (value > 0 or not self.logarithmic)
        ]


def draw_strip(axes: Axes, item: Strip, y: float, *, half: float, seeds: bool) -> None:
    """Zones, reference values, interval and mean at height ``y``; the seeds above it."""
    estimate = item.estimate
    left, right = axes.get_xlim()
    bottom, top = (-0.6, 1.05) if seeds else (y - half, y + half)
    for zone, color, alpha in (
        (item.margin, ZONE, 0.28),
        (item.target, TARGET, 0.25),
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
    if item.prediction is not None:
        ends = [max(item.prediction[0], left), min(item.prediction[1], right)]
        axes.plot(ends, [y, y], color=INK, linewidth=0.7)
    if np.isfinite(estimate.estimate):
        axes.plot([estimate.estimate], [y], "o", color=INK, markersize=5.5, markeredgewidth=0)
    if item.documented is not None:
        axes.plot(
            [item.documented],
            [y],
            "D",
            markerfacecolor="none",
            markeredgecolor=DOCUMENTED,
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


def axis_text(items: Sequence[Strip]) -> str:
    """The label of an axis that strips share, with the better side if they agree on it."""
    sides = {item.better for item in items}
    text = items[0].quantity
    if sides == {"left"}:
        return f"◂ better · {text}"
    return f"{text} · better ▸" if sides == {"right"} else text


def measured_text(estimate: EffectEstimate) -> str:
    value, limits = interval(estimate.estimate, estimate.low, estimate.high)
    return value if limits == MISSING else f"{value} {limits}"
