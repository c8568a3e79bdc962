"""What each arm of an effect reached, in print."""

from __future__ import annotations

from fixbench.reports._arm_names import arm_names
from fixbench.reports._format import mean_and_deviation
from fixbench.reports._judging import ArmLevel, ClaimResult

__all__ = ["level_text", "levels_said"]


def level_text(level: ArmLevel) -> str:
    """``0.412 ± 0.018``; how many runs it lacks stands behind it."""
    lacking = f" ({level.n_lacking} lacking)" if level.n_lacking else ""
    return f"{mean_and_deviation(level.mean, level.standard_deviation)}{lacking}"


def levels_said(result: ClaimResult, *, runs: bool = True) -> str:
    """All arms of a claim's effect in one phrase; empty where there are none.

    Args:
        runs: whether to say of how many runs each mean is.
    """
    return "; ".join(
        f"{name} {level_text(level)}" + f", n = {level.n}" * runs
        for name, level in zip(arm_names(result.levels), result.levels, strict=True)
    )
