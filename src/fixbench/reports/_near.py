"""Whether a verdict stands at a bound, and how near, so that other seeds may turn it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fixbench.ablation import Claim
from fixbench.reports._effects import margin_zone, null_name, null_of, tolerance_zone
from fixbench.reports._format import number, p_value, percentage
from fixbench.reports._judging import ClaimResult

__all__ = ["near_bounds", "nearness", "rule_bounds"]

#: An end of an interval is near a bound within this share of the interval's width.
_SHARE = 0.1
#: An adjusted p is near its level within this factor.
_FACTOR = 1.5
_LEVEL = 0.05


def near_bounds(claim: Claim, result: ClaimResult) -> list[str]:
    """Sentences on bounds of the rule that the interval, or an adjusted p, nearly touches."""
    return [said for said, _ in _near(claim, result)]


def nearness(claim: Claim, result: ClaimResult) -> str:
    """The first of these in a few words, for a table; empty where there is none."""
    return next((short for _, short in _near(claim, result)), "")


def _near(claim: Claim, result: ClaimResult) -> list[tuple[str, str]]:
    """Sentences, each with its few words."""
    if result.effect is None or claim.effect is None or claim.decision.rule == "property":
        return []
    return [*_ends(claim, result), *_levels(claim, result)]


def _ends(claim: Claim, result: ClaimResult) -> Iterator[tuple[str, str]]:
    """The nearest bound, if an end of the interval is near it."""
    effect = result.effect
    assert effect is not None
    turn = math.log if effect.scale == "log" else float
    ends = (effect.low, effect.high)
    if not all(map(math.isfinite, ends)) or (effect.scale == "log" and min(ends) <= 0):
        return
    width = turn(effect.high) - turn(effect.low)
    if width <= 0:
        return
    found = [
        (abs(turn(end) - turn(bound)) / width, side, end, bound, name)
        for side, end in zip(("lower", "upper"), ends, strict=True)
        for name, bound in rule_bounds(claim)
        if effect.scale != "log" or bound > 0
    ]
    if not found:
        return
    share, side, end, bound, name = min(found)
    if share > _SHARE:
        return
    yield (
        f"At a bound: the {side} end of the interval, {number(end, 3)}, is {percentage(share)} of "
        f"the interval's width away from {number(bound, 3)} ({name}). Other seeds may give another "
        "verdict.",
        f"{percentage(share)} of the interval's width from the bound {number(bound, 3)}",
    )


def rule_bounds(claim: Claim) -> Iterator[tuple[str, float]]:
    """What the interval of a claim's effect is compared with: name and value, natural scale."""
    assert claim.effect is not None
    decision = claim.decision
    if decision.rule in ("difference", "direction", "two_part", "share"):
        yield null_name(claim.effect, decision.null), null_of(claim.effect, decision.null)
    for name, zone in (
        ("edge of the margin, the smallest effect that matters", margin_zone(claim)),
        ("edge of the tolerance around the documented size", tolerance_zone(claim)),
    ):
        for bound in zone or ():
            yield name, bound


def _levels(claim: Claim, result: ClaimResult) -> Iterator[tuple[str, str]]:
    """Holm-adjusted p that are near the level at which they show something."""
    if not claim.primary or result.looks is not None:
        return
    for what, p in (
        ("a difference", result.p_adjusted),
        ("no difference that matters", result.p_equivalence_adjusted),
    ):
        if _LEVEL / _FACTOR <= p <= _LEVEL * _FACTOR:
            yield (
                f"Near the level: the Holm-adjusted p of {what} is {p_value(p)}, and the level "
                f"{number(_LEVEL)}.",
                f"adjusted p {p_value(p)}, near the level {number(_LEVEL)}",
            )
