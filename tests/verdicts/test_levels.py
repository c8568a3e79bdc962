"""What each arm reached: means and deviations as pandas has them, failed runs left out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fixbench.verdicts import ArmLevel, adjudicate

Make = Callable[..., Any]


def levels(
    make_ablation: Make, claim: dict[str, Any], frame: pd.DataFrame, **changes: Any
) -> dict[str, ArmLevel]:
    (result,) = adjudicate(make_ablation([claim], **changes), frame, tier="small")
    return {level.variant: level for level in result.levels}


def test_the_effect_is_the_difference_of_its_levels(
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make
) -> None:
    frame = make_frame({"a": planted(0.0), "b": planted(2.0, rolled=3)})
    (result,) = adjudicate(make_ablation([make_claim({})]), frame, tier="small")
    upper, lower = result.levels
    assert result.effect is not None
    assert upper.mean - lower.mean == pytest.approx(result.effect.estimate)


def test_levels_are_those_of_pandas(
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make
) -> None:
    frame = make_frame({"a": planted(0.0), "b": planted(2.0, rolled=3)})
    found = levels(make_ablation, make_claim({}), frame)
    expected = frame.groupby("variant")["value"].agg(["mean", "std", "size"])
    assert list(found) == ["b", "a"]
    for name, level in found.items():
        mean, deviation, size = expected.loc[name]
        assert (level.mean, level.standard_deviation) == pytest.approx((mean, deviation))
        assert (level.n, level.n_lacking) == (size, 0)


def test_a_failed_run_is_counted_and_not_averaged(
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make
) -> None:
    runs = {"a": planted(0.0), "b": planted(2.0) | {4: 1e6}}
    found = levels(make_ablation, make_claim({}), make_frame(runs, failed=[("b", 4)]))
    kept = [value for seed, value in runs["b"].items() if seed != 4]
    assert found["b"].mean == pytest.approx(np.mean(kept))
    assert (found["b"].n, found["b"].n_lacking) == (9, 1)
    assert (found["a"].n, found["a"].n_lacking) == (10, 0)


def test_levels_of_ratios_are_plain_means(
    make_ablation: Make, make_claim: Make, make_frame: Make, minus: Make
) -> None:
    runs = {"a": {seed: 1.0 + seed for seed in range(5)}, "b": dict.fromkeys(range(5), 4.0)}
    decision = {"rule": "difference", "direction": "greater", "margin": 1.1}
    claim = make_claim(decision, effect=minus("b", "a", scale="log"))
    tiers = {"small": {"seeds": "0-4"}}
    found = levels(make_ablation, claim, make_frame(runs), tiers=tiers)
    assert found["a"].mean == pytest.approx(3.0)
    assert found["b"].standard_deviation == 0


def test_a_seed_is_its_mean_over_data_draws(
    make_ablation: Make, make_claim: Make, make_frame: Make
) -> None:
    values = np.random.default_rng(3).normal(size=(6, 2))
    parts = [
        make_frame({"a": dict.fromkeys(range(6), 0.0), "b": dict(enumerate(map(float, column)))})
        for column in values.T
    ]
    frame = pd.concat([part.assign(data_seed=draw) for draw, part in enumerate(parts)])
    tiers = {"small": {"seeds": "0-5", "data_seeds": "0-1"}}
    found = levels(make_ablation, make_claim({}), frame, tiers=tiers)
    seeds = values.mean(axis=1)
    assert found["b"].mean == pytest.approx(seeds.mean())
    assert found["b"].standard_deviation == pytest.approx(seeds.std(ddof=1))
    assert found["b"].n == 6


def test_exact_properties_have_none(
    make_ablation: Make, make_claim: Make, make_frame: Make
) -> None:
    frame = make_frame({"a": dict.fromkeys(range(10), 1.0), "b": dict.fromkeys(range(10), 1.0)})
    claim = make_claim({})
    claim["decision"] = {"rule": "property"}
    claim["effect"] = {"terms": [{"variant": "b", "metric": "loss", "stage": "test"}]}
    assert not levels(make_ablation, claim, frame)
