"""Weights & Biases: the CSV of a table of runs, or of a chart, as its pages export them.

Of a table of runs the state is a status, and what W&B adds (name, user, time) is not used; the
other columns are found as in any table. Of a chart each column is a run, ``NAME - METRIC``, whose
name says variant and seed (``mixup_seed3``); the last step counts.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from fixbench.errors import InputError
from fixbench.judging._cells import is_missing, label
from fixbench.judging._tables import Place, Table, read_tables
from fixbench.judging.readers._runs import run_of

__all__ = ["NAME", "TEXT", "read", "recognises"]

NAME = "wandb"
TEXT = "the CSV that a page of Weights & Biases exports, of a table of runs or of a chart"
_OWN = frozenset(
    ("Name", "ID", "Notes", "User", "Tags", "Created", "Runtime", "Sweep", "End Time", "Updated")
) | {"Hostname", "Description", "Commit", "GitHub", "Job Type"}
_UNFINISHED = ("running", "pending")


def recognises(path: Path) -> bool:
    """Whether the header is one of these exports."""
    header = _header(path)
    table = {"Name", "State"} <= {*header} and bool({"Created", "Runtime", "User"} & {*header})
    return table or _is_chart(header)


def read(path: Path) -> Table:
    """The runs of the export.

    Raises:
        InputError: it is neither kind of export.
    """
    table = read_tables([path])
    if _is_chart([*table.columns]):
        return _chart(table)
    if "State" not in table.columns:
        raise InputError(path, "columns", [*table.columns], expected=TEXT)
    kept = [
        row
        for row, state in enumerate(table.columns["State"])
        if label(state).lower() not in _UNFINISHED
    ]
    columns: dict[str, list[Any]] = {
        name: [cells[row] for row in kept]
        for name, cells in table.columns.items()
        if name not in _OWN
    }
    if all(is_missing(cell) for cell in columns.get("Group", [])):
        columns.pop("Group", None)
    notes = ["Read as an export of Weights & Biases."]
    if len(kept) < len(table):
        notes.append(f"{len(table) - len(kept)} runs have not ended and are left out.")
    if not kept:
        raise InputError(path, "State", "running", expected="at least one run that has ended")
    return Table(
        table.name, columns, [table.places[row] for row in kept], notes, {"status": "State"}
    )


def _header(path: Path) -> list[str]:
    if not path.is_file() or path.suffix.lower() != ".csv":
        return []
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return next(csv.reader(file), [])


def _is_chart(header: list[str]) -> bool:
    named = [name for name in header[1:] if " - " in name]
    ends = any(name.endswith("__MIN") for name in named)
    return bool(named) and ends and len(named) >= len(header) - 2


def _chart(table: Table) -> Table:
    step, *names = table.columns
    rows: dict[str, list[Any]] = {"variant": [], "seed": [], "metric": [], "value": []}
    places = []
    seeds = True
    for name in names:
        if " - " not in name or name.endswith(("__MIN", "__MAX")):
            continue
        run, metric = name.rsplit(" - ", 1)
        variant, seed = run_of(run)
        seeds = seeds and seed is not None
        filled = [row for row, cell in enumerate(table.columns[name]) if not is_missing(cell)]
        last = filled[-1] if filled else len(table) - 1
        for column, cell in zip(
            rows, (variant, seed, metric, table.columns[name][last]), strict=True
        ):
            rows[column].append(cell)
        places.append(Place(table.places[last].file, table.places[last].row, of_lines=True))
    if not seeds:
        del rows["seed"]
    return Table(
        table.name,
        rows,
        places,
        [f"Read as a chart of Weights & Biases: of each run the last value by {step!r}."],
        {"variant": ("variant",), "metric": ("metric",), "value": "value"},
    )
