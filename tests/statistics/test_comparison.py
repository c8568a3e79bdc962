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


@pytest.mark.parametrize("scale", ["plain", "log"])
def test_each_variant_has_its_own_level(compare, values, scale):
    table = compare(scale=scale)
    assert [item.variant for item in table.levels] == ["a", "b", "c"]
    turn, back = (np.log, np.exp) if scale == "log" else (np.asarray, np.asarray)
    for item in table.levels:
        x = turn(list(values[item.variant].values()))
        half = stats.t.ppf(0.975, 7) * x.std(ddof=1) / np.sqrt(8)
        found = (item.level.estimate, item.level.low, item.level.high)
        assert found == pytest.approx(tuple(back(x.mean() + half * np.array([0, -1, 1]))))
        assert (item.level.n, item.level.n_failed) == (8, 0)
    # On its own scale a pair is exactly what its two levels say.
    for row in table.rows:
        here, there = (
            turn(item.level.estimate)
            for name in (row.variant, row.reference)
            for item in table.levels
            if item.variant == name
        )
        assert turn(row.effect.estimate) == pytest.approx(here - there)


def test_levels_by_hand(make_ablation, make_frame):
    ablation = make_ablation(
        [], comparisons=[{**COMPARISON, "variants": ["a", "b"], "scale": "log"}]
    )
    (table,) = compare_variants(
        ablation, make_frame({"a": {0: 1.0, 1: 4.0}, "b": {0: 2.0, 1: 32.0}})
    )
    levels = {item.variant: item.level for item in table.levels}
    assert levels["a"].estimate == pytest.approx(2)  # the root of 1 · 4
    assert levels["b"].estimate == pytest.approx(8)
    # Logarithms 0 and log 4: standard error log 4 / 2, t at 0.975 with one degree 12.706.
    assert levels["a"].high == pytest.approx(2 * 4 ** (12.7062 / 2), rel=1e-4)
    assert table.rows[0].effect.estimate == pytest.approx(4)


def test_the_baseline_is_a_level_once_and_first(compare):
    for variants in (["b", "a"], ["b"], ["a", "b"]):
        table = compare(pairs="baseline", variants=variants)
        assert [item.variant for item in table.levels] == ["a", "b"]
    assert [item.variant for item in compare(variants=["c", "a"]).levels] == ["c", "a"]


def test_the_baseline_is_not_compared_with_itself(compare):
    named, unnamed = (compare(pairs="baseline", variants=v) for v in (["a", "b"], ["b"]))
    assert [row.variant for row in named.rows] == [row.variant for row in unnamed.rows] == ["b"]


def test_what_is_not_measured_is_left_out_and_said(compare):
    table = compare(variants=["a", "late", "b"])
    assert [(row.variant, row.reference) for row in table.rows] == [("b", "a")]
    assert table.left_out == ("late",)
    assert [item.variant for item in table.levels] == ["a", "b"]
    assert compare(variants=["a", "late"]).rows == ()


def test_failed_runs_are_counted_and_imputed_as_the_worst(compare, values):
    table = compare(failed=[("b", 2)])
    first, second, third = table.rows
    assert [row.effect.n_failed for row in (first, second, third)] == [1, 0, 1]
    # Of the two that are compared, and no less adverse than any seed in which neither failed.
    pair = {**values["a"], **{100 + s: v for s, v in values["b"].items() if s != 2}}
    others = [values["b"][s] - values["a"][s] for s in range(8) if s != 2]
    assert first.effect.per_seed[2] == pytest.approx(
        max(max(pair.values()) - values["a"][2], *others)
    )
    # A level compares nothing: the worst of its own.
    levels = {item.variant: item.level for item in table.levels}
    assert [levels[name].n_failed for name in "abc"] == [0, 1, 0]
    kept = [value for seed, value in values["b"].items() if seed != 2]
    assert levels["b"].estimate == pytest.approx(np.mean([*kept, max(kept)]))
    assert levels["b"].complete_case == pytest.approx(np.mean(kept))
    (policy,) = table.policy
    assert policy.startswith("A failed run counts as the worst of the successful runs of this")


def test_a_variant_without_a_successful_run_prints_no_number(compare, values):
    table = compare(failed=[("b", seed) for seed in range(8)])
    first, second, third = (row.effect for row in table.rows)
    whole = compare().rows[1].effect
    assert second == whole
    for effect in (first, third):
        assert np.isnan([effect.estimate, effect.low, effect.p_value, effect.complete_case]).all()
        assert (effect.n, effect.n_failed) == (8, 8)
    assert any("No run of variant 'b' succeeded (8 of 8 failed)" in text for text in table.policy)


def test_an_ablation_that_asks_for_none_has_none(make_ablation, make_frame, values):
    assert compare_variants(make_ablation([]), make_frame(values)) == []
