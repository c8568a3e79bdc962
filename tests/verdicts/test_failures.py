"""How failed runs count."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Make = Callable[..., Any]
Judge = Callable[..., Any]

NO_DIFFERENCE = {"rule": "no_difference", "direction": None, "margin": 0.5}
NOT_WORSE = {"rule": "not_worse", "direction": "greater", "margin": 0.5}


def test_a_failed_run_counts_as_the_worst_and_is_counted(judge: Judge, planted: Make) -> None:
    b = planted(3.0)
    result = judge(b, failed=[("b", 4)])
    worst = max(value for seed, value in b.items() if seed != 4)
    expected = [(worst if seed == 4 else value) - 5.0 for seed, value in b.items()]
    assert result.verdict == "reproduced"  # b was said to be higher, that is worse
    assert result.effect.estimate == pytest.approx(np.mean(expected))
    assert result.effect.n_failed == 1
    assert any("worst of the successful runs of this effect" in note for note in result.notes)
    assert any(
        note.startswith("Without the 1 seed that had a failed run the estimate is")
        for note in result.notes
    )


@pytest.mark.parametrize("direction", ["greater", "less"])
def test_where_neither_is_better_a_failure_counts_as_the_null(
    judge: Judge, minus: Make, direction: str, planted: Make
) -> None:
    decision = {"direction": direction, "null": 0.5}
    effect = minus("b", "a", metric="norm")
    result = judge(planted(3.0), decision, failed=[("b", 4)], metric="norm", effect=effect)
    assert result.effect.per_seed[4] == pytest.approx(0.5)
    assert any("counts as the null" in note for note in result.notes)


def test_failures_can_overturn_a_claim_that_the_survivors_support(
    judge: Judge, minus: Make, planted: Make
) -> None:
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


def test_when_every_run_fails_nothing_is_claimed(judge: Judge, planted: Make) -> None:
    runs = [(variant, seed) for variant in "ab" for seed in range(10)]
    result = judge(planted(3.0), failed=runs)
    assert result.verdict == "inconclusive"
    assert result.ruling.finding == "no number"
    # In the order of the effect's terms.
    lost_runs = result.ruling.details["lost"]
    assert 0 <= lost_runs.index("variant 'b'") < lost_runs.index("variant 'a'")
    assert result.effect.n_failed == 10


@pytest.mark.parametrize("rule", ["difference", "no_difference", "not_worse"])
@pytest.mark.parametrize("direction", ["greater", "less"])
@pytest.mark.parametrize(("metric", "arm"), [("loss", "a"), ("score", "b"), ("norm", "b")])
def test_an_arm_that_never_succeeds_decides_nothing(
    judge: Judge,
    minus: Make,
    rule: str,
    direction: str,
    metric: str,
    arm: str,
    planted: Make,
    lost: Make,
) -> None:
    result = judge(
        planted(3.0),
        {"rule": rule, "direction": direction},
        failed=lost(arm),
        metric=metric,
        effect=minus("b", "a", metric=metric),
    )
    assert result.verdict == "inconclusive"
    assert f"No run of variant '{arm}' succeeded" in result.ruling.details["lost"]
    effect = result.effect
    numbers = (effect.estimate, effect.low, effect.high, effect.p_value, effect.p_sign_flip)
    assert np.isnan([*numbers, result.p_adjusted, result.p_equivalence]).all()


@pytest.mark.parametrize("metric", ["loss", "score", "norm"])
@pytest.mark.parametrize("failing", [("b",), ("a",), ("a", "b")])
@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize("rule", ["difference", "no_difference", "not_worse"])
def test_sameness_is_not_shown_where_runs_fail(
    judge: Judge,
    minus: Make,
    rule: str,
    metric: str,
    failing: tuple[str, ...],
    count: int,
    planted: Make,
) -> None:
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
    assert result.ruling.failed_runs == len(failed)
    assert (result.effect.n, result.effect.n_failed) == (10, count)


def test_an_effect_has_not_the_documented_size_where_runs_fail(judge: Judge, planted: Make) -> None:
    result = judge(planted(2.0), {"tolerance": 0.5}, failed=[("b", 1)])
    assert result.verdict == "direction only"
    assert (result.ruling.finding, result.ruling.failed_runs) == ("runs fail", 1)


def test_failures_of_the_worse_arm_still_show_that_it_is_worse(judge: Judge, planted: Make) -> None:
    result = judge(planted(3.0), {**NOT_WORSE, "direction": "less"}, failed=[("b", 1)])
    assert result.verdict == "refuted"
    assert judge(planted(3.0), NO_DIFFERENCE, failed=[("b", 1)]).verdict == "refuted"


def test_an_unrelated_variant_changes_no_verdict(judge: Judge, planted: Make) -> None:
    failed = [("b", 4)]
    alone = judge(planted(3.0), failed=failed)
    beside = judge(planted(3.0), failed=failed, runs={"c": planted(50.0)})
    assert beside.effect == alone.effect
    assert (beside.verdict, beside.reason) == (alone.verdict, alone.reason)


def test_a_note_says_where_runs_of_both_sides_of_an_effect_fail(judge: Any, planted: Any) -> None:
    def noted(*failed: tuple[str, int]) -> bool:
        result = judge(planted(2.0), failed=list(failed))
        return any("both sides of this effect fail" in note for note in result.notes)

    assert noted(("a", 1), ("b", 2))
    assert not noted(("a", 1), ("a", 2))
    assert not noted(("b", 1), ("b", 2))
