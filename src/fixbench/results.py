"""Tidy results: the table that every job writes and every analysis reads.

One row is one measured number. Curves are rows too (one row a step). A run that diverged or ran
out of memory is a row of `RUN_METRIC` with its status, never a hole. A status on any other metric
speaks of that metric in that stage alone: a value failed, or is undefined by its nature (the area
under a curve where there is one class). Files are Parquet, written whole or not at
all, and carry what was asked (ablation, variant, tier, options, claims, and the definitions of
metrics that verdicts depend on) in their metadata, beside a checksum of all this: a file that
is damaged is refused, unless all of it is still read as it was written.

Where a tier draws data anew, each file is of one data draw and has the column ``data_seed`` after
``seed``. Files of other tiers do not have it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fixbench.errors import InputError
from fixbench.files import whole_file

__all__ = [
    "COLUMNS",
    "DATA_SEED",
    "OUT_OF_MEMORY",
    "RUN_METRIC",
    "STATUSES",
    "TIME_LIMIT",
    "UNDECLARED",
    "UNDEFINED",
    "Row",
    "check_rows",
    "read_metadata",
    "read_results",
    "run_columns",
    "usable_rows",
    "write_results",
    "write_rows",
    "write_table",
]

#: The metric of the row that says that a run failed; always allowed, in the unit "1".
RUN_METRIC = "run"

#: A value that does not exist by its nature; no failure.
UNDEFINED = "undefined"
#: The machine had too little memory. That is counted apart, and is no outcome of the experiment.
OUT_OF_MEMORY = "out_of_memory"
#: A run that took longer than the ablation allows it: an outcome that was declared beforehand.
TIME_LIMIT = "time_limit"
#: ``ok``; the ways in which a run or a value can fail, which are counted and never dropped;
#: `OUT_OF_MEMORY`; and `UNDEFINED`.
STATUSES = ("ok", "diverged", OUT_OF_MEMORY, "failed", TIME_LIMIT, UNDEFINED)

#: The unit of a metric that the ablation does not declare: kept in the file, and never judged.
UNDECLARED = "not declared"

_SCHEMA = pa.schema(
    [
        ("ablation", pa.string()),
        ("variant", pa.string()),
        ("seed", pa.int64()),
        ("stage", pa.string()),
        ("step", pa.int64()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("status", pa.string()),
    ]
)
COLUMNS: tuple[str, ...] = tuple(_SCHEMA.names)
#: The column that says on which data draw a run was made, where there are data draws.
DATA_SEED = "data_seed"
_DRAWN_SCHEMA = _SCHEMA.insert(COLUMNS.index("seed") + 1, pa.field(DATA_SEED, pa.int64()))
_METADATA_KEY = b"fixbench"
_CHECKSUM_KEY = b"fixbench-sha256"


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number.

    Attributes:
        stage: the part of the run, such as ``"feedback"`` or ``"gradient/base"``.
        step: the position inside the stage (optimiser step, batch index); 0 where there is none.
        metric: the name of a metric that the ablation declares.
        value: the number; NaN only with a status other than ``"ok"``.
        status: one of `STATUSES`.
    """

    stage: str
    step: int
    metric: str
    value: float
    status: str = "ok"


