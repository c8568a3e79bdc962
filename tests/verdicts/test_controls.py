"""Rival explanations, and what the tier measures of them."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from scipy import stats

from fixbench.errors import InputError
from fixbench.statistics import seeds_for_difference

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
    assert (result.controls[0].state, result.control) == ("explains", "explains")
    # What the effect gives by itself is kept.
    assert result.ruling.verdict == "reproduced"


# Ten effects with mean 1.9 and SD 0.1: the interval is 1.9 ± 2.262157 · 0.1 / √10 = 1.9 ± 0.071536.
@pytest.mark.parametrize(
    ("bounds", "state"),
    [
        ({"explains_above": 1.5}, "explains"),
        ({"explains_above": 1.8284}, "explains"),
        ({"explains_above": 1.8285}, "open"),
        ({"explains_above": 1.9715}, "open"),
        ({"explains_above": 1.9716}, "ruled out"),
        ({"explains_below": 2.5}, "explains"),
        ({"explains_below": 1.9716}, "explains"),
        ({"explains_below": 1.9715}, "open"),
        ({"explains_below": 1.8285}, "open"),
        ({"explains_below": 1.8284}, "ruled out"),
        ({"explains_above": 1.8284, "explains_below": 1.9716}, "explains"),
        ({"explains_above": 1.8284, "explains_below": 1.9715}, "open"),
        ({"explains_above": 1.89, "explains_below": 1.91}, "open"),
        ({"explains_above": 1.5, "explains_below": 1.6}, "ruled out"),
        ({"explains_above": 2.2, "explains_below": 2.3}, "ruled out"),
        ({}, None),
    ],
)
def test_a_control_has_the_state_of_its_whole_interval(
    judge: Judge, minus: Make, bounds: Claim, state: str | None, planted: Make, control: Make
) -> None:
    runs = {"c": planted(1.9, rolled=3)}
    controls = [control(minus("c", "a"), **bounds)]
    result = judge(planted(2.0), {"tolerance": 0.05}, runs=runs, controls=controls)
    found = result.controls[0]
    assert (found.state, result.control) == (state, state or "none")
    expected = {"explains": "confounded", "open": "unresolved"}.get(str(state), "direction only")
    assert result.verdict == expected
    assert (found.p_explains < 0.05) == (state == "explains")
    assert (found.p_ruled_out < 0.05) == (state == "ruled out")
    assert (found.seeds_needed is not None) == (state == "open")
    # What has not reproduced has nothing to be explained.
    for shift, verdict in ((-2.0, "reversed"), (0.0, "absent"), (0.3, "negligible")):
        assert judge(planted(shift), runs=runs, controls=controls).verdict == verdict


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_that_one_of_several_controls_explains_is_adjusted_by_holm(
    judge: Judge, minus: Make, planted: Make, control: Make, count: int
) -> None:
    c = planted(1.9, rolled=3)
    effects = [value - 5 for value in c.values()]
    # Raw p of 0.02, which two controls still show at 0.05 only if the smaller is less than 0.025.
    bound = 1.9 + stats.t.ppf(0.01, 9) * 0.1 / math.sqrt(10)
    assert 2 * stats.ttest_1samp(effects, bound, alternative="greater").pvalue == pytest.approx(
        0.02
    )
    rivals = [control(minus("c", "a"), explains_above=bound)]
    rivals += [control(minus("c", "a"), explains_below=1.0) for _ in range(count - 1)]
    for index, rival in enumerate(rivals):
        rival["name"] = f"rival {index}"
    result = judge(planted(3.0), runs={"c": c}, controls=rivals)
    assert result.controls[0].p_explains == pytest.approx(0.02 * count)
    assert [item.state for item in result.controls[1:]] == ["ruled out"] * (count - 1)
    assert result.verdict == ("confounded" if count <= 2 else "unresolved")
    assert result.control == ("explains" if count <= 2 else "open")


def test_that_all_controls_are_ruled_out_needs_no_adjustment(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    # The interval of c ends at 1.9715: each of five is just ruled out, at a raw p below 0.05.
    rivals = [
        {**control(minus("c", "a"), explains_above=1.975), "name": f"rival {index}"}
        for index in range(5)
    ]
    result = judge(planted(3.0), runs={"c": planted(1.9, rolled=3)}, controls=rivals)
    assert all(0.03 < item.p_ruled_out < 0.05 for item in result.controls)
    assert (result.verdict, result.control) == ("reproduced", "ruled out")
    assert result.reason.endswith("Every control is ruled out.")


def test_what_explains_outranks_what_is_open_and_open_what_is_ruled_out(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    explains, unclear, cleared = (
        {**control(minus("c", "a"), explains_above=above), "name": name}
        for above, name in ((1.0, "yes"), (1.9, "perhaps"), (3.0, "no"))
    )

    def judged(*controls: Claim) -> tuple[str, str]:
        found = judge(planted(3.0), runs={"c": planted(1.91)}, controls=list(controls))
        return found.verdict, found.control

    assert judged(cleared, unclear, explains) == ("confounded", "explains")
    assert judged(cleared, unclear) == ("unresolved", "open")
    assert judged(cleared) == ("reproduced", "ruled out")
    assert judged() == ("reproduced", "none")


def test_a_claim_without_a_control_says_so(judge: Judge, planted: Make) -> None:
    result = judge(planted(3.0))
    assert result.control == "none"
    assert result.reason.endswith("No control is declared: no rival explanation was tested.")
    assert "No control" not in judge(planted(0.0)).reason


def test_an_open_control_names_the_seeds_that_would_decide_it(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    rivals = [
        {**control(minus("c", "a"), explains_above=above), "name": name}
        for above, name in ((1.95, "beyond"), (1.84, "within"))
    ]
    result = judge(planted(3.0), runs={"c": planted(1.9)}, controls=rivals)
    # To rule out needs no adjustment; to explain is adjusted for two.
    expected = [
        seeds_for_difference(1.9, 0.1, null=1.95, alpha=0.05),
        seeds_for_difference(1.9, 0.1, null=1.84, alpha=0.025),
    ]
    assert [item.seeds_needed for item in result.controls] == expected
    assert result.seeds_needed == max(seeds for seeds in expected if seeds)
    assert f"about {result.seeds_needed} seeds would decide it" in result.reason


@pytest.mark.parametrize(("failed", "state"), [((), "ruled out"), (range(8), "open")])
def test_failures_and_survivors_on_two_sides_of_a_window_rule_nothing_out(
    judge: Judge, minus: Make, control: Make, failed: Any, state: str
) -> None:
    """Imputed, c - a is far above the window; of the two seeds that are left, far below."""
    a = {seed: 5.0 + (20 if seed < 8 else 0) for seed in range(10)}
    a |= {8: 40.0, 9: 40.01}
    c = {seed: value - 2.0 for seed, value in a.items()} | {9: 38.012}
    b = {seed: value + 3 for seed, value in a.items()}
    a = dict(a) if failed == () else {**dict.fromkeys(range(8), 5.0), 8: 40.0, 9: 40.01}
    result = judge(
        b,
        a=a,
        runs={"c": c},
        controls=[control(minus("c", "a"), explains_above=-1.0, explains_below=1.0)],
        failed=[("c", seed) for seed in failed],
    )
    assert result.controls[0].state == state
    if failed:
        assert result.controls[0].effect.low > 1.0
        # No number of seeds is promised where failures keep it open.
        assert (result.verdict, result.seeds_needed) == ("unresolved", None)


def test_supporting_measurements_decide_nothing(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    runs = {"c": planted(1.9, rolled=3)}
    result = judge(planted(2.0), runs=runs, supporting=[control(minus("c", "a"))])
    assert result.verdict == "reproduced"
    assert result.supporting[0].effect.estimate == pytest.approx(1.9)
    assert result.supporting[0].state is None
    assert result.control == "none"


def test_a_variant_that_the_tier_does_not_run_is_not_testable_there(
    judge: Judge, minus: Make, planted: Make
) -> None:
    result = judge(planted(3.0), effect=minus("late", "a"))
    assert result.verdict == "not testable"
    assert result.reason == "Tier 'small' does not measure 'late'."
    assert judge(planted(3.0), tier="extended").verdict == "reproduced"


def test_a_control_that_the_tier_does_not_run_is_open(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    result = judge(planted(2.0), controls=[control(minus("late", "a"), explains_above=0.0)])
    (left_out,) = result.controls
    assert (left_out.effect, left_out.state, left_out.seeds_needed) == (None, "open", None)
    assert (result.verdict, result.control) == ("unresolved", "open")
    assert result.seeds_needed is None
    assert "'inert' is not measured in this tier" in result.reason
    assert "'inert' is not measured: tier 'small' leaves it out for 'late'." in result.notes


def test_what_a_tier_does_not_measure_of_a_variant_is_no_mistake_there(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    """A variant whose ``measure`` leaves the metric out, against one that should have had it."""
    runs = {"partly": planted(1.0)}
    other = [control(minus("partly", "a", metric="score"), explains_above=0.0)]
    result = judge(planted(2.0), runs=runs, controls=other)
    (left_out,) = result.controls
    assert (left_out.effect, left_out.state, left_out.seeds_needed) == (None, "open", None)
    assert (result.verdict, result.control) == ("unresolved", "open")
    assert result.seeds_needed is None
    assert "'inert' is not measured in this tier" in result.reason
    assert "'inert' is not measured: tier 'small' leaves it out for 'partly'." in result.notes
    with pytest.raises(InputError, match="metric 'score' of variant 'b'; expected rows"):
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
    assert (result.verdict, result.controls[0].state) == ("unresolved", "open")
    assert result.seeds_needed is None
    assert any(
        note.startswith("'inert': No run of variant 'c' succeeded (10 of 10 failed)")
        for note in result.notes
    )
    result = judge(planted(3.0), runs=runs, preconditions=[needed], failed=lost("c"))
    assert (result.verdict, result.preconditions[0].state) == ("unresolved", "open")
    assert result.reason.startswith(
        "A precondition is open, neither shown nor excluded: 'c learns' has no number, as no run "
        "of one of its variants succeeded (n = 10 seeds): m. Were it met"
    )


def test_a_control_with_failures_explains_only_both_with_and_without_them(
    judge: Judge, minus: Make, control: Make
) -> None:
    # Of loss, c - a is 0.5 where c succeeds: an interval without width.
    a = {**BASE, 3: 9.0}
    c = {seed: value + 0.5 for seed, value in a.items()}
    runs = {"a": a, "b": {seed: value + 3 for seed, value in a.items()}, "c": c}

    def state(**bounds: Any) -> Any:
        result = judge(
            runs["b"],
            a=a,
            runs={"c": c},
            controls=[control(minus("c", "a"), **bounds)],
            failed=[("c", 0), ("c", 1)],
        )
        return result.controls[0].state, " ".join(result.notes)

    # With its failures, 9.5 - 5 in two seeds: 0.09 to 2.51.
    assert state(explains_above=0.4)[0] == "open"
    assert state(explains_below=0.6)[0] == "open"
    assert state(explains_above=-9.0, explains_below=9.0)[0] == "explains"
    found, notes = state(explains_above=-0.9)
    assert found == "explains"
    assert "2 seeds that had a failed run" in notes


def test_failures_rule_out_only_what_the_most_explaining_value_rules_out(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    # Score: a failed run of c has the worst value, which speaks against "above".
    c = {seed: 5.0 + value for seed, value in enumerate([0.0] * 5 + [0.1, -0.1, 0.05, -0.05, 1.0])}
    rival = control(minus("c", "a", metric="score"), explains_above=0.55)

    def judged(failed: int) -> Any:
        result = judge(
            planted(3.0),
            runs={"c": c},
            metric="score",
            effect=minus("b", "a", metric="score"),
            controls=[rival],
            failed=[("c", seed) for seed in range(failed)],
        )
        return result, result.controls[0]

    # Without failures: mean 0.1, SD 0.3206, so that the interval ends at 0.329.
    assert judged(0)[1].state == "ruled out"
    # Four failed. Imputed with the worst, -0.1, the interval ends far below 0.55; with the best of
    # the survivors, 1.0, the mean is 0.5 and nothing is ruled out.
    result, found = judged(4)
    assert found.effect.high < 0.55
    assert (found.state, result.verdict) == ("open", "unresolved")
    assert any("depends on how the failed runs are counted" in note for note in result.notes)
