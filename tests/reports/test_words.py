from __future__ import annotations

from typing import Any

import pytest

from fixbench.ablation import Claim, Control, Effect, Metric, Precondition
from fixbench.reports._words import (
    VERDICTS,
    decision_rule,
    effect_formula,
    effect_quantity,
    effect_unit,
    explanation_rule,
    is_contrast,
    margin_zone,
    requirement,
    tolerance_zone,
)
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


def test_formula_of_a_plain_effect() -> None:
    effect = Effect.model_validate(PLAIN)
    assert effect_formula(effect) == "−loss(a, s, step 12) + 0.5 · loss(b, s, last)"


def test_formula_of_a_ratio() -> None:
    assert effect_formula(Effect.model_validate(LOG)) == "norm(a, g, mean) ÷ norm(b, g, mean)"


def test_formula_of_a_ratio_with_powers_and_without_numerator() -> None:
    terms = [{**LOG["terms"][0], "weight": -0.5}, {**LOG["terms"][1], "weight": -1.0}]
    effect = Effect.model_validate({"scale": "log", "terms": terms})
    assert effect_formula(effect) == "1 ÷ (norm(a, g, mean)^0.5 · norm(b, g, mean))"
    effect = Effect.model_validate({"scale": "log", "terms": LOG["terms"][:1]})
    assert effect_formula(effect) == "norm(a, g, mean)"


def test_units() -> None:
    def metric(unit: str) -> Metric:
        return Metric(unit=unit, better="lower", description="")

    plain = Effect.model_validate(PLAIN)
    assert effect_unit(plain, {"loss": metric("nat")}) == "nat"
    assert effect_unit(plain, {"loss": metric("1")}) == ""
    assert effect_unit(Effect.model_validate(LOG), {"norm": metric("nat")}) == "ratio"


@pytest.mark.parametrize(
    ("scale", "dose_scale", "unit", "formula"),
    [
        (
            "log",
            "log",
            "exponent",
            "slope of log loss(·, s, last) over log rate (a at 0.1, b at 1)",
        ),
        (
            "log",
            "plain",
            "log per unit",
            "slope of log loss(·, s, last) over rate (a at 0.1, b at 1)",
        ),
        (
            "plain",
            "log",
            "nat per e-fold",
            "slope of loss(·, s, last) over log rate (a at 0.1, b at 1)",
        ),
        (
            "plain",
            "plain",
            "nat per unit",
            "slope of loss(·, s, last) over rate (a at 0.1, b at 1)",
        ),
    ],
)
def test_a_slope_is_no_ratio(scale: str, dose_scale: str, unit: str, formula: str) -> None:
    slope = {
        "doses": {"a": 0.1, "b": 1},
        "over": "rate",
        "dose_scale": dose_scale,
        "metric": "loss",
        "stage": "s",
    }
    effect = Effect.model_validate({"scale": scale, "slope": slope})
    metrics = {"loss": Metric(unit="nat", better="lower", description="")}
    assert effect_formula(effect) == formula
    assert effect_unit(effect, metrics) == unit
    assert effect_quantity(effect, metrics) == f"slope of loss in {unit}"
    assert is_contrast(effect)
    rule = {"rule": "difference", "direction": "less", "margin": 0.1}
    assert margin_zone(claim(rule, {"scale": scale, "slope": slope})) == (-0.1, 0.1)
    assert "an effect below 0 (" in decision_rule(claim(rule, effect.model_dump()), 0.95)[1]


@pytest.mark.parametrize(
    ("of", "words"),
    [(["x"], "main effect of x"), (["x", "y"], "interaction of x × y")],
)
def test_formula_of_a_factorial_effect(of: list[str], words: str) -> None:
    design = {
        "factors": ["x", "y"],
        "cells": {"a": "--", "b": "+-", "c": "-+", "d": "++"},
        "of": of,
        "metric": "loss",
        "stage": "s",
    }
    effect = Effect.model_validate({"factorial": design})
    signs = "signs of x, y: a --, b +-, c -+, d ++"
    assert effect_formula(effect) == f"{words} on loss(·, s, last), {signs}"
    ratio = Effect.model_validate({"factorial": design, "scale": "log"})
    assert f"{words} on log loss(" in effect_formula(ratio)
    metrics = {"loss": Metric(unit="nat", better="lower", description="")}
    assert effect_unit(ratio, metrics) == "ratio"


