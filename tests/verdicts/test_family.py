"""Holm's adjustment over the primary claims."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from fixbench.statistics import holm, seeds_for_difference, student_t
from fixbench.verdicts import adjudicate

Make = Callable[..., Any]
Judge = Callable[..., Any]

BASE = dict.fromkeys(range(10), 5.0)
NO_DIFFERENCE = {"rule": "no_difference", "direction": None, "margin": 0.5}
PROPERTY = {"rule": "property", "direction": None, "margin": None}


@pytest.fixture
def ledger(make_ablation: Make, make_claim: Make, minus: Make) -> Any:
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


def test_holm_runs_over_the_primary_claims_and_counts_the_untested(
    ledger: Any, make_frame: Make, planted: Make
) -> None:
    b, c = planted(0.1, spread=1.2), planted(0.3, spread=2.0, rolled=3)
    frame = make_frame({"a": BASE, "b": b, "c": c})
    judged: Any = adjudicate(ledger, frame, tier="small")
    first, second, third, fourth, fifth = judged
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
    assert not any(evidence.adjusted for evidence in fourth.ruling.evidence.values())
    assert fourth.ruling.evidence["different"].p == fourth.effect.p_value


def test_adjustment_decides_primary_claims_and_not_the_others(
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make
) -> None:
    # Planted: raw p = 0.03, so four claims with the same effect are not shown, a side claim is.
    values = planted(0.082 * 10, spread=10.0)
    assert 0.0125 < student_t([v - 5 for v in values.values()]).p_value < 0.05
    decision = {"margin": 0.01}
    ablation = make_ablation(
        [make_claim(decision, id=f"TT0{i}", primary=i < 5) for i in range(1, 6)]
    )
    results = adjudicate(ablation, make_frame({"a": BASE, "b": values}), tier="small")
    assert [result.verdict for result in results] == ["inconclusive"] * 4 + ["reproduced"]
    assert results[0].seeds_needed == seeds_for_difference(0.82, 1.0, null=0.01, alpha=0.05 / 4)


def test_absence_too_is_unadjusted_for_a_claim_that_is_not_primary(
    judge: Judge, planted: Make
) -> None:
    assert judge(planted(0.0), primary=False).verdict == "absent"
    assert judge(planted(0.0), NO_DIFFERENCE, primary=False).verdict == "reproduced"
