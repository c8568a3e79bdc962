"""Preconditions, controls and supporting measurements of a claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from fixbench.ablation import Ablation, Claim, Control, Precondition
from fixbench.reports._effects import effect_formula, is_contrast
from fixbench.reports._format import MISSING, p_value
from fixbench.reports._judging import ClaimResult, ControlResult, PreconditionResult
from fixbench.reports._rules import explanation_rule, requirement
from fixbench.reports._views import Measured, measured_effect

__all__ = [
    "ControlView",
    "PreconditionView",
    "control_views",
    "matched",
    "precondition_views",
    "supporting_views",
]

Declared = TypeVar("Declared", Control, Precondition)
Found = TypeVar("Found", ControlResult, PreconditionResult)


@dataclass(frozen=True, kw_only=True)
class PreconditionView:
    """A precondition in print."""

    name: str
    meaning: str
    formula: str
    measured: Measured
    required: str
    met: str


@dataclass(frozen=True, kw_only=True)
class ControlView:
    """A control or supporting measurement in print."""

    name: str
    meaning: str
    formula: str
    measured: Measured
    rule: str
    explains: str


def matched(
    declared: Sequence[Declared], measured: Sequence[Found]
) -> list[tuple[Declared, Found]]:
    """What was measured with its declaration, by name: a tier need not measure all."""
    by_name = {item.name: item for item in declared}
    return [(by_name[result.name], result) for result in measured]


def precondition_views(
    ablation: Ablation, claim: Claim, result: ClaimResult
) -> list[PreconditionView]:
    """The preconditions that were measured."""
    return [
        PreconditionView(
            name=found.name,
            meaning=found.meaning,
            formula=effect_formula(declared.effect),
            measured=measured_effect(found.effect, declared.effect, ablation),
            required=requirement(declared),
            met=_state(found),
        )
        for declared, found in matched(claim.preconditions, result.preconditions)
    ]


def control_views(ablation: Ablation, claim: Claim, result: ClaimResult) -> list[ControlView]:
    """The controls that were measured."""
    return [
        _control(ablation, *pair, result.verdict)
        for pair in matched(claim.controls, result.controls)
    ]


def supporting_views(ablation: Ablation, claim: Claim, result: ClaimResult) -> list[ControlView]:
    """The supporting measurements that were made."""
    return [
        _control(ablation, *pair, result.verdict)
        for pair in matched(claim.supporting, result.supporting)
    ]


def _control(
    ablation: Ablation, control: Control, result: ControlResult, verdict: str
) -> ControlView:
    """A control explains a comparison that is shown; of any other it would have."""
    state = _state(result)
    if result.state == "explains" and verdict != "confounded":
        state = f"would explain{state.removeprefix('explains')}"
    found = measured_effect(result.effect, control.effect, ablation)
    return ControlView(
        name=result.name,
        meaning=result.meaning,
        formula=effect_formula(control.effect),
        measured=found if is_contrast(control.effect) else replace(found, p=MISSING),
        rule=explanation_rule(control),
        explains=state,
    )


def _state(found: ControlResult | PreconditionResult) -> str:
    """Its state, with the p that shows it, or the seeds that would decide it."""
    if found.state is None:
        return MISSING
    if found.state == "open":
        if found.effect is None:
            return "open (not measured)"
        needed = "" if found.seeds_needed is None else f" (about {found.seeds_needed} seeds)"
        return f"open{needed}"
    if isinstance(found, ControlResult):
        p = found.p_explains if found.state == "explains" else found.p_ruled_out
    else:
        p = found.p_met if found.state == "met" else found.p_unmet
    return found.state if math.isnan(p) else f"{found.state} (p {p_value(p)})"
