"""YOLOX's decoupled head on every output of the pyramid.

Ge et al., arXiv 2107.08430, in RVT's width: a quarter of the last map's channels. Offsets count
from a cell's upper left corner, where YOWO's count from its centre.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fixbench.detection import cell_centres, decode_boxes
from fixbench.systems.event_detector._blocks import convolution

__all__ = ["PRIOR", "Head", "Predictions"]

#: Initial probability of every class and of the confidence.
PRIOR = 0.01


@dataclass(frozen=True)
class Predictions:
    """Attributes:
    confidence: logits [B, N]; classes: logits [B, N, C]; boxes: corners in pixels [B, N, 4].
    centres: of the cells [N, 2] in pixels; strides: [N].
    """

    confidence: Tensor
    classes: Tensor
    boxes: Tensor
    centres: Tensor
    strides: Tensor


class Head(nn.Module):
    """Maps [B, Cᵢ, Hᵢ, Wᵢ] → predictions of all their cells."""

    def __init__(self, channels: Sequence[int], strides: Sequence[int], classes: int) -> None:
        super().__init__()
        width = channels[-1] // 4
        self.strides = tuple(strides)
        self.stems = nn.ModuleList(convolution(count, width, 1) for count in channels)
        self.class_branch = nn.ModuleList(self._branch(width) for _ in channels)
        self.box_branch = nn.ModuleList(self._branch(width) for _ in channels)
        self.classes = nn.ModuleList(nn.Conv2d(width, classes, 1) for _ in channels)
        self.boxes = nn.ModuleList(nn.Conv2d(width, 4, 1) for _ in channels)
        self.confidence = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in channels)
        for layer in (*self.classes, *self.confidence):
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            nn.init.constant_(layer.bias, -math.log((1 - PRIOR) / PRIOR))

    @staticmethod
    def _branch(width: int) -> nn.Sequential:
        return nn.Sequential(convolution(width, width, 3), convolution(width, width, 3))

    def forward(self, maps: Sequence[Tensor]) -> Predictions:
        confidence, classes, raw, centres, strides = [], [], [], [], []
        for level, (x, stride) in enumerate(zip(maps, self.strides, strict=True)):
            x = self.stems[level](x)
            boxes = self.box_branch[level](x)
            classes.append(_cells(self.classes[level](self.class_branch[level](x))))
            raw.append(_cells(self.boxes[level](boxes)))
            confidence.append(_cells(self.confidence[level](boxes)).squeeze(-1))
            where = cell_centres(x.shape[2], x.shape[3], stride, x.device)
            centres.append(where)
            strides.append(where.new_full((len(where),), float(stride)))
        where, scale = torch.cat(centres), torch.cat(strides)
        return Predictions(
            confidence=torch.cat(confidence, dim=1),
            classes=torch.cat(classes, dim=1),
            boxes=decode_boxes(torch.cat(raw, dim=1), where - 0.5 * scale[:, None], scale),
            centres=where,
            strides=scale,
        )


def _cells(x: Tensor) -> Tensor:
    """[B, C, H, W] → [B, H · W, C]."""
    return x.flatten(2).transpose(1, 2)
