"""Optuna: the table of a study's trials, ``study.trials_dataframe().to_csv("trials.csv")``.

Parameters that are text are the variant; those that are numbers are not used. A pruned trial
counts as failed: it was stopped because it went badly. Trials of a search are not independent,
since each was chosen by what the earlier ones showed, and a note says so. Trials that have not
ended are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fixbench.errors import InputError
from fixbench.judging._cells import label, looks_like_a_value
from fixbench.judging._tables import Table, read_tables

__all__ = ["NAME", "TEXT", "read", "recognises"]

NAME = "optuna"
TEXT = "a CSV of study.trials_dataframe()"
_STATES = {"COMPLETE": "finished", "PRUNED": "failed", "FAIL": "failed"}
_UNFINISHED = ("RUNNING", "WAITING")


def recognises(path: Path) -> bool:
    """Whether the file has the columns of such a table."""
    if not path.is_file() or path.suffix.lower() != ".csv":
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    return "datetime_start" in header and "state" in header and "params_" in header


def read(path: Path) -> Table:
    """A row for each trial.

    Raises:
        InputError: the columns are not those of such a table.
    """
    table = read_tables([path])
    columns, states = table.columns, [_state(cell) for cell in table.columns.get("state", [])]
    kept = [row for row, state in enumerate(states) if state not in _UNFINISHED]
    columns = {name: [cells[row] for row in kept] for name, cells in columns.items()}
    places = [table.places[row] for row in kept]
    states = [states[row] for row in kept]
    values = [name for name in columns if re.fullmatch(r"values?(_.+)?", name)]
    parameters = [name for name in columns if name.startswith("params_")]
    if not values or "state" not in columns:
        raise InputError(path, "columns", [*columns], expected=f"{TEXT}: value, state, params_…")
    attributes = [name for name in columns if name.startswith("user_attrs_")]
    seed = next((n for n in (*parameters, *attributes) if n.endswith("_seed")), None)
    text = [
        name
        for name in parameters
        if name != seed and not all(map(looks_like_a_value, columns[name]))
    ]
    made: dict[str, list[Any]] = {
        name.removeprefix("params_"): columns[name] for name in parameters
    }
    made |= {name.removeprefix("user_attrs_"): columns[name] for name in attributes}
    for place, state in zip(places, states, strict=True):
        if state not in _STATES:
            expected = f"one of {', '.join([*_STATES, *_UNFINISHED])}"
            raise InputError(str(place), "state", state, expected=expected)
    made["state"] = [_STATES[state] for state in states]
    made |= {name: columns[name] for name in values}
    pruned = states.count("PRUNED")
    notes = [
        "Read as Optuna's trials. A search chooses each trial by what the earlier ones showed: "
        "they are not independent, so that p-values and intervals promise too much."
    ]
    if pruned:
        notes.append(f"{pruned} trials were pruned and count as failed.")
    if len(kept) < len(table):
        notes.append(f"{len(table) - len(kept)} trials have not ended and are left out.")
    hints: dict[str, Any] = {"status": "state", "metric": tuple(values)}
    if text:
        hints["variant"] = tuple(name.removeprefix("params_") for name in text)
    if seed is not None:
        hints["seed"] = seed.removeprefix("params_").removeprefix("user_attrs_")
    return Table(table.name, made, places, notes, hints)


def _state(cell: Any) -> str:
    return label(cell).removeprefix("TrialState.")
