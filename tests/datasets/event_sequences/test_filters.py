"""RVT's choice of labels, box by box."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fixbench.datasets.event_sequences import BOX_TYPE, crop_to_frame, keep_labels

ROWS, COLUMNS = 720, 1280


def _random(seed: int) -> NDArray[np.void]:
    draw = np.random.default_rng(seed)
    boxes = np.zeros(400, dtype=BOX_TYPE)
    boxes["x"], boxes["y"] = draw.integers(-200, 1400, 400), draw.integers(-200, 800, 400)
    boxes["w"], boxes["h"] = draw.integers(0, 90, 400), draw.integers(0, 90, 400)
    boxes["w"][:40] = draw.integers(1_000, 1_600, 40)
    boxes["class_id"], boxes["track_id"] = draw.integers(0, 7, 400), np.arange(400)
    return boxes


@pytest.mark.parametrize(
    ("side", "diagonal", "widest"), [(5, 0, None), (20, 60, None), (5, 0, 1152), (20, 60, 1152)]
)
def test_labels_are_those_of_a_plain_loop(
    side: float, diagonal: float, widest: float | None
) -> None:
    boxes = _random(3)
    expected = []
    for box in boxes:
        left, right = max(box["x"], 0), min(box["x"] + box["w"], COLUMNS - 1)
        top, bottom = max(box["y"], 0), min(box["y"] + box["h"], ROWS - 1)
        width, height = right - left, bottom - top
        if box["class_id"] > 2 or width <= 0 or height <= 0:
            continue
        small = width < side or height < side or width**2 + height**2 < diagonal**2
        if not small and (widest is None or width <= widest):
            expected.append((int(box["track_id"]), left, top, width, height))
    found = keep_labels(
        boxes, rows=ROWS, columns=COLUMNS, classes=3, side=side, diagonal=diagonal, widest=widest
    )
    listed = [tuple(box[["track_id", "x", "y", "w", "h"]].tolist()) for box in found]
    assert listed == expected
    assert 20 < len(found) < 150


def test_boxes_are_cut_at_the_last_row_and_column() -> None:
    boxes = np.zeros(4, dtype=BOX_TYPE)
    boxes["x"], boxes["w"] = [-5, 1270, 1279, 10], [10, 30, 5, 10]
    boxes["y"], boxes["h"] = [700, -3, 10, 10], [30, 5, 5, 10]
    before = boxes.copy()
    found = crop_to_frame(boxes, rows=ROWS, columns=COLUMNS)
    assert found[["x", "y", "w", "h"]].tolist() == [
        (0, 700, 5, 19),
        (1270, 0, 9, 2),
        (10, 10, 10, 10),
    ]
    np.testing.assert_array_equal(boxes, before)
