"""Mixtures of Gaussians fitted to many discrete distributions at once.

The mixture of a distribution α over positions m = 0, 1, … is q = Σ_k π_k g_k with normal densities
g_k, renormalised over the positions. GTCC's code (Donahue & Elhamifar, CVPR 2024; no licence,
nothing copied) lowers the symmetric Kullback–Leibler divergence KL(α‖q) + KL(q‖α), with 1e-30 added
inside every logarithm, by eight calls of L-BFGS of up to four iterations (`minimise`). Means start
at 1 + i (M − 2) / K, variances at M, weights equal; means are cut to the positions and variances at
.5, where their gradient ends. The fit stops well before its minimum: on spread embeddings the
divergence stays near 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fixbench.systems.alignment.losses._lbfgs import minimise

__all__ = ["Mixture", "fit_mixtures"]

#: Single or double precision, that of the embeddings.
Array = NDArray[Any]
Rows = NDArray[np.intp]

VARIANCE_FLOOR = 0.5
LOG_FLOOR = 1e-30


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


def fit_mixtures(targets: Sequence[Tensor], *, components: int, calls: int) -> list[Mixture]:
    """One mixture for each row of each of ``targets``, which may differ in length.

    On the CPU whatever the device: dozens of dependent steps on little data.

    Args:
        targets: α (S_i, M_i), rows summing to 1; no gradient passes.
        components: K.
        calls: of L-BFGS.
    """
    arrays = [target.detach().cpu().numpy() for target in targets]
    longest = max(array.shape[1] for array in arrays)
    target = np.concatenate(
        [np.pad(array, ((0, 0), (0, longest - array.shape[1]))) for array in arrays]
    )
    lengths = np.concatenate(
        [np.full(len(array), array.shape[1], dtype=array.dtype) for array in arrays]
    )
    objective = Objective(target, lengths, components)
    found = minimise(objective, objective.start(), calls=calls)
    divergence, _ = objective(found, np.arange(len(found)))
    log_weights, log_components = objective.mixture(found)
    mixtures, end = [], 0
    for item in targets:
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
    """Divergence (S,) and its gradient (S, 3K) at parameters (S, 3K): means, variances, logits.

    Args:
        target: α (all, M), 0 beyond a distribution's length.
        lengths: (all,), of the same type.
    """

    def __init__(self, target: Array, lengths: Array, components: int) -> None:
        self.target, self.log_target = target, np.log(target + LOG_FLOOR)
        self.lengths, self.components = lengths, components
        self.position = np.arange(target.shape[1], dtype=target.dtype)
        self.inside = (self.position < lengths[:, None]).astype(target.dtype)

    def start(self) -> Array:
        """Means spread, every variance the number of positions, equal weights."""
        count, components = len(self.lengths), self.components
        start = np.zeros((count, 3, components), dtype=self.target.dtype)
        share = np.arange(components, dtype=self.target.dtype) / components
        start[:, 0] = 1 + (self.lengths[:, None] - 2) * share
        start[:, 1] = self.lengths[:, None]
        return start.reshape(count, -1)

    def mixture(self, parameters: Array) -> tuple[Array, Array]:
        """log π (all, K) and log g (all, K, M), of all distributions."""
        _, variance, log_weights, offset = self._parts(parameters, np.arange(len(parameters)))
        exponent = -offset * offset / (2 * variance)[..., None]
        total = (np.exp(exponent) * self.inside[:, None]).sum(axis=2)
        return log_weights, exponent - np.log(total)[..., None]

    def __call__(self, parameters: Array, rows: Rows) -> tuple[Array, Array]:
        free, variance, log_weights, offset = self._parts(parameters, rows)
        weights = np.exp(log_weights)
        squared = offset * offset
        component = np.exp(squared * (-0.5 / variance)[..., None])
        component *= self.inside[rows][:, None]
        component /= component.sum(axis=2, keepdims=True)
        target, log_target = self.target[rows], self.log_target[rows]
        q = (weights[:, None] @ component)[:, 0]
        floored = q + LOG_FLOOR
        ratio = np.log(floored) - log_target
        value = np.einsum("sm,sm->s", q - target, ratio)
        # By q, then shared out among the components …
        slope = ratio + (q - target) / floored
        by_weight = (component @ slope[..., None])[..., 0]
        # … and through their renormalisation to the exponents −offset² / 2 variance.
        component *= slope[:, None] - by_weight[..., None]
        first = np.einsum("skm,skm->sk", component, offset) / variance
        second = np.einsum("skm,skm->sk", component, squared) / (2 * variance * variance)
        mean_share = np.einsum("sk,sk->s", weights, by_weight)[:, None]
        gradient = np.stack(
            [
                weights * first * free[:, 0],
                weights * second * free[:, 1],
                weights * (by_weight - mean_share),
            ],
            axis=1,
        )
        return value, gradient.reshape(len(rows), -1)

    def _parts(self, parameters: Array, rows: Rows) -> tuple[Array, Array, Array, Array]:
        """Where means and variances are not cut (S, 2, K); variances and log π (S, K); offsets."""
        means, variances, logits = parameters.reshape(-1, 3, self.components).transpose(1, 0, 2)
        last = (self.lengths[rows] - 1)[:, None]
        free = np.stack([(means >= 0) & (means <= last), variances >= VARIANCE_FLOOR], axis=1)
        offset = self.position - np.clip(means, 0, last)[..., None]
        logits = logits - logits.max(axis=1, keepdims=True)
        log_weights = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return free, np.maximum(variances, VARIANCE_FLOOR), log_weights, offset
