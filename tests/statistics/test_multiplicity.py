import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixbench.statistics import holm, reachable, student_t

families = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.floats(0, 1), min_size=1)


def step_down(p_values: Any) -> Any:
    """Holm (1979), written out: (m - i) times the i-th smallest, never decreasing, at most 1."""
    adjusted, running = {}, 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        running = max(running, min(1.0, (len(p_values) - rank) * p))
        adjusted[name] = running
    return adjusted


def test_holm_by_hand() -> None:
    found = holm({"x": 0.03, "y": 0.01, "z": 0.04})
    assert found == pytest.approx({"x": 0.06, "y": 0.03, "z": 0.06})
    assert list(found) == ["x", "y", "z"]
    assert holm({}) == {}


@given(families)
def test_holm_agrees_with_its_definition_and_is_monotone(p_values: dict[str, float]) -> None:
    found = holm(p_values)
    assert found == pytest.approx(step_down(p_values))
    ordered = sorted(p_values, key=p_values.__getitem__)
    for smaller, larger in pairwise(ordered):
        assert found[smaller] <= found[larger]
    assert all(p_values[name] <= found[name] + 1e-15 <= 1 + 1e-12 for name in found)


def test_an_untested_claim_still_counts_in_the_family() -> None:
    found = holm({"x": 0.02, "y": math.nan})
    assert found["x"] == pytest.approx(0.04)
    assert math.isnan(found["y"])


def test_reachability_of_ten_seeds() -> None:
    # 25 · 2/1024 < 0.05 < 26 · 2/1024.
    assert reachable(10, 25, 0.05).possible
    assert not reachable(10, 26, 0.05).possible
    assert reachable(10, 26, 0.05).smallest_n == 11
    assert reachable(5, 1, 0.05).smallest_p == student_t([2.0] * 5).p_value
    assert reachable(1, 3, 0.05).smallest_p_adjusted == 1.0


@given(st.integers(1, 30), st.integers(1, 200), st.sampled_from([0.01, 0.05, 0.1]))
def test_the_smallest_number_of_seeds_is_the_smallest(n: int, family: int, alpha: float) -> None:
    found = reachable(n, family, alpha)
    assert found.possible == (found.smallest_p_adjusted < alpha)
    assert reachable(found.smallest_n, family, alpha).possible
    assert not reachable(found.smallest_n - 1, family, alpha).possible
