"""SimOTA against a plain loop over boxes and cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fixbench.systems.yowo._assignment import Assignment, Targets, assign, pad_targets

CLASSES = 219


def _grid(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    centres, strides = [], []
    for stride in (8, 16, 32):
        cells = side // stride
        y, x = np.mgrid[:cells, :cells]
        centres.append((np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride)
        strides.append(np.full(cells * cells, float(stride)))
    return torch.tensor(np.concatenate(centres)), torch.tensor(np.concatenate(strides))


def _scene(seed: int, counts: list[int], side: int = 64, spread: float = 4.0):
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


def _plain(centres, strides, confidence, classes, boxes, truths, labels):
    """One frame, step by step, in Python numbers: cell → box and its IoU."""
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
        t = chosen[0] if len(chosen) == 1 else min(count, key=lambda t: cost[t, c])
        answer[c] = (t, overlap[t, c])
    return answer, sum(len(chosen) > 1 for chosen in owners.values())


def test_assignment_is_that_of_the_plain_loop():
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
                target, overlap = expected[cell]
                assert found.target[frame, cell] == target
                assert found.iou[frame, cell].item() == pytest.approx(overlap)
    assert contested > 3  # the rule for cells that two boxes want was needed


def test_single_precision_assigns_alike():
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


def test_a_frame_does_not_depend_on_the_others():
    centres, strides, confidence, classes, boxes, targets = _scene(1, [2, 0, 7])
    together = assign(centres, strides, confidence, classes, boxes, targets)
    for frame, count in enumerate([2, 0, 7]):
        own = pad_targets([targets.boxes[frame, :count]], [targets.labels[frame, :count]])
        alone = assign(
            centres, strides, confidence[frame, None], classes[frame, None], boxes[frame, None], own
        )
        assert torch.equal(alone.target[0], together.target[frame])
        assert torch.equal(alone.iou[0], together.iou[frame])


@pytest.mark.parametrize("counts", [[0], [0, 0, 0]])
def test_without_boxes_all_cells_are_background(counts):
    found = assign(*_scene(0, counts))
    assert not found.foreground.any()
    assert not found.iou.any()


def test_every_box_gets_at_least_one_cell_and_at_most_ten():
    *scene, targets = _scene(3, [1, 1, 1, 1])
    found = assign(*scene, targets)
    cells = found.foreground.sum(dim=1)
    assert (cells >= 1).all()
    assert (cells <= 10).all()


def _uniform(centres: torch.Tensor, box: list[float]) -> list[torch.Tensor]:
    """Everywhere the same prediction."""
    cells = len(centres)
    return [
        torch.zeros(1, cells, dtype=torch.float64),
        torch.zeros(1, cells, CLASSES, dtype=torch.float64),
        torch.tensor(box, dtype=torch.float64).expand(1, cells, 4),
    ]


def test_the_number_of_cells_is_the_floored_sum_of_ten_overlaps():
    """Every cell predicts a box of IoU .39 with the true one: 10 · .39 = 3.9 → 3 cells."""
    centres, strides = _grid(64)
    truth = torch.tensor([[16.0, 16, 48, 48]], dtype=torch.float64)
    label = torch.zeros(1, CLASSES, dtype=torch.float64)
    targets = pad_targets([truth], [label])
    height = 32 * 0.39
    found = assign(centres, strides, *_uniform(centres, [16, 16, 48, 16 + height]), targets)
    assert found.foreground.sum() == 3
    assert found.iou[found.foreground].tolist() == pytest.approx([0.39] * 3)
    # Equal costs: the first cells inside the box and near its centre.
    inside = ((centres > 16) & (centres < 48)).all(dim=1)
    near = ((centres - 32).abs() < 2.5 * strides[:, None]).all(dim=1)
    assert (
        found.foreground[0].nonzero().ravel().tolist()
        == (inside & near).nonzero()[:3].ravel().tolist()
    )


def test_near_a_centre_is_within_two_and_a_half_strides():
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


def test_a_cell_outside_is_taken_only_when_none_inside_is_left():
    """A box between the cells' centres contains none of them, but must be answered for."""
    centres, strides = _grid(64)
    truth = torch.tensor([[13.0, 13, 15, 15]], dtype=torch.float64)
    assert not ((centres > 13) & (centres < 15)).all(dim=1).any()
    targets = pad_targets([truth], [torch.zeros(1, CLASSES, dtype=torch.float64)])
    found = assign(centres, strides, *_uniform(centres, [12, 12, 16, 16]), targets)
    assert found.foreground.sum() == max(1, math.floor(10 * 4 / 16))


def test_padding():
    targets = pad_targets(
        [torch.ones(2, 4), torch.ones(0, 4)], [torch.ones(2, CLASSES), torch.ones(0, CLASSES)]
    )
    assert targets.boxes.shape == (2, 2, 4)
    assert targets.labels.shape == (2, 2, CLASSES)
    assert targets.present.tolist() == [[True, True], [False, False]]
    assert isinstance(assign(*_scene(0, [1])), Assignment)
