"""What the plan knows of an ablation before anything runs: what its seeds cannot settle."""

from __future__ import annotations

from fixbench.ablation import Ablation
from fixbench.statistics import reachable
from fixbench.verdicts import is_tested, load_rule
from fixbench.verdicts.rules import TestedRule

__all__ = ["left_out", "unreachable"]


def unreachable(ablation: Ablation, n: int, alpha: float = 0.05) -> list[str]:
    """What ``n`` seeds cannot settle, one phrase each; empty if they can settle everything."""
    family = sum(claim.primary and is_tested(claim) for claim in ablation.claims)
    phrases = []
    reach = reachable(n, family, alpha)
    if not reach.possible:
        claims = "1 claim" if family == 1 else f"{family} claims"
        phrases.append(
            f"the sign-flip test cannot settle a family of {claims}: it takes {reach.smallest_n} "
            "seeds (the t-test has no such floor)"
        )
    for claim in ablation.claims:
        rule = load_rule(claim.decision.rule)
        if not isinstance(rule, TestedRule):
            continue
        size = family if claim.primary else 1
        fewest = rule.fewest_seeds(claim.decision, family=size, alpha=alpha)
        if fewest is not None and n < fewest:
            phrases.append(f"the exact test of {claim.id} cannot: it takes {fewest} seeds")
    return phrases


def left_out(ablation: Ablation, tier: str) -> list[str]:
    """The claims whose effect needs a variant that ``tier`` does not run."""
    there = ablation.at(tier).variants
    return [
        claim.id
        for claim in ablation.claims
        if claim.effect and any(term.variant not in there for term in claim.effect.weighted)
    ]
