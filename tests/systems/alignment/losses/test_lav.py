"""LAV against loops over frames, and what the fork's version cannot do."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fixbench.systems.alignment.losses import LossOptions, lav_loss, soft_dtw
from fixbench.systems.alignment.losses._intra import intra_as_found

from .conftest import assert_same, distance, seeded, videos


def _warped(x: Tensor, y: Tensor) -> Tensor:
    cost = torch.stack([torch.stack([distance(row, other) ** 2 for other in y]) for row in x])
    return soft_dtw(cost, 0.1)


def _intra_paper(clip: Tensor, frames: list[int], length: int) -> Tensor:
    total = torch.zeros((), dtype=clip.dtype)
    for i, x in enumerate(clip):
        for j, y in enumerate(clip):
            squared = distance(x, y) ** 2 if i != j else torch.zeros(())
            gap = (frames[i] - frames[j]) / length
            if abs(gap) > 10 / length:
                total = total + (1 + gap**2) * (2 - squared).clamp(min=0)
            else:
                total = total + squared
    return total


def _intra_as_found(video: Tensor) -> Tensor:
    total = torch.zeros((), dtype=video.dtype)
    for i, x in enumerate(video):
        for j, y in enumerate(video):
            margin = (2 - distance(x, y)).clamp(min=0) if abs(i - j) >= 15 else 2
            total = total + (1 + (i - j) ** 2) * margin
    return total


def _paper(clips: list[Tensor], frames: list[list[int]], lengths: list[int]) -> Tensor:
    x, y = (clip / clip.norm(dim=1, keepdim=True) for clip in clips)
    intra = _intra_paper(x, frames[0], lengths[0]) + _intra_paper(y, frames[1], lengths[1])
    return (_warped(x, y) + 0.5 * intra) / ((len(x) + len(y)) / 2)


def test_paper_against_a_loop() -> None:
    embeddings = videos(14, 17)
    frames = [list(range(14)), list(range(17))]
    assert_same(
        lambda clips: lav_loss(clips, formulation="paper", generator=seeded()),
        lambda clips: _paper(clips, frames, [14, 17]),
        embeddings,
    )


def test_paper_draws_frames_of_long_videos() -> None:
    embeddings = videos(30, 40)
    generator = seeded(3)
    drawn = [torch.randperm(n, generator=generator)[:8].sort().values for n in (30, 40)]
    options = LossOptions(frames=8)
    assert_same(
        lambda clips: lav_loss(clips, formulation="paper", generator=seeded(3), options=options),
        lambda clips: _paper(
            [clip[f] for clip, f in zip(clips, drawn, strict=True)],
            [f.tolist() for f in drawn],
            [30, 40],
        ),
        embeddings,
    )


def test_as_found_against_a_loop_over_both_orders() -> None:
    def loop(clips: list[Tensor]) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for a, x in enumerate(clips):
            for b, y in enumerate(clips):
                if a != b:
                    intra = _intra_as_found(x) + _intra_as_found(y)
                    total = total + _warped(x, y) + 0.01 * intra
        return total

    for lengths in ((18, 20), (16, 17, 4)):
        assert_same(
            lambda clips: lav_loss(clips, formulation="as_found", generator=seeded()),
            loop,
            videos(*lengths, spread=0.5),
        )


def test_gradients_by_finite_differences() -> None:
    for formulation in ("paper", "as_found"):
        embeddings = videos(18, 16, channels=2, spread=0.5)
        assert torch.autograd.gradcheck(
            lambda *clips, form=formulation: lav_loss(clips, formulation=form, generator=seeded()),
            tuple(embeddings),
            fast_mode=True,
        )


def test_near_frames_are_a_constant_as_found() -> None:
    """Once frames 15 or more apart are 2 apart, the term is 2 · Σ (1 + Δ²) and pulls nothing."""
    (video,) = videos(40, spread=30)
    term = intra_as_found(video)
    expected = sum(2 * (1 + (i - j) ** 2) for i in range(40) for j in range(40) if abs(i - j) < 15)
    assert term.item() == expected
    (slope,) = torch.autograd.grad(term, video)
    assert slope.abs().max().item() == 0
    # 0.01 of both videos in both orders: 165 a frame away from the ends, 147 for 100 frames.
    assert 0.04 * sum(2 * (1 + d**2) for d in range(-14, 15)) == pytest.approx(164.72)
    hundred = intra_as_found(torch.randn(100, 64, generator=seeded()) * 30).item()
    assert 0.04 * hundred / 100 == pytest.approx(147, rel=0.01)


def test_the_paper_pulls_near_frames_together() -> None:
    embeddings = videos(12, 12)
    loss = lav_loss(embeddings, formulation="paper", generator=seeded())
    slopes = torch.autograd.grad(loss, embeddings)
    with torch.no_grad():
        moved = [x - 1e-3 * slope for x, slope in zip(embeddings, slopes, strict=True)]
    assert lav_loss(moved, formulation="paper", generator=seeded()).item() < loss.item()


def test_collapsed_videos_grow_with_the_fourth_power_as_found() -> None:
    """Every D is 0: 0.04 · Σ 2 (1 + Δ²) = 0.04 · (2N² + N² (N² − 1) / 3), less the soft-DTW."""
    for n in (30, 100):
        same = [torch.ones(n, 8, dtype=torch.float64)] * 2
        found = lav_loss(same, formulation="as_found", generator=seeded()).item()
        warped = soft_dtw(torch.zeros(n, n, dtype=torch.float64), 0.1).item()
        expected = 0.04 * (2 * n**2 + n**2 * (n**2 - 1) / 3) + 2 * warped
        assert found == pytest.approx(expected, rel=1e-9)
    assert found / 100**4 == pytest.approx(0.0133, rel=0.01)
    assert math.isclose(found, 1.33e6, rel_tol=0.01)
