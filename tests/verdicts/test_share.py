"""A claim of a share of seeds."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from fixbench.statistics import holm, seeds_for_share
from fixbench.verdicts import adjudicate

Make = Callable[..., Any]
Judge = Callable[..., Any]
Claim = dict[str, Any]

PROPERTY = {"rule": "property", "direction": None, "margin": None}
SHARE = {"rule": "share", "direction": "greater", "null": 0.5, "margin": None}
ONLY_B = {
    "effect": {"terms": [{"variant": "b", "metric": "loss", "stage": "test", "at": "mean"}]},
    "documented": {"text": "most seeds", "value": 0.9},
}


@pytest.mark.parametrize(
    ("held", "decision", "verdict", "finding", "p"),
    [
        # All or none of ten: p = 2 / 1024; 9: 2 * 11 / 1024; 8: 2 * 56 / 1024.
        (10, {}, "reproduced", "direction", 2 / 1024),
        (10, {"direction": "less"}, "reversed", "opposite", 2 / 1024),
        (0, {}, "reversed", "opposite", 2 / 1024),
        (0, {"direction": "less"}, "reproduced", "direction", 2 / 1024),
        (9, {}, "reproduced", "direction", 22 / 1024),
        (8, {}, "inconclusive", "open", 112 / 1024),
        (10, {"tolerance": 0.25}, "reproduced", "size", 2 / 1024),
        (10, {"tolerance": 0.2}, "direction only", "size open", 2 / 1024),
    ],
)
def test_a_claim_of_a_share_of_seeds(
    judge: Judge, held: int, decision: Claim, verdict: str, finding: str, p: float, passes: Make
) -> None:
    result = judge(passes(held), {**SHARE, **decision}, **ONLY_B)
    assert (result.verdict, result.ruling.finding) == (verdict, finding)
    assert result.p_adjusted == pytest.approx(p)
    assert result.ruling.side == ("above" if held > 5 else "below")
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
def test_an_open_share_names_the_seeds_that_would_settle_it(
    judge: Judge, held: int, decision: Claim, verdict: str, passes: Make
) -> None:
    result = judge(passes(held), {**SHARE, **decision}, **ONLY_B)
    assert result.verdict == "inconclusive"
    assert result.seeds_needed == seeds_for_share(0.8, null=0.5, alpha=0.05)
    assert result.ruling.toward == verdict


def test_a_seed_counts_in_a_share_when_all_its_values_are_one(judge: Judge) -> None:
    curves = {seed: [1.0, float(seed != 3), 1.0] for seed in range(10)}
    result = judge(curves, SHARE, **ONLY_B)
    assert result.proportion.held == 9
    assert result.effect.per_seed == {seed: float(seed != 3) for seed in range(10)}


def test_failed_seeds_count_against_the_claim_of_a_share(judge: Judge, passes: Make) -> None:
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
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make, passes: Make
) -> None:
    ablation = make_ablation(
        [make_claim({}, id="TT01"), make_claim(SHARE, id="TT02", effect=ONLY_B["effect"])]
    )
    frame = make_frame({"a": planted(0.0, rolled=3, base=0.9), "b": passes(10)})
    first, second = adjudicate(ablation, frame, tier="small")
    assert first.effect is not None
    assert second.effect is not None
    raw = {"1": first.effect.p_value, "2": second.effect.p_value}
    assert second.effect.p_value == pytest.approx(2 / 1024)
    assert {"1": first.p_adjusted, "2": second.p_adjusted} == pytest.approx(holm(raw))
    assert first.p_equivalence_adjusted == first.p_equivalence
    assert math.isnan(second.p_equivalence_adjusted)
    # Each p says over how many claims it is adjusted; a share has none of equivalence.
    assert first.ruling is not None
    assert second.ruling is not None
    assert first.ruling.evidence["different"].family == 2
    assert first.ruling.evidence["equivalent"].family == 1
    assert second.ruling.evidence["different"].family == 2
    assert "p = 0.00391, adjusted for 2 claims" in second.reason


def test_a_share_and_a_property_with_an_arm_that_never_succeeds(
    judge: Judge, lost: Make, passes: Make
) -> None:
    for direction in ("greater", "less"):
        result = judge(passes(10), {**SHARE, "direction": direction}, failed=lost("b"), **ONLY_B)
        assert result.verdict == "inconclusive"
        assert "No run of variant 'b' succeeded" in result.ruling.details["lost"]
        assert (result.effect.n, result.effect.n_failed) == (10, 10)
        assert math.isnan(result.effect.estimate)
    ones = dict.fromkeys(range(10), 1.0)
    result = judge(ones, PROPERTY, a=ones, failed=lost("b"))
    assert result.verdict == "inconclusive"
    assert "No run of variant 'b' succeeded" in result.ruling.details["lost"]
