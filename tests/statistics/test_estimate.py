import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from fixbench.statistics import (
    clustered_interval,
    estimate_effect,
    hedges_correction,
    inside,
    is_constant,
    not_worse,
    outside,
    student_t,
    tost,
)

SAMPLE = [0.9, 1.4, 0.2, 1.1, 0.7]
samples = st.lists(
    st.floats(-50, 50).map(lambda value: round(value, 3)), min_size=2, max_size=9
).filter(lambda values: np.ptp(values) > 0.01)


def test_student_t_by_hand() -> None:
    found = student_t(SAMPLE, null=0.5)
    # Mean 4.3/5; sum of squares about it 0.812; t(0.975, 4) = 2.776445 from tables.
    error = math.sqrt(0.812 / 4 / 5)
    assert found.mean == pytest.approx(0.86)
    assert found.low == pytest.approx(0.86 - 2.776445 * error, rel=1e-6)
    assert found.high == pytest.approx(0.86 + 2.776445 * error, rel=1e-6)
    assert found.p_value == pytest.approx(2 * stats.t.sf(0.36 / error, 4))


@given(samples, st.floats(-5, 5), st.sampled_from([0.8, 0.95, 0.99]))
def test_student_t_agrees_with_statsmodels_and_with_its_interval(
    values: Any, null: Any, level: Any
) -> None:
    found = student_t(values, null=null, confidence=level)
    other = DescrStatsW(values)
    assert found.p_value == pytest.approx(other.ttest_mean(null)[1], abs=1e-12)
    assert (found.low, found.high) == pytest.approx(other.tconfint_mean(1 - level))
    if abs(found.p_value - (1 - level)) > 1e-9:
        assert (found.p_value < 1 - level) == (not found.low <= null <= found.high)


def test_hedges_correction_is_the_published_factor_and_removes_the_bias() -> None:
    # Hedges (1981), table of c(m): m = 2, 5, 10, 20.
    published = {2: 0.5642, 5: 0.8408, 10: 0.9228, 20: 0.9619}
    for degrees, factor in published.items():
        assert hedges_correction(degrees) == pytest.approx(factor, abs=2e-4)
    assert math.isnan(hedges_correction(1))
    draws = np.random.default_rng(5).normal(0.7, 1, (200_000, 5))
    plain = draws.mean(axis=1) / draws.std(axis=1, ddof=1)
    assert (plain * hedges_correction(4)).mean() == pytest.approx(0.7, abs=0.01)
    assert plain.mean() > 0.85


def test_the_whole_estimate_on_the_log_scale_by_hand() -> None:
    ratios = {4: 2.0, 1: 4.0, 7: 8.0}
    found = estimate_effect({seed: math.log(r) for seed, r in ratios.items()}, scale="log")
    assert found.null == 1.0
    assert found.estimate == pytest.approx(4.0)
    assert found.low * found.high == pytest.approx(16.0)
    assert found.low == pytest.approx(4 * 2 ** (-4.302653 / math.sqrt(3)), rel=1e-6)
    assert found.standard_deviation == pytest.approx(math.log(2))
    # Mean over SD is 2; Hedges' factor for 2 degrees of freedom is 1/sqrt(pi).
    assert found.standardised == pytest.approx(2 / math.sqrt(math.pi))
    assert list(found.per_seed) == [1, 4, 7]
    assert found.per_seed[1] == pytest.approx(4.0)
    assert (found.n, found.n_failed) == (3, 0)


@pytest.mark.parametrize(("scale", "null", "shift"), [("plain", 0.4, 0.4), ("log", 1.5, 0.405465)])
def test_the_null_moves_every_test_and_no_interval(scale: Any, null: Any, shift: float) -> None:
    moved = estimate_effect(dict(enumerate(SAMPLE)), scale=scale, null=null)
    centred = estimate_effect({s: v - shift for s, v in enumerate(SAMPLE)}, scale=scale)
    assert moved.p_value == pytest.approx(centred.p_value, rel=1e-4)
    assert moved.p_bootstrap_t == centred.p_bootstrap_t
    assert moved.standardised == pytest.approx(centred.standardised, rel=1e-4)
    plain = student_t(SAMPLE)
    natural = {"plain": float, "log": math.exp}[scale]
    assert (moved.low, moved.high) == pytest.approx((natural(plain.low), natural(plain.high)))


@given(samples)
@settings(max_examples=30)
def test_symmetries(values: Any) -> None:
    plain = estimate_effect(dict(enumerate(values)))
    mirrored = estimate_effect({seed: -value for seed, value in enumerate(values)})
    scaled = estimate_effect({seed: 3 * value for seed, value in enumerate(values)})
    renamed = estimate_effect(dict(zip(reversed(range(len(values))), values, strict=True)))
    assert mirrored.estimate == pytest.approx(-plain.estimate)
    assert (mirrored.low, mirrored.high) == pytest.approx((-plain.high, -plain.low))
    assert (scaled.low, scaled.high) == pytest.approx((3 * plain.low, 3 * plain.high))
    for other in (mirrored, scaled, renamed):
        assert other.p_value == pytest.approx(plain.p_value, abs=1e-12)
    # A mirrored sample has the mirrored resamples: each seed is drawn as often.
    assert mirrored.p_bootstrap_t == pytest.approx(plain.p_bootstrap_t, nan_ok=True)
    for other in (scaled, renamed):
        assert other.standardised == pytest.approx(plain.standardised, nan_ok=True)
        assert other.estimate == pytest.approx(plain.estimate * (3 if other is scaled else 1))


