import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import stats

from fixbench.statistics import _bootstrap as bootstrap
from fixbench.statistics import bca_interval, bca_intervals


def scipy_bca(values, confidence=0.95, seed=0, resamples=9_999):
    found = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=confidence,
        n_resamples=resamples,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return found.low, found.high


@pytest.mark.parametrize("n", [3, 5, 10, 30])
@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_bca_has_the_numbers_of_scipy(n, confidence):
    samples = np.random.default_rng(n).lognormal(size=(6, n))
    # Resampled means that equal the observed one count as such here; in scipy only where sums
    # carry no rounding, as those of binary fractions. From n = 10 on it makes little difference.
    compared = [(np.round(samples * 1024) / 1024, 1e-9), (samples, 1e-3)]
    for values, agreement in compared if n >= 10 else compared[:1]:
        low, high = bca_intervals(values, confidence=confidence, seed=3)
        for sample, *found in zip(values, low, high, strict=True):
            assert found == pytest.approx(scipy_bca(sample, confidence, 3), rel=agreement)
            one = bca_interval(sample, confidence=confidence, seed=3)
            assert one == pytest.approx(found, rel=1e-12)


def test_bca_of_three_values_counts_ties_as_ties():
    # 2/9 of the resamples are a permutation of the sample; rounding must not split them.
    values = np.array([0.1, 0.2, 0.3])
    low, high = bca_intervals(np.stack([values, values * 1024]), resamples=999)
    assert high[1] / high[0] == pytest.approx(1024, rel=1e-12)
    assert low[1] / low[0] == pytest.approx(1024, rel=1e-12)


def test_bca_in_blocks_is_the_same_and_bounded_in_memory(monkeypatch):
    samples = np.random.default_rng(1).normal(size=(40, 12))
    whole = np.array(bca_intervals(samples, resamples=999))
    monkeypatch.setattr(bootstrap, "_LARGEST", 5_000)
    tracemalloc.start()
    blocks = np.array(bca_intervals(samples, resamples=999))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert blocks == pytest.approx(whole, rel=1e-9)
    assert peak < 40 * 999 * 8  # not even all resampled means at once


def test_bca_without_variance_is_undefined_and_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = bca_intervals([[2.0, 2.0, 2.0], [1.0, 2.0, 4.0]], resamples=999)
    assert np.isnan([low[0], high[0]]).all()
    assert low[1] < 7 / 3 < high[1]
