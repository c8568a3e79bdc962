"""Sinkhorn's plan against plain scaling and against its own definition."""

from __future__ import annotations

import pytest
import torch

from fixbench.systems.alignment.losses import distances, log_sinkhorn

from .conftest import seeded, videos


def _kernel(rows: int, columns: int, spread: float = 1.0) -> torch.Tensor:
    return spread * torch.randn(rows, columns, dtype=torch.float64, generator=seeded())


@pytest.mark.parametrize("steps", [1, 3, 20])
def test_against_plain_scaling(steps: int) -> None:
    log_kernel = _kernel(6, 4).requires_grad_()
    kernel = log_kernel.exp()
    v = torch.ones(4, dtype=torch.float64)
    for _ in range(steps):
        u = (1 / 6) / (kernel @ v)
        v = (1 / 4) / (kernel.T @ u)
    expected = u[:, None] * kernel * v
    found = log_sinkhorn(log_kernel, steps).exp()
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)
    weights = _kernel(6, 4)
    (slope,) = torch.autograd.grad((weights * found).sum(), log_kernel, retain_graph=True)
    (wanted,) = torch.autograd.grad((weights * expected).sum(), log_kernel)
    torch.testing.assert_close(slope, wanted, rtol=1e-8, atol=1e-12)


def test_marginals_are_uniform() -> None:
    plan = log_sinkhorn(_kernel(5, 8), 200).exp()
    torch.testing.assert_close(plan.sum(dim=1), torch.full((5,), 1 / 5, dtype=torch.float64))
    torch.testing.assert_close(plan.sum(dim=0), torch.full((8,), 1 / 8, dtype=torch.float64))


def test_columns_are_exact_after_one_step_and_rows_are_not() -> None:
    plan = log_sinkhorn(_kernel(5, 8, spread=3), 1).exp()
    torch.testing.assert_close(plan.sum(dim=0), torch.full((8,), 1 / 8, dtype=torch.float64))
    assert (plan.sum(dim=1) - 1 / 5).abs().max() > 0.01


def test_a_kernel_beyond_single_precision() -> None:
    plan = log_sinkhorn(_kernel(6, 6, spread=400).float(), 500).exp()
    assert torch.isfinite(plan).all()
    assert plan.sum().item() == pytest.approx(1, rel=1e-5)


def test_gradient_by_finite_differences() -> None:
    assert torch.autograd.gradcheck(
        lambda kernel: log_sinkhorn(kernel, 4), (_kernel(3, 5).requires_grad_(),)
    )


@pytest.mark.parametrize("length", [40, 100])
def test_the_forks_distance_has_no_gradient(length: int) -> None:
    """1e6 · ΣT / (NM) in single precision: the sum of a plan is 1 whatever the embeddings are."""
    x, y = (
        video.detach().float().requires_grad_() for video in videos(length, length, channels=128)
    )
    distance = distances(x, y)
    total = 1e6 * log_sinkhorn(-distance / length, 20).exp().sum() / length**2
    assert total.item() == pytest.approx(1e6 / length**2, rel=1e-5)
    slopes = torch.autograd.grad(total, [x, y])
    assert max(slope.abs().max().item() for slope in slopes) <= 4e-7
