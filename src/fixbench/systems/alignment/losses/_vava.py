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

`as_found` differs: D unsquared; T from exp(−D / N) without virtual frames, so nearly uniform; a
"distance" 1e6 · ΣT / (NM), from which D is missing, so that it is constant; −(N + M) · Σ T S and λ₂
· KL(T‖P) as penalties, deviation .6, age in epochs; d_opt subtracts row and column numbers from
each other and divides both by N; .5 · (C(X) + C(Y) + C(X, Y)), with `intra_as_found` and C(X, Y)
the summed D of cells that are the largest of their row and column in T, minus that of the smallest;
sum over ordered pairs. Open: T's marginals (uniform) and steps (as published), and what keeps log P
finite, since P underflows far from the diagonal: 1e-8 is added to it.
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
FORK_PRIOR_FLOOR = 1e-8

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
    gain, log_prior = _priors(squared, phi, PAPER_DEVIATION, as_found=False)
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
    log_plan = log_sinkhorn(-distance / rows, steps)
    plan = log_plan.exp()
    gain, log_prior = _priors(distance, phi, FORK_DEVIATION, as_found=True)
    log_floored = torch.logaddexp(log_prior, log_prior.new_tensor(math.log(FORK_PRIOR_FLOOR)))
    divergence = (plan * (log_plan - log_floored)).sum()
    best = _one_hot(plan.argmax(dim=1), plan, dim=1) * _one_hot(plan.argmax(dim=0), plan, dim=0)
    worst = _one_hot(plan.argmin(dim=1), plan, dim=1) * _one_hot(plan.argmin(dim=0), plan, dim=0)
    return (
        FORK_DISTANCE_SCALE * plan.sum() / (rows * columns)
        - (rows + columns) * (plan * gain).sum()
        + ENTROPY_WEIGHT * rows * columns / 4 * divergence
        + INTRA_WEIGHT * ((best - worst) * distance).sum()
    )


def _phi(age: int) -> float:
    return min(max(PHI ** math.isqrt(age + 1), 1 - PHI), PHI)


def _priors(
    distance: Tensor, phi: float, deviation: float, *, as_found: bool
) -> tuple[Tensor, Tensor]:
    """S and log P (N, M); constants, since the nearest frames carry no gradient."""
    distance = distance.detach()
    rows, columns = distance.shape
    i, j = (
        torch.arange(1, count + 1, dtype=distance.dtype, device=distance.device)
        for count in (rows, columns)
    )
    diagonal = (i[:, None] / rows - j / columns).abs()
    nearest_column, nearest_row = distance.argmin(dim=1) + 1, distance.argmin(dim=0) + 1
    if as_found:
        optimal = ((i - nearest_column).abs()[:, None] + (j - nearest_row).abs()) / (2 * rows)
    else:
        optimal = (i[:, None] - nearest_row).abs() / rows
        optimal = (optimal + (j - nearest_column[:, None]).abs() / columns) / 2
    gain = phi / (diagonal.square() + 1) + (1 - phi) / (optimal.square() + 1)
    unit = math.hypot(1 / rows, 1 / columns)
    log_prior = torch.logaddexp(
        math.log(phi) + _log_normal(diagonal / unit, deviation),
        math.log1p(-phi) + _log_normal(optimal / unit, deviation),
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
