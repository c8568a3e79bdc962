"""Independent samples: Welch's t, for arms whose runs are no pairs.

An effect is the sum of the means of its arms; of two arms it is a difference, where the values of
the second carry a minus. Variances are not pooled, and the degrees of freedom are those of Welch
and Satterthwaite. Of one sample everything is what Student's t gives.

Where no arm varies, t is undefined. Of two arms p is then that of the permutation test, 2 / C(n, k)
two-sided and 1 / C(n, k) one-sided, since no other assignment of the n runs is as extreme. It
takes the place that the sign test has for pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from fixbench.statistics._samples import is_constant, scaled

__all__ = ["Welch", "welch", "welch_inside", "welch_outside", "welch_tost"]

Array = NDArray[np.float64]
# As for pairs: a difference this small beside the values is rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Welch:
    """The sum of the means of independent samples.

    Attributes:
        low, high: the confidence interval; p_value: two-sided. NaN where an arm has one run.
        degrees_of_freedom: NaN where no arm varies.
        deviation: of the sum of one run of each arm, the root of the sum of their variances; NaN
            where an arm has one run.
    """

    mean: float
    low: float
    high: float
    p_value: float
    degrees_of_freedom: float
    deviation: float


@dataclass(frozen=True, kw_only=True)
class _Moments:
    """Mean, its standard error and degrees of freedom, over a power of two."""

    mean: float
    error: float
    freedom: float
    deviation: float
    power: int
    sizes: tuple[int, ...]
    largest: float

    @property
    def tested(self) -> bool:
        return math.isfinite(self.mean) and min(self.sizes) > 1

    def upper_tail(self, origin: float) -> float:
        """P(a mean at least so far above ``origin``), one-sided."""
        distance = self.mean - math.ldexp(origin, -self.power)
        if self.error > 0:
            return float(special.stdtr(self.freedom, -distance / self.error))
        if len(self.sizes) != 2:
            return math.nan
        if distance <= _ROUNDING * self.largest:
            return 1.0
        return 1 / math.comb(sum(self.sizes), self.sizes[0])

    def two_sided(self, origin: float) -> float:
        distance = self.mean - math.ldexp(origin, -self.power)
        if self.error > 0:
            return float(2 * special.stdtr(self.freedom, -abs(distance) / self.error))
        if len(self.sizes) != 2:
            return math.nan
        if abs(distance) <= _ROUNDING * self.largest:
            return 1.0
        return min(1.0, 2 / math.comb(sum(self.sizes), self.sizes[0]))


def welch(samples: Sequence[ArrayLike], *, null: float = 0.0, confidence: float = 0.95) -> Welch:
    """The sum of the means of ``samples``, each (n,), against ``null``.

    All is NaN where a sample is empty or a value not finite.
    """
    found = _moments(samples)
    low = high = p_value = math.nan
    if found.tested:
        reach = 0.0
        if found.error > 0:
            reach = -float(special.stdtrit(found.freedom, (1 - confidence) / 2)) * found.error
        low = math.ldexp(found.mean - reach, found.power)
        high = math.ldexp(found.mean + reach, found.power)
        p_value = found.two_sided(null)
    return Welch(
        mean=math.ldexp(found.mean, found.power),
        low=low,
        high=high,
        p_value=p_value,
        degrees_of_freedom=found.freedom,
        deviation=math.ldexp(found.deviation, found.power),
    )


def welch_tost(samples: Sequence[ArrayLike], *, low: float, high: float) -> float:
    """p of the two one-sided tests that the sum of means lies in (low, high); NaN untested."""
    found = _moments(samples)
    if not found.tested:
        return math.nan
    mirrored = _moments([-np.asarray(sample, dtype=float) for sample in samples])
    return max(found.upper_tail(low), mirrored.upper_tail(-high))


def welch_inside(samples: Sequence[ArrayLike], *, low: float, high: float) -> float:
    """As `fixbench.statistics.inside`: doubled one-sided p that the sum lies within bounds."""
    return _against(samples, low, high, inner=True)


def welch_outside(samples: Sequence[ArrayLike], *, low: float, high: float) -> float:
    """As `fixbench.statistics.outside`: doubled one-sided p that the sum lies beyond a bound."""
    return _against(samples, low, high, inner=False)


def _against(samples: Sequence[ArrayLike], low: float, high: float, *, inner: bool) -> float:
    found = _moments(samples)
    if not found.tested:
        return math.nan
    p_values = []
    for bound, above in ((low, True), (high, False)):
        if math.isfinite(bound):
            mean = math.ldexp(found.mean, found.power)
            shown = mean > bound if above == inner else mean < bound
            p_values.append(found.two_sided(bound) if shown else 1.0)
    if not p_values:
        return math.nan
    return max(p_values) if inner else min(p_values)


def _moments(samples: Sequence[ArrayLike]) -> _Moments:
    arms = [np.asarray(sample, dtype=float) for sample in samples]
    sizes = tuple(map(len, arms))
    if not sizes or not min(sizes):
        return _nothing(sizes or (0,))
    # One power of two for all arms, so that no square over- or underflows.
    together, exponents = scaled(np.concatenate(arms)[None])
    if np.isnan(together).any():
        return _nothing(sizes)
    parts = np.split(together[0], np.cumsum(sizes)[:-1])
    constant = [is_constant(part) for part in parts]
    mean = math.fsum(
        float(np.median(part) if same else part.mean())
        for part, same in zip(parts, constant, strict=True)
    )
    power = int(exponents[0, 0])
    largest = float(np.abs(together).max())
    if min(sizes) < 2:
        return _Moments(
            mean=mean,
            error=math.nan,
            freedom=math.nan,
            deviation=math.nan,
            power=power,
            sizes=sizes,
            largest=largest,
        )
    variances = [
        0.0 if same else float(part.var(ddof=1)) for part, same in zip(parts, constant, strict=True)
    ]
    shares = [variance / size for variance, size in zip(variances, sizes, strict=True)]
    total = math.fsum(shares)
    freedom = math.nan
    if total > 0:
        # Shares of the total first, whose squares cannot vanish.
        freedom = 1 / math.fsum(
            (share / total) ** 2 / (size - 1) for share, size in zip(shares, sizes, strict=True)
        )
    return _Moments(
        mean=mean,
        error=math.sqrt(total),
        freedom=freedom,
        deviation=math.sqrt(math.fsum(variances)),
        power=power,
        sizes=sizes,
        largest=largest,
    )


def _nothing(sizes: tuple[int, ...]) -> _Moments:
    nan = math.nan
    return _Moments(
        mean=nan, error=nan, freedom=nan, deviation=nan, power=0, sizes=sizes, largest=nan
    )
