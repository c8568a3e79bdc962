"""VAVA against loops written from its formulas, and the constants of the fork's version."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fixbench.systems.alignment.losses import LossOptions, _vava, vava_loss

from .conftest import assert_same, distance, videos


def _normal(value: float, deviation: float) -> float:
    return math.exp(-((value / deviation) ** 2) / 2) / (deviation * math.sqrt(2 * math.pi))


def _matrix(x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([torch.stack([distance(row, other) for other in y]) for row in x])


def _plan(kernel: Tensor, steps: int) -> Tensor:
    rows, columns = kernel.shape
    v = torch.ones(columns, dtype=kernel.dtype)
    for _ in range(steps):
        u = (1 / rows) / (kernel @ v)
        v = (1 / columns) / (kernel.T @ u)
    return u[:, None] * kernel * v


def _paper_pair(x: Tensor, y: Tensor, phi: float, steps: int) -> Tensor:
    squared = _matrix(x, y) ** 2
    n, m = squared.shape
    c, smoothing = math.sqrt(1 / n**2 + 1 / m**2), 0.1 * n * m / 4
    cost = torch.full((n + 1, m + 1), 0.5, dtype=x.dtype)
    kernel = torch.full_like(cost, _normal(5, 2) * math.exp(-0.5 / smoothing))
    cost[:n, :m] = squared
    cells = kernel.clone()
    for i in range(n):
        for j in range(m):
            i_o = int(squared[:, j].argmin()) + 1
            j_o = int(squared[i].argmin()) + 1
            diagonal = abs((i + 1) / n - (j + 1) / m)
            optimal = (abs(i + 1 - i_o) / n + abs(j + 1 - j_o) / m) / 2
            s = (n + m) * (phi / (diagonal**2 + 1) + (1 - phi) / (optimal**2 + 1))
            p = phi * _normal(diagonal / c, 2) + (1 - phi) * _normal(optimal / c, 2)
            cells[i, j] = p * ((s - squared[i, j]) / smoothing).exp()
    plan = _plan(cells, steps)
    contrast = []
    lines = [*plan[:n, :m], *plan[:n, :m].T]
    for line, costs in zip(lines, [*squared, *squared.T], strict=True):
        pair = torch.stack([-costs[line.argmax()], -costs[line.argmin()]]) / 0.5
        contrast.append(-pair.log_softmax(0)[0])
    return (plan * cost).sum() / (n * m) + 1e-4 * torch.stack(contrast).mean()


def _paper_intra(video: Tensor) -> Tensor:
    terms = []
    for i, x in enumerate(video):
        for j, y in enumerate(video):
            squared = ((x - y) ** 2).sum()
            near = squared / ((i - j) ** 2 + 1)
            terms.append(near if abs(i - j) <= 15 else (2 - squared).clamp(min=0))
    return torch.stack(terms).mean()


def _fork_pair(x: Tensor, y: Tensor, phi: float) -> Tensor:
    n, m = len(x), len(y)
    rows, columns = n + 1, m + 1
    table = torch.full((rows, columns), 0.5, dtype=x.dtype)
    table[1:, 1:] = _matrix(x, y)
    # Columns before rows.
    plan = _plan((-table / n).exp().T, 20).T
    c = math.sqrt(1 / rows**2 + 1 / columns**2)
    total = 1e6 * plan.sum() / (rows * columns)
    for i in range(rows):
        for j in range(columns):
            diagonal = abs(i / rows - j / columns)
            by_row = abs(i - int(plan[i].argmax())) / rows
            by_column = abs(j - int(plan[:, j].argmax())) / rows
            s = phi / (diagonal**2 + 1)
            s += (1 - phi) / ((by_row**2 + by_column**2) / 2 + 1)
            p = phi * _normal(diagonal / c, 0.6)
            p += (1 - phi) * _normal((by_row + by_column) / 2 / c, 0.6) + 1e-8
            t = plan[i, j]
            total = total - (n + m) * t * s + 0.1 * n * m / 4 * t * ((t + 1e-8) / p).log()
            if t == plan[i].max() and t == plan[:, j].max():
                total = total + 0.5 * table[i, j]
            if t == plan[i].min() and t == plan[:, j].min():
                total = total - 0.5 * table[i, j]
    return total


def _fork_intra(video: Tensor) -> Tensor:
    total = torch.zeros((), dtype=video.dtype)
    for i, x in enumerate(video):
        for j, y in enumerate(video):
            margin = (2 - distance(x, y)).clamp(min=0) if abs(i - j) >= 15 else 2
            total = total + (1 + (i - j) ** 2) * margin
    return total


# φ = .999 to the powers 1 and 10, and its floor.
@pytest.mark.parametrize(("age", "phi"), [(0, 0.999), (110, 0.999**10), (10**9, 0.001)])
def test_paper_against_a_loop(age: int, phi: float) -> None:
    def loop(clips: list[Tensor]) -> Tensor:
        x, y = clips
        intra = 0.5 * (_paper_intra(x) + _paper_intra(y))
        return (_paper_pair(x, y, phi, 20) + _paper_pair(y, x, phi, 20)) / 2 + intra

    assert_same(
        lambda clips: vava_loss(clips, formulation="paper", epoch=0, step=age),
        loop,
        videos(7, 17),
    )


@pytest.mark.parametrize(("age", "phi"), [(0, 0.999), (48, 0.999**7)])
def test_as_found_against_a_loop_over_both_orders(age: int, phi: float) -> None:
    def loop(clips: list[Tensor]) -> Tensor:
        x, y = clips
        intra = 0.5 * (_fork_intra(x) + _fork_intra(y))
        return _fork_pair(x, y, phi) + _fork_pair(y, x, phi) + 2 * intra

    assert_same(
        lambda clips: vava_loss(clips, formulation="as_found", epoch=age, step=0),
        loop,
        videos(8, 17, spread=0.5),
        relative=1e-8,
    )


def test_gradients_by_finite_differences() -> None:
    for formulation in ("paper", "as_found"):
        embeddings = videos(6, 17, channels=2, spread=0.5)
        assert torch.autograd.gradcheck(
            lambda *clips, form=formulation: vava_loss(
                clips, formulation=form, epoch=3, step=3, options=LossOptions(sinkhorn_steps=5)
            ),
            tuple(embeddings),
            fast_mode=True,
        )


def test_the_age_is_counted_in_steps_by_the_paper_and_in_epochs_by_the_fork() -> None:
    embeddings = videos(6, 6)

    def value(formulation: str, epoch: int, step: int) -> float:
        return vava_loss(
            embeddings,
            formulation=formulation,  # type: ignore[arg-type]
            epoch=epoch,
            step=step,
        ).item()

    assert value("paper", 0, 0) == value("paper", 9999, 0)
    assert value("paper", 0, 0) != value("paper", 0, 9999)
    assert value("as_found", 0, 0) == value("as_found", 0, 9999)
    assert value("as_found", 0, 0) != value("as_found", 9999, 0)


def test_the_distance_as_found_is_a_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = videos(12, 9)
    found = vava_loss(embeddings, formulation="as_found", epoch=0, step=0)
    slopes = torch.autograd.grad(found, embeddings)
    monkeypatch.setattr(_vava, "FORK_DISTANCE_SCALE", 0.0)
    without = vava_loss(embeddings, formulation="as_found", epoch=0, step=0)
    assert found.item() - without.item() == pytest.approx(2 * 1e6 / (13 * 10), rel=1e-9)
    for slope, other in zip(slopes, torch.autograd.grad(without, embeddings), strict=True):
        torch.testing.assert_close(slope, other, rtol=1e-6, atol=1e-9)


def test_the_floor_as_found_has_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contrastive part of spread videos: 8236 a frame away from the ends, 7.3e5 for 100."""
    embeddings = videos(100, 100, channels=16, spread=30)
    found = vava_loss(embeddings, formulation="as_found", epoch=0, step=0)
    monkeypatch.setattr(_vava, "INTRA_WEIGHT", 0.0)
    without = vava_loss(embeddings, formulation="as_found", epoch=0, step=0)
    floor = sum(1 + (i - j) ** 2 for i in range(100) for j in range(100) if abs(i - j) < 15)
    contrast = (found - without).item()
    # What is left of C(X, Y) besides the constant of both videos in both orders.
    between = contrast - 4 * floor
    assert abs(between) < 0.1 * 4 * floor
    assert 4 * floor == pytest.approx(7.3e5, rel=0.01)
    assert 4 * sum(1 + d**2 for d in range(-14, 15)) == 8236
