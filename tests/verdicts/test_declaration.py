"""Declarations that no result could be judged by, refused before any result exists."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixbench.ablation import Claim, Effect
from fixbench.errors import InputError
from fixbench.verdicts import check_claims, rule_names
from fixbench.verdicts._declaration import check_claim

Make = Callable[..., Any]
Keys = dict[str, Any]

NO_DIFFERENCE = {"rule": "no_difference", "direction": None, "margin": 0.5}
NOT_WORSE = {"rule": "not_worse", "direction": "greater", "margin": 0.5}
SHARE = {"rule": "share", "direction": "greater", "null": 0.5, "margin": None}
PROPERTY = {"rule": "property", "direction": None, "margin": None}
UNTESTED = {**PROPERTY, "rule": "not_testable", "reason": "It is a claim of priority"}


@pytest.fixture
def declare(make_ablation: Make, make_claim: Make) -> Make:
    """A claim with a decision that no other check has seen."""

    def build(decision: Keys, **changes: Any) -> Any:
        (claim,) = make_ablation([make_claim({})]).claims
        documented = claim.documented.model_copy(update={"value": changes.pop("documented", 2.0)})
        judged = claim.decision.model_copy(update=decision)
        return Claim.model_copy(
            claim, update={"decision": judged, "documented": documented, **changes}
        )

    return build


@pytest.fixture
def effect(minus: Make) -> Make:
    return lambda *variants, **options: Effect.model_validate(minus(*variants, **options))


@pytest.mark.parametrize("decision", [{}, NO_DIFFERENCE, NOT_WORSE, SHARE, PROPERTY])
def test_a_complete_declaration_has_no_problem(declare: Make, decision: Keys) -> None:
    assert list(check_claim(declare(decision))) == []


def documented_keys() -> dict[str, tuple[list[str], list[str]]]:
    """Rule → the keys of a decision that it needs, and those that it may have."""
    page = Path(__file__).parents[2] / "docs" / "ablations.md"
    rows = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines()]
    return {
        row[1].strip(" `"): (re.findall(r"`(\w+)`", row[3]), re.findall(r"`(\w+)`", row[4]))
        for row in rows
        if len(row) == 6 and row[1].strip(" `") in rule_names()
    }


def test_the_page_on_claims_says_what_each_rule_needs(declare: Make) -> None:
    values: Keys = {
        "direction": "less",
        "margin": 0.5,
        "null": 0.5,
        "tolerance": 0.5,
        "reason": "r",
    }
    values["collapse"] = {"below": 1.0}
    nothing: Keys = dict.fromkeys(values)
    found = documented_keys()
    assert {"difference", "no_difference", "not_worse", "property", "share"} < set(found)
    for rule, (needed, possible) in found.items():
        changes = {"effect": None} if rule == "not_testable" else {}

        def keys(*names: str, rule: str = rule) -> Keys:
            return nothing | {"rule": rule} | {name: values[name] for name in names}

        assert list(check_claim(declare(keys(*needed), **changes))) == []
        assert list(check_claim(declare(keys(*needed, *possible), **changes))) == []
        for name in needed:
            others = [other for other in needed if other != name]
            assert list(check_claim(declare(keys(*others), **changes))) != []
        if "tolerance" in possible:
            (problem,) = check_claim(declare(keys(*needed, "tolerance"), documented=None))
            assert problem.key == "documented.value"


def test_what_is_not_tested_declares_no_effect(declare: Make) -> None:
    assert list(check_claim(declare(UNTESTED, effect=None))) == []


@pytest.mark.parametrize(
    ("decision", "key", "expected"),
    [
        ({"rule": "diference"}, "decision.rule", "one of the rules difference, direction"),
        ({"direction": None}, "decision.direction", "this key, which a 'difference' rule needs"),
        ({"margin": None}, "decision.margin", "this key, which a 'difference' rule needs"),
        ({**NO_DIFFERENCE, "margin": None}, "decision", "a 'no_difference' rule with a margin"),
        ({"margin": 0.0}, "decision.margin", "a positive margin"),
        ({"tolerance": -1.0}, "decision.tolerance", "a positive tolerance"),
        ({**SHARE, "direction": None}, "decision", "a direction and a null between 0 and 1"),
        ({**SHARE, "null": None}, "decision", "a direction and a null between 0 and 1"),
        ({**SHARE, "null": 1.0}, "decision", "a direction and a null between 0 and 1"),
        ({**SHARE, "margin": 0.1}, "decision", "a 'share' rule without a margin"),
        ({**NOT_WORSE, "direction": None}, "decision", "a 'not_worse' rule with a direction"),
        ({**NOT_WORSE, "margin": None}, "decision", "a 'not_worse' rule with a direction"),
        ({**NOT_WORSE, "tolerance": 1.0}, "decision", "a 'not_worse' rule without a tolerance"),
        (UNTESTED, "effect", "no effect with a 'not_testable' rule"),
    ],
)
def test_a_decision_that_is_not_complete_is_refused(
    declare: Make, decision: Keys, key: str, expected: str
) -> None:
    problem, *_ = check_claim(declare(decision))
    assert problem.key == key
    assert expected in problem.expected


def test_an_effect_is_declared_exactly_where_the_rule_needs_one(declare: Make) -> None:
    (missing,) = check_claim(declare({}, effect=None))
    assert (missing.key, missing.expected) == ("effect", "an effect with a 'difference' rule")
    (reason,) = check_claim(declare({**UNTESTED, "reason": ""}, effect=None))
    assert reason.expected == "a 'not_testable' rule with a reason"


@pytest.mark.parametrize(
    ("decision", "documented", "key"),
    [
        ({"margin": 1.0}, 2.0, "decision.margin"),
        ({"margin": 1.1, "tolerance": 0.9}, 2.0, "decision.tolerance"),
        ({"margin": 1.1, "null": 0.0}, 2.0, "decision.null"),
        ({"margin": 1.1}, -2.0, "documented.value"),
        ({**SHARE}, 2.0, "effect.scale"),
    ],
)
def test_on_the_log_scale_sizes_are_factors_and_values_positive(
    declare: Make, effect: Make, decision: Keys, documented: float, key: str
) -> None:
    log = effect("b", "a", scale="log")
    assert [p.key for p in check_claim(declare({"margin": 1.1}, effect=log))] == []
    (problem,) = check_claim(declare(decision, effect=log, documented=documented))
    assert problem.key == key


@pytest.mark.parametrize("decision", [SHARE, PROPERTY])
def test_values_are_counted_of_terms_alone(declare: Make, decision: Keys) -> None:
    slope = {"doses": {"a": 1.0, "b": 2.0}, "metric": "loss", "stage": "test"}
    design = Effect.model_validate({"slope": slope})
    (problem,) = check_claim(declare(decision, effect=design))
    assert problem.key == "effect"


def test_preconditions_are_for_rules_that_are_tested(
    declare: Make, make_ablation: Make, make_claim: Make, minus: Make
) -> None:
    needed = {"name": "n", "meaning": "m", "effect": minus("b", "a"), "above": 0.0}
    (claim,) = make_ablation([make_claim({}, preconditions=[needed])]).claims
    assert list(check_claim(claim)) == []
    (problem,) = check_claim(declare(PROPERTY, preconditions=claim.preconditions))
    assert problem.key == "preconditions"


def test_the_first_problem_is_refused_with_file_claim_key_and_value(
    declare: Make, make_ablation: Make
) -> None:
    ablation = make_ablation([])
    good, bad = declare({}), declare({"margin": -0.5}, id="TT02")
    check_claims(ablation.model_copy(update={"claims": [good]}), "claims.yaml")
    with pytest.raises(InputError) as caught:
        check_claims(ablation.model_copy(update={"claims": [good, bad]}), "claims.yaml")
    assert str(caught.value) == (
        "claims.yaml: claims.TT02.decision.margin is -0.5; expected a positive margin"
    )
