"""Whole kinds of layouts: the same numbers, however they stand in a table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixbench.errors import InputError
from fixbench.judging import Judged, judge

Make = Callable[..., Any]


def csv_long(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    long.to_csv(folder / "results.csv", index=False)
    return folder / "results.csv"


def csv_with_an_index(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    long.to_csv(folder / "results.csv")
    return folder / "results.csv"


def csv_wide(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    wide.to_csv(folder / "results.csv", index=False)
    return folder / "results.csv"


def csv_of_excel(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    text = wide.to_csv(index=False, sep=";", lineterminator="\r\n")
    (folder / "results.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    return str(folder / "results.csv")


def tsv(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    wide.to_csv(folder / "results.tsv", index=False, sep="\t")
    return folder / "results.tsv"


def csv_shuffled_with_other_names(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    renamed = long.rename(columns={"method": "Model", "seed": "Random Seed", "metric": "Measure"})
    renamed = renamed.rename(columns={"value": "Score"})
    # The baseline stays first, as nothing else says which it is.
    renamed.sample(frac=1, random_state=1).sort_values(
        "Model", key=lambda column: column != "baseline", kind="stable"
    ).to_csv(folder / "results.csv", index=False)
    return folder / "results.csv"


def csv_with_settings(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    rates = {"baseline": 0.1, "mixup": 0.2, "cutout": 0.3}
    wide.assign(lr=wide["method"].map(rates), host="a").to_csv(folder / "r.csv", index=False)
    return folder / "r.csv"


def csv_with_epochs(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    # Runs end after different numbers of epochs; the rows are not in their order.
    parts = [
        wide.assign(
            epoch=10 + wide["seed"] - back,
            accuracy=wide["accuracy"] - 0.1 * back,
            loss=wide["loss"] + back,
        )
        for back in (0, 2, 1)
    ]
    pd.concat(parts).to_csv(folder / "results.csv", index=False)
    return folder / "results.csv"


def json_records(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    (folder / "results.json").write_text(wide.to_json(orient="records"))
    return folder / "results.json"


def json_columns(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    (folder / "results.json").write_text(json.dumps(wide.to_dict(orient="list")))
    return folder / "results.json"


def json_below_a_key(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    (folder / "r.json").write_text(json.dumps({"version": 1, "runs": long.to_dict("records")}))
    return folder / "r.json"


def json_lines_nested(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    lines = [
        json.dumps(
            {
                "config": {"method": row.method, "seed": row.seed},
                "metrics": {"accuracy": row.accuracy, "loss": row.loss},
            }
        )
        for row in wide.itertuples()
    ]
    (folder / "results.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "results.jsonl"


def parquet(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    long.to_parquet(folder / "results.parquet")
    return folder / "results.parquet"


def a_file_for_each_seed(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    for seed, part in wide.groupby("seed"):
        part.to_csv(folder / f"seed{seed}.csv", index=False)
    return str(folder / "*.csv")


def a_file_for_each_variant(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    for name, part in wide.groupby("method"):
        part.drop(columns="method").to_csv(folder / f"{name}.csv", index=False)
    return [str(folder / "*.csv")]


def a_file_for_each_run(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    for row in wide.itertuples():
        content = {"accuracy": row.accuracy, "loss": row.loss}
        (folder / f"{row.method}_seed{row.seed}.json").write_text(json.dumps(content))
    return folder / "*.json"


def pandas_long(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    return long


def pandas_wide_with_an_index(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    return wide.set_index(["method", "seed"])


def pandas_categories(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    return long.astype({"method": "category", "metric": "category", "seed": "float64"})


def polars_long(long: pd.DataFrame, wide: pd.DataFrame, folder: Path) -> Any:
    polars = pytest.importorskip("polars")
    return polars.DataFrame(long.to_dict(orient="list"))


@pytest.mark.parametrize(
    "layout",
    [
        csv_long,
        csv_with_an_index,
        csv_wide,
        csv_of_excel,
        tsv,
        csv_shuffled_with_other_names,
        csv_with_settings,
        csv_with_epochs,
        json_records,
        json_columns,
        json_below_a_key,
        json_lines_nested,
        parquet,
        a_file_for_each_seed,
        a_file_for_each_variant,
        a_file_for_each_run,
        pandas_long,
        pandas_wide_with_an_index,
        pandas_categories,
        polars_long,
    ],
)
def test_every_layout_gives_the_paired_test_of_scipy(
    layout: Make,
    long: pd.DataFrame,
    wide: pd.DataFrame,
    values: dict[str, list[float]],
    losses: dict[str, list[float]],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    judged = judge(layout(long, wide, folder), directory=tmp_path / "out", pages=False)
    assert judged.given is not None
    assert judged.given.paired
    check_paired(judged, "accuracy", values)
    check_paired(judged, "loss", losses)
    assert len(judged.results) == 4
    assert judged.ablation.metrics["accuracy"].better == "higher"
    assert judged.ablation.metrics["loss"].better == "lower"


def check_paired(judged: Judged, metric: str, table: dict[str, list[float]]) -> None:
    """Effect, interval and p are those of scipy's paired test, Holm those of a hand count."""
    found = {
        claim.effect.weighted[0].variant: result
        for claim, result in zip(judged.ablation.claims, judged.results, strict=True)
        if claim.effect is not None and claim.effect.weighted[0].metric == metric
    }
    assert {*found} == {"mixup", "cutout"}
    for variant, result in found.items():
        other = stats.ttest_rel(table[variant], table["baseline"])
        interval = other.confidence_interval()
        assert result.effect.estimate == pytest.approx(
            np.mean(table[variant]) - np.mean(table["baseline"])
        )
        assert result.effect.p_value == pytest.approx(other.pvalue)
        assert (result.effect.low, result.effect.high) == pytest.approx(interval)
        assert result.effect.n == 5


