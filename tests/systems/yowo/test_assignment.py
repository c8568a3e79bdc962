"""SimOTA against a plain loop over boxes and cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from fixbench.detection import Assignment
from fixbench.systems.yowo._assignment import Targets, assign, pad_targets

CLASSES = 219


def _grid(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    centres, strides = [], []
    for stride in (8, 16, 32):
        cells = side // stride
        y, x = np.mgrid[:cells, :cells]
        centres.append((np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride)
        strides.append(np.full(cells * cells, float(stride)))
    return torch.tensor(np.concatenate(centres)), torch.tensor(np.concatenate(strides))


def _scene(
    seed: int, counts: list[int], side: int = 64, spread: float = 4.0
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Random predictions near their cells, random boxes and labels."""
    generator = np.random.default_rng(seed)
    centres, strides = _grid(side)
    batch, cells = len(counts), len(centres)
    middle = centres.numpy() + generator.normal(0, spread, size=(batch, cells, 2))
    half = generator.uniform(4, 20, size=(batch, cells, 2))
    boxes = torch.tensor(np.concatenate([middle - half, middle + half], axis=-1))
    confidence = torch.tensor(generator.normal(-2, 2, size=(batch, cells)))
    classes = torch.tensor(generator.normal(-3, 2, size=(batch, cells, CLASSES)))
    true_boxes, labels = [], []
    for count in counts:
        corner = generator.uniform(0, side - 12, size=(count, 2))
        extent = generator.uniform(8, 36, size=(count, 2))
        true_boxes.append(torch.tensor(np.concatenate([corner, corner + extent], axis=1)))
        labels.append(torch.tensor((generator.random((count, CLASSES)) < 0.03).astype(float)))
    targets = pad_targets(true_boxes, labels)
    return centres, strides, confidence, classes, boxes, targets


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _plain(
    centres: Any, strides: Any, confidence: Any, classes: Any, boxes: Any, truths: Any, labels: Any
) -> tuple[Any, Any]:
    """One frame, step by step, in Python numbers: cell → box."""
    cells, count = range(len(centres)), range(len(truths))
    near = [[False] * len(centres) for _ in count]
    inside = [[False] * len(centres) for _ in count]
    for t in count:
        x1, y1, x2, y2 = truths[t]
        for c in cells:
            x, y = centres[c]
            inside[t][c] = x1 < x < x2 and y1 < y < y2
            reach = 2.5 * strides[c]
            near[t][c] = abs(x - (x1 + x2) / 2) < reach and abs(y - (y1 + y2) / 2) < reach
    candidates = [c for c in cells if any(near[t][c] or inside[t][c] for t in count)]
    cost, overlap = {}, {}
    for t in count:
        for c in candidates:
            a, b = truths[t], boxes[c]
            width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
            height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
            overlap[t, c] = width * height / union
            entropy = 0.0
            for k in range(CLASSES):
                score = math.sqrt(_sigmoid(classes[c][k]) * _sigmoid(confidence[c]))
                score = min(max(score, 1e-7), 1 - 1e-7)
                entropy -= math.log(score) if labels[t][k] else math.log(1 - score)
            penalty = 0.0 if near[t][c] and inside[t][c] else 1e5
            cost[t, c] = entropy - 3 * math.log(overlap[t, c] + 1e-8) + penalty
    owners: dict[int, list[int]] = {}
    for t in count:
        largest = sorted((overlap[t, c] for c in candidates), reverse=True)[:10]
        k = max(1, math.floor(sum(largest)))
        for c in sorted(candidates, key=lambda c: cost[t, c])[:k]:
            owners.setdefault(c, []).append(t)
    answer = {}
    for c, chosen in owners.items():
        answer[c] = chosen[0] if len(chosen) == 1 else min(count, key=lambda t: cost[t, c])
    return answer, sum(len(chosen) > 1 for chosen in owners.values())


def test_assignment_is_that_of_the_plain_loop() -> None:
    contested = 0
    counts = [1, 2, 5, 9]
    for seed in range(3):
        scene = _scene(seed, counts)
        centres, strides, confidence, classes, boxes, targets = scene
        found = assign(*scene)
        for frame, count in enumerate(counts):
            expected, twice = _plain(
                centres.tolist(),
                strides.tolist(),
                confidence[frame].tolist(),
                classes[frame].tolist(),
                boxes[frame].tolist(),
                targets.boxes[frame, :count].tolist(),
                targets.labels[frame, :count].tolist(),
            )
            contested += twice
            cells = found.foreground[frame].nonzero().ravel().tolist()
            assert cells == sorted(expected)
            for cell in cells:
                assert found.target[frame, cell] == expected[cell]
    assert contested > 3  # the rule for cells that two boxes want was needed


