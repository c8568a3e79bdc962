"""SimOTA against plain loops over boxes and cells."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from fixbench.systems.event_detector._assignment import (
    Targets,
    assign,
    pad_targets,
)
from fixbench.systems.event_detector._head import Predictions

CLASSES = 4


def _predictions(seed: int, frames: int, height: int = 64, width: int = 96) -> Predictions:
    """Random ones on the grids of three strides."""
    draw = torch.Generator().manual_seed(seed)
    centres, strides = [], []
    for stride in (8, 16, 32):
        for y in range(height // stride):
            for x in range(width // stride):
                centres.append([(x + 0.5) * stride, (y + 0.5) * stride])
                strides.append(float(stride))
    where = torch.tensor(centres, dtype=torch.float64)
    scale = torch.tensor(strides, dtype=torch.float64)
    cells = len(where)
    middle = where + 8 * torch.randn(frames, cells, 2, generator=draw).double()
    half = (2 + 14 * torch.rand(frames, cells, 2, generator=draw)).double()
    return Predictions(
        confidence=torch.randn(frames, cells, generator=draw).double(),
        classes=torch.randn(frames, cells, CLASSES, generator=draw).double(),
        boxes=torch.cat([middle - half, middle + half], dim=-1),
        centres=where,
        strides=scale,
    )


def _targets(seed: int, counts: list[int]) -> Targets:
    draw = torch.Generator().manual_seed(100 + seed)
    boxes, classes = [], []
    for count in counts:
        middle = torch.rand(count, 2, generator=draw).double() * torch.tensor([96, 64])
        half = (2 + 20 * torch.rand(count, 2, generator=draw)).double()
        boxes.append(torch.cat([middle - half, middle + half], dim=-1))
        classes.append(torch.randint(CLASSES, (count,), generator=draw))
    return pad_targets(boxes, classes)


def _iou(a: list[float], b: list[float]) -> float:
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return across * down / (areas - across * down)


def _plain(p: Any, frame: int, boxes: list[Any], classes: list[int]) -> tuple[dict[int, int], int]:
    """Cell → box, as the published rule says; and how many cells two boxes wanted."""
    cells = range(len(p.centres))
    near = [
        [
            all(
                abs(p.centres[n][axis].item() - (box[axis] + box[axis + 2]) / 2)
                < 1.5 * p.strides[n].item()
                for axis in (0, 1)
            )
            for n in cells
        ]
        for box in boxes
    ]
    considered = [n for n in cells if any(row[n] for row in near)]
    cost, iou = {}, {}
    for t, (box, label) in enumerate(zip(boxes, classes, strict=True)):
        for n in considered:
            iou[t, n] = _iou(box, p.boxes[frame, n].tolist())
            confidence = 1 / (1 + math.exp(-p.confidence[frame, n].item()))
            told = 0.0
            for c in range(CLASSES):
                score = math.sqrt(confidence / (1 + math.exp(-p.classes[frame, n, c].item())))
                told -= math.log(score if c == label else 1 - score)
            away = 0 if near[t][n] else 1e6
            cost[t, n] = told - 3 * math.log(iou[t, n] + 1e-8) + away
    wanted: dict[int, list[int]] = {}
    for t in range(len(boxes)):
        k = max(1, math.floor(sum(sorted((iou[t, n] for n in considered), reverse=True)[:10])))
        for n in sorted(considered, key=lambda n: cost[t, n])[:k]:
            wanted.setdefault(n, []).append(t)
    answer = {
        n: takers[0] if len(takers) == 1 else min(range(len(boxes)), key=lambda t: cost[t, n])
        for n, takers in wanted.items()
    }
    return answer, sum(len(takers) > 1 for takers in wanted.values())


def test_cells_answer_for_the_boxes_of_the_published_rule() -> None:
    contested = 0
    for seed in range(8):
        counts = [1 + seed % 4, 0, 9]
        predictions, targets = _predictions(seed, 3), _targets(seed, counts)
        found = assign(predictions, targets)
        for frame, count in enumerate(counts):
            expected, twice = _plain(
                predictions,
                frame,
                targets.boxes[frame, :count].tolist(),
                targets.classes[frame, :count].tolist(),
            )
            contested += twice
            cells = found.foreground[frame].nonzero().ravel().tolist()
            assert {n: found.target[frame, n].item() for n in cells} == expected
    assert contested > 3


def test_near_is_within_one_and_a_half_strides() -> None:
    """Every cell predicts the true box: k = 10, and of each stride the 3 x 3 cells are near.

    Centre (44, 28): at stride 8 the columns with |x − 44| < 12 are 4, 5 and 6.
    """
    predictions = _predictions(0, 1)
    truth = torch.tensor([[34.0, 18, 54, 38]], dtype=torch.float64)
    cells = len(predictions.centres)
    exact = Predictions(
        confidence=torch.zeros(1, cells, dtype=torch.float64),
        classes=torch.zeros(1, cells, CLASSES, dtype=torch.float64),
        boxes=truth.expand(1, cells, 4),
        centres=predictions.centres,
        strides=predictions.strides,
    )
    found = assign(exact, pad_targets([truth], [torch.tensor([0])])).foreground[0]
    columns = predictions.centres[found & (predictions.strides == 8)]
    assert sorted({(x, y) for x, y in columns.tolist()}) == [
        (x, y) for x in (36.0, 44.0, 52.0) for y in (20.0, 28.0, 36.0)
    ]
    assert found.sum() == 10


def test_padding_takes_no_cell_and_an_empty_batch_is_background() -> None:
    predictions = _predictions(3, 2)
    both = _targets(3, [5, 2])
    alone = Targets(both.boxes[1:, :2], both.classes[1:, :2], both.present[1:, :2])
    second = Predictions(
        predictions.confidence[1:],
        predictions.classes[1:],
        predictions.boxes[1:],
        predictions.centres,
        predictions.strides,
    )
    assert torch.equal(assign(predictions, both).target[1], assign(second, alone).target[0])
    assert not assign(predictions, _targets(0, [0, 0])).foreground.any()


@pytest.mark.parametrize("radius", [1.5])
def test_a_box_near_no_cell_pays_and_still_gets_one(radius: float) -> None:
    """A centre far outside the frame: its box takes the least bad of the others' cells."""
    predictions = _predictions(5, 1)
    boxes = torch.tensor([[10.0, 10, 30, 30], [400, 400, 420, 420]], dtype=torch.float64)
    found = assign(predictions, pad_targets([boxes], [torch.tensor([1, 2])]))
    near = (predictions.centres - 20).abs() < radius * predictions.strides[:, None]
    assert (found.target[0] >= 0).sum() >= 1
    assert set(found.foreground[0].nonzero().ravel().tolist()) <= set(
        near.all(dim=1).nonzero().ravel().tolist()
    )
    assert functional.one_hot(found.target[0] + 1, 3)[:, 1].sum() >= 1
