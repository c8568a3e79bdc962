"""What a tier measures of a claim, and whether the results have it.

A tier may leave variants out, or measure only a part of their runs. That is its design. What it
planned and the results lack is a fault.
"""

from __future__ import annotations

from fixbench.ablation import Ablation, Claim, Effect, Term
from fixbench.errors import InputError
from fixbench.verdicts._measurements import Measurements

__all__ = ["missing_variants", "not_measured", "refuse_missing"]


def refuse_missing(ablation: Ablation, tier: str, results: Measurements) -> None:
    """Refuse results that lack a run which the tier planned and a claim rests on.

    Raises:
        InputError: a variant has no rows, or lacks seeds that other variants have.
    """
    planned = ablation.at(tier).variants
    for claim in ablation.claims:
        for key, effect in claim.effects():
            for variant in {term.variant: None for term in effect.weighted}:
                missing = sorted(results.seeds - results.seeds_of(variant))
                if variant not in planned or not missing:
                    continue
                raise InputError(
                    results.file_of(variant),
                    f"variant {variant!r}: seed",
                    sorted(results.seeds_of(variant)),
                    expected=f"every seed of the run; {missing} are missing, which claim "
                    f"{claim.id} needs ({key}). Tier {tier!r} plans them: run them, or record them "
                    "as failed",
                )


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
    """The effect's variants that the tier leaves out, or of which it measures something else.

    Raises:
        InputError: a variant lacks what another, of which the tier measures no more, has.
    """
    in_tier = ablation.at(tier)

    def left_out(term: Term) -> bool:
        if term.variant not in in_tier.variants:
            return True
        parts = in_tier.measured(term.variant)
        if parts is None or results.measures(term):
            return False
        for peer in in_tier.variants:
            fewer = in_tier.measured(peer)
            same = term.model_copy(update={"variant": peer})
            if fewer is None or not set(fewer) <= set(parts) or not results.recorded(same):
                continue
            raise InputError(
                results.file_of(term.variant),
                f"variant {term.variant!r}: metric",
                term.metric,
                expected=f"rows of it in stage {term.stage!r}, as variant {peer!r} has them, of "
                f"which tier {tier!r} measures no more; the run lost them: run it again",
            )
        return True

    return sorted({term.variant for term in effect.weighted if left_out(term)})
