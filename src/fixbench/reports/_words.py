"""Effects, decision rules and verdicts in words, from the ablation file alone."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fixbench.ablation import Claim, Control, Effect, Metric, Precondition, Term
from fixbench.reports._format import number
from fixbench.verdicts import Verdict

__all__ = [
    "VERDICTS",
    "decision_rule",
    "effect_formula",
    "effect_quantity",
    "effect_unit",
    "explanation_rule",
    "is_contrast",
    "margin_zone",
    "null_of",
    "position",
    "requirement",
    "tolerance_zone",
]

#: Every verdict, in the order in which reports list them, with its meaning.
VERDICTS: Mapping[Verdict, str] = {
    "reproduced": "the documented direction is shown and, where a tolerance is declared, "
    "the size as well",
    "holds": "an arithmetic or exact property, true in every seed",
    "direction only": "the documented direction is shown, the documented size is not",
    "confounded": "the documented comparison reproduces, but a control explains it",
    "absent": "shown to be smaller than the smallest effect that matters",
    "reversed": "the opposite direction is shown",
    "does not hold": "an arithmetic or exact property, false in at least one seed",
    "inconclusive": "none of these is shown with this number of seeds",
    "not testable": "the claim cannot be tested here, for the stated reason",
    "withdrawn": "taken out of the ablation file after its results existed",
}


def null_of(effect: Effect, null: float | None) -> float:
    """The value that means "no effect": as declared, else 1 for a ratio and 0 otherwise."""
    return null if null is not None else (1.0 if effect.reported == "log" else 0.0)


def margin_zone(claim: Claim) -> tuple[float, float] | None:
    """The values that count as no effect, on the natural scale."""
    if claim.effect is None or claim.decision.margin is None:
        return None
    return _around(
        null_of(claim.effect, claim.decision.null), claim.decision.margin, claim.effect.reported
    )


def tolerance_zone(claim: Claim) -> tuple[float, float] | None:
    """The values that count as the documented size, on the natural scale."""
    value, tolerance = claim.documented.value, claim.decision.tolerance
    if claim.effect is None or tolerance is None or value is None:
        return None
    return _around(value, tolerance, claim.effect.reported)


def position(at: str | int) -> str:
    """Where in a stage a number is taken."""
    return f"step {at}" if isinstance(at, int) else at


def effect_formula(effect: Effect) -> str:
    """The contrast as a formula over ``metric(variant, stage, position)``."""
    if (slope := effect.slope) is not None:
        response, dose = (
            "log " if scale == "log" else "" for scale in (effect.scale, slope.dose_scale)
        )
        doses = ", ".join(f"{variant} at {number(dose)}" for variant, dose in slope.doses.items())
        return (
            f"slope of {response}{slope.metric}(·, {slope.stage}, {position(slope.at)}) over "
            f"{dose}{slope.over or 'dose'} ({doses})"
        )
    if (design := effect.factorial) is not None:
        kind = "main effect" if len(design.of) == 1 else "interaction"
        cells = ", ".join(f"{variant} {signs}" for variant, signs in design.cells.items())
        response = "log " if effect.scale == "log" else ""
        return (
            f"{kind} of {' × '.join(design.of)} on {response}{design.metric}(·, {design.stage}, "
            f"{position(design.at)}), signs of {', '.join(design.factors)}: {cells}"
        )
    if effect.reported == "plain":
        text = ""
        for term in effect.weighted:
            sign = "−" if term.weight < 0 else "+"
            factor = "" if abs(term.weight) == 1 else f"{number(abs(term.weight))} · "
            text += f" {sign} {factor}{_cell(term)}"
        text = text.removeprefix(" + ")
        return f"−{text.removeprefix(' − ')}" if text.startswith(" − ") else text
    above, below = (
        [_power(term) for term in effect.weighted if term.weight * sign > 0] for sign in (1, -1)
    )
    numerator = " · ".join(above) or "1"
    if not below:
        return numerator
    denominator = " · ".join(below)
    return f"{numerator} ÷ {denominator if len(below) == 1 else f'({denominator})'}"


def effect_unit(effect: Effect, metrics: Mapping[str, Metric]) -> str:
    """``ratio`` on the log scale, else the terms' common unit (empty for a pure number)."""
    if (slope := effect.slope) is not None:
        if effect.scale == slope.dose_scale == "log":
            return "exponent"
        unit = "log" if effect.scale == "log" else metrics[slope.metric].unit
        per = "per e-fold" if slope.dose_scale == "log" else "per unit"
        return per if unit == "1" else f"{unit} {per}"
    if effect.reported == "log":
        return "ratio"
    units = {metrics[term.metric].unit for term in effect.weighted}
    return " / ".join(sorted(units)) if units != {"1"} else ""


