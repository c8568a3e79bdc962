"""Every verdict, from frames in which the effect is planted."""

import math

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy import stats

from fixbench.ablation import claim_hash
from fixbench.errors import InputError
from fixbench.statistics import (
    ClaimChange,
    adjudicate,
    holm,
    seeds_for_difference,
    seeds_for_share,
    student_t,
)

# Ten fixed, balanced deviations with mean 0 and SD 0.1.
NOISE = np.array([-1.4, -1.1, -0.8, -0.5, -0.1, 0.1, 0.5, 0.8, 1.1, 1.4])
NOISE = 0.1 * NOISE / NOISE.std(ddof=1)


def planted(shift, n=10, spread=1.0, base=5.0, rolled=0):
    """Seed → value with a known mean; the noise of ten seeds."""
    noise = np.roll(NOISE, rolled)[:n] * spread
    return {seed: base + shift + float(value) for seed, value in enumerate(noise)}


BASE = dict.fromkeys(range(10), 5.0)


@pytest.fixture
def judge(make_frame, make_ablation, make_claim):
    """One claim, its frame (a constant baseline ``a``, planted ``b``) → its result."""

    def judge_one(b, decision=None, *, a=BASE, failed=(), tier="small", recorded=None, **changes):
        changes = {**changes}
        runs = {"a": a, "b": b, **changes.pop("runs", {})}
        frame = make_frame(runs, metric=changes.pop("metric", "loss"), failed=failed)
        ablation = make_ablation([make_claim(decision or {}, **changes)])
        (result,) = adjudicate(ablation, frame, tier=tier, recorded_claims=recorded)
        return result

    return judge_one


def test_reproduced_when_no_tolerance_is_declared(judge):
    result = judge(planted(3.0))
    assert result.verdict == "reproduced"
    assert result.effect.estimate == pytest.approx(3.0)
    reach = 2.262157 * 0.1 / math.sqrt(10)
    assert (result.effect.low, result.effect.high) == pytest.approx((3 - reach, 3 + reach))
    assert result.reason == (
        "Measured 3.00 nat (95 % interval 2.93 to 3.07; n = 10 seeds); documented: +2. It is above "
        "0, as documented (adjusted p < 0.0001); no tolerance of its size is declared."
    )
    assert result.seeds_needed is None


def test_reproduced_when_the_whole_interval_is_within_the_tolerance(judge):
    result = judge(planted(2.1), {"tolerance": 0.3})
    assert result.verdict == "reproduced"
    assert "its whole interval lies within 1.70 to 2.30" in result.reason


def test_direction_only_when_the_interval_leaves_the_tolerance(judge):
    # The estimate, 2.25, is within 2 ± 0.3; the end of its interval, 2.32, is not.
    result = judge(planted(2.25), {"tolerance": 0.3})
    assert result.verdict == "direction only"
    assert "does not lie within 1.70 to 2.30, the tolerance around the documented 2.00" in (
        result.reason
    )


def test_direction_only_when_there_is_no_number_to_compare(judge):
    result = judge(planted(2.0), {"tolerance": 0.3}, documented={"text": "more"})
    assert result.verdict == "direction only"
    assert "the document gives no number" in result.reason


def test_tolerance_on_the_log_scale_is_a_factor(judge, minus):
    b = {seed: 5 * math.exp(value) for seed, value in planted(math.log(2.1), base=0).items()}
    decision = {"margin": 1.1, "tolerance": 1.2}
    result = judge(b, decision, effect=minus("b", "a", scale="log"))
    assert result.verdict == "reproduced"
    assert result.effect.estimate == pytest.approx(2.1)
    assert "within 1.67 to 2.40" in result.reason
    assert "2.10 times" in result.reason
    wide = judge(b, {**decision, "tolerance": 1.05}, effect=minus("b", "a", scale="log"))
    assert wide.verdict == "direction only"


def test_reversed(judge):
    result = judge(planted(-3.0))
    assert result.verdict == "reversed"
    assert "It is below 0, against the documented direction (adjusted p < 0.0001)" in result.reason


def test_direction_less(judge):
    assert judge(planted(-3.0), {"direction": "less"}).verdict == "reproduced"
    assert judge(planted(3.0), {"direction": "less"}).verdict == "reversed"


def test_a_declared_null_is_what_directions_are_judged_against(judge):
    result = judge(planted(3.0), {"null": 4.0})
    assert result.verdict == "reversed"
    assert "below 4.00" in result.reason


def test_absent_when_there_is_no_effect(judge):
    result = judge(planted(0.0))
    assert result.verdict == "absent"
    assert result.p_equivalence < 1e-6
    assert "equivalent to 0 within -0.500 to 0.500 (equivalence adjusted p < 0.0001)" in (
        result.reason
    )


@pytest.mark.parametrize("shift", [0.3, -0.3])
def test_absent_takes_precedence_over_a_difference_too_small_to_matter(judge, shift):
    result = judge(planted(shift))
    assert result.effect.p_value < 0.001
    assert result.verdict == "absent"
    assert "statistically different (adjusted p < 0.0001), but smaller than the smallest" in (
        result.reason
    )


def test_inconclusive_names_the_seeds_that_would_settle_it(judge):
    result = judge(planted(0.5, spread=12.0), {"margin": 0.1})
    assert result.verdict == "inconclusive"
    needed = seeds_for_difference(0.5, 1.2, null=0.0, alpha=0.05)
    assert result.seeds_needed == needed
    assert needed > 10
    shown = f"were the effect as observed, about {needed} seeds would show 'reproduced' with"
    assert shown in result.reason
    assert "Neither a difference from 0 (adjusted p = 0.220) nor equivalence" in result.reason


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
def test_inconclusive_names_the_verdict_that_more_seeds_would_show(judge, shift, decision, verdict):
    result = judge(planted(shift, spread=12.0), decision)
    assert result.verdict == "inconclusive"
    assert f"about {result.seeds_needed} seeds would show {verdict!r} with 80 % power" in (
        result.reason
    )


