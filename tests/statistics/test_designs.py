"""Designs beyond two arms, against hand calculation and independent implementations."""

import math
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from pydantic import ValidationError
from scipy import stats
from statsmodels.stats.anova import AnovaRM

from fixbench.ablation import Effect
from fixbench.statistics import Measurements, adjudicate, student_t

BETTER = {"loss": "lower", "norm": "neither"}
DOSES = {"a": 1.0, "b": 2.0, "c": 5.0, "partly": 10.0}


def slope(scale="plain", dose_scale="plain", **changes):
    content = {"doses": DOSES, "dose_scale": dose_scale, "metric": "loss", "stage": "test"}
    return {"scale": scale, "slope": {**content, **changes}}


@pytest.fixture
def responses():
    """Variant → seed → value: a power law with exponent -0.5, a level and noise of each seed."""
    random = np.random.default_rng(5)
    level = random.normal(1, 0.3, 8)
    return {
        variant: {
            seed: float(np.exp(level[seed]) * dose**-0.5 * random.lognormal(0, 0.05))
            for seed in range(8)
        }
        for variant, dose in DOSES.items()
    }


@pytest.mark.parametrize("scale", ["plain", "log"])
@pytest.mark.parametrize("dose_scale", ["plain", "log"])
def test_slope_of_every_seed_is_that_of_least_squares(make_frame, responses, scale, dose_scale):
    effect = Effect.model_validate(slope(scale, dose_scale))
    found = Measurements(make_frame(responses), BETTER).per_seed(effect).values
    turn = {"plain": np.asarray, "log": np.log}
    x = turn[dose_scale](list(DOSES.values()))
    for seed in range(8):
        y = turn[scale]([responses[variant][seed] for variant in DOSES])
        assert found[seed] == pytest.approx(stats.linregress(x, y).slope)


def test_slope_by_hand(make_frame):
    # y = 3, 5, 10 at 1, 2, 3: (−1·3 + 0·5 + 1·10) / 2.
    frame = make_frame({"a": {0: 3.0}, "b": {0: 5.0}, "c": {0: 10.0}})
    effect = Effect.model_validate(slope(doses={"a": 1.0, "b": 2.0, "c": 3.0}))
    assert Measurements(frame, BETTER).per_seed(effect).values == {0: pytest.approx(3.5)}


def test_an_infinite_dose_is_refused():
    with pytest.raises(ValidationError, match="finite number"):
        Effect.model_validate(slope(doses={"a": 1.0, "b": math.inf}))


def test_slope_takes_logarithms_before_averages_over_steps(make_frame):
    frame = make_frame({"a": {0: [1.0, 100.0]}, "b": {0: [100.0, 100.0]}})
    effect = slope("log", "log", doses={"a": 1.0, "b": 10.0}, at="mean")
    found = Measurements(frame, BETTER).per_seed(Effect.model_validate(effect)).values
    assert found == {0: pytest.approx(1.0)}  # from a geometric mean of 10 to 100 over one decade


def test_slope_is_judged_as_any_effect_and_on_its_own_scale(
    make_ablation, make_claim, make_frame, responses
):
    claim = make_claim(
        {"direction": "less", "margin": 0.1, "tolerance": 0.1},
        effect=slope("log", "log"),
        documented={"text": "one over the square root", "value": -0.5},
    )
    ablation = make_ablation([claim], tiers={"small": {"seeds": "0-7"}})
    # "partly" is measured in part there, and measures this.
    (result,) = adjudicate(ablation, make_frame(responses), tier="small")
    x = np.log(list(DOSES.values()))
    slopes = [
        np.polyfit(x, np.log([responses[variant][seed] for variant in DOSES]), 1)[0]
        for seed in range(8)
    ]
    test = stats.ttest_1samp(slopes, 0)
    assert result.verdict == "reproduced"
    assert result.effect.scale == "plain"
    assert result.effect.estimate == pytest.approx(np.mean(slopes))
    assert (result.effect.low, result.effect.high) == pytest.approx(
        tuple(test.confidence_interval())
    )
    assert result.effect.p_value == pytest.approx(test.pvalue)
    assert "Measured -0.5" in result.reason
    assert "within -0.600 to -0.400" in result.reason


