"""YOWOv2's channel encoder, which fuses the 2D and the 3D map of a level.

Re-implemented from recorded facts (order and kinds of layers, the attention's formula) and papers:
Yang and Dai, "YOWOv2: A Stronger yet Efficient Multi-level Detection Framework for Real-time
Spatio-temporal Action Detection", 2023; channel attention: Fu et al., "Dual Attention Network for
Scene Segmentation", CVPR 2019. Initial values are PyTorch's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fixbench.systems.yowo._blocks import convolution

__all__ = ["ChannelEncoder", "ChannelSelfAttention"]


class ChannelSelfAttention(nn.Module):
    """γ · A X + X with A = softmax(max E − E), the maximum by row, and E = X Xᵀ; γ starts at 0.

    X is the map [B, C, H, W] as C rows: a channel attends to those that differ from it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2)
        energy = rows @ rows.transpose(1, 2)
        weights = (energy.amax(dim=-1, keepdim=True) - energy).softmax(dim=-1)
        return self.gamma * (weights @ rows).reshape(x.shape) + x


class ChannelEncoder(nn.Sequential):
    """Map [B, inputs, H, W] → [B, width, H, W]."""

    def __init__(self, inputs: int, width: int, *, dropout: float) -> None:
        super().__init__(
            convolution(inputs, width),
            convolution(width, width, 3),
            ChannelSelfAttention(),
            convolution(width, width, 3),
            nn.Dropout(dropout),
            nn.Conv2d(width, width, 1),
        )
