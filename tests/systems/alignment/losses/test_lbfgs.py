"""L-BFGS of many problems at once against torch's, one problem after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from fixbench.systems.alignment.losses._lbfgs import minimise

Function = Callable[[Tensor], Tensor]


def _valley(x: Tensor) -> Tensor:
    """Rosenbrock's: narrow and bent, so that searches along a line have to enclose their step."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def _bowl(x: Tensor) -> Tensor:
    scale = torch.logspace(-3, 3, len(x), dtype=x.dtype)
    return (scale * x**2).sum()


def _flat(x: Tensor) -> Tensor:
    """Nearly straight far out: the first steps are far too short."""
    return (1 + 1e-4 * x**2).log().sum()


def _waves(x: Tensor) -> Tensor:
    return (x**2 / 20 - (3 * x).cos()).sum()


FUNCTIONS: tuple[Function, ...] = (_valley, _bowl, _flat, _waves)


def _torch(function: Function, start: NDArray[Any], calls: int) -> NDArray[Any]:
    x = torch.tensor(start, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [x], lr=0.5, max_iter=4, history_size=10, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = function(x)
        value.backward()
        return value

    for _ in range(calls):
        optimiser.step(closure)
    return x.detach().numpy()


class _Batch:
    """Each row has its own function; counts how often all are asked at once."""

    def __init__(self, functions: list[Function]) -> None:
        self.functions, self.asked = functions, 0

    def __call__(
        self, points: NDArray[Any], rows: NDArray[np.intp]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        self.asked += 1
        values, gradients = np.empty(len(rows), points.dtype), np.empty_like(points)
        for place, (point, row) in enumerate(zip(points, rows.tolist(), strict=True)):
            x = torch.tensor(point, requires_grad=True)
            value = self.functions[row](x)
            value.backward()
            assert x.grad is not None
            values[place], gradients[place] = value.item(), x.grad.numpy()
        return values, gradients


@pytest.mark.parametrize("calls", [1, 2, 8, 20])
def test_the_steps_are_torchs(calls: int) -> None:
    """Other functions and starts in one batch, so that no two rows search alike."""
    functions = [function for function in FUNCTIONS for _ in range(3)]
    start = 3 * np.random.default_rng(3).standard_normal((len(functions), 6))
    found = minimise(_Batch(functions), start, calls=calls)
    for function, first, row in zip(functions, start, found, strict=True):
        np.testing.assert_allclose(row, _torch(function, first, calls), rtol=1e-6, atol=1e-9)


def test_rows_at_rest_stay_and_the_start_is_kept() -> None:
    start = np.array([[0.0, 0.0], [1.0, 2.0]])
    kept = start.copy()
    found = minimise(_Batch([_bowl, _bowl]), start, calls=8)
    np.testing.assert_array_equal(start, kept)
    np.testing.assert_array_equal(found[0], [0, 0])
    # The narrow side of the bowl first.
    assert abs(found[1, 1]) < 1e-3


def test_many_cost_hardly_more_evaluations_than_one() -> None:
    start = np.random.default_rng(0).standard_normal((30, 4))
    asked = []
    for count in (1, 30):
        batch = _Batch([_valley] * count)
        minimise(batch, start[:count], calls=8)
        asked.append(batch.asked)
    assert asked[0] > 20
    assert asked[1] < 4 * asked[0]
