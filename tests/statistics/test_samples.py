"""Many samples at once: the numbers of the functions for one, and of other libraries."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from fixbench.statistics import (
    holm,
    holms,
    seeds_for_difference,
    student_t,
    t_tests,
    tost,
    tosts,
)


@pytest.fixture(params=[2, 3, 5, 10, 30])
def samples(request: Any) -> Any:
    random = np.random.default_rng(request.param)
    discrete = random.binomial(4, 0.5, (20, request.param)) - 2.0
    same = np.full((2, request.param), [[0.0], [0.3]])
    return np.concatenate([random.normal(0.4, 1, (20, request.param)), discrete, same])


def test_rows_are_the_single_samples(samples: Any) -> None:
    tests = t_tests(samples, null=0.2, confidence=0.9)
    equivalent = tosts(samples, low=-1, high=1.5)
    for row, values in enumerate(samples):
        one = student_t(values, null=0.2, confidence=0.9)
        assert (one.mean, one.low, one.high) == pytest.approx(
            (tests.mean[row], tests.low[row], tests.high[row]), rel=1e-12
        )
        assert one.p_value == pytest.approx(tests.p_value[row], rel=1e-12)
        assert tost(values, low=-1, high=1.5) == pytest.approx(equivalent[row], rel=1e-12)


def test_rows_are_those_of_scipy_and_statsmodels(samples: Any) -> None:
    varied = samples[np.ptp(samples, axis=1) > 0]
    tests, expected = t_tests(varied, null=0.2), stats.ttest_1samp(varied, 0.2, axis=1)
    interval = expected.confidence_interval(0.95)
    assert tests.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert tests.low == pytest.approx(interval.low, rel=1e-9, abs=1e-12)
    assert tests.high == pytest.approx(interval.high, rel=1e-9, abs=1e-12)
    equivalent = [DescrStatsW(values).ttost_mean(-1, 1.5)[0] for values in varied]
    assert tosts(varied, low=-1, high=1.5) == pytest.approx(equivalent, rel=1e-9)


def test_holm_is_that_of_statsmodels() -> None:
    families = np.random.default_rng(6).beta(0.3, 1, (50, 40))
    families[0, :5] = families[0, 5]  # ties
    expected = [multipletests(family, method="holm")[1] for family in families]
    assert holms(families) == pytest.approx(np.array(expected), rel=1e-12)
    named = {str(index): value for index, value in enumerate(families[3])}
    assert list(holm(named).values()) == pytest.approx(expected[3], rel=1e-12)


@pytest.mark.parametrize("effect", [0.3, 0.8, 2.5])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 40])
def test_seeds_are_those_of_statsmodels(effect: Any, alpha: float) -> None:
    expected = TTestPower().solve_power(effect, alpha=alpha / 2, power=0.8, alternative="larger")
    assert seeds_for_difference(effect, 1, null=0, alpha=alpha) == max(2, np.ceil(expected))
