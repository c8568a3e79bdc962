"""The multi-task loss against sums in plain numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from fixbench.detection import Assignment
from fixbench.systems.yowo._assignment import pad_targets
from fixbench.systems.yowo._loss import multi_task_loss
from fixbench.systems.yowo._model import Predictions

OBJECTS, ACTIONS, RELATIONS = 36, 157, 26


def _predictions(seed: int, batch: int = 2, cells: int = 6) -> Predictions:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        drawn = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return drawn.requires_grad_()

    corners = torch.rand(batch, cells, 2, generator=generator, dtype=torch.float64) * 8
    size = 4 + torch.rand(batch, cells, 2, generator=generator, dtype=torch.float64) * 8
    y, x = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
    return Predictions(
        confidence=normal(batch, cells),
        objects=normal(batch, cells, OBJECTS),
        relations=normal(batch, cells, RELATIONS),
        actions=normal(batch, cells, ACTIONS),
        boxes=torch.cat([corners, corners + size], dim=-1).requires_grad_(),
        centres=(torch.stack([x, y], dim=-1).reshape(-1, 2) + 0.5).double() * 8,
        strides=torch.full((cells,), 8.0, dtype=torch.float64),
    )


def _labels(objects: list[int], seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros(len(objects), OBJECTS + ACTIONS + RELATIONS, dtype=torch.float64)
    for row, index in enumerate(objects):
        labels[row, index] = 1
        labels[row, OBJECTS + ACTIONS :] = torch.rand(RELATIONS, generator=generator) < 0.2
        if index == 0:
            labels[row, OBJECTS : OBJECTS + ACTIONS] = (
                torch.rand(ACTIONS, generator=generator) < 0.1
            )
    return labels


def _softplus(value: float) -> float:
    return max(value, 0) + math.log1p(math.exp(-abs(value)))


def _binary(logits: Any, labels: Any) -> float:
    """Σ of −log σ(z) for 1, −log(1 − σ(z)) for 0."""
    pairs = zip(logits.tolist(), labels.tolist(), strict=True)
    return sum(_softplus(-z) if label else _softplus(z) for z, label in pairs)


def test_terms_are_the_plain_sums() -> None:
    predictions = _predictions(0)
    boxes = [torch.tensor([[1.0, 1, 9, 9], [4, 4, 14, 12]]).double(), torch.ones(0, 4).double()]
    targets = pad_targets(boxes, [_labels([0, 33], 1), _labels([], 2)])
    target = torch.tensor([[0, -1, 1, 0, -1, -1], [-1] * 6])
    loss = multi_task_loss(predictions, targets, Assignment(target))
    chosen = [(0, 0), (2, 1), (3, 0)]
    background = sum(
        _softplus(predictions.confidence[b, c].item())
        for b in range(2)
        for c in range(6)
        if target[b, c] < 0
    )
    foreground = sum(_softplus(-predictions.confidence[0, c].item()) for c, _ in chosen)
    assert loss.confidence.item() == pytest.approx((background + foreground) / 3)
    objects = relations = overlap = actions = 0.0
    for cell, row in chosen:
        logits = predictions.objects[0, cell].tolist()
        objects += math.log(sum(map(math.exp, logits))) - logits[[0, 33][row]]
        label = targets.labels[0, row]
        relations += _binary(predictions.relations[0, cell], label[OBJECTS + ACTIONS :])
        if row == 0:
            truth = label[OBJECTS : OBJECTS + ACTIONS]
            actions += _binary(predictions.actions[0, cell], truth)
        a, b = predictions.boxes[0, cell].tolist(), boxes[0][row].tolist()
        common = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(
            0, min(a[3], b[3]) - max(a[1], b[1])
        )
        union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
        hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
        overlap += 1 - (common / union - (hull - union) / hull)
    assert loss.objects.item() == pytest.approx(objects / 3)
    assert loss.relations.item() == pytest.approx(relations / 3)
    assert loss.actions.item() == pytest.approx(actions / 2)  # two cells answer for the person
    assert loss.boxes.item() == pytest.approx(overlap / 3)
    assert loss.total.item() == pytest.approx(
        (background + foreground + objects + relations + 5 * overlap) / 3 + actions / 2
    )


def test_only_cells_that_answer_are_told_classes() -> None:
    predictions = _predictions(1)
    targets = pad_targets(
        [torch.tensor([[1.0, 1, 15, 15]]).double()] * 2, [_labels([0], 3), _labels([5], 4)]
    )
    loss = multi_task_loss(predictions, targets)
    loss.total.backward()
    answers = loss.assignment.foreground
    person = answers.clone()
    person[1] = False
    assert answers.any(dim=1).all()
    assert not answers.all()
    for tensor, told in (
        (predictions.objects, answers),
        (predictions.relations, answers),
        (predictions.boxes, answers),
        (predictions.actions, person),
    ):
        assert tensor.grad is not None
        assert torch.equal(tensor.grad.abs().sum(dim=-1) > 0, told)
    assert predictions.confidence.grad is not None
    assert (predictions.confidence.grad != 0).all()


def test_an_empty_batch_teaches_confidence_only() -> None:
    predictions = _predictions(2)
    targets = pad_targets([torch.ones(0, 4).double()] * 2, [_labels([], 0)] * 2)
    loss = multi_task_loss(predictions, targets)
    loss.total.backward()
    logits = predictions.confidence.flatten().tolist()
    assert loss.total.item() == pytest.approx(sum(map(_softplus, logits)))
    for term in (loss.objects, loss.actions, loss.relations, loss.boxes):
        assert term.item() == 0


def test_without_a_person_actions_cost_nothing() -> None:
    predictions = _predictions(3)
    targets = pad_targets(
        [torch.tensor([[1.0, 1, 9, 9]]).double()] * 2, [_labels([4], 0), _labels([7], 1)]
    )
    loss = multi_task_loss(predictions, targets)
    assert loss.actions.item() == 0
    assert loss.objects.item() > 0


def test_perfect_predictions_cost_next_to_nothing() -> None:
    predictions = _predictions(4, batch=1)
    box = torch.tensor([[1.0, 1, 9, 9]]).double()
    labels = _labels([0], 5)
    target = torch.tensor([[0, -1, -1, -1, -1, -1]])
    sure = 40 * (2 * labels - 1)
    confidence = torch.full((1, 6), -40.0, dtype=torch.float64)
    confidence[0, 0] = 40
    perfect = Predictions(
        confidence=confidence,
        objects=sure[:, :OBJECTS].expand(1, 6, -1),
        actions=sure[:, OBJECTS : OBJECTS + ACTIONS].expand(1, 6, -1),
        relations=sure[:, OBJECTS + ACTIONS :].expand(1, 6, -1),
        boxes=box.expand(1, 6, 4),
        centres=predictions.centres,
        strides=predictions.strides,
    )
    loss = multi_task_loss(perfect, pad_targets([box], [labels]), Assignment(target))
    assert loss.total.item() < 1e-9
