"""Pairs, no pairs, and seeds that differ: Welch's t against scipy's, and what is said of it."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixbench.judging import judge

Make = Callable[..., Any]


def arm(frame: pd.DataFrame, name: str, metric: str = "accuracy") -> np.ndarray[Any, Any]:
    return np.asarray(frame[frame["method"] == name][metric], dtype=float)


def is_welch(result: Any, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> None:
    other = stats.ttest_ind(a, b, equal_var=False)
    assert result.effect.estimate == pytest.approx(a.mean() - b.mean())
    assert result.effect.p_value == pytest.approx(other.pvalue)
    assert (result.effect.low, result.effect.high) == pytest.approx(other.confidence_interval())
    assert [one.n for one in result.effect.arms] == [len(a), len(b)]


def test_without_seeds_nothing_is_a_pair(wide: pd.DataFrame, tmp_path: Path) -> None:
    judged = judge(wide.drop(columns="seed"), directory=tmp_path, pages=False)
    assert not judged.given.paired
    is_welch(judged.results[0], arm(wide, "mixup"), arm(wide, "baseline"))
    text = str(judged)
    assert "pairs     not known: no column of seeds" in text
    assert "5 + 5" in text
    assert "What pairs by seed would have gained is not known." in " ".join(text.split())


def test_seeds_that_nobody_shares_are_no_pairs(wide: pd.DataFrame, tmp_path: Path) -> None:
    frame = wide.assign(seed=[f"run-{k}" for k in range(len(wide))])
    judged = judge(frame, directory=tmp_path, pages=False)
    assert judged.given.pairing == "none: no two variants have a seed in common"
    is_welch(judged.results[1], arm(wide, "cutout"), arm(wide, "baseline"))


def test_one_variant_with_other_seeds_leaves_the_pairs_of_the_others(
    wide: pd.DataFrame, tmp_path: Path
) -> None:
    frame = wide[(wide["method"] != "cutout") | (wide["seed"] < 3)]
    judged = judge(frame, directory=tmp_path, pages=False)
    mixup, cutout = judged.results[:2]
    a, b = arm(frame, "mixup"), arm(frame, "baseline")
    assert mixup.effect.p_value == pytest.approx(stats.ttest_rel(a, b).pvalue)
    is_welch(cutout, arm(frame, "cutout"), b)
    decisions = [claim.decision.unpaired for claim in judged.ablation.claims[:2]]
    assert decisions == [False, True]
    assert "3 to 5 of each variant" in str(judged)


def test_what_pairs_would_have_gained_is_said_where_seeds_are_in_both(
    wide: pd.DataFrame, tmp_path: Path
) -> None:
    judged = judge(wide, unpaired=True, directory=tmp_path, pages=False)
    a, b = arm(wide, "mixup"), arm(wide, "baseline")
    is_welch(judged.results[0], a, b)
    gain = (a.var(ddof=1) + b.var(ddof=1)) / (a - b).var(ddof=1)
    rho = np.corrcoef(a, b)[0, 1]
    note = next(note for note in judged.results[0].notes if note.startswith("Compared without"))
    assert f"correlation is {rho:.3f}" in note
    assert f"about {float(f'{gain:.3g}'):g} times as many runs" in note


def test_seeds_in_other_words_pair_by_their_words(wide: pd.DataFrame, tmp_path: Path) -> None:
    words = ["one", "two", "three", "four", "five"]
    frame = wide.assign(seed=[words[seed] for seed in wide["seed"]])
    judged = judge(frame.sample(frac=1, random_state=2), baseline="baseline", directory=tmp_path)
    assert judged.given.paired
    assert set(judged.given.seeds.values()) == set(words)
    found = next(
        result for result in judged.results if result.label == "mixup vs baseline, accuracy"
    )
    other = stats.ttest_rel(arm(wide, "mixup"), arm(wide, "baseline"))
    assert found.effect.p_value == pytest.approx(other.pvalue)
    page = (tmp_path / "results.html").read_text()
    assert "Seeds are numbered in the order of the rows" in page


def test_one_seed_allows_no_test(wide: pd.DataFrame, tmp_path: Path) -> None:
    judged = judge(wide[wide["seed"] == 0], directory=tmp_path, pages=False)
    for result in judged.results:
        assert result.verdict == "inconclusive"
        assert math.isnan(result.effect.p_value)
        assert "one seed, which allows neither an interval nor a test" in result.reason


def test_one_run_of_the_baseline_allows_no_test(wide: pd.DataFrame, tmp_path: Path) -> None:
    frame = wide[(wide["method"] != "baseline") | (wide["seed"] == 0)]
    judged = judge(frame, directory=tmp_path, pages=False)
    assert {result.verdict for result in judged.results} == {"inconclusive"}


def test_where_all_runs_of_a_variant_failed_nothing_is_said(
    write: Make, values: dict[str, list[float]], tmp_path: Path
) -> None:
    rows = [f"base,{seed},{x}" for seed, x in enumerate(values["baseline"])]
    rows += [f"new,{seed},diverged" for seed in range(5)]
    path = write("r.csv", "\n".join(["method,seed,accuracy", *rows]))
    judged = judge(path, directory=tmp_path)
    (result,) = judged.results
    assert result.verdict == "inconclusive"
    assert "No run of variant 'new' succeeded (5 of 5 failed)" in result.reason
    assert (tmp_path / "r.html").is_file()


def test_a_table_of_failures_alone_is_judged_as_such(write: Make, tmp_path: Path) -> None:
    rows = [f"{name},{seed},nan" for name in ("base", "new") for seed in range(3)]
    path = write("r.csv", "\n".join(["method,seed,accuracy", *rows]))
    (result,) = judge(path, directory=tmp_path, pages=False).results
    assert result.verdict == "inconclusive"
    assert result.ruling.finding == "no number"


def test_ten_copies_of_a_run_count_as_one(write: Make, tmp_path: Path) -> None:
    rows = [
        f"{name},{seed},{x}"
        for name, x in (("a", 0.1234567), ("b", 0.7654321))
        for seed in range(10)
    ]
    path = write("r.csv", "\n".join(["method,seed,score_of_mine", *rows]))
    (result,) = judge(path, metric="score_of_mine", directory=tmp_path, pages=False).results
    assert result.verdict == "inconclusive"
    assert any("does the program use its seed?" in note for note in result.notes)


def test_holm_adjusts_over_all_claims(wide: pd.DataFrame, tmp_path: Path) -> None:
    judged = judge(wide, directory=tmp_path, pages=False)
    raw = np.array([result.effect.p_value for result in judged.results])
    order = np.argsort(raw)
    expected = np.empty(len(raw))
    expected[order] = np.minimum(1, np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)))
    assert [result.p_adjusted for result in judged.results] == pytest.approx(expected)


@pytest.mark.parametrize("unpaired", [False, True])
def test_a_margin_makes_absence_and_size_testable(
    wide: pd.DataFrame, unpaired: bool, tmp_path: Path
) -> None:
    kwargs: dict[str, Any] = {"unpaired": unpaired, "pages": False}
    judged = judge(wide, margin={"accuracy": 0.2}, directory=tmp_path / "wide", **kwargs)
    assert judged.results[0].verdict in ("absent", "negligible")
    a, b = arm(wide, "mixup"), arm(wide, "baseline")
    test = stats.ttest_ind if unpaired else stats.ttest_rel
    options: dict[str, Any] = {"equal_var": False} if unpaired else {}
    p = max(
        test(a + 0.2, b, alternative="greater", **options).pvalue,
        test(a - 0.2, b, alternative="less", **options).pvalue,
    )
    assert judged.results[0].p_equivalence == pytest.approx(p)
    assert judged.ablation.claims[2].decision.rule == "direction"
    near = judge(wide, margin=1e-6, directory=tmp_path / "near", **kwargs)
    assert near.results[0].verdict == ("inconclusive" if unpaired else "reproduced")
    assert all(claim.decision.rule == "difference" for claim in near.ablation.claims)


def test_without_a_margin_nothing_is_called_reproduced(wide: pd.DataFrame, tmp_path: Path) -> None:
    frame = wide.assign(accuracy=wide["accuracy"] + 10 * (wide["method"] == "mixup"))
    judged = judge(frame, directory=tmp_path, pages=False)
    assert judged.results[0].effect.p_value < 1e-6
    assert judged.results[0].verdict == "direction only"
