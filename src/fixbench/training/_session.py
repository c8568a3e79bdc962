"""A run in progress: its rows, what is measured, and where its training stands."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from fixbench.errors import InputError
from fixbench.results import Row
from fixbench.training._context import Diverged, RunContext

__all__ = ["Session", "as_rows", "check_measure"]


class Session:
    """What every run needs besides its model, its data and its measurements.

    A session continues where an interrupted run saved last: it then has that run's rows, knows
    what was measured once, and offers the position of training. Between two saves nothing is
    kept, so that a run repeats exactly what came after the last one. A save soon after another is
    left out (``context.save_seconds``): it would cost more time than it could ever save.

    Args:
        measures: the parts that can be asked for alone; none where a run measures everything.

    Attributes:
        rows: what is measured so far.
        position: what an interrupted run gave to its last `save`, tensors on the CPU; ``None``
            where there was none.

    Raises:
        InputError: ``context.measure`` names none of ``measures``.
    """

    def __init__(self, context: RunContext, *, measures: Collection[str] = ()) -> None:
        check_measure(context.measure, measures)
        self.context = context
        self.rows: list[Row] = []
        self.position: Mapping[str, Any] | None = None
        self._measures = frozenset(measures)
        self._done: list[str] = []
        self._trained = False
        self._saved_rows = 0
        self._written = time.monotonic()  # when a save was last written, or could have been
        self._moved = False  # whether training has reached a position since that is not written
        saved = context.checkpointer.load()
        if saved is not None:
            self.rows = [Row(*row) for row in saved["rows"]]
            self._done = list(saved["done"])
            self.position = saved["position"]
            self._trained = self.position is not None
            self._saved_rows = len(self.rows)

    def wants(self, *parts: str) -> bool:
        """Whether one of these parts is asked for.

        Raises:
            ValueError: a part is none of the system's ``measures``: a mistake in the system.
        """
        if unknown := set(parts) - self._measures:
            raise ValueError(f"not among the parts that the session was given: {sorted(unknown)}")
        return self.context.measure is None or not self.context.measure.isdisjoint(parts)

    def once(self, name: str, measure: Callable[[], None]) -> None:
        """Measure and save, unless an interrupted run has done both.

        Args:
            name: of this measurement, once in a run.
            measure: records what it finds in this session.

        Raises:
            ValueError: rows were recorded since the last save, which a resumed run would record
                again: a mistake in the system. Measure before training, or right behind a save.
        """
        if name not in self._done:
            if len(self.rows) != self._saved_rows:
                raise ValueError(f"{name!r} is measured once, behind rows that are not saved")
            measure()
            self._done.append(name)
            if self._moved or self._soon():
                self._saved_rows = len(self.rows)
                return
            # Training may have gone on since its last save, so its position is read back.
            saved = self.context.checkpointer.load() if self._trained else None
            self._save(saved and saved["position"])

    def record(self, values: Mapping[str, float], stage: str, step: int) -> None:
        """Add one row for each of ``values`` (metric → value).

        Raises:
            Diverged: a value is not finite; none of them is added.
        """
        self.require_finite(values.values(), stage, step)
        self.rows += as_rows(values, stage, step)

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows of several stages and steps.

        Raises:
            Diverged: a value is not finite; it and what follows it are not added.
        """
        for row in rows:
            self.require_finite([row.value], row.stage, row.step)
            self.rows.append(row)

    def require_finite(self, values: Iterable[float], stage: str, step: int) -> None:
        """End a run whose ``values``, such as the loss of a step, are not all finite.

        Raises:
            Diverged: with the rows so far.
        """
        if not all(math.isfinite(value) for value in values):
            raise Diverged(self.rows, stage=stage, step=step)

    def progress(self, stage: str, done: int, total: int) -> None:
        """Say how far a stage has come; a run that runs out of memory is counted there."""
        self.context.progress(stage, done, total)

    def save(self, **position: Any) -> None:
        """Save the rows and the position of training, whole or not at all.

        Args:
            position: what `restore` and ``position`` give back after an interruption: tensors,
                numbers, text, lists and mappings of these, and, by their ``state_dict``, models,
                optimisers, schedulers and whatever else has one. A generator that training has
                drawn from belongs to it (``generator.get_state()``), unless each step has a
                stream of its own.
        """
        if self._soon():
            self._moved = True
            self._saved_rows = len(self.rows)
            return
        self._trained = True
        self._save(
            {
                name: value.state_dict() if hasattr(value, "state_dict") else value
                for name, value in position.items()
            }
        )

    def restore(self, **parts: Any) -> Mapping[str, Any] | None:
        """Load the saved position into ``parts`` by their ``load_state_dict``.

        Returns:
            the position; ``None`` where there is none, and then no part is changed.
        """
        if self.position is not None:
            for name, part in parts.items():
                part.load_state_dict(self.position[name])
        return self.position

    def _soon(self) -> bool:
        return time.monotonic() - self._written < self.context.save_seconds

    def _save(self, position: Mapping[str, Any] | None) -> None:
        rows = [(row.stage, row.step, row.metric, row.value, row.status) for row in self.rows]
        self.context.checkpointer.save({"rows": rows, "done": self._done, "position": position})
        self._saved_rows = len(rows)
        self._written, self._moved = time.monotonic(), False


def as_rows(values: Mapping[str, float], stage: str, step: int) -> list[Row]:
    """One row for each of ``values`` (metric → value), in their order."""
    return [Row(stage, step, metric, value) for metric, value in values.items()]


def check_measure(measure: Collection[str] | None, measures: Collection[str]) -> None:
    """Refuse to measure a part that a system does not have.

    Args:
        measure: what is asked for; ``None`` for everything.
        measures: the system's parts, its ``MEASURES``.

    Raises:
        InputError: a name in ``measure`` is none of ``measures``.
    """
    for name in sorted(set(measure or ()) - set(measures)):
        expected = f"one of {', '.join(measures)}" if measures else "nothing: all is measured"
        raise InputError("options", "measure", name, expected=expected)
