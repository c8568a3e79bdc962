"""Effects of claims as strips of a figure, and the caption's words for the marks in them."""

from __future__ import annotations

from collections.abc import Sequence

from fixbench.ablation import Claim
from fixbench.reports._effects import margin_zone, tolerance_zone
from fixbench.reports._judging import ClaimResult
from fixbench.reports.figures import Strip

__all__ = ["claim_strip", "named_zones"]


def claim_strip(claim: Claim, result: ClaimResult, label: str, *, quantity: str = "") -> Strip:
    """The measured effect of a claim with its zones and its documented value."""
    assert result.effect is not None
    return Strip(
        label=label,
        estimate=result.effect,
        documented=result.documented_value,
        margin=margin_zone(claim),
        target=tolerance_zone(claim),
        quantity=quantity,
    )


def named_zones(items: Sequence[Strip]) -> str:
    """The part of a caption that names the marks which are there."""
    text = ""
    if any(item.documented is not None for item in items):
        text += "; open diamond: documented value"
    if any(item.margin for item in items):
        text += "; grey zone: too small to matter"
    if any(item.target for item in items):
        text += "; yellow zone: counts as the documented size"
    if any(item.explains != (None, None) for item in items):
        text += (
            "; blue zone: a control with its whole interval inside explains the comparison, one "
            "with its whole interval outside is ruled out, any other is open"
        )
    if any(item.required != (None, None) for item in items):
        text += (
            "; green zone: a precondition with its whole interval inside is met, one with its "
            "whole interval outside is not met, any other is open"
        )
    return text
