"""Single readings against a hand calculation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fixbench.ablation import Effect
from fixbench.reports._readings import FEWEST_STEPS, single_readings, steps_are_readings
from fixbench.verdicts import Measurements

PAIR: list[dict[str, Any]] = [
    {"variant": "a", "metric": "norm", "stage": "g", "at": "mean"},
    {"variant": "b", "metric": "norm", "stage": "g", "at": "mean", "weight": -1.0},
]


def effect(scale: str = "log", terms: list[dict[str, Any]] = PAIR) -> Effect:
    return Effect.model_validate({"scale": scale, "terms": terms})


def frame(steps: int = FEWEST_STEPS, seeds: int = 3) -> pd.DataFrame:
    random = np.random.default_rng(11)
    rows = [
        (variant, seed, "g", step, "norm", float(random.lognormal()), "ok", f"{variant}.parquet")
        for variant in "ab"
        for seed in range(seeds)
        for step in range(steps)
    ]
    columns = ["variant", "seed", "stage", "step", "metric", "value", "status", "file"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("scale", ["log", "plain"])
def test_mean_of_single_readings_is_the_effect(scale: str) -> None:
    data = frame().sample(frac=1, random_state=1)  # rows come in any order
    found = single_readings(effect(scale), data)
    assert found is not None
    turn = np.log if scale == "log" else np.asarray
    by_seed = turn(found.effects).reshape(3, FEWEST_STEPS).mean(axis=1)
    expected = Measurements(data, {"norm": "neither"}).per_seed(effect(scale)).values
    assert by_seed == pytest.approx([expected[seed] for seed in sorted(expected)])


def test_floor_pairs_the_reference_with_itself_within_a_seed() -> None:
    found = single_readings(effect(), frame())
    assert found is not None
    assert (found.reference, found.seeds) == ("b", 3)
    values = frame().query("variant == 'b'").pivot(index="seed", columns="step", values="value")
    pairs = [
        row[i] / row[j]
        for row in values.to_numpy()
        for i in range(FEWEST_STEPS)
        for j in range(FEWEST_STEPS)
        if i != j
    ]
    assert sorted(found.floor) == pytest.approx(sorted(pairs))


def test_effect_without_one_reference_has_no_floor() -> None:
    for terms in (PAIR[:1], [*PAIR, *PAIR], [PAIR[0], {**PAIR[1], "weight": -0.5}]):
        found = single_readings(effect(terms=terms), frame())
        assert found is not None
        assert found.reference is None
        assert not found.floor.size


def test_runs_that_failed_are_left_out_whole() -> None:
    data = frame()
    data.loc[(data["variant"] == "a") & (data["seed"] == 1) & (data["step"] == 4), "status"] = "oom"
    found = single_readings(effect(), data)
    assert found is not None
    assert (found.seeds, len(found.effects)) == (2, 2 * FEWEST_STEPS)


def test_other_effects_have_no_single_readings() -> None:
    last = [{**PAIR[0], "at": "last"}, PAIR[1]]
    assert single_readings(effect(terms=last), frame()) is None
    assert single_readings(effect(), frame(FEWEST_STEPS - 1)) is None
    assert single_readings(effect(), frame().iloc[:0]) is None


def test_claims_tell_readings_from_time(planted: Any) -> None:
    ablation = planted.ablation
    assert not steps_are_readings(ablation, "feedback")  # first and last
    assert not steps_are_readings(ablation, "gradient/base")  # a mean, but also a last
    assert not steps_are_readings(ablation, "of no claim")
    claims = [claim.model_copy(update={"supporting": []}) for claim in ablation.claims]
    averaged = ablation.model_copy(update={"claims": claims})
    assert steps_are_readings(averaged, "gradient/base")
