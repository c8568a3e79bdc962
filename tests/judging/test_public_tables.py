"""Two public tables, judged and worked out again by scipy alone."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import load_iris

from fixbench.judging import judge

BARLEY = Path(__file__).parent / "tables" / "barley.csv"


def test_barley_varieties_are_paired_by_site_and_year(tmp_path: Path) -> None:
    """Ten varieties at six sites in two years: a site and year is to a variety what a seed is."""
    table = pd.read_csv(BARLEY)
    frame = table.assign(block=table["site"] + ", " + table["year"].astype(str))
    judged = judge(
        frame,
        variant="variety",
        seed="block",
        metric="yield",
        better="higher",
        baseline="Manchuria",
        margin=2.0,
        directory=tmp_path,
        pages=False,
    )
    blocks = table.pivot_table(index=["site", "year"], columns="variety", values="yield")
    assert judged.given.paired
    assert len(judged.results) == 9
    raw = []
    for claim, result in zip(judged.ablation.claims, judged.results, strict=True):
        variety = judged.given.labels[claim.effect.weighted[0].variant]
        a, b = blocks[variety], blocks["Manchuria"]
        test = stats.ttest_rel(a, b)
        assert result.effect.n == 12
        assert result.effect.estimate == pytest.approx(float(np.mean(a - b)), rel=1e-12)
        assert result.effect.p_value == pytest.approx(test.pvalue, rel=1e-9)
        interval = test.confidence_interval(0.95)
        assert (result.effect.low, result.effect.high) == pytest.approx(interval, rel=1e-9)
        within = max(
            stats.ttest_rel(a + 2.0, b, alternative="greater").pvalue,
            stats.ttest_rel(a - 2.0, b, alternative="less").pvalue,
        )
        assert result.p_equivalence == pytest.approx(within, rel=1e-9)
        raw.append(test.pvalue)
    steps = np.sort(raw) * np.arange(9, 0, -1)
    holm = dict(zip(np.sort(raw), np.minimum(1, np.maximum.accumulate(steps)), strict=True))
    adjusted = [result.p_adjusted for result in judged.results]
    assert adjusted == pytest.approx([holm[p] for p in raw], rel=1e-9)
    shown = {result.verdict != "inconclusive" for result in judged.results}
    assert shown == {True, False}


def test_barley_in_a_file_needs_names_for_its_columns_alone(tmp_path: Path) -> None:
    judged = judge(
        [BARLEY],
        variant="variety",
        stage="site",
        seed="year",
        metric="yield",
        directory=tmp_path,
        pages=False,
    )
    table = pd.read_csv(BARLEY)
    for claim, result in zip(judged.ablation.claims, judged.results, strict=True):
        term = claim.effect.weighted[0]
        here = table[table["site"] == term.stage].pivot_table(
            index="year", columns="variety", values="yield"
        )
        a, b = here[judged.given.labels[term.variant]], here["Manchuria"]
        # Two years: one degree of freedom.
        assert result.effect.p_value == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-9)
        assert result.effect.estimate == pytest.approx(float((a - b).mean()), rel=1e-12)


def test_iris_species_are_no_pairs(tmp_path: Path) -> None:
    """Fisher's flowers: fifty of each species, of which none belongs to another."""
    found = load_iris(as_frame=True)
    frame = found.frame.assign(species=[found.target_names[k] for k in found.target])
    frame = frame.drop(columns="target")
    judged = judge(frame, variant="species", better="higher", directory=tmp_path, pages=False)
    assert not judged.given.paired
    assert len(judged.results) == 8
    for claim, result in zip(judged.ablation.claims, judged.results, strict=True):
        term = claim.effect.weighted[0]
        a, b = (frame[frame["species"] == name][term.metric] for name in (term.variant, "setosa"))
        test = stats.ttest_ind(a, b, equal_var=False)
        assert result.effect.estimate == pytest.approx(a.mean() - b.mean(), rel=1e-9)
        assert result.effect.p_value == pytest.approx(test.pvalue, rel=1e-6, abs=1e-300)
        assert result.effect.degrees_of_freedom == pytest.approx(test.df, rel=1e-9)
        interval = test.confidence_interval(0.95)
        assert (result.effect.low, result.effect.high) == pytest.approx(interval, rel=1e-9)
        assert not math.isnan(result.effect.standardised)
