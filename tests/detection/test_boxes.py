"""Overlaps against counted pixels, suppression against the plain greedy loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fixbench.detection import area, giou, iou_matrix, suppress

SIDE = 12


@st.composite
def integer_boxes(draw: st.DrawFn) -> tuple[int, int, int, int]:
    x1, y1 = draw(st.integers(0, SIDE - 1)), draw(st.integers(0, SIDE - 1))
    return x1, y1, draw(st.integers(x1 + 1, SIDE)), draw(st.integers(y1 + 1, SIDE))


def _pixels(box: tuple[int, int, int, int]) -> np.ndarray:
    x1, y1, x2, y2 = box
    grid = np.zeros((SIDE, SIDE), dtype=bool)
    grid[y1:y2, x1:x2] = True
    return grid


@given(integer_boxes(), integer_boxes())
def test_overlaps_are_those_of_counted_pixels(first: Any, second: Any) -> None:
    one, other = _pixels(first), _pixels(second)
    union, common = (one | other).sum(), (one & other).sum()
    rows, columns = np.nonzero(one | other)
    hull = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    a, b = torch.tensor([first, second], dtype=torch.float64).split(1)
    assert area(a).item() == one.sum()
    assert iou_matrix(a, b).item() == pytest.approx(common / union, abs=1e-12)
    assert giou(a, b).item() == pytest.approx(common / union - (hull - union) / hull, abs=1e-12)


def test_giou_of_boxes_far_apart_by_hand() -> None:
    """Unit squares with corners at (0, 0) and (3, 0): hull 4, union 2."""
    a, b = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[3.0, 0, 4, 1]])
    assert giou(a, b).item() == pytest.approx(-0.5)
    assert giou(a, a).item() == pytest.approx(1.0)


def test_giou_pulls_boxes_together_that_do_not_touch() -> None:
    moved = torch.tensor([[0.0, 0, 1, 1]], requires_grad=True)
    giou(moved, torch.tensor([[3.0, 0, 4, 1]])).sum().backward()
    assert moved.grad is not None
    # To the right and wider.
    assert moved.grad[0, 2] > 0
    assert torch.isfinite(moved.grad).all()


def test_a_box_without_area_overlaps_nothing() -> None:
    empty, inside_out = [2.0, 2, 2, 2], [5.0, 5, 1, 1]
    boxes = torch.tensor([empty, inside_out])
    assert torch.equal(iou_matrix(boxes, torch.tensor([[0.0, 0, 9, 9]])), torch.zeros(2, 1))
    assert torch.equal(iou_matrix(boxes, boxes), torch.zeros(2, 2))


def test_matrix_has_every_pair_of_a_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(2, 5, 2, 2, generator=generator).sort(dim=2).values.flatten(2)
    matrix = iou_matrix(corners, corners[:, :3])
    assert matrix.shape == (2, 5, 3)
    for batch in range(2):
        for row in range(5):
            for column in range(3):
                pair = iou_matrix(corners[batch, row, None], corners[batch, column, None])
                assert matrix[batch, row, column] == pair.item()


def _greedy(boxes: Any, scores: Any, threshold: Any, classes: Any) -> Any:
    """The plain loop, in Python numbers."""
    kept: list[int] = []
    for index in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if all(
            classes[index] != classes[other] or _iou(boxes[index], boxes[other]) <= threshold
            for other in kept
        ):
            kept.append(index)
    return kept


def _iou(a: Any, b: Any) -> Any:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count_of_classes", [1, 3])
def test_suppression_is_the_greedy_loop(seed: int, count_of_classes: int) -> None:
    generator = np.random.default_rng(seed)
    corners = generator.uniform(0, 6, size=(40, 2))
    boxes = np.concatenate([corners, corners + generator.uniform(1, 5, size=(40, 2))], axis=1)
    # Few distinct scores, so that many are equal.
    scores = generator.integers(0, 10, size=40) / 10
    classes = generator.integers(0, count_of_classes, size=40)
    kept = suppress(torch.tensor(boxes), torch.tensor(scores), 0.4, classes=torch.tensor(classes))
    assert kept.tolist() == _greedy(boxes.tolist(), scores.tolist(), 0.4, classes.tolist())
    assert 5 < len(kept) < 40


def test_a_suppressed_box_suppresses_nothing() -> None:
    """A chain: the second goes because of the first, so the third, near the second only, stays."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])
    assert suppress(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.3).tolist() == [0, 2]
    assert suppress(boxes[:0], torch.zeros(0), 0.3).tolist() == []
