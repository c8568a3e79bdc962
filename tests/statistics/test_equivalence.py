import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from fixbench.statistics import (
    equivalence_bounds,
    not_worse,
    seeds_for_difference,
    seeds_for_equivalence,
    tost,
)


def test_bounds_are_symmetric_on_the_analysis_scale():
    assert equivalence_bounds(1.0, 0.25, "plain") == (0.75, 1.25)
    low, high = equivalence_bounds(2.0, 1.1, "log")
    assert math.exp(low) == pytest.approx(2 / 1.1)
    assert math.exp(high) == pytest.approx(2 * 1.1)


@given(st.integers(0, 10_000), st.integers(2, 12), st.floats(0.05, 3))
def test_tost_agrees_with_paired_tost_and_with_two_one_sided_tests(seed, n, margin):
    first, second = np.random.default_rng(seed).normal(size=(2, n))
    found = tost(first - second, low=-margin, high=margin)
    assert found == pytest.approx(ttost_paired(first, second, -margin, margin)[0])
    above = stats.ttest_1samp(first - second, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(first - second, margin, alternative="less").pvalue
    assert found == pytest.approx(max(above, below))


def test_tost_agrees_with_the_interval_of_twice_alpha():
    values = np.random.default_rng(2).normal(0.1, 1, 15)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    reach = max(-low, high)
    assert tost(values, low=-reach, high=reach) == pytest.approx(0.05)


def test_tost_where_the_t_test_is_undefined():
    assert math.isnan(tost([0.0], low=-1, high=1))
    assert math.isnan(tost([0.0, math.nan], low=-1, high=1))
    assert tost([0.2] * 10, low=-1, high=1) == 2**-10
    assert tost([1.0] * 10, low=-1, high=1) == 1.0
    assert tost([-3.0] * 10, low=-1, high=1) == 1.0


def test_seeds_for_a_difference_match_published_numbers():
    # Two-sided one-sample t-test at 0.05 with 80 % power (Cohen, 1988; G*Power).
    published = {0.2: 199, 0.5: 34, 0.8: 15}
    for effect, n in published.items():
        assert seeds_for_difference(effect, 1.0, null=0.0, alpha=0.05) == n
        assert seeds_for_difference(3 - 2 * effect, 2.0, null=3.0, alpha=0.05) == n


def test_seeds_for_equivalence_reach_their_power_in_simulation():
    n = seeds_for_equivalence(0.2, 1.0, low=-0.8, high=0.8, alpha=0.05)
    assert n is not None
    draws = np.random.default_rng(4).normal(0.2, 1, (20_000, n))

    def power(values):
        error = values.std(axis=1, ddof=1) / math.sqrt(values.shape[1])
        reach = stats.t.isf(0.05, values.shape[1] - 1) * error
        inside = (values.mean(axis=1) - reach > -0.8) & (values.mean(axis=1) + reach < 0.8)
        return inside.mean()

    assert power(draws) == pytest.approx(0.8, abs=0.03)
    assert power(draws[:, :-2]) < 0.8


@given(st.floats(0.02, 4), st.floats(0.001, 0.1))
def test_seeds_are_the_fewest_by_the_noncentral_t(effect, alpha):
    n = seeds_for_difference(effect, 1.0, null=0.0, alpha=alpha)

    def power(seeds):
        critical = stats.t.isf(alpha / 2, seeds - 1)
        return stats.nct.sf(critical, seeds - 1, effect * math.sqrt(seeds))

    if n is None:
        assert power(10_000) < 0.8
    else:
        assert power(n) >= 0.8
        assert n == 2 or power(n - 1) < 0.8


def test_questions_that_no_number_of_seeds_settles():
    assert seeds_for_difference(0.0, 1.0, null=0.0, alpha=0.05) is None
    assert seeds_for_difference(0.01, 1.0, null=0.0, alpha=0.05) is None
    assert seeds_for_difference(0.0, 0.0, null=0.0, alpha=0.05) is None
    assert seeds_for_equivalence(1.0, 0.1, low=-1, high=1, alpha=0.05) is None
    assert seeds_for_equivalence(0.999, 1.0, low=-1, high=1, alpha=0.05) is None


def test_huge_effects_need_few_seeds_and_raise_no_warning():
    for effect in (5.0, 50.0, 1e6, 1e300):
        found = seeds_for_difference(effect, 1.0, null=0.0, alpha=0.05 / 14)
        assert found is not None
        assert found <= 5
        assert seeds_for_equivalence(0, 1.0, low=-effect, high=effect, alpha=0.05) <= 5


def test_without_variance_the_sign_flip_floor_decides():
    # 2/2⁶ = 0.031 is the first below 0.05; 1/2⁵ = 0.031 one-sided.
    assert seeds_for_difference(1.0, 0.0, null=0.0, alpha=0.05) == 6
    assert seeds_for_equivalence(0.0, 0.0, low=-1, high=1, alpha=0.05) == 5


@given(st.integers(0, 10_000), st.integers(2, 12), st.floats(-2, 2))
def test_not_worse_is_the_doubled_one_sided_test_and_agrees_with_the_interval(seed, n, bound):
    values = np.random.default_rng(seed).normal(0.3, 1, n)
    for direction in ("greater", "less"):
        found = not_worse(values, bound=bound, direction=direction)
        one_sided = stats.ttest_1samp(values, bound, alternative=direction)
        assert found == pytest.approx(min(1, 2 * one_sided.pvalue))
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (not_worse(values, bound=bound, direction="greater") < 0.05) == (low > bound)
    assert (not_worse(values, bound=bound, direction="less") < 0.05) == (high < bound)


def test_not_worse_without_variance_or_with_one_seed():
    assert not_worse([1.0] * 5, bound=0.5, direction="greater") == 2 / 2**5
    assert not_worse([1.0] * 5, bound=0.5, direction="less") == 1.0
    assert not_worse([1.0] * 5, bound=1.0, direction="greater") == 1.0
    assert math.isnan(not_worse([1.0], bound=0.5, direction="greater"))
    assert math.isnan(not_worse([1.0, math.nan], bound=0.5, direction="greater"))


def test_not_worse_at_its_bound_errs_once_in_forty():
    # 4,000 samples whose mean is the bound: 1/40 of them, within four standard errors.
    random = np.random.default_rng(11)
    found = [
        not_worse(random.normal(-1, 1, 5), bound=-1, direction="greater") < 0.05
        for _ in range(4000)
    ]
    assert np.mean(found) == pytest.approx(1 / 40, abs=4 * math.sqrt(1 / 40 / 4000))
