"""SimOTA: which cell answers for which box.

The matching is `fixbench.detection.match`, with its costs; this module says which cells are near
which box. "Near" is FCOS's sub-box around the centre, in strides (Tian et al., arXiv 2006.09214).

Recorded facts of document 000's code fix the rest: L_cls = Σ over the 219 classes of
BCE(√(σ(class) · σ(confidence)), label), objects by sigmoids although the loss takes their softmax;
L_reg = −log IoU, with weight 3; `CENTRE_RADIUS`, `OUTSIDE_COST`; k is the sum of the ten largest
IoUs rounded down, at least 1.

Which cells are considered is the same for all boxes of a frame: those inside any box or near any
centre, borders left out. Others are taken by no box and their IoUs do not count for k. Recorded
batches are assigned as the origin assigns them (``tests/systems/yowo/golden``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fixbench.detection import Assignment, class_cost, iou_matrix, match

__all__ = ["Targets", "assign", "pad_targets"]

# Facts of document 000's code.
#: Half the side of the square "near a centre", in strides.
CENTRE_RADIUS = 2.5
#: Added to the cost of a cell unless it lies both inside the box and near its centre.
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
    return match(
        iou_matrix(targets.boxes, boxes),
        class_cost(confidence, classes, targets.labels),
        considered=considered,
        free=near & inside,
        outside_cost=OUTSIDE_COST,
    )


def _geometry(centres: Tensor, strides: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Whether cells lie near a box's centre, and whether inside the box: bool [B, T, N] each."""
    low, high = boxes[:, :, None, :2], boxes[:, :, None, 2:]
    offset = centres - 0.5 * (low + high)
    near = (offset.abs() < CENTRE_RADIUS * strides[:, None]).all(dim=-1)
    return near, ((low < centres) & (centres < high)).all(dim=-1)
