"""Whether a run can settle its claims at all, and when it is looked at: said before it starts.

Light on purpose: Snakemake asks at every start, and the statistics take seconds to import.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from fixbench.ablation import Ablation
from fixbench.errors import InputError

__all__ = ["Reachability", "left_out", "plan_looks", "reachable", "unreachable"]


@dataclass(frozen=True, kw_only=True)
class Reachability:
    """Whether the exact sign-flip test can be significant after Holm's adjustment.

    Attributes:
        smallest_p: the smallest p that n seeds can give, 2 / 2ⁿ.
        smallest_p_adjusted: the same after adjustment for the family.
        smallest_n: the fewest seeds whose smallest adjusted p is below alpha.
    """

    possible: bool
    smallest_p: float
    smallest_p_adjusted: float
    smallest_n: int


def reachable(n: int, family_size: int, alpha: float = 0.05) -> Reachability:
    """Whether ``n`` paired seeds can settle a family of ``family_size`` claims, before running.

    The t-test has no such floor; the sign-flip test, which assumes less, gives 2 / 2ⁿ at best.
    """
    smallest_n = _fewest(2 * family_size, 0.5, alpha)
    smallest_p = min(1.0, 2.0 ** (1 - n))
    return Reachability(
        possible=n >= smallest_n,
        smallest_p=smallest_p,
        smallest_p_adjusted=min(1.0, family_size * smallest_p),
        smallest_n=smallest_n,
    )


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
        smallest_n = _fewest(2 * size, each, alpha)
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


def _fewest(factor: int, base: float, alpha: float) -> int:
    """The first n at which the smallest p, ``factor`` times ``base`` to the n, is below alpha."""
    return next(n for n in count(1) if factor * base**n < alpha)


def plan_looks(budget: int, *, block: int) -> tuple[int, ...]:
    """Seeds at each look at a growing sample: blocks of ``block``, the last what is left.

    Raises:
        InputError: fewer than two seeds a block, or a budget below that.
    """
    if block < 2:
        expected = "two seeds or more, without which there is no test"
        raise InputError("seeds=until-verdict", "block", block, expected=expected)
    if budget < block:
        expected = f"{block} or more, the seeds of a block"
        raise InputError("seeds=until-verdict", "budget", budget, expected=expected)
    looks = [*range(block, budget, block), budget]
    # One seed more is no look of its own.
    if len(looks) > 1 and looks[-1] - looks[-2] < 2:
        del looks[-2]
    return tuple(looks)
