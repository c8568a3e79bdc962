"""A claim of an effect in a direction."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from fixbench.statistics import MOST_SEEDS, seeds_for_difference

Make = Callable[..., Any]
Judge = Callable[..., Any]
Claim = dict[str, Any]


def test_reproduced_when_no_tolerance_is_declared(judge: Judge, planted: Make) -> None:
    result = judge(planted(3.0))
    assert result.verdict == "reproduced"
    assert result.effect.estimate == pytest.approx(3.0)
    reach = 2.262157 * 0.1 / math.sqrt(10)
    assert (result.effect.low, result.effect.high) == pytest.approx((3 - reach, 3 + reach))
    assert (result.ruling.finding, result.ruling.side) == ("direction", "above")
    assert result.seeds_needed is None


def test_reproduced_when_the_whole_interval_is_within_the_tolerance(
    judge: Judge, planted: Make
) -> None:
    result = judge(planted(2.1), {"tolerance": 0.3})
    assert result.verdict == "reproduced"
    assert result.ruling.tolerance == pytest.approx((1.7, 2.3))
    assert 1.7 < result.effect.low < result.effect.high < 2.3


def test_direction_only_when_the_interval_leaves_the_tolerance(judge: Judge, planted: Make) -> None:
    # The estimate, 2.25, is within 2 ± 0.3; the end of its interval, 2.32, is not.
    result = judge(planted(2.25), {"tolerance": 0.3})
    assert result.verdict == "direction only"
    assert result.ruling.finding == "size not shown"
    assert result.effect.estimate < result.ruling.tolerance[1] < result.effect.high


def test_direction_only_when_there_is_no_number_to_compare(judge: Judge, planted: Make) -> None:
    result = judge(planted(2.0), {"tolerance": 0.3}, documented={"text": "more"})
    assert result.verdict == "direction only"
    assert result.ruling.finding == "no documented number"


def test_tolerance_on_the_log_scale_is_a_factor(judge: Judge, minus: Make, planted: Make) -> None:
    b = {seed: 5 * math.exp(value) for seed, value in planted(math.log(2.1), base=0).items()}
    decision = {"margin": 1.1, "tolerance": 1.2}
    result = judge(b, decision, effect=minus("b", "a", scale="log"))
    assert result.verdict == "reproduced"
    assert result.effect.estimate == pytest.approx(2.1)
    assert result.ruling.tolerance == pytest.approx((2 / 1.2, 2 * 1.2))
    assert result.ruling.unit == " times"
    wide = judge(b, {**decision, "tolerance": 1.05}, effect=minus("b", "a", scale="log"))
    assert wide.verdict == "direction only"


def test_reversed(judge: Judge, planted: Make) -> None:
    result = judge(planted(-3.0))
    assert result.verdict == "reversed"
    assert (result.ruling.finding, result.ruling.side) == ("opposite", "below")
    assert result.ruling.evidence["different"].p == result.p_adjusted < 1e-4


def test_direction_less(judge: Judge, planted: Make) -> None:
    assert judge(planted(-3.0), {"direction": "less"}).verdict == "reproduced"
    assert judge(planted(3.0), {"direction": "less"}).verdict == "reversed"


def test_a_declared_null_is_what_directions_are_judged_against(judge: Judge, planted: Make) -> None:
    result = judge(planted(3.0), {"null": 4.0})
    assert result.verdict == "reversed"
    assert (result.ruling.side, result.effect.null) == ("below", 4.0)


def test_absent_when_there_is_no_effect(judge: Judge, planted: Make) -> None:
    result = judge(planted(0.0))
    assert result.verdict == "absent"
    assert result.p_equivalence < 1e-6
    assert result.ruling.margin == pytest.approx((-0.5, 0.5))
    assert result.ruling.evidence["equivalent"].p == result.p_equivalence_adjusted


@pytest.mark.parametrize("shift", [0.3, -0.3])
def test_absent_takes_precedence_over_a_difference_too_small_to_matter(
    judge: Judge, shift: float, planted: Make
) -> None:
    result = judge(planted(shift))
    assert result.effect.p_value < 0.001
    assert result.verdict == "absent"
    assert all(evidence.shown for evidence in result.ruling.evidence.values())


def test_inconclusive_names_the_seeds_that_would_settle_it(judge: Judge, planted: Make) -> None:
    result = judge(planted(0.5, spread=12.0), {"margin": 0.1})
    assert result.verdict == "inconclusive"
    needed = seeds_for_difference(0.5, 1.2, null=0.0, alpha=0.05)
    assert result.seeds_needed == needed
    assert needed is not None
    assert needed > 10
    assert (result.ruling.seeds_needed, result.ruling.toward) == (needed, "reproduced")
    assert result.ruling.evidence["different"].p == pytest.approx(0.220, abs=5e-4)
    assert not any(evidence.shown for evidence in result.ruling.evidence.values())


@pytest.mark.parametrize(
    ("shift", "decision", "verdict"),
    [
        (0.5, {"margin": 0.1, "tolerance": 0.3}, "direction only"),
        (-0.5, {"margin": 0.1}, "reversed"),
        (0.05, {"margin": 0.2}, "absent"),
        (0.05, {"rule": "no_difference", "direction": None, "margin": 0.2}, "reproduced"),
        (0.5, {"rule": "no_difference", "direction": None, "margin": 0.2}, "reversed"),
    ],
)
def test_inconclusive_names_the_verdict_that_more_seeds_would_show(
    judge: Judge, shift: float, decision: Claim, verdict: str, planted: Make
) -> None:
    result = judge(planted(shift, spread=12.0), decision)
    assert result.verdict == "inconclusive"
    assert result.seeds_needed > 10
    assert result.ruling.toward == verdict


def test_inconclusive_without_a_feasible_number_of_seeds(judge: Judge, planted: Make) -> None:
    # Observed exactly at the margin, far from the null only by a thousandth of the spread.
    result = judge(planted(0.001, spread=10.0), {"margin": 0.001})
    assert result.verdict == "inconclusive"
    assert result.seeds_needed is None
    assert MOST_SEEDS == 10_000


def test_one_seed_is_inconclusive(judge: Judge) -> None:
    result = judge({0: 9.0}, a={0: 5.0})
    assert result.verdict == "inconclusive"
    assert math.isnan(result.p_adjusted)
    assert math.isnan(result.effect.low)
    assert result.ruling.finding == "one seed"
