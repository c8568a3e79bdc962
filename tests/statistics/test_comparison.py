"""Tables of several variants, against paired tests made one by one."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from fixbench.statistics import compare_variants

COMPARISON = {
    "name": "all three",
    "variants": ["a", "b", "c"],
    "pairs": "all",
    "metric": "loss",
    "stage": "test",
}


@pytest.fixture
def values():
    random = np.random.default_rng(6)
    level = random.normal(9, 1, 8)
    return {
        variant: {seed: float(level[seed] + shift + random.normal(0, 0.3)) for seed in range(8)}
        for variant, shift in (("a", 0.0), ("b", 0.3), ("c", 0.1))
    }


@pytest.fixture
def compare(make_ablation, make_frame, values):
    def compare_one(*, failed=(), **changes):
        ablation = make_ablation([], comparisons=[{**COMPARISON, **changes}])
        (table,) = compare_variants(ablation, make_frame(values, failed=failed))
        return table

    return compare_one


@pytest.mark.parametrize("scale", ["plain", "log"])
@pytest.mark.parametrize(
    ("pairs", "expected"),
    [("all", [("b", "a"), ("c", "a"), ("c", "b")]), ("baseline", [("b", "a"), ("c", "a")])],
)
def test_rows_are_paired_tests_adjusted_within_the_table(compare, values, scale, pairs, expected):
    table = compare(pairs=pairs, scale=scale)
    assert [(row.variant, row.reference) for row in table.rows] == expected
    turn, back = (np.log, np.exp) if scale == "log" else (np.asarray, float)
    tests = []
    for row in table.rows:
        here, there = (turn(list(values[name].values())) for name in (row.variant, row.reference))
        tests.append(stats.ttest_rel(here, there))
        assert row.effect.estimate == pytest.approx(back(np.mean(here - there)))
        assert row.effect.low == pytest.approx(back(tests[-1].confidence_interval().low))
        assert row.effect.p_value == pytest.approx(tests[-1].pvalue)
    adjusted = multipletests([test.pvalue for test in tests], method="holm")[1]
    assert [row.p_adjusted for row in table.rows] == pytest.approx(adjusted)
    assert (table.left_out, table.policy) == ((), ())


def test_the_baseline_is_not_compared_with_itself(compare):
    named, unnamed = (compare(pairs="baseline", variants=v) for v in (["a", "b"], ["b"]))
    assert [row.variant for row in named.rows] == [row.variant for row in unnamed.rows] == ["b"]


def test_what_is_not_measured_is_left_out_and_said(compare):
    table = compare(variants=["a", "late", "b"])
    assert [(row.variant, row.reference) for row in table.rows] == [("b", "a")]
    assert table.left_out == ("late",)
    assert compare(variants=["a", "late"]).rows == ()


def test_failed_runs_are_counted_and_imputed_as_the_worst(compare, values):
    table = compare(failed=[("b", 2)])
    first, second, third = table.rows
    assert [row.effect.n_failed for row in (first, second, third)] == [1, 0, 1]
    worst = max(v for name in values for s, v in values[name].items() if (name, s) != ("b", 2))
    assert first.effect.per_seed[2] == pytest.approx(worst - values["a"][2])
    (policy,) = table.policy
    assert policy.endswith("that is worst among all successful runs.")


def test_an_ablation_that_asks_for_none_has_none(make_ablation, make_frame, values):
    assert compare_variants(make_ablation([]), make_frame(values)) == []
