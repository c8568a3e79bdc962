"""SimOTA's matching: which cell answers for which box, once costs are known.

Ge et al., "YOLOX" (arXiv 2107.08430), section "SimOTA": each box takes the k cells of least cost
L_cls + λ · L_reg (equation 1). From Ge et al., "OTA" (arXiv 2103.14259), come k, estimated from a
sum of the largest IoUs ("Dynamic k Estimation"), a constant cost away from the centre in place of a
hard limit ("Center Prior"), and that a cell answers for at most one box.

Which cells are near a box, which are considered, and the cost of being away differ between systems
and are theirs. Choices of this project, where the papers say nothing:

- A cell that several boxes take goes to the box of the frame for which it costs least, even if that
  box has not taken it.
- Logarithms stay finite by `IOU_OFFSET` and `SCORE_MARGIN`; of equal costs the first cell, or box,
  comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Assignment", "class_cost", "match"]

#: λ, the weight of −log IoU.
IOU_WEIGHT = 3.0
#: How many of a box's largest IoUs are summed for k.
SUMMED_IOUS = 10

# This project's choices.
#: Added to an IoU before its logarithm: no overlap costs 3 · 18.4.
IOU_OFFSET = 1e-8
#: Scores keep this distance from 0 and 1: a class costs at most 16.1.
SCORE_MARGIN = 1e-7


@dataclass(frozen=True)
class Assignment:
    """Attributes:
    target: int64 [B, N], the box for which a cell answers; −1 for background.
    """

    target: Tensor

    @property
    def foreground(self) -> Tensor:
        """bool [B, N]."""
        return self.target >= 0


@torch.no_grad()
def match(
    iou: Tensor, classes: Tensor, *, considered: Tensor, free: Tensor, outside_cost: float
) -> Assignment:
    """Match the cells of every frame with its boxes.

    Args:
        iou: of true and predicted boxes [B, T, N].
        classes: the cost of the class [B, T, N], as `class_cost` gives it.
        considered: bool [B, T, N]; other cells are taken by no box and do not count for k.
        free: bool [B, T, N], of what does not cost ``outside_cost``.
    """
    iou = iou.masked_fill(~considered, 0)
    # Single precision would not tell apart costs that differ by less than 0.01 at 10⁵.
    cost = classes.double()
    cost = cost - IOU_WEIGHT * (iou.double() + IOU_OFFSET).log() + outside_cost * ~free
    cost = cost.masked_fill(~considered, torch.inf)

    largest = iou.topk(min(SUMMED_IOUS, iou.shape[-1]), dim=-1).values
    k = largest.sum(dim=-1, keepdim=True).floor().clamp(min=1)
    # Stable, so that ties are settled alike on every machine.
    rank = cost.argsort(dim=-1, stable=True).argsort(dim=-1)
    taken = (rank < k) & considered
    takers = taken.sum(dim=1)
    target = torch.where(takers > 1, cost.argmin(dim=1), taken.byte().argmax(dim=1))
    return Assignment(target.masked_fill(takers == 0, -1))


def class_cost(confidence: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
    """Σ BCE(√(σ(class) · σ(confidence)), label) of every pair, [B, T, N].

    Linear in the labels, so that one matrix product replaces a [B, T, N, C] array.

    Args:
        confidence: logits [B, N]; classes: logits [B, N, C]; labels: [B, T, C].
    """
    score = (classes.sigmoid() * confidence.sigmoid()[..., None]).sqrt()
    score = score.clamp(SCORE_MARGIN, 1 - SCORE_MARGIN)
    yes, no = score.log(), (-score).log1p()
    return -(labels @ (yes - no).transpose(1, 2) + no.sum(dim=-1)[:, None])
