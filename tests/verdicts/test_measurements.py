import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixbench.ablation import Effect, Term
from fixbench.errors import InputError
from fixbench.results import Row, read_results, write_results
from fixbench.verdicts import Measurements
from fixbench.verdicts._notes import (
    FailedAsNull,
    FailedAsWorst,
    NoRunSucceeded,
    NotPositive,
    OutOfMemory,
    UndefinedValues,
    UnevenSteps,
)

Make = Callable[..., Any]

BETTER = {"loss": "lower", "score": "higher", "norm": "neither"}


def term(
    variant: Any, metric: Any = "loss", at: Any = "last", weight: Any = 1.0, stage: Any = "test"
) -> Any:
    return Term(variant=variant, metric=metric, stage=stage, at=at, weight=weight)


def effect(*terms: Any, scale: Any = "plain") -> Any:
    return Effect(terms=list(terms), scale=scale)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("first", 8.0),
        ("last", 1.0),
        ("mean", (8 + 4 + 1) / 3),
        # Trapezoids (8+4)/2·10 and (4+1)/2·30 over a range of 40.
        ("area", (60 + 75) / 40),
        (10, 4.0),
    ],
)
def test_step_selection_by_hand(make_frame: Make, at: Any, expected: Any) -> None:
    frame = make_frame({"a": {0: [8.0, 4.0, 1.0]}}, steps=[0, 10, 40]).sample(
        frac=1, random_state=1
    )
    found = Measurements(frame, BETTER).per_seed(effect(term("a", at=at)))
    assert found.values == {0: pytest.approx(expected)}
    assert not found.failed


def test_logarithms_come_before_averages(make_frame: Make) -> None:
    frame = make_frame({"a": {0: [1.0, 100.0]}})
    found = Measurements(frame, BETTER).per_seed(effect(term("a", at="mean"), scale="log"))
    # The geometric mean is 10; the log of the arithmetic mean would be log 50.5.
    assert found.values[0] == pytest.approx(math.log(10))


def test_the_area_of_one_step_is_its_value(make_frame: Make) -> None:
    frame = make_frame({"a": {0: 3.0}})
    assert Measurements(frame, BETTER).per_seed(effect(term("a", at="area"))).values == {0: 3.0}


def test_terms_are_weighted_and_paired_by_seed_not_by_position(make_frame: Make) -> None:
    frame = make_frame({"a": {0: 1.0, 5: 10.0, 2: 100.0}, "b": {2: 7.0, 0: 3.0, 5: 5.0}})
    contrast = effect(term("b", weight=2.0), term("a", weight=-0.5))
    assert Measurements(frame, BETTER).per_seed(contrast).values == {0: 5.5, 2: -36.0, 5: 5.0}


@settings(max_examples=30)
@given(st.permutations(range(6)), st.lists(st.floats(0.1, 9), min_size=6, max_size=6))
def test_row_order_is_irrelevant_and_swapped_log_terms_are_the_reciprocal(
    order: Any, values: Any
) -> None:
    frame = pd.DataFrame(
        {
            "ablation": "toy",
            "variant": ["a", "a", "a", "b", "b", "b"],
            "seed": [0, 1, 2, 0, 1, 2],
            "stage": "test",
            "step": 0,
            "metric": "loss",
            "value": values,
            "unit": "nat",
            "status": "ok",
            "file": "f",
        }
    )
    there = effect(term("a"), term("b", weight=-1), scale="log")
    back = effect(term("b"), term("a", weight=-1), scale="log")
    straight = Measurements(frame, BETTER).per_seed(there).values
    shuffled = Measurements(frame.iloc[list(order)], BETTER)
    assert shuffled.per_seed(there).values == straight
    for seed, value in shuffled.per_seed(back).values.items():
        assert math.exp(value) * math.exp(straight[seed]) == pytest.approx(1)


