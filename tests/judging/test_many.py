"""Tables of many variants."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixbench.errors import InputError
from fixbench.judging import judge


def test_two_hundred_variants_are_one_family(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    shifts = np.where(np.arange(200) % 20 == 1, 0.5, 0.0)
    table = random.normal(0, 0.05, (200, 8)) + shifts[:, None]
    frame = pd.DataFrame(
        [(f"{k:03d}", seed, table[k, seed]) for k in range(200) for seed in range(8)],
        columns=["method", "seed", "accuracy"],
    )
    judged = judge(frame, directory=tmp_path, pages=False)
    assert len(judged.results) == 199
    raw = np.array([stats.ttest_rel(table[k], table[0]).pvalue for k in range(1, 200)])
    assert [result.effect.p_value for result in judged.results] == pytest.approx(raw)
    order = np.argsort(raw)
    adjusted = np.empty(199)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(raw[order] * np.arange(199, 0, -1)))
    assert [result.p_adjusted for result in judged.results] == pytest.approx(adjusted)
    shown = {r.label.partition(" ")[0] for r in judged.results if r.verdict == "direction only"}
    assert shown == {f"{k:03d}" for k in range(1, 200, 20)}
    ids = [result.id for result in judged.results]
    assert len(set(ids)) == 199
    assert (ids[0], ids[98], ids[99], ids[-1]) == ("JA01", "JA99", "JB01", "JC01")
    text = str(judged)
    assert "199 besides: 001, 002, 003, 004, 005, 006 and 193 more" in text
    assert "… and 159 more" in text


def test_more_comparisons_than_a_person_can_read_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        [(f"m{k}", f"d{d}", seed, 0.5) for k in range(60) for d in range(50) for seed in range(2)],
        columns=["method", "dataset", "seed", "accuracy"],
    )
    with pytest.raises(InputError, match="comparisons is 2950; expected at most 2500 comparisons"):
        judge(frame, directory=tmp_path, pages=False)
