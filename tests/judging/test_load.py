"""`fixbench.load_results` reads claims, and results so that they are judged as their file is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fixbench
from fixbench.errors import InputError
from fixbench.results import COLUMNS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "reports" / "reference"
ODD = """method,seed,accuracy,loss
001,0,0.81,0.52
001,1,0.79,1e-3
1e5,0,0.83,OOM
1e5,1,0.82,
"""


def test_every_published_table_is_read() -> None:
    files = sorted(REFERENCE.rglob("claims.json"))
    assert len(files) >= 2
    for file in files:
        frame = fixbench.load_results(file)
        assert len(frame) == len(json.loads(file.read_text())["claims"])
        assert frame["verdict"].notna().all()


def test_published_rows_are_read() -> None:
    path = sorted(REFERENCE.rglob("*.parquet"))[0]
    frame = fixbench.load_results(path)
    assert set(COLUMNS) <= set(frame.columns)
    assert frame["value"].dtype == float
    assert frame["seed"].dtype == "int64"


def test_what_a_comparison_wrote_is_read(wide: pd.DataFrame, tmp_path: Path) -> None:
    comparison = fixbench.compare(wide)
    comparison.report(tmp_path)
    frame = fixbench.load_results(tmp_path)
    assert frame["verdict"].tolist() == list(comparison.verdicts.values())
    assert frame["p_adjusted"].tolist() == pytest.approx(comparison.table["p_holm"].tolist())
    rows = fixbench.load_results(tmp_path / "results" / "results.parquet")
    again, before = (
        found.table.set_index("name")["p"] for found in (fixbench.compare(rows), comparison)
    )
    assert again.to_dict() == pytest.approx(before.to_dict())  # rows are in the order of names
    with pytest.raises(InputError, match=r"claims\.csv; expected claims\.json, of which this is a"):
        fixbench.load_results(tmp_path / "claims.csv")
    with pytest.raises(InputError, match="these are the verdicts of `fixbench analyse`"):
        fixbench.load_results(tmp_path / "results" / "verdicts.json")


def test_labels_words_and_blanks_stay_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(ODD)
    frame = fixbench.load_results(path)
    assert frame["method"].tolist() == ["001", "001", "1e5", "1e5"]
    assert frame["seed"].tolist() == [0, 1, 0, 1]
    assert frame["accuracy"].dtype == float
    assert frame["loss"].tolist() == [0.52, 0.001, "OOM", None]
    by_frame, by_file = fixbench.compare(frame), fixbench.compare(path)
    assert by_frame.table.to_dict("list").keys() == by_file.table.to_dict("list").keys()
    pd.testing.assert_frame_equal(by_frame.table, by_file.table)
    assert by_frame.found.given.count() == by_file.found.given.count()


@pytest.mark.parametrize("kind", ["json", "jsonl", "parquet", "tsv"])
def test_other_kinds_of_results_are_read(kind: str, wide: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / f"runs.{kind}"
    if kind == "parquet":
        wide.to_parquet(path, index=False)
    elif kind == "tsv":
        wide.to_csv(path, index=False, sep="\t")
    else:
        wide.to_json(path, orient="records", lines=kind == "jsonl")
    pd.testing.assert_frame_equal(fixbench.load_results(path), wide)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, r"none\.csv; expected a file or a folder that is there"),
        ("runs.xlsx", "x", r"runs\.xlsx; expected claims\.json, a folder with one, or results"),
        ("runs.csv", "a,b\n1\n", r"runs\.csv:2: number of values is 1; expected 2"),
        ("runs.json", "{", r"runs\.json.*expected JSON"),
        ("runs.parquet", "PAR1", r"runs\.parquet; expected a complete Parquet file"),
        ("other.json", '{"version": 9, "claims": []}', r"version is 9; expected 1; install the"),
    ],
)
def test_what_cannot_be_read_is_named(
    name: str, content: Any, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        fixbench.load_results(path)
