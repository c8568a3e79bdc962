"""Whether a mean is shown to lie between two bounds, or shown to lie outside of them.

Both tests are what an interval says: at level alpha the mean is shown to be inside (outside) where
the whole interval of confidence 1 - alpha is. Where neither is shown, the question is open. p is
that of the one-sided t-test against a bound, doubled. Inside asks for every bound (an
intersection-union test, of which the larger p counts), outside for one of them. Where the mean is
on a bound, or just beyond it, either is wrongly shown with a probability of at most alpha / 2.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fixbench.statistics._power import seeds_for_difference, seeds_for_equivalence
from fixbench.statistics._samples import t_tests

__all__ = ["inside", "insides", "outside", "outsides", "seeds_for_window"]

Array = NDArray[np.float64]


def insides(samples: ArrayLike, *, low: float, high: float) -> Array:
    """p that the mean of each row of ``samples`` (m, n) lies between ``low`` and ``high``: (m,).

    Args:
        low, high: infinite where there is no such bound. Without any, and of one seed, p is NaN.
    """
    return _combined(_sided(samples, low, high, inner=True), np.maximum, samples)


def outsides(samples: ArrayLike, *, low: float, high: float) -> Array:
    """p that the mean of each row of ``samples`` (m, n) lies below ``low`` or above ``high``: (m,).

    Arguments as for `insides`.
    """
    return _combined(_sided(samples, low, high, inner=False), np.minimum, samples)


def inside(values: ArrayLike, *, low: float, high: float) -> float:
    """`insides` of one sample (n,)."""
    return float(insides(np.asarray(values, dtype=float)[None], low=low, high=high)[0])


def outside(values: ArrayLike, *, low: float, high: float) -> float:
    """`outsides` of one sample (n,)."""
    return float(outsides(np.asarray(values, dtype=float)[None], low=low, high=high)[0])


def seeds_for_window(
    mean: float, deviation: float, *, low: float, high: float, alpha: float
) -> int | None:
    """Fewest seeds that show on which side of its bounds an effect lies, with 80 % power.

    Args:
        mean, deviation: taken as the true mean and SD of the per-seed effects, analysis scale.
        low, high: as for `insides`.
        alpha: as `inside` and `outside` are compared with.

    Returns:
        ``None`` where no plan would do, as for a mean on a bound.
    """
    if math.isnan(mean) or math.isnan(deviation):
        return None
    if low < mean < high:
        if math.isfinite(low) and math.isfinite(high):
            # Each of its tests is made at the level that is given: half of alpha, as in `insides`.
            return seeds_for_equivalence(mean, deviation, low=low, high=high, alpha=alpha / 2)
        bound = low if math.isfinite(low) else high
    else:
        bound = low if mean <= low else high
    if not math.isfinite(bound):
        return None
    return seeds_for_difference(mean, deviation, null=bound, alpha=alpha)


def _sided(samples: ArrayLike, low: float, high: float, *, inner: bool) -> list[Array]:
    """For each finite bound p of the test that the mean lies on its inner (outer) side."""
    found = []
    for bound, above in ((low, True), (high, False)):
        if not math.isfinite(bound):
            continue
        tests = t_tests(samples, null=bound)
        side = tests.mean > bound if above == inner else tests.mean < bound
        found.append(np.where(np.isnan(tests.p_value) | side, tests.p_value, 1.0))
    return found


def _combined(found: list[Array], combine: np.ufunc, samples: ArrayLike) -> Array:
    if not found:
        return np.full(len(np.asarray(samples)), math.nan)
    result: Array = combine.reduce(np.stack(found))
    return result
