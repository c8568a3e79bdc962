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


def _components(means: Tensor, variances: Tensor, length: int) -> Tensor:
    position = torch.arange(length, dtype=means.dtype)
    offset = position - means.clamp(0, length - 1)[:, None]
    density = (-(offset**2) / (2 * variances.clamp(min=0.5)[:, None])).exp()
    return density / density.sum(dim=1, keepdim=True)


def _divergence(target: Tensor, q: Tensor) -> Tensor:
    """Symmetric KL, 1e-30 inside the logarithms."""
    return ((target - q) * ((target + 1e-30).log() - (q + 1e-30).log())).sum()


def _lbfgs(target: Tensor, components: int) -> tuple[Tensor, Tensor]:
    """As the fork fits: rate .5, 8 calls of up to 4 iterations, strong Wolfe, history 10."""
    length = len(target)
    share = torch.arange(components, dtype=target.dtype) / components
    means = (1 + (length - 2) * share).requires_grad_()
    variances = torch.full_like(share, float(length)).requires_grad_()
    logits = torch.zeros_like(share).requires_grad_()
    optimiser = torch.optim.LBFGS(
        [means, variances, logits],
        lr=0.5,
        max_iter=4,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        found = _divergence(target, logits.softmax(0) @ _components(means, variances, length))
        found.backward()
        return found

    for _ in range(8):
        optimiser.step(closure)
    with torch.no_grad():
        return logits.softmax(0), _components(means, variances, length)


def _targets(rows: int, length: int, *, spread: float, seed: int = 0) -> Tensor:
    """α of frames against a video that moves smoothly, so that neighbours are alike."""
    generator = seeded(seed)
    steps = torch.randn(length, 16, dtype=torch.float64, generator=generator).cumsum(0)
    video = spread * steps / length**0.5
    query = video[torch.randperm(length, generator=generator)[:rows]]
    query = query + 0.3 * spread * torch.randn(query.shape, dtype=query.dtype, generator=generator)
    return (-distances(query, video) / 0.1).softmax(dim=1)


def test_gradient_by_finite_differences() -> None:
    targets = _targets(3, 12, spread=0.2)
    objective = Objective(targets.numpy(), np.array([12.0, 12.0, 12.0]), 4)
    x = objective.start()
    x = x + 0.3 * np.random.default_rng(1).normal(size=x.shape)
    x[0, :2] = [-1, 14]  # means beyond both ends
    x[1, 4:6] = [0.3, -2]  # variances below the floor
    rows = np.array([0, 1, 2])
    _, gradient = objective(x, rows)
    assert (gradient[0, :2] == 0).all()
    assert (gradient[1, 4:6] == 0).all()
    for column in range(x.shape[1]):
        move = np.zeros_like(x)
        move[:, column] = 1e-6
        slope = (objective(x + move, rows)[0] - objective(x - move, rows)[0]) / 2e-6
        np.testing.assert_allclose(slope, gradient[:, column], rtol=1e-6, atol=1e-8)


def test_the_divergence_is_the_definition() -> None:
    targets = _targets(4, 15, spread=0.2)
    (mixture,) = fit_mixtures([targets], components=3, calls=3)
    q = (mixture.log_weights[..., None] + mixture.log_components).exp().sum(dim=1)
    expected = ((targets - q) * (targets.log() - q.log())).sum(dim=1)
    torch.testing.assert_close(mixture.divergence, expected)
    torch.testing.assert_close(q.sum(dim=1), torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(
        mixture.log_components.exp().sum(dim=2), torch.ones(4, 3, dtype=torch.float64)
    )


@pytest.mark.parametrize(
    ("components", "spread"), [(3, 0.3), (5, 0.05), (5, 0.3), (5, 2.0), (15, 0.3)]
)
def test_stops_where_torchs_lbfgs_stops(components: int, spread: float) -> None:
    """In double precision; another objective, start, step or end would show."""
    lengths = (30, 24)
    targets = [_targets(3, length, spread=spread) for length in lengths]
    calls = LossOptions().fit_calls
    fitted = fit_mixtures(targets, components=components, calls=calls)
    for mixture, rows in zip(fitted, targets, strict=True):
        for place, row in enumerate(rows):
            weights, shares = _lbfgs(row, components)
            # Near the end of a fit the last digits decide which way a search goes.
            for found, wanted in (
                (mixture.log_weights[place].exp(), weights),
                (mixture.log_components[place].exp(), shares),
            ):
                torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
            reached = _divergence(row, weights @ shares)
            torch.testing.assert_close(mixture.divergence[place], reached, rtol=1e-4, atol=1e-8)


def test_a_mixture_is_found_again() -> None:
    """A distribution that is a mixture itself is fitted to almost no divergence."""
    position = torch.arange(50, dtype=torch.float64)
    narrow, wide = (
        (-((position - mean) ** 2) / (2 * variance)).softmax(0)
        for mean, variance in ((12.0, 6.0), (33.0, 20.0))
    )
    target = (0.3 * narrow + 0.7 * wide)[None]
    (mixture,) = fit_mixtures([target], components=2, calls=60)
    assert mixture.divergence.item() < 1e-4
    weights = mixture.log_weights.exp()[0]
    assert weights[0].item() == pytest.approx(0.3, abs=0.01)
    means = (mixture.log_components.exp()[0] * position).sum(dim=1)
    assert means.tolist() == pytest.approx([12, 33], abs=0.2)


def test_distributions_of_other_lengths_do_not_matter() -> None:
    short, long = _targets(3, 12, spread=0.3), _targets(2, 20, spread=0.3, seed=1)
    alone = fit_mixtures([short], components=3, calls=8)[0]
    padded, other = fit_mixtures([short, long], components=3, calls=8)
    torch.testing.assert_close(padded.log_components, alone.log_components, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(padded.divergence, alone.divergence, rtol=1e-6, atol=1e-9)
    assert other.log_components.shape == (2, 3, 20)


def test_more_calls_never_fit_worse() -> None:
    targets = _targets(6, 25, spread=0.3).float()
    reached = [
        fit_mixtures([targets], components=4, calls=calls)[0].divergence for calls in (1, 2, 8, 20)
    ]
    for before, after in pairwise(reached):
        assert (after <= before + 1e-6).all()
    assert (reached[-1] < 0.9 * reached[0]).any()


def test_peaked_targets_stay_finite() -> None:
    """One frame carries everything, and α underflows elsewhere."""
    logits = torch.full((1, 40), -400.0)
    logits[0, 7] = 0
    (mixture,) = fit_mixtures([logits.softmax(1)], components=5, calls=8)
    assert torch.isfinite(mixture.divergence).all()
    assert torch.isfinite(mixture.log_components).all()
    q = (mixture.log_weights[..., None] + mixture.log_components).exp().sum(dim=1)[0]
    assert math.isclose(q.sum().item(), 1, rel_tol=1e-5)
