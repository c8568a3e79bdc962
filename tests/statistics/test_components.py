"""Seeds and data draws, crossed: against a calculation by hand, REML and simulation."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM

from fixbench.statistics import Components, crossed_interval, next_hour, student_t


def draw(
    random: np.random.Generator,
    seeds: int,
    draws: int,
    *,
    seed: float = 1.0,
    data: float = 1.0,
    rest: float = 1.0,
    size: int | None = None,
) -> Any:
    """Effects of the model, of given variances; ``size`` tables, or one."""
    shape = () if size is None else (size,)
    return (
        math.sqrt(seed) * random.normal(size=(*shape, seeds, 1))
        + math.sqrt(data) * random.normal(size=(*shape, 1, draws))
        + math.sqrt(rest) * random.normal(size=(*shape, seeds, draws))
    )


def test_by_hand() -> None:
    # Means of seeds 2, 4, 6; of draws 3, 5; residuals ±1 in two seeds.
    found = crossed_interval([[2.0, 2.0], [2.0, 6.0], [5.0, 7.0]])
    # Mean squares: seeds 2 · 8 / 2 = 8, draws 3 · 2 / 1 = 6, rest 4 / 2 = 2.
    assert found.estimate == pytest.approx(4)
    parts = found.components
    assert (parts.seed, parts.draw, parts.rest) == pytest.approx((3**0.5, (4 / 3) ** 0.5, 2**0.5))
    assert (parts.seeds, parts.draws, parts.negative) == (3, 2, ())
    assert found.standard_error == pytest.approx(math.sqrt((8 + 6 - 2) / 6))
    # 12² / (8²/2 + 6²/1 + 2²/2).
    assert found.degrees == pytest.approx(144 / 70)
    half = stats.t.ppf(0.975, 144 / 70) * math.sqrt(2)
    assert (found.low, found.high) == pytest.approx((4 - half, 4 + half))


def test_as_restricted_maximum_likelihood() -> None:
    # Of balanced data with positive estimates, both are the same (Searle et al., 1992, 7.4).
    y = draw(np.random.default_rng(4), 8, 5, seed=2.0, data=1.5)
    table = pd.DataFrame(
        [(i, j, y[i, j]) for i in range(8) for j in range(5)], columns=["seed", "draw", "y"]
    )
    sources = {"seed": "0 + C(seed)", "draw": "0 + C(draw)"}
    model = MixedLM.from_formula("y ~ 1", table, groups=np.ones(40), vc_formula=sources)
    fit = model.fit(reml=True)
    found = crossed_interval(y)
    parts = found.components
    names = dict(zip(model.exog_vc.names, fit.vcomp, strict=True))
    assert parts.seed**2 == pytest.approx(names["seed"], rel=1e-3)
    assert parts.draw**2 == pytest.approx(names["draw"], rel=1e-3)
    assert parts.rest**2 == pytest.approx(fit.scale, rel=1e-3)
    assert found.standard_error == pytest.approx(fit.bse_fe["Intercept"], rel=1e-3)


def test_components_are_unbiased() -> None:
    tables = draw(np.random.default_rng(5), 6, 4, seed=2.0, data=30.0, rest=0.5, size=3000)
    found = np.array([[c.seed**2, c.draw**2, c.rest**2] for c in map(components, tables)])
    # With so little rest no estimate is negative, and nothing is cut off.
    assert found.mean(axis=0) == pytest.approx([2.0, 30.0, 0.5], rel=0.05)


def components(table: Any) -> Components:
    return crossed_interval(table).components


@pytest.mark.parametrize(("draws", "least"), [(2, 0.87), (3, 0.92), (4, 0.935), (8, 0.935)])
def test_coverage(draws: int, least: float) -> None:
    random = np.random.default_rng(6)
    repeats = 800
    # Three standard errors of a simulated share.
    slack = 3 * math.sqrt(least * (1 - least) / repeats)
    for seeds in (5, 20):
        for seed, data in ((1.0, 0.0), (1.0, 1.0), (0.0, 1.0)):
            tables = draw(random, seeds, draws, seed=seed, data=data, size=repeats)
            found = [crossed_interval(table) for table in tables]
            share = np.mean([one.low <= 0 <= one.high for one in found])
            assert share > least - slack, (seeds, seed, data)


def test_seeds_alone_cover_too_little_where_data_scatter() -> None:
    random = np.random.default_rng(7)
    tables = draw(random, 10, 4, data=1.0, size=1000)
    alone = [student_t(table.mean(axis=1)) for table in tables]
    both = [crossed_interval(table) for table in tables]
    share = [np.mean([one.low <= 0 <= one.high for one in found]) for found in (alone, both)]
    assert share[0] < 0.85
    assert share[1] > 0.935


def test_never_narrower_than_the_seeds() -> None:
    random = np.random.default_rng(8)
    for data in (0.0, 0.05, 1.0):
        for table in draw(random, 5, 3, data=data, size=200):
            alone, both = student_t(table.mean(axis=1)), crossed_interval(table)
            assert both.high - both.low >= (alone.high - alone.low) * (1 - 1e-12)


def test_a_negative_estimate_counts_as_zero_and_is_named() -> None:
    # The draws have equal means, and so have the seeds: all that varies is the rest.
    found = crossed_interval([[1.0, -1.0], [-1.0, 1.0]])
    assert found.components.negative == ("seed", "draw")
    assert (found.components.seed, found.components.draw) == (0.0, 0.0)
    assert found.components.rest == pytest.approx(2)
    assert found.components.shares == (0, 0, 1)


def test_where_nothing_varies() -> None:
    found = crossed_interval(np.full((3, 2), 0.25))
    assert (found.low, found.estimate, found.high) == (0.25, 0.25, 0.25)
    assert math.isinf(found.degrees)
    assert all(map(math.isnan, found.components.shares))
    assert next_hour(found.components).buy == "either"


@pytest.mark.parametrize("power", [-600, 300, 900])
def test_the_unit_does_not_matter(power: int) -> None:
    y = draw(np.random.default_rng(9), 5, 4)
    plain, other = crossed_interval(y), crossed_interval(np.ldexp(y, power))
    assert math.ldexp(plain.low, power) == other.low
    assert math.ldexp(plain.standard_error, power) == other.standard_error
    assert plain.degrees == other.degrees


@pytest.mark.parametrize("effects", [[[1.0, 2.0]], [[1.0], [2.0]], [[1.0, math.nan], [1.0, 2.0]]])
def test_what_has_no_interval(effects: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="two seeds or more on two draws or more"):
        crossed_interval(effects)


def test_next_hour_by_hand() -> None:
    parts = Components(seed=1.0, draw=2.0, rest=2.0**0.5, seeds=10, draws=4)
    now = (1 / 10 + 4 / 4 + 2 / 40) / 7
    assert parts.variance_of_mean(10, 4) == pytest.approx(now)
    found = next_hour(parts)
    # Four runs more for a seed, ten for a draw.
    assert found.seed_gain == pytest.approx((1 - (1 / 11 + 1 + 2 / 44) / 7 / now) / 4)
    assert found.draw_gain == pytest.approx((1 - (0.1 + 0.8 + 2 / 50) / 7 / now) / 10)
    assert found.buy == "draw"
    # Generating a draw may cost more than its runs do.
    assert next_hour(parts, cost_seed=1, cost_draw=100).buy == "seed"
    assert next_hour(Components(seed=2.0, draw=0.0, rest=1.0, seeds=5, draws=4)).buy == "seed"
    assert next_hour(Components(seed=1.0, draw=1.0, rest=1.0, seeds=4, draws=4)).buy == "either"
    with pytest.raises(ValueError, match="positive"):
        next_hour(parts, cost_seed=0)