def test_an_unmet_precondition_makes_a_claim_not_testable(judge, minus):
    moves = {"name": "c learns", "meaning": "else nothing can be told.", "effect": minus("c", "a")}
    claim = {"preconditions": [{**moves, "above": 0.4}]}
    met = judge(planted(3.0), runs={"c": planted(0.5)}, **claim)
    assert met.verdict == "reproduced"
    assert [item.met for item in met.preconditions] == [True]
    # The estimate is beyond the bound, the end of its interval is not.
    unmet = judge(planted(3.0), runs={"c": planted(0.45)}, **claim)
    assert unmet.verdict == "not testable"
    assert [item.met for item in unmet.preconditions] == [False]
    assert unmet.reason.startswith(
        "A precondition is not shown: 'c learns' measures 0.450 (0.378 to 0.522): else nothing can "
        "be told. Were it not required, the verdict would be 'reproduced': Measured 3.00 nat"
    )
    # The effect and its place in the family stay.
    assert unmet.effect == met.effect
    assert unmet.p_adjusted == met.p_adjusted


def test_an_unmet_precondition_outranks_a_control(judge, minus):
    effect = minus("c", "a")
    rival = {"name": "rival", "meaning": "explains", "effect": effect, "explains_above": 0.4}
    needed = {"name": "needed", "meaning": "none", "effect": effect, "below": 0.4}
    runs = {"c": planted(0.5)}
    assert judge(planted(3.0), runs=runs, controls=[rival]).verdict == "confounded"
    both = judge(planted(3.0), runs=runs, controls=[rival], preconditions=[needed])
    assert both.verdict == "not testable"


def test_a_precondition_on_one_seed_is_not_shown(judge, minus):
    needed = {"name": "n", "meaning": "m", "effect": minus("c", "a"), "above": 0.4}
    result = judge({0: 9.0}, a={0: 5.0}, runs={"c": {0: 9.0}}, preconditions=[needed])
    assert result.verdict == "not testable"


def test_inconclusive_without_a_feasible_number_of_seeds(judge):
    # Observed exactly at the margin, far from the null only by a thousandth of the spread.
    result = judge(planted(0.001, spread=10.0), {"margin": 0.001})
    assert result.verdict == "inconclusive"
    assert result.seeds_needed is None
    assert "not even 10000 seeds would settle it" in result.reason


def test_one_seed_is_inconclusive(judge):
    result = judge({0: 9.0}, a={0: 5.0})
    assert result.verdict == "inconclusive"
    assert math.isnan(result.p_adjusted)
    assert "with one seed, which allows neither an interval nor a test" in result.reason


NO_DIFFERENCE = {"rule": "no_difference", "direction": None, "margin": 0.5}


@pytest.mark.parametrize(
    ("shift", "spread", "verdict", "words"),
    [
        (0.0, 1.0, "reproduced", "equivalent to 0 within -0.500 to 0.500"),
        (0.3, 1.0, "reproduced", "statistically different"),
        (2.0, 1.0, "reversed", "by more than the smallest effect that matters (-0.500 to 0.500)"),
        (-2.0, 1.0, "reversed", "It differs from 0"),
        (0.6, 4.0, "inconclusive", "It differs from 0 (adjusted p = 0.00105), but neither"),
        (0.2, 20.0, "inconclusive", "Neither a difference from 0"),
    ],
)
def test_a_claim_of_no_difference(judge, shift, spread, verdict, words):
    result = judge(planted(shift, spread=spread), NO_DIFFERENCE)
    assert result.verdict == verdict
    assert words in result.reason
    assert (result.seeds_needed is not None) == (verdict == "inconclusive")


def test_a_claim_of_no_difference_plans_for_the_margin_not_for_the_null(judge):
    result = judge(planted(0.6, spread=4.0), NO_DIFFERENCE)
    assert result.seeds_needed == seeds_for_difference(0.6, 0.4, null=0.5, alpha=0.05)
    below = judge(planted(-0.6, spread=4.0), NO_DIFFERENCE)
    assert below.seeds_needed == result.seeds_needed


NOT_WORSE = {"rule": "not_worse", "direction": "greater", "margin": 0.5}


@pytest.mark.parametrize(
    ("shift", "spread", "verdict", "words"),
    [
        (0.0, 1.0, "reproduced", "It is not below -0.500 (non-inferiority adjusted p < 0.0001)."),
        (
            -0.3,
            1.0,
            "reproduced",
            "; it is below 0 (adjusted p < 0.0001), but by less than matters.",
        ),
        (3.0, 1.0, "reproduced", "; it is above 0 (adjusted p < 0.0001)."),
        (-2.0, 1.0, "reversed", "It is below 0 (adjusted p < 0.0001) by more than the smallest"),
        (-2.0, 1.0, "reversed", "its whole interval lies below -0.500"),
        # Below 0, but neither within the margin nor beyond it.
        (-0.45, 4.0, "inconclusive", "That it is not below -0.500 is not shown (non-inferiority"),
        (-0.1, 20.0, "inconclusive", "is not shown (non-inferiority adjusted p = 0.54"),
    ],
)
def test_a_claim_of_not_worse(judge, shift, spread, verdict, words):
    result = judge(planted(shift, spread=spread), NOT_WORSE)
    assert result.verdict == verdict
    assert words in result.reason
    assert (result.seeds_needed is not None) == (verdict == "inconclusive")
    # Where lower is better, everything is the mirror image.
    mirrored = judge(planted(-shift, spread=-spread), {**NOT_WORSE, "direction": "less"})
    assert mirrored.verdict == verdict
    assert mirrored.p_equivalence == pytest.approx(result.p_equivalence)
    assert mirrored.seeds_needed == result.seeds_needed


def test_not_worse_is_one_sided_where_equivalence_is_two_sided(judge):
    better = planted(3.0)
    assert judge(better, NO_DIFFERENCE).verdict == "reversed"
    assert judge(better, NOT_WORSE).verdict == "reproduced"


