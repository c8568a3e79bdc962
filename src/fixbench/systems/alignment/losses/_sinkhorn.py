"""Entropic optimal transport by Sinkhorn's iteration (Cuturi, NeurIPS 2013), in logarithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["log_sinkhorn"]

Array = NDArray[Any]


def log_sinkhorn(log_kernel: Tensor, steps: int) -> Tensor:
    """Logarithm of the plan (N, M) with uniform marginals, diag(u) · kernel · diag(v).

    Each step scales the rows, then the columns, so the columns' marginal is met exactly. Steps
    after which the rows' potential no longer moves (by more than rounding) are not made. The
    gradient is that of the steps made. On the CPU whatever the device: dozens of dependent steps on
    little data.

    Args:
        log_kernel: (N, M), finite.
        steps: at most so many.
    """
    plan: Tensor = _Sinkhorn.apply(log_kernel, steps)  # type: ignore[no-untyped-call]
    return plan


class _Sinkhorn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, log_kernel: Tensor, steps: int) -> Tensor:
        kernel = log_kernel.detach().cpu().numpy()
        settled = 8 * np.finfo(kernel.dtype).eps
        potentials: list[tuple[Array, Array]] = []
        v = np.zeros((1, kernel.shape[1]), dtype=kernel.dtype)
        for _ in range(steps):
            u = -_log_sum(kernel + v, axis=1) - kernel.dtype.type(math.log(kernel.shape[0]))
            v = -_log_sum(kernel + u, axis=0) - kernel.dtype.type(math.log(kernel.shape[1]))
            potentials.append((u, v))
            if len(potentials) > 1 and np.abs(u - potentials[-2][0]).max() <= settled:
                break
        ctx.kernel, ctx.potentials = kernel, potentials
        return torch.from_numpy(kernel + u + v).to(log_kernel)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        kernel: Array = ctx.kernel
        rows, columns = kernel.shape
        by_kernel = gradient.cpu().numpy().copy()
        by_u, by_v = by_kernel.sum(axis=1, keepdims=True), by_kernel.sum(axis=0, keepdims=True)
        for number in range(len(ctx.potentials) - 1, -1, -1):
            u, v = ctx.potentials[number]
            # v is minus a log-sum over rows, whose derivative is a softmax; u likewise.
            share = np.exp(kernel + (u + math.log(columns)) + v)
            share *= by_v
            by_kernel -= share
            by_u = by_u - share.sum(axis=1, keepdims=True)
            before = ctx.potentials[number - 1][1] if number else np.zeros_like(v)
            share = np.exp(kernel + (u + math.log(rows)) + before)
            share *= by_u
            by_kernel -= share
            by_v = -share.sum(axis=0, keepdims=True)
            by_u = np.zeros_like(u)
        return torch.from_numpy(by_kernel).to(gradient), None


def _log_sum(logarithms: Array, *, axis: int) -> Array:
    """log Σ exp along an axis, which stays."""
    largest = logarithms.max(axis=axis, keepdims=True)
    logarithms -= largest
    total = np.exp(logarithms, out=logarithms).sum(axis=axis, keepdims=True)
    return largest + np.log(total)
