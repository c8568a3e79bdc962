"""The table that a command writes for Fixbench, to ``{output}``."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path
from typing import Any

from fixbench.ablation import Ablation, metric_problem
from fixbench.command._collected import NoRowsError
from fixbench.command._notes import note_once
from fixbench.command._records import double, is_blank, label, records, whole
from fixbench.errors import InputError
from fixbench.results import RUN_METRIC, STATUSES, UNDEFINED, Row

__all__ = ["read_table"]

_REQUIRED = frozenset({"metric", "value"})
_COLUMNS = _REQUIRED | {"stage", "step", "status"}


#: So many names of metrics that are not declared are printed.
_SHOWN = 10


def read_table(path: Path, file: Path, ablation: Ablation, seed: int) -> list[Row]:
    """Rows from what the command left at ``{output}``.

    Metrics that the ablation does not declare are among them, with a note. A value that is not
    there has the status ``"failed"``, and not ``"diverged"``.

    Args:
        file: the ablation file, for messages.
        seed: for notes.

    Raises:
        NoRowsError: there is a header and no row.
        InputError: it left nothing, something that is no metric, or none that the ablation
            declares.
    """

    def refuse(value: Any, expected: str, row: int | None = None, column: str = "") -> InputError:
        key = "command" if row is None else f"command: row {row} of {{output}}"
        return InputError(file, f"{key}: {column}" if column else key, value, expected=expected)

    try:
        content = path.read_bytes()
        found = records(content)
    except FileNotFoundError:
        raise refuse(None, "a command that writes its metrics to {output}") from None
    except (ValueError, OSError, csv.Error) as error:
        raise refuse(str(error), "metrics as CSV, JSON lines or Parquet at {output}") from None
    if not found:
        raise NoRowsError("the command left no row of metrics in {output}")
    rows: dict[tuple[str, int, str], Row] = {}
    undeclared: dict[str, int] = {}
    for place, record in enumerate(found, start=1):
        columns = set(record)
        if not _REQUIRED <= columns <= _COLUMNS:
            expected = (
                "the columns metric and value, and optionally stage, step and status; "
                "'metrics_from' reads other files"
            )
            names = sorted(map(str, columns))
            # The columns of a table are the same in all rows.
            raise refuse(names, expected, None if place == 1 else place)
        missing = is_blank(record["value"])
        value = math.nan if missing else double(record["value"])
        step = whole(record.get("step"))
        if value is None:
            expected = "a number that a double holds, or nan"
            raise refuse(record["value"], expected, place, "value")
        if step is None:
            expected = "a whole number from 0 to 9223372036854775807"
            raise refuse(record["step"], expected, place, "step")
        texts = {name: label(record.get(name)) for name in ("metric", "stage", "status")}
        for name, text in texts.items():
            if text is None:
                raise refuse(record[name], "a text that can be printed", place, name)
        metric, stage = texts["metric"] or "", texts["stage"] or "run"
        if not metric:
            raise refuse(None, "the name of a metric", place, "metric")
        if metric != RUN_METRIC and metric not in ablation.declared([metric]):
            if problem := metric_problem(metric):
                raise refuse(metric, problem, place, "metric")
            undeclared.setdefault(metric, place)
        measured = "ok" if math.isfinite(value) else "failed" if missing else "diverged"
        status = texts["status"] or measured
        if missing and not texts["status"]:
            print(
                f"seed {seed}: row {place} of {{output}} has no value of {metric!r}",
                file=sys.stderr,
            )
        if status not in STATUSES:
            raise refuse(status, f"one of {', '.join(STATUSES)}", place, "status")
        if status == "ok" and not math.isfinite(value):
            expected = "a finite value, or a status that says why not"
            raise refuse(value, expected, place, metric)
        if status == UNDEFINED and (math.isfinite(value) or metric == RUN_METRIC):
            expected = "no value (nan) of a metric that is undefined"
            raise refuse(value, expected, place, metric)
        if (stage, step, metric) in rows:
            expected = (
                f"each metric once for a stage and step; {metric!r} of stage {stage!r} at step "
                f"{step} stands twice: tell repeated measurements apart by stage or step"
            )
            raise refuse(record, expected, place)
        rows[stage, step, metric] = Row(stage, step, metric, value, status)
    if all(row.metric in undeclared for row in rows.values()):
        metric, place = next(iter(undeclared.items()))
        expected = "a metric that the ablation file declares: "
        raise refuse(metric, expected + ", ".join(ablation.units), place, "metric")
    if undeclared:
        shown = ", ".join(map(repr, [*undeclared][:_SHOWN]))
        more = f" and {len(undeclared) - _SHOWN} more" if len(undeclared) > _SHOWN else ""
        note_once(
            "kept and not judged, since the ablation does not declare them as metrics: "
            f"{shown}{more}"
        )
    return list(rows.values())
