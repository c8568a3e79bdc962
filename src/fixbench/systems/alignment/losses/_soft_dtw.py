"""Soft dynamic time warping with its exact gradient (Cuturi & Blondel, ICML 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["soft_dtw"]

Array = NDArray[np.float64]


def soft_dtw(cost: Tensor, gamma: float) -> Tensor:
    """−γ · log Σ exp(−cost of path / γ) over all monotone alignment paths, unnormalised.

    All cells of an anti-diagonal are computed at once, in double precision and on the CPU: there
    are N + M − 1 dependent steps of a few cells each, which costs more to launch than to compute.

    Args:
        cost: (N, M) of every two frames; the gradient with respect to it is the expected path.
        gamma: smoothing; towards 0 the value tends to the cost of the cheapest path.

    Returns:
        a scalar of the cost's type and device.
    """
    value: Tensor = _SoftDTW.apply(cost, gamma)  # type: ignore[no-untyped-call]
    return value


class _SoftDTW(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cost: Tensor, gamma: float) -> Tensor:
        gain = _skew(-cost.detach().cpu().double().numpy() / gamma)
        ctx.gain, ctx.score, ctx.shape = gain, _scores(gain, cost.shape[1]), cost.shape
        return cost.new_tensor(-gamma * ctx.score[-1, -1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        visits = _unskew(_visits(ctx.gain, ctx.score), ctx.shape[1])
        return gradient * torch.from_numpy(visits).to(gradient), None


def _skew(matrix: Array) -> Array:
    """(N, M) to (N + M − 1, N): row d holds cell (i, d − i) in column i, −inf outside."""
    rows, columns = matrix.shape
    wide = np.full((rows, rows + columns), -np.inf)
    wide[:, :columns] = matrix
    # Cut one element shorter, each row starts one column later than the row above it.
    return np.ascontiguousarray(wide.ravel()[:-rows].reshape(rows, rows + columns - 1).T)


def _unskew(skewed: Array, columns: int) -> Array:
    """What `_skew` did, undone."""
    diagonals, rows = skewed.shape
    flat = np.append(skewed.T.ravel(), np.zeros(rows))
    return np.ascontiguousarray(flat.reshape(rows, diagonals + 1)[:, :columns])


def _scores(gain: Array, columns: int) -> Array:
    """log Σ exp(gain of path) up to every cell, (N + M + 1, N + 1) with a border: −R / γ."""
    diagonals, rows = gain.shape
    score = np.full((rows + columns + 1, rows + 1), -np.inf)
    score[0, 0] = 0
    for d in range(2, diagonals + 2):
        sideways = np.logaddexp(score[d - 1, 1:], score[d - 1, :-1])
        np.add(gain[d - 2], np.logaddexp(sideways, score[d - 2, :-1]), out=score[d, 1:])
    return score


def _visits(gain: Array, score: Array) -> Array:
    """Probability (N + M − 1, N) that a path visits a cell, from the last cell backwards."""
    diagonals, rows = gain.shape
    # Probability of each cell's three ways in: exp(score of the way + gain − score of the cell).
    rest = np.full_like(gain, -np.inf)
    np.subtract(gain, score[2:, 1:], out=rest, where=np.isfinite(gain))
    stay = np.zeros((diagonals + 2, rows + 1))  # from (i, j − 1)
    step = np.zeros_like(stay)  # from (i − 1, j)
    both = np.zeros_like(stay)  # from (i − 1, j − 1)
    stay[:diagonals, :rows] = np.exp(score[1:-1, 1:] + rest)
    step[:diagonals, :rows] = np.exp(score[1:-1, :-1] + rest)
    both[:diagonals, :rows] = np.exp(score[:-2, :-1] + rest)
    visits = np.zeros_like(stay)
    visits[diagonals - 1, rows - 1] = 1
    for d in range(diagonals - 2, -1, -1):
        visits[d, :-1] = (
            stay[d + 1, :-1] * visits[d + 1, :-1]
            + step[d + 1, 1:] * visits[d + 1, 1:]
            + both[d + 2, 1:] * visits[d + 2, 1:]
        )
    return visits[:diagonals, :rows]
