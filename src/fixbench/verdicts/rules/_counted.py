"""What the rules that count exact values share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fixbench import statistics
from fixbench.ablation import Claim
from fixbench.verdicts.rules._rule import Problem

if TYPE_CHECKING:
    from fixbench.statistics import EffectEstimate, Proportion

__all__ = ["check_terms", "described"]


def check_terms(claim: Claim) -> Iterator[Problem]:
    """Values that are counted are named one by one: a slope or a factorial has none of its own."""
    if claim.effect is not None and not claim.effect.terms:
        yield Problem("effect", f"terms, not a design, with a {claim.decision.rule!r} rule")


def described(
    found: Proportion,
    *,
    n: int,
    null: float,
    complete_case: float,
    failed: int,
    per_seed: Mapping[int, float],
) -> EffectEstimate:
    """A share as an effect; what only a mean of numbers has is NaN."""
    return statistics.EffectEstimate(
        scale="plain",
        null=null,
        estimate=found.share,
        low=found.low,
        high=found.high,
        confidence=found.confidence,
        n=n,
        n_failed=failed,
        p_value=found.p_value,
        p_bootstrap_t=math.nan,
        bootstrap_low=math.nan,
        bootstrap_high=math.nan,
        complete_case=complete_case,
        standard_deviation=math.nan,
        standardised=math.nan,
        per_seed=per_seed,
    )
