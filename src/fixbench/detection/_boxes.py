"""Boxes (x1, y1, x2, y2): overlap, generalised overlap, non-maximum suppression.

GIoU: Rezatofighi et al., CVPR 2019, equation 5.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["area", "giou", "iou_matrix", "paired_iou", "suppress"]


def area(boxes: Tensor) -> Tensor:
    """[..., 4] → [...]; a box whose corners are the wrong way round has none."""
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def iou_matrix(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union [..., N, M] of boxes [..., N, 4] and [..., M, 4]; 0 without area."""
    one, other = first[..., :, None, :], second[..., None, :, :]
    return _iou(one, other)[0]


def giou(first: Tensor, second: Tensor) -> Tensor:
    """Generalised IoU [...] of boxes [..., 4], pair by pair: in (−1, 1], with gradients."""
    iou, union = _iou(first, second)
    hull = torch.cat(
        [
            torch.minimum(first[..., :2], second[..., :2]),
            torch.maximum(first[..., 2:], second[..., 2:]),
        ],
        dim=-1,
    )
    around = area(hull)
    return iou - (around - union) / around.clamp(min=torch.finfo(around.dtype).eps)


def paired_iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union [...] of boxes [..., 4], pair by pair, with gradients."""
    return _iou(first, second)[0]


def _iou(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    common = torch.cat(
        [
            torch.maximum(first[..., :2], second[..., :2]),
            torch.minimum(first[..., 2:], second[..., 2:]),
        ],
        dim=-1,
    )
    overlap = area(common)
    union = area(first) + area(second) - overlap
    return overlap / union.clamp(min=torch.finfo(union.dtype).eps), union


@torch.no_grad()
def suppress(
    boxes: Tensor, scores: Tensor, threshold: float, *, classes: Tensor | None = None
) -> Tensor:
    """Greedy non-maximum suppression: indices that remain, by falling score.

    A box goes if one that remains, scores higher and (with ``classes`` [N]) has its class overlaps
    it by more than ``threshold``. Equal scores keep their order.

    Args:
        boxes: [N, 4]; scores: [N].
    """
    order = scores.argsort(descending=True, stable=True)
    ranked = boxes[order]
    overlaps = (iou_matrix(ranked, ranked) > threshold).triu(diagonal=1)
    if classes is not None:
        overlaps &= classes[order, None] == classes[None, order]
    remains = torch.ones(len(order), dtype=torch.bool, device=boxes.device)
    # What the boxes above decide is final after as many rounds as there are boxes in a chain.
    while True:
        updated = ~(overlaps & remains[:, None]).any(dim=0)
        if torch.equal(updated, remains):
            return order[remains]
        remains = updated
