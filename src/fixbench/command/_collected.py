"""What a reader finds, as rows of an ablation."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixbench.ablation import Ablation, MetricsFrom
from fixbench.command._notes import note_once
from fixbench.command._records import double, is_blank, whole
from fixbench.errors import InputError
from fixbench.results import STATUSES, UNDEFINED, Row

__all__ = ["Collected", "Found", "NoRowsError"]

#: So many names of what is left out are printed.
_SHOWN = 10


class NoRowsError(Exception):
    """A run that left nothing to read: its seed failed. The text says what is missing."""


@dataclass(frozen=True)
class Found:
    """One value as it is written.

    Attributes:
        value: the text of a number; ``None`` or blank where there is none.
        step: likewise; ``None`` for the next one of its metric.
        stage: ``None`` or blank for the declared one.
        where: the place, for messages.
        status: as in a table that is written for Fixbench.
    """

    metric: Any
    value: Any
    step: Any
    stage: Any
    where: str
    status: Any = None


class Collected:
    """The rows of one run as they are found.

    Args:
        file: the ablation file, for messages.
    """

    def __init__(self, reader: MetricsFrom, file: Path, ablation: Ablation) -> None:
        self._reader, self._file, self._ablation = reader, file, ablation
        self._rows: dict[tuple[str, int, str], Row] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._left_out: dict[str, None] = {}
        self._blank = 0

    def add(self, found: Found) -> None:
        """Take a value of a declared metric; remember the names of others.

        Raises:
            InputError: it is no number, or its step no whole number, or it stands there already.
        """
        metric = str(found.metric or "").strip()
        if not self._ablation.declared([metric]).get(metric):
            self._left_out[metric] = None
            return
        stage = str(found.stage or "").strip() or self._reader.stage
        status = str(found.status or "").strip()
        if status and status not in STATUSES:
            raise self._problem(found, "status", status, f"one of {', '.join(STATUSES)}")
        if is_blank(found.value) and not status:
            self._blank += 1
            return
        value = math.nan if is_blank(found.value) else _number(found.value)
        if value is None:
            expected = "a number that a double holds, such as 0.93, nan, or nothing"
            raise self._problem(found, metric, found.value, expected)
        status = status or ("ok" if math.isfinite(value) else "diverged")
        if math.isfinite(value) and status == UNDEFINED:
            raise self._problem(found, metric, found.value, "no value of what is undefined")
        if not math.isfinite(value) and status == "ok":
            raise self._problem(found, metric, found.value, "a finite value where the status is ok")
        step = self._step(found, stage, metric)
        if (stage, step, metric) in self._rows:
            expected = (
                f"each metric once for a stage and step: {metric!r} of stage {stage!r} at step "
                f"{step} stands there twice"
            )
            raise self._problem(found, "step", found.step, expected)
        self._rows[stage, step, metric] = Row(stage, step, metric, value, status)

    def rows(self, seed: int) -> list[Row]:
        """All rows; a metric that should be there and is not is a failed value.

        Raises:
            NoRowsError: there is none.
        """
        if self._left_out:
            names = list(self._left_out)
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            note_once(
                "left out, since the ablation does not declare them as metrics: "
                f"{', '.join(map(repr, names[:_SHOWN]))}{more}"
            )
        if not self._rows:
            raise NoRowsError(self._why_none())
        rows = list(self._rows.values())
        there = {row.metric for row in rows}
        for metric in self._reader.mapped:
            if metric not in there:
                print(f"seed {seed}: there is no value of {metric!r}", file=sys.stderr)
                rows.append(Row(self._reader.stage, 0, metric, math.nan, "failed"))
        return rows

    def _why_none(self) -> str:
        reader = self._reader
        where = "what it prints" if reader.path is None else repr(reader.path)
        if self._blank:
            return f"{where} has no value: all of them are blank"
        if self._left_out:
            return f"{where} has no metric that the ablation declares"
        sought = f" that {reader.pattern!r} matches" if reader.pattern is not None else ""
        return f"{where} has no metric{sought}"

    def _step(self, found: Found, stage: str, metric: str) -> int:
        if found.step is None:
            step = self._counts.get((stage, metric), 0)
            self._counts[stage, metric] = step + 1
            return step
        given = None if is_blank(found.step) else whole(found.step)
        if given is None:
            expected = "a whole number from 0 to 9223372036854775807"
            raise self._problem(found, "step", found.step, expected)
        return given

    def _problem(self, found: Found, key: str, value: Any, expected: str) -> InputError:
        return InputError(
            self._file, f"metrics_from: {found.where}: {key}", value, expected=expected
        )


def _number(value: Any) -> float | None:
    """What a text names; readers hand over texts alone."""
    return double(value) if isinstance(value, str) else None
