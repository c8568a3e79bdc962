"""The facts in words: one sentence that stands for each rule, and what is written around it."""

from collections.abc import Callable
from typing import Any

import pytest

from fixbench.verdicts import write_reason

Make = Callable[..., Any]
Judge = Callable[..., Any]

BASE = dict.fromkeys(range(10), 5.0)
SHARE = {"rule": "share", "direction": "greater", "null": 0.5, "margin": None}
TERMS = [{"variant": "b", "metric": "loss", "stage": "test", "at": "mean"}]


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (
            {},
            "Measured 3.00 nat (95 % interval 2.93 to 3.07; n = 10 seeds); documented: +2. It is "
            "above 0, as documented (p < 0.0001, adjusted for 1 claim), and beyond 0.500, the "
            "smallest effect that matters (p < 0.0001, adjusted for 1 claim). No tolerance of its "
            "size is declared. No control is declared: no rival explanation was tested.",
        ),
        (
            {"tolerance": 0.3},
            "Measured 3.00 nat (95 % interval 2.93 to 3.07; n = 10 seeds); documented: +2. It is "
            "above 0, as documented (p < 0.0001, adjusted for 1 claim), and beyond 0.500, the "
            "smallest effect that matters (p < 0.0001, adjusted for 1 claim). Its whole interval "
            "lies outside 1.70 to 2.30, the tolerance around the documented 2.00: the "
            "documented size is wrong here. No control is declared: no rival explanation was "
            "tested.",
        ),
        (
            {"rule": "no_difference", "direction": None},
            "Measured 3.00 nat (95 % interval 2.93 to 3.07; n = 10 seeds); documented: +2. It "
            "differs from 0 (p < 0.0001, adjusted for 1 claim) by more than the smallest effect "
            "that matters (-0.500 to 0.500).",
        ),
        (
            {"rule": "not_worse"},
            "Measured 3.00 nat (95 % interval 2.93 to 3.07; n = 10 seeds); documented: +2. It is "
            "not below -0.500 (non-inferiority p < 0.0001, adjusted for 1 claim); it is above 0 "
            "(p < 0.0001, adjusted for 1 claim). No control is declared: no rival explanation was "
            "tested.",
        ),
    ],
)
def test_a_reason_says_what_was_measured_and_which_line_applies(
    judge: Judge, planted: Make, decision: dict[str, Any], reason: str
) -> None:
    assert judge(planted(3.0), decision).reason == reason


def test_the_reason_of_a_share(judge: Judge, passes: Make) -> None:
    assert judge(passes(8), SHARE, effect={"terms": TERMS}).reason == (
        "Measured 0.800 (95 % interval 0.444 to 0.975; n = 10 seeds); documented: +2. That it "
        "differs from 0.500 is not shown (p = 0.109, adjusted for 1 claim); were the effect as "
        "observed, about 20 seeds would show 'reproduced' with 80 % power."
    )


def test_the_reasons_of_exact_rules(judge: Judge) -> None:
    ones = dict.fromkeys(range(10), 1.0)
    decision = {"rule": "property", "direction": None, "margin": None}
    assert judge({**ones, 3: 0.5}, decision, a=ones).reason == (
        "The property held in 19 of 20 measurements."
    )
    assert judge(ones, decision, a=ones, failed=[("b", 2)]).reason == (
        "The property held in 19 of 19 measurements; 1 seed had a failed run, in which it is "
        "unknown."
    )
    reason = "It is a claim of priority"
    decision = {"rule": "not_testable", "direction": None, "margin": None, "reason": reason}
    assert judge(BASE, decision, effect=None).reason == "It is a claim of priority."


def test_a_reason_is_written_from_the_facts_alone(judge: Judge, planted: Make) -> None:
    result = judge(planted(0.6, spread=4.0), {"rule": "no_difference", "direction": None})
    assert write_reason(result) == result.reason
    assert result.ruling.toward == "refuted"
    assert f"{result.seeds_needed} seeds would show 'refuted'" in result.reason


def test_preconditions_and_controls_are_written_around_the_reason(
    judge: Judge, planted: Make, minus: Make, control: Make
) -> None:
    none = " No control is declared: no rival explanation was tested."
    plain, runs = judge(planted(3.0)).reason.removesuffix(none), {"c": planted(0.45)}
    rival = control(minus("c", "a"), explains_above=0.3)
    needed = {"name": "c learns", "meaning": "else nothing", "effect": minus("c", "a")}
    assert judge(planted(3.0), runs=runs, controls=[rival]).reason == (
        f"{plain} But control 'inert' measures 0.450 (0.378 to 0.522): An inert module passes too. "
        "Without it the verdict would be 'reproduced'."
    )
    unclear = judge(planted(3.0), runs=runs, controls=[{**rival, "explains_above": 0.4}])
    assert unclear.reason == (
        f"{plain} But a control is open, neither shown to explain it nor ruled out: 'inert' "
        "measures 0.450 (0.378 to 0.522): An inert module passes too. Were it ruled out, the "
        "verdict would be 'reproduced'. Were the effects as observed, about "
        f"{unclear.seeds_needed} seeds would decide it with 80 % power."
    )
    unmet = judge(planted(3.0), runs=runs, preconditions=[{**needed, "above": 0.6}])
    assert unmet.reason == (
        "A precondition is not met: 'c learns' measures 0.450 (0.378 to 0.522): else nothing. "
        f"Were it not required, the verdict would be 'reproduced': {plain}"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234.5, "1230"), (0.0012345, "0.00123"), (3.21e-7, "3.21e-07"), (2.6e8, "2.60e+08")],
)
def test_figures_have_three_significant_digits(judge: Judge, value: float, shown: str) -> None:
    result = judge(dict.fromkeys(range(10), 5.0 + value), {"margin": 1e-9})
    assert f"Measured {shown} nat" in result.reason
