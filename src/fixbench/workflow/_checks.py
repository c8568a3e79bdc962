"""What the plan knows of an ablation before anything runs: what its seeds cannot settle."""

from __future__ import annotations

from fixbench.ablation import Ablation
from fixbench.reachability import fewest_seeds, reachable

__all__ = ["left_out", "unreachable"]


def unreachable(ablation: Ablation, n: int, alpha: float = 0.05) -> list[str]:
    """What ``n`` seeds cannot settle, one phrase each; empty if they can settle everything."""
    family = sum(claim.primary and claim.decision.tested for claim in ablation.claims)
    phrases = []
    reach = reachable(n, family, alpha)
    if not reach.possible:
        claims = "1 claim" if family == 1 else f"{family} claims"
        phrases.append(
            f"the sign-flip test cannot settle a family of {claims}: it takes {reach.smallest_n} "
            "seeds (the t-test has no such floor)"
        )
    for claim in ablation.claims:
        decision = claim.decision
        if decision.rule != "share" or decision.null is None:
            continue
        # At best the property holds in every seed, or in none.
        each = decision.null if decision.direction == "greater" else 1 - decision.null
        size = family if claim.primary else 1
        smallest_n = fewest_seeds(2 * size, each, alpha)
        if n < smallest_n:
            phrases.append(f"the exact test of {claim.id} cannot: it takes {smallest_n} seeds")
    return phrases


def left_out(ablation: Ablation, tier: str) -> list[str]:
    """The claims whose effect needs a variant that ``tier`` does not run."""
    there = ablation.variants_in(tier)
    return [
        claim.id
        for claim in ablation.claims
        if claim.effect and any(term.variant not in there for term in claim.effect.weighted)
    ]
