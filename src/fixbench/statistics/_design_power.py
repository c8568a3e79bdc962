"""The power of a number of paired seeds, and how uncertain a pilot's deviation is.

`seeds_for_difference` and `seeds_for_equivalence` answer for a claim whose effect was observed. A
design asks before anything has run: what would so many seeds show, were the effect such?
"""

from __future__ import annotations

import math

from scipy import integrate, special, stats

from fixbench.statistics._power import fewest_seeds_for, t_power

__all__ = [
    "deviation_limit",
    "difference_power",
    "equivalence_power",
    "fewest_for_difference",
    "fewest_for_equivalence",
]

#: Beyond these quantiles of the deviation there is nothing to integrate.
_TAIL = 1e-13


def difference_power(effect: float, deviation: float, n: int, alpha: float) -> float:
    """The probability that the two-sided paired t-test shows ``effect``, on its own side.

    Args:
        effect, deviation: the true mean and SD of the differences of pairs.
        n: pairs, two or more.
        alpha: level of the test, both sides together.
    """
    return t_power(abs(effect) / deviation, n, alpha / 2)


def equivalence_power(
    mean: float, deviation: float, n: int, *, low: float, high: float, alpha: float
) -> float:
    """The probability that both one-sided t-tests at ``alpha`` show ``mean`` to lie in (low, high).

    Exact up to rounding: given the deviation of a sample, its mean must lie between bounds, which
    has a normal probability; this is integrated over the distribution of the deviation.
    """
    degrees = n - 1
    critical = -float(special.stdtrit(degrees, alpha))
    error = deviation / math.sqrt(n)
    # In units of the true deviation: beyond `widest` no mean meets both tests.
    widest = (high - low) / 2 / (critical * error)
    first, last = (
        math.sqrt(float(stats.chi2.ppf(q, degrees)) / degrees) for q in (_TAIL, 1 - _TAIL)
    )
    last = min(last, widest)
    if last <= first:
        return 0.0

    def shown(ratio: float) -> float:
        reach = critical * ratio
        inside = special.ndtr((high - mean) / error - reach) - special.ndtr(
            (low - mean) / error + reach
        )
        density = stats.chi2.pdf(degrees * ratio**2, degrees) * 2 * degrees * ratio
        return float(max(inside, 0.0) * density)

    value, _ = integrate.quad(shown, first, last, epsabs=1e-10, limit=200)
    return min(1.0, float(value))


def fewest_for_difference(
    effect: float, deviation: float, *, alpha: float, power: float
) -> int | None:
    """The fewest pairs with that power; ``None`` above `fixbench.statistics.MOST_SEEDS`."""
    return fewest_seeds_for(lambda n: difference_power(effect, deviation, n, alpha), power)


def fewest_for_equivalence(
    deviation: float, *, margin: float, alpha: float, power: float
) -> int | None:
    """The fewest pairs that show a true effect of zero to lie within ``margin`` of it."""

    def at(n: int) -> float:
        return equivalence_power(0.0, deviation, n, low=-margin, high=margin, alpha=alpha)

    return fewest_seeds_for(at, power)


def deviation_limit(deviation: float, n: int, confidence: float) -> float:
    """The upper confidence limit of a standard deviation that ``n`` normal values gave.

    Raises:
        ValueError: fewer than two values.
    """
    if n < 2:
        raise ValueError(f"{n} values have no deviation")
    return deviation * math.sqrt((n - 1) / float(stats.chi2.ppf(1 - confidence, n - 1)))
