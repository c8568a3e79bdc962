"""What sections have in common in print: facts, figures, and estimates."""

from __future__ import annotations

from dataclasses import dataclass

from fixbench.ablation import Ablation, Effect
from fixbench.reports._effects import effect_unit
from fixbench.reports._format import MISSING, interval, p_value
from fixbench.reports._judging import EffectEstimate

__all__ = [
    "Fact",
    "FigureView",
    "Measured",
    "TableText",
    "bounds",
    "drawable",
    "measured",
    "measured_effect",
]

Fact = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class FigureView:
    """An SVG picture with its caption; ``alternative`` says the same to a screen reader."""

    svg: str
    caption: str
    alternative: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An estimate in print.

    Attributes:
        interval: empty where there is none.
        unit: empty for a pure number.
        n: paired seeds, or the runs of each arm as "5 + 4".
        failed: those of them with a failed run.
    """

    value: str
    interval: str
    unit: str
    p: str
    n: str
    failed: str


@dataclass(frozen=True, kw_only=True)
class TableText:
    """The caption and the column headings of a table, the same in every format."""

    caption: str
    columns: tuple[str, ...]


def measured(estimate: EffectEstimate | None, unit: str) -> Measured:
    """An estimate in print; dashes where nothing was measured."""
    if estimate is None:
        return Measured(value=MISSING, interval="", unit="", p=MISSING, n=MISSING, failed="")
    value, limits = bounds(estimate)
    return Measured(
        value=value,
        interval="" if limits == MISSING else limits,
        unit=unit,
        p=p_value(estimate.p_value),
        n=" + ".join(str(arm.n) for arm in estimate.arms) or str(estimate.n),
        failed=str(estimate.n_failed),
    )


def measured_effect(
    estimate: EffectEstimate | None, effect: Effect | None, ablation: Ablation
) -> Measured:
    """An estimate in the unit of its effect."""
    return measured(estimate, "" if effect is None else effect_unit(effect, ablation))


def bounds(estimate: EffectEstimate) -> tuple[str, str]:
    """The estimate and its interval as they are printed."""
    return interval(estimate.estimate, estimate.low, estimate.high)


def drawable(estimate: EffectEstimate) -> bool:
    """Whether an axis can show the estimate: it is finite and, on a log axis, positive."""
    value = estimate.estimate
    return (
        value == value and abs(value) != float("inf") and (estimate.scale == "plain" or value > 0)
    )
