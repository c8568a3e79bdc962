"""Effects of claims as strips of a figure, and the caption's words for the marks in them."""

from __future__ import annotations

from collections.abc import Sequence

from fixbench.ablation import Ablation, Claim
from fixbench.reports._effects import better_side, margin_zone, null_name, tolerance_zone
from fixbench.reports._judging import ClaimResult
from fixbench.reports._views import drawable
from fixbench.reports.figures import Strip

__all__ = ["claim_strip", "is_drawn", "named_mean", "named_null", "named_zones"]


def claim_strip(
    claim: Claim,
    result: ClaimResult,
    label: str,
    *,
    quantity: str = "",
    ablation: Ablation | None = None,
) -> Strip:
    """The measured effect of a claim with its zones and its documented value.

    Args:
        ablation: names the better side of the axis; without it no side is named.
    """
    assert result.effect is not None
    assert claim.effect is not None
    share = claim.decision.rule == "share"
    return Strip(
        label=label,
        estimate=result.effect,
        documented=result.documented_value,
        margin=margin_zone(claim),
        target=tolerance_zone(claim),
        quantity=quantity,
        null_name=null_name(claim.effect, claim.decision.null),
        better="" if ablation is None or share else better_side(claim.effect, ablation),
    )


def is_drawn(claim: Claim | None, result: ClaimResult) -> bool:
    """Whether figures show the claim: its effect has a number, which is no exact property."""
    return (
        claim is not None
        and claim.effect is not None
        and claim.decision.rule != "property"
        and result.effect is not None
        and drawable(result.effect)
    )


def named_null(items: Sequence[Strip]) -> str:
    """What dashed lines stand for: no effect, unless a strip names something else."""
    others = {item.null_name: item.label.split()[0] for item in items}
    usual = "no effect" in others
    others.pop("no effect", None)
    if not others:
        return "dashed line: no effect"
    listed = ", ".join(f"{name} ({label})" for name, label in others.items())
    return f"dashed line: {'no effect, or ' if usual else ''}{listed}"


def named_mean(items: Sequence[Strip]) -> str:
    """The mean that is drawn: the geometric one on a log axis."""
    kinds = {item.logarithmic for item in items}
    if kinds == {True}:
        return "geometric mean"
    return "mean (geometric mean on a log axis)" if True in kinds else "mean"


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
