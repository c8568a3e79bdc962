"""The figure of a claim: its effect, preconditions and controls, seed by seed."""

from __future__ import annotations

from dataclasses import replace

from fixbench.ablation import Claim, Effect
from fixbench.reports import figures
from fixbench.reports._effects import better_side, effect_axis, null_name
from fixbench.reports._format import number
from fixbench.reports._inputs import Inputs
from fixbench.reports._judging import ClaimResult, ControlResult
from fixbench.reports._strips import claim_strip, named_mean, named_zones
from fixbench.reports._views import FigureView, bounds, drawable
from fixbench.reports.sections.claims._controls import matched

__all__ = ["claim_figure"]


def claim_figure(inputs: Inputs, claim: Claim, result: ClaimResult) -> FigureView | None:
    """The figure; ``None`` for an exact property, or where there is nothing to draw."""
    estimate = result.effect
    if estimate is None or not drawable(estimate) or claim.decision.rule == "property":
        return None
    assert claim.effect is not None
    axis = effect_axis(claim.effect, inputs.ablation)
    if claim.decision.rule == "share":
        axis = "share of seeds"
    label = f"{claim.id} {claim.label or 'the documented comparison'}: {result.verdict}"
    items = [claim_strip(claim, result, label, quantity=axis, ablation=inputs.ablation)]
    items += [
        _named(
            inputs,
            declared.effect,
            figures.Strip(
                label=f"Precondition: {required.name}: {required.state}",
                estimate=required.effect,
                required=(declared.above, declared.below),
            ),
        )
        for declared, required in matched(claim.preconditions, result.preconditions)
        if required.effect is not None and drawable(required.effect)
    ]
    items += [
        _named(
            inputs,
            control.effect,
            figures.Strip(
                label=f"Control: {rival.name}{_state(rival, result)}",
                estimate=rival.effect,
                explains=(control.explains_above, control.explains_below),
            ),
        )
        for control, rival in matched(claim.controls, result.controls)
        if rival.effect is not None and drawable(rival.effect)
    ]
    shown = [f"{item.label}: {' '.join(bounds(item.estimate))}" for item in items]
    percent = number(100 * estimate.confidence, 3)
    marks = f"large dot and bar: {named_mean(items)} and {percent} % interval"
    if not estimate.arms:
        marks = f"small dots: one paired seed each; {marks}"
    what = "Effect" if estimate.arms else "Per-seed effects"
    return FigureView(
        svg=figures.strips(f"{inputs.name}-{claim.id}", items),
        caption=f"{marks[0].upper()}{marks[1:]}; dashed line: what stands beside it"
        f"{named_zones(items)}.",
        alternative=f"{what} of claim {claim.id}. {'; '.join(shown)}.",
    )


def _state(rival: ControlResult, result: ClaimResult) -> str:
    """As in the table of controls: of a comparison that is not shown, it would explain it."""
    if rival.state is None:
        return ""
    would = rival.state == "explains" and result.verdict != "confounded"
    return ": would explain" if would else f": {rival.state}"


def _named(inputs: Inputs, effect: Effect, item: figures.Strip) -> figures.Strip:
    """The strip with the words of its axis."""
    return replace(
        item,
        quantity=effect_axis(effect, inputs.ablation),
        null_name=null_name(effect),
        better=better_side(effect, inputs.ablation),
    )
