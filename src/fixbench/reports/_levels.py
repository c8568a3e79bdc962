"""What each arm of an effect reached, in print."""

from __future__ import annotations

from fixbench.reports._format import mean_and_deviation
from fixbench.reports._judging import ArmLevel, ClaimResult

__all__ = ["level_text", "levels_said"]


def level_text(level: ArmLevel) -> str:
    """``0.412 ± 0.018``; how many runs it lacks stands behind it."""
    lacking = f" ({level.n_lacking} lacking)" if level.n_lacking else ""
    return f"{mean_and_deviation(level.mean, level.standard_deviation)}{lacking}"


def levels_said(result: ClaimResult, *, runs: bool = True) -> str:
    """All arms of a claim's effect in one phrase; empty where there are none.

    A variant that stands twice has its metric, stage or step behind it.

    Args:
        runs: whether to say of how many runs each mean is.
    """
    levels = result.levels
    names = [level.variant for level in levels]
    parts = []
    for level in levels:
        name = level.variant
        if names.count(name) > 1:
            place = {
                (other.metric, other.stage) for other in levels if other.variant == level.variant
            }
            name += f" ({level.metric}, {level.stage}, {level.at})" if len(place) > 1 else ""
            name += f" ({level.at})" if len(place) == 1 else ""
        parts.append(f"{name} {level_text(level)}" + f", n = {level.n}" * runs)
    return "; ".join(parts)
