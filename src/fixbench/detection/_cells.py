"""Cells of a feature map: where they are, and the boxes that they predict.

Ge et al., "YOLOX" (arXiv 2107.08430): a cell predicts an offset and a size in units of its stride.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["cell_centres", "decode_boxes"]


def cell_centres(height: int, width: int, stride: int, device: torch.device) -> Tensor:
    """[H · W, 2]: (x, y) of the cells' centres in pixels, row by row."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
    )
    return (torch.stack([x, y], dim=-1).reshape(-1, 2) + 0.5) * stride


def decode_boxes(raw: Tensor, anchors: Tensor, strides: Tensor) -> Tensor:
    """Raw boxes [B, N, 4] → corners (x1, y1, x2, y2) in pixels.

    Centre: the anchor plus stride times the first two; size: stride times exp of the others.

    Args:
        anchors: the points of the cells from which offsets count, [N, 2] in pixels; YOWOv2 takes
            their centres, YOLOX their upper left corners.
        strides: [N].
    """
    scale = strides[:, None]
    middle = anchors + raw[..., :2] * scale
    half = 0.5 * raw[..., 2:].exp() * scale
    return torch.cat([middle - half, middle + half], dim=-1)
