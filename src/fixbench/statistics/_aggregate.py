"""Claims that span several tasks: interquartile mean and performance profiles.

As Agarwal et al. (2021), Deep reinforcement learning at the edge of the statistical precipice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Aggregate", "Profile", "interquartile_mean", "performance_profile"]

Array = NDArray[np.float64]
_RESAMPLES = 2_000
_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """An interquartile mean with its percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The share of scores above each threshold, with a pointwise percentile band; each (t,)."""

    thresholds: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def interquartile_mean(
    scores: ArrayLike, *, confidence: float = 0.95, seed: int = 0, resamples: int = _RESAMPLES
) -> Aggregate:
    """The mean of the middle half of all scores (n seeds, k tasks).

    A quarter of the scores is cut at each end, rounded down (`scipy.stats.trim_mean`). The
    interval is a stratified bootstrap: seeds are drawn with replacement within each task,
    independently of the other tasks. NaN with fewer than two seeds. Scores of all tasks must have
    the same unit, or be differences that are scaled alike.

    Raises:
        ValueError: the scores are no table, or one of them is not finite.
    """
    x = _checked(scores)
    if len(x) < 2:
        return Aggregate(value=_middle(x[None])[0], low=math.nan, high=math.nan)
    drawn = np.concatenate([_middle(block) for block in _resampled(x, seed, resamples)])
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Aggregate(value=float(_middle(x[None])[0]), low=float(low), high=float(high))


def performance_profile(
    scores: ArrayLike,
    thresholds: ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = _RESAMPLES,
) -> Profile:
    """The share of all scores (n seeds, k tasks) above each of the thresholds (t,).

    The band has the stated confidence at each threshold, not at all of them together; it comes
    from the bootstrap of `interquartile_mean`.

    Raises:
        ValueError: as `interquartile_mean`.
    """
    x, t = _checked(scores), np.asarray(thresholds, dtype=float)
    share = np.array([(x > one).mean() for one in t])
    drawn = np.concatenate(
        [
            np.stack([(block > one).mean(axis=(1, 2)) for one in t], axis=1)
            for block in _resampled(x, seed, resamples)
        ]
    )
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return Profile(
        thresholds=tuple(t.tolist()),
        share=tuple(share.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
    )


def _checked(scores: ArrayLike) -> Array:
    x = np.asarray(scores, dtype=float)
    if x.ndim != 2 or not x.size or not np.isfinite(x).all():
        raise ValueError("finite scores, a row for each seed and a column for each task")
    return x


def _middle(tables: Array) -> Array:
    """The interquartile mean of each table (r, n, k): (r,)."""
    flat = np.sort(tables.reshape(len(tables), -1), axis=1)
    cut = flat.shape[1] // 4
    return np.asarray(flat[:, cut : flat.shape[1] - cut].mean(axis=1))


def _resampled(x: Array, seed: int, resamples: int) -> Iterator[Array]:
    random = np.random.default_rng(seed)
    n, k = x.shape
    for start in range(0, resamples, _AT_ONCE):
        rows = random.integers(0, n, (min(_AT_ONCE, resamples - start), n, k))
        yield x[rows, np.arange(k)]
