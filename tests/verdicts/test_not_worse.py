"""A claim that nothing that matters is lost."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from fixbench.statistics import seeds_for_difference

Make = Callable[..., Any]
Judge = Callable[..., Any]

NO_DIFFERENCE = {"rule": "no_difference", "direction": None, "margin": 0.5}
NOT_WORSE = {"rule": "not_worse", "direction": "greater", "margin": 0.5}


@pytest.mark.parametrize(
    ("shift", "spread", "verdict", "finding", "different"),
    [
        (0.0, 1.0, "reproduced", "not worse", False),
        (-0.3, 1.0, "reproduced", "not worse", True),
        (3.0, 1.0, "reproduced", "not worse", True),
        (-2.0, 1.0, "refuted", "worse", True),
        # Below 0, but neither within the margin nor beyond it.
        (-0.45, 4.0, "inconclusive", "open", True),
        (-0.1, 20.0, "inconclusive", "open", False),
    ],
)
def test_a_claim_of_not_worse(
    judge: Judge,
    shift: float,
    spread: float,
    verdict: str,
    finding: str,
    different: bool,
    planted: Make,
) -> None:
    result = judge(planted(shift, spread=spread), NOT_WORSE)
    assert (result.verdict, result.ruling.finding) == (verdict, finding)
    assert result.ruling.evidence["different"].shown == different
    assert result.ruling.evidence["not worse"].p == result.p_equivalence_adjusted
    assert result.ruling.margin == pytest.approx((-0.5, 0.5))
    assert (finding == "worse") == (result.effect.high < -0.5)
    assert (result.seeds_needed is not None) == (verdict == "inconclusive")
    # Where lower is better, everything is the mirror image.
    mirrored = judge(planted(-shift, spread=-spread), {**NOT_WORSE, "direction": "less"})
    assert mirrored.verdict == verdict
    assert mirrored.p_equivalence == pytest.approx(result.p_equivalence)
    assert mirrored.seeds_needed == result.seeds_needed


def test_not_worse_is_one_sided_where_equivalence_is_two_sided(judge: Judge, planted: Make) -> None:
    better = planted(3.0)
    assert judge(better, NO_DIFFERENCE).verdict == "refuted"
    assert judge(better, NOT_WORSE).verdict == "reproduced"


@pytest.mark.parametrize(("shift", "verdict"), [(-0.1, "reproduced"), (-0.9, "refuted")])
def test_not_worse_plans_for_its_bound(
    judge: Judge, shift: float, verdict: str, planted: Make
) -> None:
    result = judge(planted(shift, spread=20.0), NOT_WORSE)
    assert result.seeds_needed == seeds_for_difference(shift, 2.0, null=-0.5, alpha=0.05)
    assert f"seeds would show {verdict!r}" in result.reason


def test_not_worse_on_the_log_scale_has_a_factor_as_margin(
    judge: Judge, minus: Make, planted: Make
) -> None:
    b = {seed: 5 * math.exp(value) for seed, value in planted(math.log(0.95), base=0).items()}
    effect = minus("b", "a", scale="log")
    assert judge(b, {**NOT_WORSE, "margin": 1.2}, effect=effect).verdict == "reproduced"
    assert "below 0.952" in judge(b, {**NOT_WORSE, "margin": 1.05}, effect=effect).reason


def test_not_worse_with_one_seed_a_failed_precondition_or_a_control(
    judge: Judge, minus: Make, planted: Make
) -> None:
    assert judge({0: 9.0}, NOT_WORSE, a={0: 5.0}).verdict == "inconclusive"
    needed = {"name": "n", "meaning": "m", "effect": minus("c", "a"), "above": 0.4}
    rival = {"name": "r", "meaning": "m", "effect": minus("c", "a"), "explains_below": 0.4}
    runs = {"c": planted(0.0)}
    claim = {"runs": runs, "controls": [rival]}
    assert judge(planted(0.0), NOT_WORSE, **claim).verdict == "confounded"
    claim = {"runs": runs, "preconditions": [needed]}
    assert judge(planted(0.0), NOT_WORSE, **claim).verdict == "not testable"
    claim["runs"] = {"c": planted(0.41)}
    assert judge(planted(0.0), NOT_WORSE, **claim).verdict == "unresolved"
