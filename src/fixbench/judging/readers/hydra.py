"""Hydra: the folders of a multirun, each with ``.hydra/overrides.yaml`` and a file of metrics.

What was overridden and varies, but for the seed, is the variant: ``optimizer=adam, lr=0.1``. The
metrics are read from the one CSV, JSON or JSON lines file that a job leaves; of several rows the
last value counts. A job that left none failed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fixbench.errors import InputError
from fixbench.judging._cells import is_missing, looks_like_a_value
from fixbench.judging._tables import Table, read_tables
from fixbench.judging.readers._runs import Run, runs_table
from fixbench.reading import read_yaml

__all__ = ["NAME", "TEXT", "read", "recognises"]

NAME = "hydra"
TEXT = "a multirun with .hydra/overrides.yaml and a file of metrics in each job's folder"
_METRICS = ("metrics", "results", "result", "scores", "history")
_ENDS = (".json", ".jsonl", ".csv")


def recognises(folder: Path) -> bool:
    """Whether there is a job of Hydra below the folder."""
    return any(True for _ in folder.glob("**/.hydra/overrides.yaml"))


def read(folder: Path) -> Table:
    """A row for each job.

    Raises:
        InputError: there is no job, or a job has several files that may be its metrics.
    """
    jobs = sorted(path.parent.parent for path in folder.glob("**/.hydra/overrides.yaml"))
    if not jobs:
        raise InputError(folder, "", expected=TEXT)
    found = [(job, _file(job)) for job in jobs]
    names = list(dict.fromkeys(name for _, file in found if file for name in _last(file)))
    runs = [
        Run(
            parameters=_overrides(job),
            metrics=dict.fromkeys(names) if file is None else _last(file),
            place=str(file or job),
            status="failed" if file is None else "ok",
        )
        for job, file in found
    ]
    notes = [f"Read as Hydra's multirun: {len(jobs)} jobs."]
    if lost := sum(file is None for _, file in found):
        notes.append(f"{lost} jobs left no file of metrics and count as failed.")
    return runs_table(folder.resolve().name, runs, notes)


def _overrides(job: Path) -> dict[str, str]:
    """Key → value as it was written on the command line."""
    file = job / ".hydra" / "overrides.yaml"
    content = read_yaml(file)
    if not isinstance(content, list):
        raise InputError(file, "", content, expected="a list of overrides such as 'lr=0.1'")
    found = {}
    for item in content:
        key, equals, value = str(item).partition("=")
        if equals:
            found[key.lstrip("+~")] = value
    return found


def _file(job: Path) -> Path | None:
    files = [
        path
        for path in sorted(job.iterdir())
        if path.is_file() and path.suffix in _ENDS and not path.name.startswith(".")
    ]
    named = [path for path in files if path.stem in _METRICS]
    chosen = named if len(named) == 1 else files
    if len(chosen) > 1:
        names = ", ".join(path.name for path in files)
        expected = "one file of metrics, such as metrics.json or metrics.csv"
        raise InputError(job, "files", names, expected=expected)
    return chosen[0] if chosen else None


def _last(file: Path) -> dict[str, Any]:
    """The last value of each column of numbers."""
    last = {}
    for name, cells in read_tables([file]).columns.items():
        filled = [cell for cell in cells if not is_missing(cell)]
        if filled and all(map(looks_like_a_value, filled)):
            last[name] = filled[-1]
    return last
