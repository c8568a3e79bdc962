"""The note on skewed seeds: when it appears, and that it appears where the tests err."""

import numpy as np
import pytest
from scipy import stats

from fixbench.calibration import DISTRIBUTIONS
from fixbench.statistics import SKEWED, standardised_skewness

KINDS = {kind.name: kind for kind in DISTRIBUTIONS}


def noted(name, n, trials=20_000):
    samples = KINDS[name].draw(np.random.default_rng(n), (trials, n))
    return float((np.abs(standardised_skewness(samples)) > SKEWED).mean())


def test_it_is_the_skewness_over_its_standard_error():
    x = np.random.default_rng(0).lognormal(size=(5, 9))
    error = np.sqrt(6 * 9 * 8 / (7 * 10 * 12))
    expected = stats.skew(x, axis=1, bias=False) / error
    assert standardised_skewness(x) == pytest.approx(expected)
    # The standard error is exact on normal samples.
    normal = standardised_skewness(np.random.default_rng(1).normal(size=(40_000, 10)))
    assert normal.std() == pytest.approx(1, abs=0.02)


def test_a_seed_that_collapsed_and_where_nothing_can_be_said():
    assert standardised_skewness([[1.0, 1.1, 0.9, 1.0, 1.05, -5.0]])[0] < -SKEWED
    assert abs(standardised_skewness([[0.0, 0.0, 0.0, 1.0]])[0]) < SKEWED  # the most of four seeds
    assert standardised_skewness([[0.0, 0.0, 0.0, 0.0, 1.0]])[0] > SKEWED
    undefined = [[[1.0]], [[1.0, 2.0]], [[3.0, 3.0, 3.0]]]
    assert all(np.isnan(standardised_skewness(sample)).all() for sample in undefined)


@pytest.mark.parametrize("n", [5, 10, 30])
def test_it_appears_where_tests_err_and_seldom_where_they_do_not(n):
    assert noted("normal", n) < 0.07
    least = {5: 0.2, 10: 0.4, 30: 0.7}[n]
    assert noted("skewed", n) > least
    assert noted("bimodal", n) > least
