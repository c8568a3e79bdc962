"""Controls of the suite itself: the same variant twice, and effects of known size."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fixbench.ablation import Ablation
from fixbench.calibration import (
    DISTRIBUTIONS,
    TRUTHS,
    Truth,
    _array_judge,
    _planted_runs,
    adjudicate_planted,
    measure_speed,
)
from fixbench.results import Row, read_results, write_results
from fixbench.statistics import student_t
from fixbench.verdicts import adjudicate


def write_runs(folder: Any, runs: Any) -> Any:
    """``runs``: variant → seed → value, through the files that jobs write."""
    paths = []
    for variant, values in runs.items():
        path = folder / f"{variant}.parquet"
        rows = {
            seed: [Row(stage="0", step=0, metric="score", value=value)]
            for seed, value in enumerate(values)
        }
        write_results(
            path, rows, ablation="planted", variant=variant, units={"score": "1"}, metadata={}
        )
        paths.append(path)
    return read_results(paths)


def judge(folder: Any, runs: Any, truth: Any = TRUTHS[0]) -> Any:
    n = len(runs["a0"])
    ablation = Ablation.model_validate(_planted_runs._content([truth], n, True))
    (result,) = adjudicate(ablation, write_runs(folder, runs), tier="small")
    return result


def test_the_same_runs_twice_have_no_effect_at_all(tmp_path: Path) -> None:
    values = list(np.random.default_rng(0).normal(size=10))
    result = judge(tmp_path, {"a0": values, "b0": values})
    assert (result.effect.estimate, result.effect.low, result.effect.high) == (0, 0, 0)
    assert result.effect.p_value == 1
    assert result.verdict == "absent"


def test_a_planted_effect_is_found_with_its_size(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    seeds = random.normal(size=10)  # what both arms share, and pairing takes out
    values = {"a0": list(seeds), "b0": list(seeds + 4 + random.normal(0, 0.3, 10))}
    result = judge(tmp_path, values)
    assert result.verdict == "reproduced"
    assert result.effect.low < 4 < result.effect.high
    assert result.effect.high - result.effect.low < 0.6
    expected = student_t(np.subtract(values["b0"], values["a0"]))
    assert result.effect.p_value == pytest.approx(expected.p_value)
    # And the other way round it is reversed.
    swapped = {"a0": values["b0"], "b0": values["a0"]}
    assert judge(tmp_path, swapped).verdict == "reversed"


def test_a_family_of_equal_variants_shows_nothing_whatever_the_runs_are_like() -> None:
    families = 400
    for index, kind in enumerate(DISTRIBUTIONS):
        random = np.random.default_rng([7, index])
        runs = _planted_runs.Runs.draw([TRUTHS[0]] * 40 * families, 10, random, kind.draw)
        found = _array_judge.judge(runs, family=40).verdicts
        wrong = np.isin(found, TRUTHS[0].wrong).reshape(families, 40).any(axis=1)
        # Even the skewed and collapsing ones: equal arms give symmetric differences.
        assert (
            stats.binomtest(int(wrong.sum()), families, 0.05, alternative="greater").pvalue > 1e-3
        )


def test_an_arm_that_fails_more_often_is_worse_by_intention_to_treat() -> None:
    failing = Truth(
        name="b fails, and is equal where it does not",
        effect=0.0,
        wrong=(),
        nominal=0.05,
        failing=(0.0, 0.5),
    )
    results = adjudicate_planted(failing, n=30, claims=40, random=np.random.default_rng(2))
    assert all(0 < result.effect.n_failed < 30 for result in results)
    below = sum(result.effect.high < 0 for result in results)
    complete = [result.effect.complete_case for result in results]
    assert below >= 38
    assert np.mean(complete) == pytest.approx(0, abs=4 * 0.3 / math.sqrt(15 * 40))


def test_the_statistics_of_an_appendix_are_fast() -> None:
    speed = measure_speed()
    assert (speed.claims, speed.seeds, speed.resamples) == (80, 10, 9999)
    assert speed.verdicts + speed.bootstrap < 10
    assert speed.bootstrap < speed.scipy
    assert speed.largest_difference < 0.001


def test_verdicts_in_arrays_are_those_from_rows_also_where_runs_and_claims_are_unlike() -> None:
    truths = [*TRUTHS]
    failing = Truth(
        name="nearly every run fails", effect=0.0, wrong=(), nominal=0.05, failing=(0.8, 0.9)
    )
    random = np.random.default_rng(8)
    runs = _planted_runs.Runs.draw([*truths, failing], 5, random, DISTRIBUTIONS[4].draw)
    for primary, family in ((False, 1), (True, len(truths) + 1)):
        found = _array_judge.judge(runs, family=family).verdicts
        assert [r.verdict for r in runs.adjudicated(primary=primary)] == found.tolist()
    assert len(set(found)) >= 5
