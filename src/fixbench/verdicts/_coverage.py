"""What a tier measures of a claim, and whether the results have it.

A tier may leave variants out, or measure only a part of their runs. That is its design. What it
planned and the results lack is a fault.
"""

from __future__ import annotations

from fixbench.ablation import Ablation, Claim, Effect, Term
from fixbench.errors import InputError
from fixbench.verdicts._measurements import Measurements

__all__ = ["missing_variants", "not_measured", "refuse_missing"]


def refuse_missing(ablation: Ablation, name: str, tier: str, results: Measurements) -> None:
    """Refuse results that lack a measurement which the tier planned and a claim rests on.

    Args:
        name: of the ablation, for the message.

    Raises:
        InputError: a variant has no rows, or lacks seeds that other variants have; or a run that
            succeeded lacks a metric.
    """
    if ablation.results is not None:
        return  # results that were given were planned by nobody that we know of
    planned = ablation.at(tier).variants
    for claim in ablation.claims:
        for key, effect in claim.effects():
            where = f"{name}, claim {claim.id} ({key})"
            for variant in {term.variant: None for term in effect.weighted}:
                missing = sorted(results.seeds - results.seeds_of(variant))
                if variant not in planned or not missing:
                    continue
                raise InputError(
                    results.file_of(variant),
                    f"{where}: seed of variant {variant!r}",
                    sorted(results.seeds_of(variant)),
                    expected=f"every seed of the run; {missing} are missing. Tier {tier!r} plans "
                    "them: run them, or record them as failed",
                )
            if missing_variants(ablation, effect, tier, results, where=where):
                continue  # not measured in the tier
            for term in effect.weighted:
                if seeds := results.lacking(term):
                    raise _lacks(term, seeds, results, where)


def not_measured(ablation: Ablation, claim: Claim, tier: str, results: Measurements) -> list[str]:
    """The variants that keep the claim from being judged: of its effect or of a precondition."""
    needed = [claim.effect] if claim.effect is not None else []
    needed += [precondition.effect for precondition in claim.preconditions]
    found = {
        name for effect in needed for name in missing_variants(ablation, effect, tier, results)
    }
    return sorted(found)


def missing_variants(
    ablation: Ablation, effect: Effect, tier: str, results: Measurements, *, where: str = ""
) -> list[str]:
    """The effect's variants that the tier leaves out, or of which it measures something else.

    Args:
        where: ablation, claim and key of the effect, for the message.

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
            seeds = results.lacking(term)
            peers = f"as variant {peer!r} has them, of which tier {tier!r} measures no more"
            raise _lacks(term, seeds, results, where, peers)
        return True

    return sorted({term.variant for term in effect.weighted if left_out(term)})


def _lacks(
    term: Term, seeds: list[int], results: Measurements, where: str, peers: str = ""
) -> InputError:
    """The refusal of runs that succeeded and have no value of a term."""
    at = f"step {term.at}" if isinstance(term.at, int) else term.at
    key = f"metric {term.metric!r} of variant {term.variant!r}"
    like = f", {peers}" if peers else ""
    return InputError(
        results.file_of(term.variant),
        f"{where}: {key}" if where else key,
        expected=f"rows of it in stage {term.stage!r} ({at}) in every seed{like}; seeds {seeds} "
        f"have none{results.has_instead(term)}. Run them again, or correct the claim",
    )