@pytest.mark.parametrize(("shift", "verdict"), [(-0.1, "reproduced"), (-0.9, "reversed")])
def test_not_worse_plans_for_its_bound(judge, shift, verdict):
    result = judge(planted(shift, spread=20.0), NOT_WORSE)
    assert result.seeds_needed == seeds_for_difference(shift, 2.0, null=-0.5, alpha=0.05)
    assert f"seeds would show {verdict!r}" in result.reason


def test_not_worse_on_the_log_scale_has_a_factor_as_margin(judge, minus):
    b = {seed: 5 * math.exp(value) for seed, value in planted(math.log(0.95), base=0).items()}
    effect = minus("b", "a", scale="log")
    assert judge(b, {**NOT_WORSE, "margin": 1.2}, effect=effect).verdict == "reproduced"
    assert "below 0.952" in judge(b, {**NOT_WORSE, "margin": 1.05}, effect=effect).reason


def test_not_worse_with_one_seed_a_failed_precondition_or_a_control(judge, minus):
    assert judge({0: 9.0}, NOT_WORSE, a={0: 5.0}).verdict == "inconclusive"
    needed = {"name": "n", "meaning": "m", "effect": minus("c", "a"), "above": 0.4}
    rival = {"name": "r", "meaning": "m", "effect": minus("c", "a"), "explains_below": 0.4}
    runs = {"c": planted(0.0)}
    claim = {"runs": runs, "controls": [rival]}
    assert judge(planted(0.0), NOT_WORSE, **claim).verdict == "confounded"
    claim = {"runs": runs, "preconditions": [needed]}
    assert judge(planted(0.0), NOT_WORSE, **claim).verdict == "not testable"


PROPERTY = {"rule": "property", "direction": None, "margin": None}


def test_a_property_holds_or_not(judge):
    ones = dict.fromkeys(range(10), 1.0)
    result = judge(ones, PROPERTY, a=ones)
    assert result.verdict == "holds"
    assert result.reason == "The property held in 20 of 20 measurements."
    assert (result.effect.estimate, result.effect.n) == (1.0, 10)
    result = judge({**ones, 3: 1.0 - 1e-12}, PROPERTY, a=ones)
    assert result.verdict == "does not hold"
    assert result.reason == "The property held in 19 of 20 measurements."


def test_a_property_with_a_failed_run_is_unknown_unless_a_successful_one_refutes_it(judge):
    ones = dict.fromkeys(range(10), 1.0)
    result = judge(ones, PROPERTY, a=ones, failed=[("b", 2)])
    assert result.verdict == "inconclusive"
    assert result.reason == (
        "The property held in 19 of 19 measurements; 1 seed had a failed run, in which it is "
        "unknown."
    )
    refuted = judge({**ones, 3: 0.0}, PROPERTY, a=ones, failed=[("b", 2)])
    assert refuted.verdict == "does not hold"
    lost = judge(ones, PROPERTY, a=ones, failed=[(v, s) for v in "ab" for s in range(10)])
    assert lost.verdict == "inconclusive"
    assert math.isnan(lost.effect.estimate)


def test_not_testable_gives_its_reason(judge):
    decision = {
        "rule": "not_testable",
        "direction": None,
        "margin": None,
        "reason": "It is a claim of priority",
    }
    result = judge(BASE, decision, effect=None, kind="not_testable")
    assert (result.verdict, result.reason) == ("not testable", "It is a claim of priority.")
    assert result.effect is None


def test_a_variant_that_the_tier_does_not_run_is_not_testable_there(judge, minus):
    result = judge(planted(3.0), effect=minus("late", "a"))
    assert result.verdict == "not testable"
    assert result.reason == "Tier 'small' does not measure 'late'."
    assert judge(planted(3.0), tier="extended").verdict == "reproduced"


def control(effect, **bounds):
    return {"name": "inert", "effect": effect, "meaning": "An inert module passes too.", **bounds}


def test_confounded_when_a_control_explains_the_comparison(judge, minus):
    result = judge(
        planted(2.0),
        {"tolerance": 0.5},
        runs={"c": planted(1.9, rolled=3)},
        controls=[control(minus("c", "a"), explains_above=1.5, explains_below=2.5)],
    )
    assert result.verdict == "confounded"
    assert result.controls[0].explains
    assert result.reason.endswith(
        "But control 'inert' measures 1.90 (1.83 to 1.97): An inert module passes too. Without it "
        "the verdict would be 'reproduced'."
    )


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
def test_a_control_explains_only_with_its_whole_interval(judge, minus, bounds, explains):
    runs = {"c": planted(1.9, rolled=3)}
    controls = [control(minus("c", "a"), **bounds)]
    result = judge(planted(2.0), {"tolerance": 0.05}, runs=runs, controls=controls)
    assert result.controls[0].explains is explains
    assert result.verdict == ("confounded" if explains else "direction only")
    # What has not reproduced has nothing to be explained.
    for shift, verdict in ((-2.0, "reversed"), (0.0, "absent")):
        assert judge(planted(shift), runs=runs, controls=controls).verdict == verdict


def test_supporting_measurements_decide_nothing(judge, minus):
    runs = {"c": planted(1.9, rolled=3)}
    result = judge(planted(2.0), runs=runs, supporting=[control(minus("c", "a"))])
    assert result.verdict == "reproduced"
    assert result.supporting[0].effect.estimate == pytest.approx(1.9)
    assert not result.supporting[0].explains


def test_a_control_that_the_tier_does_not_run_is_noted(judge, minus):
    result = judge(planted(2.0), controls=[control(minus("late", "a"), explains_above=0.0)])
    assert result.controls == ()
    assert "'inert' is not measured: tier 'small' leaves it out for 'late'." in result.notes


def test_what_a_tier_does_not_measure_of_a_variant_is_no_mistake_there(judge, minus):
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


def test_a_failed_run_counts_as_the_worst_and_is_counted(judge):
    b = planted(3.0)
    result = judge(b, failed=[("b", 4)])
    worst = max(value for seed, value in b.items() if seed != 4)
    expected = [(worst if seed == 4 else value) - 5.0 for seed, value in b.items()]
    assert result.verdict == "reproduced"  # b was said to be higher, that is worse
    assert result.effect.estimate == pytest.approx(np.mean(expected))
    assert result.effect.n_failed == 1
    assert "n = 10 seeds, 1 with a failed run" in result.reason
    assert any("worst of the successful runs of this effect" in note for note in result.notes)
    assert any(
        note.startswith("Without the 1 seed that had a failed run the estimate is")
        for note in result.notes
    )


