"""Means, intervals and p of plain effects, by pandas and scipy alone.

No line of `fixbench.statistics` or `fixbench.verdicts` is used here: an error in them shows as a
difference from these few lines. An effect is *plain* where they suffice: every run of its variants
succeeded, all seeds have it, and no rule of its own says which seeds count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from fixbench.ablation import Effect

__all__ = ["Summary", "each_seed", "holding", "summarise"]

#: A spread this small beside the values is rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Mean over seeds, interval and two-sided p, in the unit of the effect."""

    measured: float
    low: float
    high: float
    p: float
    n: int


def summarise(
    rows: pd.DataFrame, effect: Effect, *, null: float | None, confidence: float
) -> Summary | None:
    """Student's t of the effect over seeds; ``None`` where the effect is not plain."""
    x = each_seed(rows, effect)
    if x is None or len(x) < 2 or not np.isfinite(x).all():
        return None
    ratio = effect.scale == "log" and effect.slope is None
    origin = (1.0 if ratio else 0.0) if null is None else null
    origin = float(np.log(origin)) if ratio else origin
    if np.ptp(x) <= _ROUNDING * np.abs(x).max():  # the sign test
        centre = low = high = float(np.median(x))
        p = 1.0 if np.isclose(centre, origin, rtol=_ROUNDING, atol=0) else 2.0 ** (1 - len(x))
    else:
        test = stats.ttest_1samp(x, origin)
        low, high = test.confidence_interval(confidence)
        centre, p = float(np.mean(x)), float(test.pvalue)
    turn = np.exp if ratio else float
    return Summary(
        measured=float(turn(centre)), low=float(turn(low)), high=float(turn(high)), p=p, n=len(x)
    )


def each_seed(rows: pd.DataFrame, effect: Effect) -> NDArray[np.float64] | None:
    """The weighted sum of the effect's terms of each seed, logarithms for ratios."""
    total: pd.Series | None = None
    for term in effect.weighted:
        cell = _cell(rows, term.variant, term.stage, term.metric)
        if cell is None:
            return None
        values = np.log(cell["value"]) if effect.scale == "log" else cell["value"]
        found = _at(cell.assign(value=values), term.at)
        total = term.weight * found if total is None else total + term.weight * found
    if total is None or total.isna().any():
        return None
    return np.asarray(total.sort_index(), dtype=float)


def holding(rows: pd.DataFrame, effect: Effect) -> tuple[float, float] | None:
    """The share of values that are exactly 1, and the share of seeds in which all are."""
    cells = [_cell(rows, t.variant, t.stage, t.metric) for t in effect.weighted]
    if any(cell is None for cell in cells):
        return None
    chosen = pd.concat(
        [
            _selected(cell, term.at)
            for cell, term in zip(cells, effect.weighted, strict=True)
            if cell is not None
        ]
    )
    holds = chosen["value"] == 1
    return float(holds.mean()), float(holds.groupby(chosen["seed"]).all().mean())


def _cell(rows: pd.DataFrame, variant: str, stage: str, metric: str) -> pd.DataFrame | None:
    """The rows of a variant's metric in order of steps; ``None`` where any run of it failed."""
    runs = rows[rows["variant"] == variant]
    if runs.empty or (runs["status"] != "ok").any():
        return None
    found = runs[(runs["stage"] == stage) & (runs["metric"] == metric)]
    if set(found["seed"]) != set(rows["seed"]):
        return None
    return found.sort_values(["seed", "step"])


def _selected(cell: pd.DataFrame, at: str | int) -> pd.DataFrame:
    if at in ("first", "last"):
        return cell.drop_duplicates("seed", keep=at)
    return cell[cell["step"] == at] if isinstance(at, int) else cell


def _at(cell: pd.DataFrame, at: str | int) -> pd.Series:
    if at == "area":
        areas = {
            seed: np.trapezoid(part["value"], part["step"]) / np.ptp(part["step"])
            for seed, part in cell.groupby("seed")
        }
        return pd.Series(areas)
    return _selected(cell, at).groupby("seed")["value"].mean()