def test_a_failed_run_is_imputed_where_it_hurts_the_slope(make_frame, responses):
    frame = make_frame(responses, failed=[("partly", 3)])
    effect = Effect.model_validate(slope("log", "log"))
    found = Measurements(frame, BETTER).per_seed(effect)
    others = [
        value
        for variant, seeds in responses.items()
        for seed, value in seeds.items()
        if (variant, seed) != ("partly", 3)
    ]
    doses = np.log(list(DOSES.values()))
    values = [*[responses[variant][3] for variant in DOSES][:3], max(others)]
    imputed = stats.linregress(doses, np.log(values)).slope
    complete = [
        stats.linregress(doses, np.log([responses[variant][seed] for variant in DOSES])).slope
        for seed in range(8)
        if seed != 3
    ]
    # It has the highest dose, so its failure pulls the slope upwards.
    assert found.values[3] == pytest.approx(max(imputed, *complete))
    assert found.failed == {3}
    assert math.isfinite(found.values[3])


FACTORS = ["weight", "clip", "optimiser"]
CELLS = {f"v{x}{y}{z}": "-+"[x] + "-+"[y] + "-+"[z] for x, y, z in product((0, 1), repeat=3)}


def factorial(*of, scale="plain", factors=FACTORS, cells=CELLS):
    design = {"factors": factors, "cells": cells, "of": list(of), "metric": "loss", "stage": "test"}
    return Effect.model_validate({"factorial": design, "scale": scale})


@pytest.fixture
def cells():
    """Variant → seed → value of a 2 × 2 × 2 design with a level for each seed."""
    random = np.random.default_rng(8)
    level = random.normal(9, 1, 6)
    return {v: {s: float(level[s] + random.normal()) for s in range(6)} for v in CELLS}


def test_two_by_two_by_hand(make_frame):
    square = {"a": "--", "b": "+-", "c": "-+", "d": "++"}
    values = {"a": {0: 1.0}, "b": {0: 4.0}, "c": {0: 3.0}, "d": {0: 11.0}}
    results = Measurements(make_frame(values), BETTER)

    def effect(*of):
        return results.per_seed(factorial(*of, factors=["x", "y"], cells=square)).values[0]

    assert effect("x") == pytest.approx(((4 - 1) + (11 - 3)) / 2)
    assert effect("y") == pytest.approx(((3 - 1) + (11 - 4)) / 2)
    assert effect("x", "y") == effect("y", "x") == pytest.approx((11 - 3) - (4 - 1))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("scale", ["plain", "log"])
def test_factorial_effects_are_coefficients_of_least_squares(make_frame, cells, order, scale):
    results = Measurements(make_frame(cells), BETTER)
    signs = np.array([[1 if sign == "+" else -1 for sign in text] for text in CELLS.values()]) / 2
    turn = np.log if scale == "log" else np.asarray
    every = [chosen for size in range(4) for chosen in combinations(range(3), size)]
    table = np.column_stack([np.prod(signs[:, list(chosen)], axis=1) for chosen in every])
    for of in combinations(range(3), order):
        found = results.per_seed(factorial(*(FACTORS[i] for i in of), scale=scale)).values
        for seed in range(6):
            fit = sm.OLS(turn([cells[variant][seed] for variant in CELLS]), table).fit()
            assert found[seed] == pytest.approx(fit.params[every.index(of)])


@pytest.mark.parametrize("of", [("weight",), ("clip", "optimiser"), tuple(FACTORS)])
def test_factorial_tests_are_those_of_repeated_measures(make_frame, cells, of):
    found = Measurements(make_frame(cells), BETTER).per_seed(factorial(*of)).values
    rows = [
        {"seed": seed, "value": value, **dict(zip(FACTORS, CELLS[variant], strict=True))}
        for variant, seeds in cells.items()
        for seed, value in seeds.items()
    ]
    fit = AnovaRM(pd.DataFrame(rows), "value", "seed", within=FACTORS).fit()
    expected = fit.anova_table.loc[":".join(of), "Pr > F"]
    assert student_t(list(found.values())).p_value == pytest.approx(expected)


def test_a_factorial_effect_is_a_sum_of_weighted_terms():
    design = factorial("weight", "clip")
    weights = {term.variant: term.weight for term in design.weighted}
    assert weights["v110"] == weights["v001"] == 0.5
    assert weights["v100"] == weights["v011"] == -0.5
    assert sum(weights.values()) == 0
    assert factorial("clip", scale="log").reported == "log"