@pytest.mark.parametrize("direction", ["greater", "less"])
def test_where_neither_is_better_a_failure_counts_as_the_null(judge, minus, direction):
    decision = {"direction": direction, "null": 0.5}
    effect = minus("b", "a", metric="norm")
    result = judge(planted(3.0), decision, failed=[("b", 4)], metric="norm", effect=effect)
    assert result.effect.per_seed[4] == pytest.approx(0.5)
    assert any("counts as the null" in note for note in result.notes)


def test_failures_can_overturn_a_claim_that_the_survivors_support(judge, minus):
    # Planted: score rises in the survivors of b, but half of its runs diverge.
    failed = [("b", seed) for seed in range(0, 10, 2)]
    a = planted(0.0, rolled=2, base=1.0)
    result = judge(
        planted(1.0, base=1.0),
        a=a,
        failed=failed,
        metric="score",
        effect=minus("b", "a", metric="score"),
    )
    assert result.effect.complete_case == pytest.approx(1.0, abs=0.1)
    assert result.effect.estimate < 0.6
    assert result.verdict == "inconclusive"


def test_when_every_run_fails_nothing_is_claimed(judge):
    runs = [(variant, seed) for variant in "ab" for seed in range(10)]
    result = judge(planted(3.0), failed=runs)
    assert result.verdict == "inconclusive"
    assert result.reason == (
        "No effect can be computed. No run of variant 'b' succeeded (10 of 10 failed), so that "
        "nothing can be said of an effect on it. No run of variant 'a' succeeded (10 of 10 failed),"
        " so that nothing can be said of an effect on it."
    )
    assert result.effect.n_failed == 10


def lost(*variants):
    return [(variant, seed) for variant in variants for seed in range(10)]


@pytest.mark.parametrize("rule", ["difference", "no_difference", "not_worse"])
@pytest.mark.parametrize("direction", ["greater", "less"])
@pytest.mark.parametrize(("metric", "arm"), [("loss", "a"), ("score", "b"), ("norm", "b")])
def test_an_arm_that_never_succeeds_decides_nothing(judge, minus, rule, direction, metric, arm):
    result = judge(
        planted(3.0),
        {"rule": rule, "direction": direction},
        failed=lost(arm),
        metric=metric,
        effect=minus("b", "a", metric=metric),
    )
    assert result.verdict == "inconclusive"
    assert f"No run of variant '{arm}' succeeded (10 of 10 failed)" in result.reason
    effect = result.effect
    numbers = (effect.estimate, effect.low, effect.high, effect.p_value, effect.p_sign_flip)
    assert np.isnan([*numbers, result.p_adjusted, result.p_equivalence]).all()


@pytest.mark.parametrize("metric", ["loss", "score", "norm"])
@pytest.mark.parametrize("failing", [("b",), ("a",), ("a", "b")])
@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize("rule", ["difference", "no_difference", "not_worse"])
def test_sameness_is_not_shown_where_runs_fail(judge, minus, rule, metric, failing, count):
    failed = [(variant, seed) for variant in failing for seed in range(count)]
    same = planted(0.0, spread=0.1)
    decision = {"rule": rule, "margin": 0.5}
    effect = minus("b", "a", metric=metric)
    assert judge(same, decision, a=same, metric=metric, effect=effect).verdict in (
        "absent",
        "reproduced",
    )
    result = judge(same, decision, a=same, metric=metric, effect=effect, failed=failed)
    assert result.p_equivalence == 1.0
    if rule == "difference" and result.verdict != "inconclusive":
        # An arm that fails nine times of ten is worse, by however little the others differ.
        assert (count, len(failing)) == (9, 1)
        assert (result.effect.estimate > 0) == ((failing == ("b",)) == (metric == "loss"))
        return
    assert result.verdict == "inconclusive"
    runs = "1 run" if len(failed) == 1 else f"{len(failed)} runs"
    assert f"sameness cannot be shown where runs fail ({runs} failed)" in result.reason
    assert f"; n = 10 seeds, {count} with a failed run" in result.reason


def test_an_effect_has_not_the_documented_size_where_runs_fail(judge):
    result = judge(planted(2.0), {"tolerance": 0.5}, failed=[("b", 1)])
    assert result.verdict == "direction only"
    assert "but of the documented size it cannot be shown where runs fail (1 run failed)" in (
        result.reason
    )


def test_failures_of_the_worse_arm_still_show_that_it_is_worse(judge):
    result = judge(planted(3.0), {**NOT_WORSE, "direction": "less"}, failed=[("b", 1)])
    assert result.verdict == "reversed"
    assert judge(planted(3.0), NO_DIFFERENCE, failed=[("b", 1)]).verdict == "reversed"


def test_an_unrelated_variant_changes_no_verdict(judge):
    failed = [("b", 4)]
    alone = judge(planted(3.0), failed=failed)
    beside = judge(planted(3.0), failed=failed, runs={"c": planted(50.0)})
    assert beside.effect == alone.effect
    assert (beside.verdict, beside.reason) == (alone.verdict, alone.reason)


def test_a_control_or_precondition_without_a_successful_run_decides_nothing(judge, minus):
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


def test_a_control_with_failures_explains_only_both_with_and_without_them(judge, minus):
    # Of loss, c - a is 0.5 where c succeeds: an interval without width.
    a = {**BASE, 3: 9.0}
    c = {seed: value + 0.5 for seed, value in a.items()}
    runs = {"a": a, "b": {seed: value + 3 for seed, value in a.items()}, "c": c}

    def explains(**bounds):
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


def test_a_precondition_that_failures_alone_would_meet_is_not_met(judge, minus):
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


