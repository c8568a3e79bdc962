"""BCa bootstrap intervals of means, of many samples at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from fixbench.statistics._samples import scaled

__all__ = ["bca_intervals"]

# Numbers in one array of resamples, 32 MB: the bound on memory whatever the samples' number or n.
_LARGEST = 4_000_000
# Means that are equal on paper must count as equal to the observed one.
_ROUNDING = 1e-12

Array = NDArray[np.float64]


def bca_intervals(
    samples: ArrayLike, *, confidence: float = 0.95, seed: int = 0, resamples: int = 9_999
) -> tuple[Array, Array]:
    """Bias-corrected and accelerated intervals of the means of ``samples`` (m, n): two of (m,).

    The resamples of `scipy.stats.bootstrap` with the generator ``default_rng(seed)``, and its
    formulas (Efron, 1987), but as counts: how often each value is drawn depends on n and the seed
    alone, so one matrix product resamples every sample. NaN without variance.
    """
    x, exponents = scaled(np.asarray(samples, dtype=float))
    power = exponents[:, 0]
    m = len(x)
    centre = x.mean(axis=1, keepdims=True)
    deviations = x - centre
    low, high = np.full(m, math.nan), np.full(m, math.nan)
    step = max(1, _LARGEST // resamples)
    for start in range(0, m, step):
        part = slice(start, start + step)
        found = _intervals(deviations[part], confidence, seed, resamples)
        low[part], high[part] = (centre[part, 0] + bound for bound in found)
    return np.ldexp(low, power), np.ldexp(high, power)


def _intervals(
    deviations: Array, confidence: float, seed: int, resamples: int
) -> tuple[Array, Array]:
    """As `bca_intervals`, of samples whose mean is 0."""
    m, n = deviations.shape
    means = np.empty((m, resamples))
    done = 0
    for counts in _counts(n, seed, resamples):
        means[:, done : done + len(counts)] = deviations @ counts.T / n
        done += len(counts)
    reach = _ROUNDING * np.abs(deviations).max(axis=1, keepdims=True)
    below = (means < -reach).mean(axis=1)
    bias = special.ndtri((below + (means <= reach).mean(axis=1)) / 2)
    means.sort(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cubes, squares = (deviations**3).sum(axis=1), (deviations**2).sum(axis=1)
        acceleration = cubes / (6 * squares**1.5)
        tail = special.ndtri((1 - confidence) / 2)
        bounds = []
        for z in (bias + tail, bias - tail):
            level = special.ndtr(bias + z / (1 - acceleration * z))
            bounds.append(_quantile(means, level))
    return bounds[0], bounds[1]


def _quantile(ordered: Array, level: Array) -> Array:
    """The quantile ``level[i]`` of the sorted row i, interpolated linearly as numpy does."""
    last = ordered.shape[1] - 1
    defined = np.isfinite(level)
    position = np.where(defined, level, 0) * last
    left = np.clip(np.floor(position).astype(int), 0, max(0, last - 1))
    rows = np.arange(len(ordered))
    lower, upper = ordered[rows, left], ordered[rows, np.minimum(left + 1, last)]
    return np.where(defined, lower + (upper - lower) * (position - left), math.nan)


def _counts(n: int, seed: int, resamples: int) -> Iterator[Array]:
    """How often each of n values is drawn, resample by resample, in blocks (…, n)."""
    if n * resamples <= _LARGEST // 4:
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
