"""Where an interval lies beside the values that a rule compares it with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from fixbench.ablation import Claim
from fixbench.explanation._model import Bound
from fixbench.published import PublishedClaim, PublishedControl, PublishedPrecondition
from fixbench.reports import rule_bounds

__all__ = ["claim_bounds", "control_bounds", "precondition_bounds"]

_Named = Iterable[tuple[str, float | None]]


def claim_bounds(row: PublishedClaim, claim: Claim | None) -> list[Bound]:
    """The bounds of a claim's rule, from the lowest up.

    Args:
        claim: as declared; ``None`` where it is not the one that was judged.
    """
    if row.rule in (None, "property", "not_testable"):
        return []
    named = _published(row) if claim is None or claim.effect is None else rule_bounds(claim)
    kept: list[tuple[str, float | None]] = [*named]
    if row.rule == "not_worse":  # the better side decides nothing
        worse = row.margin_low if row.direction == "greater" else row.margin_high
        kept = [(name, value) for name, value in kept if value == worse]
    return _placed(row.interval_low, row.interval_high, row.scale, kept)


def control_bounds(row: PublishedControl) -> list[Bound]:
    """Those between which the control explains the claim."""
    named = [("explains it above", row.explains_above), ("explains it below", row.explains_below)]
    return _placed(row.interval_low, row.interval_high, row.scale, named)


def precondition_bounds(row: PublishedPrecondition) -> list[Bound]:
    """Those between which the precondition is met."""
    named = [("met above", row.above), ("met below", row.below)]
    return _placed(row.interval_low, row.interval_high, row.scale, named)


def _published(row: PublishedClaim) -> Iterator[tuple[str, float | None]]:
    if row.rule in ("difference", "direction", "two_part", "share"):
        yield "no effect", row.null
    for value in (row.margin_low, row.margin_high):
        yield "edge of the margin, the smallest effect that matters", value
    for value in (row.tolerance_low, row.tolerance_high):
        yield "edge of the tolerance around the documented size", value


def _placed(low: float | None, high: float | None, scale: str | None, named: _Named) -> list[Bound]:
    if low is None or high is None:
        return []
    logarithmic = scale == "log"
    if logarithmic and low <= 0:
        return []
    turn = math.log if logarithmic else float
    width = turn(high) - turn(low)
    bounds = []
    for name, value in named:
        if value is None or (logarithmic and value <= 0):
            continue
        away, end = min(
            (abs(turn(low) - turn(value)), "lower"), (abs(turn(high) - turn(value)), "upper")
        )
        bounds.append(
            Bound(
                name=name,
                value=value,
                lies="below" if value < low else "above" if value > high else "inside",
                end=end,
                distance=math.exp(away) if logarithmic else away,
                share=away / width if width > 0 else math.inf if away else 0.0,
            )
        )
    return sorted(bounds, key=lambda bound: bound.value)
