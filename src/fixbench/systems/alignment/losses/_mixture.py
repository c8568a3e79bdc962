"""Mixtures of Gaussians fitted to many discrete distributions at once.

The mixture of a distribution α over positions m = 0, 1, … is q = Σ_k π_k g_k with normal densities
g_k, renormalised over the positions; it minimises the symmetric Kullback–Leibler divergence KL(α‖q)
+ KL(q‖α). GTCC's code (Donahue & Elhamifar, CVPR 2024; no licence, nothing copied) fits one
distribution after the other: means spread over the positions, variances starting at their number
and never below .5, eight calls of L-BFGS of four iterations with a strong-Wolfe search and step .5,
which evaluate the objective about forty times.

Here all are fitted together, from the same start and with an exact gradient, by BFGS with the full
matrix (3K parameters are few); steps are halved until they satisfy Armijo's condition, which every
distribution does in its own time. Twenty evaluations reach as low as the forty. Variances are .5 +
exp(ρ), so that the floor has a gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Mixture", "fit_mixtures"]

#: Single or double precision, that of the embeddings.
Array = NDArray[Any]

VARIANCE_FLOOR = 0.5
#: Log-density of positions beyond the end of a distribution shorter than the longest.
OUTSIDE = -1e6
#: ρ is cut here: a variance of 5e8 is flat on any video.
LARGEST_SPREAD = 20.0
#: Sufficient decrease, as a fraction of what the slope promises.
ARMIJO = 1e-4
#: No parameter moves further in one step: logits, means in initial deviations, logarithms.
LONGEST_MOVE = 1.0


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Fitted mixtures of S distributions over M positions; constants.

    Attributes:
        log_weights: log π (S, K).
        log_components: log g (S, K, M).
        divergence: symmetric Kullback–Leibler divergence reached (S,).
    """

    log_weights: Tensor
    log_components: Tensor
    divergence: Tensor


def fit_mixtures(
    log_targets: Sequence[Tensor], *, components: int, evaluations: int
) -> list[Mixture]:
    """One mixture for each row of each of ``log_targets``, which may differ in length.

    On the CPU whatever the device: dozens of dependent steps on little data.

    Args:
        log_targets: log α (S_i, M_i), rows summing to 1 in exp; no gradient passes.
        components: K.
        evaluations: of the objective at most, the first included.
    """
    arrays = [target.detach().cpu().numpy() for target in log_targets]
    longest = max(array.shape[1] for array in arrays)
    target = np.concatenate(
        [
            np.pad(array, ((0, 0), (0, longest - array.shape[1])), constant_values=OUTSIDE)
            for array in arrays
        ]
    )
    lengths = np.concatenate(
        [np.full(len(array), array.shape[1], dtype=array.dtype) for array in arrays]
    )
    objective = Objective(target, lengths, components)
    found = _minimise(objective, evaluations)
    log_weights, log_components = objective.mixture(found)
    divergence, _ = objective(found)
    mixtures, end = [], 0
    for item in log_targets:
        start, end = end, end + len(item)
        mixtures.append(
            Mixture(
                log_weights=_like(item, log_weights[start:end]),
                log_components=_like(item, log_components[start:end, :, : item.shape[1]]),
                divergence=_like(item, divergence[start:end]),
            )
        )
    return mixtures