# Two arms: b less a is 3, 6 and 1 in the seeds 0 to 2, and a run of seed 3 or 4 failed.
ARMS = {
    "a": {0: 2.0, 1: 3.0, 2: 4.0, 3: 2.0, 4: 7.0},
    "b": {0: 5.0, 1: 9.0, 2: 5.0, 3: 6.0, 4: 8.0},
    "c": dict.fromkeys(range(5), 1000.0),
    "d": dict.fromkeys(range(5), -1000.0),
}


def contrast(metric: Any, scale: Any = "plain") -> Any:
    return effect(term("b", metric=metric), term("a", metric=metric, weight=-1.0), scale=scale)


@pytest.mark.parametrize(
    ("metric", "failed", "expected"),
    [
        # The worst of a and b is 9: 9 - 2; as adverse as any seed without failures: at least 6.
        ("loss", [("b", 3)], {3: 7.0, 4: 1.0}),
        ("loss", [("b", 4)], {3: 4.0, 4: 6.0}),
        # Failures of a pull the other way: 8 less the worst, 9, and at most 1.
        ("loss", [("a", 4)], {3: 4.0, 4: -1.0}),
        ("loss", [("a", 3)], {3: -3.0, 4: 1.0}),
        # Where higher is better the worst is 2, and everything is mirrored.
        ("score", [("b", 3)], {3: 0.0, 4: 1.0}),
        ("score", [("a", 4)], {3: 4.0, 4: 6.0}),
        # Both ways, or neither: the null, which is 0.25 here.
        ("loss", [("a", 3), ("b", 3)], {3: 0.25, 4: 1.0}),
        ("norm", [("b", 3)], {3: 0.25, 4: 1.0}),
        ("norm", [("a", 3), ("b", 4)], {3: 0.25, 4: 0.25}),
    ],
)
def test_a_failed_run_counts_as_the_policy_says(
    make_frame: Make, metric: str, failed: Any, expected: Any
) -> None:
    # Neither the failed run's own value nor a variant that is not compared makes a difference.
    frame = make_frame(ARMS, metric=metric, failed=failed)
    found = Measurements(frame, BETTER).per_seed(contrast(metric), null=0.25)
    assert found.values == {0: 3.0, 1: 6.0, 2: 1.0, **expected}
    assert found.failed == {seed for _, seed in failed}
    assert found.failed_runs == len(failed)
    assert found.complete == {
        seed: value for seed, value in found.values.items() if seed not in found.failed
    }
    null = 0.25 in expected.values()
    assert found.notes == (FailedAsNull() if null else FailedAsWorst(),)


def test_a_seed_is_imputed_without_any_complete_one(make_frame: Make) -> None:
    frame = make_frame({"a": {0: 1.0, 1: 2.0}, "b": {0: 4.0, 1: 5.0}}, failed=[("a", 0), ("b", 1)])
    found = Measurements(frame, BETTER).per_seed(contrast("loss"))
    # a as bad as 4, b as bad as 4.
    assert found.values == {0: 0.0, 1: 2.0}
    assert found.complete == {}


def test_a_failure_of_an_arm_without_weight_pulls_to_no_side(make_frame: Make) -> None:
    frame = make_frame(ARMS, failed=[("c", 0)])
    terms = [term("b"), term("a", weight=-1.0), term("c", weight=0.0)]
    found = Measurements(frame, BETTER).per_seed(effect(*terms), null=7.0)
    assert found.values[0] == 3.0
    assert found.failed == {0}


@settings(max_examples=50)
@given(
    st.lists(st.floats(-9, 9), min_size=8, max_size=8),
    st.sets(st.integers(0, 2)),
    st.sampled_from(["loss", "score"]),
)
def test_a_failure_never_flatters_the_arm_that_failed(values: Any, seeds: Any, metric: str) -> None:
    runs = {"a": values[:4], "b": values[4:]}
    rows = [(variant, seed, runs[variant][seed]) for variant in runs for seed in range(4)]
    frame = pd.DataFrame(rows, columns=["variant", "seed", "value"]).assign(
        ablation="toy", stage="test", step=0, metric=metric, unit="nat", status="ok", file="f"
    )
    frame.loc[(frame["variant"] == "b") & frame["seed"].isin(seeds), "status"] = "diverged"
    found = Measurements(frame, BETTER).per_seed(contrast(metric))
    mean = np.mean(list(found.values.values()))
    complete = np.mean(list(found.complete.values()))
    sign = 1 if metric == "loss" else -1
    assert sign * mean >= sign * complete - 1e-12


