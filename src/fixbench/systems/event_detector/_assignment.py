"""SimOTA as YOLOX has it: which cell answers for which box.

Costs, k and conflicts are those of `fixbench.detection.match`, which YOWO uses too. What differs
from YOWO, by recorded facts of RVT's code: a cell is near a centre within 1.5 strides (2.5 there);
only such cells are considered (there also those inside a box); a cell pays 10⁶ unless it is near
the box's centre (there 10⁵ unless it is near and inside).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fixbench.detection import Assignment, class_cost, iou_matrix, match
from fixbench.systems.event_detector._head import Predictions

__all__ = ["CENTRE_RADIUS", "OUTSIDE_COST", "Targets", "assign", "pad_targets"]

#: Half the side of the square "near a centre", in strides.
CENTRE_RADIUS = 1.5
#: Added to the cost of a cell that is near no centre but another box's.
OUTSIDE_COST = 1e6


@dataclass(frozen=True)
class Targets:
    """Ground truth of B frames, padded to the longest.

    Attributes:
        boxes: corners [B, T, 4] in pixels; classes: int64 [B, T]; present: bool [B, T], false where
            padded.
    """

    boxes: Tensor
    classes: Tensor
    present: Tensor


def pad_targets(boxes: Sequence[Tensor], classes: Sequence[Tensor]) -> Targets:
    """Frames of [Tᵢ, 4] boxes and [Tᵢ] classes → one batch."""
    present = [torch.ones(len(frame), dtype=torch.bool, device=frame.device) for frame in boxes]
    pad = torch.nn.utils.rnn.pad_sequence
    return Targets(
        boxes=pad(list(boxes), batch_first=True),
        classes=pad(list(classes), batch_first=True),
        present=pad(present, batch_first=True),
    )


@torch.no_grad()
def assign(predictions: Predictions, targets: Targets) -> Assignment:
    """Assign the cells of every frame."""
    confidence = predictions.confidence
    if not targets.boxes.shape[1]:
        return Assignment(torch.full_like(confidence, -1, dtype=torch.int64))
    centre = 0.5 * (targets.boxes[..., :2] + targets.boxes[..., 2:])
    offset = (predictions.centres - centre[:, :, None]).abs()
    near = (offset < CENTRE_RADIUS * predictions.strides[:, None]).all(dim=-1)
    near &= targets.present[..., None]
    considered = near.any(dim=1, keepdim=True) & targets.present[..., None]
    classes = predictions.classes
    labels = functional.one_hot(targets.classes, classes.shape[-1]).to(classes.dtype)
    return match(
        iou_matrix(targets.boxes, predictions.boxes),
        class_cost(confidence, classes, labels),
        considered=considered,
        free=near,
        outside_cost=OUTSIDE_COST,
    )
