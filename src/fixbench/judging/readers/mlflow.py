"""MLflow: the file store ``mlruns/``, read as the text files that it is.

A run's variant is what its parameters say that vary, but for the seed; without parameters it is the
name of the run. A metric's file has a line for each step, ``timestamp value step``; the last step
counts. Runs that failed are failures. Deleted ones and those that have not ended are left out, and
how many is said.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fixbench.errors import InputError
from fixbench.judging._tables import Table
from fixbench.judging.readers._runs import Run, runs_table
from fixbench.reading import read_yaml

__all__ = ["NAME", "TEXT", "read", "recognises"]

NAME = "mlflow"
TEXT = "a file store mlruns/ with meta.yaml, params/ and metrics/ in each run's folder"
#: As in ``meta.yaml``: RUNNING, SCHEDULED, FINISHED, FAILED, KILLED.
_STATUS = {"1": "running", "2": "running", "3": "finished", "4": "failed", "5": "killed"}


def recognises(folder: Path) -> bool:
    """Whether a run with metrics is below the folder."""
    return any((path.parent / "metrics").is_dir() for path in folder.glob("**/meta.yaml"))


def read(folder: Path) -> Table:
    """A row for each run.

    Raises:
        InputError: there is no run, or a file is not what MLflow writes.
    """
    found = sorted(p.parent for p in folder.glob("**/meta.yaml") if (p.parent / "metrics").is_dir())
    if not found:
        raise InputError(folder, "", expected=TEXT)
    metas = {run: _meta(run) for run in found}
    alive = [run for run in found if metas[run].get("lifecycle_stage", "active") == "active"]
    ended = [run for run in alive if _status(run, metas[run]) != "running"]
    runs = [
        Run(
            parameters=_texts(run / "params"),
            metrics=_metrics(run / "metrics"),
            place=str(run),
            label=_texts(run / "tags").get("mlflow.runName", "default"),
            status=_status(run, metas[run]),
        )
        for run in ended
    ]
    notes = [f"Read as MLflow's file store: {len(ended)} runs."]
    if len(ended) < len(alive):
        notes.append(f"{len(alive) - len(ended)} runs have not ended and are left out.")
    if len(alive) < len(found):
        notes.append(f"{len(found) - len(alive)} runs were deleted in MLflow and are left out.")
    return runs_table(folder.resolve().name, runs, notes)


def _meta(run: Path) -> dict[str, Any]:
    content = read_yaml(run / "meta.yaml")
    if not isinstance(content, dict):
        raise InputError(run / "meta.yaml", "", content, expected="what MLflow says of a run")
    return content


def _status(run: Path, meta: dict[str, Any]) -> str:
    text = str(meta.get("status", "3"))
    if text not in _STATUS:
        expected = f"one of {', '.join(_STATUS)}"
        raise InputError(run / "meta.yaml", "status", text, expected=expected)
    return _STATUS[text]


def _texts(folder: Path) -> dict[str, str]:
    """File → its text; names with a slash are folders."""
    if not folder.is_dir():
        return {}
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8").strip()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _metrics(folder: Path) -> dict[str, str]:
    """Metric → the text of its value at the last step."""
    found = {}
    for name, text in _texts(folder).items():
        last: tuple[int, str] | None = None
        for number, line in enumerate(text.splitlines(), start=1):
            match line.split():
                case [time, value, step] if time.isdigit() and step.lstrip("-").isdigit():
                    place = int(step)
                case [time, value] if time.isdigit():
                    place = number
                case _:
                    where = f"{folder / name}:{number}"
                    expected = "a line of MLflow, 'timestamp value step'"
                    raise InputError(where, "", line, expected=expected)
            if last is None or place >= last[0]:
                last = place, value
        if last is not None:
            found[name] = last[1]
    return found
