"""What stands beside a verdict: equal seeds, skewed seeds, tests that disagree."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

Make = Callable[..., Any]
Judge = Callable[..., Any]


@pytest.mark.parametrize("scale", ["plain", "log"])
@pytest.mark.parametrize("n", [1, 3, 10])
@pytest.mark.parametrize("rule", ["difference", "no_difference"])
def test_identical_arms_never_give_a_direction(
    judge: Judge, minus: Make, scale: str, n: int, rule: str, planted: Make
) -> None:
    same = planted(0.0, n=n)
    decision = {"rule": rule, "margin": 1.5}
    result = judge(same, decision, a=same, effect=minus("b", "a", scale=scale))
    silent = {"difference": "absent", "no_difference": "reproduced"}[rule]
    assert result.verdict == (silent if n == 10 else "inconclusive")
    if n > 1:
        assert result.effect.p_value == 1.0
    if n == 10:
        assert result.p_equivalence == 2**-10


def test_equal_values_in_all_seeds_are_judged_by_the_sign_flip_floor(judge: Judge) -> None:
    result = judge(dict.fromkeys(range(10), 8.0))
    assert result.verdict == "reproduced"
    assert result.effect.p_value == 2 / 1024
    assert (result.effect.low, result.effect.high) == (3.0, 3.0)
    assert result.notes == (
        # Numbers as coarse as 5 and 8 may repeat by chance: they are named.
        "All 10 seeds give the same values to the last bit in everything that was measured; does "
        "the program use its seed? They are counted as they are.",
        "All 10 seeds gave 3.00 nat: the interval has no width, and p is that of the sign test, "
        "which is about the median. Another value may have been missed if it occurs in fewer than "
        "26 % of seeds; if the effect is exact by arithmetic, there is none.",
    )
    few = judge(dict.fromkeys(range(4), 8.0), a=dict.fromkeys(range(4), 5.0))
    assert few.verdict == "inconclusive"
    assert few.seeds_needed == 6
    assert any("sign-flip test cannot give p < 0.05" in note for note in few.notes)


@pytest.mark.parametrize(("n", "decides"), [(2, False), (5, False), (6, True), (10, True)])
def test_equal_seeds_decide_a_control_or_precondition_as_the_sign_test_asks(
    judge: Judge, minus: Make, n: int, decides: bool, planted: Make, control: Make
) -> None:
    def judged(c: Any, **changes: Any) -> Any:
        rows = {seed: c[seed] for seed in range(n)}
        a = dict.fromkeys(range(n), 5.0)
        return judge(planted(3.0, n=n), a=a, runs={"c": rows}, **changes)

    rival = control(minus("c", "a"), explains_above=0.4)
    needed = {"name": "needed", "meaning": "m", "effect": minus("c", "a"), "above": 0.4}
    equal = dict.fromkeys(range(10), 5.5)
    few = "It decides nothing, as equal seeds do so only from 6 on."
    for key, name, extra in (("controls", "inert", rival), ("preconditions", "needed", needed)):
        result = judged(equal, **{key: [extra]})
        (item,) = getattr(result, key)
        assert (item.effect.low, item.effect.high) == (0.5, 0.5)
        side = "explains" if key == "controls" else "met"
        assert item.state == (side if decides else "open")
        assert any(f"{name!r}: All {n} seeds gave 0.500" in note for note in result.notes)
        assert (f"{name!r}: {few}" in result.notes) is not decides
        # Seeds that vary, however little, have an interval of their own.
        (item,) = getattr(judged(planted(0.5, spread=0.01), **{key: [extra]}), key)
        assert item.state == side
    # What decides nothing needs no such note.
    shown = judged(equal, controls=[control(minus("c", "a"))])
    assert not any("seeds gave" in note for note in shown.notes)


def test_tests_that_disagree_are_noted(judge: Judge) -> None:
    # One seed far out: the t-test doubts, all signs agree.
    values = {seed: 5.1 + 0.01 * seed for seed in range(9)} | {9: 25.0}
    result = judge(values)
    assert result.effect.p_value > 0.05 > result.effect.p_sign_flip
    assert any(note.startswith("The tests disagree before adjustment") for note in result.notes)


def test_skewed_seeds_are_noted_beside_the_verdict_which_stays(judge: Judge, planted: Make) -> None:
    even = judge(planted(3.0))
    assert even.ruling.skewness is None
    # One seed of ten collapsed, by hand: effects 3 (nine times, about) and -1.
    collapsed = planted(3.0) | {7: 4.0}
    values = np.array([collapsed[seed] - 5 for seed in range(10)])
    share = (values[7] - values.mean()) ** 2 / ((values - values.mean()) ** 2).sum()
    skewness = stats.skew(values, bias=False) / math.sqrt(6 * 10 * 9 / (8 * 11 * 13))
    assert skewness < -4
    found = judge(collapsed)
    assert found.verdict == "reproduced"
    assert found.ruling.skewness.value == pytest.approx(skewness)
    assert found.ruling.skewness.share == pytest.approx(share)
    assert found.ruling.skewness.seed == 7
    assert "seed 7 alone" in found.reason
    # The mirror image as well; an exact test and the same value in all seeds not at all.
    assert judge(planted(3.0) | {7: 12.0}).ruling.skewness.seed == 7
    assert judge(dict.fromkeys(range(10), 8.0)).ruling.skewness is None


def test_seeds_other_than_the_planned_ones_are_noted(judge: Judge, planted: Make) -> None:
    assert judge(planted(3.0)).notes == ()
    fewer = judge(planted(3.0, n=3), a=dict.fromkeys(range(3), 5.0))
    assert "Run with seeds [0, 1, 2]; tier 'small' declares [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]." in (
        fewer.notes
    )
