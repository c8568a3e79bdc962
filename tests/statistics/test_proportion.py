import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from fixbench.statistics import proportion, seeds_for_share


@given(st.integers(1, 60), st.data())
def test_interval_is_that_of_clopper_and_pearson(n, data):
    held = data.draw(st.integers(0, n))
    found = proportion(held, n)
    low, high = proportion_confint(held, n, alpha=0.05, method="beta")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.share == held / n


def test_ends_by_hand():
    # All of n: the low end is the share p with pⁿ = 0.025.
    assert proportion(10, 10).low == pytest.approx(0.025 ** (1 / 10))
    assert proportion(10, 10).high == 1.0
    assert proportion(0, 10).high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert proportion(0, 10).low == 0.0


@given(st.integers(1, 40), st.floats(0.05, 0.95), st.data())
def test_test_and_interval_never_disagree(n, null, data):
    held = data.draw(st.integers(0, n))
    found = proportion(held, n, null=null)
    assert (found.p_value < 0.05) == (not found.low <= null <= found.high)


def test_p_by_hand():
    # 10 of 10 against 1/2: 1/1024 in either tail.
    assert proportion(10, 10, null=0.5).p_value == pytest.approx(2 / 1024)
    assert proportion(5, 10, null=0.5).p_value == 1.0
    assert math.isnan(proportion(5, 10).p_value)
    assert math.isnan(proportion(0, 0, null=0.5).share)


@pytest.mark.parametrize("n", [3, 5, 10, 30])
@pytest.mark.parametrize("null", [0.5, 0.8, 0.95])
def test_exact_error_and_coverage_are_never_worse_than_nominal(n, null):
    # Summed over every count that can occur: no simulation.
    weight = stats.binom.pmf(np.arange(n + 1), n, null)
    found = [proportion(held, n, null=null) for held in range(n + 1)]
    assert weight @ np.array([item.p_value < 0.05 for item in found]) <= 0.05
    assert weight @ np.array([item.low <= null <= item.high for item in found]) >= 0.95


def test_seeds_for_share_is_the_first_number_with_enough_power():
    def power(n):
        rejects = [proportion(k, n, null=0.5).p_value < 0.05 and k > n / 2 for k in range(n + 1)]
        return stats.binom.pmf(np.arange(n + 1), n, 0.9) @ np.array(rejects)

    needed = seeds_for_share(0.9, null=0.5, alpha=0.05)
    assert power(needed) >= 0.8
    assert all(power(n) < 0.8 for n in range(1, needed))
    assert seeds_for_share(0.1, null=0.5, alpha=0.05) == needed
    # Held in all seeds: until nullⁿ falls below alpha / 2.
    assert seeds_for_share(1.0, null=0.9, alpha=0.05) == math.ceil(math.log(0.025) / math.log(0.9))
    assert seeds_for_share(0.5, null=0.5, alpha=0.05) is None
    assert seeds_for_share(0.5001, null=0.5, alpha=0.05) is None
