"""A claim that a property always holds; a claim that nothing measures."""

import math
from collections.abc import Callable
from typing import Any

import pytest

Judge = Callable[..., Any]

BASE = dict.fromkeys(range(10), 5.0)
PROPERTY = {"rule": "property", "direction": None, "margin": None}


def test_a_property_holds_or_not(judge: Judge) -> None:
    ones = dict.fromkeys(range(10), 1.0)
    result = judge(ones, PROPERTY, a=ones)
    assert result.verdict == "holds"
    assert (result.ruling.details["held"], result.ruling.details["checked"]) == (20, 20)
    assert (result.effect.estimate, result.effect.n) == (1.0, 10)
    result = judge({**ones, 3: 1.0 - 1e-12}, PROPERTY, a=ones)
    assert result.verdict == "does not hold"
    assert (result.ruling.details["held"], result.ruling.details["checked"]) == (19, 20)


def test_a_property_with_a_failed_run_is_unknown_unless_a_successful_one_refutes_it(
    judge: Judge,
) -> None:
    ones = dict.fromkeys(range(10), 1.0)
    result = judge(ones, PROPERTY, a=ones, failed=[("b", 2)])
    assert result.verdict == "inconclusive"
    assert (result.ruling.details["held"], result.ruling.details["checked"]) == (19, 19)
    assert result.ruling.details["failed seeds"] == 1
    refuted = judge({**ones, 3: 0.0}, PROPERTY, a=ones, failed=[("b", 2)])
    assert refuted.verdict == "does not hold"
    lost = judge(ones, PROPERTY, a=ones, failed=[(v, s) for v in "ab" for s in range(10)])
    assert lost.verdict == "inconclusive"
    assert math.isnan(lost.effect.estimate)


def test_a_property_has_an_exact_interval_of_its_share_of_seeds_beside_it(judge: Judge) -> None:
    ones = dict.fromkeys(range(10), 1.0)
    found = judge({**ones, 3: 0.0}, PROPERTY, a=ones, failed=[("b", 5)]).proportion
    assert (found.held, found.checked) == (8, 10)
    assert (found.low, found.high) == pytest.approx((0.4439, 0.9748), abs=1e-4)


def test_not_testable_gives_its_reason(judge: Judge) -> None:
    decision = {
        "rule": "not_testable",
        "direction": None,
        "margin": None,
        "reason": "It is a claim of priority",
    }
    result = judge(BASE, decision, effect=None, kind="not_testable")
    assert (result.verdict, result.reason) == ("not testable", "It is a claim of priority.")
    assert result.effect is None
