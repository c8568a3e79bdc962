"""Ray Tune: the folders of trials, each with ``params.json`` and ``result.json`` (JSON lines).

What the parameters say that vary, but for the seed, is the variant. The last result of a trial
counts; a trial without one failed. Ray's own bookkeeping is no metric.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from fixbench.errors import InputError
from fixbench.judging._cells import Written
from fixbench.judging._tables import Table
from fixbench.judging.readers._runs import Run, runs_table

__all__ = ["NAME", "TEXT", "read", "recognises"]

NAME = "ray"
TEXT = "trials of Ray Tune with params.json and result.json"
_BOOKKEEPING = re.compile(
    r"(?:time|config|perf|timers)(?:_.*|/.*)?|timestamp|date|pid|hostname|node_ip|trial_id|done|"
    r"experiment_(?:id|tag)|training_iteration|iterations_since_restore|timesteps_.*|"
    r"episodes_total|checkpoint_dir_name|should_checkpoint|warmup_time"
)


def recognises(folder: Path) -> bool:
    """Whether there is a trial below the folder."""
    return any(
        path.with_name("result.json").exists() or path.with_name("error.txt").exists()
        for path in folder.glob("**/params.json")
    )


def read(folder: Path) -> Table:
    """A row for each trial.

    Raises:
        InputError: there is no trial, or a file is no JSON.
    """
    trials = sorted(path.parent for path in folder.glob("**/params.json"))
    if not trials:
        raise InputError(folder, "", expected=TEXT)
    found = {trial: _last(trial / "result.json") for trial in trials}
    names = dict.fromkeys(name for metrics in found.values() for name in metrics)
    runs = [
        Run(
            parameters={k: str(v) for k, v in _flat(_load(trial / "params.json")).items()},
            metrics=found[trial] or dict.fromkeys(names),
            place=str(trial),
            status="ok" if found[trial] and not (trial / "error.txt").exists() else "failed",
        )
        for trial in trials
    ]
    return runs_table(folder.resolve().name, runs, [f"Read as Ray Tune's: {len(trials)} trials."])


def _last(path: Path) -> dict[str, Any]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    filled = [line for line in lines if line.strip()]
    if not filled:
        return {}
    content = _flat(_parsed(path, filled[-1]))
    return {
        name: cell
        for name, cell in content.items()
        if not _BOOKKEEPING.fullmatch(name) and isinstance(cell, Written | float | bool)
    }


def _load(path: Path) -> dict[str, Any]:
    return _parsed(path, path.read_text(encoding="utf-8"))


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text, parse_float=Written, parse_int=Written)
    except ValueError as error:
        raise InputError(path, "", expected=f"JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(path, "", content, expected="a JSON object")
    return content


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}/")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
