"""On which side of its bounds a mean is shown to lie."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from fixbench.statistics import inside, outside, seeds_for_window, student_t

INF = math.inf
numbers = st.floats(-5, 5).map(lambda value: round(value, 3))
samples = st.lists(numbers, min_size=2, max_size=12).filter(lambda x: np.std(x) > 1e-2)
bounds = st.tuples(numbers | st.just(-INF), numbers | st.just(INF)).filter(
    lambda pair: pair[0] < pair[1] and pair != (-INF, INF)
)
settings.register_profile("windows", deadline=None, derandomize=True)
settings.load_profile("windows")


@given(samples, bounds, st.sampled_from([0.9, 0.95, 0.98]))
def test_a_side_is_shown_where_the_whole_interval_lies_on_it(
    values: list[float], pair: tuple[float, float], confidence: float
) -> None:
    low, high = pair
    found = student_t(values, confidence=confidence)
    ends = (found.low, found.high)
    assume(all(abs(end - bound) > 1e-9 for end in ends for bound in pair))
    alpha = 1 - confidence
    within = low < found.low and found.high < high
    beyond = found.high < low or found.low > high
    assert (inside(values, low=low, high=high) < alpha) == within
    assert (outside(values, low=low, high=high) < alpha) == beyond


@given(samples, bounds)
def test_p_is_that_of_scipy(values: list[float], pair: tuple[float, float]) -> None:
    low, high = pair

    def doubled(bound: float, side: str) -> float:
        return min(1.0, 2 * stats.ttest_1samp(values, bound, alternative=side).pvalue)

    finite = [(bound, at) for bound, at in ((low, 0), (high, 1)) if math.isfinite(bound)]
    inner = max(doubled(bound, ("greater", "less")[at]) for bound, at in finite)
    outer = min(doubled(bound, ("less", "greater")[at]) for bound, at in finite)
    assert inside(values, low=low, high=high) == pytest.approx(inner, rel=1e-6, abs=1e-12)
    assert outside(values, low=low, high=high) == pytest.approx(outer, rel=1e-6, abs=1e-12)


def test_nothing_to_test_is_nan() -> None:
    for test in (inside, outside):
        assert math.isnan(test([1.0], low=0.0, high=2.0))
        assert math.isnan(test([1.0, 2.0], low=-INF, high=INF))


@pytest.mark.parametrize(("n", "shown"), [(5, False), (6, True)])
def test_equal_values_have_the_p_of_the_sign_test(n: int, shown: bool) -> None:
    assert inside([1.0] * n, low=0.0, high=2.0) == pytest.approx(2 * 0.5**n)
    assert outside([3.0] * n, low=0.0, high=2.0) == pytest.approx(2 * 0.5**n)
    assert (2 * 0.5**n < 0.05) == shown
    assert outside([1.0] * n, low=0.0, high=2.0) == 1.0


@pytest.mark.parametrize(
    ("mean", "low", "high"),
    [(0.5, 0.0, INF), (-0.5, 0.0, INF), (0.0, -0.6, 0.6), (0.1, -1.0, 0.7), (1.5, -1.0, 1.0)],
)
def test_the_seeds_that_are_named_have_the_power_that_is_promised(
    mean: float, low: float, high: float
) -> None:
    seeds = seeds_for_window(mean, 0.8, low=low, high=high, alpha=0.05)
    assert seeds is not None
    random = np.random.default_rng(3)
    test = inside if low < mean < high else outside

    def power(n: int) -> float:
        drawn = mean + 0.8 * random.normal(size=(1500, n))
        return float(np.mean([test(row, low=low, high=high) < 0.05 for row in drawn]))

    # Three standard errors of a share of 0.8 in 1500 draws are 0.031.
    assert power(seeds) > 0.8 - 0.031
    assert power(max(2, seeds - 3)) < 0.8 + 0.031


def test_no_seeds_settle_a_mean_on_a_bound() -> None:
    for mean, low, high in ((0.0, 0.0, INF), (1.0, -1.0, 1.0), (math.nan, 0.0, 1.0)):
        assert seeds_for_window(mean, 1.0, low=low, high=high, alpha=0.05) is None
    assert seeds_for_window(0.0, 1.0, low=-INF, high=INF, alpha=0.05) is None
