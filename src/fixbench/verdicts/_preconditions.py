"""What must be shown before a claim can be judged, such as that there was something to learn.

A precondition is **met** where its effect is shown to lie between ``above`` and ``below``,
**unmet** where it is shown to lie outside, and otherwise **open**. A claim with an unmet
precondition is not testable, whatever its own effect, which it keeps with its place in the family.
A claim with an open one is unresolved, unless its own effect is inconclusive anyway. That all are
met needs no adjustment; of several, "unmet" is adjusted by Holm's method, at one of several looks
with the levels of `fixbench.statistics.holm_factors`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from fixbench import statistics
from fixbench.ablation import Claim
from fixbench.verdicts._measurements import Measurements
from fixbench.verdicts._notes import Note
from fixbench.verdicts._result import ClaimResult, PreconditionResult, PreconditionState
from fixbench.verdicts._unresolved import unresolved
from fixbench.verdicts._window import measure_window

__all__ = ["measure_preconditions", "require"]


def measure_preconditions(
    claim: Claim,
    results: Measurements,
    *,
    confidence: float,
    factors: Callable[[int], Sequence[float]],
) -> tuple[tuple[PreconditionResult, ...], list[Note]]:
    """Every precondition in the order of the file, and notes on them.

    Args:
        factors: as for `measure_controls`.
    """
    windows = [
        measure_window(
            item.effect,
            results,
            claim=claim.id,
            name=item.name,
            confidence=confidence,
            above=item.above,
            below=item.below,
        )
        for item in claim.preconditions
    ]
    adjusted = statistics.holm(
        {str(index): window.p_outside for index, window in enumerate(windows)},
        factors(len(windows)),
    )
    alpha = 1 - confidence
    measured = []
    for index, (item, window) in enumerate(zip(claim.preconditions, windows, strict=True)):
        p_unmet = math.nan if math.isnan(window.p_outside) else adjusted[str(index)]
        state: PreconditionState = "open"
        if window.p_inside < alpha:
            state = "met"
        elif p_unmet < alpha:
            state = "unmet"
        measured.append(
            PreconditionResult(
                name=item.name,
                meaning=item.meaning,
                effect=window.effect,
                state=state,
                p_met=window.p_inside,
                p_unmet=p_unmet,
                seeds_needed=window.seeds_needed() if state == "open" else None,
            )
        )
    return tuple(measured), [note for window in windows for note in window.notes]


def require(result: ClaimResult) -> ClaimResult:
    """The result, not testable or unresolved where one of its preconditions is not met."""
    if any(item.state == "unmet" for item in result.preconditions):
        return replace(result, verdict="not testable", seeds_needed=None)
    return unresolved(result, [item for item in result.preconditions if item.state == "open"])