def test_one_failed_row_fails_the_whole_run_and_a_hole_is_imputed(make_frame: Make) -> None:
    frame = make_frame({"a": {0: 1.0, 1: 2.0}})
    lost = make_frame({"a": {2: math.nan}}, stage="train", failed=[("a", 2)])
    both = Measurements(pd.concat([frame, lost]), BETTER)
    found = both.per_seed(effect(term("a")))
    assert found.values == {0: 1.0, 1: 2.0, 2: 2.0}
    assert found.failed == {2}


def test_a_value_that_is_not_finite_fails_its_run_even_if_marked_ok(make_frame: Make) -> None:
    frame = make_frame({"a": {0: [9.0, math.inf], 1: [2.0, 3.0]}})
    found = Measurements(frame, BETTER).per_seed(effect(term("a", at="first")))
    # Nor does the 9 that it measured before enter the values from which it is imputed.
    assert found.values == {0: 2.0, 1: 2.0}
    assert found.failed == {0}


def test_imputation_on_the_log_scale_is_of_ratios(make_frame: Make) -> None:
    frame = make_frame({"a": {0: 2.0, 1: 4.0}, "b": {0: 4.0, 1: 4.0}}, failed=[("b", 1)])
    found = Measurements(frame, BETTER).per_seed(contrast("loss", scale="log"))
    assert found.values == pytest.approx({0: math.log(2), 1: math.log(2)})


def test_an_arm_without_a_successful_run_leaves_no_effect(make_frame: Make) -> None:
    runs = {"a": {0: 1.0, 1: 2.0}, "b": {0: 3.0, 1: 4.0}}
    frame = make_frame(runs, failed=[("a", 0), ("a", 1)])
    found = Measurements(frame, BETTER).per_seed(contrast("loss"))
    assert list(found.values) == [0, 1]
    assert np.isnan(list(found.values.values())).all()
    assert found.failed == {0, 1}
    assert found.notes == (NoRunSucceeded(variant="a", seeds=2),)


def test_property_counts_every_step_only_where_asked(make_frame: Make) -> None:
    frame = make_frame({"a": {0: [0.0, 1.0], 1: [1.0, 1.0]}, "b": {0: [1.0, 1.0], 1: [1.0, 1.0]}})
    results = Measurements(frame, BETTER)
    last = results.count_property(effect(term("a"), term("b")))
    assert (last.held, last.checked) == (4, 4)
    every = results.count_property(effect(term("a", at="mean"), term("b", at="mean")))
    assert (every.held, every.checked) == (7, 8)
    assert every.share == {0: 0.75, 1: 1.0}


def refusal(frame: Any, *terms: Any, scale: Any = "plain") -> Any:
    with pytest.raises(InputError) as caught:
        Measurements(frame, BETTER).per_seed(effect(*terms, scale=scale))
    return str(caught.value)


def test_unbalanced_seeds_are_refused_with_the_missing_ones(make_frame: Make) -> None:
    frame = make_frame({"a": {0: 1.0, 1: 1.0, 2: 1.0}, "b": {0: 1.0, 2: 1.0, 3: 1.0}})
    assert refusal(frame, term("a"), term("b")) == (
        "results/a.parquet: seed is [0, 1, 2]; expected the same seeds for every variant of a "
        "comparison: variant 'a' lacks [3] of metric 'loss' in stage 'test' (last); run them, or "
        "delete the results of the other variants for them"
    )
    assert "variant 'b' lacks [1] of" in refusal(frame, term("b"), term("a"))