def test_a_share_and_a_property_with_an_arm_that_never_succeeds(judge):
    for direction in ("greater", "less"):
        result = judge(passes(10), {**SHARE, "direction": direction}, failed=lost("b"), **ONLY_B)
        assert result.verdict == "inconclusive"
        assert "No run of variant 'b' succeeded (10 of 10 failed)" in result.reason
        assert (result.effect.n, result.effect.n_failed) == (10, 10)
        assert math.isnan(result.effect.estimate)
    ones = dict.fromkeys(range(10), 1.0)
    result = judge(ones, PROPERTY, a=ones, failed=lost("b"))
    assert result.verdict == "inconclusive"
    assert "No run of variant 'b' succeeded" in result.reason


def passes(held, n=10):
    """Seed → 1 in the first ``held`` seeds, 0 in the others."""
    return {seed: float(seed < held) for seed in range(n)}


SHARE = {"rule": "share", "direction": "greater", "null": 0.5, "margin": None}
ONLY_B = {
    "effect": {"terms": [{"variant": "b", "metric": "loss", "stage": "test", "at": "mean"}]},
    "documented": {"text": "most seeds", "value": 0.9},
}


@pytest.mark.parametrize(
    ("held", "decision", "verdict", "words"),
    [
        (10, {}, "reproduced", "above 0.500, as documented (adjusted p = 0.00195)"),
        (10, {"direction": "less"}, "reversed", "above 0.500, against the documented direction"),
        (0, {}, "reversed", "It is below 0.500"),
        (0, {"direction": "less"}, "reproduced", "It is below 0.500, as documented"),
        # 9 of 10: p = 2 * 11 / 1024; 8 of 10: 2 * 56 / 1024.
        (9, {}, "reproduced", "adjusted p = 0.0215"),
        (8, {}, "inconclusive", "That it differs from 0.500 is not shown (adjusted p = 0.109)"),
        (10, {"tolerance": 0.25}, "reproduced", "whole interval lies within 0.650 to 1.15"),
        (10, {"tolerance": 0.2}, "direction only", "its interval does not lie within"),
    ],
)
def test_a_claim_of_a_share_of_seeds(judge, held, decision, verdict, words):
    result = judge(passes(held), {**SHARE, **decision}, **ONLY_B)
    assert result.verdict == verdict
    assert words in result.reason
    assert result.effect.estimate == held / 10
    assert (result.proportion.held, result.proportion.checked) == (held, 10)
    assert (result.effect.low, result.effect.high) == (
        result.proportion.low,
        result.proportion.high,
    )
    assert not result.notes
    assert math.isnan(result.p_equivalence)


@pytest.mark.parametrize(
    ("held", "decision", "verdict"),
    [(8, {}, "reproduced"), (8, {"tolerance": 0.1}, "direction only"), (2, {}, "reversed")],
)
def test_an_open_share_names_the_seeds_that_would_settle_it(judge, held, decision, verdict):
    result = judge(passes(held), {**SHARE, **decision}, **ONLY_B)
    assert result.verdict == "inconclusive"
    assert result.seeds_needed == seeds_for_share(0.8, null=0.5, alpha=0.05)
    assert f"about {result.seeds_needed} seeds would show {verdict!r}" in result.reason


def test_a_seed_counts_in_a_share_when_all_its_values_are_one(judge):
    curves = {seed: [1.0, float(seed != 3), 1.0] for seed in range(10)}
    result = judge(curves, SHARE, **ONLY_B)
    assert result.proportion.held == 9
    assert result.effect.per_seed == {seed: float(seed != 3) for seed in range(10)}


def test_failed_seeds_count_against_the_claim_of_a_share(judge):
    failed = [("b", 2), ("b", 3)]
    result = judge(passes(10), SHARE, failed=failed, **ONLY_B)
    assert (result.effect.estimate, result.effect.complete_case) == (0.8, 1.0)
    assert (result.effect.n, result.effect.n_failed) == (10, 2)
    assert result.notes == (
        "Failed seeds count as seeds in which the property does not hold.",
        "Without the 2 seeds that had a failed run the estimate is 1.00.",
    )
    other = judge(passes(0), {**SHARE, "direction": "less"}, failed=failed, **ONLY_B)
    assert (other.effect.estimate, other.effect.complete_case) == (0.2, 0.0)


def test_a_share_is_in_the_family_of_tests_and_not_in_that_of_equivalence(
    make_ablation, make_claim, make_frame
):
    ablation = make_ablation(
        [make_claim({}, id="TT01"), make_claim(SHARE, id="TT02", effect=ONLY_B["effect"])]
    )
    frame = make_frame({"a": planted(0.0, rolled=3, base=0.9), "b": passes(10)})
    first, second = adjudicate(ablation, frame, tier="small")
    raw = {"1": first.effect.p_value, "2": second.effect.p_value}
    assert second.effect.p_value == pytest.approx(2 / 1024)
    assert {"1": first.p_adjusted, "2": second.p_adjusted} == pytest.approx(holm(raw))
    assert first.p_equivalence_adjusted == first.p_equivalence
    assert math.isnan(second.p_equivalence_adjusted)


def test_a_property_has_an_exact_interval_of_its_share_of_seeds_beside_it(judge):
    ones = dict.fromkeys(range(10), 1.0)
    found = judge({**ones, 3: 0.0}, PROPERTY, a=ones, failed=[("b", 5)]).proportion
    assert (found.held, found.checked) == (8, 10)
    assert (found.low, found.high) == pytest.approx((0.4439, 0.9748), abs=1e-4)


@pytest.mark.parametrize("scale", ["plain", "log"])
@pytest.mark.parametrize("n", [1, 3, 10])
@pytest.mark.parametrize("rule", ["difference", "no_difference"])
def test_identical_arms_never_give_a_direction(judge, minus, scale, n, rule):
    same = planted(0.0, n=n)
    decision = {"rule": rule, "margin": 1.5}
    result = judge(same, decision, a=same, effect=minus("b", "a", scale=scale))
    silent = {"difference": "absent", "no_difference": "reproduced"}[rule]
    assert result.verdict == (silent if n == 10 else "inconclusive")
    if n > 1:
        assert result.effect.p_value == 1.0
    if n == 10:
        assert result.p_equivalence == 2**-10


