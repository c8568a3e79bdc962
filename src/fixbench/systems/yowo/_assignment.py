"""SimOTA: which cell answers for which box (Ge et al., "YOLOX", 2021, with YOWOv2's settings).

For a box, the cells in question are those whose centre lies in any box or near any box's centre.
The cost of a pair is

    Σ over classes of BCE(√(σ(class) · σ(confidence)), label) + 3 · (−log IoU)
    + 10⁵ unless the cell lies in the box and near its centre;

objects are scored by sigmoids here although the loss takes their softmax. A box gets the k
cheapest cells, k = max(1, ⌊sum of its ten largest IoUs⌋); a cell chosen twice goes to the box that
costs it least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fixbench.systems.yowo._boxes import iou_matrix

__all__ = ["Assignment", "Targets", "assign", "pad_targets"]

#: Half the side of "near a centre", in strides; IoUs that are summed; costs.
CENTRE_RADIUS = 2.5
CANDIDATES = 10
IOU_WEIGHT = 3.0
OUTSIDE_COST = 1e5


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
    iou: [B, N], of the predicted box with it; 0 for background.
    """

    target: Tensor
    iou: Tensor

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
        return Assignment(target=torch.full_like(confidence, -1).long(), iou=confidence * 0)
    near, inside = _geometry(centres, strides, targets)
    candidate = (near | inside).any(dim=1, keepdim=True) & targets.present[..., None]
    iou = iou_matrix(targets.boxes, boxes).masked_fill(~candidate, 0)
    # IoUs lie around 1 and the penalty at 10⁵: single precision would not tell costs apart there.
    cost = _class_cost(confidence, classes, targets.labels).double()
    cost = cost - IOU_WEIGHT * (iou.double() + 1e-8).log() + OUTSIDE_COST * ~(near & inside)
    cost = cost.masked_fill(~candidate, torch.inf)

    largest = iou.topk(min(CANDIDATES, iou.shape[-1]), dim=-1).values
    counts = largest.sum(dim=-1).floor().clamp(min=1).long()
    # Stable: of equal costs the first cell's counts, on every machine.
    rank = cost.argsort(dim=-1, stable=True).argsort(dim=-1)
    chosen = (rank < counts[..., None]) & candidate

    contested = chosen.sum(dim=1, keepdim=True) > 1
    cheapest = torch.zeros_like(chosen).scatter_(1, cost.argmin(dim=1, keepdim=True), True)
    chosen = torch.where(contested, cheapest, chosen)
    answers = chosen.any(dim=1)
    target = chosen.byte().argmax(dim=1).masked_fill(~answers, -1)
    return Assignment(target=target, iou=(iou * chosen).sum(dim=1))


def _geometry(centres: Tensor, strides: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Whether cells lie near a box's centre, and whether inside the box: bool [B, T, N] each."""
    low, high = targets.boxes[:, :, None, :2], targets.boxes[:, :, None, 2:]
    middle = 0.5 * (low + high)
    radius = CENTRE_RADIUS * strides[:, None]
    near = ((centres - middle).abs() < radius).all(dim=-1)
    inside = ((centres > low) & (centres < high)).all(dim=-1)
    present = targets.present[..., None]
    return near & present, inside & present


def _class_cost(confidence: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
    """Σ BCE(√(σ(class) · σ(confidence)), label) of every pair, [B, T, N].

    Linear in the labels, so that one matrix product replaces a [B, T, N, 219] array.
    """
    score = (classes.sigmoid() * confidence.sigmoid()[..., None]).sqrt().clamp(1e-7, 1 - 1e-7)
    yes, no = score.log(), (-score).log1p()
    return -(labels @ (yes - no).transpose(1, 2) + no.sum(dim=-1)[:, None])