SHORT = {0: [1.0, 2.0, 3.0], 1: [1.0], 2: [4.0, 5.0, 6.0]}
FULL = {seed: [1.0, 2.0, 3.0] for seed in range(3)}


@pytest.mark.parametrize(
    ("at", "found", "expected"),
    [("mean", [0], [0, 1, 2]), ("area", [0], [0, 1, 2]), ("last", [0], [2])],
)
def test_runs_of_other_steps_are_refused(
    make_frame: Make, at: Any, found: Any, expected: Any
) -> None:
    frame = make_frame({"a": FULL}, steps=None)
    frame = pd.concat([frame, make_frame({"b": SHORT})])
    for terms in ([term("b", at=at)], [term("a", at=at, weight=-1.0), term("b", at=at)]):
        arm = "a" if at != "last" and len(terms) == 2 else "b"
        message = (
            f"results/b.parquet: claim TT01: step of variant 'b', seed 1, metric 'loss' in stage "
            f"'test' ({at}) is '{found}'; expected {expected}, as in seed 0 of '{arm}'; run it "
            "again, or record it as failed"
        )
        with pytest.raises(InputError) as caught:
            Measurements(frame, BETTER).per_seed(effect(*terms), name="claim TT01")
        assert str(caught.value) == message
        # Where nothing is decided by it, it is measured and said.
        described = Measurements(frame, BETTER).per_seed(effect(*terms), describes=True)
        note: Any
        (note,) = described.notes
        assert isinstance(note, UnevenSteps)
        assert (note.variant, note.seed, note.steps) == ("b", 1, str(found))
        assert (note.other_variant, note.other_seed, note.other_steps) == (arm, 0, str(expected))
    # A run that failed may be as short as it was; its first step is that of the others.
    lost = frame.assign(status=np.where((frame["seed"] == 1), "diverged", "ok"))
    Measurements(lost, BETTER).per_seed(effect(term("b", at=at), term("a", at=at, weight=-1.0)))
    Measurements(frame, BETTER).per_seed(effect(term("b", at="first"), term("a", at="first")))


def test_variants_of_other_lengths_are_compared_at_their_ends_but_not_averaged(
    make_frame: Make,
) -> None:
    long = make_frame({"a": {seed: [float(step) for step in range(9)] for seed in range(3)}})
    frame = pd.concat([long, make_frame({"b": FULL})])
    results = Measurements(frame, BETTER)
    ends = effect(term("b"), term("a", weight=-1.0))
    assert results.per_seed(ends).values == {0: -5.0, 1: -5.0, 2: -5.0}
    for at in ("mean", "area"):
        with pytest.raises(
            InputError, match=r"is '\[0, 1, …, 8\] \(9 steps\)'; expected \[0, 1, 2\]"
        ):
            results.per_seed(effect(term("b", at=at), term("a", at=at, weight=-1.0)))
        results.per_seed(effect(term("b", at=at)))


def test_nested_samples_are_of_each_seed_alone(make_frame: Make) -> None:
    frame = make_frame({"a": SHORT, "b": SHORT})
    terms = [term("b", at="mean"), term("a", at="mean", weight=-1.0)]
    nested = Effect(terms=terms, samples="nested")
    assert Measurements(frame, BETTER).per_seed(nested).values == {0: 0.0, 1: 0.0, 2: 0.0}
    with pytest.raises(InputError, match="seed 1"):
        Measurements(frame, BETTER).per_seed(Effect(terms=terms, samples="crossed"))


