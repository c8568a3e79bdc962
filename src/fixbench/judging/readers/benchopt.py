"""benchopt: the Parquet or CSV that a benchmark writes to ``outputs/``.

A solver is a variant, a data set with its objective a stage, a repetition a seed. The columns
``objective_*`` are the metrics; of each run the last point of its curve counts.
"""

from __future__ import annotations

from pathlib import Path

from fixbench.errors import InputError
from fixbench.judging._tables import Table, read_tables

__all__ = ["NAME", "TEXT", "read", "recognises"]

NAME = "benchopt"
TEXT = "a benchmark's outputs/ with benchopt_run_*.parquet"
_NEEDED = ("solver_name", "data_name", "objective_name")


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    for place in (folder, folder / "outputs"):
        for pattern in ("benchopt_run_*.parquet", "*.parquet", "benchopt_run_*.csv"):
            if found := sorted(place.glob(pattern)):
                # Names have the time of the run.
                return found[-1:]
    return []


def recognises(folder: Path) -> bool:
    """Whether there is a file that benchopt called."""
    places = (folder, folder / "outputs")
    return any(any(place.glob("benchopt_run_*")) for place in places)


def read(folder: Path) -> Table:
    """The latest run of the benchmark.

    Raises:
        InputError: there is no file of a run, or it lacks benchopt's columns.
    """
    files = _files(folder)
    if not files:
        raise InputError(folder, "", expected=f"a file of a run: {TEXT}")
    table = read_tables(files)
    # Since version 1.6 columns of parameters begin with p_.
    lacking = [name for name in _NEEDED if name not in table.columns]
    if lacking:
        expected = f"benchopt's columns; {', '.join(lacking)} are missing"
        raise InputError(files[0], "columns", [*table.columns], expected=expected)
    metrics = [
        name
        for name in table.columns
        if name.startswith("objective_")
        and name not in ("objective_name", "objective_value" if _has_others(table) else "")
    ]
    data = [
        f"{data}, {objective}"
        for data, objective in zip(
            table.columns["data_name"], table.columns["objective_name"], strict=True
        )
    ]
    columns = {"solver": table.columns["solver_name"], "data set": data}
    for name in ("idx_rep", "stop_val"):
        if name in table.columns:
            columns[name] = table.columns[name]
    columns |= {name: table.columns[name] for name in metrics}
    if "time" in table.columns:
        columns["time"] = table.columns["time"]
    renamed = {"idx_rep": "seed", "stop_val": "step", "data set": "stage", "solver": "variant"}
    return Table(
        name=table.name,
        columns={renamed.get(name, name): cells for name, cells in columns.items()},
        places=table.places,
        notes=[f"Read as benchopt's: {files[0]}."],
        hints={
            "variant": ("variant",),
            "stage": ("stage",),
            "metric": (*metrics, *(["time"] if "time" in table.columns else [])),
            **({"seed": "seed"} if "idx_rep" in table.columns else {}),
            **({"step": "step"} if "stop_val" in table.columns else {}),
        },
    )


def _has_others(table: Table) -> bool:
    """Whether there are metrics besides ``objective_value``, which then repeats one of them."""
    return any(
        name.startswith("objective_") and name not in ("objective_name", "objective_value")
        for name in table.columns
    )
