"""What must be shown before a claim can be judged, such as that there was something to learn.

A precondition is met if its whole interval lies between ``above`` and ``below``. Without it a claim
is not testable, whatever its own effect, which it keeps with its place in the family.
"""

from __future__ import annotations

from dataclasses import replace

from fixbench.ablation import Claim
from fixbench.verdicts._measurements import Measurements
from fixbench.verdicts._notes import Note
from fixbench.verdicts._result import ClaimResult, PreconditionResult
from fixbench.verdicts._window import measure_window

__all__ = ["measure_preconditions", "require"]


def measure_preconditions(
    claim: Claim, results: Measurements, confidence: float
) -> tuple[tuple[PreconditionResult, ...], list[Note]]:
    """Every precondition in the order of the file, and notes on them."""
    measured, notes = [], list[Note]()
    for item in claim.preconditions:
        window = measure_window(
            item.effect,
            results,
            claim=claim.id,
            name=item.name,
            confidence=confidence,
            above=item.above,
            below=item.below,
        )
        notes += window.notes
        measured.append(
            PreconditionResult(
                name=item.name, meaning=item.meaning, effect=window.effect, met=window.within
            )
        )
    return tuple(measured), notes


def require(result: ClaimResult) -> ClaimResult:
    """The result, not testable where one of its preconditions is not met."""
    if all(item.met for item in result.preconditions):
        return result
    return replace(result, verdict="not testable", seeds_needed=None)