def test_equal_values_in_all_seeds_are_judged_by_the_sign_flip_floor(judge):
    result = judge(dict.fromkeys(range(10), 8.0))
    assert result.verdict == "reproduced"
    assert result.effect.p_value == 2 / 1024
    assert (result.effect.low, result.effect.high) == (3.0, 3.0)
    assert result.notes == (
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
    judge, minus, n, decides
):
    def judged(c, **changes):
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
        assert getattr(item, "explains" if key == "controls" else "met") is decides
        assert any(f"{name!r}: All {n} seeds gave 0.500" in note for note in result.notes)
        assert (f"{name!r}: {few}" in result.notes) is not decides
        # Seeds that vary, however little, have an interval of their own.
        (item,) = getattr(judged(planted(0.5, spread=0.01), **{key: [extra]}), key)
        assert getattr(item, "explains" if key == "controls" else "met")
    # What decides nothing needs no such note.
    shown = judged(equal, controls=[control(minus("c", "a"))])
    assert not any("seeds gave" in note for note in shown.notes)


def test_tests_that_disagree_are_noted(judge):
    # One seed far out: the t-test doubts, all signs agree.
    values = {seed: 5.1 + 0.01 * seed for seed in range(9)} | {9: 25.0}
    result = judge(values)
    assert result.effect.p_value > 0.05 > result.effect.p_sign_flip
    assert any(note.startswith("The tests disagree before adjustment") for note in result.notes)


@pytest.fixture
def ledger(make_ablation, make_claim, minus):
    """Four claims: two primary tests, one that the tier cannot run, one that is not primary."""
    return make_ablation(
        [
            make_claim({}, id="TT01"),
            make_claim({**NO_DIFFERENCE}, id="TT02", effect=minus("c", "a")),
            make_claim({}, id="TT03", effect=minus("late", "a")),
            make_claim({}, id="TT04", effect=minus("b", "c"), primary=False),
            make_claim(PROPERTY, id="TT05"),
        ]
    )


def test_holm_runs_over_the_primary_claims_and_counts_the_untested(ledger, make_frame):
    b, c = planted(0.1, spread=1.2), planted(0.3, spread=2.0, rolled=3)
    frame = make_frame({"a": BASE, "b": b, "c": c})
    first, second, third, fourth, fifth = adjudicate(ledger, frame, tier="small")
    raw = {
        "TT01": student_t([b[seed] - 5 for seed in b]).p_value,
        "TT02": student_t([c[seed] - 5 for seed in c]).p_value,
        "TT03": math.nan,
    }
    adjusted = holm(raw)
    assert first.effect.p_value == pytest.approx(raw["TT01"])
    assert first.p_adjusted == pytest.approx(adjusted["TT01"])
    assert second.p_adjusted == pytest.approx(adjusted["TT02"])
    # Three in the family, so the smallest p is multiplied by 3.
    assert min(first.p_adjusted, second.p_adjusted) == pytest.approx(
        3 * min(raw["TT01"], raw["TT02"])
    )
    assert (first.p_equivalence_adjusted, second.p_equivalence_adjusted) == pytest.approx(
        tuple(
            holm({"1": first.p_equivalence, "2": second.p_equivalence, "3": 1.0})[key]
            for key in "12"
        )
    )
    assert third.verdict == "not testable"
    for outside in (third, fourth, fifth):
        assert math.isnan(outside.p_adjusted)
        assert math.isnan(outside.p_equivalence_adjusted)
    assert fourth.reason.endswith("The claim is not primary, so p is not adjusted.")
    assert "adjusted p =" not in fourth.reason


def test_adjustment_decides_primary_claims_and_not_the_others(
    make_ablation, make_claim, make_frame
):
    # Planted: raw p = 0.03, so four claims with the same effect are not shown, a side claim is.
    values = planted(0.082 * 10, spread=10.0)
    assert 0.0125 < student_t([v - 5 for v in values.values()]).p_value < 0.05
    decision = {"margin": 0.01}
    ablation = make_ablation(
        [make_claim(decision, id=f"TT0{i}", primary=i < 5) for i in range(1, 6)]
    )
    results = adjudicate(ablation, make_frame({"a": BASE, "b": values}), tier="small")
    assert [result.verdict for result in results] == ["inconclusive"] * 4 + ["reproduced"]
    assert results[0].seeds_needed == seeds_for_difference(0.82, 1.0, null=0.0, alpha=0.05 / 4)


def test_absence_too_is_unadjusted_for_a_claim_that_is_not_primary(judge):
    assert judge(planted(0.0), primary=False).verdict == "absent"
    assert judge(planted(0.0), NO_DIFFERENCE, primary=False).verdict == "reproduced"


def test_a_claim_that_was_taken_out_is_shown_and_still_counts(
    make_frame, make_ablation, make_claim
):
    frame = make_frame({"a": BASE, "b": planted(0.06)})
    both = make_ablation([make_claim({}), make_claim({}, id="TT02", statement="b is better")])
    forms = {claim.id: [claim.model_dump(mode="json")] for claim in both.claims}
    left = make_ablation([make_claim({})])

    def judged():
        kept, gone = adjudicate(left, frame, tier="small", recorded_claims=forms)
        assert (gone.id, gone.verdict, gone.statement) == ("TT02", "withdrawn", "b is better")
        assert gone.effect is None
        return kept, gone

    kept, gone = judged()
    assert ClaimChange(key="decision.margin", before="0.5", after=None) in gone.changes
    assert not kept.edited
    # Half of alpha for each, as if it were still there: there is nothing to be won by deleting it.
    assert kept.p_adjusted == pytest.approx(2 * kept.effect.p_value)
    assert kept.p_equivalence_adjusted == pytest.approx(2 * kept.p_equivalence)
    assert "still counts in the family" in gone.reason
    # A claim that was in no family leaves none.
    forms["TT02"][0]["primary"] = False
    kept, gone = judged()
    assert kept.p_adjusted == kept.effect.p_value
    assert "family" not in gone.reason
    assert len(adjudicate(left, frame, tier="small")) == 1


