"""Progress on standard error: bars on a terminal, plain lines every few seconds in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["seed_progress", "step_progress"]

_BAR_SECONDS = 0.2
_LINE_SECONDS = 5.0


@contextmanager
def seed_progress(
    title: str, seeds: Sequence[int]
) -> Iterator[Callable[[int, str, int, int], None]]:
    """A callable that takes ``(seed, stage, done, total)``.

    The stage ``"finished"`` ends a seed. In a log each finished seed gets a line, and the stage
    of a seed one every five seconds.
    """
    if not sys.stderr.isatty():
        yield _SeedLines(title, seeds)
        return
    position = {seed: number for number, seed in enumerate(seeds)}
    with _bars() as (bars, refresh):
        whole = bars.add_task(title, total=len(seeds))
        part = bars.add_task("", total=None)
        stage: tuple[int, str] | None = None

        def show(seed: int, name: str, done: int, total: int) -> None:
            nonlocal stage
            finished = name == "finished"
            bars.update(whole, completed=position[seed] + finished)
            if (seed, name) != stage:  # the time left is that of the stage
                stage = (seed, name)
                bars.reset(part, description=f"seed {seed}, {name}", total=total, completed=done)
            bars.update(part, completed=done)
            refresh(finished)

        yield show


@contextmanager
def step_progress(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """A callable that takes ``(step, done, total)``."""
    if not sys.stderr.isatty():
        yield _StepLines(title)
        return
    with _bars() as (bars, refresh):
        task = bars.add_task(title, total=None)

        def show(step: str, done: int, total: int) -> None:
            bars.update(task, description=f"{title}: {step}", completed=done, total=total)
            refresh(done == total)

        yield show


class _SeedLines:
    """The lines of `seed_progress` in a log."""

    def __init__(self, title: str, seeds: Sequence[int]) -> None:
        self._title, self._seeds = title, list(seeds)
        self._started = self._shown = time.monotonic()
        #: Seed and stage, with the time and the steps done at their first report.
        self._stage: tuple[int, str, float, int] | None = None

    def __call__(self, seed: int, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        position, seeds = self._seeds.index(seed) + 1, len(self._seeds)
        where = f"{self._title}: seed {seed} ({position}/{seeds})"
        if stage == "finished":
            left = (now - self._started) / position * (seeds - position)
            _write(f"{where} finished{_left(left)}")
            return
        if self._stage is None or self._stage[:2] != (seed, stage):
            self._stage = (seed, stage, now, done)
        _, _, since, first = self._stage
        if now - self._shown >= _LINE_SECONDS:
            self._shown = now
            left = (now - since) / (done - first) * (total - done) if done > first else 0.0
            _write(f"{where}, {stage} {done}/{total}{_left(left)}")


class _StepLines:
    """The lines of `step_progress` in a log."""

    def __init__(self, title: str) -> None:
        self._title, self._shown = title, 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self._shown >= _LINE_SECONDS:
            self._shown = now
            _write(f"{self._title}: {done}/{total} {step}")


def _write(line: str) -> None:
    # One call to write, so that the lines of jobs that run at the same time do not mix.
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _left(seconds: float) -> str:
    return f", {timedelta(seconds=round(seconds))} left" if seconds else ""


@contextmanager
def _bars() -> Iterator[tuple[Progress, Callable[[bool], None]]]:
    """Bars, and a function that redraws them: ``refresh(now)``.

    Unless ``now`` is true, it redraws at most every `_BAR_SECONDS`. The thread with which rich
    redraws by itself is off, because some commands fork.
    """
    from rich.console import Console  # slow to import, and jobs of a workflow write to a log
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeRemaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemaining())
    shown = 0.0
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bars:

        def refresh(now: bool) -> None:
            nonlocal shown
            if now or time.monotonic() - shown >= _BAR_SECONDS:
                shown = time.monotonic()
                bars.refresh()

        yield bars, refresh
