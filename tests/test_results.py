"""The tidy table: what goes in comes out, and nothing wrong goes in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixbench.errors import InputError
from fixbench.results import (
    COLUMNS,
    Row,
    read_metadata,
    read_results,
    run_columns,
    write_results,
)

ROWS = {1: [Row("train", 0, "loss", 2.0), Row("train", 1, "loss", 0.1 + 0.2)]}


def write(path: Path, rows: Any = ROWS, **changes: Any) -> Path:
    arguments: dict[str, Any] = {
        "ablation": "toy",
        "variant": "fast",
        "units": {"loss": "nats", "run": "1"},
        "metadata": {"tier": "smoke"},
    }
    write_results(path, rows, **(arguments | changes))
    return path


def test_round_trip(tmp_path: Path) -> None:
    failed = Row("train", 5, "run", math.nan, "diverged")
    path = write(tmp_path / "a" / "b.parquet", {3: [failed], **ROWS})
    frame = read_results([path])
    assert tuple(frame.columns) == (*COLUMNS, "file")
    assert frame["seed"].tolist() == [1, 1, 3]  # ordered by seed
    assert frame["value"].tolist()[:2] == [2.0, 0.1 + 0.2]  # to the last bit
    assert math.isnan(frame["value"][2])
    assert frame["unit"].tolist() == ["nats", "nats", "1"]
    assert frame["status"].tolist() == ["ok", "ok", "diverged"]
    assert set(frame["file"]) == {str(path)}
    assert read_metadata(path) == {"tier": "smoke"}


def test_rows_of_a_data_draw(tmp_path: Path) -> None:
    tracked = write(tmp_path / "tracked.parquet")
    drawn = [write(tmp_path / f"{draw}.parquet", data_seed=draw) for draw in (0, 3)]
    frame = read_results(drawn)
    place = COLUMNS.index("seed") + 1
    assert tuple(frame.columns) == (*COLUMNS[:place], "data_seed", *COLUMNS[place:], "file")
    assert frame["data_seed"].tolist() == [0, 0, 3, 3]
    assert run_columns(frame) == ["variant", "seed", "data_seed"]
    assert run_columns(read_results([tracked])) == ["variant", "seed"]
    # Without the column, the rows are those of tracked data.
    rest = frame[frame["data_seed"] == 3].drop(columns=["data_seed", "file"])
    expected = read_results([tracked]).drop(columns="file")
    pd.testing.assert_frame_equal(rest.reset_index(drop=True), expected)
    with pytest.raises(
        InputError, match=r"0\.parquet: data_seed; expected all files of data draws"
    ):
        read_results([tracked, drawn[0]])
    with pytest.raises(InputError, match="each seed once"):
        read_results([drawn[0], write(tmp_path / "again.parquet", data_seed=0)])


@given(st.permutations([0, 1, 2, 3]))
def test_bytes_do_not_depend_on_the_order_of_seeds(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("results")
    rows = {seed: [Row("train", 0, "loss", seed / 3)] for seed in order}
    found = write(folder / "a.parquet", rows).read_bytes()
    ordered = write(folder / "b.parquet", dict(sorted(rows.items()))).read_bytes()
    assert found == ordered


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Row("s", 0, "accuracy", 1.0), "metric is 'accuracy'; expected a metric that the ablation"),
        (Row("s", 0, "loss", 1.0, "lost"), "status is 'lost'; expected one of ok, diverged"),
        (Row("s", 0, "loss", math.nan), "loss is nan; expected a finite value, or a status"),
        (Row("s", 0, "loss", -math.inf), "loss is -inf; expected a finite value, or a status"),
    ],
)
def test_bad_rows_are_refused_and_leave_no_file(row: Row, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        write(tmp_path / "x.parquet", {0: [row]})
    assert list(tmp_path.iterdir()) == []


def test_a_measurement_repeated_by_a_seed_is_refused(tmp_path: Path) -> None:
    row = Row("train", 0, "loss", 1.0)
    write(tmp_path / "fine.parquet", {0: [row], 1: [row]})
    message = "each metric of a stage and step once in seed 0; this row is there twice"
    with pytest.raises(InputError, match=message):
        write(tmp_path / "x.parquet", {0: [row, Row("train", 0, "loss", 2.0)]})
    assert [path.name for path in tmp_path.iterdir()] == ["fine.parquet"]


def test_failed_write_keeps_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "x.parquet")
    before = path.read_bytes()

    def full_disk(table: Any, partial: Path, **options: Any) -> None:
        partial.write_bytes(b"PAR1 half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fixbench.results.pq.write_table", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write(path, {0: [Row("train", 0, "loss", 9.0)]})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_duplicates_across_files_are_refused(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.parquet"), write(tmp_path / "b.parquet")]
    with pytest.raises(InputError) as caught:
        read_results(paths)
    assert str(caught.value) == (
        f"{paths[1]}: seed is 1; expected each seed once: variant 'fast' has 'loss' of stage "
        "'train' at step 0 twice; delete one of the files"
    )


def test_same_seed_of_two_variants_is_no_duplicate(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.parquet"), write(tmp_path / "b.parquet", variant="slow")]
    assert len(read_results(paths)) == 4


def test_missing_truncated_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.parquet; expected a result file; run the job"):
        read_results([tmp_path / "gone.parquet"])
    path = write(tmp_path / "x.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"x\.parquet; expected a complete Parquet file"):
        read_results([path])
    pd.DataFrame({"seed": [1]}).to_parquet(path)
    with pytest.raises(InputError, match=r"columns is \['ablation', 'variant'.*; expected the col"):
        read_results([path])


def test_metadata_of_a_foreign_file(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet")
    frame = read_results([path]).drop(columns="file")
    frame.to_parquet(path)
    with pytest.raises(InputError, match="metadata; expected a result file written by fixbench"):
        read_metadata(path)


def test_no_files_give_an_empty_table() -> None:
    frame = read_results([])
    assert len(frame) == 0
    assert tuple(frame.columns) == (*COLUMNS, "file")
