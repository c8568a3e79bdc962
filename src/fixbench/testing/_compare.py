"""What a run left, and the first difference between two runs, in words."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixbench.results import Row, write_results
from fixbench.training import save_state

__all__ = ["Found", "describe_difference", "to_files"]


@dataclass(frozen=True)
class Found:
    """The rows and the state of a finished run, and the bytes of the files that a job makes of
    them.
    """

    rows: list[Row]
    state: Mapping[str, Any]
    results: bytes
    checkpoint: bytes


def to_files(rows: list[Row], state: Mapping[str, Any], folder: Path) -> Found:
    """Write what a run handed back as a job does.

    Raises:
        InputError: rows that no result file may hold. TypeError: a state that no file can hold.
    """
    results, checkpoint = folder / "rows.parquet", folder / "state"
    units = {row.metric: "1" for row in rows}
    write_results(results, {0: rows}, ablation="check", variant="check", units=units, metadata={})
    save_state(checkpoint, state)
    return Found(rows, state, results.read_bytes(), checkpoint.read_bytes())


def describe_difference(first: Found, second: Found) -> str | None:
    """The first difference in words; ``None`` where all bytes are the same."""
    if first.results == second.results and first.checkpoint == second.checkpoint:
        return None
    for number, (one, two) in enumerate(itertools.zip_longest(first.rows, second.rows), start=1):
        if one is None or two is None:
            kind, row = ("more", two) if one is None else ("fewer", one)
            return f"there are {kind} rows, from row {number} on: {_words(row)}"
        if _key(one) != _key(two):
            return f"row {number} was {_words(one)} and is {_words(two)}"
    if first.state.keys() != second.state.keys():
        return f"the state held {sorted(first.state)} and holds {sorted(second.state)}"
    return "the rows are the same and the state is not"


def _key(row: Row) -> tuple[Any, ...]:
    return row.stage, row.step, row.metric, struct.pack("d", row.value), row.status


def _words(row: Row) -> str:
    return f"{row.metric} = {row.value!r} at step {row.step} of stage {row.stage!r}"