def test_single_precision_assigns_alike() -> None:
    scene = _scene(7, [3, 6])
    centres, strides, confidence, classes, boxes, targets = scene
    single = Targets(targets.boxes.float(), targets.labels.float(), targets.present)
    found = assign(
        centres.float(),
        strides.float(),
        confidence.float(),
        classes.float(),
        boxes.float(),
        single,
    )
    assert torch.equal(found.target, assign(*scene).target)


def test_a_frame_does_not_depend_on_the_others() -> None:
    centres, strides, confidence, classes, boxes, targets = _scene(1, [2, 0, 7])
    together = assign(centres, strides, confidence, classes, boxes, targets)
    for frame, count in enumerate([2, 0, 7]):
        own = pad_targets([targets.boxes[frame, :count]], [targets.labels[frame, :count]])
        alone = assign(
            centres, strides, confidence[frame, None], classes[frame, None], boxes[frame, None], own
        )
        assert torch.equal(alone.target[0], together.target[frame])


@pytest.mark.parametrize("counts", [[0], [0, 0, 0]])
def test_without_boxes_all_cells_are_background(counts: list[int]) -> None:
    found = assign(*_scene(0, counts))
    assert not found.foreground.any()


def test_every_box_gets_at_least_one_cell_and_at_most_ten() -> None:
    found = assign(*_scene(3, [1, 1, 1, 1]))
    cells = found.foreground.sum(dim=1)
    assert (cells >= 1).all()
    assert (cells <= 10).all()


