"""Intervals over seeds and samples, against a looped bootstrap and a known mean."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fixbench.statistics import clustered_interval


def looped(rows: Any, *, crossed: Any, resamples: Any = 4000) -> Any:
    """Draw and average, one resample after another; its standard deviation."""
    random = np.random.default_rng(3)
    means = []
    for _ in range(resamples):
        drawn = random.integers(len(rows), size=len(rows))
        columns = random.integers(len(rows[0]), size=len(rows[0]))
        total = 0.0
        for seed in drawn:
            row = rows[seed]
            chosen = columns if crossed else random.integers(len(row), size=len(row))
            total += np.mean([row[place] for place in chosen])
        means.append(total / len(rows))
    return np.std(means)


@pytest.mark.parametrize(
    ("sizes", "crossed"), [((8, 8, 8, 8), False), ((3, 9, 1, 6, 4), False), ((5, 5, 5, 5), True)]
)
def test_standard_error_is_that_of_a_looped_bootstrap(sizes: Any, crossed: bool) -> None:
    random = np.random.default_rng(7)
    rows = [random.normal(random.normal(), 1, size) + random.normal(size=size) for size in sizes]
    found = clustered_interval(rows, crossed=crossed)
    units = len(sizes)
    ideal = found.standard_error * math.sqrt((units - 1) / units)
    # The SD of 4,000 resamples has a relative error of about 1 / √8000.
    assert looped(rows, crossed=crossed) == pytest.approx(ideal, rel=4 / math.sqrt(8000))
    centre = np.mean([row.mean() for row in rows])
    half = stats.t.ppf(0.975, units - 1) * found.standard_error
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))
    assert (found.fewest, found.most) == (min(sizes), max(sizes))


def test_without_scatter_inside_seeds_it_is_the_t_interval() -> None:
    values = [1.0, 2.5, 0.5, 3.0]
    found = clustered_interval([np.full(6, value) for value in values])
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))
    crossed = clustered_interval([np.full(6, value) for value in values], crossed=True)
    assert crossed.standard_error == pytest.approx(found.standard_error)


def test_crossed_is_symmetric_in_seeds_and_samples() -> None:
    x = np.random.default_rng(2).normal(size=(4, 9))
    there, back = (clustered_interval(list(table), crossed=True) for table in (x, x.T))
    assert there.standard_error == pytest.approx(back.standard_error)


@pytest.mark.parametrize("crossed", [False, True])
def test_one_seed_has_no_interval(crossed: bool) -> None:
    assert math.isnan(clustered_interval([[1.0, 2.0]], crossed=crossed).low)


# A sample of four standard errors below nominal would be a fault.
COVERAGE = 0.95 - 4 * math.sqrt(0.95 * 0.05 / 1000)


@pytest.mark.parametrize(
    ("n", "m", "between", "sample", "residual"),
    [
        (3, 10, 1, 1, 1),
        (5, 10, 1, 0, 3),
        (10, 10, 0.2, 1, 1),
        (10, 30, 1, 0.5, 1),
        (3, 30, 1, 0, 0.1),
    ],
)
@pytest.mark.parametrize("crossed", [False, True])
def test_the_known_mean_is_covered(
    n: int, m: int, between: float, sample: float, residual: float, crossed: bool
) -> None:
    random = np.random.default_rng([n, m, crossed])
    covered = 0
    for _ in range(1000):
        common = random.normal(0, sample, (1 if crossed else n, m))
        x = random.normal(0, between, (n, 1)) + common + random.normal(0, residual, (n, m))
        found = clustered_interval(list(x), crossed=crossed)
        covered += found.low <= 0 <= found.high
    assert covered / 1000 >= COVERAGE
