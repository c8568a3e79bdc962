"""VAVA: optimal transport between videos under temporal priors, contrast within and between them.

Paper: Liu et al., "Learning to Align Sequential Actions in the Wild", CVPR 2022; the published file
does not run and carries no licence (nothing copied). Frame i of N and j of M (counted from 1) lie
i/N − j/M apart; d_diag is its absolute value and d_opt the distance from the best match, and c =
√(1/N² + 1/M²). φ = .999^⌊√(age + 1)⌋ moves from the diagonal to the best match:

    S = φ / (d_diag² + 1) + (1 − φ) / (d_opt² + 1)
    P = φ · normal(d_diag / c) + (1 − φ) · normal(d_opt / c)

`paper`: T are 20 steps of Sinkhorn on P ∘ exp(((N + M) · S − D²) / λ₂), λ₂ = .1 · NM/4, with the
age in steps and the normal's deviation 2. The loss is Σ T D² / (NM) + .5 · (C(X) + C(Y)), with
`intra_vava`, plus 1e-4 times a two-way cross-entropy (temperature .5) between every frame's best
and worst match in T; mean over ordered pairs. Open, and chosen here: d_opt is half the sum of |i −
i_o(j)| / N and |j − j_o(i)| / M, o being the nearest frame; T has one virtual row and column, at
squared distance .5, with no S and the prior normal(5); marginals are uniform, virtual frames
included; the intra terms and matches use D², matches over the real rows and columns alike.

`as_found` differs: D unsquared; frames counted from 0, the virtual row and column first among them,
so that with R = N + 1 and C = M + 1 frame i of R and j of C lie i/R − j/C apart; T is Sinkhorn on
exp(−cost / N), its columns scaled before its rows, so that it is nearly uniform; a "distance" 1e6 ·
ΣT / (RC), from which D is missing, so that it is nearly constant; −(N + M) · Σ T S and λ₂ · KL(T‖P)
as penalties, with 1e-8 added inside both logarithms, deviation .6, age in epochs; the best column
of a row i is the largest of T's row, likewise for columns, both sides of d_opt are divided by R,
and d_opt² is half the sum of their squares in S, but d_opt half the sum of their sizes in P; .5 ·
(C(X) + C(Y) + C(X, Y)), with `intra_as_found` and C(X, Y) the summed cost of cells that are the
largest of their row and column in T, minus that of the smallest; sum over ordered pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from fixbench.systems.alignment.losses._intra import intra_as_found, intra_vava
from fixbench.systems.alignment.losses._options import LossOptions
from fixbench.systems.alignment.losses._pairs import (
    Formulation,
    check_choice,
    check_embeddings,
    distances,
)
from fixbench.systems.alignment.losses._sinkhorn import log_sinkhorn

__all__ = ["vava_loss"]

PHI = 0.999
ENTROPY_WEIGHT = 0.1
PAPER_DEVIATION = 2.0
FORK_DEVIATION = 0.6
VIRTUAL_COST = 0.5
VIRTUAL_DISTANCE = 5.0
INTRA_WEIGHT = 0.5
INTER_WEIGHT = 1e-4
INTER_TEMPERATURE = 0.5
FORK_DISTANCE_SCALE = 1e6
FORK_LOG_FLOOR = 1e-8

Value = TypeVar("Value", float, Tensor)


def vava_loss(
    embeddings: Sequence[Tensor],
    *,
    formulation: Formulation,
    epoch: int,
    step: int,
    options: LossOptions | None = None,
) -> Tensor:
    """The loss, a scalar. It draws nothing.

    Args:
        embeddings: videos (T_i, D).
        epoch, step: both from 0; the paper's φ depends on the step, the fork's on the epoch.

    Raises:
        InputError: see `check_embeddings`; or an unknown formulation.
    """
    check_choice("formulation", formulation, Formulation)
    check_embeddings(embeddings)
    steps = (options or LossOptions()).sinkhorn_steps
    terms = []
    if formulation == "paper":
        intra = [intra_vava(video) for video in embeddings]
        for a, b in combinations(range(len(embeddings)), 2):
            squared = distances(embeddings[a], embeddings[b]).square()
            for matrix in (squared, squared.T):  # both orders
                between = _between_paper(matrix, _phi(step), steps)
                terms.append(between + INTRA_WEIGHT * (intra[a] + intra[b]))
        return torch.stack(terms).mean()
    intra = [intra_as_found(video) for video in embeddings]
    for a, b in combinations(range(len(embeddings)), 2):
        distance = distances(embeddings[a], embeddings[b])
        for matrix in (distance, distance.T):
            between = _between_as_found(matrix, _phi(epoch), steps)
            terms.append(between + INTRA_WEIGHT * (intra[a] + intra[b]))
    return torch.stack(terms).sum()


def _between_paper(squared: Tensor, phi: float, steps: int) -> Tensor:
    rows, columns = squared.shape
    smoothing = ENTROPY_WEIGHT * rows * columns / 4
    gain, log_prior = _priors(squared, phi)
    virtual_prior = _log_normal(VIRTUAL_DISTANCE, PAPER_DEVIATION)
    log_kernel = functional.pad(
        log_prior + ((rows + columns) * gain - squared) / smoothing,
        (0, 1, 0, 1),
        value=virtual_prior - VIRTUAL_COST / smoothing,
    )
    plan = log_sinkhorn(log_kernel, steps).exp()
    transport = (plan * functional.pad(squared, (0, 1, 0, 1), value=VIRTUAL_COST)).sum()
    return transport / (rows * columns) + INTER_WEIGHT * _contrast(plan[:-1, :-1], squared)


def _between_as_found(distance: Tensor, phi: float, steps: int) -> Tensor:
    rows, columns = distance.shape
    cost, plan = _plan_as_found(distance, steps)
    i, j = (torch.arange(count, dtype=plan.dtype, device=plan.device) for count in plan.shape)
    height, width = plan.shape
    unit = math.hypot(1 / height, 1 / width)
    diagonal = i[:, None] / height - j / width
    by_row = ((i - plan.argmax(dim=1)) / height)[:, None]
    by_column = (j - plan.argmax(dim=0)) / height
    gain = phi / (diagonal.square() + 1)
    gain = gain + (1 - phi) / ((by_row.square() + by_column.square()) / 2 + 1)
    prior = phi * _log_normal(diagonal / unit, FORK_DEVIATION).exp()
    optimal = (by_row.abs() + by_column.abs()) / (2 * unit)
    prior = prior + (1 - phi) * _log_normal(optimal, FORK_DEVIATION).exp()
    log_ratio = (plan + FORK_LOG_FLOOR).log() - (prior + FORK_LOG_FLOOR).log()
    best = (plan == plan.amax(dim=1, keepdim=True)) & (plan == plan.amax(dim=0))
    worst = (plan == plan.amin(dim=1, keepdim=True)) & (plan == plan.amin(dim=0))
    return (
        FORK_DISTANCE_SCALE * plan.sum() / (height * width)
        - (rows + columns) * (plan * gain).sum()
        + ENTROPY_WEIGHT * rows * columns / 4 * (plan * log_ratio).sum()
        + INTRA_WEIGHT * ((best.to(cost) - worst.to(cost)) * cost).sum()
    )


def _plan_as_found(distance: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Cost and plan (N + 1, M + 1), the virtual row and column first."""
    cost = functional.pad(distance, (1, 0, 1, 0), value=VIRTUAL_COST)
    log_plan = log_sinkhorn(-cost.T / len(distance), steps)
    return cost, log_plan.T.exp()


