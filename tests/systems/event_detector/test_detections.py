"""Detections, their precision, weights of boxes and statistics of gates, by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fixbench.datasets.event_sequences import BOX_TYPE
from fixbench.systems.event_detector._box_weights import box_weights
from fixbench.systems.event_detector._channel import detail_share
from fixbench.systems.event_detector._detections import (
    Evaluated,
    detect,
    precision_values,
    sequence_values,
)
from fixbench.systems.event_detector._gate_statistics import correlation, small_box_map
from fixbench.systems.event_detector._head import Predictions
from fixbench.systems.event_detector._material import load_material
from fixbench.systems.event_detector._run_options import EvaluationOptions


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _boxes(*rows: tuple[float, ...]) -> Any:
    """Boxes x, y, w, h."""
    return np.array([(1, *row, 0, 0, 1) for row in rows], dtype=BOX_TYPE)


def test_detections_are_what_suppression_leaves_by_falling_score() -> None:
    """Cells 0 and 1 overlap by 0.8 and share a class; cell 2 has the place and another class."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 9], [30, 30, 40, 40]])
    classes = torch.tensor([[0.9, 0.1], [0.8, 0.1], [0.2, 0.6], [0.5, 0.4]])
    confidence = torch.tensor([0.5, 0.9, 0.5, 0.001])
    predictions = Predictions(
        confidence=torch.logit(confidence)[None],
        classes=torch.logit(classes)[None],
        boxes=boxes[None],
        centres=torch.zeros(4, 2),
        strides=torch.ones(4),
    )
    found = detect(predictions, 0, EvaluationOptions())
    assert found["class_id"].tolist() == [0, 1]
    assert found["class_confidence"].tolist() == pytest.approx([0.72, 0.3])
    assert [found[name][0] for name in ("x", "y", "w", "h")] == [0, 0, 10, 8]
    weak = detect(predictions, 0, EvaluationOptions(confidence=0.0))
    assert weak["class_confidence"].tolist() == pytest.approx([0.72, 0.3, 0.0005])
    few = detect(predictions, 0, EvaluationOptions(detections=1))
    assert len(few) == 1


def test_where_the_weight_of_size_falls() -> None:
    """Of 8 x 8 (dropped: side below 10) and 20 x 30 (kept) at W = 2 and 2.5."""
    truths = [_boxes((0, 0, 8, 8), (0, 0, 20, 30)), _boxes((0, 0, 100, 100))]
    values = box_weights(truths, EvaluationOptions(), 1024.0)
    assert values["boxes_dropped"] == pytest.approx(1 / 3)
    for largest in (2.0, 2.5):
        small, kept = (largest * math.exp(-area / 1024) - 1 for area in (64, 600))
        share = values[f"extra_weight_on_dropped/{largest}"]
        assert share == pytest.approx(small / (small + kept))
        assert values[f"largest_weight_kept/{largest}"] == pytest.approx(1 + kept)


def test_cells_of_small_boxes() -> None:
    boxes = torch.tensor([[7.0, 0, 17, 8], [0, 16, 32, 32]])
    covered = small_box_map(boxes, torch.Size([4, 4]), 8, 100.0)
    assert covered.tolist() == [[1, 1, 1, 0], [0] * 4, [0] * 4, [0] * 4]
    assert small_box_map(boxes, torch.Size([4, 4]), 8, 1000.0).sum() == 3 + 8


def test_correlation_is_pearsons() -> None:
    draw = torch.Generator().manual_seed(1)
    a, b = torch.rand(2, 50, generator=draw)
    assert correlation(a, b) == pytest.approx(np.corrcoef(a.numpy(), b.numpy())[0, 1])
    assert correlation(a, 1 - 2 * a) == pytest.approx(-1)
    assert correlation(a, torch.ones(50)) == 0


def test_detail_is_what_a_mean_over_neighbours_removes() -> None:
    smooth = torch.linspace(0, 1, 64).expand(1, 1, 64, 64)
    checks = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    assert detail_share(smooth.contiguous()).item() < 0.01
    # Of a chequered field the mean over nine cells leaves ±1/9 within.
    share = detail_share(checks.float()[None, None]).item()
    assert share == pytest.approx((8 / 9) ** 2, abs=0.02)


def test_precision_of_and_without_a_sequence(data: Path) -> None:
    """All boxes are found, but none in the second of three sequences."""
    material = load_material(data, "test", 3)
    options = EvaluationOptions(areas=[60.0, 250.0], skip_us=0, diagonal=5.0, side=2.0)
    found = Evaluated(len(material.truths))
    for number, boxes in enumerate(material.truths):
        if material.sequence[number] != 1:
            found.detections[number] = boxes
    values = sequence_values(found, material, options)
    assert [values[place]["ap_of"] for place in range(3)] == [1, 0, 1]
    whole = precision_values(found, material, options)
    assert 0 < whole["ap_agnostic"] < 1
    assert whole["ap_agnostic"] == pytest.approx(2 / 3, abs=0.01)
    assert {f"ap/{name}" for name in material.class_names} <= whole.keys()
    # Without the second sequence everything is found: 3 · AP − 2 · 1.
    assert values[1]["ap_share"] == pytest.approx(3 * whole["ap"] - 2)
    assert values[0]["ap_share"] > whole["ap"]
