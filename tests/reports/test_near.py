"""A verdict that stands at a bound says so, and lines of figures are named for what they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fixbench.reports._effects import better_side, effect_axis, null_name
from fixbench.reports._near import near_bounds, nearness
from fixbench.reports._strips import claim_strip, named_mean, named_null


def claim_of(case: Any, id_: str) -> Any:
    (claim,) = (claim for claim in case.ablation.claims if claim.id == id_)
    (result,) = (result for result in case.results if result.id == id_)
    return claim, result


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        # CA03: a difference below 0, margin 0.05, tolerance 0.3 around -0.86.
        # 0.005 of 0.545 from the margin; 0.04 of 0.5 from the edge of the tolerance; none near.
        (-0.60, -0.055, ("upper end of the interval, −0.055,", "0.92 %", "edge of the margin")),
        (-0.60, -0.1, ("lower end of the interval, −0.6,", "8 %", "edge of the tolerance")),
        (-0.9, -0.7, ()),
    ],
)
def test_an_interval_that_nearly_touches_a_bound_says_how_near(
    planted: Any, low: float, high: float, said: tuple[str, ...]
) -> None:
    claim, result = claim_of(planted, "CA03")
    middle = (low + high) / 2
    effect = replace(result.effect, estimate=middle, low=low, high=high)
    found = near_bounds(claim, replace(result, effect=effect, p_adjusted=0.001))
    assert len(found) == bool(said)
    assert all(part in found[0] for part in said)
    short = nearness(claim, replace(result, effect=effect, p_adjusted=0.001))
    assert short.startswith(f"{said[1]} of the interval's width from the bound" if said else "")
    assert bool(short) == bool(said)


def test_nearness_of_a_ratio_is_measured_in_logarithms(planted: Any) -> None:
    claim, result = claim_of(planted, "CA01")  # margin 1.1, so that its edges are 0.909 and 1.1
    effect = replace(result.effect, estimate=0.3, low=0.1, high=0.9)
    (said,) = near_bounds(claim, replace(result, effect=effect, p_adjusted=0.001))
    # log(0.909 / 0.9) = 0.0101 of log(9) = 2.197
    assert "0.46 %" in said


def test_an_adjusted_p_near_its_level_is_said(planted: Any) -> None:
    claim, result = claim_of(planted, "CA03")
    effect = replace(result.effect, estimate=-0.86, low=-0.9, high=-0.8)
    near = replace(result, effect=effect, primary=True, p_adjusted=0.048)
    (said,) = near_bounds(claim, near)
    assert "0.048" in said
    assert nearness(claim, near) == "adjusted p 0.048, near the level 0.05"
    assert near_bounds(claim, replace(near, p_adjusted=0.004)) == []


def test_the_dashed_line_is_named_for_what_it_is(planted: Any) -> None:
    ratio, result = claim_of(planted, "CA01")
    level, of_level = claim_of(planted, "CA07")
    assert null_name(ratio.effect) == "no effect"
    assert null_name(ratio.effect, 0.8) == "required threshold 0.8"
    # A level has no effect: 0.5 is what the document says that it stays at.
    assert null_name(level.effect, level.decision.null) == "reference level 0.5"
    strips = [claim_strip(ratio, result, "CA01 x"), claim_strip(level, of_level, "CA07 y")]
    assert named_null(strips[:1]) == "dashed line: no effect"
    assert named_null(strips) == "dashed line: no effect, or reference level 0.5 (CA07)"


def test_the_mean_of_ratios_is_called_geometric(planted: Any) -> None:
    ratio, result = claim_of(planted, "CA01")
    fall, of_fall = claim_of(planted, "CA03")
    strips = [claim_strip(ratio, result, "a"), claim_strip(fall, of_fall, "b")]
    assert named_mean(strips[:1]) == "geometric mean"
    assert named_mean(strips[1:]) == "mean"
    assert "geometric mean over seeds" in effect_axis(ratio.effect, planted.ablation)
    assert "geometric" not in effect_axis(fall.effect, planted.ablation)


def test_the_better_side_follows_the_metric(planted: Any) -> None:
    sides = {
        claim.id: better_side(claim.effect, planted.ablation)
        for claim in planted.ablation.claims
        if claim.effect is not None
    }
    assert sides["CA03"] == "left"  # the loss: lower is better
    assert sides["CA09"] == "right"  # the AUROC: higher is better
    assert sides["CA01"] == ""  # a gradient: neither
