import numpy as np
import pytest
from scipy import stats

from fixbench.statistics import interquartile_mean, performance_profile


@pytest.mark.parametrize("shape", [(10, 3), (7, 5), (3, 1), (2, 2)])
def test_value_is_the_trimmed_mean(shape: tuple[int, int]) -> None:
    scores = np.random.default_rng(1).lognormal(size=shape)
    expected = stats.trim_mean(scores, 0.25, axis=None)
    assert interquartile_mean(scores).value == pytest.approx(expected)


def test_value_by_hand() -> None:
    # Of 1 to 8, two are cut at each end: 3, 4, 5, 6 are left.
    assert interquartile_mean([[1, 8], [2, 7], [3, 6], [4, 5]]).value == 4.5


def test_interval_covers() -> None:
    random = np.random.default_rng(2)
    found = [
        interquartile_mean(random.normal(1, 1, (12, 6)), resamples=400, confidence=0.9)
        for _ in range(200)
    ]
    inside = np.mean([one.low <= 1 <= one.high for one in found])
    assert 0.82 <= inside <= 0.95


def test_strata_are_tasks() -> None:
    # Seeds of one task are the same: whatever is drawn, the tasks keep their shares.
    scores = np.tile([0.0, 1.0, 2.0, 9.0], (6, 1))
    found = interquartile_mean(scores)
    assert (found.value, found.low, found.high) == (1.5, 1.5, 1.5)


def test_profile_by_hand() -> None:
    scores = [[0.1, 0.9], [0.4, 0.9]]
    found = performance_profile(scores, [0, 0.1, 0.5, 1])
    assert found.share == (1.0, 0.75, 0.5, 0.0)
    assert found.low == (1.0, 0.5, 0.5, 0.0)
    assert found.high == (1.0, 1.0, 0.5, 0.0)


def test_scores_that_are_no_table() -> None:
    for wrong in ([1.0, 2.0], [[1.0, np.nan]], np.empty((0, 3))):
        with pytest.raises(ValueError, match="a row for each seed"):
            interquartile_mean(wrong)