def _like(item: Tensor, array: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(item)


class Objective:
    """Divergence (S,) and its gradient (S, 3K) at parameters (S, 3K): logits, moves of means, ρ.

    Inside, components come first: sums over them are then sums of whole blocks.
    """

    def __init__(self, log_target: Array, lengths: Array, components: int) -> None:
        kind = log_target.dtype
        self.log_target, self.target = log_target, np.exp(log_target)
        self.components = components
        self.position = np.arange(log_target.shape[1], dtype=kind)
        self.ones = np.ones_like(self.position)
        self.outside = (OUTSIDE * (self.position >= lengths[:, None])).astype(kind)
        self.ragged = bool(self.outside.any())
        # The middles of K equal parts of the positions.
        share = (np.arange(components, dtype=kind) + kind.type(0.5)) / components
        self.first_mean = lengths * share[:, None] - kind.type(0.5)
        self.unit = np.sqrt(lengths)
        self.lengths = lengths

    def start(self) -> Array:
        """Equal weights, means spread, every variance the number of positions."""
        start = np.zeros((len(self.lengths), 3 * self.components), dtype=self.target.dtype)
        start[:, 2 * self.components :] = np.log(self.lengths - VARIANCE_FLOOR)[:, None]
        return start

    def mixture(self, parameters: Array) -> tuple[Array, Array]:
        """log π (S, K) and log g (S, K, M)."""
        log_weights, exponent, _, log_total, _, _ = self._densities(parameters)
        log_components = exponent - log_total[..., None]
        return log_weights.T, log_components.transpose(1, 0, 2)

    def __call__(self, parameters: Array) -> tuple[Array, Array]:
        log_weights, exponent, density, log_total, offset, variance = self._densities(parameters)
        joint = exponent + (log_weights - log_total)[..., None]
        largest = joint.max(axis=0)
        joint -= largest
        owned = np.exp(joint, out=joint)
        total = owned.sum(axis=0)
        log_q = largest + np.log(total)
        q = np.exp(log_q)
        ratio = log_q - self.log_target
        value = np.einsum("sm,sm->s", q - self.target, ratio)
        # The derivative by log q, shared out among the components by their responsibilities …
        owned *= (q * (1 + ratio) - self.target) / total
        mass = owned @ self.ones
        # … and through the renormalisation to the exponents −offset² / 2 variance.
        density *= (mass * np.exp(-log_total))[..., None]
        owned -= density
        owned *= offset
        first = owned @ self.ones
        second = np.einsum("ksm,ksm->ks", owned, offset)
        gradient = np.concatenate(
            [
                mass - np.exp(log_weights) * mass.sum(axis=0),
                self.unit * first / variance,
                (variance - VARIANCE_FLOOR) * second / (2 * variance * variance),
            ]
        )
        return value, gradient.T

    def _densities(self, parameters: Array) -> tuple[Array, Array, Array, Array, Array, Array]:
        """log π (K, S); exponents (K, S, M), their exp, log Σ exp (K, S); offsets; variances."""
        logits, move, spread = parameters.T.reshape(3, self.components, -1)
        variance = VARIANCE_FLOOR + np.exp(np.minimum(spread, LARGEST_SPREAD))
        offset = self.position - (self.first_mean + self.unit * move)[..., None]
        exponent = offset * offset
        exponent *= (-0.5 / variance)[..., None]
        if self.ragged:
            exponent += self.outside
        exponent -= exponent.max(axis=2, keepdims=True)
        density = np.exp(exponent)
        logits = logits - logits.max(axis=0)
        log_weights = logits - np.log(np.exp(logits).sum(axis=0))
        return log_weights, exponent, density, np.log(density @ self.ones), offset, variance


def _minimise(objective: Objective, evaluations: int) -> Array:
    """BFGS of all rows at once, each at its own iteration of its own search along a line."""
    x = objective.start()
    value, gradient = objective(x)
    inverse = np.tile(np.eye(x.shape[1], dtype=x.dtype), (len(x), 1, 1))
    fresh = np.ones(len(x), dtype=bool)  # no curvature seen yet
    direction = -gradient
    step = _limited(direction)
    for _ in range(evaluations - 1):
        slope = np.einsum("sp,sp->s", gradient, direction)
        move = step[:, None] * direction
        new_value, new_gradient = objective(x + move)
        accepted = new_value <= value + ARMIJO * step * slope
        taken = accepted[:, None]
        change = np.where(taken, new_gradient - gradient, 0)
        _learn(inverse, fresh, move, change)
        x = np.where(taken, x + move, x)
        value = np.where(accepted, new_value, value)
        gradient = np.where(taken, new_gradient, gradient)
        direction = np.where(taken, -_product(inverse, gradient), direction)
        step = np.where(accepted, _limited(direction), step / 2)
    return x


def _limited(direction: Array) -> Array:
    """The longest step up to 1 that moves no parameter further than `LONGEST_MOVE`."""
    return LONGEST_MOVE / np.maximum(np.abs(direction).max(axis=1), LONGEST_MOVE)


def _learn(inverse: Array, fresh: Array, move: Array, change: Array) -> None:
    """BFGS's update of the inverse Hessians (S, P, P), in place, where there is curvature."""
    curvature = np.einsum("sp,sp->s", move, change)
    length = np.einsum("sp,sp->s", change, change)
    learns = curvature > 1e-8 * length
    # Safe where nothing is learned: the update is then 0.
    reciprocal = np.divide(1, curvature, out=np.zeros_like(curvature), where=learns)
    first = fresh & learns
    if first.any():
        inverse[first] *= (curvature[first] / length[first])[:, None, None]
        fresh &= ~learns
    carried = _product(inverse, change)
    weight = (1 + np.einsum("sp,sp->s", change, carried) * reciprocal) * reciprocal
    half = (weight / 2)[:, None] * move - reciprocal[:, None] * carried
    # half ⊗ move + move ⊗ half is the term of rank two.
    outer = half[:, :, None] * move[:, None, :]
    inverse += outer
    inverse += outer.transpose(0, 2, 1)


def _product(matrices: Array, vectors: Array) -> Array:
    """(S, P, P) times (S, P)."""
    return (matrices @ vectors[..., None])[..., 0]
