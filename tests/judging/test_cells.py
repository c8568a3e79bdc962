"""What a cell says: exactly the double of its text, a failure, nothing; a label as written."""

import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fixbench.judging import judge
from fixbench.judging._cells import value_of
from fixbench.results import read_results

Make = Callable[..., Any]
settings.register_profile("cells", deadline=None, derandomize=True)
settings.load_profile("cells")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_exactly_the_double_that_its_text_names(number: float) -> None:
    for cell in (number, repr(number), f" {number!r} ", Decimal(number)):
        found = value_of(cell)
        assert not isinstance(found, str)
        assert (found.number, found.status) == (number, "ok")


@pytest.mark.parametrize(
    ("cell", "number"),
    [("1e5", 1e5), ("+.5", 0.5), ("3.", 3.0), ("007", 7.0), (True, 1.0), (2**53 + 1, 2.0**53)],
)
def test_numbers_may_be_written_in_many_ways(cell: Any, number: float) -> None:
    found = value_of(cell)
    assert not isinstance(found, str)
    assert found.number == number


@pytest.mark.parametrize(
    ("cells", "status"),
    [
        (["", "  ", "-", "NA", "n/a", "None", "null", None, pd.NA, pd.NaT], "missing"),
        (["nan", "NaN", "inf", "-Infinity", "diverged", math.nan, math.inf, "1e999"], "diverged"),
        (["OOM", "oom", "out of memory", "out_of_memory"], "out_of_memory"),
        (["failed", "ERROR", "crashed", "timeout"], "failed"),
        (["undefined"], "undefined"),
    ],
)
def test_what_is_no_number_says_why(cells: list[Any], status: str) -> None:
    for cell in cells:
        found = value_of(cell)
        assert not isinstance(found, str)
        assert found.status == status
        assert math.isnan(found.number)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("0.93 ± 0.01", "the value of one run: a mean with its spread cannot be tested"),
        ("0.93 +/- 0.01", "the value of one run"),
        ("0,93", "a number with a decimal point"),
        ("93 %", "a number: the same unit"),
        ("1_000", "a number; nothing; or nan, diverged, oom, failed or undefined"),
        ("٣", "a number; nothing"),
        ("0x10", "a number; nothing"),
        ("good", "a number; nothing"),
        (10**400, "a number of at most 1.8e308"),
        ([1.0], "a number"),
    ],
)
def test_what_is_neither_is_refused(cell: Any, expected: str) -> None:
    found = value_of(cell)
    assert isinstance(found, str)
    assert found.startswith(expected)


def test_labels_are_text(write: Make, tmp_path: Path) -> None:
    labels = ["001", "1e5", "NA", "None", "1.10", "nan", "inf", "true"]
    rows = [f"{label},{seed},{k}.{seed}" for k, label in enumerate(labels) for seed in range(3)]
    path = write("r.csv", "\n".join(["method,seed,accuracy", *rows]))
    judged = judge(path, baseline="001", directory=tmp_path, pages=False)
    assert [*judged.given.labels.values()] == labels
    rows_read = read_results([judged.folder / "results.parquet"])
    assert set(rows_read["variant"]) == set(labels)
    first = rows_read[(rows_read["variant"] == "1e5") & (rows_read["seed"] == 2)]
    assert first["value"].tolist() == [1.2]
    assert judged.ablation.baseline == {"variant": "001"}


def test_labels_that_are_numbers_in_json_keep_their_digits(write: Make, tmp_path: Path) -> None:
    text = ",".join(
        f'{{"method": {label}, "seed": {seed}, "loss": {seed}.5{len(label)}}}'
        for label in ("1.10", "1.1", "01e0"[1:])
        for seed in range(3)
    )
    judged = judge(write("r.json", f"[{text}]"), directory=tmp_path, pages=False)
    assert [*judged.given.labels.values()] == ["1.10", "1.1", "1e0"]


