"""Fitted mixtures against a fit with torch's L-BFGS, one distribution after the other."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from fixbench.systems.alignment.losses import LossOptions, distances, fit_mixtures
from fixbench.systems.alignment.losses._mixture import Objective

from .conftest import seeded


def _divergence(target: Tensor, weights: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """Symmetric KL of a distribution and a mixture of renormalised normal densities."""
    position = torch.arange(len(target), dtype=target.dtype)
    density = (-((position - means[:, None]) ** 2) / (2 * variances[:, None])).exp()
    q = weights @ (density / density.sum(dim=1, keepdim=True))
    return (target * (target / q).log()).sum() + (q * (q / target).log()).sum()


def _lbfgs(target: Tensor, components: int) -> float:
    """As documented for the fork: rate .5, 8 calls of 4 iterations, strong Wolfe, floor .5."""
    length = len(target)
    logits = torch.zeros(components, dtype=target.dtype)
    means = (torch.arange(components, dtype=target.dtype) + 0.5) * length / components - 0.5
    variances = torch.full((components,), float(length), dtype=target.dtype)
    parameters = [item.clone().requires_grad_() for item in (logits, means, variances)]
    optimiser = torch.optim.LBFGS(parameters, lr=0.5, max_iter=4, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        found = _divergence(
            target, parameters[0].softmax(0), parameters[1], parameters[2].clamp(min=0.5)
        )
        found.backward()
        return found

    for _ in range(8):
        optimiser.step(closure)
    return closure().item()


def _targets(rows: int, length: int, *, spread: float, seed: int = 0) -> Tensor:
    """log α of frames against a video that moves smoothly, so that neighbours are alike."""
    generator = seeded(seed)
    steps = torch.randn(length, 16, dtype=torch.float64, generator=generator).cumsum(0)
    video = spread * steps / length**0.5
    query = video[torch.randperm(length, generator=generator)[:rows]]
    query = query + 0.3 * spread * torch.randn(query.shape, dtype=query.dtype, generator=generator)
    return (-distances(query, video) / 0.1).log_softmax(dim=1)


def test_gradient_by_finite_differences() -> None:
    targets = _targets(3, 12, spread=0.2)
    objective = Objective(targets.numpy(), np.full(3, 12.0), 4)
    x = objective.start()
    x = x + 0.3 * np.random.default_rng(1).normal(size=x.shape)
    _, gradient = objective(x)
    for column in range(x.shape[1]):
        move = np.zeros_like(x)
        move[:, column] = 1e-6
        slope = (objective(x + move)[0] - objective(x - move)[0]) / 2e-6
        np.testing.assert_allclose(slope, gradient[:, column], rtol=1e-6, atol=1e-8)


def test_the_divergence_is_the_definition() -> None:
    targets = _targets(4, 15, spread=0.2)
    (mixture,) = fit_mixtures([targets], components=3, evaluations=10)
    q = (mixture.log_weights[..., None] + mixture.log_components).exp().sum(dim=1)
    alpha = targets.exp()
    expected = ((alpha - q) * (alpha.log() - q.log())).sum(dim=1)
    torch.testing.assert_close(mixture.divergence, expected)
    torch.testing.assert_close(q.sum(dim=1), torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(
        mixture.log_components.exp().sum(dim=2), torch.ones(4, 3, dtype=torch.float64)
    )


@pytest.mark.parametrize(("components", "spread"), [(1, 0.3), (5, 0.05), (5, 0.3), (15, 0.3)])
def test_as_low_as_lbfgs(components: int, spread: float) -> None:
    """With the default number of evaluations, half of what L-BFGS takes here."""
    targets = _targets(5, 30, spread=spread)
    evaluations = LossOptions().fit_evaluations
    (mixture,) = fit_mixtures([targets], components=components, evaluations=evaluations)
    reference = [_lbfgs(row.exp(), components) for row in targets]
    assert mixture.divergence.mean().item() <= 1.01 * np.mean(reference)
    (start,) = fit_mixtures([targets], components=components, evaluations=1)
    assert (mixture.divergence < 0.5 * start.divergence).all()


def test_a_mixture_is_found_again() -> None:
    """A distribution that is a mixture itself is fitted to almost no divergence."""
    position = torch.arange(50, dtype=torch.float64)
    narrow, wide = (
        (-((position - mean) ** 2) / (2 * variance)).softmax(0)
        for mean, variance in ((12.0, 6.0), (33.0, 20.0))
    )
    target = (0.3 * narrow + 0.7 * wide).log()[None]
    (mixture,) = fit_mixtures([target], components=2, evaluations=80)
    assert mixture.divergence.item() < 1e-4
    weights = mixture.log_weights.exp()[0]
    assert weights[0].item() == pytest.approx(0.3, abs=0.01)
    means = (mixture.log_components.exp()[0] * position).sum(dim=1)
    assert means.tolist() == pytest.approx([12, 33], abs=0.2)


def test_distributions_of_other_lengths_do_not_matter() -> None:
    short, long = _targets(3, 12, spread=0.3), _targets(2, 20, spread=0.3, seed=1)
    alone = fit_mixtures([short], components=3, evaluations=20)[0]
    padded, other = fit_mixtures([short, long], components=3, evaluations=20)
    torch.testing.assert_close(padded.log_components, alone.log_components, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(padded.divergence, alone.divergence, rtol=1e-6, atol=1e-9)
    assert other.log_components.shape == (2, 3, 20)


def test_more_evaluations_never_fit_worse() -> None:
    targets = _targets(6, 25, spread=0.3).float()
    reached = [
        fit_mixtures([targets], components=4, evaluations=count)[0].divergence
        for count in (1, 5, 20, 60)
    ]
    for before, after in pairwise(reached):
        assert (after <= before + 1e-6).all()


def test_peaked_targets_stay_finite() -> None:
    """One frame carries everything: α underflows elsewhere, its logarithm does not."""
    logits = torch.full((1, 40), -400.0)
    logits[0, 7] = 0
    (mixture,) = fit_mixtures([logits.log_softmax(1)], components=5, evaluations=40)
    assert torch.isfinite(mixture.divergence).all()
    q = (mixture.log_weights[..., None] + mixture.log_components).exp().sum(dim=1)[0]
    assert q.argmax().item() == 7
    assert math.isclose(q.sum().item(), 1, rel_tol=1e-5)