def write_results(
    path: Path,
    rows: Mapping[int, Sequence[Row]],
    *,
    ablation: str,
    variant: str,
    units: Mapping[str, str],
    metadata: Mapping[str, Any],
    data_seed: int | None = None,
) -> None:
    """Write the rows of one job (``rows`` maps a seed to its rows) to ``path``, atomically.

    Rows are ordered by seed and keep their order inside a seed; equal rows give equal bytes.

    Args:
        data_seed: of the data draw that the job read; ``None`` for tracked data, and then there is
            no such column.

    Raises:
        InputError: a row has an undeclared metric, an unknown status, or a non-finite value
            that is marked ``ok``; or a seed measures the same (stage, step, metric) twice.
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for seed in sorted(rows):
        check_rows(path, seed, rows[seed], units)
        for row in rows[seed]:
            stage, step, metric, value, status = astuple(row)
            record = (ablation, variant, seed, stage, step, metric, value, units[metric], status)
            for name, item in zip(COLUMNS, record, strict=True):
                columns[name].append(item)
    schema = _SCHEMA
    if data_seed is not None:
        schema = _DRAWN_SCHEMA
        columns[DATA_SEED] = [data_seed] * len(columns["seed"])
    write_table(path, pa.table(columns, schema=schema), metadata)


def check_rows(path: Path, seed: int, rows: Sequence[Row], units: Collection[str]) -> None:
    """Refuse rows of one seed that no result file may hold.

    Args:
        path: the file that is to hold them, for messages.
        units: the metrics that may be measured.

    Raises:
        InputError: as `write_results`.
    """
    seen = set()
    for row in rows:
        _check_row(row, path, units)
        if (row.stage, row.step, row.metric) in seen:
            expected = f"each metric of a stage and step once in seed {seed}; this row is there"
            raise InputError(path, "row", row, expected=f"{expected} twice")
        seen.add((row.stage, row.step, row.metric))


def write_table(
    path: Path,
    table: pa.Table,
    metadata: Mapping[str, Any],
    *,
    compression_level: int | None = None,
) -> None:
    """Write rows and what is said of them to ``path``, atomically, with their checksum."""
    encoded = json.dumps(metadata, sort_keys=True).encode()
    described = {_METADATA_KEY: encoded, _CHECKSUM_KEY: _checksum(table, encoded)}
    with whole_file(path) as partial:
        pq.write_table(
            table.replace_schema_metadata(described),
            partial,
            compression="zstd",
            compression_level=compression_level,
        )


def _checksum(table: pa.Table, metadata: bytes) -> bytes:
    """SHA-256 (hex) of the values, column by column, and of the metadata.

    It depends on the values alone, not on how a version of Parquet or Arrow lays them out.
    """
    digest = hashlib.sha256(metadata)
    for name in table.schema.names:
        column = table.column(name)
        digest.update(f"\0{name} {column.type} {len(column)} {column.null_count}\0".encode())
        if pa.types.is_string(column.type):
            for text in column.to_pylist():
                encoded = b"" if text is None else text.encode()
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
        else:
            values = column.to_numpy()
            digest.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest().encode()


def write_rows(path: Path, frame: pd.DataFrame, *, metadata: Mapping[str, Any]) -> None:
    """Write rows of many runs, which have the columns `COLUMNS`, as one file, atomically.

    Raises:
        InputError: a value that is not finite is marked ``ok``, or a status is unknown.
    """
    for row in frame[["stage", "step", "metric", "value", "status"]].itertuples(index=False):
        _check_row(Row(*row), path, (row.metric,))
    table = pa.Table.from_pandas(frame[[*COLUMNS]], schema=_SCHEMA, preserve_index=False)
    write_table(path, table, metadata)


def read_results(paths: Iterable[Path], *, undeclared: bool = False) -> pd.DataFrame:
    """Read job outputs into one frame with `COLUMNS`, refusing duplicate measurements.

    The frame has the column `DATA_SEED` if the files have it. Rows of metrics that the ablation
    does not declare are left out.

    Args:
        undeclared: they are read too.

    Raises:
        InputError: a file is missing, is not Parquet, lacks a column, or measures the same
            (variant, seed, data draw, stage, step, metric) as another file; or files of data draws
            are mixed with others.
    """
    frames: list[pd.DataFrame] = []
    for path in paths:
        frame = _read_table(path).to_pandas()
        if not undeclared:
            frame = frame[frame["unit"] != UNDECLARED].reset_index(drop=True)
        frame["file"] = str(path)
        if frames and (DATA_SEED in frame) != (DATA_SEED in frames[0]):
            expected = "all files of data draws, or none; the tier's declaration was changed "
            raise InputError(path, DATA_SEED, expected=f"{expected}between them: run it again")
        frames.append(frame)
    if not frames:
        return pd.DataFrame({name: [] for name in (*COLUMNS, "file")})
    frame = pd.concat(frames, ignore_index=True)
    identity = ["ablation", *run_columns(frame), "stage", "step", "metric"]
    duplicated = frame[frame.duplicated(identity, keep="first")]
    if len(duplicated):
        row = duplicated.iloc[0]
        raise InputError(
            row["file"],
            "seed",
            int(row["seed"]),
            expected=f"each seed once: variant {row['variant']!r} has {row['metric']!r} of stage "
            f"{row['stage']!r} at step {row['step']} twice; delete one of the files",
        )
    return frame


def run_columns(frame: pd.DataFrame) -> list[str]:
    """The columns that tell runs apart: variant and seed, and the data draw if there are draws."""
    return ["variant", "seed", *([DATA_SEED] if DATA_SEED in frame else [])]


def usable_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that count as measured.

    Not those of a run that failed as a whole (`RUN_METRIC`), and not those of a stage and metric
    with a value that failed or is undefined in the run.
    """
    bad = ((frame["status"] != "ok") | ~np.isfinite(frame["value"])).to_numpy()
    run = run_columns(frame)
    lost = pd.MultiIndex.from_frame(frame.loc[bad & (frame["metric"] == RUN_METRIC), run])
    cell = [*run, "stage", "metric"]
    spoilt = pd.MultiIndex.from_frame(frame.loc[bad, cell])
    inside = pd.MultiIndex.from_frame(frame[run]).isin(lost)
    return frame[~inside & ~pd.MultiIndex.from_frame(frame[cell]).isin(spoilt)]


