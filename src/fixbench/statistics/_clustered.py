"""Samples inside seeds: intervals that count both.

The seed is the unit of every test. Where a seed's effect is a mean over samples (scenes, videos,
batches), a bootstrap that draws seeds and then samples shows what the samples add. For a mean its
variance over infinitely many resamples has a closed form: nothing is drawn, nothing scatters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from fixbench.statistics._samples import scaled

__all__ = ["ClusteredInterval", "clustered_interval"]


@dataclass(frozen=True, kw_only=True)
class ClusteredInterval:
    """An interval of the mean over seeds of means over samples.

    Attributes:
        fewest, most: samples of a seed.
        crossed: all seeds met the same samples.
    """

    low: float
    high: float
    standard_error: float
    seeds: int
    fewest: int
    most: int
    crossed: bool


def clustered_interval(
    samples: Sequence[ArrayLike], *, crossed: bool = False, confidence: float = 0.95
) -> ClusteredInterval:
    """Bootstrap t interval over seeds and samples.

    Nested: seeds are drawn with replacement, and inside each its samples. Crossed: seeds and
    samples are drawn independently (the pigeonhole bootstrap: Owen, 2007), so that the interval
    speaks of other samples too. The percentiles of either cover too little with few seeds (81 % at
    three seeds of ten samples), so the standard error is taken instead: times the root of
    k / (k - 1), as a bootstrap variance is short by that factor, and times Student's quantile with
    k - 1 degrees of freedom. k is the number of seeds; crossed, that of samples if there are fewer.
    What the samples scatter is then counted twice: coverage is at least nominal (tested).

    Args:
        samples: for each seed the effect of each sample, analysis scale; crossed: all equally many,
            in the same order.

    Returns:
        NaN bounds where k is 1.
    """
    values, exponents = scaled(np.concatenate([np.asarray(row, float) for row in samples])[None])
    power, sizes = int(exponents[0, 0]), [len(np.asarray(row)) for row in samples]
    rows = np.split(values[0], np.cumsum(sizes)[:-1])
    means = np.array([row.mean() for row in rows])
    n, centre = len(rows), float(means.mean())
    if crossed:
        x = np.stack(rows) - centre
        m = x.shape[1]
        square = (
            (1 - 1 / n) * (x.sum(0) ** 2).sum() + (1 - 1 / m) * (x.sum(1) ** 2).sum() + (x**2).sum()
        )
        variance, units = float(square) / (n * m) ** 2, min(n, m)
    else:
        within = np.mean([row.var() / len(row) for row in rows])
        variance, units = float(means.var() + within) / n, n
    error = half = math.nan
    if units > 1:
        error = math.sqrt(variance * units / (units - 1))
        half = float(stats.t.ppf((1 + confidence) / 2, units - 1)) * error
    return ClusteredInterval(
        low=float(np.ldexp(centre - half, power)),
        high=float(np.ldexp(centre + half, power)),
        standard_error=float(np.ldexp(error, power)),
        seeds=n,
        fewest=min(sizes),
        most=max(sizes),
        crossed=crossed,
    )
