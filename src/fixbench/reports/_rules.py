"""Verdicts and decision rules in words, from the declared claims alone."""

from __future__ import annotations

from collections.abc import Mapping

from fixbench.ablation import Claim, Control, Precondition
from fixbench.reports._effects import margin_zone, null_of, tolerance_zone
from fixbench.reports._format import number
from fixbench.reports._judging import Verdict

__all__ = ["VERDICTS", "decision_rule", "explanation_rule", "requirement"]

#: Every verdict, in the order in which reports list them, with its meaning.
VERDICTS: Mapping[Verdict, str] = {
    "reproduced": "the documented direction is shown and, where a tolerance is declared, so is the "
    "documented size",
    "holds": "an arithmetic or exact property, true in every seed",
    "direction only": "the documented direction is shown, the documented size is not",
    "confounded": "the documented comparison reproduces, but a control explains it",
    "absent": "shown to be smaller than the smallest effect that matters",
    "reversed": "the opposite direction is shown",
    "does not hold": "an arithmetic or exact property, false in at least one seed",
    "inconclusive": "none of these is shown with this number of seeds",
    "not testable": "the claim cannot be tested here, for the stated reason",
    "withdrawn": "taken out of the ablation's claims after its results existed",
}


def decision_rule(claim: Claim, confidence: float, *, looks: bool = False) -> list[str]:
    """The rule that judges the claim, one sentence an entry, in the order of its decision.

    Args:
        looks: seeds were added until a verdict, and ``confidence`` is that of the last look.
    """
    decision, effect = claim.decision, claim.effect
    if effect is None:
        return [f"Not tested: {(decision.reason or '').rstrip('.')}."]
    null = number(null_of(effect, decision.null))
    article, name = ("a", "ratio") if effect.reported == "log" else ("an", "effect")
    alpha = number(1 - confidence, 2)
    p = f"{'Holm-adjusted ' if claim.primary else ''}p < {alpha}"
    if looks:
        p = "p no larger than the level of a look"
        p += ", by Holm's steps" if claim.primary else ""
    percent = number(100 * confidence, 3)
    unadjusted = (
        []
        if claim.primary
        else ["The claim is outside the primary family, so that its p is not adjusted."]
    )
    unadjusted *= not looks
    conditions = "; ".join(f"{item.name}: {requirement(item)}" for item in claim.preconditions)
    required = [
        f"The claim is judged only where the {percent} % interval of each precondition is as "
        f"required ({conditions}); otherwise it is not testable."
    ] * bool(conditions)
    if decision.rule == "property":
        return [
            "The claim is an exact property. It holds when every value of every successful run is "
            "1. One other value refutes it; a failed run leaves it open."
        ]
    zone, target = margin_zone(claim), tolerance_zone(claim)
    side = "above" if decision.direction == "greater" else "below"
    if target:
        size = (
            f"The documented size is shown when the {percent} % interval lies {_between(target)}"
            f"{'.' if decision.rule == 'share' else ' and no run failed.'}"
        )
    elif decision.tolerance is not None:
        size = "The document gives no number, so its size cannot be reproduced."
    else:
        size = "No tolerance is declared, so the size is not judged."
    if decision.rule == "share":
        failed = "does not hold" if side == "above" else "holds"
        return [
            *required,
            "The claim is a property of each seed. It holds in a seed when every value is 1; a "
            f"failed run counts as a seed in which it {failed}.",
            f"A share of seeds {side} {null} shows the documented direction (exact binomial test, "
            f"{p}); a share on the other side shows the opposite direction.",
            size,
            *unadjusted,
        ]
    assert zone is not None  # the remaining rules declare a margin
    equivalent = f"{_between(zone)} is shown (two one-sided tests, {p}; never where a run failed)"
    if decision.rule == "no_difference":
        return [
            *required,
            "The document asserts no effect. The claim is reproduced when "
            f"{article} {name} {equivalent}.",
            f"It is reversed when the {name} differs from {null} ({p}) and its whole {percent} % "
            "interval lies beyond that zone on one side.",
            *unadjusted,
        ]
    if decision.rule == "not_worse":
        bound, worse = (zone[0], "below") if side == "above" else (zone[1], "above")
        return [
            *required,
            f"The document asserts that nothing gets worse; values {side} {null} are better. The "
            f"claim is reproduced when {article} {name} {side} {number(bound, 3)} is shown "
            f"(non-inferiority, {p}; never where a run failed).",
            f"It is reversed when the {name} differs from {null} ({p}) and its whole {percent} % "
            f"interval lies {worse} {number(bound, 3)}.",
            *unadjusted,
        ]
    return [
        *required,
        f"The claim is absent when {article} {name} {equivalent}.",
        f"Otherwise {article} {name} {side} {null} ({p}) shows the documented direction, and "
        "one on the other side the opposite direction.",
        size,
        *unadjusted,
    ]


def explanation_rule(control: Control) -> str:
    """When a control explains the documented comparison."""
    return _interval_rule(control.explains_above, control.explains_below) or "decides nothing"


def requirement(precondition: Precondition) -> str:
    """When a precondition is met."""
    return _interval_rule(precondition.above, precondition.below)


def _interval_rule(above: float | None, below: float | None) -> str:
    if above is not None and below is not None:
        return f"interval within {number(above)} to {number(below)}"
    if above is not None:
        return f"interval above {number(above)}"
    return f"interval below {number(below)}" if below is not None else ""


def _between(zone: tuple[float, float]) -> str:
    return f"between {number(zone[0], 3)} and {number(zone[1], 3)}"
