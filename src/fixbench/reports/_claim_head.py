"""What every table and the LaTeX numbers say of a claim."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fixbench.ablation import Claim
from fixbench.reports._claim_fields import is_share, share_of
from fixbench.reports._format import MISSING, p_value, percentage
from fixbench.reports._inputs import Inputs
from fixbench.reports._judging import ClaimResult
from fixbench.reports._views import Measured, measured, measured_effect

__all__ = ["ClaimHead", "claim_head", "claim_heads", "verdict_slug", "withdrawn_head"]


@dataclass(frozen=True, kw_only=True)
class ClaimHead:
    """A claim, what was measured, and its verdict, in print.

    Attributes:
        worst: how often the least certain thing that the verdict says of a mean is wrong, at the
            worst calibrated shape of seeds.
        holm_m: over how many claims Holm adjusts its p; empty where it does not.
    """

    id: str
    label: str | None
    statement: str
    documented: str
    measured: Measured
    p_adjusted: str
    holm_m: str
    worst: str
    verdict: str
    slug: str
    reason: str
    edited: bool


def claim_heads(inputs: Inputs) -> list[ClaimHead]:
    """All claims in order, the withdrawn ones last."""
    return [claim_head(inputs, claim, result) for claim, result in inputs.judged] + [
        withdrawn_head(result) for result in inputs.withdrawn
    ]


def claim_head(inputs: Inputs, claim: Claim, result: ClaimResult) -> ClaimHead:
    """A claim of the ablation."""
    found = measured_effect(result.effect, claim.effect, inputs.ablation)
    if is_share(claim):
        found = measured(result.effect, share_of(claim))
        if claim.decision.rule == "property" and result.effect is not None:
            found = replace(found, value=percentage(result.effect.estimate))
    return _head(result, found, p_value(result.p_adjusted), edited=result.edited)


def withdrawn_head(result: ClaimResult) -> ClaimHead:
    """A claim that the ablation no longer has: nothing is measured for it."""
    nothing = measured(None, "")
    return _head(result, nothing, nothing.p, edited=False)


def verdict_slug(verdict: str) -> str:
    """The verdict as the name of a style."""
    return verdict.replace(" ", "-")


def _head(result: ClaimResult, found: Measured, p_adjusted: str, *, edited: bool) -> ClaimHead:
    return ClaimHead(
        id=result.id,
        label=result.label,
        statement=result.statement,
        documented=result.documented,
        measured=found,
        p_adjusted=p_adjusted,
        holm_m=_holm_m(result),
        worst=percentage(max(item.rate for item in result.worst)) if result.worst else MISSING,
        verdict=result.verdict,
        slug=verdict_slug(result.verdict),
        reason=result.reason,
        edited=edited,
    )


def _holm_m(result: ClaimResult) -> str:
    if result.p_adjusted != result.p_adjusted or result.ruling is None:
        return ""
    evidence = result.ruling.evidence.get("different")
    return str(evidence.family) if evidence is not None and evidence.family else ""