def test_a_column_for_each_variant_is_paired_by_row(
    values: dict[str, list[float]], tmp_path: Path
) -> None:
    judged = judge(pd.DataFrame(values), directory=tmp_path, pages=False)
    assert judged.given.layout == "a column for each variant"
    check_paired(judged, "value", values)


def test_columns_that_are_variants_can_be_named(
    values: dict[str, list[float]], tmp_path: Path
) -> None:
    frame = pd.DataFrame(values).assign(fold=range(5), lr=0.1)
    judged = judge(frame, methods=[*values], better="higher", directory=tmp_path, pages=False)
    check_paired(judged, "value", values)
    assert judged.ablation.metrics["value"].better == "higher"


def test_columns_with_other_names_can_be_named(long: pd.DataFrame, tmp_path: Path) -> None:
    frame = long.rename(columns=dict(zip(long.columns, "wxyz", strict=True)))
    judged = judge(
        frame, variant="w", seed="x", metric="y", value="z", directory=tmp_path, pages=False
    )
    assert len(judged.results) == 4
    assert judged.given.paired


def test_several_columns_make_one_variant(wide: pd.DataFrame, tmp_path: Path) -> None:
    frame = wide.assign(width=wide["method"].map({"baseline": 1, "mixup": 1, "cutout": 2}))
    judged = judge(frame, variant=["method", "width"], directory=tmp_path, pages=False)
    labels = list(judged.given.labels.values())
    assert labels == [
        "method=baseline, width=1",
        "method=mixup, width=1",
        "method=cutout, width=2",
    ]


def test_data_sets_are_judged_apart(long: pd.DataFrame, tmp_path: Path) -> None:
    moved = long.assign(value=long["value"] + long["seed"] * (long["method"] == "mixup"))
    frame = pd.concat([long.assign(dataset="a"), moved.assign(dataset="b")])
    judged = judge(frame, directory=tmp_path, pages=False)
    assert judged.given.stages == ["a", "b"]
    assert len(judged.results) == 8
    found = {
        (term.variant, term.stage): result.effect.estimate
        for claim, result in zip(judged.ablation.claims, judged.results, strict=True)
        if claim.effect is not None and (term := claim.effect.weighted[0]).metric == "accuracy"
    }
    assert found["mixup", "b"] == pytest.approx(found["mixup", "a"] + 2.0)
    assert found["cutout", "b"] == pytest.approx(found["cutout", "a"])


def test_the_only_column_of_text_is_the_variant(wide: pd.DataFrame, tmp_path: Path) -> None:
    judged = judge(wide.rename(columns={"method": "what"}), directory=tmp_path, pages=False)
    assert judged.given.roles["variant"] == "what"


def test_a_column_that_is_the_same_in_all_runs_of_a_variant_is_no_metric(
    wide: pd.DataFrame, tmp_path: Path
) -> None:
    rates = wide["method"].map({"baseline": 0.1, "mixup": 0.2, "cutout": 0.3})
    judged = judge(wide.assign(lr=rates), directory=tmp_path, pages=False)
    assert judged.given.metrics == ["accuracy", "loss"]
    assert judged.given.unused == {"lr": "the same in all runs of each variant"}


def test_seeds_and_folds_make_one_seed(long: pd.DataFrame, tmp_path: Path) -> None:
    frame = pd.concat([long.assign(fold=0), long.assign(fold=1, value=long["value"] + 0.01)])
    with pytest.raises(InputError, match="the rows differ in 'fold', which --variant, --seed"):
        judge(frame, directory=tmp_path, pages=False)
    judged = judge(frame, seed=["seed", "fold"], directory=tmp_path, pages=False)
    assert judged.results[0].effect.n == 10
    assert judged.given.seeds[0] == "seed=0, fold=0"
    assert judged.given.paired


def test_labels_with_signs_of_latex_and_html_reach_the_pages(tmp_path: Path) -> None:
    labels = ["A & B_1 {50 %}", "<b>#1</b> $x^2$ \\ ~"]
    frame = pd.DataFrame(
        [(name, seed, 0.5 + seed + k) for k, name in enumerate(labels) for seed in range(3)],
        columns=["method", "seed", "top-1 acc. (%) & <x>"],
    )
    judged = judge(frame, directory=tmp_path)
    page = (tmp_path / "results.html").read_text()
    assert "<b>#1</b>" not in page
    assert "&lt;b&gt;#1&lt;/b&gt;" in page
    appendix = (tmp_path / "appendix-results.tex").read_text()
    assert "A & B_1 {50 %}" not in appendix
    assert judged.given.metrics == ["top-1 acc. (%) & <x>"]


def test_folds_are_named_as_not_independent(wide: pd.DataFrame, tmp_path: Path) -> None:
    judged = judge(wide.rename(columns={"seed": "Fold"}), directory=tmp_path, pages=False)
    assert judged.given.paired
    assert any("Folds of one cross-validation share" in note for note in judged.given.notes)
    judged = judge(wide, directory=tmp_path / "seeds", pages=False)
    assert judged.given.notes == []


def test_a_column_of_spreads_is_no_metric(tmp_path: Path) -> None:
    frame = pd.DataFrame({"method": ["a", "b"], "acc_mean": [0.5, 0.6], "acc_std": [0.1, 0.1]})
    judged = judge(frame, directory=tmp_path, pages=False)
    assert judged.given.metrics == ["acc_mean"]
    assert judged.given.unused == {"acc_std": "a spread: a test takes the values of single runs"}
    assert judged.results[0].verdict == "inconclusive"
