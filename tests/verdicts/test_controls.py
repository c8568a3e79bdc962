"""Rival explanations, and what the tier measures of them."""

from collections.abc import Callable
from typing import Any

import pytest

from fixbench.errors import InputError

Make = Callable[..., Any]
Judge = Callable[..., Any]
Claim = dict[str, Any]

BASE = dict.fromkeys(range(10), 5.0)


def test_confounded_when_a_control_explains_the_comparison(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    result = judge(
        planted(2.0),
        {"tolerance": 0.5},
        runs={"c": planted(1.9, rolled=3)},
        controls=[control(minus("c", "a"), explains_above=1.5, explains_below=2.5)],
    )
    assert result.verdict == "confounded"
    assert result.controls[0].explains
    # What the effect gives by itself is kept.
    assert result.ruling.verdict == "reproduced"


@pytest.mark.parametrize(
    ("bounds", "explains"),
    [
        ({"explains_above": 1.5}, True),
        ({"explains_below": 2.5}, True),
        ({"explains_above": 1.88}, False),
        ({"explains_below": 1.92}, False),
        ({"explains_above": 1.5, "explains_below": 1.6}, False),
        ({}, False),
    ],
)
def test_a_control_explains_only_with_its_whole_interval(
    judge: Judge, minus: Make, bounds: Claim, explains: bool, planted: Make, control: Make
) -> None:
    runs = {"c": planted(1.9, rolled=3)}
    controls = [control(minus("c", "a"), **bounds)]
    result = judge(planted(2.0), {"tolerance": 0.05}, runs=runs, controls=controls)
    assert result.controls[0].explains is explains
    assert result.verdict == ("confounded" if explains else "direction only")
    # What has not reproduced has nothing to be explained.
    for shift, verdict in ((-2.0, "reversed"), (0.0, "absent")):
        assert judge(planted(shift), runs=runs, controls=controls).verdict == verdict


def test_supporting_measurements_decide_nothing(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    runs = {"c": planted(1.9, rolled=3)}
    result = judge(planted(2.0), runs=runs, supporting=[control(minus("c", "a"))])
    assert result.verdict == "reproduced"
    assert result.supporting[0].effect.estimate == pytest.approx(1.9)
    assert not result.supporting[0].explains


def test_a_variant_that_the_tier_does_not_run_is_not_testable_there(
    judge: Judge, minus: Make, planted: Make
) -> None:
    result = judge(planted(3.0), effect=minus("late", "a"))
    assert result.verdict == "not testable"
    assert result.reason == "Tier 'small' does not measure 'late'."
    assert judge(planted(3.0), tier="extended").verdict == "reproduced"


def test_a_control_that_the_tier_does_not_run_is_noted(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    result = judge(planted(2.0), controls=[control(minus("late", "a"), explains_above=0.0)])
    assert result.controls == ()
    assert "'inert' is not measured: tier 'small' leaves it out for 'late'." in result.notes


def test_what_a_tier_does_not_measure_of_a_variant_is_no_mistake_there(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    """A variant whose ``measure`` leaves the metric out, against one that should have had it."""
    runs = {"partly": planted(1.0)}
    other = [control(minus("partly", "a", metric="score"), explains_above=0.0)]
    result = judge(planted(2.0), runs=runs, controls=other)
    assert result.controls == ()
    assert "'inert' is not measured: tier 'small' leaves it out for 'partly'." in result.notes
    with pytest.raises(InputError, match="rows of metric 'score'"):
        judge(planted(2.0), controls=[control(minus("b", "a", metric="score"))])
    # A failed run may have meant to measure it: it is no mistake, and not left out.
    alone = [control(minus("partly", metric="score"))]
    lost = [("partly", seed) for seed in range(10)]
    result = judge(planted(2.0), runs=runs, controls=alone, failed=lost)
    assert "'inert': No run of variant 'partly' succeeded" in " ".join(result.notes)


def test_a_control_or_precondition_without_a_successful_run_decides_nothing(
    judge: Judge, minus: Make, planted: Make, control: Make, lost: Make
) -> None:
    rival = control(minus("c", "a"), explains_above=-1.0, explains_below=1.0)
    needed = {"name": "c learns", "meaning": "m", "effect": minus("c", "a"), "above": -1.0}
    runs = {"c": planted(0.0)}
    assert judge(planted(3.0), runs=runs, controls=[rival]).verdict == "confounded"
    result = judge(planted(3.0), runs=runs, controls=[rival], failed=lost("c"))
    assert (result.verdict, result.controls[0].explains) == ("reproduced", False)
    assert any(
        note.startswith("'inert': No run of variant 'c' succeeded (10 of 10 failed)")
        for note in result.notes
    )
    result = judge(planted(3.0), runs=runs, preconditions=[needed], failed=lost("c"))
    assert (result.verdict, result.preconditions[0].met) == ("not testable", False)
    assert result.reason.startswith(
        "A precondition is not shown: 'c learns' has no number, as no run of one of its variants "
        "succeeded (n = 10 seeds): m. Were it not required"
    )


def test_a_control_with_failures_explains_only_both_with_and_without_them(
    judge: Judge, minus: Make, control: Make
) -> None:
    # Of loss, c - a is 0.5 where c succeeds: an interval without width.
    a = {**BASE, 3: 9.0}
    c = {seed: value + 0.5 for seed, value in a.items()}
    runs = {"a": a, "b": {seed: value + 3 for seed, value in a.items()}, "c": c}

    def explains(**bounds: Any) -> Any:
        result = judge(
            runs["b"],
            a=a,
            runs={"c": c},
            controls=[control(minus("c", "a"), **bounds)],
            failed=[("c", 0), ("c", 1)],
        )
        return result.controls[0].explains, " ".join(result.notes)

    # With its failures, 9.5 - 5 in two seeds: 0.09 to 2.51.
    assert explains(explains_above=0.4)[0] is False
    assert explains(explains_below=0.6)[0] is False
    assert explains(explains_above=-9.0, explains_below=9.0)[0] is True
    found, notes = explains(explains_above=-0.9)
    assert found is True
    assert "2 seeds that had a failed run" in notes