def test_the_hashes_of_all_recorded_forms_stand_beside_that_of_the_claim(
    make_frame, make_ablation, make_claim
):
    frame = make_frame({"a": BASE, "b": planted(0.06)})
    margins = (0.5, 0.6, 0.5, 0.7)
    claims = [make_ablation([make_claim({"margin": margin})]).claims[0] for margin in margins]
    forms = [claim.model_dump(mode="json") for claim in claims]
    hashes = [claim_hash(claim) for claim in claims]
    ablation = make_ablation([make_claim({})])

    def judged(recorded, ablation=ablation):
        (result,) = adjudicate(ablation, frame, tier="small", recorded_claims=recorded)
        return result.sha256, result.recorded

    assert judged({"TT01": forms}) == (hashes[0], (hashes[0], hashes[1], hashes[3]))
    assert judged({"TT01": forms[1:2]}) == (hashes[0], (hashes[1],))
    assert judged({}) == judged(None) == (hashes[0], ())
    # Of a withdrawn claim the last form is judged.
    gone = make_ablation([])
    assert judged({"TT01": forms[:2]}, gone) == (hashes[1], tuple(hashes[:2]))


def test_skewed_seeds_are_noted_beside_the_verdict_which_stays(judge):
    even = judge(planted(3.0))
    assert "skewed" not in even.reason
    # One seed of ten collapsed, by hand: effects 3 (nine times, about) and -1.
    collapsed = planted(3.0) | {7: 4.0}
    values = np.array([collapsed[seed] - 5 for seed in range(10)])
    share = (values[7] - values.mean()) ** 2 / ((values - values.mean()) ** 2).sum()
    skewness = stats.skew(values, bias=False) / math.sqrt(6 * 10 * 9 / (8 * 11 * 13))
    assert skewness < -4
    found = judge(collapsed)
    assert found.verdict == "reproduced"
    assert (
        f"Its seeds are skewed (standardised skewness {skewness:.1f}; seed 7 alone has "
        f"{100 * share:.0f} % of their spread): p and interval may err more often than they say"
    ) in found.reason
    # The mirror image as well; an exact test and the same value in all seeds not at all.
    assert "seed 7 alone" in judge(planted(3.0) | {7: 12.0}).reason
    assert "skewed" not in judge(dict.fromkeys(range(10), 8.0)).reason


def test_edited_and_added_claims_are_shown_as_such(judge, make_ablation, make_claim):
    (claim,) = make_ablation([make_claim({})]).claims
    recorded = {"TT01": [claim.model_dump(mode="json")]}
    assert not judge(planted(3.0), recorded=recorded).edited
    assert not judge(planted(3.0)).edited
    edited = judge(planted(3.0), {"margin": 0.4}, recorded=recorded)
    assert edited.edited
    assert "The claim was edited after these results were produced." in edited.notes
    assert edited.changes == (ClaimChange(key="decision.margin", before="0.5", after="0.4"),)
    added = judge(planted(3.0), recorded={})
    assert added.edited
    assert "The claim was added after these results were produced." in added.notes
    assert added.changes == ()


def test_changes_from_several_recorded_forms_stand_side_by_side(judge, make_ablation, make_claim):
    forms = [
        make_ablation([make_claim(decision)]).claims[0].model_dump(mode="json")
        for decision in ({}, {"tolerance": 0.3}, {"margin": 0.4})
    ]
    result = judge(planted(3.0), {"margin": 0.4}, recorded={"TT01": forms})
    assert result.changes == (
        ClaimChange(key="decision.margin", before="0.5", after="0.4"),
        ClaimChange(key="decision.tolerance", before="0.3", after=None),
    )
    same = judge(planted(3.0), {"margin": 0.4}, recorded={"TT01": forms[2:]})
    assert not same.edited


def measured_with(kind, effect):
    item = {"name": "n", "meaning": "m", "effect": effect}
    return {"supporting": item, "controls": item, "preconditions": {**item, "above": -9}}[kind]


@pytest.mark.parametrize("kind", [None, "preconditions", "controls", "supporting"])
def test_a_redefined_metric_marks_the_claims_that_read_it(make_frame, make_ablation, minus, kind):
    def claim(key, metric, others):
        decision = {"rule": "difference", "direction": "greater", "margin": 0.5}
        return {
            "id": key,
            "statement": "s",
            "section": "1",
            "kind": "outcome",
            "documented": {"text": "+"},
            "decision": decision,
            "effect": minus("b", "a", metric=metric),
            **others,
        }

    others = {} if kind is None else {kind: [measured_with(kind, minus("b", "a", metric="norm"))]}
    first = claim("TT01", "norm" if kind is None else "score", others)
    ablation = make_ablation([first, claim("TT02", "loss", {})])
    runs = {"a": BASE, "b": planted(3.0)}
    frame = pd.concat([make_frame(runs, metric=name) for name in ("loss", "score", "norm")])
    forms = {name: [metric.definition] for name, metric in ablation.metrics.items()}
    claims = {item.id: [item.model_dump(mode="json")] for item in ablation.claims}

    def judged(metrics, recorded=claims):
        return adjudicate(
            ablation, frame, tier="small", recorded_claims=recorded, recorded_metrics=metrics
        )

    assert [found.edited for found in judged(forms)] == [False, False]
    assert [found.edited for found in judged({})] == [False, False]
    then = [{"better": "higher", "unit": "nat"}, {"better": "neither", "unit": "1"}]
    marked, other = judged({**forms, "norm": then})
    assert not other.edited
    assert marked.edited
    assert marked.changes == (
        ClaimChange(key="metrics.norm.better", before='"higher"', after='"neither"'),
        ClaimChange(key="metrics.norm.unit", before='"nat"', after='"1"'),
    )
    (note,) = marked.notes
    assert note.startswith("The definition of a metric that it rests on was edited after these")
    # Of a claim that was added the metric alone has a past; a metric may have none either.
    added, _ = judged({**forms, "norm": then}, {"TT02": claims["TT02"]})
    assert added.changes == marked.changes
    del forms["norm"]
    assert (
        ClaimChange(key="metrics.norm.unit", before=None, after='"1"') in judged(forms)[0].changes
    )