def read_metadata(path: Path) -> dict[str, Any]:
    """What the job that wrote ``path`` was asked to do (options, tier, claims, metrics)."""
    encoded = (_read_table(path).schema.metadata or {}).get(_METADATA_KEY)
    if encoded is None:
        raise InputError(path, "metadata", expected="a result file written by fixbench")
    try:
        metadata = json.loads(encoded)
    except ValueError:
        metadata = None
    if not isinstance(metadata, dict):
        raise _damaged(path)
    return metadata


def _read_table(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path)
        found = table.schema.metadata or {}
        # Files of earlier versions have none.
        whole = _CHECKSUM_KEY not in found or found[_CHECKSUM_KEY] == _checksum(
            table, found.get(_METADATA_KEY, b"")
        )
    except FileNotFoundError as error:
        raise InputError(path, "", expected="a result file; run the job that writes it") from error
    # A damaged file can make Arrow raise nearly anything.
    except (pa.ArrowException, OSError, ValueError, LookupError, ArithmeticError) as error:
        raise _damaged(path) from error
    except (TypeError, AttributeError, MemoryError, RecursionError) as error:
        raise _damaged(path) from error
    if not whole:
        raise _damaged(path)
    missing = [name for name in COLUMNS if name not in table.schema.names]
    if missing:
        raise InputError(path, "columns", missing, expected=f"the columns {', '.join(COLUMNS)}")
    return table


def _damaged(path: Path) -> InputError:
    expected = "a complete Parquet file, as the job wrote it; delete it and run again"
    return InputError(path, "", expected=expected)


def _check_row(row: Row, path: Path, units: Collection[str]) -> None:
    if row.metric not in units:
        raise InputError(
            path, "metric", row.metric, expected="a metric that the ablation file declares"
        )
    if row.status not in STATUSES:
        raise InputError(path, "status", row.status, expected=f"one of {', '.join(STATUSES)}")
    finite = row.value == row.value and abs(row.value) != float("inf")
    if row.status == "ok" and not finite:
        raise InputError(
            path, row.metric, row.value, expected="a finite value, or a status that says why not"
        )
    if row.status == UNDEFINED and (finite or row.metric == RUN_METRIC):
        expected = "no value (nan) of a metric that is undefined"
        raise InputError(path, row.metric, row.value, expected=expected)
