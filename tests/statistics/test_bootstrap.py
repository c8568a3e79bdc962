"""Bootstrap-t, against its definition in a loop and against what it promises."""

import math
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fixbench.statistics import _bootstrap as bootstrap
from fixbench.statistics import bootstrap_ts, t_tests


def looped(
    values: list[float], null: float, confidence: float, seed: int, resamples: int
) -> tuple[float, float, float]:
    """Efron and Tibshirani (1993), section 12.5, resample by resample in plain Python."""
    n = len(values)
    mean = math.fsum(values) / n
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    random = np.random.default_rng(seed)
    ratios = []
    for places in random.integers(0, n, (resamples, n)):
        drawn = [values[place] for place in places]
        centre = math.fsum(drawn) / n
        if len(set(drawn)) == 1:
            ratios.append(math.copysign(math.inf, centre - mean) if drawn[0] != mean else 0.0)
            continue
        spread = math.sqrt(math.fsum((value - centre) ** 2 for value in drawn) / (n - 1) / n)
        ratios.append((centre - mean) / spread)
    observed = (mean - null) / error
    smaller = sum(ratio <= observed + 1e-9 for ratio in ratios)
    larger = sum(ratio >= observed - 1e-9 for ratio in ratios)
    p_value = min(1.0, 2 * (min(smaller, larger) + 1) / (resamples + 1))
    # Every null with a p of this or more is in the interval.
    kept = math.ceil(round((resamples + 1) * (1 - confidence) / 2, 9)) - 1
    ratios.sort()
    return mean - ratios[-kept] * error, mean - ratios[kept - 1] * error, p_value


@pytest.mark.parametrize("n", [3, 5, 10, 30])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_it_has_the_numbers_of_a_loop(n: int, confidence: Any) -> None:
    random = np.random.default_rng(n)
    samples = np.concatenate(
        [
            random.lognormal(size=(3, n)),
            1.0 * random.integers(0, 3, (3, n)),
            [[0.0] * (n - 1) + [1]],
        ]
    )
    samples = samples[np.ptp(samples, axis=1) > 0]
    found = bootstrap_ts(samples, null=1.0, confidence=confidence, seed=3, resamples=999)
    for row, values in enumerate(samples.tolist()):
        low, high, p_value = looped(values, 1.0, confidence, 3, 999)
        assert found.low[row] == pytest.approx(low, rel=1e-9)
        assert found.high[row] == pytest.approx(high, rel=1e-9)
        assert found.p_value[row] == pytest.approx(p_value, rel=1e-12)


def test_p_and_interval_never_disagree() -> None:
    samples = np.random.default_rng(2).lognormal(size=(400, 6)) - 1.0
    for confidence in (0.8, 0.95, 0.99):
        found = bootstrap_ts(samples, confidence=confidence, resamples=999)
        outside = (found.low > 0) | (found.high < 0)
        assert (outside == (found.p_value < round(1 - confidence, 9))).all()
        assert 0 < outside.mean() < 1


def test_three_values_by_hand() -> None:
    # Of the 27 resamples of 1, 2 and 6, by far the most with ratios at both ends are three times
    # one value: 1/27 on the right of the mean, 2/27 on the left, each more than 2.5 %.
    found = bootstrap_ts([[1.0, 2.0, 6.0]], null=-1e6, resamples=99_999)
    assert (found.low[0], found.high[0]) == (-math.inf, math.inf)
    assert found.p_value[0] == pytest.approx(2 / 27, abs=0.005)
    # Nine equal seeds and one other: 0.9¹⁰ of the resamples never draw it, so that nothing is said
    # on its side, where another draw could lie as far out.
    found = bootstrap_ts([[0.0] * 9 + [1.0]], null=1e6, resamples=99_999)
    assert found.high[0] == math.inf
    assert math.isfinite(found.low[0])
    assert found.p_value[0] == pytest.approx(2 * 0.9**10, abs=0.01)


def test_it_follows_skewness_where_student_t_does_not() -> None:
    """Hall (1988): each end of the interval is nearer to its own 2.5 %."""
    samples = np.random.default_rng(4).exponential(size=(4_000, 20))
    resampled, student = bootstrap_ts(samples, resamples=999), t_tests(samples)
    above, theirs = (float((found.high < 1).mean()) for found in (resampled, student))
    assert theirs > 0.06
    assert above < 0.75 * theirs
    # On normal samples it keeps about its level.
    normal = bootstrap_ts(np.random.default_rng(5).normal(size=(4_000, 20)), resamples=999)
    errors = int((normal.p_value < 0.05).sum())
    assert stats.binomtest(errors, 4_000, 0.05).pvalue > 1e-4


def test_blocks_are_the_same_and_bounded_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(1).normal(size=(200, 12))
    whole = bootstrap_ts(samples, resamples=999)
    monkeypatch.setattr(bootstrap, "_LARGEST", 5_000)
    tracemalloc.start()
    blocks = bootstrap_ts(samples, resamples=999)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert blocks.low == pytest.approx(whole.low, rel=1e-9)
    assert blocks.high == pytest.approx(whole.high, rel=1e-9)
    assert (blocks.p_value == whole.p_value).all()
    assert peak < 200 * 999 * 8  # not even all resampled means at once


def test_what_is_undefined_is_so_in_silence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bootstrap_ts([[2.0] * 4, [1.0, 2.0, math.inf, 3.0], [1.0, 2.0, 4.0, 5.0]])
        few = bootstrap_ts([[1.0, 2.0]])
    assert np.isnan([found.low[:2], found.high[:2], found.p_value[:2]]).all()
    assert found.low[2] < 3 < found.high[2]
    assert np.isnan([few.low, few.high, few.p_value]).all()
