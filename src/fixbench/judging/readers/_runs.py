"""What readers of tools share: runs with parameters, of which some make the variant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fixbench.judging._tables import Place, Table

__all__ = ["Run", "run_of", "runs_table"]

_SEED = re.compile(r"(?:.*[._/])?(?:seed|random_state)", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:(?P<variant>.+?)[-_./ ]*)?(?:seed|run|rep|version)[-_=. ]*(?P<seed>[0-9]+)", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a tool.

    Attributes:
        parameters: name → its value as it was written.
        metrics: name → cell.
        label: the variant, where no parameter varies.
        status: a word of a column of statuses.
    """

    parameters: Mapping[str, str]
    metrics: Mapping[str, Any]
    place: str
    label: str = "default"
    status: str = "ok"


def runs_table(name: str, runs: Sequence[Run], notes: Sequence[str]) -> Table:
    """A row for each run: its variant is what its parameters say that vary, but for the seed."""
    names = dict.fromkeys(key for run in runs for key in run.parameters)
    varied = [key for key in names if len({run.parameters.get(key) for run in runs}) > 1]
    seeds = [key for key in varied if _SEED.fullmatch(key)]
    others = [key for key in varied if key not in seeds]

    def text(run: Run, keys: Sequence[str]) -> str:
        return ", ".join(f"{key}={run.parameters.get(key, 'default')}" for key in keys)

    columns: dict[str, list[Any]] = {
        "variant": [text(run, others) or run.label for run in runs],
        "status": [run.status for run in runs],
    }
    if len(seeds) == 1:
        columns["seed"] = [run.parameters.get(seeds[0], "default") for run in runs]
    elif seeds:
        columns["seed"] = [text(run, seeds) for run in runs]
    metrics = list(dict.fromkeys(key for run in runs for key in run.metrics))
    # A metric may be called as a column of ours.
    columns |= {
        key: [run.metrics.get(key) for run in runs] for key in metrics if key not in columns
    }
    return Table(
        name=name or "results",
        columns=columns,
        places=[Place(run.place, 1) for run in runs],
        notes=[*notes],
        hints={
            "variant": ("variant",),
            "status": "status",
            "metric": tuple(key for key in metrics if key in columns),
            **({"seed": "seed"} if seeds else {}),
        },
    )


def run_of(path: str) -> tuple[str, str | None]:
    """Variant and seed that the name of a run says: ``mixup/seed3``, ``mixup_seed3``."""
    parts = path.split("/")
    match = _NAMED.fullmatch(parts[-1])
    if match is None:
        return path, None
    variant = "/".join([*parts[:-1], *([match["variant"]] if match["variant"] else [])])
    return variant or "run", match["seed"]
