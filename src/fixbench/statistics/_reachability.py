"""What a number of seeds can show at all, and when a growing sample is looked at.

Arithmetic alone, without numpy: Snakemake asks at every start.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from fixbench.errors import InputError

__all__ = ["Reachability", "fewest_seeds", "plan_looks", "reachable"]


@dataclass(frozen=True, kw_only=True)
class Reachability:
    """Whether seeds that all agree can be significant after Holm's adjustment.

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

    Of seeds that all give the same value, p is that of the sign test, 2 / 2ⁿ at best; the t-test of
    seeds that vary has no such floor.
    """
    smallest_n = fewest_seeds(2 * family_size, 0.5, alpha)
    smallest_p = min(1.0, 2.0 ** (1 - n))
    return Reachability(
        possible=n >= smallest_n,
        smallest_p=smallest_p,
        smallest_p_adjusted=min(1.0, family_size * smallest_p),
        smallest_n=smallest_n,
    )


def fewest_seeds(factor: int, base: float, alpha: float) -> int:
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
    # A last block of one seed is added to the block before it.
    if len(looks) > 1 and looks[-1] - looks[-2] < 2:
        del looks[-2]
    return tuple(looks)
