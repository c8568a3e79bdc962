"""Decision rules in words name every number of the decision, in its order."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from fixbench.ablation import Claim, Control, Precondition
from fixbench.reports._rules import VERDICTS, decision_rule, explanation_rule, requirement
from fixbench.verdicts import Verdict

LOG: dict[str, Any] = {
    "scale": "log",
    "terms": [
        {"variant": "a", "metric": "norm", "stage": "g", "at": "mean"},
        {"variant": "b", "metric": "norm", "stage": "g", "at": "mean", "weight": -1.0},
    ],
}
PLAIN: dict[str, Any] = {
    "terms": [
        {"variant": "a", "metric": "loss", "stage": "s", "at": 12, "weight": -1.0},
        {"variant": "b", "metric": "loss", "stage": "s", "weight": 0.5},
    ]
}


def claim(rule: dict[str, Any], effect: dict[str, Any] | None, **more: Any) -> Claim:
    return Claim.model_validate(
        {
            "id": "XX01",
            "statement": "s",
            "section": "t",
            "kind": "outcome",
            "documented": {"text": "0.4", "value": more.pop("value", 0.4)},
            "decision": rule,
            "effect": effect,
            **more,
        }
    )


def numbers(sentences: list[str]) -> list[list[str]]:
    """The numbers of each sentence, in order."""
    return [re.findall(r"−?\d+(?:\.\d+)?", sentence) for sentence in sentences]


def test_difference_is_absent_then_shown_then_sized() -> None:
    rule = {"rule": "difference", "direction": "less", "margin": 1.25, "tolerance": 2.0}
    told = decision_rule(claim(rule, LOG), 0.95)
    # 1 / 1.25 and 1.25 around no effect; 0.4 / 2 and 0.4 · 2 around the documented size.
    assert numbers(told) == [
        ["0.8", "1.25", "0.05", "1"],
        ["1", "0.05"],
        ["0.8", "0.05"],
        ["95", "0.2", "0.8"],
    ]
    absent, shown, _, _ = told
    assert "absent" in absent
    assert "below 1 (Holm-adjusted p < 0.05)" in shown


@pytest.mark.parametrize(
    ("rule", "value", "word"),
    [({}, 0.4, "tolerance"), ({"tolerance": 2.0}, None, "no documented number")],
)
def test_difference_rule_says_when_size_is_not_judged(
    rule: dict[str, Any], value: float | None, word: str
) -> None:
    base = {"rule": "difference", "direction": "greater", "margin": 1.25, **rule}
    told = decision_rule(claim(base, LOG, value=value, primary=False), 0.9)
    _, shown, _, size, family = told
    assert word in size
    assert "above 1 (p < 0.1)" in shown
    assert "not adjusted" in family


def test_equivalence_is_reproduced_within_its_zone_and_refuted_beyond() -> None:
    told = decision_rule(claim({"rule": "no_difference", "margin": 0.1}, PLAIN), 0.95)
    assert numbers(told) == [["−0.1", "0.1", "0.05"], ["0.05"]]
    assert ["reproduced" in told[0], "refuted" in told[1]] == [True, True]


def test_non_inferiority_is_reproduced_on_the_better_side_of_its_bound() -> None:
    rule = {"rule": "not_worse", "direction": "less", "margin": 0.1}
    told = decision_rule(claim(rule, PLAIN), 0.95)
    assert numbers(told) == [["0", "0.1", "0.05"], ["0.1", "0.05"]]
    assert "below 0.1" in told[0]
    assert "above 0.1" in told[1]


def test_share_counts_failed_runs_against_the_claim() -> None:
    rule = {"rule": "share", "direction": "less", "null": 0.5, "tolerance": 0.1}
    seeds, shown, size = decision_rule(claim(rule, PLAIN), 0.95)
    assert seeds.endswith(" holds.")
    assert numbers([shown, size]) == [["0.5", "0.05"], ["95", "0.3", "0.5"]]
    assert "below 0.5 shows" in shown
    seeds, shown, _ = decision_rule(claim({**rule, "direction": "greater"}, PLAIN), 0.95)
    assert seeds.endswith(" does not hold.")
    assert "above 0.5 shows" in shown


def test_rules_without_a_test() -> None:
    (exact,) = decision_rule(claim({"rule": "property"}, PLAIN), 0.95)
    assert numbers([exact]) == [["1"]]
    untested = claim({"rule": "not_testable", "reason": "no weights."}, None)
    (reason,) = decision_rule(untested, 0.95)
    assert reason.endswith(": no weights.")


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ({"explains_above": 0.9, "explains_below": 1.1}, "interval within 0.9 to 1.1"),
        ({"explains_above": 0.9}, "interval above 0.9"),
        ({"explains_below": 0.0}, "interval below 0"),
        ({}, "decides nothing"),
    ],
)
def test_explanation_rule(bounds: dict[str, float], text: str) -> None:
    control = Control.model_validate({"name": "c", "effect": PLAIN, "meaning": "m", **bounds})
    assert explanation_rule(control) == text


def test_every_verdict_has_a_meaning() -> None:
    assert set(VERDICTS) == set(get_args(Verdict))


def test_the_rule_of_a_claim_that_was_looked_at_repeatedly() -> None:
    rule = {"rule": "difference", "direction": "less", "margin": 0.1, "tolerance": 0.2}
    told = decision_rule(claim(rule, PLAIN), 0.974, looks=True)
    assert numbers(told) == [
        ["−0.1", "0.1", "0"],
        ["0"],
        ["−0.1"],
        ["97.4", "0.2", "0.6"],
    ]
    assert "level of a look, by Holm's steps" in told[1]
    alone = decision_rule(claim(rule, PLAIN, primary=False), 0.974, looks=True)
    assert len(alone) == 4  # the levels of looks are adjusted for the looks at least
    assert "Holm" not in alone[1]


def test_precondition_comes_first_in_the_rule() -> None:
    bounds: list[tuple[dict[str, float], str]] = [
        ({"above": 0.1}, "interval above 0.1"),
        ({"below": 0.9}, "interval below 0.9"),
        ({"above": 0.1, "below": 0.9}, "interval within 0.1 to 0.9"),
    ]
    declared = [
        {"name": f"c{index}", "meaning": "", "effect": LOG, **bound}
        for index, (bound, _) in enumerate(bounds)
    ]
    for item, (_, text) in zip(declared, bounds, strict=True):
        assert requirement(Precondition.model_validate(item)) == text
    for rule in (
        {"rule": "difference", "direction": "less", "margin": 1.1},
        {"rule": "no_difference", "margin": 1.1},
    ):
        first, *others = decision_rule(claim(rule, LOG, preconditions=declared), 0.9)
        listed = "; ".join(f"c{index}: {text}" for index, (_, text) in enumerate(bounds))
        assert f"({listed})" in first
        assert "90 %" in first
        assert others == decision_rule(claim(rule, LOG), 0.9)