def test_a_step_that_one_run_lacks_is_refused(make_frame: Make) -> None:
    frame = make_frame({"a": {0: [1.0, 2.0], 1: [1.0]}}, steps=None)
    assert "variant 'a' lacks [1] of metric 'loss' in stage 'test' (step 1)" in refusal(
        frame, term("a", at=1)
    )


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            term("zz"),
            "results: variant is 'zz'; expected rows of metric 'loss' in stage 'test' (last), of "
            "which this variant has none; correct the claim's term or run the variant",
        ),
        (
            term("a", stage="nowhere"),
            "results/a.parquet: variant is 'a'; expected rows of metric 'loss' in stage 'nowhere' "
            "(last), of which this variant has none; it has 'loss' in 'test'; correct the claim's",
        ),
        (
            term("a", metric="score"),
            "rows of metric 'score' in stage 'test' (last), of which this variant has none; stage "
            "'test' has 'loss';",
        ),
        (term("a", at=7), "rows of metric 'loss' in stage 'test' (step 7)"),
    ],
)
def test_a_term_without_rows_is_refused(make_frame: Make, wanted: Any, words: str) -> None:
    assert words in refusal(make_frame({"a": {0: 1.0}}), wanted)


@pytest.mark.parametrize("value", [0.0, -2.0])
def test_a_value_that_is_not_positive_has_no_logarithm(make_frame: Make, value: float) -> None:
    frame = make_frame({"a": {0: 1.0, 3: value}})
    found = Measurements(frame, BETTER).per_seed(effect(term("a"), scale="log"))
    assert all(math.isnan(value) for value in found.values.values())
    (note,) = found.notes
    assert note == NotPositive(
        variant="a", stage="test", metric="loss", seed=3, step=0, value=value
    )
    # It matters where it is selected, and in runs that did not fail.
    curve = make_frame({"a": {0: [value, 1.0], 3: [value, 1.0]}})
    assert Measurements(curve, BETTER).per_seed(effect(term("a"), scale="log")).values[3] == 0
    frame = make_frame({"a": {0: 1.0, 3: value}}, failed=[("a", 3)])
    assert Measurements(frame, BETTER).per_seed(effect(term("a"), scale="log")).values[0] == 0


def two_metrics(make_frame: Make, seeds: Any, status: str) -> Any:
    """Loss in all runs; of ``b`` the score is NaN with this status in these seeds."""
    runs = {"a": dict.fromkeys(range(6), 1.0), "b": {s: 2.0 + s for s in range(6)}}
    other = make_frame(runs, metric="score")
    here = (other["variant"] == "b") & other["seed"].isin(seeds)
    other.loc[here, "value"], other.loc[here, "status"] = math.nan, status
    return pd.concat([make_frame(runs), other], ignore_index=True)


@pytest.mark.parametrize("status", ["diverged", "failed", "undefined"])
def test_a_value_that_failed_or_is_undefined_is_no_matter_of_another_metric(
    make_frame: Make, status: str
) -> None:
    results = Measurements(two_metrics(make_frame, [2, 3], status), BETTER)
    found = results.per_seed(contrast("loss"))
    assert found.values == {seed: 1.0 + seed for seed in range(6)}
    assert (found.failed, found.failed_runs, found.notes) == (frozenset(), 0, ())


def test_an_undefined_value_is_named_and_neither_failed_nor_imputed(make_frame: Make) -> None:
    results = Measurements(two_metrics(make_frame, [2, 3], "undefined"), BETTER)
    found = results.per_seed(contrast("score"))
    assert found.values == {0: 1.0, 1: 2.0, 4: 5.0, 5: 6.0}
    assert (set(found.failed), set(found.undefined)) == (set(), {2, 3})
    told = UndefinedValues(variant="b", stage="test", metric="score", seeds=(2, 3), of=6)
    assert found.notes == (told,)
    share = results.count_property(effect(term("b", "score")))
    assert (share.checked, set(share.share), share.notes) == (4, {0, 1, 4, 5}, (told,))
    # In every seed: nothing can be said.
    everywhere = Measurements(two_metrics(make_frame, range(6), "undefined"), BETTER)
    assert all(math.isnan(v) for v in everywhere.per_seed(contrast("score")).values.values())
    assert everywhere.count_property(effect(term("b", "score"))).lost


