"""What must be shown before a claim can be judged."""

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]
Judge = Callable[..., Any]


def test_an_unmet_precondition_makes_a_claim_not_testable(
    judge: Judge, minus: Make, planted: Make
) -> None:
    moves = {"name": "c learns", "meaning": "else nothing can be told.", "effect": minus("c", "a")}
    claim = {"preconditions": [{**moves, "above": 0.4}]}
    met = judge(planted(3.0), runs={"c": planted(0.5)}, **claim)
    assert met.verdict == "reproduced"
    assert [item.met for item in met.preconditions] == [True]
    # The estimate is beyond the bound, the end of its interval is not.
    unmet = judge(planted(3.0), runs={"c": planted(0.45)}, **claim)
    assert unmet.verdict == "not testable"
    assert [item.met for item in unmet.preconditions] == [False]
    assert unmet.ruling.verdict == "reproduced"
    # The effect and its place in the family stay.
    assert unmet.effect == met.effect
    assert unmet.p_adjusted == met.p_adjusted


def test_an_unmet_precondition_outranks_a_control(judge: Judge, minus: Make, planted: Make) -> None:
    effect = minus("c", "a")
    rival = {"name": "rival", "meaning": "explains", "effect": effect, "explains_above": 0.4}
    needed = {"name": "needed", "meaning": "none", "effect": effect, "below": 0.4}
    runs = {"c": planted(0.5)}
    assert judge(planted(3.0), runs=runs, controls=[rival]).verdict == "confounded"
    both = judge(planted(3.0), runs=runs, controls=[rival], preconditions=[needed])
    assert both.verdict == "not testable"


def test_a_precondition_on_one_seed_is_not_shown(judge: Judge, minus: Make) -> None:
    needed = {"name": "n", "meaning": "m", "effect": minus("c", "a"), "above": 0.4}
    result = judge({0: 9.0}, a={0: 5.0}, runs={"c": {0: 9.0}}, preconditions=[needed])
    assert result.verdict == "not testable"


def test_a_precondition_that_failures_alone_would_meet_is_not_met(
    judge: Judge, minus: Make, planted: Make
) -> None:
    # c - a is 0 where both succeed; failures of c, which make the loss worse, would raise it.
    a = planted(0.0, spread=10.0)
    needed = {"name": "c is worse", "meaning": "m", "effect": minus("c", "a"), "above": 0.1}
    failed = [("c", seed) for seed in range(8)]
    b = {seed: value + 3 for seed, value in a.items()}
    result = judge(b, a=a, runs={"c": a}, preconditions=[needed], failed=failed)
    assert result.preconditions[0].effect.low > 0.1
    assert not result.preconditions[0].met
    assert any(
        note == "'c is worse': Without them its interval is not within its bounds: it decides "
        "nothing."
        for note in result.notes
    )
