"""How many paired seeds would settle a question."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

from scipy import special

__all__ = [
    "MOST_SEEDS",
    "fewest_seeds_for",
    "seeds_for_difference",
    "seeds_for_equivalence",
    "t_power",
]

#: More seeds than this are no plan.
MOST_SEEDS = 10_000
# Larger standardised effects are settled by the fewest seeds anyway, and strain the noncentral t.
_LARGEST_EFFECT = 1e3


def seeds_for_difference(
    mean: float, deviation: float, *, null: float, alpha: float, power: float = 0.8
) -> int | None:
    """Fewest seeds with which the two-sided t-test shows ``mean`` to differ from ``null``.

    Args:
        mean, deviation: taken as the true mean and SD of the per-seed effects, analysis scale.
        alpha: level of the test, already divided by the size of the family where there is one.

    Returns:
        ``None`` if that takes more than `MOST_SEEDS`, or no number would do.
    """
    if deviation == 0:
        return None if mean == null else _without_variance(alpha / 2)
    effect = min(abs(mean - null) / deviation, _LARGEST_EFFECT)
    # A rejection on the wrong side shows nothing, so only the asserted tail counts as power.
    return fewest_seeds_for(lambda n: t_power(effect, n, alpha / 2), power)


def seeds_for_equivalence(
    mean: float, deviation: float, *, low: float, high: float, alpha: float, power: float = 0.8
) -> int | None:
    """Fewest seeds with which the two one-sided t-tests show ``mean`` to lie in (low, high).

    The power is bounded from below by that of both tests less one, so the number is at most
    slightly too large. Arguments and result as for `seeds_for_difference`.
    """
    if not low < mean < high:
        return None
    if deviation == 0:
        return _without_variance(alpha)
    above = min((mean - low) / deviation, _LARGEST_EFFECT)
    below = min((high - mean) / deviation, _LARGEST_EFFECT)

    def both(n: int) -> float:
        return t_power(above, n, alpha) + t_power(below, n, alpha) - 1

    return fewest_seeds_for(both, power)


def t_power(effect: float, n: int, alpha: float) -> float:
    """Power of the one-sided t-test at level ``alpha``."""
    degrees = n - 1
    critical = -special.stdtrit(degrees, alpha)
    return float(1 - special.nctdtr(degrees, effect * math.sqrt(n), critical))


def _without_variance(one_sided: float) -> int:
    """Seeds after which the sign test of equal values, 1 / 2ⁿ, falls below its level."""
    n = 2
    while 2.0**-n >= one_sided:
        n += 1
    return n


def fewest_seeds_for(power_at: Callable[[int], float], power: float) -> int | None:
    """The fewest seeds at which ``power_at``, which grows, reaches ``power``; ``None`` if none."""
    upper = 2
    # Doubling first keeps the noncentrality small, where the noncentral t is accurate.
    while power_at(upper) < power:
        if upper >= MOST_SEEDS:
            return None
        upper = min(2 * upper, MOST_SEEDS)
    candidates = range(2, upper + 1)
    return candidates[bisect_left(candidates, power, key=power_at)]
