"""A split of sequences, and its mirror images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fixbench.datasets.event_sequences import read_event_sequences
from fixbench.errors import InputError
from fixbench.systems.event_detector._features import labelled_features
from fixbench.systems.event_detector._material import load_material
from fixbench.systems.event_detector._model import Detector

from .conftest import small_model

CPU = torch.device("cpu")


def test_labelled_frames_are_numbered_through_the_sequences(data: Path) -> None:
    material = load_material(data, "test", 3)
    sequences = read_event_sequences(data, "test")
    assert material.lengths == [6, 6, 6]
    assert material.labels == ({1: 0, 3: 1, 5: 2}, {1: 3, 3: 4, 5: 5}, {1: 6, 3: 7, 5: 8})
    assert material.sequence == (0, 0, 0, 1, 1, 1, 2, 2, 2)
    truth = sequences[1].boxes[2]
    assert np.array_equal(material.truths[5], truth)
    x, y, w, h = (truth[name].tolist() for name in "xywh")
    expected = [[a, b, a + c, b + d] for a, b, c, d in zip(x, y, w, h, strict=True)]
    assert material.boxes[5].tolist() == expected
    assert material.times[5] == 300_000
    frames = material.batch([(1, 5), (1, 6)], CPU)
    assert np.array_equal(frames[0].numpy(), sequences[1].histograms[5])
    assert not frames[1].any()
    targets = material.targets([5, 0], CPU)
    assert targets.boxes.shape == (2, 2, 4)
    assert targets.classes[0].tolist() == truth["class_id"].tolist()


def test_mirror_images_show_the_mirrored_boxes(data: Path) -> None:
    material = load_material(data, "test", 3)
    both = material.with_mirror_images()
    assert both.lengths == material.lengths * 2
    assert torch.equal(both.batch([(4, 2)], CPU), material.batch([(1, 2)], CPU).flip(-1))
    number = both.labels[4][3]
    own = material.labels[1][3]
    for mirrored, box in zip(
        both.boxes[number].tolist(), material.boxes[own].tolist(), strict=True
    ):
        assert mirrored == [64 - box[2], box[1], 64 - box[0], box[3]]
        covered = both.batch([(4, 3)], CPU)[0, :, :, int(mirrored[0]) : int(mirrored[2])]
        plain = material.batch([(1, 3)], CPU)[0, :, :, int(box[0]) : int(box[2])]
        assert torch.equal(covered, plain.flip(-1))
    assert both.truths[number]["x"].tolist() == both.boxes[number][:, 0].tolist()
    assert set(both.sequence[-9:]) == {3, 4, 5}
    # Twice mirrored is unchanged in what the backbone sees of the first half.
    backbone = Detector(small_model(), 0).backbone
    one = labelled_features(backbone, material, CPU)
    two = labelled_features(backbone, both, CPU)
    assert torch.allclose(one[0], two[0][:9], atol=1e-5)


def test_another_number_of_classes_is_refused(data: Path) -> None:
    with pytest.raises(InputError, match=r"model\.classes is 4; expected 3, the classes of"):
        load_material(data, "test", 4)
