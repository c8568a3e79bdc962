"""Error rates and coverage by simulation: the tests do what their names say."""

import numpy as np
import pytest
from scipy import stats

from fixbench.statistics import holm, seeds_for_difference, sign_flip, student_t, tost

SIMULATIONS = 1500


def within_binomial_bounds(count, trials, rate):
    """Not refuted at the 0.1 % level; the seed is fixed, so neither does it flicker."""
    return stats.binomtest(count, trials, rate).pvalue > 0.001


@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_student_t_holds_its_level_and_coverage(n):
    draws = np.random.default_rng(n).normal(1.7, 2.0, (SIMULATIONS, n))
    found = [student_t(values, null=1.7) for values in draws]
    false_positives = sum(result.p_value < 0.05 for result in found)
    covered = sum(result.low <= 1.7 <= result.high for result in found)
    assert within_binomial_bounds(false_positives, SIMULATIONS, 0.05)
    assert within_binomial_bounds(covered, SIMULATIONS, 0.95)
    assert covered + false_positives == SIMULATIONS


@pytest.mark.parametrize("n", [3, 5, 10])
def test_sign_flip_is_exact_for_any_symmetric_distribution(n):
    # Heavy-tailed on purpose: t with 2 degrees of freedom has no variance.
    draws = np.random.default_rng(n).standard_t(2, (SIMULATIONS, n))
    p_values = np.array([sign_flip(values) for values in draws])
    # p takes the values 2/2ⁿ, 4/2ⁿ, …, each exactly as likely.
    level = np.floor(0.05 * 2 ** (n - 1)) / 2 ** (n - 1)
    assert within_binomial_bounds(int((p_values <= level).sum()), SIMULATIONS, level) or level == 0
    assert within_binomial_bounds(int((p_values <= 0.5).sum()), SIMULATIONS, 0.5)
    assert p_values.min() >= 2 / 2**n


@pytest.mark.parametrize("n", [5, 10, 30])
def test_tost_errs_at_the_margin_no_more_than_alpha(n):
    draws = np.random.default_rng(n).normal(0.5, 0.3, (SIMULATIONS, n))
    wrong = sum(tost(values, low=-0.5, high=0.5) < 0.05 for values in draws)
    assert stats.binomtest(wrong, SIMULATIONS, 0.05, alternative="greater").pvalue > 0.001


def test_holm_holds_the_family_wise_error_with_true_effects_beside():
    means = np.array([0.0, 0.0, 0.0, 3.0])
    draws = np.random.default_rng(11).normal(0, 1, (400, 4, 10)) + means[:, None]
    errors = 0
    for family in draws:
        adjusted = holm({str(i): student_t(values).p_value for i, values in enumerate(family)})
        errors += any(adjusted[str(i)] < 0.05 for i in range(3))
    assert stats.binomtest(errors, 400, 0.05, alternative="greater").pvalue > 0.001
    assert errors > 0


@pytest.mark.parametrize("effect", [0.6, 1.0, 2.0])
def test_the_promised_power_is_reached(effect):
    n = seeds_for_difference(effect, 1.0, null=0.0, alpha=0.05)
    draws = np.random.default_rng(n).normal(effect, 1, (SIMULATIONS, n))
    shown = sum(student_t(values).p_value < 0.05 for values in draws)
    assert stats.binomtest(shown, SIMULATIONS, 0.8, alternative="less").pvalue > 0.001
