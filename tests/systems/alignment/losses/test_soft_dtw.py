"""Soft-DTW against a plain recursion, an enumeration of paths, and its limits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fixbench.systems.alignment.losses import soft_dtw

from .conftest import seeded


def _costs(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.rand(rows, columns, dtype=torch.float64, generator=seeded(seed)) * 3


def _recursion(cost: Tensor, gamma: float) -> Tensor:
    """R_ij = d_ij + softmin of the three cells before, cell by cell; exact minimum for γ = 0."""
    rows, columns = cost.shape
    outside = torch.tensor(math.inf, dtype=cost.dtype)
    table = {(-1, -1): torch.zeros((), dtype=cost.dtype)}
    for i in range(rows):
        for j in range(columns):
            ways = [
                table[way]
                for way in ((i - 1, j), (i, j - 1), (i - 1, j - 1))
                if table.get(way, outside) < math.inf
            ]
            stacked = torch.stack(ways)
            softened = -gamma * (-stacked / gamma).logsumexp(0) if gamma else stacked.min()
            table[i, j] = cost[i, j] + softened
    return table[rows - 1, columns - 1]


def _paths(rows: int, columns: int) -> list[list[tuple[int, int]]]:
    if rows == 1 and columns == 1:
        return [[(0, 0)]]
    before = [(rows - 1, columns), (rows, columns - 1), (rows - 1, columns - 1)]
    return [
        [*path, (rows - 1, columns - 1)]
        for r, c in before
        if r >= 1 and c >= 1
        for path in _paths(r, c)
    ]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (5, 5), (7, 4), (3, 9)])
@pytest.mark.parametrize("gamma", [0.05, 0.1, 2.0])
def test_value_and_gradient_of_the_recursion(shape: tuple[int, int], gamma: float) -> None:
    cost = _costs(*shape).requires_grad_()
    found, expected = soft_dtw(cost, gamma), _recursion(cost, gamma)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    (slope,) = torch.autograd.grad(found, cost)
    (wanted,) = torch.autograd.grad(expected, cost)
    torch.testing.assert_close(slope, wanted, rtol=1e-9, atol=1e-12)


def test_definition_over_all_paths() -> None:
    """−γ log Σ exp(−cost / γ), and the gradient is the probability of visiting a cell."""
    cost, gamma = _costs(4, 3).requires_grad_(), 0.7
    paths = _paths(4, 3)
    assert len(paths) == 25  # the Delannoy number D(3, 2)
    totals = torch.stack([sum((cost[cell] for cell in path), cost.new_zeros(())) for path in paths])
    found = soft_dtw(cost, gamma)
    torch.testing.assert_close(found, -gamma * (-totals / gamma).logsumexp(0))
    visits = torch.zeros(4, 3, dtype=torch.float64)
    for path, chance in zip(paths, (-totals / gamma).softmax(0).detach(), strict=True):
        for cell in path:
            visits[cell] += chance
    (slope,) = torch.autograd.grad(found, cost)
    torch.testing.assert_close(slope, visits)


def test_gradient_by_finite_differences() -> None:
    cost = _costs(5, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda matrix: soft_dtw(matrix, 0.1), (cost,))


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_towards_gamma_0_it_is_dtw(rows: int, columns: int, seed: int) -> None:
    cost = _costs(rows, columns, seed)
    exact = _recursion(cost, 0).item()
    found = soft_dtw(cost, 1e-4).item()
    # Between the cheapest path and γ · log(number of paths) below it.
    paths = math.log(3) * (rows + columns)
    assert exact - 1e-4 * paths - 1e-9 <= found <= exact + 1e-9


def test_equal_frames_count_paths() -> None:
    """With no cost at all the value is −γ · log of the central Delannoy number."""
    delannoy = {(0, j): 1 for j in range(20)} | {(i, 0): 1 for i in range(20)}
    for i in range(1, 20):
        for j in range(1, 20):
            ways = delannoy[i - 1, j] + delannoy[i, j - 1] + delannoy[i - 1, j - 1]
            delannoy[i, j] = ways
    found = soft_dtw(torch.zeros(20, 20), 0.1).item()
    assert found == pytest.approx(-0.1 * math.log(delannoy[19, 19]), rel=1e-6)


def test_long_and_distant_videos_stay_finite() -> None:
    cost = (1e3 * torch.rand(300, 250, generator=seeded())).requires_grad_()
    value = soft_dtw(cost, 0.1)
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert cost.grad is not None
    # Every path visits the first and the last cell.
    assert cost.grad[0, 0].item() == pytest.approx(1)
    assert cost.grad[-1, -1].item() == pytest.approx(1)