def test_labels_with_other_signs_get_names_of_their_own(tmp_path: Path) -> None:
    labels = ["ResNet-50 (ours)", "ResNet-50 [ours]", "λ = 0.1", "±"]
    frame = pd.DataFrame(
        [(label, seed, seed * 0.1 + k) for k, label in enumerate(labels) for seed in range(3)],
        columns=["method", "seed", "accuracy"],
    )
    judged = judge(frame, directory=tmp_path, pages=False)
    assert judged.given.labels == {
        "ResNet-50_ours": labels[0],
        "ResNet-50_ours_2": labels[1],
        "0.1": labels[2],
        "variant": labels[3],
    }
    assert judged.ablation.claims[0].statement == (
        "ResNet-50 [ours] ends above ResNet-50 (ours) in accuracy."
    )


def test_failures_count_as_the_worst_and_are_named(write: Make, tmp_path: Path) -> None:
    a, b = [0.8, 0.82, 0.79, 0.81], [0.9, 0.91, 0.89, 0.92]
    rows = [f"base,{seed},{value}" for seed, value in enumerate(a)]
    rows += [f"new,{seed},{value}" for seed, value in enumerate([*b[:3], "failed"])]
    path = write("r.csv", "\n".join(["method,seed,accuracy", *rows]))
    judged = judge(path, directory=tmp_path, pages=False)
    (result,) = judged.results
    assert result.effect.n_failed == 1
    # The worst of all successful runs in place of the failed one; no better than any other seed.
    worst = min(0.79 - 0.81, *(x - y for x, y in zip(b[:3], a[:3], strict=True)))
    expected = np.mean([*(x - y for x, y in zip(b[:3], a[:3], strict=True)), worst])
    assert result.effect.estimate == pytest.approx(expected)
    assert judged.given.count()["failed"] == 1
    assert "1 failed" in str(judged)


def test_a_run_without_memory_does_not_count_and_is_named(write: Make, tmp_path: Path) -> None:
    a, b = [0.8, 0.82, 0.79, 0.81], [0.9, 0.91, 0.89, "OOM"]
    rows = [f"base,{seed},{value}" for seed, value in enumerate(a)]
    rows += [f"new,{seed},{value}" for seed, value in enumerate(b)]
    path = write("r.csv", "\n".join(["method,seed,accuracy", *rows]))
    judged = judge(path, directory=tmp_path, pages=False)
    (result,) = judged.results
    assert (result.effect.n, result.effect.n_failed) == (3, 0)
    assert result.effect.estimate == pytest.approx(np.mean([0.1, 0.09, 0.1]))
    assert "1 out of memory" in str(judged)


def test_a_status_column_overrides_the_value(wide: pd.DataFrame, tmp_path: Path) -> None:
    frame = wide.assign(status="finished")
    frame.loc[7, "status"] = "crashed"
    judged = judge(frame, directory=tmp_path, pages=False)
    assert judged.given.count() == {"ok": 28, "failed": 2}


def test_what_is_missing_is_no_failure(wide: pd.DataFrame, write: Make, tmp_path: Path) -> None:
    text = wide.to_csv(index=False).replace("0.818", "")
    judged = judge(write("r.csv", text), directory=tmp_path, pages=False)
    result = judged.results[0]
    assert judged.given.count()["missing"] == 1
    assert result.effect.n_failed == 0
    a, b = (wide[wide["method"] == name]["accuracy"] for name in ("baseline", "mixup"))
    other = stats.ttest_ind(b[b != 0.818], a, equal_var=False)
    assert result.effect.p_value == pytest.approx(other.pvalue)
    assert any("undefined in 1 of 5 seeds [1]" in note for note in result.notes)
    assert "1 missing" in str(judged)


def test_nan_in_a_pandas_frame_counts_as_diverged_and_is_said(
    wide: pd.DataFrame, tmp_path: Path
) -> None:
    frame = wide.copy()
    frame.loc[frame.index[6], "accuracy"] = np.nan
    judged = judge(frame, directory=tmp_path, pages=False)
    assert judged.given.count()["diverged"] == 1
    assert any("1 cells of the pandas frame are NaN" in note for note in judged.given.notes)
    apart = frame.astype(object).where(frame.notna(), None)
    judged = judge(apart, directory=tmp_path / "none", pages=False)
    assert judged.given.count()["missing"] == 1
