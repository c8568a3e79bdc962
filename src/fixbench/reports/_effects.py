"""Effects in words: formula, unit, axis, and the zones of their values."""

from __future__ import annotations

import math
from collections.abc import Callable

from fixbench.ablation import Ablation, Claim, Effect, Term
from fixbench.reports._arm_names import arm_names, position
from fixbench.reports._format import number
from fixbench.reports._metrics import metric_label, metric_of

__all__ = [
    "better_side",
    "contrast_text",
    "effect_axis",
    "effect_formula",
    "effect_quantity",
    "effect_unit",
    "is_contrast",
    "margin_zone",
    "mean_of",
    "null_name",
    "null_of",
    "position",
    "tolerance_zone",
]


def null_of(effect: Effect, null: float | None) -> float:
    """The value that means "no effect": as declared, else 1 for a ratio and 0 otherwise."""
    return null if null is not None else (1.0 if effect.reported == "log" else 0.0)


def null_name(effect: Effect, null: float | None = None) -> str:
    """What the value that the effect is compared with stands for.

    A contrast that is compared with nothing else has "no effect" there. A declared ``null`` is a
    threshold that the claim asks for, or the level that it states.
    """
    usual = null_of(effect, None)
    if null is not None and null != usual:
        return f"required threshold {number(null)}" if is_contrast(effect) else _level(null)
    if is_contrast(effect):
        return "no effect"
    return _level(usual if null is None else null)


def _level(value: float) -> str:
    return f"reference level {number(value)}"


def mean_of(scale: str) -> str:
    """The mean that an effect on ``scale`` is."""
    return "geometric mean" if scale == "log" else "mean"


def better_side(effect: Effect, ablation: Ablation) -> str:
    """The side on which the first variant does better: ``left``, ``right`` or empty.

    Empty where that has no plain meaning: of a slope, a design, or more than two terms.
    """
    terms = list(effect.weighted)
    if effect.slope is not None or effect.factorial is not None or len(terms) > 2:
        return ""
    if max(terms, key=lambda term: term.weight).weight <= 0:
        return ""
    better = {metric_of(ablation, term.metric).better for term in terms}
    return {"higher": "right", "lower": "left"}.get(better.pop(), "") if len(better) == 1 else ""


def effect_axis(effect: Effect, ablation: Ablation) -> str:
    """The label of an axis that shows one effect: what, in which unit, which mean over seeds."""
    text = metric_label(ablation, (term.metric for term in effect.weighted))
    unit = effect_unit(effect, ablation)
    if effect.slope is not None:
        text += f": slope in {unit}"
    elif effect.reported == "log":
        text += ": ratio" if is_contrast(effect) else ""
    else:
        text += ": difference" if is_contrast(effect) else ""
        text += f", in {unit}" if unit else ""
    return f"{text}, {mean_of(effect.reported)} over seeds"


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
    return _combined(effect, _cell)


def contrast_text(effect: Effect) -> str:
    """What is set against what, in variants: ``b − a``, ``b ÷ a``.

    Metric, stage and step stand behind a variant where the terms differ in them. Of a slope or a
    design its own words.
    """
    if (slope := effect.slope) is not None:
        return f"slope over {slope.over or 'dose'} ({', '.join(slope.doses)})"
    if (design := effect.factorial) is not None:
        kind = "main effect" if len(design.of) == 1 else "interaction"
        return f"{kind} of {' × '.join(design.of)} ({', '.join(design.cells)})"
    terms = effect.weighted
    names = dict(zip(map(_place, terms), arm_names(terms), strict=True))
    return _combined(effect, lambda term: names[_place(term)])


def _place(term: Term) -> tuple[str, str, str, str | int]:
    return term.variant, term.metric, term.stage, term.at


def _combined(effect: Effect, named: Callable[[Term], str]) -> str:
    """The terms with their weights: a sum, or on the log scale a quotient."""
    if effect.reported == "plain":
        text = ""
        for term in effect.weighted:
            sign = "−" if term.weight < 0 else "+"
            factor = "" if abs(term.weight) == 1 else f"{number(abs(term.weight))} · "
            text += f" {sign} {factor}{named(term)}"
        text = text.removeprefix(" + ")
        return f"−{text.removeprefix(' − ')}" if text.startswith(" − ") else text

    def power(term: Term) -> str:
        exponent = abs(term.weight)
        return named(term) + ("" if math.isclose(exponent, 1) else f"^{number(exponent)}")

    above, below = (
        [power(term) for term in effect.weighted if term.weight * sign > 0] for sign in (1, -1)
    )
    numerator = " · ".join(above) or "1"
    if not below:
        return numerator
    denominator = " · ".join(below)
    return f"{numerator} ÷ {denominator if len(below) == 1 else f'({denominator})'}"


def effect_unit(effect: Effect, ablation: Ablation) -> str:
    """``ratio`` on the log scale, else the terms' common unit (empty for a pure number)."""
    if (slope := effect.slope) is not None:
        if effect.scale == slope.dose_scale == "log":
            return "exponent"
        unit = "log" if effect.scale == "log" else metric_of(ablation, slope.metric).unit
        per = "per e-fold" if slope.dose_scale == "log" else "per unit"
        return per if unit == "1" else f"{unit} {per}"
    if effect.reported == "log":
        return "ratio"
    units = {metric_of(ablation, term.metric).unit for term in effect.weighted}
    return " / ".join(sorted(units)) if units != {"1"} else ""


def effect_quantity(effect: Effect, ablation: Ablation) -> str:
    """What an axis of the effect shows: ``ratio``, or the metrics and their unit."""
    unit = effect_unit(effect, ablation)
    if effect.reported == "log":
        return unit
    text = metric_label(ablation, (term.metric for term in effect.weighted))
    if effect.slope is not None:
        return f"{text}: slope in {unit}"
    text += ": difference" if is_contrast(effect) else ""
    return f"{text}, in {unit}" if unit else text


def is_contrast(effect: Effect) -> bool:
    """Whether the effect compares: of a mere level, "no effect" has no meaning."""
    return math.isclose(sum(term.weight for term in effect.weighted), 0, abs_tol=1e-9)


def _around(centre: float, width: float, scale: str) -> tuple[float, float]:
    if scale == "log":
        return centre / width, centre * width
    return centre - width, centre + width


def _cell(term: Term) -> str:
    return f"{term.metric}({term.variant}, {term.stage}, {position(term.at)})"
