"""Runs that are copies of one another: of one run made ten times follows no p."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fixbench.ablation import Effect
from fixbench.verdicts import Measurements, adjudicate
from fixbench.verdicts._draws import measure
from fixbench.verdicts._notes import CopiedSeeds, SameRuns

Make = Callable[..., Any]
Judge = Callable[..., Any]

FINE = {"a": dict.fromkeys(range(10), 0.6931), "b": dict.fromkeys(range(10), 3.6951)}
BETTER = {"loss": "lower", "score": "higher"}


def test_one_run_made_ten_times_is_one_seed(judge: Judge) -> None:
    result = judge(FINE["b"], a=FINE["a"])
    assert (result.verdict, result.ruling.finding) == ("inconclusive", "one seed")
    assert result.effect.n == 1
    assert np.isnan(result.p_adjusted)
    assert result.reason.endswith(
        "All 10 seeds give the same values to the last bit in everything that was measured; does "
        "the program use its seed? They count as one seed."
    )


def test_an_effect_that_is_the_same_in_runs_that_differ_is_no_copy(
    make_frame: Make, minus: Make
) -> None:
    other = make_frame({"b": {s: 0.1234 + s for s in range(10)}}, metric="score")
    frame = pd.concat([make_frame(FINE), other])
    found = Measurements(frame, BETTER).per_seed(Effect.model_validate(minus("b", "a")))
    assert len(found.values) == 10
    assert found.notes == ()


@pytest.mark.parametrize("copied", [[2, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8]])
def test_copies_of_some_seeds_are_named(
    make_frame: Make, minus: Make, planted: Make, copied: list[int]
) -> None:
    b = planted(3.0) | dict.fromkeys(copied, 8.0123)
    frame = make_frame({"a": dict.fromkeys(range(10), 5.0), "b": b})
    found = Measurements(frame, BETTER).per_seed(Effect.model_validate(minus("b", "a")))
    assert found.notes == (CopiedSeeds(seeds=tuple(copied), of=10, one=False),)
    assert len(found.values) == 10


def test_variants_that_are_the_same_run_are_named(
    make_frame: Make, minus: Make, planted: Make
) -> None:
    frame = make_frame({"a": planted(0.0), "b": planted(0.0)})
    found = Measurements(frame, BETTER).per_seed(Effect.model_validate(minus("b", "a")))
    assert found.notes == (SameRuns(variants=("b", "a")),)


def test_copies_on_data_draws_count_as_one_where_they_do_on_all(
    make_frame: Make, make_ablation: Make, make_claim: Make, minus: Make, planted: Make
) -> None:
    frame = pd.concat([make_frame(FINE).assign(data_seed=0), make_frame(FINE).assign(data_seed=1)])
    effect = Effect.model_validate(minus("b", "a"))
    assert len(measure(frame, BETTER).per_seed(effect).values) == 1
    tiers = {"small": {"seeds": "0-9", "data_seeds": "0-1"}}
    (result,) = adjudicate(make_ablation([make_claim({})], tiers=tiers), frame, tier="small")
    assert result.verdict == "inconclusive"
    other = make_frame({"a": planted(0.0), "b": planted(3.0, rolled=2)}).assign(data_seed=1)
    frame = pd.concat([make_frame(FINE).assign(data_seed=0), other])
    assert len(measure(frame, BETTER).per_seed(effect).values) == 10
