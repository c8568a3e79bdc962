"""Layers of pyramid and head.

YOLOX (Ge et al., arXiv 2107.08430), with PyTorch's ε and momentum of the normalisation, as RVT
leaves them; YOWO's blocks have others and are not shared.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["CrossStage", "convolution"]


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """2D convolution without bias, batch normalisation, SiLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.SiLU(),
    )


class CrossStage(nn.Module):
    """Two halves, one of which passes bottlenecks without shortcuts, joined again."""

    def __init__(self, inputs: int, outputs: int, bottlenecks: int) -> None:
        super().__init__()
        half = outputs // 2
        self.deep = nn.Sequential(
            convolution(inputs, half, 1),
            *(
                nn.Sequential(convolution(half, half, 1), convolution(half, half, 3))
                for _ in range(bottlenecks)
            ),
        )
        self.short = convolution(inputs, half, 1)
        self.join = convolution(2 * half, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(torch.cat([self.deep(x), self.short(x)], dim=1))
