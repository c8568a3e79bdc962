"""The multi-task loss of document 000's code: confidence, objects, actions, relations, boxes.

From recorded facts of that code: the terms' kinds, what each is divided by, `BOX_WEIGHT`, which
cells each term sees (the classes only those that answer for a box, the actions only those that
answer for a person), and that objects have no background class, so that what the softmax says
elsewhere is never trained. Cross-entropies are PyTorch's; 1 − GIoU is the box loss of Rezatofighi
et al., CVPR 2019.

A cell that answers has confidence 1 as its target, not an IoU; a count of none divides as 1; the
persons are those whose labelled object is Action Genome's class 0. Values and gradients are those
of the origin (``tests/systems/yowo/golden``).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fixbench.detection import Assignment, giou
from fixbench.systems.yowo._assignment import Targets, assign
from fixbench.systems.yowo._heads import ACTIONS, OBJECTS
from fixbench.systems.yowo._model import Predictions

__all__ = ["BOX_WEIGHT", "LossTerms", "multi_task_loss"]

#: Of 1 − GIoU in the sum, a fact of document 000's code; every other term counts once.
BOX_WEIGHT = 5.0


@dataclass(frozen=True)
class LossTerms:
    """Scalars, unweighted, and whom the cells answer for.

    ``actions`` is a mean over cells that answer for a person, the others are over all that answer
    for anything; each is a sum over classes.
    """

    confidence: Tensor
    objects: Tensor
    actions: Tensor
    relations: Tensor
    boxes: Tensor
    assignment: Assignment

    @property
    def total(self) -> Tensor:
        """The sum, with `BOX_WEIGHT` on the boxes."""
        classes = self.objects + self.actions + self.relations
        return self.confidence + classes + BOX_WEIGHT * self.boxes


def multi_task_loss(
    predictions: Predictions, targets: Targets, assignment: Assignment | None = None
) -> LossTerms:
    """Loss of a batch.

    Args:
        assignment: which cell answers for which box; by default SimOTA, from the predictions.
    """
    if assignment is None:
        logits = [predictions.objects, predictions.actions, predictions.relations]
        assignment = assign(
            predictions.centres,
            predictions.strides,
            predictions.confidence,
            torch.cat(logits, dim=-1),
            predictions.boxes,
            targets,
        )
    answers = assignment.foreground
    frame, _ = answers.nonzero(as_tuple=True)
    target = assignment.target[answers]
    labels = targets.labels[frame, target]
    objects = labels[:, :OBJECTS].argmax(dim=-1)
    actions = labels[:, OBJECTS : OBJECTS + ACTIONS]
    relations = labels[:, OBJECTS + ACTIONS :]
    person = objects == 0
    count, persons = max(len(target), 1), max(int(person.sum()), 1)

    def binary(logits: Tensor, truth: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(logits, truth, reduction="sum")

    confidence = predictions.confidence
    predicted = functional.cross_entropy(predictions.objects[answers], objects, reduction="sum")
    overlap = giou(predictions.boxes[answers], targets.boxes[frame, target])
    return LossTerms(
        confidence=binary(confidence, answers.to(confidence.dtype)) / count,
        objects=predicted / count,
        actions=binary(predictions.actions[answers][person], actions[person]) / persons,
        relations=binary(predictions.relations[answers], relations) / count,
        boxes=(1 - overlap).sum() / count,
        assignment=assignment,
    )
