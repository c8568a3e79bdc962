"""The power of a design: against statsmodels, against simulation, and at its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from fixbench.statistics import (
    deviation_limit,
    difference_power,
    equivalence_power,
    fewest_for_difference,
    fewest_for_equivalence,
)


@pytest.mark.parametrize("n", [3, 7, 10, 40])
@pytest.mark.parametrize("effect", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_a_difference_has_the_power_that_statsmodels_gives(
    n: int, effect: float, alpha: float
) -> None:
    # On the side of the effect: one-sided at half the level.
    expected = TTestPower().power(effect, n, alpha / 2, alternative="larger")
    assert difference_power(effect * 0.015, 0.015, n, alpha) == pytest.approx(expected, abs=1e-8)
    assert difference_power(-effect * 0.015, 0.015, n, alpha) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("power", [0.8, 0.95])
@pytest.mark.parametrize("comparisons", [1, 10])
def test_seeds_for_a_difference_are_those_of_statsmodels(power: float, comparisons: int) -> None:
    level = 0.05 / comparisons
    found = fewest_for_difference(0.02, 0.015, alpha=level, power=power)
    exact = TTestPower().solve_power(0.02 / 0.015, None, level, power, alternative="two-sided")
    assert found == math.ceil(exact)


@pytest.mark.parametrize(("n", "mean", "margin"), [(4, 0.0, 2.0), (10, 0.3, 1.0), (25, 0.0, 0.55)])
def test_equivalence_has_the_simulated_power(n: int, mean: float, margin: float) -> None:
    draws = np.random.default_rng(7).normal(mean, 1.0, size=(200_000, n))
    error = draws.std(axis=1, ddof=1) / math.sqrt(n)
    critical = stats.t.ppf(0.95, n - 1)
    means = draws.mean(axis=1)
    shown = (means - critical * error > -margin) & (means + critical * error < margin)
    for sample, found in zip(draws[:20], shown[:20], strict=True):  # the same test as theirs
        p, *_ = ttost_paired(sample, np.zeros(n), -margin, margin)
        assert (p < 0.05) == found
    power = equivalence_power(mean, 1.0, n, low=-margin, high=margin, alpha=0.05)
    assert power == pytest.approx(shown.mean(), abs=4 * math.sqrt(0.25 / len(draws)))


def test_equivalence_of_many_seeds_is_that_of_the_normal_distribution() -> None:
    n, margin = 5000, 0.05
    reach = margin * math.sqrt(n) - stats.norm.ppf(0.95)
    power = equivalence_power(0.0, 1.0, n, low=-margin, high=margin, alpha=0.05)
    assert power == pytest.approx(2 * stats.norm.cdf(reach) - 1, abs=1e-3)
    # So few seeds cannot meet both tests at all.
    assert equivalence_power(0.0, 1.0, 2, low=-0.01, high=0.01, alpha=0.05) < 1e-3


def test_seeds_for_equivalence_are_the_fewest() -> None:
    n = fewest_for_equivalence(1.0, margin=0.8, alpha=0.05, power=0.9)
    assert n is not None
    powers = [equivalence_power(0, 1, k, low=-0.8, high=0.8, alpha=0.05) for k in (n - 1, n)]
    assert powers[0] < 0.9 <= powers[1]
    assert fewest_for_equivalence(1.0, margin=1e-4, alpha=0.05, power=0.9) is None


def test_the_limit_of_a_deviation_covers_the_true_one() -> None:
    draws = np.random.default_rng(5).normal(0, 2.0, size=(20_000, 6)).std(axis=1, ddof=1)
    factor = deviation_limit(1.0, 6, 0.8)
    assert np.mean(draws * factor >= 2.0) == pytest.approx(0.8, abs=0.01)
    assert deviation_limit(3.0, 6, 0.8) == pytest.approx(3 * factor)
    with pytest.raises(ValueError, match="1 values"):
        deviation_limit(1.0, 1, 0.8)
