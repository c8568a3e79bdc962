"""Rates by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fixbench.systems.dcal._learning_rate import peak_rate, rate_at
from fixbench.systems.dcal._options import LearningRateOptions


def _options(**values: Any) -> LearningRateOptions:
    return LearningRateOptions(**{"rule": "linear"} | values)


def test_the_documented_rates_at_a_batch_of_16() -> None:
    """5e-4 · 16 / 512, and 5e-4 · √(16 / 16): a factor of 32."""
    before, after = _options(rule="linear"), _options(rule="sqrt")
    assert peak_rate(before, 16) == 1.5625e-5
    assert peak_rate(after, 16) == 5e-4
    assert peak_rate(after, 16) / peak_rate(before, 16) == 32


@pytest.mark.parametrize(
    ("rule", "factors"),
    [("linear", [0.25, 1, 4, 16]), ("sqrt", [0.5, 1, 2, 4]), ("fixed", [1, 1, 1, 1])],
)
def test_rules_meet_at_their_anchor(rule: str, factors: list[float]) -> None:
    options = _options(rule=rule, base=3e-3, anchor=16)
    rates = [peak_rate(options, batch) / 3e-3 for batch in (4, 16, 64, 256)]
    assert rates == pytest.approx(factors)


def test_a_factor_makes_rules_meet_at_another_rate() -> None:
    """√(16 / 16) / 32 is 16 / 512."""
    linear, root = _options(rule="linear"), _options(rule="sqrt", factor=1 / 32)
    assert peak_rate(root, 16) == peak_rate(linear, 16)
    assert peak_rate(root, 64) / peak_rate(linear, 64) == 0.5


def test_warm_up_and_cosine() -> None:
    """Of 40 steps the first 4 rise; the middle of the rest is half-way to the minimum."""
    options = _options(rule="fixed", base=2.0, warm_up=0.1, minimum=0.4)
    rates = [rate_at(options, step, 40, 16) for step in range(40)]
    assert rates[:5] == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0])
    assert rates[4 + 18] == pytest.approx(1.2)
    assert rates[-1] == pytest.approx(0.4 + 1.6 * 0.5 * (1 + math.cos(math.pi * 35 / 36)))


def test_a_part_of_the_schedule_is_shown() -> None:
    """15 of 100 epochs: what they show is what a run of the whole schedule begins with."""
    part = _options(rule="fixed", warm_up=0.05, shown=0.15)
    whole = _options(rule="fixed", warm_up=0.05)
    expected = [rate_at(whole, step, 400, 16) for step in range(60)]
    assert [rate_at(part, step, 60, 16) for step in range(60)] == pytest.approx(expected)
    documented = _options(rule="linear", shown=0.15)
    total = sum(rate_at(documented, step, 5625, 16) for step in range(5625))
    assert total == pytest.approx(5625 * 1.5625e-5, rel=0.02)
