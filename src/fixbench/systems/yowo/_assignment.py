"""SimOTA: which cell answers for which box.

The method is that of Ge et al., "YOLOX" (arXiv 2107.08430), section "SimOTA": each box takes the k
cells of least cost L_cls + λ · L_reg near its centre (equation 1). From Ge et al., "OTA" (arXiv
2103.14259), come k, estimated from a sum of the largest IoUs ("Dynamic k Estimation"), a constant
cost away from the centre in place of a hard limit ("Center Prior"), and that a cell answers for at
most one box. "Near" is FCOS's sub-box around the centre, in strides (Tian et al., arXiv
2006.09214).

Recorded facts of document 000's code fix the rest: L_cls = Σ over the 219 classes of
BCE(√(σ(class) · σ(confidence)), label), objects by sigmoids although the loss takes their softmax;
L_reg = −log IoU; `CENTRE_RADIUS`, `OUTSIDE_COST`, `IOU_WEIGHT`, `SUMMED_IOUS`, and k = that sum
rounded down, at least 1.

Neither papers nor facts say the following; these are this project's choices:

- The cells considered are the same for all boxes of a frame: those inside any box or near any
  centre, borders left out. Others are taken by no box and their IoUs do not count for k.
- A cell that several boxes take goes to the box of the frame for which it costs least, even if that
  box has not taken it.
- Logarithms stay finite by `IOU_OFFSET` and `SCORE_MARGIN`; of equal costs the first cell, or box,
  comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fixbench.systems.yowo._boxes import iou_matrix

__all__ = ["Assignment", "Targets", "assign", "pad_targets"]

# Facts of document 000's code.
#: Half the side of the square "near a centre", in strides.
CENTRE_RADIUS = 2.5
#: Added to the cost of a cell unless it lies both inside the box and near its centre.
OUTSIDE_COST = 1e5
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
class Targets:
    """Ground truth of B frames, padded to the longest.

    Attributes:
        boxes: [B, T, 4] in pixels; labels: [B, T, 219], 0 and 1; present: bool [B, T], false where
            padded.
    """

    boxes: Tensor
    labels: Tensor
    present: Tensor


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


def pad_targets(boxes: Sequence[Tensor], labels: Sequence[Tensor]) -> Targets:
    """Frames of [Tᵢ, 4] boxes and [Tᵢ, 219] labels → one batch."""
    present = [torch.ones(len(frame), dtype=torch.bool, device=frame.device) for frame in boxes]
    pad = torch.nn.utils.rnn.pad_sequence
    return Targets(
        boxes=pad(list(boxes), batch_first=True),
        labels=pad(list(labels), batch_first=True),
        present=pad(present, batch_first=True),
    )


@torch.no_grad()
def assign(
    centres: Tensor,
    strides: Tensor,
    confidence: Tensor,
    classes: Tensor,
    boxes: Tensor,
    targets: Targets,
) -> Assignment:
    """Assign the cells of every frame.

    Args:
        centres: [N, 2] in pixels; strides: [N].
        confidence: logits [B, N]; classes: logits [B, N, 219]; boxes: predicted [B, N, 4].
    """
    if not targets.boxes.shape[1]:
        return Assignment(torch.full_like(confidence, -1, dtype=torch.int64))
    present = targets.present[..., None]
    near, inside = _geometry(centres, strides, targets.boxes)
    considered = ((near | inside) & present).any(dim=1, keepdim=True) & present
    iou = iou_matrix(targets.boxes, boxes).masked_fill(~considered, 0)
    # Single precision would not tell apart costs that differ by less than 0.01 at 10⁵.
    cost = _class_cost(confidence, classes, targets.labels).double()
    cost = cost - IOU_WEIGHT * (iou.double() + IOU_OFFSET).log() + OUTSIDE_COST * ~(near & inside)
    cost = cost.masked_fill(~considered, torch.inf)

    largest = iou.topk(min(SUMMED_IOUS, iou.shape[-1]), dim=-1).values
    k = largest.sum(dim=-1, keepdim=True).floor().clamp(min=1)
    # Stable, so that ties are settled alike on every machine.
    rank = cost.argsort(dim=-1, stable=True).argsort(dim=-1)
    taken = (rank < k) & considered
    takers = taken.sum(dim=1)
    target = torch.where(takers > 1, cost.argmin(dim=1), taken.byte().argmax(dim=1))
    return Assignment(target.masked_fill(takers == 0, -1))


def _geometry(centres: Tensor, strides: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Whether cells lie near a box's centre, and whether inside the box: bool [B, T, N] each."""
    low, high = boxes[:, :, None, :2], boxes[:, :, None, 2:]
    offset = centres - 0.5 * (low + high)
    near = (offset.abs() < CENTRE_RADIUS * strides[:, None]).all(dim=-1)
    return near, ((low < centres) & (centres < high)).all(dim=-1)


def _class_cost(confidence: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
    """Σ BCE(√(σ(class) · σ(confidence)), label) of every pair, [B, T, N].

    Linear in the labels, so that one matrix product replaces a [B, T, N, 219] array.
    """
    score = (classes.sigmoid() * confidence.sigmoid()[..., None]).sqrt()
    score = score.clamp(SCORE_MARGIN, 1 - SCORE_MARGIN)
    yes, no = score.log(), (-score).log1p()
    return -(labels @ (yes - no).transpose(1, 2) + no.sum(dim=-1)[:, None])
