"""L-BFGS with a strong-Wolfe line search, for many small problems at once.

The fork fits its mixtures with torch's L-BFGS, one after the other, and stops it early: where it
stops is part of the loss. So the steps here are those of `torch.optim.LBFGS` (a test compares them
one by one), which follows minFunc (Schmidt 2005) and the line search of Nocedal & Wright, Numerical
Optimization, chapter 3. All problems take their steps at once, each with its own history, so that a
fit of 40 distributions costs some dozens of evaluations instead of 1,600.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["minimise"]

#: Single or double precision.
Array = NDArray[Any]
#: Values (S,) and gradients (S, P) of the problems numbered (S,) at the points (S, P).
Objective = Callable[[Array, NDArray[np.intp]], tuple[Array, Array]]

#: Iterations of one call, and evaluations after which it starts no other one (torch: 5/4 of them).
ITERATIONS = 4
EVALUATIONS = 5
FIRST_STEP = 0.5
HISTORY = 10
#: torch's defaults: a gradient, a move or a change of value below these ends a call.
SMALLEST_GRADIENT = 1e-7
SMALLEST_CHANGE = 1e-9
SMALLEST_CURVATURE = 1e-10
#: Sufficient decrease and curvature of the strong Wolfe conditions.
DECREASE, CURVATURE = 1e-4, 0.9


def minimise(objective: Objective, start: Array, *, calls: int) -> Array:
    """Points (S, P) after ``calls`` calls of L-BFGS, from ``start`` (S, P), which stays."""
    run = _Run(objective, start.copy(), calls)
    while len(rows := np.flatnonzero(run.call < calls)):
        run.iterate(rows)
    return run.x


class _Run:
    """The state of all problems; each is at its own iteration of its own call."""

    def __init__(self, objective: Objective, x: Array, calls: int) -> None:
        count, width = x.shape
        self.objective, self.x, self.calls = objective, x, calls
        self.value, self.gradient = objective(x, np.arange(count))
        self.before = np.zeros_like(x)
        self.move = np.zeros_like(x)
        self.direction = np.zeros_like(x)
        self.fresh = np.ones(count, dtype=bool)
        # The newest of a history is its last; what is empty is 0 and has no effect.
        self.moves = np.zeros((count, HISTORY, width), dtype=x.dtype)
        self.changes = np.zeros_like(self.moves)
        self.inverse = np.zeros((count, HISTORY), dtype=x.dtype)
        self.scale = np.ones(count, dtype=x.dtype)
        self.call = np.zeros(count, dtype=int)
        self.iteration = np.zeros(count, dtype=int)
        self.evaluations = np.ones(count, dtype=int)
        self._finish(np.arange(count))

    def _finish(self, rows: NDArray[np.intp]) -> None:
        """End those that are at rest: no call would move them."""
        still = np.abs(self.gradient[rows]).max(axis=1) <= SMALLEST_GRADIENT
        self.call[rows[still]] = self.calls

    def iterate(self, rows: NDArray[np.intp]) -> None:
        """One direction and one search along it, for each of ``rows``."""
        self._remember(rows[~self.fresh[rows]])
        direction = self._two_loops(rows)
        gradient = self.gradient[rows]
        steps = np.full(len(rows), FIRST_STEP)
        first = self.fresh[rows]
        if first.any():
            steps[first] *= np.minimum(1, 1 / np.abs(gradient[first]).sum(axis=1))
        self.fresh[rows] = False
        self.before[rows] = gradient
        slope = np.einsum("sp,sp->s", gradient, direction)
        downhill = ~(slope > -SMALLEST_CHANGE)
        self.call[rows[~downhill]] = self.calls
        rows, direction, slope, steps = (item[downhill] for item in (rows, direction, slope, steps))
        if len(rows):
            self._search(rows, direction, slope, steps)

    def _remember(self, rows: NDArray[np.intp]) -> None:
        """Add the last move and the gradient's change to the histories, where it curves upwards."""
        change = self.gradient[rows] - self.before[rows]
        move = self.move[rows]
        curvature = np.einsum("sp,sp->s", change, move)
        learns = curvature > SMALLEST_CURVATURE
        rows, change, move, curvature = (item[learns] for item in (rows, change, move, curvature))
        for history, new in (
            (self.moves, move),
            (self.changes, change),
            (self.inverse, 1 / curvature),
        ):
            history[rows, :-1] = history[rows, 1:]
            history[rows, -1] = new
        self.scale[rows] = curvature / np.einsum("sp,sp->s", change, change)

    def _two_loops(self, rows: NDArray[np.intp]) -> Array:
        """The inverse Hessian that the histories imply, times minus the gradient."""
        moves, changes, inverse = self.moves[rows], self.changes[rows], self.inverse[rows]
        direction = -self.gradient[rows]
        shares = np.zeros_like(inverse)
        first = HISTORY - int((inverse != 0).sum(axis=1).max(initial=0))
        for place in range(HISTORY - 1, first - 1, -1):
            share = np.einsum("sp,sp->s", moves[:, place], direction) * inverse[:, place]
            direction -= share[:, None] * changes[:, place]
            shares[:, place] = share
        direction *= self.scale[rows][:, None]
        for place in range(first, HISTORY):
            share = np.einsum("sp,sp->s", changes[:, place], direction) * inverse[:, place]
            direction += (shares[:, place] - share)[:, None] * moves[:, place]
        return direction

    def _search(
        self, rows: NDArray[np.intp], direction: Array, slope: Array, steps: NDArray[np.float64]
    ) -> None:
        """Move each problem as far along its direction as its own search says."""
        longest = np.abs(direction).max(axis=1).tolist()
        allowed = (EVALUATIONS - self.evaluations[rows]).tolist()
        given = zip(
            self.value[rows].tolist(), slope.tolist(), steps.tolist(), longest, allowed, strict=True
        )
        searches = [_strong_wolfe(*numbers) for numbers in given]
        trials = np.array([next(search) for search in searches])
        # By number of the evaluation; the first is the start itself.
        values = [[value] for value in self.value[rows]]
        gradients = [[gradient] for gradient in self.gradient[rows]]
        taken: list[_Point] = [_Point(0.0, 0.0, 0.0, 0)] * len(rows)
        open_ = np.arange(len(rows))
        while len(open_):
            step = trials[open_].astype(self.x.dtype)[:, None]
            value, gradient = self.objective(
                self.x[rows[open_]] + step * direction[open_], rows[open_]
            )
            along = np.einsum("sp,sp->s", gradient, direction[open_]).tolist()
            left = []
            for place, number in enumerate(open_.tolist()):
                values[number].append(value[place])
                gradients[number].append(gradient[place])
                try:
                    found = float(value[place]), along[place]
                    trials[number] = searches[number].send(found)
                    left.append(number)
                except StopIteration as end:
                    taken[number] = end.value
            open_ = np.array(left, dtype=np.intp)
        length = np.array([point.step for point in taken]).astype(self.x.dtype)
        before = self.value[rows]
        move = length[:, None] * direction
        self.x[rows] += move
        self.move[rows] = move
        self.value[rows] = [seen[p.number] for seen, p in zip(values, taken, strict=True)]
        self.gradient[rows] = [seen[p.number] for seen, p in zip(gradients, taken, strict=True)]
        self.iteration[rows] += 1
        self.evaluations[rows] += [len(seen) - 1 for seen in values]
        ends = (self.iteration[rows] >= ITERATIONS) | (self.evaluations[rows] >= EVALUATIONS)
        ends |= np.abs(self.gradient[rows]).max(axis=1) <= SMALLEST_GRADIENT
        ends |= np.abs(move).max(axis=1) <= SMALLEST_CHANGE
        ends |= np.abs(self.value[rows] - before) < SMALLEST_CHANGE
        rows = rows[ends]
        self.call[rows] += 1
        self.iteration[rows] = 0
        self.evaluations[rows] = 1  # a call starts with one
        self._finish(rows)


