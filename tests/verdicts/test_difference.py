"""A claim of an effect in a direction."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from fixbench.statistics import MOST_SEEDS, seeds_for_difference, seeds_for_window

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
    assert result.ruling.finding == "size open"
    # 0.05 from the end of the tolerance; to show the margin takes fewer.
    needed = seeds_for_window(2.25, 0.1, low=1.7, high=2.3, alpha=0.05)
    assert (result.seeds_needed, result.ruling.toward) == (needed, "reproduced")
    assert needed is not None
    assert needed > 10
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
    # 2.1 / 1.0737 to 2.1 · 1.0741, beside 1.905 to 2.1.
    assert wide.verdict == "direction only"


def test_reversed(judge: Judge, planted: Make) -> None:
    result = judge(planted(-3.0))
    assert result.verdict == "reversed"
    assert (result.ruling.finding, result.ruling.side) == ("opposite, beyond the margin", "below")
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
@pytest.mark.parametrize("direction", ["greater", "less"])
def test_a_difference_too_small_to_matter_is_negligible_or_absent(
    judge: Judge, shift: float, direction: str, planted: Make
) -> None:
    result = judge(planted(shift), {"direction": direction})
    assert result.effect.p_value < 0.001
    documented = (shift > 0) == (direction == "greater")
    assert result.verdict == ("negligible" if documented else "absent")
    assert {kind: item.shown for kind, item in result.ruling.evidence.items()} == {
        "different": True,
        "equivalent": True,
        "beyond": False,
    }


# Intervals of ± 0.0715 beside 2 ± 0.3.
@pytest.mark.parametrize(
    ("shift", "verdict", "finding"),
    [
        (2.3716, "another size", "another size"),
        (2.3715, "direction only", "size open"),
        (2.2284, "reproduced", "size"),
        (1.7716, "reproduced", "size"),
        (1.6285, "direction only", "size open"),
        (1.6284, "another size", "another size"),
    ],
)
def test_another_size_where_the_whole_interval_is_outside_the_tolerance(
    judge: Judge, shift: float, verdict: str, finding: str, planted: Make
) -> None:
    result = judge(planted(shift), {"tolerance": 0.3})
    assert (result.verdict, result.ruling.finding) == (verdict, finding)
    if verdict == "another size":
        # What fails may have had the documented size.
        failing = judge(planted(shift), {"tolerance": 0.3}, failed=[("b", 4)])
        assert (failing.verdict, failing.ruling.finding) == ("direction only", "runs fail")
        assert failing.seeds_needed is None


@pytest.mark.parametrize(("shift", "verdict"), [(0.5716, "reproduced"), (0.5715, "direction only")])
@pytest.mark.parametrize("direction", ["greater", "less"])
def test_reproduced_only_where_it_is_shown_to_be_at_least_the_margin(
    judge: Judge, shift: float, verdict: str, direction: str, planted: Make
) -> None:
    sign = 1 if direction == "greater" else -1
    result = judge(planted(sign * shift, spread=sign), {"direction": direction})
    assert result.verdict == verdict
    assert result.ruling.evidence["beyond"].shown == (verdict == "reproduced")
    if verdict == "direction only":
        needed = seeds_for_difference(shift, 0.1, null=0.5, alpha=0.05)
        assert (result.seeds_needed, result.ruling.toward) == (needed, "reproduced")
        assert f"about {needed} seeds would show 'reproduced'" in result.reason


def test_the_margin_is_around_a_declared_null(judge: Judge, planted: Make) -> None:
    # 4 ± 0.5: an effect of 4.55 ± 0.07 is above the null, not shown to be beyond the margin.
    assert judge(planted(4.55), {"null": 4.0}).verdict == "direction only"
    assert judge(planted(4.58), {"null": 4.0}).verdict == "reproduced"
    assert judge(planted(4.3), {"null": 4.0}).verdict == "negligible"
    assert judge(planted(3.7), {"null": 4.0}).verdict == "absent"
    assert judge(planted(3.45), {"null": 4.0}).ruling.finding == "opposite"


@pytest.mark.parametrize(
    ("direction", "ratio", "verdict"),
    [
        ("less", 0.5, "reproduced"),
        ("less", 0.82, "direction only"),
        ("less", 0.95, "negligible"),
        ("less", 1.05, "absent"),
        ("less", 2.0, "reversed"),
        ("greater", 2.0, "reproduced"),
        ("greater", 0.5, "reversed"),
    ],
)
def test_zones_on_the_log_scale_are_factors(
    judge: Judge, minus: Make, planted: Make, direction: str, ratio: float, verdict: str
) -> None:
    # The margin 1.25 is 0.8 to 1.25; SD 0.05 makes an interval of a factor 1.0364 to each side,
    # except for 0.82, whose SD of 0.1 makes it 0.763 to 0.881.
    spread = 1.0 if ratio == 0.82 else 0.5
    logs = planted(math.log(ratio), base=0, spread=spread)
    b = {seed: 5 * math.exp(value) for seed, value in logs.items()}
    decision = {"direction": direction, "margin": 1.25}
    assert judge(b, decision, effect=minus("b", "a", scale="log")).verdict == verdict


def test_inconclusive_names_the_seeds_that_would_settle_it(judge: Judge, planted: Make) -> None:
    result = judge(planted(0.5, spread=12.0), {"margin": 0.1})
    assert result.verdict == "inconclusive"
    needed = seeds_for_difference(0.5, 1.2, null=0.1, alpha=0.05)
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
        (0.5, {"rule": "no_difference", "direction": None, "margin": 0.2}, "refuted"),
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
