"""What each arm of an effect reached by itself: described, not tested."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fixbench.ablation import Claim
from fixbench.verdicts._measurements import Measurements

__all__ = ["ArmLevel", "arm_levels"]

#: Of an effect of more terms, such as a slope or an interaction, no single arm says much.
_MOST = 8


@dataclass(frozen=True, kw_only=True)
class ArmLevel:
    """A number of one variant, over the runs that have it; failed ones are not imputed.

    Attributes:
        variant, metric, stage, at: as in the term of the effect.
        mean: over runs, of the values as they are (not of logarithms).
        standard_deviation: of the runs, with n − 1; NaN of one.
        n: runs that entered; n_lacking: those that failed, or whose value is undefined.
    """

    variant: str
    metric: str
    stage: str
    at: str | int
    mean: float
    standard_deviation: float
    n: int
    n_lacking: int


def arm_levels(claim: Claim, results: Measurements) -> tuple[ArmLevel, ...]:
    """One for each number that the claim's effect adds up, in that order.

    None of an exact property, of a share of seeds, and of an effect of more than eight terms.
    """
    if claim.effect is None or claim.decision.rule in ("property", "share"):
        return ()
    terms = {(t.variant, t.metric, t.stage, t.at): t for t in claim.effect.weighted}
    if len(terms) > _MOST:
        return ()
    levels = []
    for term in terms.values():
        values = list(results.values_of(term).values())
        if not values:
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(np.mean(values))
            deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        levels.append(
            ArmLevel(
                variant=term.variant,
                metric=term.metric,
                stage=term.stage,
                at=term.at,
                mean=mean,
                standard_deviation=deviation,
                n=len(values),
                n_lacking=len(results.seeds_of(term.variant)) - len(values),
            )
        )
    return tuple(levels)