@given(samples)
@settings(max_examples=20)
def test_swapped_log_terms_give_the_reciprocal(values: Any) -> None:
    there = estimate_effect({s: v / 10 for s, v in enumerate(values)}, scale="log")
    back = estimate_effect({s: -v / 10 for s, v in enumerate(values)}, scale="log")
    assert there.estimate * back.estimate == pytest.approx(1)
    assert there.low * back.high == pytest.approx(1)
    assert there.p_value == pytest.approx(back.p_value)


@given(samples, st.integers(-996, 996))
@settings(max_examples=60)
def test_a_power_of_two_scales_numbers_and_leaves_p(values: Any, exponent: Any) -> None:
    """From 1e-300 to 1e300, to the last bit."""
    factor = 2.0**exponent

    def summarised(factor: Any) -> Any:
        x = [value * factor for value in values]
        found = estimate_effect(dict(enumerate(x)), null=0.5 * factor)
        clustered = clustered_interval([[value, value / 2] for value in x])
        scaled = [found.estimate, found.low, found.high, found.standard_deviation]
        scaled += [found.bootstrap_low, found.bootstrap_high]
        scaled += [clustered.low, clustered.high, clustered.standard_error]
        same = [found.p_value, found.p_bootstrap_t, found.standardised]
        same += [tost(x, low=-factor, high=factor)]
        same += [not_worse(x, bound=-factor, direction="greater"), is_constant(x)]
        return scaled, same

    scaled, same = summarised(factor)
    expected_scaled, expected_same = summarised(1.0)
    np.testing.assert_array_equal(same, expected_same)
    np.testing.assert_allclose(scaled, np.multiply(expected_scaled, factor), rtol=1e-15)


@pytest.mark.parametrize("values", [[5e-324, 1e-322, 0.0], [1e300, -1e300, 9e299]])
def test_the_smallest_and_the_greatest_numbers_are_no_mistake(values: Any) -> None:
    found = estimate_effect(dict(enumerate(values)))
    assert found.low < found.high
    assert 0 < found.p_value < 1
    assert not is_constant(values)
    assert not is_constant([1e308, -1e308])
    # A null infinitely far from samples so small.
    assert student_t([1e-310, 2e-310, 4e-310], null=0.5).p_value == 0
    assert tost([1e-310, 2e-310, 4e-310], low=-0.5, high=0.5) == 0


def test_equal_values_that_are_the_null() -> None:
    found = estimate_effect(dict.fromkeys(range(10), 0.0))
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, 0.0)
    assert found.p_value == 1.0
    assert np.isnan([found.p_bootstrap_t, found.bootstrap_low, found.bootstrap_high]).all()
    assert found.standard_deviation == 0.0
    assert math.isnan(found.standardised)


def test_equal_values_away_from_the_null_have_the_p_of_the_sign_test() -> None:
    found = estimate_effect(dict.fromkeys(range(6), 0.1))
    assert (found.estimate, found.low, found.high) == (0.1, 0.1, 0.1)
    assert found.p_value == 2 / 2**6


def test_rounding_is_not_variation() -> None:
    values = [1000.1 - 1000.0, 0.1, 100.1 - 100.0, 10.1 - 10.0]
    assert len(set(values)) > 1
    assert is_constant(values)
    assert student_t(values).p_value == 2 / 2**4
    assert not is_constant([1.0, 1.0 + 1e-6])


def test_one_seed_gives_no_interval_and_no_test() -> None:
    found = estimate_effect({3: 1.5})
    assert found.estimate == 1.5
    undefined = (
        found.low,
        found.high,
        found.p_value,
        found.p_bootstrap_t,
        found.standard_deviation,
    )
    assert np.isnan(undefined).all()


def test_failed_seeds_are_counted_and_left_out_of_the_complete_cases() -> None:
    found = estimate_effect({0: 1.0, 1: 2.0, 2: 9.0}, failed={2})
    assert (found.n, found.n_failed) == (3, 1)
    assert found.estimate == 4.0
    assert found.complete_case == 1.5
    assert math.isnan(estimate_effect({0: 1.0, 1: 2.0}, failed={0, 1}).complete_case)


@pytest.mark.parametrize("missing", [math.nan, math.inf, -math.inf])
def test_a_seed_without_a_number_leaves_no_estimate(missing: float) -> None:
    found = estimate_effect({0: 1.0, 1: missing, 2: 2.0}, failed={1})
    numbers = (found.estimate, found.low, found.high, found.p_value, found.standard_deviation)
    assert np.isnan([*numbers, found.p_bootstrap_t, found.bootstrap_low]).all()
    assert found.complete_case == 1.5
    assert found.n == 3
    values = [1.0, 2.0, missing]
    student = student_t(values)
    assert np.isnan([student.mean, student.low, student.high, student.p_value]).all()
    bounds = {"low": 0.0, "high": 3.0}
    assert np.isnan([test(values, **bounds) for test in (tost, inside, outside)]).all()
    assert math.isnan(not_worse(values, bound=0, direction="greater"))
    assert not is_constant(values)