def _phi(age: int) -> float:
    return min(max(PHI ** math.isqrt(age + 1), 1 - PHI), PHI)


def _priors(squared: Tensor, phi: float) -> tuple[Tensor, Tensor]:
    """S and log P (N, M); constants, since the nearest frames carry no gradient."""
    squared = squared.detach()
    rows, columns = squared.shape
    i, j = (
        torch.arange(1, count + 1, dtype=squared.dtype, device=squared.device)
        for count in (rows, columns)
    )
    diagonal = (i[:, None] / rows - j / columns).abs()
    nearest_column, nearest_row = squared.argmin(dim=1) + 1, squared.argmin(dim=0) + 1
    optimal = (i[:, None] - nearest_row).abs() / rows
    optimal = (optimal + (j - nearest_column[:, None]).abs() / columns) / 2
    gain = phi / (diagonal.square() + 1) + (1 - phi) / (optimal.square() + 1)
    unit = math.hypot(1 / rows, 1 / columns)
    log_prior = torch.logaddexp(
        math.log(phi) + _log_normal(diagonal / unit, PAPER_DEVIATION),
        math.log1p(-phi) + _log_normal(optimal / unit, PAPER_DEVIATION),
    )
    return gain, log_prior


def _log_normal(distance: Value, deviation: float) -> Value:
    return -((distance / deviation) ** 2) / 2 - math.log(deviation * math.sqrt(2 * math.pi))


def _contrast(plan: Tensor, squared: Tensor) -> Tensor:
    """Mean cross-entropy of "the best match is nearer than the worst", over rows and columns."""
    terms = []
    for dim in (0, 1):
        best = (_one_hot(plan.argmax(dim=dim), plan, dim=dim) * squared).sum(dim=dim)
        worst = (_one_hot(plan.argmin(dim=dim), plan, dim=dim) * squared).sum(dim=dim)
        terms.append(functional.softplus((best - worst) / INTER_TEMPERATURE))
    return torch.cat(terms).mean()


def _one_hot(found: Tensor, matrix: Tensor, *, dim: int) -> Tensor:
    """1 in each row's (``dim`` 1) or column's (``dim`` 0) cell ``found``, 0 elsewhere."""
    everything = torch.arange(matrix.shape[dim], device=matrix.device)
    hit = found[:, None] == everything if dim == 1 else everything[:, None] == found
    return hit.to(matrix.dtype)
