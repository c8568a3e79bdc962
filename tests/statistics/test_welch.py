"""Independent samples, against scipy's own Welch test and against theory."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from fixbench.statistics import (
    estimate_unpaired,
    hedges_correction,
    student_t,
    welch,
    welch_inside,
    welch_outside,
    welch_tost,
)

settings.register_profile("welch", deadline=None, derandomize=True)
settings.load_profile("welch")
numbers = st.floats(-5, 5).map(lambda value: round(value, 3))
arms = st.lists(numbers, min_size=2, max_size=12).filter(lambda x: np.std(x) > 1e-2)
INF = math.inf


def minus(values: list[float]) -> list[float]:
    return [-value for value in values]


@given(arms, arms, st.sampled_from([0.9, 0.95, 0.99]))
def test_two_arms_give_what_scipy_gives(a: list[float], b: list[float], confidence: float) -> None:
    found = welch([a, minus(b)], confidence=confidence)
    other = stats.ttest_ind(a, b, equal_var=False)
    interval = other.confidence_interval(confidence)
    assert found.mean == pytest.approx(np.mean(a) - np.mean(b), abs=1e-12)
    assert found.p_value == pytest.approx(other.pvalue, rel=1e-9)
    assert found.degrees_of_freedom == pytest.approx(other.df, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


@given(arms)
def test_one_arm_gives_what_students_t_gives(a: list[float]) -> None:
    found, other = welch([a], null=0.5), student_t(a, null=0.5)
    assert found.p_value == pytest.approx(other.p_value, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((other.low, other.high), rel=1e-9)


@given(arms, arms, st.floats(-2, 0), st.floats(0.01, 2))
def test_both_sides_of_bounds_are_one_sided_tests_of_scipy(
    a: list[float], b: list[float], low: float, high: float
) -> None:
    def one_sided(bound: float, side: str) -> float:
        moved = [value - bound for value in a]
        return float(stats.ttest_ind(moved, b, equal_var=False, alternative=side).pvalue)

    samples = [a, minus(b)]
    above, below = one_sided(low, "greater"), one_sided(high, "less")
    assert welch_tost(samples, low=low, high=high) == pytest.approx(max(above, below), rel=1e-8)
    assume(abs(above - 0.5) > 1e-9 and abs(below - 0.5) > 1e-9)
    doubled = [min(1.0, 2 * p) if p < 0.5 else 1.0 for p in (above, below)]
    assert welch_inside(samples, low=low, high=high) == pytest.approx(max(doubled), rel=1e-8)
    beyond = [2 * (1 - p) if p > 0.5 else 1.0 for p in (above, below)]
    assert welch_outside(samples, low=low, high=high) == pytest.approx(min(beyond), abs=1e-9)
    assert welch_inside(samples, low=low, high=INF) == pytest.approx(doubled[0], rel=1e-8)
    assert math.isnan(welch_outside(samples, low=-INF, high=INF))


@given(arms, arms, st.integers(-300, 300))
def test_no_unit_matters(a: list[float], b: list[float], exponent: int) -> None:
    factor = 2.0**exponent
    found = welch([[x * factor for x in a], [-x * factor for x in b]])
    plain = welch([a, minus(b)])
    assert found.p_value == plain.p_value
    assert found.mean == plain.mean * factor
    assert found.low == plain.low * factor


def test_arms_that_do_not_vary_give_the_permutation_test() -> None:
    a, b = [0.9] * 4, [0.8] * 3
    pooled = [*a, *b]
    differences = []
    for chosen in combinations(range(7), 4):
        first = [pooled[i] for i in chosen]
        second = [pooled[i] for i in range(7) if i not in chosen]
        differences.append(np.mean(first) - np.mean(second))
    extreme = np.mean(np.array(differences) >= 0.1 - 1e-12)
    found = welch([a, minus(b)])
    assert found.p_value == pytest.approx(2 * extreme)
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
    assert welch_tost([a, minus(b)], low=0.0, high=0.2) == pytest.approx(extreme)
    assert welch_tost([a, minus(b)], low=0.0, high=0.05) == 1.0
    assert welch([a, minus([0.9] * 3)]).p_value == 1.0


@pytest.mark.parametrize("samples", [[[1.0, 2.0], [3.0]], [[1.0], [2.0]]])
def test_one_run_of_an_arm_allows_no_test(samples: list[list[float]]) -> None:
    found = welch(samples)
    assert found.mean == pytest.approx(sum(map(np.mean, samples)))
    assert math.isnan(found.p_value)
    assert math.isnan(found.low)
    assert math.isnan(welch_tost(samples, low=-1, high=1))


@pytest.mark.parametrize("samples", [[[1.0, math.nan], [3.0, 4.0]], [[], [1.0, 2.0]], []])
def test_without_a_number_there_is_none(samples: list[list[float]]) -> None:
    found = welch(samples)
    assert all(map(math.isnan, (found.mean, found.low, found.high, found.p_value)))


@pytest.mark.parametrize(
    ("sizes", "ratio", "most"),
    [((5, 5), 1, 0.055), ((5, 30), 4, 0.055), ((10, 5), 10, 0.055), ((3, 30), 1, 0.08)],
)
def test_equal_variants_are_called_different_as_often_as_the_readme_says(
    sizes: tuple[int, int], ratio: float, most: float
) -> None:
    random = np.random.default_rng(3)
    wrong, times = 0, 8000
    for _ in range(times):
        a = random.normal(0, 1, sizes[0])
        b = random.normal(0, ratio, sizes[1])
        wrong += welch([a, -b]).p_value < 0.05
    error = math.sqrt(most * (1 - most) / times)
    assert 0.03 < wrong / times < most + 3 * error


def test_an_estimate_has_sizes_ratios_and_an_effect_size() -> None:
    a, b = [math.log(2.0), math.log(2.2), math.log(2.1)], [math.log(1.0), math.log(1.1)]
    found = estimate_unpaired({"a": a, "b": minus(b)}, scale="log", failed={"a": 1})
    assert found.estimate == pytest.approx(np.exp(np.mean(a) - np.mean(b)))
    assert [(arm.variant, arm.n, arm.n_failed) for arm in found.arms] == [("a", 3, 1), ("b", 2, 0)]
    assert (found.n, found.n_failed, found.null) == (5, 1, 1.0)
    spread = math.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
    expected = (np.mean(a) - np.mean(b)) / spread * hedges_correction(3)
    assert found.standardised == pytest.approx(expected)
    assert found.per_seed == {}
