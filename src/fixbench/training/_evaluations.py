"""When training is evaluated, and what it was like since the evaluation before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["Window", "steps_at", "steps_evenly"]


def steps_evenly(steps: int, count: int) -> frozenset[int]:
    """After how many steps to evaluate: ``count`` times, evenly spaced, the last at the end.

    The k-th of n is round(steps · k / n), for k from 1 to n, to the nearest even number at a half.
    """
    return frozenset(round(steps * k / count) for k in range(1, count + 1))


def steps_at(steps: int, fractions: Iterable[float]) -> frozenset[int]:
    """After how many steps to evaluate: at these fractions of training, rounded likewise."""
    return frozenset(round(fraction * steps) for fraction in fractions)


class Window:
    """Values of the training steps since the last evaluation.

    It is not part of what a session saves: save where it is empty, after an evaluation.
    """

    def __init__(self) -> None:
        self._totals: dict[str, float] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, values: Mapping[str, float]) -> None:
        """The values of one step, the same metrics at every step."""
        for name, value in values.items():
            # Added one after another: `sum` rounds otherwise in newer versions of Python.
            self._totals[name] = self._totals.get(name, 0.0) + value
        self._count += 1

    def take_means(self) -> dict[str, float]:
        """Metric → its mean over the steps since the last call; the window is then empty."""
        means = {name: total / self._count for name, total in self._totals.items()}
        self._totals, self._count = {}, 0
        return means
