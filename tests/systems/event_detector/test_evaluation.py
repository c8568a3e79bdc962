"""Average precision and Prophesee's filter, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fixbench.datasets.event_sequences import BOX_TYPE
from fixbench.systems.event_detector._evaluation import average_precision, keep_boxes


def _boxes(*rows: tuple[float, float, float, float, int, float]) -> Any:
    """x, y, w, h, class, score."""
    return np.array([(1, *row[:4], row[4], 0, row[5]) for row in rows], dtype=BOX_TYPE)


AREAS = (200.0, 1000.0)


def test_perfect_detections() -> None:
    truths = [_boxes((0, 0, 10, 10, 0, 1), (30, 30, 20, 20, 1, 1)), _boxes((5, 5, 50, 40, 1, 1))]
    found = average_precision(truths, truths, areas=AREAS, class_agnostic=False)
    names = {"AP", "AP50", "AP_S", "AP_M", "AP_L", "AP/0", "AP/1"}
    assert found == pytest.approx(dict.fromkeys(names, 1.0))


def test_half_the_boxes_with_a_false_one_between() -> None:
    """Scores .9 right, .8 wrong, .7 right, one box missed; the first has IoU .9, the second .8.

    At recall 1/3 the precision is 1, at 2/3 it is 2/3: of 101 recalls 34 are up to 1/3 and 33 more
    up to 2/3.
    """
    truth = [_boxes((0, 0, 10, 10, 0, 1), (30, 0, 10, 10, 0, 1), (60, 0, 10, 10, 0, 1))]
    detections = [_boxes((0, 0, 10, 9, 0, 0.9), (0, 40, 10, 10, 0, 0.8), (30, 0, 10, 8, 0, 0.7))]
    found = average_precision(detections, truth, areas=AREAS, class_agnostic=False)
    assert found["AP50"] == pytest.approx((34 + 33 * 2 / 3) / 101)
    # IoU thresholds .5 to .8 both; .85 and .9 the first alone; .95 none.
    both, first = (34 + 33 * 2 / 3) / 101, 34 / 101
    assert found["AP"] == pytest.approx((7 * both + 2 * first) / 10)


def test_classes_count_unless_they_are_left_out() -> None:
    truth = [_boxes((0, 0, 10, 10, 0, 1), (30, 0, 10, 10, 1, 1))]
    swapped = [_boxes((0, 0, 10, 10, 1, 0.9), (30, 0, 10, 10, 0, 0.9))]
    assert average_precision(swapped, truth, areas=AREAS, class_agnostic=False)["AP"] == 0
    assert average_precision(swapped, truth, areas=AREAS, class_agnostic=True)["AP"] == pytest.approx(1)


def test_boxes_of_other_areas_neither_help_nor_hurt() -> None:
    truth = [_boxes((0, 0, 10, 10, 0, 1), (30, 0, 40, 40, 0, 1))]
    # The large box is missed, and a false large one found.
    detections = [_boxes((0, 0, 10, 10, 0, 0.5), (0, 50, 40, 40, 0, 0.9))]
    found = average_precision(detections, truth, areas=AREAS, class_agnostic=False)
    assert found["AP_S"] == pytest.approx(1)
    assert found["AP_L"] == 0
    assert np.isnan(found["AP_M"])
    assert found["AP50"] == pytest.approx(0.5 * 51 / 101)


def test_small_and_early_boxes_do_not_count() -> None:
    boxes = _boxes(
        (0, 0, 30, 10, 0, 1), (0, 0, 30, 9, 0, 1), (0, 0, 20, 20, 0, 1), (0, 0, 40, 40, 0, 1)
    )
    boxes["t"] = [600_000, 600_000, 600_000, 500_000]
    kept = keep_boxes(boxes, skip_us=500_000, diagonal=30.0, side=10.0)
    # 20 x 20 has a diagonal of 28.3.
    assert kept[["w", "h"]].tolist() == [(30, 10)]
