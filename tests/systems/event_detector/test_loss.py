"""Loss and weights of size by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fixbench.detection import Assignment
from fixbench.systems.event_detector._assignment import pad_targets
from fixbench.systems.event_detector._head import Predictions
from fixbench.systems.event_detector._loss import detection_loss, size_weights


def test_weights_of_size_by_hand() -> None:
    """W = 2: two without area, e^(−1/2) twice for half the scale, one from 1024 ln 2 = 709.8 on."""
    found = size_weights(torch.tensor([0.0, 512, 709, 710, 4096]).double(), 2.0).tolist()
    assert found[:2] == pytest.approx([2, 2 * math.exp(-0.5)])
    assert found[2] == pytest.approx(1.000_765, abs=1e-6)
    assert found[3:] == [1, 1]
    # W = 2.5 reaches to 1024 ln 2.5 = 938.3.
    found = size_weights(torch.tensor([938.0, 939]).double(), 2.5).tolist()
    assert found[0] > 1
    assert found[1] == 1


def test_the_smallest_box_of_the_evaluation_has_half_the_extra_weight() -> None:
    """Research's figure: area 290 gives at most 1.51 of 2."""
    assert size_weights(torch.tensor(290.0), 2.0).item() == pytest.approx(1.507, abs=1e-3)


@given(st.floats(0, 1e5), st.floats(1, 4), st.floats(0.1, 2))
def test_scaled_frames_and_scaled_areas_weigh_alike(
    area: float, largest: float, side: float
) -> None:
    whole = size_weights(torch.tensor(area, dtype=torch.float64), largest)
    small = size_weights(torch.tensor(area * side**2, dtype=torch.float64), largest, 1024 * side**2)
    assert whole.item() == pytest.approx(small.item())
    assert 1 <= whole.item() <= largest


def _one_frame() -> Predictions:
    """Three cells; the first two answer for a 10 x 10 box with IoU 1/2 and 1."""
    return Predictions(
        confidence=torch.tensor([[0.0, 1.0, -2.0]], dtype=torch.float64, requires_grad=True),
        classes=torch.tensor(
            [[[0.5, -1.0], [2.0, 0.0], [3.0, 3.0]]], dtype=torch.float64, requires_grad=True
        ),
        boxes=torch.tensor(
            [[[0.0, 0, 10, 5], [0, 0, 10, 10], [20, 20, 30, 30]]],
            dtype=torch.float64,
            requires_grad=True,
        ),
        centres=torch.zeros(3, 2).double(),
        strides=torch.ones(3).double(),
    )


def _softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_every_term_by_hand() -> None:
    predictions = _one_frame()
    targets = pad_targets([torch.tensor([[0.0, 0, 10, 10]]).double()], [torch.tensor([1])])
    assignment = Assignment(torch.tensor([[0, 0, -1]]))
    plain = detection_loss(predictions, targets, assignment=assignment)
    assert plain.boxes.item() == pytest.approx((1 - 0.25 + 0) / 2)
    # BCE with target y is softplus(x) − y · x.
    confidence = _softplus(0) + (_softplus(1) - 1) + _softplus(-2)
    assert plain.confidence.item() == pytest.approx(confidence / 2)
    classes = _softplus(0.5) + _softplus(-1) + 0.5 * 1 + _softplus(2) + _softplus(0)
    assert plain.classes.item() == pytest.approx(classes / 2)
    total = 5 * plain.boxes + plain.confidence + plain.classes
    assert plain.total.item() == total.item()
    # The weight of a box of 100 square pixels, on the boxes' term alone.
    heavy = detection_loss(predictions, targets, assignment=assignment, size_weight=2.0)
    weight = 2 * math.exp(-100 / 1024)
    assert heavy.boxes.item() == pytest.approx(weight * plain.boxes.item())
    assert heavy.size_weight.item() == pytest.approx(weight)
    assert heavy.confidence.item() == plain.confidence.item()
    assert heavy.classes.item() == plain.classes.item()


def test_the_matched_overlap_teaches_the_boxes_only_through_its_own_term() -> None:
    predictions = _one_frame()
    targets = pad_targets([torch.tensor([[0.0, 0, 10, 10]]).double()], [torch.tensor([1])])
    loss = detection_loss(predictions, targets, assignment=Assignment(torch.tensor([[0, 0, -1]])))
    loss.classes.backward()
    assert predictions.boxes.grad is None
    assert predictions.classes.grad is not None
    assert not predictions.classes.grad[0, 2].any()


def test_without_boxes_only_the_confidence_counts() -> None:
    predictions = _one_frame()
    targets = pad_targets([torch.zeros(0, 4).double()], [torch.zeros(0, dtype=torch.int64)])
    loss = detection_loss(predictions, targets, size_weight=2.0)
    assert loss.total.item() == pytest.approx(_softplus(0) + _softplus(1) + _softplus(-2))
    assert loss.size_weight.item() == 1