def _uniform(
    centres: torch.Tensor, box: list[float]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Everywhere the same prediction."""
    cells = len(centres)
    return (
        torch.zeros(1, cells, dtype=torch.float64),
        torch.zeros(1, cells, CLASSES, dtype=torch.float64),
        torch.tensor(box, dtype=torch.float64).expand(1, cells, 4),
    )


def test_the_number_of_cells_is_the_floored_sum_of_ten_overlaps() -> None:
    """Every cell predicts a box of IoU .39 with the true one: 10 · .39 = 3.9 → 3 cells."""
    centres, strides = _grid(64)
    truth = torch.tensor([[16.0, 16, 48, 48]], dtype=torch.float64)
    label = torch.zeros(1, CLASSES, dtype=torch.float64)
    targets = pad_targets([truth], [label])
    height = 32 * 0.39
    found = assign(centres, strides, *_uniform(centres, [16, 16, 48, 16 + height]), targets)
    assert found.foreground.sum() == 3
    # Equal costs: the first cells inside the box and near its centre.
    inside = ((centres > 16) & (centres < 48)).all(dim=1)
    near = ((centres - 32).abs() < 2.5 * strides[:, None]).all(dim=1)
    assert (
        found.foreground[0].nonzero().ravel().tolist()
        == (inside & near).nonzero()[:3].ravel().tolist()
    )


def test_near_a_centre_is_within_two_and_a_half_strides() -> None:
    """A box over nearly all of 8 x 8 cells, met exactly everywhere: ten cells of equal cost.

    Centre 31, stride 8: between 11 and 51, which are columns and rows 1 to 5.
    """
    centres, strides = _grid(64)
    whole = [0.0, 0, 62, 62]
    targets = pad_targets(
        [torch.tensor([whole], dtype=torch.float64)], [torch.zeros(1, CLASSES, dtype=torch.float64)]
    )
    found = assign(centres, strides, *_uniform(centres, whole), targets)
    second_row, third_row = [9, 10, 11, 12, 13], [17, 18, 19, 20, 21]
    assert found.foreground[0].nonzero().ravel().tolist() == second_row + third_row


def test_a_cell_outside_is_taken_only_when_none_inside_is_left() -> None:
    """A box between the cells' centres contains none of them, but must be answered for."""
    centres, strides = _grid(64)
    truth = torch.tensor([[13.0, 13, 15, 15]], dtype=torch.float64)
    assert not ((centres > 13) & (centres < 15)).all(dim=1).any()
    targets = pad_targets([truth], [torch.zeros(1, CLASSES, dtype=torch.float64)])
    found = assign(centres, strides, *_uniform(centres, [12, 12, 16, 16]), targets)
    assert found.foreground.sum() == max(1, math.floor(10 * 4 / 16))


def _cells_of_eight(
    *boxes: list[float], labels: list[list[int]] | None = None
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """8 x 8 cells of stride 8, that predict nothing yet, and boxes to be answered for."""
    centres, strides = _grid(64)
    centres, strides = centres[strides == 8], strides[strides == 8]
    truth = torch.zeros(len(boxes), CLASSES, dtype=torch.float64)
    for row, true_classes in enumerate(labels or []):
        truth[row, true_classes] = 1
    targets = pad_targets([torch.tensor(boxes, dtype=torch.float64)], [truth])
    confidence, classes, predicted = _uniform(centres, [0, 0, 0, 0])
    return centres, strides, confidence, classes, predicted.clone(), targets


def test_borders_are_left_out() -> None:
    """Around (24, 24), centres at 20 and 28 lie on the box's borders, 4 and 44 on the square's."""
    cells = _cells_of_eight([20.0, 20, 28, 28])
    predicted, targets = cells[-2:]
    predicted[:] = targets.boxes[0, 0]
    found = assign(*cells)
    # Ten of equal cost, the first of the square's 4 x 4; inside the box there is none.
    rows = [9, 10, 11, 12, 17, 18, 19, 20, 25, 26]
    assert found.foreground[0].nonzero().ravel().tolist() == rows


def test_cells_are_considered_for_all_boxes_of_a_frame() -> None:
    """Overlaps near another box count for k; those of cells near no box do not."""
    first, second = [8.0, 8, 24, 24], [40.0, 40, 56, 56]
    for boxes, expected in (([first], 2), ([first, second], 5)):
        cells = _cells_of_eight(*boxes)
        centres, predicted = cells[0], cells[-2]
        predicted[:] = torch.tensor([8, 8, 24, 8 + 16 * 0.55]).double()
        near = ((centres - 16).abs() < 20).all(dim=1)
        predicted[0, near] = torch.tensor([8, 8, 24, 8 + 16 * 0.22]).double()
        found = assign(*cells)
        assert (found.target == 0).sum() == expected


def test_a_contested_cell_goes_to_the_cheapest_box_even_if_that_has_not_taken_it() -> None:
    """Cell 18 alone knows a little of classes 0 and 1, so that their boxes take it; but a box
    without labels costs less there, though still less in cell 9.
    """
    box = [8.0, 8, 40, 40]
    for boxes, expected in ((2, {18: 0}), (3, {9: 2, 18: 2})):
        centres, strides, confidence, classes, predicted, targets = _cells_of_eight(
            *[box] * boxes, labels=[[0], [1]]
        )
        confidence += 40
        classes -= 40
        classes[0, 18, :2] = math.log(0.16 / 0.84)  # a score of 0.4
        predicted[:] = torch.tensor([8, 8, 40, 8 + 32 * 0.15]).double()
        found = assign(centres, strides, confidence, classes, predicted, targets).target[0]
        assert {c: int(found[c]) for c in (found >= 0).nonzero().ravel().tolist()} == expected


@pytest.mark.parametrize(("wrong", "cell"), [(3, 18), (4, 9)])
def test_no_overlap_costs_more_than_three_and_less_than_four_wrong_classes(
    wrong: int, cell: int
) -> None:
    """Finite costs, 55.3 and 16.1 a class, are weighed against each other."""
    cells = _cells_of_eight([8.0, 8, 40, 40])
    _, _, confidence, classes, predicted, targets = cells
    confidence += 1e4
    classes -= 1e4
    classes[0, 18, :wrong] = 1e4
    predicted[0, 18] = targets.boxes[0, 0]
    found = assign(*cells)
    assert found.foreground[0].nonzero().ravel().tolist() == [cell]


def test_padding() -> None:
    targets = pad_targets(
        [torch.ones(2, 4), torch.ones(0, 4)], [torch.ones(2, CLASSES), torch.ones(0, CLASSES)]
    )
    assert targets.boxes.shape == (2, 2, 4)
    assert targets.labels.shape == (2, 2, CLASSES)
    assert targets.present.tolist() == [[True, True], [False, False]]
    assert isinstance(assign(*_scene(0, [1])), Assignment)
