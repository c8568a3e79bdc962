"""Bootstrap-t intervals and tests of means, of many samples at once.

Each resample gives t* = (its mean less the sample's) over its own standard error. Their quantiles
take the place of those of Student's distribution (Efron and Tibshirani, 1993, chapter 12; Hall,
1988), so that interval and p follow the skewness of the sample. What no seed showed, such as a
collapse that all seeds escaped, is not in the resamples either.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fixbench.statistics._samples import are_constant, scaled

__all__ = ["BootstrapTs", "bootstrap_ts"]

# Numbers in one array of resamples, 16 MB: the bound on memory whatever the samples' number or n.
_LARGEST = 2_000_000
# A variance this small beside the mean square is rounding: the values drawn are one and the same.
_ROUNDING = 1e-12
# Ratios that are equal on paper must count as equal to the observed one.
_TIE = 1e-9
_FEWEST = 3

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BootstrapTs:
    """Confidence intervals and two-sided p-values, each (m,)."""

    low: Array
    high: Array
    p_value: Array


def bootstrap_ts(
    samples: ArrayLike,
    *,
    null: float = 0.0,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = 9_999,
) -> BootstrapTs:
    """The bootstrap-t interval of the mean of each row of ``samples`` (m, n), and p of ``null``.

    p is twice the smaller tail of t* at the observed ratio, which counts as a resample of its own.
    The interval ends at order statistics of t*: ``null`` lies outside where p < 1 - ``confidence``.

    A resample that draws one value alone has no variance. Its ratio counts as the limit, infinite
    on its side of the mean. The interval is therefore unbounded on a side where more of the
    resamples are such than the tail leaves out (nearly always with three seeds), and no p is
    smaller than their share allows. NaN with fewer than three seeds, without variance, and where a
    value is not finite.

    Resampling is by counts: how often each value is drawn depends on n and ``seed`` alone, so that
    one matrix product resamples every sample.
    """
    x, exponents = scaled(np.asarray(samples, dtype=float))
    m, n = x.shape
    low, high, p_value = (np.full(m, math.nan) for _ in range(3))
    defined = np.isfinite(x).all(axis=1) & ~are_constant(x) & (n >= _FEWEST)
    rows = np.flatnonzero(defined)
    # The (last + 1)-th smallest ratio from either end bounds the interval.
    last = math.ceil(round((resamples + 1) * (1 - confidence) / 2, 9)) - 2
    step = max(1, _LARGEST // resamples)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        power = exponents[part, 0]
        centre = x[part].mean(axis=1)
        error = x[part].std(axis=1, ddof=1) / math.sqrt(n)
        ratios = _ratios(x[part] - centre[:, None], seed, resamples)
        with np.errstate(over="ignore"):  # infinitely far from samples so small
            observed = (centre - np.ldexp(null, -power)) / error
        reach = _TIE * np.maximum(1.0, np.abs(observed))
        tails = [
            (ratios <= (observed + reach)[:, None]).sum(axis=1),
            (ratios >= (observed - reach)[:, None]).sum(axis=1),
        ]
        p_value[part] = np.minimum(1.0, 2 * (np.minimum(*tails) + 1) / (resamples + 1))
        lowest, highest = np.full((2, len(part)), math.inf)
        if last >= 0:
            places = [last, resamples - 1 - last]
            ratios.partition(places, axis=1)
            lowest, highest = -ratios[:, places[0]], ratios[:, places[1]]
        low[part] = np.ldexp(centre - highest * error, power)
        high[part] = np.ldexp(centre + lowest * error, power)
    return BootstrapTs(low=low, high=high, p_value=p_value)


def _ratios(deviations: Array, seed: int, resamples: int) -> Array:
    """t* of every resample of rows (m, n) whose mean is 0: (m, resamples)."""
    m, n = deviations.shape
    ratios = np.empty((m, resamples))
    reach = _ROUNDING * np.abs(deviations).max(axis=1, keepdims=True)
    done = 0
    for counts in _counts(n, seed, resamples):
        means = deviations @ counts.T / n
        squares = deviations**2 @ counts.T / n
        variance = squares - means**2
        one = variance <= _ROUNDING * squares
        with np.errstate(divide="ignore", invalid="ignore"):
            found = means / np.sqrt(variance / (n - 1))
        # A resample of one value that is the mean itself differs from it in nothing.
        limit = np.where(np.abs(means) <= reach, 0.0, np.copysign(math.inf, means))
        ratios[:, done : done + len(counts)] = np.where(one, limit, found)
        done += len(counts)
    return ratios


def _counts(n: int, seed: int, resamples: int) -> Iterator[Array]:
    """How often each of n values is drawn, resample by resample, in blocks (…, n)."""
    if n * resamples <= _LARGEST // 2:
        yield _all_counts(n, seed, resamples)
        return
    random, block = np.random.default_rng(seed), max(1, _LARGEST // n)
    for start in range(0, resamples, block):
        yield _draw(random, min(block, resamples - start), n)


@lru_cache(maxsize=4)
def _all_counts(n: int, seed: int, resamples: int) -> Array:
    return _draw(np.random.default_rng(seed), resamples, n)


def _draw(random: np.random.Generator, resamples: int, n: int) -> Array:
    drawn = random.integers(0, n, (resamples, n)) + n * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * n)
    return counts.reshape(resamples, n).astype(float)
