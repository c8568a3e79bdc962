"""The 3D trunk: X3D without its classification head.

Re-implemented from Feichtenhofer, "X3D: Expanding Architectures for Efficient Video Recognition",
CVPR 2020, and from the published sizes of PyTorchVideo's X3D. M and S have stages of 24, 48, 96 and
192 channels and 3, 5, 11 and 7 blocks: 2,006,130 parameters. Initial values are PyTorch's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["X3D", "TemporalAttention"]


class _SqueezeExcitation(nn.Module):
    """Channels [B, C, T, H, W] gated by their means, through 1/16 of them in whole eights."""

    def __init__(self, width: int) -> None:
        super().__init__()
        reduced = 8 * math.ceil(width / (8 * 16))
        self.gate = nn.Sequential(
            nn.Conv3d(width, reduced, 1), nn.ReLU(), nn.Conv3d(reduced, width, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x.mean(dim=(2, 3, 4), keepdim=True))


class _Block(nn.Module):
    """Inverted bottleneck with a depthwise 3 x 3 x 3 convolution.

    Where only the stride differs the shortcut is a convolution without normalisation.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int, squeeze: bool) -> None:
        super().__init__()
        inner = int(outputs * 2.25)
        self.branch = nn.Sequential(
            nn.Conv3d(inputs, inner, 1, bias=False),
            nn.BatchNorm3d(inner),
            nn.ReLU(),
            nn.Conv3d(inner, inner, 3, (1, stride, stride), padding=1, groups=inner, bias=False),
            nn.BatchNorm3d(inner),
            _SqueezeExcitation(inner) if squeeze else nn.Identity(),
            nn.SiLU(),
            nn.Conv3d(inner, outputs, 1, bias=False),
            nn.BatchNorm3d(outputs),
        )
        shortcut: list[nn.Module] = []
        if inputs != outputs or stride > 1:
            shortcut.append(nn.Conv3d(inputs, outputs, 1, (1, stride, stride), bias=False))
        if inputs != outputs:
            shortcut.append(nn.BatchNorm3d(outputs))
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.shortcut(x) + self.branch(x))


class TemporalAttention(nn.Module):
    """Revision E's pooling over time, [B, C, T, H, W] → [B, C, H, W].

    Nothing but its name is documented; choice: a weighted mean of the frames, the weights a softmax
    over time of one linear score of each frame's spatial mean.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        # A bias would be the same for all frames, and the softmax blind to it.
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        frames = x.mean(dim=(3, 4)).transpose(1, 2)
        weights = self.score(frames).squeeze(-1).softmax(dim=1)
        return torch.einsum("bcthw,bt->bchw", x, weights)


class X3D(nn.Module):
    """Clip [B, 3, T, S, S] → map [B, C, S / 32, S / 32]; time is kept at full rate, then pooled.

    Args:
        widths, depths: channels and blocks of the four stages.

    Attributes:
        channels: of the map, the last stage's width.
    """

    def __init__(
        self,
        widths: Sequence[int],
        depths: Sequence[int],
        *,
        pooling: Literal["mean", "attention"] = "mean",
    ) -> None:
        super().__init__()
        stem = widths[0]
        self.channels = widths[-1]
        self.stem = nn.Sequential(
            nn.Conv3d(3, stem, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False),
            nn.Conv3d(stem, stem, (5, 1, 1), padding=(2, 0, 0), groups=stem, bias=False),
            nn.BatchNorm3d(stem),
            nn.ReLU(),
        )
        self.stages = nn.Sequential()
        for width, depth in zip(widths, depths, strict=True):
            for index in range(depth):
                block = _Block(
                    width if index else stem,
                    width,
                    stride=1 if index else 2,
                    squeeze=index % 2 == 0,
                )
                self.stages.append(block)
            stem = width
        self.pooling = TemporalAttention(self.channels) if pooling == "attention" else None

    def forward(self, clip: Tensor) -> Tensor:
        x = self.stages(self.stem(clip))
        return x.mean(dim=2) if self.pooling is None else self.pooling(x)
