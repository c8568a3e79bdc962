"""What a tier measures of a claim.

A tier may leave variants out, or measure only a part of their runs.
"""

from __future__ import annotations

from fixbench.ablation import Ablation, Claim, Effect, Term
from fixbench.verdicts._measurements import Measurements

__all__ = ["missing_variants", "not_measured"]


def not_measured(ablation: Ablation, claim: Claim, tier: str, results: Measurements) -> list[str]:
    """The variants that keep the claim from being judged: of its effect or of a precondition."""
    needed = [claim.effect] if claim.effect is not None else []
    needed += [precondition.effect for precondition in claim.preconditions]
    found = {
        name for effect in needed for name in missing_variants(ablation, effect, tier, results)
    }
    return sorted(found)


def missing_variants(
    ablation: Ablation, effect: Effect, tier: str, results: Measurements
) -> list[str]:
    """The effect's variants that the tier leaves out, or of which it measures something else."""
    in_tier = ablation.at(tier)

    def left_out(term: Term) -> bool:
        if term.variant not in in_tier.variants:
            return True
        return in_tier.measured(term.variant) is not None and not results.measures(term)

    return sorted({term.variant for term in effect.weighted if left_out(term)})
