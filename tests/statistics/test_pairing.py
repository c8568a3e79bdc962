import math

import numpy as np
import pytest

from fixbench.statistics import pairing, pairs_in_doubt


def arms(seed: int, n: int = 20, shared: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    """Two arms with the correlation shared² / (shared² + 1)."""
    random = np.random.default_rng(seed)
    common = random.normal(size=n) * shared
    return common + random.normal(size=n), common + 5 + random.normal(size=n)


def test_what_pairing_gained() -> None:
    a, b = arms(1)
    found = pairing(a, b)
    assert found.correlation == pytest.approx(np.corrcoef(a, b)[0, 1])
    expected = (np.var(a, ddof=1) + np.var(b, ddof=1)) / np.var(a - b, ddof=1)
    assert found.gain == pytest.approx(expected)
    assert found.seeds_saved == math.floor(20 * (expected - 1))
    assert found.finding == "gain"
    assert found.p_value == 1e-4  # no permutation comes near


def test_p_of_all_permutations() -> None:
    # Of the 24 orders of four values in line, one correlates as much.
    found = pairing([1, 2, 3, 4], [2, 4, 6, 9])
    assert found.p_value == pytest.approx(1 / 24, abs=0.01)


def test_arms_that_share_nothing() -> None:
    found = [pairing(*arms(seed, shared=0.0)) for seed in range(200)]
    assert np.mean([one.finding == "gain" for one in found]) == pytest.approx(0.05, abs=0.06)
    assert np.mean([one.offset is not None for one in found]) < 0.03
    assert np.median([one.gain for one in found]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("offset", [1, -3])
def test_permuted_pairs_are_noticed(offset: int) -> None:
    pairs = []
    for seed in range(3):
        a, b = arms(seed)
        assert pairing(a, b).offset is None
        pairs.append(pairing(a, np.roll(b, offset)))
    assert [one.offset for one in pairs] == [offset] * 3
    assert {one.finding for one in pairs} == {"other pairs correlate more"}
    assert pairs_in_doubt(pairs)


def test_shuffled_pairs_are_noticed_together() -> None:
    random = np.random.default_rng(4)
    kept = [pairing(*arms(seed)) for seed in range(4)]
    assert not pairs_in_doubt(kept)
    shuffled = []
    for seed in range(4):
        a, b = arms(seed)
        shuffled.append(pairing(a, random.permutation(b)))
    assert pairs_in_doubt(shuffled)
    assert not pairs_in_doubt(shuffled[:2])  # two comparisons may well share nothing


def test_an_arm_that_does_not_vary() -> None:
    found = pairing([1, 1, 1, 1], [1, 2, 3, 4])
    assert found.finding == "undefined"
    assert math.isnan(found.correlation)
    assert not pairs_in_doubt([found] * 5)
    with pytest.raises(ValueError, match="both arms"):
        pairing([1, 2], [1, 2, 3])
