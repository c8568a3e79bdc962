"""The detector: published sizes, strides, padding, initial weights, what attention leaves alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from fixbench.systems.event_detector._backbone import Backbone, reset
from fixbench.systems.event_detector._head import Head
from fixbench.systems.event_detector._model import Detector, Neck, parameter_counts
from fixbench.systems.event_detector._options import ModelOptions, published
from fixbench.systems.event_detector._pyramid import Pyramid
from fixbench.systems.event_detector._rows import Rows


def small(**changes: Any) -> ModelOptions:
    options = {
        "bins": 4,
        "classes": 3,
        "embed": 8,
        "head_width": 8,
        "partition": [2, 3],
        "depth": 0.33,
    } | changes
    return ModelOptions.model_validate(options)


@pytest.mark.parametrize(("size", "millions"), [("base", 18.5), ("small", 9.9), ("tiny", 4.4)])
def test_published_sizes_have_the_printed_number_of_parameters(size: Any, millions: float) -> None:
    with torch.device("meta"):
        counts = parameter_counts(Detector(published(size), 0))
    assert round(sum(counts.values()) / 1e6, 1) == millions
    assert counts["attention"] == 0


def test_the_number_of_classes_and_the_convolution_do_not_change_the_printed_number() -> None:
    for changes in ({"classes": 3}, {"convolution_in_lstm": True}):
        with torch.device("meta"):
            counts = parameter_counts(Detector(published("tiny", **changes), 0))
        assert round(sum(counts.values()) / 1e6, 1) == 4.4


@pytest.mark.parametrize("scales", [3, 4])
def test_maps_have_the_strides_of_their_level(scales: int) -> None:
    options = small(scales=scales)
    detector = Detector(options, 0).eval()
    maps, state = detector.backbone(torch.rand(3, 2, 4, 64, 96), None)
    assert [tuple(x.shape) for x in maps] == [
        (3, 2, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(options.channels, options.strides, strict=True)
    ]
    assert options.strides == ((4, 8, 16, 32) if scales == 4 else (8, 16, 32))
    assert len(state) == 4
    maps = [x[-1] for x in maps]
    outputs = detector.neck.pyramid(maps)
    assert [x.shape for x in outputs] == [x.shape for x in maps]
    predictions = detector.neck(maps, Rows.alone(2))
    cells = sum(64 // s * 96 // s for s in options.strides)
    assert predictions.classes.shape == (2, cells, 3)
    assert predictions.boxes.shape == (2, cells, 4)


def test_frames_are_padded_to_whole_partitions() -> None:
    backbone = Backbone(small())
    frames = torch.rand(1, 1, 4, 60, 90)
    padded = nn.functional.pad(frames, (0, 6, 0, 4))
    for one, other in zip(backbone(frames, None)[0], backbone(padded, None)[0], strict=True):
        assert torch.equal(one, other)


def test_the_state_is_carried_and_reset_per_sample() -> None:
    backbone = Backbone(small()).eval()
    first, second = torch.rand(2, 1, 2, 4, 64, 96)
    _, state = backbone(first, None)
    carried, _ = backbone(second, reset(state, torch.tensor([False, True])))
    alone, _ = backbone(second, None)
    assert not torch.allclose(carried[0][0, 0], alone[0][0, 0], atol=1e-4)
    assert torch.allclose(carried[0][0, 1], alone[0][0, 1], atol=1e-6)
    again = reset(state, torch.tensor([False, False]))
    assert not any(tensor.requires_grad for stage in again for tensor in stage)


def test_frames_at_once_are_frames_one_after_another() -> None:
    backbone = Backbone(small(scales=4)).eval()
    frames = torch.rand(5, 2, 4, 64, 96)
    together, last = backbone(frames, None)
    state: Any = None
    for time in range(5):
        maps, state = backbone(frames[time : time + 1], state)
        for one, other in zip(maps, together, strict=True):
            assert torch.allclose(one[0], other[time], atol=1e-5)
    for one, other in zip(state, last, strict=True):
        assert torch.allclose(one[1], other[1], atol=1e-5)


def test_offsets_count_from_the_upper_left_corner_of_a_cell() -> None:
    head = Head([8, 16], [8, 16], 2).eval()
    with torch.no_grad():
        for layer in head.boxes:
            layer.weight.zero_()
            layer.bias.copy_(torch.tensor([0.5, 0.25, math.log(2), 0.0]))
    predictions = head([torch.rand(1, 8, 2, 3), torch.rand(1, 16, 1, 2)])
    # Cell (row 1, column 2) of stride 8: centre (2.5 · 8, 1.25 · 8), 16 x 8.
    assert predictions.boxes[0, 5].tolist() == pytest.approx([12, 6, 28, 14])
    assert predictions.boxes[0, 7].tolist() == pytest.approx([8, -4, 40, 12])
    assert predictions.centres[5].tolist() == [20, 12]


def test_a_fresh_head_says_one_percent() -> None:
    head = Head([8, 16], [8, 16], 2).eval()
    with torch.no_grad():
        for layer in (*head.confidence, *head.classes):
            layer.weight.zero_()
    predictions = head([torch.rand(1, 8, 2, 3), torch.rand(1, 16, 1, 2)])
    assert torch.allclose(predictions.confidence.sigmoid(), torch.tensor(0.01), atol=1e-6)
    assert torch.allclose(predictions.classes.sigmoid(), torch.tensor(0.01), atol=1e-6)


def test_four_maps_follow_the_rule_of_three() -> None:
    """The last three outputs' layers of four scales have the shapes of a three-scale pyramid."""
    three, four = Pyramid([16, 32, 64], 0.33), Pyramid([8, 16, 32, 64], 0.33)
    for part in ("lateral", "descend", "down", "ascend"):
        one = [tuple(p.shape) for layer in getattr(three, part) for p in layer.parameters()]
        other = [tuple(p.shape) for layer in getattr(four, part)[1:] for p in layer.parameters()]
        assert one == other


def test_parts_that_variants_share_start_alike() -> None:
    plain = Neck(small(embed=16, head_width=16), 3)
    attended = Neck(
        small(
            embed=16,
            head_width=16,
            attention={"spatial": "on", "temporal": "per_stream", "channel": "on"},
        ),
        3,
    )
    shared = plain.state_dict()
    state = attended.state_dict()
    assert shared.keys() < state.keys()
    assert all(torch.equal(state[name], value) for name, value in shared.items())
    other = Neck(small(embed=16, head_width=16), 4).state_dict()
    assert not all(torch.equal(other[name], value) for name, value in shared.items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head_width": 3}, "head_width that divides embed, 8"),
        ({"attention": {"strides": [4]}}, r"attention.strides among \[8, 16, 32\].* 4 is none"),
        ({"attention": {"strides": [16, 8]}}, "ascending strides, each once"),
        ({"depth": 0.1}, r"round\(3 · depth\) is 1 or more"),
        ({"scales": 2}, "3 or 4"),
        ({"attention": {"spatial": "yes"}}, "'off', 'on', 'half' or 'matched'"),
    ],
)
def test_wrong_options_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        small(**changes)