@dataclass(frozen=True, slots=True)
class _Point:
    """A step along a direction, the value and the slope there, and its number; the start is 0."""

    step: float
    value: float
    slope: float
    number: int


_Search = Generator[float, tuple[float, float], _Point]


def _strong_wolfe(value: float, slope: float, step: float, longest: float, allowed: int) -> _Search:
    """Yields steps, is sent the value and the slope there, and returns the point to go to.

    Args:
        value, slope: at the start.
        step: the first to try.
        longest: largest component of the direction.
        allowed: steps to try after the first.
    """
    start = _Point(0.0, value, slope, 0)
    before, now = start, _Point(step, *(yield step), 1)
    # Away from the start, until two points enclose a step that satisfies the conditions.
    while now.number <= allowed:
        if now.value > value + DECREASE * now.step * slope or (
            now.number > 2 and now.value >= before.value
        ):
            break
        if abs(now.slope) <= -CURVATURE * slope:
            return now
        if now.slope >= 0:
            break
        least, most = now.step + 0.01 * (now.step - before.step), 10 * now.step
        step = _cubic_minimum(before, now, least, most)
        before, now = now, _Point(step, *(yield step), now.number + 1)
    else:
        return start if value <= now.value else now
    # Between the two.
    ends = [before, now]
    low = _lower(ends)
    stalled = False
    number = now.number
    while number <= allowed:
        least, most = sorted((ends[0].step, ends[1].step))
        if (most - least) * longest < SMALLEST_CHANGE:
            break
        step = _cubic_minimum(ends[0], ends[1], least, most)
        margin = 0.1 * (most - least)
        near = min(most - step, step - least) < margin
        if near and (stalled or step >= most or step <= least):
            step = most - margin if abs(step - most) < abs(step - least) else least + margin
            near = False
        stalled = near
        number += 1
        now = _Point(step, *(yield step), number)
        if now.value > value + DECREASE * step * slope or now.value >= ends[low].value:
            ends[1 - low] = now
            low = _lower(ends)
            continue
        if abs(now.slope) <= -CURVATURE * slope:
            return now
        if now.slope * (ends[1 - low].step - ends[low].step) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = now
    return ends[low]


def _lower(ends: list[_Point]) -> int:
    return 0 if ends[0].value <= ends[1].value else 1


def _cubic_minimum(a: _Point, b: _Point, least: float, most: float) -> float:
    """Where the cubic through both values and slopes is least, within bounds; else their middle."""
    if a.step > b.step:
        a, b = b, a
    width = b.step - a.step
    bend = a.slope + b.slope - 3 * (b.value - a.value) / width
    square = bend * bend - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2
    root = square**0.5
    denominator = b.slope - a.slope + 2 * root
    if denominator == 0:
        return (least + most) / 2
    return min(max(b.step - width * ((b.slope + root - bend) / denominator), least), most)