def test_zones_are_factors_around_a_ratio_and_distances_around_a_difference() -> None:
    rule = {"rule": "difference", "direction": "less", "margin": 1.25, "tolerance": 2.0}
    ratio = claim(rule, LOG)
    assert margin_zone(ratio) == pytest.approx((0.8, 1.25))
    assert tolerance_zone(ratio) == pytest.approx((0.2, 0.8))
    plain = claim({**rule, "margin": 0.1, "tolerance": 0.3, "null": 0.5}, PLAIN)
    assert margin_zone(plain) == pytest.approx((0.4, 0.6))
    assert tolerance_zone(plain) == pytest.approx((0.1, 0.7))
    assert tolerance_zone(claim(rule, LOG, value=None)) is None
    assert margin_zone(claim({"rule": "property"}, PLAIN)) is None


def test_difference_rule_names_every_number_of_its_decision() -> None:
    rule = {"rule": "difference", "direction": "less", "margin": 1.25, "tolerance": 2.0}
    text = " ".join(decision_rule(claim(rule, LOG), 0.95))
    assert "Absent when a ratio between 0.8 and 1.25" in text
    assert "by a ratio below 1 (Holm-adjusted p < 0.05)" in text
    assert "95 % interval lies between 0.2 and 0.8" in text
    assert "not adjusted" not in text


@pytest.mark.parametrize(
    ("rule", "value", "sentence"),
    [
        ({}, 0.4, "No tolerance is declared, so the size is not judged."),
        ({"tolerance": 2.0}, None, "The document gives no number, so its size cannot be"),
    ],
)
def test_difference_rule_says_when_size_is_not_judged(
    rule: dict[str, Any], value: float | None, sentence: str
) -> None:
    base = {"rule": "difference", "direction": "greater", "margin": 1.25, **rule}
    text = " ".join(decision_rule(claim(base, LOG, value=value, primary=False), 0.9))
    assert sentence in text
    assert "by a ratio above 1 (p < 0.1)" in text
    assert "Outside the primary family: p is not adjusted." in text


def test_other_rules() -> None:
    none = " ".join(decision_rule(claim({"rule": "no_difference", "margin": 0.1}, PLAIN), 0.95))
    assert "Reproduced when an effect between −0.1 and 0.1" in none
    assert "Reversed when the effect differs from 0" in none
    worse = " ".join(
        decision_rule(claim({"rule": "not_worse", "direction": "less", "margin": 0.1}, PLAIN), 0.95)
    )
    assert "better is below 0. Reproduced when an effect below 0.1 is shown (non-inf" in worse
    assert "whole 95 % interval lies above 0.1." in worse
    share = {"rule": "share", "direction": "less", "null": 0.5, "tolerance": 0.1}
    shared = " ".join(decision_rule(claim(share, PLAIN), 0.95))
    assert "a failed run counts as if it did." in shared
    assert "shown by a share of seeds below 0.5 (exact binomial test, Holm-adjusted p" in shared
    assert "95 % interval lies between 0.3 and 0.5." in shared
    assert "every value" in decision_rule(claim({"rule": "property"}, PLAIN), 0.95)[0]
    untested = claim({"rule": "not_testable", "reason": "no weights."}, None)
    assert decision_rule(untested, 0.95) == ["Not tested: no weights."]


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
    assert set(VERDICTS) == set(Verdict.__args__)  # type: ignore[attr-defined]


def test_the_rule_of_a_claim_that_was_looked_at_repeatedly() -> None:
    rule = {"rule": "difference", "direction": "less", "margin": 0.1, "tolerance": 0.2}
    told = " ".join(decision_rule(claim(rule, PLAIN), 0.974, looks=True))
    level = "p no larger than the level of a look, by Holm's steps"
    assert f"an effect below 0 ({level})" in told
    assert "when the 97.4 % interval lies" in told
    assert "p <" not in told
    alone = " ".join(decision_rule(claim(rule, PLAIN, primary=False), 0.974, looks=True))
    assert "an effect below 0 (p no larger than the level of a look)" in alone
    assert "not adjusted" not in alone


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
        assert first == (
            "Judged only where the 90 % interval of each precondition is as required (c0: interval "
            "above 0.1; c1: interval below 0.9; c2: interval within 0.1 to 0.9); otherwise not "
            "testable."
        )
        assert others == decision_rule(claim(rule, LOG), 0.9)


def test_quantity_of_an_axis() -> None:
    def metric(unit: str) -> Metric:
        return Metric(unit=unit, better="lower", description="")

    plain = Effect.model_validate(PLAIN)
    assert effect_quantity(plain, {"loss": metric("nat")}) == "loss in nat"
    assert effect_quantity(plain, {"loss": metric("1")}) == "loss"
    assert effect_quantity(Effect.model_validate(LOG), {"norm": metric("1")}) == "ratio"


def test_contrast_weighs_to_nothing() -> None:
    assert is_contrast(Effect.model_validate(LOG))
    assert not is_contrast(Effect.model_validate(PLAIN))
    assert not is_contrast(Effect.model_validate({"terms": PLAIN["terms"][:1]}))
