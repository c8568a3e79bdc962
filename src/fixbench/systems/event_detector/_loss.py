"""The loss of YOLOX with the document's weight of small boxes.

5 · (1 − IoU²) + BCE of the confidence + BCE of the classes, each a sum over a batch divided by its
number of cells that answer (recorded facts of RVT's code; its L1 term is off). A cell's class
target is its box's class times the IoU that SimOTA matched it with.

The weight of document 002 multiplies the IoU term alone: clamp(W · e^(−A / 1024), 1, W), A the area
of the true box in network pixels. It is not normalised again. With W = 2 it exceeds 1 for
A < 1024 · ln 2 = 710 square pixels only.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fixbench.detection import Assignment, area, paired_iou
from fixbench.systems.event_detector._assignment import Targets, assign
from fixbench.systems.event_detector._head import Predictions

__all__ = ["AREA_SCALE", "BOX_WEIGHT", "LossTerms", "detection_loss", "size_weights"]

#: Of the IoU term in the sum.
BOX_WEIGHT = 5.0
#: Square pixels over which the weight falls by e.
AREA_SCALE = 1024.0


@dataclass(frozen=True)
class LossTerms:
    """Scalars, the IoU term with its weights of size but without `BOX_WEIGHT`.

    Attributes:
        size_weight: mean over the cells that answer, 1 where there is no weight.
    """

    boxes: Tensor
    confidence: Tensor
    classes: Tensor
    size_weight: Tensor
    assignment: Assignment

    @property
    def total(self) -> Tensor:
        """The sum, with `BOX_WEIGHT` on the boxes."""
        return BOX_WEIGHT * self.boxes + self.confidence + self.classes


def size_weights(areas: Tensor, largest: float, area_scale: float = AREA_SCALE) -> Tensor:
    """clamp(W · e^(−A / s), 1, W) of areas [...] in square pixels.

    Args:
        largest: W; area_scale: s, smaller on frames that are scaled down.
    """
    return (largest * (-areas / area_scale).exp()).clamp(1, largest)


def detection_loss(
    predictions: Predictions,
    targets: Targets,
    *,
    size_weight: float | None = None,
    area_scale: float = AREA_SCALE,
    assignment: Assignment | None = None,
) -> LossTerms:
    """Loss of a batch.

    Args:
        size_weight: W; ``None`` for no weight.
        assignment: which cell answers for which box; by default SimOTA, from the predictions.
    """
    if assignment is None:
        assignment = assign(predictions, targets)
    answers = assignment.foreground
    frame, _ = answers.nonzero(as_tuple=True)
    target = assignment.target[answers]
    count = max(len(target), 1)
    truth = targets.boxes[frame, target]
    iou = paired_iou(predictions.boxes[answers], truth)
    weights = torch.ones_like(iou)
    if size_weight is not None:
        weights = size_weights(area(truth), size_weight, area_scale)
    logits = predictions.classes[answers]
    labels = functional.one_hot(targets.classes[frame, target], logits.shape[-1])
    return LossTerms(
        boxes=(weights * (1 - iou**2)).sum() / count,
        confidence=_binary(predictions.confidence, answers.to(iou.dtype)) / count,
        classes=_binary(logits, labels * iou.detach()[:, None]) / count,
        size_weight=weights.mean() if len(target) else weights.new_ones(()),
        assignment=assignment,
    )


def _binary(logits: Tensor, truth: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, truth, reduction="sum")
