"""TCC against loops over frames written from its formulas."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from fixbench.systems.alignment.losses import LossOptions, tcc_loss

from .conftest import assert_same, distance, seeded, videos


def _softmax(logits: list[Tensor]) -> list[Tensor]:
    exponentials = [logit.exp() for logit in logits]
    total = sum(exponentials, torch.zeros(()))
    return [item / total for item in exponentials]


def _mixed(weights: list[Tensor], rows: Tensor) -> Tensor:
    return sum((w * row for w, row in zip(weights, rows, strict=True)), torch.zeros(()))


def _paper(clips: list[Tensor], times: list[Tensor]) -> Tensor:
    terms = []
    for a, x in enumerate(clips):
        for b, y in enumerate(clips):
            if a == b:
                continue
            channels = x.shape[1]
            for i in range(len(x)):
                alpha = _softmax([-(distance(x[i], row) ** 2) / channels / 0.1 for row in y])
                neighbour = _mixed(alpha, y)
                beta = _softmax([-(distance(neighbour, row) ** 2) / channels / 0.1 for row in x])
                mu = sum(w * k for w, k in zip(beta, times[a], strict=True))
                variance = sum(w * (k - mu) ** 2 for w, k in zip(beta, times[a], strict=True))
                error = (times[a][i] - mu) ** 2
                terms.append(error / variance + 0.001 * torch.log(torch.as_tensor(variance)))
    return torch.stack(terms).mean()


def _as_found(embeddings: list[Tensor]) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for x in embeddings:
        for y in embeddings:
            rows, means = [], []
            for i in range(len(x)):
                neighbour = _mixed(_softmax([-distance(x[i], row) / 0.1 for row in y]), y)
                rows.append(_softmax([-distance(neighbour, row) / 0.1 for row in x]))
                means.append(sum(w * k for k, w in enumerate(rows[-1])))
            for i, beta in enumerate(rows):
                # k − μ_k: every position against its own mean.
                variance = sum(w * (k - means[k]) ** 2 for k, w in enumerate(beta))
                deviation = torch.as_tensor(variance).sqrt()
                total = total + (i - means[i]) ** 2 / variance + 0.001 * deviation.log()
    return total / len(embeddings) ** 2


def test_paper_against_a_loop() -> None:
    embeddings = videos(6, 5, spread=0.7)
    times = [torch.arange(len(video)).double() / len(video) for video in embeddings]
    assert_same(
        lambda clips: tcc_loss(clips, formulation="paper", generator=seeded()),
        lambda clips: _paper(clips, times),
        embeddings,
    )


def test_paper_draws_frames_of_long_videos_and_keeps_their_times() -> None:
    embeddings = videos(9, 4, 12, spread=0.7)
    generator = seeded(5)
    drawn = [torch.randperm(9, generator=generator)[:5].sort().values, torch.arange(4)]
    drawn.append(torch.randperm(12, generator=generator)[:5].sort().values)
    times = [f.double() / len(video) for f, video in zip(drawn, embeddings, strict=True)]
    options = LossOptions(frames=5)
    assert_same(
        lambda clips: tcc_loss(clips, formulation="paper", generator=seeded(5), options=options),
        lambda clips: _paper([clip[f] for clip, f in zip(clips, drawn, strict=True)], times),
        embeddings,
    )


def test_as_found_against_a_loop() -> None:
    # Far enough apart for distinct β, near enough that no variance is rounding.
    assert_same(
        lambda clips: tcc_loss(clips, formulation="as_found", generator=seeded()),
        _as_found,
        videos(7, 5, spread=0.2),
        relative=1e-7,
    )


def test_as_found_with_three_videos() -> None:
    assert_same(
        lambda clips: tcc_loss(clips, formulation="as_found", generator=seeded()),
        _as_found,
        videos(4, 5, 3, spread=0.1),
        relative=1e-7,
    )


def test_gradients_by_finite_differences() -> None:
    for formulation in ("paper", "as_found"):
        embeddings = videos(5, 4, spread=0.15)
        assert torch.autograd.gradcheck(
            lambda *clips, form=formulation: tcc_loss(clips, formulation=form, generator=seeded()),
            tuple(embeddings),
        )


def test_equal_frames_cost_one_each_as_found() -> None:
    """β uniform: (i − μ)² summed is N times the variance, so N per pair, plus 0.001 · N · log σ."""
    n = 30
    same = [torch.ones(n, 8, dtype=torch.float64)] * 2
    found = tcc_loss(same, formulation="as_found", generator=seeded()).item()
    expected = n + 0.0005 * n * torch.tensor((n**2 - 1) / 12).log().item()
    assert abs(found - expected) < 1e-6


def _far_apart() -> list[Tensor]:
    return [(100 * torch.randn(12, 16, generator=seeded(k))).requires_grad_() for k in range(2)]


@pytest.mark.parametrize(
    ("formulation", "options"),
    [("paper", LossOptions()), ("as_found", LossOptions(variance_floor=1.2e-7))],
)
def test_one_hot_returns_stay_finite_with_a_floor(formulation: Any, options: LossOptions) -> None:
    clips = _far_apart()
    loss = tcc_loss(clips, formulation=formulation, generator=seeded(), options=options)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(clip.grad).all() for clip in clips if clip.grad is not None)


def test_one_hot_returns_are_not_a_number_as_found() -> None:
    """Each frame of a video returns to itself alone: (i − μ)² and σ² are both 0."""
    assert torch.isnan(tcc_loss(_far_apart(), formulation="as_found", generator=seeded()))


def test_a_floor_below_every_variance_changes_nothing() -> None:
    embeddings = videos(7, 5, spread=0.2)
    values = [
        tcc_loss(
            embeddings,
            formulation="as_found",
            generator=seeded(),
            options=LossOptions(variance_floor=floor),
        ).item()
        for floor in (0.0, 1e-7, 1e3)
    ]
    assert values[0] == values[1] != values[2]