def effect_quantity(effect: Effect, metrics: Mapping[str, Metric]) -> str:
    """What an axis of the effect shows: ``ratio``, or the metrics and their unit."""
    unit = effect_unit(effect, metrics)
    if effect.reported == "log":
        return unit
    if effect.slope is not None:
        return f"slope of {effect.slope.metric} in {unit}"
    names = " / ".join(sorted({term.metric for term in effect.weighted}))
    return f"{names} in {unit}" if unit else names


def is_contrast(effect: Effect) -> bool:
    """Whether the effect compares: of a mere level, "no effect" has no meaning."""
    return math.isclose(sum(term.weight for term in effect.weighted), 0, abs_tol=1e-9)


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
    unadjusted = [] if claim.primary else ["Outside the primary family: p is not adjusted."]
    unadjusted *= not looks
    conditions = "; ".join(f"{item.name}: {requirement(item)}" for item in claim.preconditions)
    required = [
        f"Judged only where the {percent} % interval of each precondition is as required "
        f"({conditions}); otherwise not testable."
    ] * bool(conditions)
    if decision.rule == "property":
        return [
            "An exact property: it holds when every value of every successful run is 1. One other "
            "value refutes it; a failed run leaves it open."
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
        return [
            *required,
            "A property of each seed: it holds in a seed when every value is 1, and a failed run "
            f"counts as if it {'did not' if side == 'above' else 'did'}.",
            f"The documented direction is shown by a share of seeds {side} {null} (exact binomial "
            f"test, {p}), the opposite direction by one on the other side.",
            size,
            *unadjusted,
        ]
    assert zone is not None  # the remaining rules declare a margin
    equivalent = f"{_between(zone)} is shown (two one-sided tests, {p}; never where a run failed)"
    if decision.rule == "no_difference":
        return [
            *required,
            f"The document asserts no effect. Reproduced when {article} {name} {equivalent}.",
            f"Reversed when the {name} differs from {null} ({p}) and its whole {percent} % "
            "interval lies beyond that zone on one side.",
            *unadjusted,
        ]
    if decision.rule == "not_worse":
        bound, worse = (zone[0], "below") if side == "above" else (zone[1], "above")
        return [
            *required,
            f"The document asserts nothing worse; better is {side} {null}. Reproduced when "
            f"{article} {name} {side} {number(bound, 3)} is shown (non-inferiority, {p}; never "
            "where a run failed).",
            f"Reversed when the {name} differs from {null} ({p}) and its whole {percent} % "
            f"interval lies {worse} {number(bound, 3)}.",
            *unadjusted,
        ]
    return [
        *required,
        f"Absent when {article} {name} {equivalent}.",
        f"Otherwise the documented direction is shown by {article} {name} {side} {null} ({p}), the "
        "opposite direction by one on the other side.",
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


def _around(centre: float, width: float, scale: str) -> tuple[float, float]:
    if scale == "log":
        return centre / width, centre * width
    return centre - width, centre + width


def _between(zone: tuple[float, float]) -> str:
    return f"between {number(zone[0], 3)} and {number(zone[1], 3)}"


def _cell(term: Term) -> str:
    return f"{term.metric}({term.variant}, {term.stage}, {position(term.at)})"


def _power(term: Term) -> str:
    exponent = abs(term.weight)
    return _cell(term) + ("" if math.isclose(exponent, 1) else f"^{number(exponent)}")