def test_seeds_other_than_the_planned_ones_are_noted(judge):
    assert judge(planted(3.0)).notes == ()
    fewer = judge(planted(3.0, n=3), a=dict.fromkeys(range(3), 5.0))
    assert "Run with seeds [0, 1, 2]; tier 'small' declares [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]." in (
        fewer.notes
    )


def test_unbalanced_seeds_are_refused(judge):
    with pytest.raises(InputError, match=r"variant 'b' lacks \[9\]"):
        judge(planted(3.0, n=9))


def test_runs_of_other_steps_are_refused_by_the_claim_that_compares_them(judge, minus):
    curve = {seed: [5.0] if seed % 2 else [5.0, 6.0, 7.0] for seed in range(10)}
    whole = {seed: [5.0, 6.0, 7.0] for seed in range(10)}
    area = minus("b", "a", at="area")
    with pytest.raises(InputError, match=r"claim TT01: step of variant 'b', seed 1, .* is '\[0\]'"):
        judge(curve, a=whole, effect=area)
    bounded = control(minus("c", "a", at="area"), explains_above=0.0)
    runs = {"c": curve}
    for key, item in (
        ("controls", bounded),
        ("preconditions", {"name": "n", "meaning": "m", "effect": area, "above": 0.0}),
    ):
        frames = {"b": whole, "runs": runs} if key == "controls" else {"b": curve, "runs": {}}
        with pytest.raises(InputError, match=rf"claim TT01, '{item['name']}': step of variant"):
            judge(frames["b"], a=whole, runs=frames["runs"], effect=minus("a"), **{key: [item]})
    shown = control(minus("c", "a", at="area"))
    result = judge(whole, a=whole, runs=runs, controls=[shown])
    assert any("not measured at the same steps" in note for note in result.notes)


@pytest.mark.parametrize("exponent", [-900, 900])
@pytest.mark.parametrize(("shift", "verdict"), [(3.0, "reproduced"), (0.0, "absent")])
def test_a_verdict_depends_on_no_unit(judge, exponent, shift, verdict):
    factor = 2.0**exponent
    a, b = ({s: v * factor for s, v in arm.items()} for arm in (BASE, planted(shift)))
    collapsed = b | {7: b[7] * 1.5}
    for arm in (b, collapsed):
        result = judge(arm, {"margin": 0.5 * factor}, a=a)
        plain = judge({s: v / factor for s, v in arm.items()})
        assert (result.verdict, result.seeds_needed) == (plain.verdict, plain.seeds_needed)
        assert (result.effect.p_value, result.p_equivalence) == (
            plain.effect.p_value,
            plain.p_equivalence,
        )
        assert ("skewed" in result.reason) == ("skewed" in plain.reason)
    assert judge(b, {"margin": 0.5 * factor}, a=a).verdict == verdict


def test_an_effect_that_overflows_is_refused(judge, minus):
    huge, opposite = dict.fromkeys(range(10), 1e308), dict.fromkeys(range(10), -1e308)
    message = (
        r"results/b.parquet: claim TT01: effect of seed 0 is inf; expected at most 1e\+300 in "
        "magnitude, beyond which intervals overflow; record the run as diverged"
    )
    with pytest.raises(InputError, match=message):
        judge(huge, a=opposite)
    curves = {seed: [1.7e308, 1.7e308] for seed in range(10)}
    for at in ("mean", "area"):
        with pytest.raises(InputError, match="effect of seed 0"):
            judge(curves, a=curves, effect=minus("b", "a", at=at))


def test_results_of_another_or_of_no_ablation_are_refused(make_ablation, make_claim, make_frame):
    ablation = make_ablation([make_claim({})])
    frame = make_frame({"a": BASE})
    other = frame.assign(ablation="else")
    with pytest.raises(InputError) as caught:
        adjudicate(ablation, pd.concat([frame, other]), tier="small")
    assert str(caught.value) == (
        "results: ablation is ['else', 'toy']; expected the results of exactly one ablation"
    )
    with pytest.raises(InputError, match=r"ablation is \[\]"):
        adjudicate(ablation, frame.iloc[:0], tier="small")


@pytest.mark.parametrize(
    ("decision", "changes", "message"),
    [
        ({"margin": 0.0}, {}, "a positive margin"),
        ({**SHARE, "direction": None}, {}, "a 'share' rule with a direction and a null between"),
        ({**SHARE, "null": 1.0}, {}, "a 'share' rule with a direction and a null between 0 and 1"),
        ({**SHARE, "margin": 0.1}, {}, "a 'share' rule without a margin"),
        (SHARE, {"scale": "log"}, "the plain scale with a 'share' rule"),
        ({**NOT_WORSE, "direction": None}, {}, "a 'not_worse' rule with a direction"),
        ({**NOT_WORSE, "margin": None}, {}, "a 'not_worse' rule with a direction"),
        ({**NOT_WORSE, "tolerance": 1.0}, {}, "a 'not_worse' rule without a tolerance"),
        ({"tolerance": -1.0}, {}, "a positive tolerance"),
        ({"margin": 1.1, "null": 0.0}, {"scale": "log"}, "a positive null on the log scale"),
        ({"margin": 1.1}, {"scale": "log", "value": -2.0}, "a positive documented value"),
    ],
)
def test_rules_that_no_result_could_be_judged_by_are_refused(
    make_ablation, make_claim, minus, decision, changes, message
):
    claim = make_claim(
        decision,
        effect=minus("b", "a", scale=changes.get("scale", "plain")),
        documented={"text": "x", "value": changes.get("value", 2.0)},
    )
    with pytest.raises(ValidationError, match=message):
        make_ablation([claim])


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234.5, "1230"), (0.0012345, "0.00123"), (3.21e-7, "3.21e-07"), (2.6e8, "2.60e+08")],
)
def test_figures_have_three_significant_digits(judge, value, shown):
    result = judge(dict.fromkeys(range(10), 5.0 + value), {"margin": 1e-9})
    assert f"Measured {shown} nat" in result.reason
