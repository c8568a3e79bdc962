"""Formulas, units and zones of effects, against formulas written by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fixbench.ablation import Ablation, Claim, Effect, Metric
from fixbench.reports._arm_names import arm_names
from fixbench.reports._effects import (
    effect_formula,
    effect_quantity,
    effect_unit,
    is_contrast,
    margin_zone,
    null_of,
    tolerance_zone,
)
from fixbench.reports._metrics import metric_label

KEYS = ("variant", "metric", "stage", "at")
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


def with_metric(name: str, unit: str) -> Ablation:
    """An ablation of which only one metric is known."""
    metric = Metric(unit=unit, better="lower", description="")
    return Ablation.model_construct(metrics={name: metric})


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
    plain = Effect.model_validate(PLAIN)
    assert effect_unit(plain, with_metric("loss", "nat")) == "nat"
    assert effect_unit(plain, with_metric("loss", "1")) == ""
    assert effect_unit(Effect.model_validate(LOG), with_metric("norm", "nat")) == "ratio"


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
    ablation = with_metric("loss", "nat")
    assert effect_formula(effect) == formula
    assert effect_unit(effect, ablation) == unit
    assert effect_quantity(effect, ablation) == f"loss: slope in {unit}"
    assert is_contrast(effect)
    rule = {"rule": "difference", "direction": "less", "margin": 0.1}
    assert margin_zone(claim(rule, {"scale": scale, "slope": slope})) == (-0.1, 0.1)
    assert null_of(effect, None) == 0


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
    ablation = with_metric("loss", "nat")
    assert effect_unit(ratio, ablation) == "ratio"


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


def test_quantity_of_an_axis() -> None:
    plain = Effect.model_validate(PLAIN)
    assert effect_quantity(plain, with_metric("loss", "nat")) == "loss, in nat"
    assert effect_quantity(plain, with_metric("loss", "1")) == "loss"
    assert effect_quantity(Effect.model_validate(LOG), with_metric("norm", "1")) == "ratio"


def test_contrast_weighs_to_nothing() -> None:
    assert is_contrast(Effect.model_validate(LOG))
    assert not is_contrast(Effect.model_validate(PLAIN))
    assert not is_contrast(Effect.model_validate({"terms": PLAIN["terms"][:1]}))


def test_metrics_are_named_by_what_they_measure() -> None:
    def metric(description: str) -> Metric:
        return Metric(unit="1", better="lower", description=description)

    ablation = Ablation.model_construct(
        metrics={
            "ap": metric("Average precision."),
            "ap50": metric("Average precision."),
            "error": metric("Error of progress"),
            "error/late": metric("Error of progress"),
            "odd_name": metric(""),
        },
        families={"error/*": metric("Error of progress"), "kept/*": metric("What is kept")},
    )
    assert metric_label(ablation, ["ap"]) == "Average precision (ap)"
    assert metric_label(ablation, ["error"]) == "Error of progress"
    assert metric_label(ablation, ["error/late"]) == "Error of progress (late)"
    assert metric_label(ablation, ["kept/small_objects/8", "kept/all"]) == (
        "What is kept (all / small objects, 8)"
    )
    assert metric_label(ablation, ["odd_name", "error"]) == "Error of progress / odd name"


def test_arms_have_one_name_wherever_they_stand() -> None:
    def named(*places: tuple[str, str, str, str | int]) -> list[str]:
        return arm_names([SimpleNamespace(**dict(zip(KEYS, one, strict=True))) for one in places])

    assert named(("a", "loss", "test", "last"), ("b", "loss", "test", "last")) == ["a", "b"]
    assert named(("a", "loss", "test", "last"), ("a", "loss", "test", 0)) == [
        "a (last)",
        "a (step 0)",
    ]
    assert named(("a", "loss", "test", "last"), ("b", "error", "end", "last")) == [
        "a (loss, test)",
        "b (error, end)",
    ]
    assert named() == []