def test_a_run_without_memory_is_counted_apart_and_no_outcome(make_frame: Make) -> None:
    runs = {"a": dict.fromkeys(range(6), 1.0), "b": {s: 2.0 + s for s in range(6)}}
    frame = make_frame(runs)
    here = (frame["variant"] == "b") & frame["seed"].isin([2, 3])
    frame.loc[here, "value"], frame.loc[here, "status"] = math.nan, "out_of_memory"
    # Of the value, or of the whole run, which then has a row of a metric of its own.
    whole = frame.copy()
    whole.loc[here, ["stage", "metric"]] = "train", "run"
    told = OutOfMemory(variant="b", seeds=(2, 3), of=6)
    assert "ran out of memory in 2 of 6 seeds [2, 3]" in told.text
    for rows in (frame, whole):
        found = Measurements(rows, BETTER).per_seed(contrast("loss"))
        assert found.values == {0: 1.0, 1: 2.0, 4: 5.0, 5: 6.0}
        assert (set(found.failed), found.failed_runs, found.notes) == (set(), 0, (told,))
    frame.loc[frame["variant"] == "b", "status"] = "out_of_memory"
    nothing = Measurements(frame, BETTER).per_seed(contrast("loss"))
    assert all(math.isnan(value) for value in nothing.values.values())


def test_a_failed_value_counts_in_its_metric_and_where_the_run_lost_another(
    make_frame: Make,
) -> None:
    frame = two_metrics(make_frame, [2], "diverged")
    failed = Measurements(frame, BETTER).per_seed(contrast("score"))
    assert (set(failed.failed), failed.failed_runs, len(failed.values)) == ({2}, 1, 6)
    # Higher scores are better: the worst of the runs is 1, and the least effect of others is 1.
    assert failed.values[2] == 0.0
    gone = frame[(frame["variant"] != "b") | (frame["seed"] != 2) | (frame["metric"] != "loss")]
    assert Measurements(gone, BETTER).per_seed(contrast("loss")).failed == {2}
    assert Measurements(gone, BETTER).lacking(term("b")) == []


def test_a_run_that_failed_failed_as_a_whole(make_frame: Make) -> None:
    frame = two_metrics(make_frame, [], "")
    run = frame[(frame["variant"] == "b") & (frame["seed"] == 4)].head(1)
    run = run.assign(metric="run", value=math.nan, status="diverged")
    results = Measurements(pd.concat([frame, run]), BETTER)
    for metric in ("loss", "score"):
        assert results.per_seed(contrast(metric)).failed == {4}


def test_duplicates_are_refused_in_a_frame_and_between_files(
    make_frame: Make, tmp_path: Path
) -> None:
    frame = make_frame({"a": {0: 1.0, 1: 2.0}})
    with pytest.raises(InputError) as caught:
        Measurements(pd.concat([frame, frame.tail(1)]), BETTER)
    assert str(caught.value) == (
        "results/a.parquet: seed is 1; expected each measurement once: variant 'a' has 'loss' of "
        "stage 'test' at step 0 twice"
    )
    for name in ("one", "two"):
        write_results(
            tmp_path / name,
            {4: [Row("test", 0, "loss", 1.0)]},
            ablation="toy",
            variant="a",
            units={"loss": "nat"},
            metadata={},
        )
    with pytest.raises(InputError, match="seed is 4; expected each seed once"):
        read_results([tmp_path / "one", tmp_path / "two"])


def test_results_written_by_jobs_are_read(tmp_path: Path) -> None:
    for variant, offset in (("a", 0.0), ("b", 2.0)):
        write_results(
            tmp_path / variant,
            {seed: [Row("test", 0, "loss", seed + offset)] for seed in range(3)},
            ablation="toy",
            variant=variant,
            units={"loss": "nat"},
            metadata={},
        )
    frame = read_results([tmp_path / "a", tmp_path / "b"])
    found = Measurements(frame, BETTER).per_seed(effect(term("b"), term("a", weight=-1.0)))
    assert found.values == {0: 2.0, 1: 2.0, 2: 2.0}
