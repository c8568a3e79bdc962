"""Small videos in double precision, and the comparison of a loss with its plain loop."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def videos(*lengths: int, channels: int = 3, spread: float = 1.0, seed: int = 0) -> list[Tensor]:
    """Random videos (T_i, channels) that record gradients."""
    generator = seeded(seed)
    return [
        (
            spread * torch.randn(length, channels, dtype=torch.float64, generator=generator)
        ).requires_grad_()
        for length in lengths
    ]


def distance(x: Tensor, y: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x - y)  # with gradient 0 at 0


def assert_same(
    loss: Callable[[list[Tensor]], Tensor],
    loop: Callable[[list[Tensor]], Tensor],
    embeddings: list[Tensor],
    *,
    relative: float = 1e-9,
) -> None:
    """Value and gradients of a loss and of a loop agree."""
    found, expected = loss(embeddings), loop(embeddings)
    torch.testing.assert_close(found, expected, rtol=relative, atol=1e-12)
    slopes = torch.autograd.grad(found, embeddings)
    wanted = torch.autograd.grad(expected, embeddings)
    largest = max(gradient.abs().max().item() for gradient in wanted)
    assert largest > 0
    for slope, gradient in zip(slopes, wanted, strict=True):
        torch.testing.assert_close(slope, gradient, rtol=0, atol=largest * relative * 10)
