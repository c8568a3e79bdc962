"""PAFPN: features travel down the pyramid and up again (Liu et al., arXiv 1803.01534; YOLOX).

The published one takes three maps. The document's 4-scale mode is the same rule for four.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.event_detector._blocks import CrossStage, convolution

__all__ = ["Pyramid"]


class Pyramid(nn.Module):
    """Maps of falling resolution [B, Cᵢ, H/2ⁱ, W/2ⁱ] → maps of the same shapes.

    Args:
        channels: of the maps; depth: round(3 · depth) bottlenecks a block.
    """

    def __init__(self, channels: Sequence[int], depth: float) -> None:
        super().__init__()
        bottlenecks = round(3 * depth)
        pairs = list(pairwise(channels))
        self.lateral = nn.ModuleList(convolution(high, low, 1) for low, high in pairs)
        self.descend = nn.ModuleList(CrossStage(2 * low, low, bottlenecks) for low, _ in pairs)
        self.down = nn.ModuleList(convolution(low, low, 3, 2) for low, _ in pairs)
        self.ascend = nn.ModuleList(CrossStage(2 * low, high, bottlenecks) for low, high in pairs)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        x = maps[-1]
        laterals: list[Tensor] = []
        for level in reversed(range(len(self.lateral))):
            narrow = self.lateral[level](x)
            laterals.append(narrow)
            wide = functional.interpolate(narrow, scale_factor=2.0, mode="nearest-exact")
            x = self.descend[level](torch.cat([wide, maps[level]], dim=1))
        outputs = [x]
        for level, narrow in enumerate(reversed(laterals)):
            joined = torch.cat([self.down[level](outputs[-1]), narrow], dim=1)
            outputs.append(self.ascend[level](joined))
        return outputs
