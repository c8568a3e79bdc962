"""The figure of a claim: its effect, preconditions and controls, seed by seed."""

from __future__ import annotations

from fixbench.ablation import Claim
from fixbench.reports import figures
from fixbench.reports._format import number
from fixbench.reports._judging import ClaimResult
from fixbench.reports._strips import claim_strip, named_zones
from fixbench.reports._views import FigureView, bounds, drawable
from fixbench.reports.sections.claims._controls import matched

__all__ = ["claim_figure"]


def claim_figure(name: str, claim: Claim, result: ClaimResult) -> FigureView | None:
    """The figure; ``None`` for an exact property, or where there is nothing to draw."""
    estimate = result.effect
    if estimate is None or not drawable(estimate) or claim.decision.rule == "property":
        return None
    items = [claim_strip(claim, result, f"{claim.id}: the documented comparison")]
    items += [
        figures.Strip(
            label=f"Precondition: {required.name}",
            estimate=required.effect,
            required=(declared.above, declared.below),
        )
        for declared, required in matched(claim.preconditions, result.preconditions)
        if required.effect is not None and drawable(required.effect)
    ]
    items += [
        figures.Strip(
            label=f"Control: {rival.name}",
            estimate=rival.effect,
            explains=(control.explains_above, control.explains_below),
        )
        for control, rival in matched(claim.controls, result.controls)
        if rival.effect is not None and drawable(rival.effect)
    ]
    shown = [f"{item.label}: {' '.join(bounds(item.estimate))}" for item in items]
    percent = number(100 * estimate.confidence, 3)
    return FigureView(
        svg=figures.strips(f"{name}-{claim.id}", items),
        caption=f"Small dots: one paired seed each; large dot and bar: mean and {percent} % "
        f"interval; dashed line: no effect{named_zones(items)}.",
        alternative=f"Per-seed effects of claim {claim.id}. {'; '.join(shown)}.",
    )
